//! What a peer is to this node: one of six states, what leads from one to another, and what follows from
//! each. The documentation shows both as tables, which a test compares with this file.

use alloc::vec::Vec;
use core::time::Duration;

use crate::base::{Ix, Status};
use crate::claims::Standing;
use crate::mutants::mutated;
use crate::out::{Cause, Event, Out, Why};
use crate::picture::Picture;
use crate::topology::Changes;

/// What this node believes of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing is held against it.
    Alive,
    /// It has left a probe unanswered.
    Suspect,
    /// It was silent for a window, and no verifier was there or too few reported.
    Unreachable,
    /// It lives, but has fallen repeatedly and is shown as down for a while.
    Held,
    /// It was found silent, by this node or another.
    Down,
    /// It said that it leaves.
    Left,
}

/// What changes the state of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// It has left a probe of this node's unanswered.
    Unanswered,
    /// It has answered this node or a verifier, or this node was asleep itself.
    Cleared,
    /// It was silent for a window, and no verifier was there or too few reported.
    Unconfirmed,
    /// It was found to be down, by this node or another.
    SaidDown,
    /// It was said to have left.
    SaidLeft,
    /// It lives in a life that was not known.
    Begins,
    /// It objects to what was said of it.
    Objects,
    /// It objects, and has fallen too often to be shown at once.
    ObjectsHeld,
    /// It has been held off for long enough.
    Steady,
}

impl State {
    /// All of them, by their number.
    pub(crate) const ALL: [Self; 6] =
        [Self::Alive, Self::Suspect, Self::Unreachable, Self::Held, Self::Down, Self::Left];

    /// That of a node of which nothing was known before somebody said this.
    pub(crate) const fn of(standing: Standing) -> Self {
        match standing {
            Standing::Alive => Self::Alive,
            Standing::Down => Self::Down,
            Standing::Left => Self::Left,
        }
    }

    /// The state that follows: all there is of the machine. What this node finds out by itself decides
    /// between the first three states; a claim that beats what was known decides in any.
    pub(crate) const fn after(self, what: Trigger) -> Self {
        match (what, self) {
            (Trigger::SaidDown, _) => Self::Down,
            (Trigger::SaidLeft, _) => Self::Left,
            (Trigger::Begins | Trigger::Objects, _) => Self::Alive,
            (Trigger::ObjectsHeld, _) => Self::Held,
            (Trigger::Steady, Self::Held) => Self::Alive,
            (Trigger::Unanswered, Self::Alive) => Self::Suspect,
            (Trigger::Cleared, Self::Suspect | Self::Unreachable) => Self::Alive,
            (Trigger::Unconfirmed, Self::Alive | Self::Suspect) => Self::Unreachable,
            (
                Trigger::Steady | Trigger::Unanswered | Trigger::Cleared | Trigger::Unconfirmed,
                same,
            ) => same,
        }
    }

    /// What the application is shown.
    pub(crate) const fn shown(self) -> Status {
        match self {
            Self::Alive => Status::Alive,
            Self::Suspect => Status::Suspect,
            Self::Unreachable => Status::Unreachable,
            Self::Held | Self::Down => Status::Down,
            Self::Left => Status::Left,
        }
    }

    /// What others are told. Suspicion and unreachability are this node's own affair.
    pub(crate) const fn standing(self) -> Standing {
        match self {
            Self::Alive | Self::Suspect | Self::Unreachable | Self::Held => Standing::Alive,
            Self::Down => Standing::Down,
            Self::Left => Standing::Left,
        }
    }

    /// Whether it lives by what all are told. Only the living count in the root: for how long the others
    /// are remembered each node decides for itself.
    pub(crate) const fn is_living(self) -> bool {
        matches!(self.standing(), Standing::Alive)
    }

    /// Whether nothing is held against it.
    pub(crate) const fn is_alive(self) -> bool {
        matches!(self, Self::Alive)
    }

    /// Whether this node alone has lost it.
    pub(crate) const fn is_unreachable(self) -> bool {
        matches!(self, Self::Unreachable)
    }

    /// Whether it lives but is not shown yet.
    pub(crate) const fn is_held(self) -> bool {
        matches!(self, Self::Held)
    }

    /// Whether it has died.
    pub(crate) const fn is_down(self) -> bool {
        matches!(self, Self::Down)
    }

    /// Whether it is shown as one that serves.
    pub(crate) const fn is_present(self) -> bool {
        self.shown().is_present()
    }

    /// Whether it is shown as down or left.
    pub(crate) const fn is_shown_gone(self) -> bool {
        matches!(self.shown(), Status::Down | Status::Left)
    }

    /// Whether it is shown neither as present nor as one that has left.
    pub(crate) const fn is_missing(self) -> bool {
        matches!(self.shown(), Status::Unreachable | Status::Down)
    }

