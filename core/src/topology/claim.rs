//! Claims about oneself: what others say that this node has said, and it has not.
//!
//! A node never takes over a record of its own, so such a claim cannot change what it says. It can
//! have changed what others hold, though; they are corrected by a write with a higher clock, whose
//! floor has them replace the whole record.

use alloc::vec::Vec;

use super::change::Changes;
use super::item::{GroupName, Op, RecordDelta, Write};
use super::merge::{Applied, CLOCK_STEP};
use super::record::Record;
use super::{GroupError, Topology};
use crate::node::Epoch;
use crate::roster::Ix;

/// The claims that have not been answered yet.
pub(super) struct Claims {
    /// The highest clock claimed, by group.
    clocks: Vec<(GroupName, u64)>,
    epoch: Option<Epoch>,
    limit: usize,
}

impl Claims {
    pub(super) const fn new(limit: usize) -> Self {
        Self { clocks: Vec::new(), epoch: None, limit }
    }

    pub(super) const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Remembers a life of this node that it does not lead.
    pub(super) fn hear_epoch(&mut self, epoch: Epoch) {
        self.epoch = self.epoch.max(Some(epoch));
    }

    /// Remembers a claimed clock. If too many groups are concerned the claim is dropped, to be
    /// heard again later.
    fn hear_clock(&mut self, group: &GroupName, clock: u64) {
        if let Some((_, claimed)) = self.clocks.iter_mut().find(|(name, _)| name == group) {
            *claimed = clock.max(*claimed);
        } else if self.clocks.len() < self.limit {
            self.clocks.push((group.clone(), clock));
        }
    }
}

impl Topology {
    /// Answers the claims about this node that [`merge`](Self::merge) has met: each record
    /// concerned gets a clock above the claimed one, and what it says becomes the whole truth for
    /// all who merge it. Tombstones are dropped on the way.
    ///
    /// A claim to a later life, or to a clock so high that none can be put above it, is not
    /// answered here: see [`claimed_epoch`](Self::claimed_epoch).
    pub fn defend(&mut self) -> Changes {
        let mut changes = Changes::default();
        self.defend_into(&mut changes, |_| {});
        changes
    }

    /// The epoch above which this node has to [`renew`](Self::renew) itself in order to be
    /// believed, if somebody claims a later life of it or has used up the clock of one of its
    /// records.
    #[must_use]
    pub fn claimed_epoch(&self) -> Option<Epoch> {
        self.claims.epoch
    }

    /// Starts a new life: what this node serves and joins is written anew in the epoch, with
    /// clocks from 1. Tombstones are dropped, since nobody believes the old life any more.
    ///
    /// # Errors
    ///
    /// [`GroupError::EpochTooLow`] if the epoch is not above the current and all claimed ones;
    /// nothing has changed.
    pub fn renew(&mut self, epoch: Epoch) -> Result<Changes, GroupError> {
        let above = self.claims.epoch.max(Some(self.roster.epoch(Ix::ME))).unwrap_or_default();
        if epoch <= above {
            return Err(GroupError::EpochTooLow { above });
        }
        let mut changes = Changes::default();
        let records = self.remove_records(Ix::ME, &mut changes);
        self.roster.set_epoch(Ix::ME, epoch);
        self.claims = Claims::new(self.limits.claims);
        for record in records {
            let mut writes = record.writes;
            writes.retain(|write| write.op != Op::Remove);
            writes.sort_unstable_by_key(|write| write.clock);
            if writes.is_empty() {
                continue;
            }
            let slot = self.group_slot(&record.group);
            self.amend(slot, Ix::ME, &mut changes, |body, note| {
                for (clock, write) in (1..).zip(writes) {
                    body.put(Write { clock, ..write }, note);
                }
            });
        }
        Ok(changes)
    }

    /// As [`defend`](Self::defend); `answered` is told which groups have something new to be sent.
    pub(crate) fn defend_into(
        &mut self,
        changes: &mut Changes,
        mut answered: impl FnMut(&GroupName),
    ) {
        for (name, claimed) in core::mem::take(&mut self.claims.clocks) {
            let own = self.clock_of(&name, Ix::ME).unwrap_or(0);
            let clock = claimed.max(own).saturating_add(1);
            let is_new = self.groups.find(&name).is_none();
            if clock > CLOCK_STEP || is_new && self.groups.is_full() {
                let epoch = self.roster.epoch(Ix::ME);
                self.claims.hear_epoch(epoch);
                continue;
            }
            let slot = self.group_slot(&name);
            self.amend(slot, Ix::ME, changes, |body, note| {
                body.clock = clock;
                body.collect(clock, note);
            });
            answered(&name);
        }
    }

    /// Compares what is said about this node with what it has said, and remembers it if it
    /// differs.
    pub(super) fn weigh_claim(&mut self, name: &GroupName, delta: &RecordDelta) -> Applied {
        if delta.epoch > self.roster.epoch(Ix::ME) {
            self.claims.hear_epoch(delta.epoch);
            return Applied::Claim;
        }
        let record = self.groups.by_name(name).and_then(|group| group.record(Ix::ME));
        let have = record.map_or(0, Record::clock);
        if delta.target > have {
            self.claims.hear_clock(name, delta.target);
            return Applied::Claim;
        }
        // A copy below the floor is replaced as a whole anyway.
        let lasting = record.filter(|record| delta.target >= record.floor());
        if lasting.is_some_and(|record| contradicts(record, delta)) {
            self.claims.hear_clock(name, have);
            return Applied::Claim;
        }
        Applied::Known { have }
    }
}

/// Whether a delta at or below the clock of a record cannot have been cut from it.
fn contradicts(record: &Record, delta: &RecordDelta) -> bool {
    let is_current = delta.target == record.clock();
    let altered = delta.writes.iter().any(|said| match record.get(said.range) {
        Some(write) if write.clock == said.clock => write != *said,
        Some(write) => is_current || write.clock < said.clock,
        // It can have been removed, and that collected, unless it is too young.
        None if said.op == Op::Remove => is_current || said.clock > record.floor(),
        None => is_current || said.clock >= record.floor(),
    });
    let told = record.writes().filter(|w| delta.since < w.clock && w.clock <= delta.clock);
    altered || is_current && told.count() != delta.writes.len()
}
