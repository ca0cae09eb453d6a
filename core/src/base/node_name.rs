//! The names of nodes.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::net::SocketAddr;
use core::str::FromStr;

use crate::base::address::Address;

/// The name of a node, the same from life to life: 1 to 63 bytes of UTF-8 without control
/// characters.
///
/// The name is all that a node's identity depends on: see [`NodeId`](crate::NodeId). A node that is
/// given no name has the text of the address that it advertises.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Arc<str>);

impl NodeName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 63;

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a node that advertises an address and has no other name: the address as text, such
    /// as `10.0.0.1:5200` or `[2001:db8::1]:5200`.
    #[must_use]
    pub fn of_address(addr: SocketAddr) -> Self {
        Self(alloc::format!("{}", Address::from(addr)).into())
    }
}

impl TryFrom<&str> for NodeName {
    type Error = NodeNameError;

    fn try_from(name: &str) -> Result<Self, NodeNameError> {
        match name.len() {
            1..=Self::MAX_LEN if name.chars().any(char::is_control) => {
                Err(NodeNameError::ControlCharacter)
            }
            1..=Self::MAX_LEN => Ok(Self(name.into())),
            len => Err(NodeNameError::Length { len }),
        }
    }
}

impl TryFrom<&[u8]> for NodeName {
    type Error = NodeNameError;

    fn try_from(name: &[u8]) -> Result<Self, NodeNameError> {
        Self::try_from(core::str::from_utf8(name).map_err(|_| NodeNameError::NotUtf8)?)
    }
}

impl FromStr for NodeName {
    type Err = NodeNameError;

    fn from_str(name: &str) -> Result<Self, NodeNameError> {
        Self::try_from(name)
    }
}

impl From<NodeName> for String {
    fn from(name: NodeName) -> Self {
        (*name.0).into()
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Why a text is no node's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeNameError {
    /// It is empty or too long.
    Length {
        /// The bytes that were given.
        len: usize,
    },
    /// It has a control character.
    ControlCharacter,
    /// It is not UTF-8.
    NotUtf8,
}

impl fmt::Display for NodeNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { len } => {
                write!(f, "node name of {len} bytes; 1 to {} are allowed", NodeName::MAX_LEN)
            }
            Self::ControlCharacter => {
                f.write_str("the node name has a control character: use printable ones")
            }
            Self::NotUtf8 => f.write_str("the node name is not UTF-8"),
        }
    }
}

impl core::error::Error for NodeNameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_printable() {
        assert_eq!(NodeName::try_from(""), Err(NodeNameError::Length { len: 0 }));
        assert_eq!(
            NodeName::try_from("n".repeat(64).as_str()),
            Err(NodeNameError::Length { len: 64 })
        );
        assert_eq!(NodeName::try_from("a\u{1b}[2J"), Err(NodeNameError::ControlCharacter));
        assert_eq!(NodeName::try_from(&[0xff][..]), Err(NodeNameError::NotUtf8));
        assert_eq!(NodeName::try_from("übung-3").unwrap().as_str(), "übung-3");
        assert!(NodeName::try_from("n".repeat(63).as_str()).is_ok());
    }

    #[test]
    fn the_longest_address_is_a_name() {
        let longest = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
        assert_eq!(NodeName::of_address(longest.parse().unwrap()).as_str(), longest);
        let mapped = "[::ffff:10.0.0.1]:5".parse().unwrap();
        assert_eq!(NodeName::of_address(mapped).as_str(), "10.0.0.1:5");
    }
}
