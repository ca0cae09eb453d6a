//! The group key: where it is read from, and what is refused.

use core::fmt;
use std::io;
use std::path::Path;

use scalesmall_core::Key;
use zeroize::Zeroizing;

/// The keys that the documentation and the code of the original system print.
const PUBLISHED: [&[u8; 32]; 2] =
    [b"01234567890123456789012345678912", b"01234567890123456789012345678901"];

/// The key that all nodes of a cluster hold, and whether it is a published one.
#[derive(Clone, Debug)]
pub struct GroupKey {
    key: Key,
    published: bool,
}

impl GroupKey {
    /// The published default key. Everybody knows it, so a node accepts it on loopback only.
    #[must_use]
    pub fn published() -> Self {
        let key = Key::try_from(PUBLISHED[0].as_slice()).expect("it has 32 bytes");
        Self { key, published: true }
    }

    /// The key that `text` holds: exactly 32 bytes, or 64 hexadecimal digits and at most one
    /// line end.
    ///
    /// # Errors
    ///
    /// [`KeyTextError`] for any other text.
    pub fn parse(text: &[u8]) -> Result<Self, KeyTextError> {
        if let Ok(key) = Key::try_from(text) {
            return Ok(Self {
                key,
                published: PUBLISHED.iter().any(|known| known.as_slice() == text),
            });
        }
        let digits = text.strip_suffix(b"\n").unwrap_or(text);
        let digits = digits.strip_suffix(b"\r").unwrap_or(digits);
        let mut bytes = Zeroizing::new([0_u8; 32]);
        if digits.len() != 64 {
            return Err(KeyTextError { len: text.len() });
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = [pair[0], pair[1]].map(|digit| char::from(digit).to_digit(16));
            let (Some(high), Some(low)) = (high, low) else {
                return Err(KeyTextError { len: text.len() });
            };
            *byte = u8::try_from(high * 16 + low).expect("two digits make a byte");
        }
        Self::parse(bytes.as_slice())
    }

    /// The key that a file holds, in either form of [`GroupKey::parse`].
    ///
    /// # Errors
    ///
    /// [`KeyFileError`] if the file cannot be read, if anybody but its owner may read or write it,
    /// or if it holds no key. A file that root lends to a process of another user may be read by a group: that
    /// is how orchestrators hand secrets on (`fsGroup` of Kubernetes). It weakens nothing: root reads any file
    /// as it is, nobody else can give such a file away, and so whoever is in that group was let in by root. A
    /// process of root has no need of it, and a file of another user may belong to a group that is everybody's.
    pub fn from_file(path: &Path) -> Result<Self, KeyFileError> {
        let unreadable = |error: io::Error| KeyFileError::Unreadable { kind: error.kind() };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let about = file.metadata().map_err(unreadable)?;
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o7777;
            let lent = std::os::unix::fs::MetadataExt::uid(&about) == 0
                && !rustix::process::geteuid().is_root();
            if mode & if lent { 0o037 } else { 0o077 } != 0 {
                return Err(KeyFileError::Exposed { mode });
            }
        }
        if !about.is_file() {
            return Err(KeyFileError::Unreadable { kind: io::ErrorKind::InvalidInput });
        }
        // One byte more than any key text, so that a longer file is not taken for a key.
        let mut text = Zeroizing::new(Vec::with_capacity(67));
        io::Read::read_to_end(&mut io::Read::take(file, 67), &mut text).map_err(unreadable)?;
        Self::parse(&text).map_err(KeyFileError::Text)
    }

    /// Whether this is a key that the documentation prints.
    #[must_use]
    pub const fn is_published(&self) -> bool {
        self.published
    }

    /// The key itself.
    #[must_use]
    pub const fn key(&self) -> &Key {
        &self.key
    }
}

/// Why a text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTextError {
    /// The bytes that were given.
    pub len: usize,
}

impl fmt::Display for KeyTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a key is exactly 32 bytes or 64 hexadecimal digits, not these {} bytes",
            self.len
        )
    }
}

impl core::error::Error for KeyTextError {}

/// Why a file gives no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It cannot be read.
    Unreadable {
        /// Why.
        kind: io::ErrorKind,
    },
    /// Others than its owner may read or write it.
    Exposed {
        /// Its permission bits.
        mode: u32,
    },
    /// It holds no key.
    Text(KeyTextError),
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { kind } => write!(f, "the key file cannot be read: {kind}"),
            Self::Exposed { mode } => {
                write!(f, "the key file is open to others (mode {mode:o}): make it 600")
            }
            Self::Text(error) => write!(f, "the key file holds no key: {error}"),
        }
    }
}

impl core::error::Error for KeyFileError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_exactly_32_bytes_or_64_digits() {
        assert!(!GroupKey::parse(&[7; 32]).unwrap().is_published());
        assert!(!GroupKey::parse(&[b'a'; 64]).unwrap().is_published());
        assert!(!GroupKey::parse(format!("{}\n", "0F".repeat(32)).as_bytes()).unwrap().published);
        for len in [0, 1, 31, 33, 63, 65, 100] {
            assert_eq!(GroupKey::parse(&vec![b'0'; len]).unwrap_err(), KeyTextError { len });
        }
        let mut not_hex = [b'0'; 64];
        not_hex[63] = b'g';
        assert_eq!(GroupKey::parse(&not_hex).unwrap_err(), KeyTextError { len: 64 });
    }

    #[test]
    fn published_keys_are_known_in_either_form() {
        for known in PUBLISHED {
            assert!(GroupKey::parse(known).unwrap().is_published());
            let hex: String = known.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(GroupKey::parse(hex.as_bytes()).unwrap().is_published());
        }
    }
}
