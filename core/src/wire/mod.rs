//! The wire format.

mod decode;
mod encode;
mod error;
mod frame;
mod header;
mod kind;
mod octets;
mod table;
mod writer;

pub use decode::Decoder;
pub use error::WireError;
pub use frame::{
    Claim, Finding, Frame, Holdings, Message, MetadataVersion, RangeSum, RecordVersion, Route,
    Spread, Standing,
};
pub use header::Header;
pub use writer::{
    HOLDINGS_OVERHEAD, Mark, Refused, Writer, claim_cost, metadata_version_cost,
    record_version_cost,
};

/// The version that this engine speaks.
pub const VERSION: u8 = 1;

/// The largest packet, in bytes: the most that UDP over IPv4 carries.
pub const MAX_PACKET: usize = 65_507;

/// The most frames of a packet, the two tables not counted.
pub const MAX_FRAMES: usize = 1_024;

/// The most bytes of a node's metadata.
pub const MAX_METADATA: usize = 512;

/// The bytes of the tag at the end of a packet.
pub const TAG_LEN: usize = 16;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
