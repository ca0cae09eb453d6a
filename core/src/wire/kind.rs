//! The types of frames. Those up to [`LAST_FIXED`] have no length, and this version gets no more of
//! them; the others carry a length, and a reader that does not know them skips them.

use crate::topology::{KeyRange, Write};

pub(super) const PING: u8 = 0x01;
pub(super) const PONG_EQUAL: u8 = 0x02;
pub(super) const PONG_DIFFERS: u8 = 0x03;
pub(super) const ACK: u8 = 0x04;
pub(super) const CHALLENGE: u8 = 0x05;
pub(super) const LAST_FIXED: u8 = 0x0f;
pub(super) const IDS: u8 = 0x10;
pub(super) const GROUPS: u8 = 0x11;
pub(super) const CLAIM: u8 = 0x12;
pub(super) const RECORD: u8 = 0x13;
pub(super) const ATTRIBUTE: u8 = 0x14;
pub(super) const SLOW: u8 = 0x15;
pub(super) const MESSAGE: u8 = 0x16;
pub(super) const SPREAD: u8 = 0x17;
pub(super) const VERIFY: u8 = 0x18;
pub(super) const VERDICT: u8 = 0x19;
pub(super) const SUSPICION: u8 = 0x1a;
pub(super) const WANT: u8 = 0x1b;
pub(super) const RANGES: u8 = 0x1c;
pub(super) const HOLDINGS: u8 = 0x1d;
pub(super) const HEARD: u8 = 0x1e;
pub(super) const VOUCH: u8 = 0x1f;
pub(super) const DUPLICATE: u8 = 0x20;
pub(super) const BEAT: u8 = 0x21;
pub(super) const NUMBERED: u8 = 0x22;
pub(super) const MISSED: u8 = 0x23;
pub(super) const CODED: u8 = 0x24;
pub(super) const LACKING: u8 = 0x25;
pub(super) const PADDING: u8 = 0x26;
pub(super) const NARROW: u8 = 0x27;
pub(super) const TOO_LARGE: u8 = 0x28;
pub(super) const UNDELIVERED: u8 = 0x29;
pub(super) const COUNTED: u8 = 0x2a;
pub(super) const SEEN: u8 = 0x2b;
pub(super) const DRAINS: u8 = 0x2c;
pub(super) const NOTED: u8 = 0x2d;

/// The last one: to be moved on with each new type.
#[cfg(test)]
pub(super) const LAST: u8 = NOTED;

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
