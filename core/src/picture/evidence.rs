//! What beats what: claims about a node are totally ordered by (epoch, incarnation, standing),
//! and what is known only grows.

use core::cmp::Ordering;
use core::time::Duration;

use bytes::Bytes;

use crate::base::{Epoch, Ix, Life, NodeId};
use crate::claims::{Claim, Locator, Plea, Standing};
use crate::mutants::mutated;
use crate::out::{Cause, Event, Out, Why};
use crate::picture::{Picture, State, Trigger};
use crate::topology::Changes;

/// Something new about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct News {
    /// Which node.
    pub(crate) ix: Ix,
    /// What it was before, and whether that was in an earlier life; `None` if it was not known.
    pub(crate) before: Option<(State, bool)>,
    /// Whether it is held off for it.
    pub(crate) held: bool,
}

/// What came of a claim about another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weighed {
    /// It tells something new, which is known from here on.
    News(News),
    /// It is known.
    Known(Ix),
    /// What is known beats it.
    Beaten(Ix),
    /// The table of nodes is full, or it is about one that has been gone for too long.
    Refused,
}

impl Picture {
    /// Compares a claim with what is known of the node.
    pub(crate) fn weigh(&self, ix: Ix, claim: &Claim) -> Ordering {
        let known = self.claim(ix);
        let theirs = (claim.life.epoch, claim.incarnation, claim.standing);
        theirs.cmp(&(known.life.epoch, known.incarnation, known.standing))
    }

    /// Takes in a claim about another node, told by `by`.
    pub(crate) fn consider(&mut self, out: &mut Out, claim: &Claim, by: NodeId) -> Weighed {
        let Some(ix) = self.find(claim.life.id) else {
            let state = State::of(claim.standing);
            let half = self.config.forget_after / 2;
            if !state.is_living() && Duration::from_secs(claim.age.into()) >= half {
                // Those who knew it are about to forget it: not to be learned anew.
                return Weighed::Refused;
            }
            let Some(locator) = self.locator_in(claim) else {
                out.stats.claims_refused += 1;
                return Weighed::Refused;
            };
            return match self.admit(
                out,
                claim.life,
                locator,
                claim.incarnation,
                state,
                cause(claim, by, None),
            ) {
                Some(ix) => {
                    self.peers.turned_before(ix, self.now, claim.age);
                    Weighed::News(News { ix, before: None, held: false })
                }
                None => Weighed::Refused,
            };
        };
        match self.weigh(ix, claim) {
            Ordering::Less => Weighed::Beaten(ix),
            Ordering::Equal => {
                if self.peers.places.said(ix).is_none() {
                    self.relocate(out, ix, claim);
                }
                Weighed::Known(ix)
            }
            Ordering::Greater => {
                let (epoch, state) = (self.life(ix).epoch, self.state(ix));
                let held = self.adopt(out, ix, claim, cause(claim, by, Some((epoch, state))));
                let before = Some((state, claim.life.epoch > epoch));
                Weighed::News(News { ix, before, held })
            }
        }
    }

