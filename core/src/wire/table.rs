//! The tables of a packet: what frames refer to by index.

use alloc::vec::Vec;
use bytes::BufMut;

use crate::base::{Epoch, GroupName, Life, NodeId, growth};
use crate::packet::{Reader, WireError};

/// An entry of the table of ids: a node, and one of its lives if a frame needs to name that.
pub(super) type Subject = (NodeId, Option<Epoch>);

/// The bytes of an entry of the table of ids.
pub(super) const fn subject_len(epoch: Option<Epoch>) -> usize {
    1 + NodeId::LEN + if epoch.is_some() { 8 } else { 0 }
}

/// The tables of a packet that is being written: entries in the order of their indices, and where
/// each value stands in sorted order, so that a look-up needs no scan.
#[derive(Clone)]
pub(super) struct Table<T> {
    entries: Vec<T>,
    sorted: Vec<u16>,
    bytes: Vec<u8>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), sorted: Vec::new(), bytes: Vec::new() }
    }
}

impl<T> Table<T> {
    /// Empties the table, and gives back what a long packet has left behind.
    pub(super) fn rest(&mut self) {
        growth::rest(&mut self.entries);
        growth::rest(&mut self.sorted);
        growth::rest(&mut self.bytes);
    }
}

impl<T: Ord> Table<T> {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Lengths of the table, to come back to with [`Table::rewind`].
    pub(super) fn mark(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes.len())
    }

    pub(super) fn rewind(&mut self, (entries, bytes): (usize, usize)) {
        if entries < self.entries.len() {
            self.sorted.retain(|&index| usize::from(index) < entries);
            self.entries.truncate(entries);
            self.bytes.truncate(bytes);
        }
    }

    /// Where `value` stands in sorted order, or would stand.
    fn position(&self, value: &T) -> usize {
        self.sorted.partition_point(|&index| self.entries[usize::from(index)] < *value)
    }

    fn at(&self, position: usize) -> Option<(usize, &T)> {
        let index = usize::from(*self.sorted.get(position)?);
        Some((index, &self.entries[index]))
    }

    /// The index of the first entry in sorted order, from `value` on, that `fits`.
    fn find(&self, value: &T, fits: impl Fn(&T) -> bool) -> Result<usize, usize> {
        let position = self.position(value);
        match self.at(position) {
            Some((index, entry)) if fits(entry) => Ok(index),
            Some(_) | None => Err(position),
        }
    }

    /// Adds an entry; returns `None` if there are too many.
    fn insert(&mut self, position: usize, value: T) -> Option<usize> {
        let index = self.entries.len();
        self.sorted.insert(position, u16::try_from(index).ok()?);
        self.entries.push(value);
        Some(index)
    }
}

impl Table<Subject> {
    /// The index of any entry about the node.
    pub(super) fn find_id(&self, id: NodeId) -> Result<usize, usize> {
        self.find(&(id, None), |entry| entry.0 == id)
    }

    /// The index of the entry about the life.
    pub(super) fn find_life(&self, life: Life) -> Result<usize, usize> {
        let subject = (life.id, Some(life.epoch));
        self.find(&subject, |entry| *entry == subject)
    }

    pub(super) fn add(&mut self, position: usize, subject: Subject) -> Option<usize> {
        let index = self.insert(position, subject)?;
        let (id, epoch) = subject;
        self.bytes.push(if epoch.is_some() { SUBJECT_EPOCH } else { 0 });
        self.bytes.put_u64(id.to_bits());
        if let Some(epoch) = epoch {
            self.bytes.put_u64(epoch.0);
        }
        Some(index)
    }
}

impl Table<GroupName> {
    /// The index of the group's name.
    pub(super) fn find_group(&self, group: &GroupName) -> Result<usize, usize> {
        self.find(group, |entry| entry == group)
    }

    pub(super) fn add(&mut self, position: usize, group: &GroupName) -> Option<usize> {
        let index = self.insert(position, group.clone())?;
        let name = group.as_bytes();
        // A name has at most 255 bytes.
        self.bytes.push(name.len() as u8);
        self.bytes.extend_from_slice(name);
        Some(index)
    }
}

/// The tables of a packet that was received.
#[derive(Clone, Default)]
pub(super) struct Tables {
    /// The sender, whose index is 0.
    sender: Option<Life>,
    /// The others, from index 1 on.
    ids: Vec<Subject>,
    groups: Vec<GroupName>,
}

impl Tables {
    /// Empties the tables, except for the sender.
    pub(super) fn reset(&mut self, sender: Life) {
        self.sender = Some(sender);
        self.ids.clear();
        self.groups.clear();
    }

    /// Gives back what a long packet has left behind.
    pub(super) fn rest(&mut self) {
        growth::rest(&mut self.ids);
        growth::rest(&mut self.groups);
    }

    pub(super) fn read_ids(&mut self, mut body: Reader<'_>) -> Result<(), WireError> {
        if body.is_empty() {
            return Err(WireError::Malformed);
        }
        self.ids.reserve(body.left() / MIN_SUBJECT);
        while !body.is_empty() {
            let bits = body.u8()?;
            if bits & !SUBJECT_EPOCH != 0 {
                return Err(WireError::Malformed);
            }
            let id = NodeId::from_bits(body.u64()?);
            let epoch = match bits & SUBJECT_EPOCH {
                0 => None,
                _ => Some(Epoch(body.u64()?)),
            };
            self.ids.push((id, epoch));
        }
        Ok(())
    }

    pub(super) fn read_groups(&mut self, mut body: Reader<'_>) -> Result<(), WireError> {
        if body.is_empty() {
            return Err(WireError::Malformed);
        }
        self.groups.reserve(body.left() / MIN_GROUP);
        while !body.is_empty() {
            let len = body.u8()?;
            let name = body.take(len.into())?;
            self.groups.push(GroupName::try_from(name).map_err(|_| WireError::Malformed)?);
        }
        Ok(())
    }

    pub(super) fn id(&self, index: usize) -> Result<NodeId, WireError> {
        self.subject(index).map(|subject| subject.0).ok_or(WireError::Malformed)
    }

    pub(super) fn life(&self, index: usize) -> Result<Life, WireError> {
        match self.subject(index) {
            Some((id, Some(epoch))) => Ok(Life { id, epoch }),
            Some((_, None)) | None => Err(WireError::Malformed),
        }
    }

    fn subject(&self, index: usize) -> Option<Subject> {
        match index.checked_sub(1) {
            None => self.sender.map(|sender| (sender.id, Some(sender.epoch))),
            Some(other) => self.ids.get(other).copied(),
        }
    }

    pub(super) fn group(&self, index: usize) -> Result<GroupName, WireError> {
        self.groups.get(index).cloned().ok_or(WireError::Malformed)
    }
}

const SUBJECT_EPOCH: u8 = 0x01;

/// The most bytes that are held for a byte of a payload, frames themselves aside.
pub(super) const MAX_GROWTH: usize = 40;

// The bytes of the shortest entry of each table.
const MIN_SUBJECT: usize = 1 + NodeId::LEN;
const MIN_GROUP: usize = 2;
const _: () = assert!(size_of::<Subject>() <= MAX_GROWTH * MIN_SUBJECT);
// A name also takes a block of its own: two counters, and its bytes rounded up to a word.
const _: () = assert!(size_of::<GroupName>() + 3 * size_of::<usize>() <= MAX_GROWTH * MIN_GROUP);
