//! Packets, frame by frame.

mod encode;

use alloc::vec::Vec;
use bytes::{BufMut, BytesMut};
use core::fmt;

use super::frame::{AttributeVersion, Frame, RangeSum, RecordVersion, Spread};
use super::table::{Subject, Table, subject_len};
use super::{MAX_FRAMES, kind};
use crate::base::{Epoch, GroupName, Life, NodeId, growth};
use crate::claims::Claim;
use crate::mutants::mutated;
use crate::packet::{Header, MAX_VARINT, TAG_LEN, put_varint, varint_len};
use crate::seal::Sealer;
use crate::topology::{RecordDelta, Write};

/// Builds packets, one after the other. Keep one and use it again: it then allocates nothing.
///
/// [`Writer::begin`], any number of [`Writer::push`], [`Writer::finish`].
#[derive(Clone)]
pub struct Writer {
    header: Header,
    room: usize,
    pub(super) ids: Table<Subject>,
    pub(super) groups: Table<GroupName>,
    pub(super) frames: Vec<u8>,
    count: usize,
    /// How many frames the last spread or numbered batch still announces.
    left: u8,
    #[cfg(feature = "mutants")]
    pub(crate) mutant: Option<crate::mutants::Mutant>,
}

/// A point to come back to in a packet that is being written.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    ids: (usize, usize),
    groups: (usize, usize),
    frames: usize,
    count: usize,
    left: u8,
}

/// Why a frame is not taken. The packet is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// It does not fit into this packet.
    NoRoom,
    /// No receiver would take it: it breaks a rule of the format.
    Illegal,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRoom => "no room for the frame: finish this packet and begin another",
            Self::Illegal => "the frame breaks a rule of the format: do not send it",
        })
    }
}

impl core::error::Error for Refused {}

impl Writer {
    /// Begins a packet of at most `max_datagram` bytes, tag included; what was not finished is
    /// dropped.
    ///
    /// The sender and the packet number of `header` are final; so are key and suite, which
    /// [`Sealer::header`] fills in. The flags can change until [`Writer::finish`].
    pub fn begin(&mut self, header: Header, max_datagram: usize) {
        self.header = header;
        self.room = max_datagram.saturating_sub(header.encoded_len() + TAG_LEN);
        self.rewind(Mark { ids: (0, 0), groups: (0, 0), frames: 0, count: 0, left: 0 });
    }

    /// Gives back what long packets have left behind: to be called now and then, between packets.
    pub(crate) fn rest(&mut self) {
        self.begin(self.header, 0);
        self.ids.rest();
        self.groups.rest();
        growth::rest(&mut self.frames);
    }

    /// The header of the packet that is being written.
    pub(crate) const fn header(&self) -> &Header {
        &self.header
    }

    /// Asks for an acknowledgement of the packet.
    pub(crate) const fn ask_for_ack(&mut self) {
        self.header.ack = true;
    }

    /// Whether the packet says nothing so far.
    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes that are left for frames and for what they add to the tables.
    pub(crate) fn remaining(&self) -> usize {
        self.room.saturating_sub(self.used())
    }

    /// Adds a frame.
    ///
    /// # Errors
    ///
    /// [`Refused`]; the packet is then as it was before.
    pub fn push(&mut self, frame: &Frame) -> Result<(), Refused> {
        let mark = self.mark();
        let taken = self.append(frame);
        if taken.is_err() {
            self.rewind(mark);
        }
        taken
    }