    /// How a claim says that its node is named and reached, unless that is another's name.
    pub(crate) fn locator_in<'a>(&self, claim: &'a Claim) -> Option<&'a Locator> {
        claim.locator.as_ref().filter(|locator| self.is_locator_of(claim.life.id, locator))
    }

    /// Whether a locator has the name of a node. What a node has said last is not looked at again.
    pub(crate) fn is_locator_of(&self, id: NodeId, locator: &Locator) -> bool {
        let known = self.find(id).map(|ix| self.peers.places.last_said(ix));
        known.as_ref() == Some(locator) || locator.is_of(id, &self.config.cluster)
    }

    /// A node has said itself, in its present incarnation, how it is named and reached: that counts
    /// whatever others have said.
    pub(crate) fn relocate(&mut self, out: &mut Out, ix: Ix, claim: &Claim) {
        self.peers.uncount(ix, &self.topology);
        self.locate(out, ix, claim);
        self.peers.count(ix, &self.topology);
    }

    /// This node is reached at other addresses from now on.
    pub(crate) fn locate_me(&mut self, locator: &Locator) {
        self.peers.uncount(Ix::ME, &self.topology);
        self.peers.places.learn(Ix::ME, locator, false);
        self.peers.count(Ix::ME, &self.topology);
    }

    /// Takes in how a node is named and reached in its present life, unless that is another's name.
    fn locate(&mut self, out: &mut Out, ix: Ix, claim: &Claim) {
        let places = &self.peers.places;
        // Of two names with one identity the first one stays.
        let fits = |locator: &&Locator| locator.name() == places.last_said(ix).name();
        let new = |locator: &&Locator| places.said(ix).as_ref() != Some(*locator);
        if let Some(locator) = self.locator_in(claim).filter(new).filter(fits) {
            let was_heard = self.peers.get(ix).was_heard();
            self.place(out, ix, |places| places.learn(ix, locator, was_heard));
        }
    }

    /// Enters a node that was not known.
    pub(crate) fn admit(
        &mut self,
        out: &mut Out,
        life: Life,
        locator: &Locator,
        incarnation: u32,
        state: State,
        cause: Cause,
    ) -> Option<Ix> {
        let Ok(ix) = self.topology.intern(life) else {
            out.stats.claims_refused += 1;
            return None;
        };
        self.peers.places.admit(ix, locator);
        self.peers.admit(ix, &self.topology, incarnation, state, self.now, &self.timing);
        let changes = self.follow_state(ix);
        debug_assert!(changes.is_empty(), "a node that was not known serves nothing yet");
        self.show(out, ix, None, cause, true);
        self.tell_path_of_new(out, ix);
        Some(ix)
    }

    /// Replaces what is known of a node by a claim that beats it. Returns whether it is held off for that.
    fn adopt(&mut self, out: &mut Out, ix: Ix, claim: &Claim, cause: Cause) -> bool {
        let new_life = claim.life.epoch > self.life(ix).epoch;
        let unheard = self.peers.get(ix).was_heard() && !self.peers.is_heard(ix);
        let mut held = None;
        self.peers.uncount(ix, &self.topology);
        if new_life {
            self.drop_attributes(out, ix);
            let mut changes = Changes::default();
            self.topology.raise_epoch(ix, claim.life.epoch, &mut changes);
            self.peers.open_window(ix);
            self.peers.places.begin_life(ix);
            out.publish(changes);
        }
        self.locate(out, ix, claim);
        self.peers.get_mut(ix).incarnation = claim.incarnation;
        let what = match claim.standing {
            // It may arrive before what it objects to, which is then never seen here.
            Standing::Alive if !new_life => {
                let plea = match mutated!(self.config, FallWithoutEvidence) {
                    false => Plea::of(claim.incarnation),
                    true => Plea::CutOff,
                };
                held = self.peers.falls.objects(ix, plea, self.now, &self.timing);
                match self.peers.falls.left(ix, self.now) {
                    Some(left) if !mutated!(self.config, HoldsOff) => {
                        out.timers.hasten(Why::Housekeeping, self.now + left);
                        Trigger::ObjectsHeld
                    }
                    _ => Trigger::Objects,
                }
            }
            Standing::Alive => {
                self.peers.falls.begin_life(ix, unheard, self.now);
                Trigger::Begins
            }
            Standing::Down => Trigger::SaidDown,
            Standing::Left => Trigger::SaidLeft,
        };
        let cause = if what == Trigger::ObjectsHeld { Cause::HeldOff } else { cause };
        self.turn(out, ix, what, cause, new_life);
        self.peers.count(ix, &self.topology);
        if claim.standing != Standing::Alive {
            self.peers.turned_before(ix, self.now, claim.age);
        }
        held.is_some()
    }

    /// Raises this node's own incarnation above one that it is said to have, to one that says how this
    /// node has been. Returns `false` if there is none. If the others hold this node off from now on, the
    /// embedder is told.
    pub(crate) fn object(&mut self, out: &mut Out, above: u32, plea: Plea) -> bool {
        let Some(incarnation) = plea.above(above) else { return false };
        self.peers.uncount(Ix::ME, &self.topology);
        self.peers.get_mut(Ix::ME).incarnation = incarnation;
        self.peers.count(Ix::ME, &self.topology);
        let held = self.peers.falls.objects(Ix::ME, plea, self.now, &self.timing);
        if let Some((left, reason)) = held {
            out.event(Event::HeldOff { reason, left });
        }
        true
    }

    /// A node is gone: makes sure that somebody looks early enough whether it is to be forgotten. What is
    /// looked at too early is looked at again.
    pub(crate) fn expect_expiry(&self, out: &mut Out) {
        let at = self.now + self.config.forget_after.min(self.timing.stranger_memory);
        out.timers.hasten(Why::Housekeeping, at);
    }

    fn drop_attributes(&mut self, out: &mut Out, ix: Ix) {
        for (kind, _) in self.attributes.forget(ix) {
            self.tell_of_attribute(out, ix, kind, &Bytes::new());
        }
    }

    /// Forgets a node and all it said.
    pub(crate) fn forget(&mut self, out: &mut Out, ix: Ix, cause: Cause) {
        let (peer, from) = (self.life(ix), self.state(ix).shown());
        let epoch = self.forgotten.map_or(peer.epoch, |(epoch, _)| epoch.max(peer.epoch));
        self.forgotten = Some((epoch, out.packet));
        let position = self.topology.fingerprints().peer_position(peer.id);
        self.ring.remove(position, ix);
        self.peers.forget(ix, &self.topology, self.now, &self.timing);
        self.drop_attributes(out, ix);
        let mut changes = Changes::default();
        self.topology.delete(ix, &mut changes);
        out.publish(changes);
        out.event(Event::Peer { peer, from: Some(from), to: None, cause });
    }
}

/// Why a claim changes what was known.
fn cause(claim: &Claim, by: NodeId, known: Option<(Epoch, State)>) -> Cause {
    match (claim.standing, claim.accuser) {
        (Standing::Down, Some(accuser)) => {
            Cause::Confirmed { accuser, confirmed_by: claim.confirmed_by }
        }
        (Standing::Down, None) => Cause::Told { by },
        (Standing::Left, _) => Cause::Departed,
        (Standing::Alive, _) => match known {
            Some((epoch, _)) if claim.life.epoch > epoch => Cause::NewLife,
            Some((_, state)) if state.is_accused() => Cause::Refuted,
            _ if by == claim.life.id => Cause::Heard,
            _ => Cause::Told { by },
        },
    }
}

/// Whether a claim that came to this node alone is to be checked with the accused before it counts:
/// it says that a node is down that this node sees alive, and may be old news.
pub(crate) fn is_doubtful(picture: &Picture, ix: Ix, claim: &Claim) -> bool {
    claim.standing == Standing::Down
        && claim.life.epoch == picture.life(ix).epoch
        && picture.state(ix).is_alive()
}
