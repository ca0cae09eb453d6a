//! Garbage collection: a node's own tombstones, and nodes that have been gone for longer than
//! `forget_after`.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::base::{GroupName, Instant, Ix};
use crate::out::{Out, Why};
use crate::picture::Picture;
use crate::topology::Changes;

/// If more removals than this wait for their collection, those of one group share one.
const CAPACITY: usize = 4096;

/// If at least this many removals wait for their collection, they are collected as soon as all
/// living nodes are known to hold them. Fewer are not worth a change that is broadcast.
const MANY: usize = 64;

/// What all living nodes must hold before it is collected: groups, each up to a clock.
#[derive(Clone, Debug, Hash)]
struct Round {
    groups: Vec<(GroupName, u64)>,
}

/// Own tombstones by age.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Tombstones {
    aging: VecDeque<(Instant, GroupName, u64)>,
    /// Groups in which this node's record is empty, until all nodes have been told.
    emptied: VecDeque<(Instant, GroupName)>,
    /// Under way while there are many.
    round: Option<Round>,
    /// When to give up what others have removed unless it has changed, and the number of edits when
    /// that wait began.
    stale: Option<(Instant, u64)>,
}

impl Tombstones {
    pub(crate) fn start(&mut self, picture: &Picture, out: &mut Out) {
        // A new life has none.
        self.aging.clear();
        self.emptied.clear();
        self.round = None;
        self.stale = None;
        out.timers.set(Why::Housekeeping, Some(picture.now + picture.timing.housekeeping));
    }

    /// Something was written in a group: if it was a tombstone, its time begins.
    pub(crate) fn note(&mut self, picture: &Picture, out: &mut Out, group: &GroupName) {
        let clock = picture.topology.clock_of(group, Ix::ME);
        let Some(clock) =
            picture.topology.last_tombstone(group).filter(|&last| clock == Some(last))
        else {
            return;
        };
        let due = picture.now + picture.config.tombstone_ttl;
        let full = self.aging.len() >= CAPACITY;
        match self.aging.iter_mut().rfind(|(at, last, _)| last == group && (full || *at == due)) {
            // One collection serves both; the earlier tombstone stays a little longer.
            Some((_, _, up_to)) => *up_to = clock,
            None => self.aging.push_back((due, group.clone(), clock)),
        }
        out.timers.hasten(Why::Housekeeping, due);
    }

    /// Collects tombstones that are old enough.
    pub(crate) fn collect(&mut self, picture: &mut Picture, out: &mut Out) {
        while self.aging.front().is_some_and(|(due, ..)| *due <= picture.now) {
            let Some((_, group, clock)) = self.aging.pop_front() else {
                break;
            };
            self.collect_one(picture, out, &group, clock);
        }
        while let Some((_, group)) = self.emptied.pop_front_if(|(due, _)| *due <= picture.now) {
            picture.topology.drop_empty(&group, Ix::ME);
        }
        if let Some((due, _)) = self.emptied.front() {
            out.timers.hasten(Why::Housekeeping, *due);
        }
        if let Some((_, edits)) = self.stale.filter(|(due, _)| *due <= picture.now) {
            let mut changes = Changes::default();
            picture.topology.give_up_stale(edits, &mut changes);
            out.publish(changes);
            self.stale = None;
        }
        self.expect_stale(picture, out);
    }

    /// What others have removed is given up some time after its owners should have collected it:
    /// this node may have missed the collection, and repair does not compare it.
    pub(crate) fn expect_stale(&mut self, picture: &Picture, out: &mut Out) {
        if self.stale.is_none()
            && let Some(edits) = picture.topology.edits_if_void()
        {
            let due = picture.now + picture.config.tombstone_ttl.max(picture.timing.housekeeping);
            self.stale = Some((due, edits));
        }
        if let Some((due, _)) = self.stale {
            out.timers.hasten(Why::Housekeeping, due);
        }
    }

    fn collect_one(&mut self, picture: &mut Picture, out: &mut Out, group: &GroupName, clock: u64) {
        let before = picture.topology.clock_of(group, Ix::ME).unwrap_or(0);
        if let Ok(changes) = picture.topology.collect(group, clock) {
            out.publish(changes);
            if picture.topology.clock_of(group, Ix::ME).unwrap_or(0) > before {
                picture.tell_all_written(out, group, before);
                self.note_empty(picture, out, group);
            }
        }
    }

    /// A peer's root is equal to this node's, so it holds all that this node has written. Once all
    /// living nodes have been equal since a tombstone was written, nobody needs it any more.
    pub(crate) fn level(&mut self, picture: &mut Picture, out: &mut Out, with: Ix) {
        if self.round.is_none() {
            if self.aging.len() < MANY {
                return;
            }
            let mut groups: Vec<(GroupName, u64)> = Vec::new();
            for (_, group, clock) in self.aging.iter().rev() {
                if !groups.iter().any(|(known, _)| known == group) {
                    groups.push((group.clone(), *clock));
                }
                if groups.len() >= MANY {
                    break;
                }
            }
            picture.peers.begin_round();
            self.round = Some(Round { groups });
        }
        if !picture.peers.is_level_with_all(with, &picture.topology) {
            return;
        }
        let Some(Round { groups }) = self.round.take() else { return };
        for (group, clock) in groups {
            self.aging.retain(|(_, other, at)| *other != group || *at > clock);
            self.collect_one(picture, out, &group, clock);
        }
    }

    /// A record of this node's may be empty now: it is forgotten once all nodes have been told, and
    /// the group with it if nobody else is in it.
    pub(crate) fn note_empty(&mut self, picture: &Picture, out: &mut Out, group: &GroupName) {
        if picture.topology.clock_of(group, Ix::ME).is_some()
            && picture.topology.record_len(group, Ix::ME) == 0
        {
            let due = picture.now + picture.timing.housekeeping;
            self.emptied.push_back((due, group.clone()));
            out.timers.hasten(Why::Housekeeping, due);
        }
    }

    /// Returns the nodes that have been gone for `forget_after` and are to be forgotten.
    pub(crate) fn expire(&self, picture: &Picture, out: &mut Out) -> Vec<Ix> {
        let mut forgotten = Vec::new();
        let mut next = self.aging.front().map(|(due, ..)| *due);
        for ix in picture.topology.roster().iter() {
            if picture.state(ix).is_living() {
                continue;
            }
            let all = picture.config.forget_after;
            let invented = picture.peers.was_invented(ix);
            let all = if invented { all.min(picture.timing.stranger_memory) } else { all };
            let gone = Duration::from_millis(u64::from(picture.peers.since_turn(ix, picture.now)));
            if gone >= all {
                forgotten.push(ix);
                continue;
            }
            let at = picture.now + (all - gone).max(Duration::from_millis(1));
            next = Some(next.map_or(at, |next: Instant| next.min(at)));
        }
        if let Some(next) = next {
            out.timers.hasten(Why::Housekeeping, next);
        }
        forgotten
    }
}
