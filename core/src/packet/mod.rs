//! The part of a packet that is never encrypted, and how integers are written.

mod error;
mod header;
mod key_id;
mod octets;

pub use error::WireError;
pub use header::Header;
pub use key_id::{KeyId, KeyIdError};
pub(crate) use octets::{MAX_VARINT, Reader, put_varint, varint_len};

/// The version that this engine speaks.
pub const VERSION: u8 = 2;

/// The largest packet, in bytes: the most that UDP over IPv4 carries.
pub const MAX_PACKET: usize = 65_507;

/// The bytes of the tag at the end of a packet.
pub const TAG_LEN: usize = 16;
