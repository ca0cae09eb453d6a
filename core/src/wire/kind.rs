//! The types of frames. Those up to [`LAST_FIXED`] have no length, and this version gets no more of
//! them; the others carry a length, and a reader that does not know them skips them.

use crate::topology::{KeyRange, Write};

/// The constants, and for tests the list of all of them, which nobody has to keep.
macro_rules! kinds {
    ($($name:ident = $number:literal,)*) => {
        $(pub(super) const $name: u8 = $number;)*

        /// All of them, in their order.
        #[cfg(test)]
        pub(super) const ALL: &[u8] = &[$($name),*];
    };
}

/// The last one without a length.
pub(super) const LAST_FIXED: u8 = 0x0f;

kinds! {
    PING = 0x01,
    PONG_EQUAL = 0x02,
    PONG_DIFFERS = 0x03,
    ACK = 0x04,
    CHALLENGE = 0x05,
    IDS = 0x10,
    GROUPS = 0x11,
    CLAIM = 0x12,
    RECORD = 0x13,
    ATTRIBUTE = 0x14,
    SLOW = 0x15,
    MESSAGE = 0x16,
    SPREAD = 0x17,
    VERIFY = 0x18,
    VERDICT = 0x19,
    SUSPICION = 0x1a,
    WANT = 0x1b,
    RANGES = 0x1c,
    HOLDINGS = 0x1d,
    HEARD = 0x1e,
    VOUCH = 0x1f,
    DUPLICATE = 0x20,
    BEAT = 0x21,
    NUMBERED = 0x22,
    MISSED = 0x23,
    CODED = 0x24,
    LACKING = 0x25,
    PADDING = 0x26,
    NARROW = 0x27,
    TOO_LARGE = 0x28,
    UNDELIVERED = 0x29,
    COUNTED = 0x2a,
    SEEN = 0x2b,
    DRAINS = 0x2c,
    NOTED = 0x2d,
}

/// In the bits of a claim: a locator follows.
pub(super) const CLAIM_LOCATOR: u8 = 0x40;
/// In the head of a locator: the number of addresses less one, whether a name follows, and from here on a
/// bit for each address that is IPv6.
pub(super) const LOCATOR_COUNT: u8 = 0x03;
pub(super) const LOCATOR_NAMED: u8 = 0x04;
pub(super) const LOCATOR_IPV6: u8 = 0x10;

/// A write to all keys: the range is left out.
pub(super) const WRITE_FULL: u8 = 0x04;
/// A write with a port other than 0.
pub(super) const WRITE_PORT: u8 = 0x08;

/// The byte of a write that says its operation and what follows.
pub(super) fn of_write(write: &Write) -> u8 {
    let full = if write.range == KeyRange::FULL { WRITE_FULL } else { 0 };
    write.op as u8 | full | if write.port == 0 { 0 } else { WRITE_PORT }
}