    /// Adds all of the frames, or none.
    ///
    /// # Errors
    ///
    /// [`Refused`] for the first frame that is not taken; the packet is then as it was before.
    pub fn push_all<'a>(
        &mut self,
        frames: impl IntoIterator<Item = &'a Frame>,
    ) -> Result<(), Refused> {
        let mark = self.mark();
        let taken = frames.into_iter().try_for_each(|frame| self.append(frame));
        if taken.is_err() {
            self.rewind(mark);
        }
        taken
    }

    /// Adds a spread or a numbered batch of one frame, the head, and that frame, whether or not it may travel
    /// there: for tests of what readers refuse.
    ///
    /// # Errors
    ///
    /// [`Refused`] if one of them has no room or breaks a rule by itself; the packet is then as it was before.
    pub fn push_unfit(&mut self, head: &Frame, frame: &Frame) -> Result<(), Refused> {
        let mark = self.mark();
        let taken = self.append(head).and_then(|()| {
            self.left = 0;
            self.append(frame)
        });
        if taken.is_err() {
            self.rewind(mark);
        }
        taken
    }

    /// Where the packet stands.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            ids: self.ids.mark(),
            groups: self.groups.mark(),
            frames: self.frames.len(),
            count: self.count,
            left: self.left,
        }
    }

    /// Takes back what was added after `mark`, which must be of this packet.
    pub(super) fn rewind(&mut self, mark: Mark) {
        self.ids.rewind(mark.ids);
        self.groups.rewind(mark.groups);
        self.frames.truncate(mark.frames);
        self.count = mark.count;
        self.left = mark.left;
    }

    /// Protects the packet and appends it to `out` as one datagram; nothing is left in the writer.
    ///
    /// The packet is bound if `receiver` names the receiver. `sealer` must be the one that
    /// made the header.
    pub fn finish(&mut self, sealer: &Sealer, receiver: Option<Life>, out: &mut BytesMut) {
        debug_assert_eq!(self.left, 0, "frames are announced that do not follow");
        let header = Header { bound: receiver.is_some(), ..self.header };
        out.reserve(header.encoded_len() + self.used() + TAG_LEN);
        let start = out.len();
        header.encode(out);
        for (kind, bytes) in [(kind::IDS, self.ids.bytes()), (kind::GROUPS, self.groups.bytes())] {
            if !bytes.is_empty() {
                out.put_u8(kind);
                put_varint(out, bytes.len() as u64);
                out.put_slice(bytes);
            }
        }
        out.put_slice(&self.frames);
        sealer.seal(&header, receiver, start, out);
        self.begin(header, 0);
    }

    /// How many of the first writes of `delta` fit into this packet as one [`Frame::Record`].
    ///
    /// A delta that is cut to that many writes, with its clock lowered to that of the last one,
    /// is taken by [`Writer::push`].
    pub(crate) fn fit_writes(&self, group: &GroupName, delta: &RecordDelta) -> usize {
        let member = Life { id: delta.member, epoch: delta.epoch };
        let (member_ref, member_entry) = self.life_cost(member);
        let (group_ref, group_entry) = self.group_cost(group);
        let entries = self.section_growth(member_entry, group_entry);
        let mut body = member_ref
            + group_ref
            + varint_len(delta.since)
            + varint_len(delta.floor)
            + varint_len(delta.clock.saturating_sub(delta.since))
            + varint_len(delta.target.saturating_sub(delta.since));
        let mut last = delta.since;
        for (fitting, write) in delta.writes.iter().enumerate() {
            body += write_len(write, last);
            last = write.clock;
            if entries + framed_len(body) > self.remaining() {
                return fitting;
            }
        }
        delta.writes.len()
    }

    /// How many of the first sums fit into this packet as one [`Frame::Ranges`].
    pub(crate) fn fit_ranges(&self, ranges: &[RangeSum]) -> usize {
        let mut body = 0;
        let mut next: u64 = 0;
        for (fitting, range) in ranges.iter().enumerate() {
            body += varint_len(range.from.wrapping_sub(next)) + 16 + varint_len(range.count);
            next = range.to.wrapping_add(1);
            if framed_len(body) > self.remaining() {
                return fitting;
            }
        }
        ranges.len()
    }

    fn append(&mut self, frame: &Frame) -> Result<(), Refused> {
        if self.left > 0 && !frame.is_for_all() && !mutated!(self, AnyFramePassedOn) {
            return Err(Refused::Illegal);
        }
        self.left = match frame {
            Frame::Spread(Spread { frames: 0, .. }) => return Err(Refused::Illegal),
            Frame::Spread(Spread { frames, .. }) | Frame::Numbered { frames, .. } => *frames,
            _ => self.left.saturating_sub(1),
        };
        self.count += 1;
        self.encode(frame)?;
        if self.count > MAX_FRAMES || self.used() > self.room {
            return Err(Refused::NoRoom);
        }
        Ok(())
    }

    fn used(&self) -> usize {
        section_len(self.ids.bytes().len())
            + section_len(self.groups.bytes().len())
            + self.frames.len()
    }

    /// The bytes that the tables grow by when entries of these lengths are added.
    fn section_growth(&self, ids: usize, groups: usize) -> usize {
        let growth = |now: usize, more: usize| section_len(now + more) - section_len(now);
        growth(self.ids.bytes().len(), ids) + growth(self.groups.bytes().len(), groups)
    }

    /// The bytes of a reference to the life, and of the entry that it adds.
    fn life_cost(&self, life: Life) -> (usize, usize) {
        if life == self.header.sender {
            return (1, 0);
        }
        match self.ids.find_life(life) {
            Ok(index) => (varint_len(index as u64 + 1), 0),
            Err(_) => {
                let index = self.ids.mark().0 as u64 + 1;
                (varint_len(index), subject_len(Some(life.epoch)))
            }
        }
    }

    fn group_cost(&self, group: &GroupName) -> (usize, usize) {
        match self.groups.find_group(group) {
            Ok(index) => (varint_len(index as u64), 0),
            Err(_) => (varint_len(self.groups.mark().0 as u64), 1 + group.as_bytes().len()),
        }
    }
}

