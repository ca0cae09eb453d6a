//! The keys of a node: where they are read from, what is refused, and how they are kept.

mod text;

use core::fmt;
use std::io;
use std::path::Path;

use scalesmall_core::{Key, Keyring, KeyringError};
use zeroize::Zeroizing;

use crate::private_file;

/// The keys that the documentation and the code of the original system print.
const PUBLISHED: [&[u8; Key::LEN]; 2] =
    [b"01234567890123456789012345678912", b"01234567890123456789012345678901"];

/// The keys of a node, as they are read and written: those of a [`Keyring`].
///
/// As a text they are lines, one for each key, the one that protects what is sent first:
///
/// ```text
/// scalesmall-keys 2
/// # what follows a hash is a comment
/// sealed 8c6e...64 hexadecimal digits in all...5f generation=3 travels
/// authenticated 0f1a...4b generation=2 leaked replaced
/// retired 30c1d2a7be5f9a04
/// retired 7e1bb20c55d0e6f1 leaked
/// ```
///
/// The first line says the version of the text; it may be missing, as in the texts that are written by hand and those
/// of programs that knew no versions. A line `retired` has the
/// [fingerprint](scalesmall_core::KeyFingerprint) of a key that is gone and not taken again by `keys add`, nor from
/// another node: it was replaced, or leaked. To take such a key again all the same, remove its line.
///
/// The suite may be left out and is *authenticated* then. The words behind the digits are what
/// [`HeldKey`](scalesmall_core::HeldKey) says of a key, and may be left out as well; then a key is above those in
/// the lines below. A text of exactly 32 bytes is one key of suite *authenticated*, too.
#[derive(Clone, Debug)]
pub struct GroupKeys {
    ring: Keyring,
}

impl GroupKeys {
    /// The longest text, in bytes.
    pub const MOST_BYTES: usize = 4096;

    /// The published default key. Everybody knows it, so a node accepts it on loopback only.
    #[must_use]
    pub fn published() -> Self {
        Self { ring: Keyring::new(Key::authenticated(*PUBLISHED[0])) }
    }

    /// The keys that a text holds.
    ///
    /// # Errors
    ///
    /// [`KeyTextError`] for any other text.
    pub fn parse(text: &[u8]) -> Result<Self, KeyTextError> {
        text::parse(text).map(|ring| Self { ring })
    }

    /// The keys that a file holds.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`] if there is no such file or it cannot be read, if anybody but its owner may read or write it,
    /// or if it holds no keys. A file that root lends to a process of another user may be read by a group: that
    /// is how orchestrators hand secrets on (`fsGroup` of Kubernetes). It weakens nothing: root reads any file
    /// as it is, nobody else can give such a file away, and so whoever is in that group was let in by root. A
    /// process of root has no need of it, and a file of another user may belong to a group that is everybody's.
    pub fn from_file(path: &Path) -> Result<Self, KeyFileError> {
        let unreadable = |error: io::Error| KeyFileError::Unreadable { kind: error.kind() };
        // Before it is opened, as a pipe would keep this waiting.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(KeyFileError::NotAFile);
        }
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
            return Err(KeyFileError::NotAFile);
        }
        // One byte more than any text, so that a longer file is not taken for one.
        let most = Self::MOST_BYTES + 1;
        let mut text = Zeroizing::new(Vec::with_capacity(most));
        io::Read::read_to_end(&mut io::Read::take(file, most as u64), &mut text)
            .map_err(unreadable)?;
        Self::parse(&text).map_err(KeyFileError::Text)
    }

    /// Replaces a file by one that holds these keys and that only its owner can read. When this returns, it
    /// is on the disk.
    ///
    /// # Errors
    ///
    /// What the system says. The old file is as it was.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        private_file::replace(path, text::write(&self.ring).as_bytes())
    }

    /// Whether one of them is a key that the documentation prints.
    #[must_use]
    pub fn has_published(&self) -> bool {
        let is = |secret: &[u8; Key::LEN]| PUBLISHED.contains(&secret);
        self.ring.keys().any(|held| is(held.key.expose_secret()))
    }

    /// The keys.
    #[must_use]
    pub const fn ring(&self) -> &Keyring {
        &self.ring
    }
}

impl From<Keyring> for GroupKeys {
    fn from(ring: Keyring) -> Self {
        Self { ring }
    }
}

/// Why a text holds no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyTextError {
    /// It is something else.
    NoKey {
        /// The bytes that were given.
        len: usize,
    },
    /// A line is something else.
    Line {
        /// The line, from 1.
        line: usize,
    },
    /// It was written by a later program.
    Version {
        /// Its version.
        version: u32,
        /// The latest that this program reads.
        known: u32,
    },
    /// A key is all zeros, as of a file that was made and never filled.
    Zero {
        /// The line, from 1.
        line: usize,
    },
    /// The keys make no ring.
    Ring {
        /// The line, from 1.
        line: usize,
        /// Why.
        error: KeyringError,
    },
}

impl fmt::Display for KeyTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey { len } => write!(
                f,
                "a key is exactly 32 bytes or 64 hexadecimal digits, after 'sealed' if packets are to be \
                 encrypted, not these {len} bytes"
            ),
            Self::Line { line } => write!(
                f,
                "line {line} is no key: write 64 hexadecimal digits, after 'sealed' if packets are to be \
                 encrypted"
            ),
            Self::Version { version, known } => write!(
                f,
                "it has version {version}, and this program reads versions up to {known}: use the program \
                 that wrote it, or one that is newer"
            ),
            Self::Zero { line } => {
                write!(f, "the key in line {line} is all zeros: make one with 'scalesmall keygen'")
            }
            Self::Ring { line, error } => write!(f, "line {line}: {error}"),
        }
    }
}

impl core::error::Error for KeyTextError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Ring { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// Why a file gives no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It cannot be read.
    Unreadable {
        /// Why.
        kind: io::ErrorKind,
    },
    /// It is a directory, a pipe or a device.
    NotAFile,
    /// Others than its owner may read or write it.
    Exposed {
        /// Its permission bits.
        mode: u32,
    },
    /// It holds no keys.
    Text(KeyTextError),
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { kind: io::ErrorKind::NotFound } => {
                f.write_str("there is no such key file: 'scalesmall keygen' makes one")
            }
            Self::Unreadable { kind } => write!(f, "the key file cannot be read: {kind}"),
            Self::NotAFile => f.write_str("this is no file: name a file that holds a key"),
            Self::Exposed { mode } => {
                write!(f, "the key file is open to others (mode {mode:o}): make it 600")
            }
            Self::Text(error) => write!(f, "the key file holds no key: {error}"),
        }
    }
}

impl core::error::Error for KeyFileError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Text(error) => Some(error),
            _ => None,
        }
    }
}
