//! Draining in order: of two nodes that drain and need each other, one waits.
//!
//! A node that drains counts on another owner of its keys only once that owner has noted its stamp and
//! has said what its own is. From then on the owner begins to drain with a higher stamp only. So of
//! any two that count on each other the one with the lower stamp, or of two equal stamps the one with the
//! lower id, may stop, and the other one may not.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::base::{Epoch, Instant, Ix};
use crate::claims::DrainStamp;
use crate::out::{Out, Why};
use crate::picture::Picture;
use crate::wire::Frame;

/// The most owners that are told at once; the others follow with the next probe interval, in turn.
const TOLD_AT_ONCE: usize = 64;

/// By how much a stamp raises the highest one that this node has noted: always, and about once per
/// probe interval. Stamps grow by one at a time, so one that lies farther ahead is made up or follows one that
/// was. It is noted in the end, but nobody can use up the stamps: at their end no node could come after
/// another one.
const STEP: u64 = 1 << 10;
const LEAP: u64 = 1 << 32;

/// Whether this node drains, and whom it may count on.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Draining {
    /// The highest stamp of another node that this node has noted, or come near to.
    highest: u64,
    /// When that was raised by a leap.
    leapt: Option<Instant>,
    /// The owner that was told last.
    told: Option<Ix>,
    /// The owners that have noted this node's stamp, with the lives in which they did, and whether they
    /// come after this node.
    noted: BTreeMap<Ix, (Epoch, bool)>,
}

impl Draining {
    /// The stamp with which this node begins to drain.
    pub(crate) fn begin(&mut self, picture: &Picture, out: &mut Out) -> DrainStamp {
        self.noted.clear();
        out.timers.set(Why::Draining, Some(picture.now));
        let known = picture.attributes.last_drain_stamp(self.highest.saturating_add(LEAP));
        DrainStamp(known.max(self.highest).saturating_add(1))
    }

    /// This node does not drain any more.
    pub(crate) fn end(&mut self, out: &mut Out) {
        self.noted.clear();
        out.timers.set(Why::Draining, None);
    }

    /// This node begins a life, in which it still drains.
    pub(crate) fn start(&mut self, picture: &Picture, out: &mut Out) {
        self.noted.clear();
        if picture.drains(Ix::ME).is_some() {
            out.timers.set(Why::Draining, Some(picture.now));
        }
    }

    /// Whether an owner is there to serve what this node serves once this node has stopped.
    pub(crate) fn counts(&self, picture: &Picture, ix: Ix) -> bool {
        let noted = self.noted.get(&ix);
        let stays = noted.is_some_and(|&(life, after)| after && life == picture.life(ix).epoch);
        stays && picture.state(ix).is_alive()
    }

    /// Tells those that serve what this node serves until they have noted its stamp. Those that drain
    /// themselves and come first are told again, as they may change their minds.
    pub(crate) fn on_timer(&mut self, picture: &Picture, out: &mut Out) {
        let Some(DrainStamp(stamp)) = picture.drains(Ix::ME) else { return };
        let owners = picture.topology.others_with_keys_of(Ix::ME).into_iter();
        let open = owners.filter(|&ix| picture.state(ix).is_alive() && !self.counts(picture, ix));
        let mut open: Vec<Ix> = open.collect();
        // Many that are silent, or come first, must not keep those from being told that may stay.
        open.sort_unstable();
        let next = open.partition_point(|&ix| Some(ix) <= self.told);
        open.rotate_left(next);
        open.truncate(TOLD_AT_ONCE);
        self.told = open.last().copied();
        for ix in open {
            out.say_frame(picture.bound(ix), Frame::Drains { stamp });
        }
        out.timers.set(Why::Draining, Some(picture.now + picture.config.probe_interval));
    }

    /// Another node drains, and would count on this one. It says so again until it is answered.
    pub(crate) fn on_drains(&mut self, picture: &Picture, out: &mut Out, from: Ix, stamp: u64) {
        self.raise(picture, stamp);
        if stamp <= self.highest {
            let own = picture.drains(Ix::ME).map_or(0, |own| own.0);
            out.say_frame(picture.bound(from), Frame::Noted { stamp, own });
        }
    }

    /// From now on this node begins to drain above a stamp, or above as much of it as it may take over.
    fn raise(&mut self, picture: &Picture, stamp: u64) {
        let near = self.highest.saturating_add(STEP);
        // What is said once per interval does not arrive at even intervals.
        let pause = picture.config.probe_interval * 3 / 4;
        if stamp <= near {
            self.highest = self.highest.max(stamp);
        } else if self.leapt.is_none_or(|at| picture.now.since(at) >= pause) {
            self.highest = stamp.min(self.highest.saturating_add(LEAP));
            self.leapt = Some(picture.now);
        }
    }

    /// Another node has noted a stamp; its own is 0 if it does not drain.
    pub(crate) fn on_noted(&mut self, picture: &Picture, from: Ix, stamp: u64, own: u64) {
        if picture.drains(Ix::ME) == Some(DrainStamp(stamp)) {
            let after = own == 0 || (own, picture.id(from)) > (stamp, picture.me().id);
            self.noted.insert(from, (picture.life(from).epoch, after));
        }
    }

    pub(crate) fn forget(&mut self, ix: Ix) {
        self.noted.remove(&ix);
    }
}