    /// Whether it is thought to be within reach: it has a place on the ring and gets what everybody gets.
    pub(crate) const fn is_reachable(self) -> bool {
        self.is_present() || self.is_held()
    }

    /// Whether it is to be retried now and then.
    pub(crate) const fn is_lost(self) -> bool {
        matches!(self, Self::Unreachable | Self::Down)
    }

    /// Whether it is held to be anything from silent to dead, so that saying that it lives refutes that.
    pub(crate) const fn is_accused(self) -> bool {
        !matches!(self, Self::Alive | Self::Left)
    }

    /// Whether it should hear what is said of it if it sends something.
    pub(crate) const fn is_in_doubt(self) -> bool {
        !matches!(self, Self::Alive | Self::Held)
    }
}

impl Picture {
    /// What this node believes of a node; it is itself alive.
    pub(crate) fn state(&self, ix: Ix) -> State {
        self.peers.state(ix)
    }

    /// Whether a peer is to be probed. One that is held off for long is not yet, as nothing of it is shown,
    /// and a suspect is watched instead.
    pub(crate) fn is_watchable(&self, ix: Ix) -> bool {
        match self.state(ix) {
            State::Alive | State::Unreachable => true,
            State::Held => !self.peers.falls.is_resting(ix, self.now, &self.timing),
            State::Suspect | State::Down | State::Left => false,
        }
    }

    /// For how much longer a node is held off; `None` if it is not.
    pub(crate) fn held_for(&self, ix: Ix) -> Option<Duration> {
        let left = || self.peers.falls.left(ix, self.now).unwrap_or_default();
        self.state(ix).is_held().then(left)
    }

    /// This node has found out something about a peer that it keeps to itself.
    pub(crate) fn observe(&mut self, out: &mut Out, ix: Ix, what: Trigger, cause: Cause) {
        let state = self.state(ix);
        if state.after(what) != state {
            self.turn(out, ix, what, cause, false);
        }
    }

    /// Takes back those that have been held off for long enough.
    pub(crate) fn take_back(&mut self, out: &mut Out) {
        if self.peers.total(State::Held) == 0 {
            return;
        }
        let all = self.topology.roster().iter();
        let held: Vec<Ix> = all.filter(|&ix| self.state(ix).is_held()).collect();
        for ix in held {
            if self.peers.falls.left(ix, self.now).is_none() {
                // What is known of it stays as it is: it has counted as alive all the time.
                self.turn(out, ix, Trigger::Steady, Cause::Steady, false);
            } else {
                out.timers.hasten(Why::Housekeeping, self.now + self.timing.housekeeping);
            }
        }
    }

    /// Changes the state of a peer that is known, and all that is derived from it, except the root.
    pub(super) fn turn(
        &mut self,
        out: &mut Out,
        ix: Ix,
        what: Trigger,
        cause: Cause,
        new_life: bool,
    ) {
        let from = self.state(ix);
        if cause == Cause::VerifiersSilent && self.peers.get(ix).was_heard() {
            self.agreements.found_cut_off(self.now);
        }
        self.peers.set_state(ix, from.after(what), self.now, &self.timing);
        let changes = self.follow_state(ix);
        if from.shown() != self.state(ix).shown() || new_life {
            self.peers.turned_before(ix, self.now, 0);
            self.show(out, ix, Some(from), cause, new_life);
        }
        if !mutated!(self.config, ReturnUntold) || from.is_present() {
            out.publish(changes);
        }
    }

    /// What a node has said counts in the digest while it lives, and is remembered beyond that. While it is
    /// within reach it has a place on the ring. Returns which ranges have gained or lost it as an owner.
    pub(super) fn follow_state(&mut self, ix: Ix) -> Changes {
        let state = self.state(ix);
        let changes = self.topology.set_status_of(ix, state.shown());
        if state.is_living() {
            self.topology.revive(ix);
            self.attributes.revive(ix);
        } else {
            self.topology.retire(ix);
            self.attributes.retire(ix);
        }
        let position = self.topology.fingerprints().peer_position(self.id(ix));
        self.ring.touch();
        if state.is_reachable() {
            self.ring.insert(position, ix);
        } else {
            self.ring.remove(position, ix);
        }
        changes
    }

    /// Tells the embedder of the state that a node is in now.
    pub(super) fn show(
        &self,
        out: &mut Out,
        ix: Ix,
        from: Option<State>,
        cause: Cause,
        new_life: bool,
    ) {
        let to = Some(self.state(ix).shown());
        let event = Event::Peer { peer: self.life(ix), from: from.map(State::shown), to, cause };
        if new_life {
            out.event_of_new_life(event);
        } else {
            out.event(event);
        }
    }
}

#[cfg(test)]
mod tests;
