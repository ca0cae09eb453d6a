//! Why bytes are not a packet.

use core::fmt;

/// Why bytes are not a packet, or why an authentic payload is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireError {
    /// The first byte does not begin a packet of this protocol.
    Foreign,
    /// This protocol, in a version that is not spoken here.
    UnknownVersion {
        /// The version of the packet.
        version: u8,
    },
    /// Longer than [`MAX_PACKET`](super::MAX_PACKET).
    Oversized,
    /// The header or the tag is not all there.
    Truncated,
    /// A field breaks a rule of the format.
    Malformed,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => {
                f.write_str("not a packet of this protocol: see what else sends to this port")
            }
            Self::UnknownVersion { version } => write!(
                f,
                "a packet of version {version}, only {} is spoken: upgrade the older node",
                super::VERSION
            ),
            Self::Oversized => {
                write!(
                    f,
                    "longer than {} bytes: lower the sender's datagram size",
                    super::MAX_PACKET
                )
            }
            Self::Truncated => f.write_str("ends before its tag: hand whole datagrams in"),
            Self::Malformed => f.write_str("a field breaks a rule of the format: fix the sender"),
        }
    }
}

impl core::error::Error for WireError {}
