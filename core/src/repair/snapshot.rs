//! What a node holds, in the order of its positions, with sums over any range at hand.

use alloc::vec::Vec;

use crate::context::Context;
use crate::roster::Ix;
use crate::topology::GroupName;
use crate::wire::RangeSum;

/// Something that two nodes may differ in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// What is known of a node.
    Peer(Ix),
    /// A node's metadata.
    Metadata(Ix),
    /// A node's record in a group.
    Record(GroupName, Ix),
}

#[derive(Debug)]
struct Entry {
    position: u64,
    /// The sum of the fingerprints of this entry and all before it.
    sum: u64,
    subject: Subject,
}

/// All subjects of one moment.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    root: u64,
    entries: Vec<Entry>,
}

impl Snapshot {
    /// Takes stock.
    pub(crate) fn take(ctx: &Context) -> Self {
        let key = ctx.topology.fingerprints();
        let mut entries = Vec::new();
        for ix in ctx.topology.roster().iter().filter(|&ix| ctx.peers.get(ix).counted) {
            let position = key.peer_position(ctx.id(ix));
            let sum = ctx.peers.fingerprint(ix, &ctx.topology, ctx.status(ix));
            entries.push(Entry { position, sum, subject: Subject::Peer(ix) });
        }
        for (ix, version) in ctx.metadata.versions() {
            if ctx.peers.get(ix).counted {
                let life = ctx.life(ix);
                let position = key.metadata_position(life.id);
                let sum = key.metadata(life.id, life.epoch, version);
                entries.push(Entry { position, sum, subject: Subject::Metadata(ix) });
            }
        }
        for record in ctx.topology.records() {
            entries.push(Entry {
                position: record.position,
                sum: record.fingerprint,
                subject: Subject::Record(record.group.clone(), record.member),
            });
        }
        entries.sort_unstable_by_key(|entry| entry.position);
        let mut root: u64 = 0;
        for entry in &mut entries {
            root = root.wrapping_add(entry.sum);
            entry.sum = root;
        }
        Self { root, entries }
    }

    /// Whether it still tells the truth.
    pub(crate) fn is_current(&self, root: u64) -> bool {
        self.root == root && !self.entries.is_empty()
    }

    /// The sum over a range.
    pub(crate) fn sum(&self, from: u64, to: u64) -> RangeSum {
        let (begin, end) = self.bounds(from, to);
        let before = |at: usize| at.checked_sub(1).map_or(0, |last| self.entries[last].sum);
        let sum = before(end).wrapping_sub(before(begin));
        RangeSum { from, to, sum, count: (end - begin) as u64 }
    }

    /// The subjects in a range.
    pub(crate) fn subjects(&self, from: u64, to: u64) -> impl Iterator<Item = &Subject> {
        let (begin, end) = self.bounds(from, to);
        self.entries[begin..end].iter().map(|entry| &entry.subject)
    }

    /// Splits a range into up to `parts` ranges of about equally many subjects.
    pub(crate) fn split(&self, from: u64, to: u64, parts: usize) -> Vec<RangeSum> {
        let (begin, end) = self.bounds(from, to);
        let mut ranges = Vec::with_capacity(parts);
        let mut start = from;
        for part in 1..=parts {
            let last = begin + (end - begin) * part / parts;
            let stop = if part == parts {
                to
            } else {
                match self.entries.get(last) {
                    Some(entry) if entry.position > start => entry.position - 1,
                    _ => continue,
                }
            };
            ranges.push(self.sum(start, stop));
            let Some(next) = stop.checked_add(1) else {
                break;
            };
            start = next;
        }
        ranges
    }

    fn bounds(&self, from: u64, to: u64) -> (usize, usize) {
        let begin = self.entries.partition_point(|entry| entry.position < from);
        let end = self.entries.partition_point(|entry| entry.position <= to);
        (begin, end.max(begin))
    }
}
