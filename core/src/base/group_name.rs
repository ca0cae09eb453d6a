//! What groups are called.

use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;

/// A group's name: 1 to 255 bytes, any bytes. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(Arc<[u8]>);

impl GroupName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 255;

    /// The name's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<&[u8]> for GroupName {
    type Error = GroupNameError;

    fn try_from(name: &[u8]) -> Result<Self, GroupNameError> {
        match name.len() {
            0 => Err(GroupNameError::Empty),
            1..=Self::MAX_LEN => Ok(Self(Arc::from(name))),
            len => Err(GroupNameError::TooLong { len }),
        }
    }
}

impl TryFrom<&str> for GroupName {
    type Error = GroupNameError;

    fn try_from(name: &str) -> Result<Self, GroupNameError> {
        Self::try_from(name.as_bytes())
    }
}

impl FromStr for GroupName {
    type Err = GroupNameError;

    fn from_str(name: &str) -> Result<Self, GroupNameError> {
        Self::try_from(name)
    }
}

impl fmt::Display for GroupName {
    /// The name as text; bytes that are not UTF-8 are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            write!(f, "{}", chunk.invalid().escape_ascii())?;
        }
        Ok(())
    }
}

impl fmt::Debug for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Why bytes are not a group name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupNameError {
    /// A name has at least one byte.
    Empty,
    /// A name has at most [`GroupName::MAX_LEN`] bytes.
    TooLong {
        /// The bytes that were given.
        len: usize,
    },
}

impl fmt::Display for GroupNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty group name; at least one byte is needed"),
            Self::TooLong { len } => {
                write!(f, "group name of {len} bytes; at most {} are allowed", GroupName::MAX_LEN)
            }
        }
    }
}

impl core::error::Error for GroupNameError {}