impl Default for Writer {
    fn default() -> Self {
        let header = Header {
            sender: Life { id: NodeId::default(), epoch: Epoch(0) },
            packet: 0,
            bound: false,
            ack: false,
            key: crate::packet::KeyId::from_bits(0),
            cluster_tag: 0,
        };
        Self {
            header,
            room: 0,
            ids: Table::default(),
            groups: Table::default(),
            frames: Vec::new(),
            count: 0,
            left: 0,
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }
}

/// The most bytes that the claim adds to a [`Frame::Holdings`] and to the tables.
pub(crate) fn claim_cost(claim: &Claim) -> usize {
    let named = claim.confirmed_by.iter().flatten().chain(&claim.accuser);
    life_bound(claim.life)
        + varint_len(claim.incarnation.into())
        + varint_len(claim.age.into())
        + 1
        + named.map(|_| subject_len(None) + MAX_INDEX).sum::<usize>()
        + claim.locator.as_ref().map_or(0, encode::locator_len)
}

/// The most bytes that the version adds to a [`Frame::Holdings`] and to the tables.
pub(crate) fn record_version_cost(version: &RecordVersion) -> usize {
    let group = 1 + version.group.as_bytes().len() + MAX_INDEX;
    group + life_bound(version.member) + varint_len(version.clock)
}

/// The most bytes that the version adds to a [`Frame::Holdings`] and to the tables.
pub(crate) fn attribute_version_cost(version: &AttributeVersion) -> usize {
    life_bound(version.life) + 1 + varint_len(version.version) + 4
}

fn life_bound(life: Life) -> usize {
    subject_len(Some(life.epoch)) + MAX_INDEX
}

/// The bytes of the longest index: no table of a packet has 2^21 entries.
const MAX_INDEX: usize = 3;
const _: () = assert!(crate::packet::MAX_PACKET < 1 << 21 && MAX_INDEX < MAX_VARINT);

/// The bytes of a frame whose body has `len` bytes.
const fn framed_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

/// The bytes of a table whose entries have `len` bytes; one without entries is left out.
const fn section_len(len: usize) -> usize {
    if len == 0 { 0 } else { framed_len(len) }
}

fn write_len(write: &Write, last: u64) -> usize {
    let bits = kind::of_write(write);
    varint_len(write.clock.saturating_sub(last))
        + 1
        + if bits & kind::WRITE_FULL == 0 { 8 } else { 0 }
        + if bits & kind::WRITE_PORT == 0 { 0 } else { 2 }
}
