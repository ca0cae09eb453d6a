//! The ways of protecting a packet.

use core::fmt;

/// How packets are protected. It is part of each [`Key`](super::Key), so one and the same secret is two keys in two
/// suites, and a downgrade cannot be expressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Suite {
    /// HMAC-SHA-256 with a tag of 16 bytes: without the key one can read packets, but not make
    /// them.
    #[default]
    Authenticated,
    /// AES-256-GCM-SIV (RFC 8452), with a tag of 16 bytes, too: without the key one can neither read
    /// packets nor make them. See [the module](super) for why it is this one.
    #[cfg(feature = "seal")]
    Sealed,
}

impl Suite {
    /// The suites that this build has.
    pub const ALL: &[Self] = &[
        Self::Authenticated,
        #[cfg(feature = "seal")]
        Self::Sealed,
    ];

    /// The word for it: `authenticated` or `sealed`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authenticated => "authenticated",
            #[cfg(feature = "seal")]
            Self::Sealed => "sealed",
        }
    }

    pub(super) const fn is_sealed(self) -> bool {
        match self {
            Self::Authenticated => false,
            #[cfg(feature = "seal")]
            Self::Sealed => true,
        }
    }

    /// The byte that stands for the suite.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Authenticated => 1,
            #[cfg(feature = "seal")]
            Self::Sealed => 2,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
