//! Peers that were never heard: what they are trusted with, and whether they may be made up.

use super::{Peers, SHOWN};
use crate::base::{Instant, Ix};
use crate::timing::Timing;

impl Peers {
    /// Whether a peer may be an invention: no packet of it has ever come, though this node has heard most
    /// of the others, or others like it have left their probes unanswered. It gets little.
    pub(crate) fn is_dubious(&self, ix: Ix) -> bool {
        !self.get(ix).was_heard() && self.strangers.are_dubious()
    }

    /// Whether few datagrams to peers that were never heard have gone unanswered.
    pub(crate) const fn trusts_strangers(&self) -> bool {
        self.strangers.are_trusted()
    }

    /// Whether a peer is one of many that this node has heard of all at once and never heard, after it had
    /// heard most of the others. If there is another peer for a task, that one gets it.
    pub(crate) fn is_shunned(&self, ix: Ix) -> bool {
        self.strangers.are_shunned() && !self.get(ix).was_heard()
    }

    /// Whether peers that were heard are to be preferred for probes and as verifiers, as many others may be
    /// made up.
    pub(crate) const fn prefers_heard(&self) -> bool {
        self.strangers.come_last() && self.strangers.count() > 0
    }

    /// Whether the silence of a peer tells this node something of itself. One that was never heard may not
    /// exist, unless others like it have answered, or the cluster is so large that most are heard late.
    pub(crate) fn should_answer(&self, ix: Ix) -> bool {
        self.get(ix).was_heard() || self.strangers.should_answer()
    }

    /// Whether a peer is present may have changed.
    pub(super) fn follow_presence(&mut self, ix: Ix, was: bool, now: Instant, timing: &Timing) {
        let peer = &mut self.table[ix.index()];
        let (is, is_stranger) = (peer.state().is_present(), !peer.was_heard());
        if is && is_stranger {
            peer.mark(SHOWN, true);
        }
        self.strangers.follow(is_stranger, (was, is), now, timing.settled_for);
    }

    /// Whether a peer that is gone may never have been there: it was shown, and no packet of it ever came.
    pub(crate) fn was_invented(&self, ix: Ix) -> bool {
        self.get(ix).has(SHOWN) && self.is_dubious(ix)
    }

    /// A peer has left a datagram unanswered.
    pub(crate) fn note_unanswered(&mut self, ix: Ix) {
        if !self.get(ix).was_heard() {
            self.strangers.note_unanswered();
        }
    }

    /// How many nodes are known of which no packet has come.
    pub(crate) const fn unheard(&self) -> usize {
        self.strangers.count()
    }
}
