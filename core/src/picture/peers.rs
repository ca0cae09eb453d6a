//! The table of peers: what is kept of each beside its place in the roster.

mod lateness;
mod strangeness;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use crate::base::{Instant, Ix, growth};
use crate::claims::Standing;
use crate::picture::falls::Falls;
use crate::picture::places::Places;
use crate::picture::rtt::Rtt;
use crate::picture::state::State;
use crate::picture::strangers::Strangers;
use crate::reconcile::{Root, Subject};
use crate::seal::{Freshness, WideWindows, Window};
use crate::timing::Timing;
use crate::topology::Topology;

/// What is kept of one peer.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Peer {
    /// Which of its packets have been seen, in its present life.
    window: Window,
    /// Orders the claims about its present life.
    pub(crate) incarnation: u32,
    /// Round trips to it.
    pub(crate) rtt: Rtt,
    /// When its status last turned, in milliseconds of the engine's time, wrapping.
    turned: u32,
    /// When a packet of it came last, or came to a relay that this node had asked, as a stamp, if one ever
    /// did.
    heard: u32,
    /// How far the highest number of its packets lies above that of the bound packet that was the
    /// proof, up to the most that fits.
    since_proof: u8,
    /// [`Proof`], [`State`], and the marks below.
    marks: u8,
    /// The first bits of the tag of its packet with the highest number.
    tag: u16,
}

const _: () = assert!(size_of::<Peer>() == 40);

/// The bits of the proof and those of the state, of which [`Peers::set_state`] is the only writer.
const PROOF: u8 = 0x03;
const STATE: u8 = 0x1c;

/// Marks a peer that had a wide window when it was heard last, one that was shown as present though no
/// packet of it had come, and one whose root was equal to this node's since a round began.
const WIDE: u8 = 0x20;
const SHOWN: u8 = 0x40;
const LEVEL: u8 = 0x80;

impl Peer {
    /// What shows that it lives in its present life.
    pub(crate) const fn proof(&self) -> Proof {
        match self.marks & PROOF {
            0 => Proof::None,
            1 => Proof::Vouched,
            _ => Proof::Own,
        }
    }

    const fn set_proof(&mut self, proof: Proof) {
        self.marks = self.marks & !PROOF | proof as u8;
    }

    const fn state(&self) -> State {
        State::ALL[((self.marks & STATE) >> STATE.trailing_zeros()) as usize]
    }

    const fn set_state(&mut self, state: State) {
        self.marks = self.marks & !STATE | (state as u8) << STATE.trailing_zeros();
    }

    /// Whether a packet of its own has come in any of its lives.
    pub(crate) const fn was_heard(&self) -> bool {
        self.heard != 0
    }

    const fn has(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }

    const fn mark(&mut self, mark: u8, set: bool) {
        self.marks = if set { self.marks | mark } else { self.marks & !mark };
    }
}

/// What shows that a peer lives in its present life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Nothing: its unbound packets may be recordings.
    #[default]
    None,
    /// Another's word, which also says which packet numbers are old.
    Vouched,
    /// A packet of its own that is bound to this node's life, or one after a word that turned out right.
    Own,
}

/// From how many entries on the table of those told recently is searched for old ones.
const TOLD: usize = 64;

/// All peers, in parallel to the roster.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Peers {
    table: Vec<Peer>,
    root: Root,
    usual: Rtt,
    pub(crate) falls: Falls,
    /// When a node was last told a claim about itself, as a stamp.
    told: BTreeMap<Ix, u32>,
    wide: WideWindows,
    /// How many there are in each [`State`], this node included.
    states: [u32; State::ALL.len()],
    /// How many of these were never heard.
    unheard: [u32; State::ALL.len()],
    strangers: Strangers,
    pub(crate) places: Places,
    /// How many have been equal to this node since a round began.
    level: usize,
}

impl Peers {
    pub(crate) fn new() -> Self {
        Self {
            table: Vec::new(),
            root: Root::default(),
            usual: Rtt::default(),
            falls: Falls::default(),
            told: BTreeMap::new(),
            wide: WideWindows::default(),
            states: [0; State::ALL.len()],
            unheard: [0; State::ALL.len()],
            strangers: Strangers::new(),
            places: Places::default(),
            level: 0,
        }
    }

    pub(crate) fn get(&self, ix: Ix) -> &Peer {
        &self.table[ix.index()]
    }

    pub(crate) fn get_mut(&mut self, ix: Ix) -> &mut Peer {
        &mut self.table[ix.index()]
    }

    pub(crate) fn state(&self, ix: Ix) -> State {
        self.get(ix).state()
    }

    /// How many nodes are in a state, this node included.
    pub(crate) const fn total(&self, state: State) -> usize {
        self.states[state as usize] as usize
    }

    /// How many of these were never heard.
    pub(crate) const fn total_unheard(&self, state: State) -> usize {
        self.unheard[state as usize] as usize
    }

    /// Whether a packet of a peer is new.
    pub(crate) fn freshness(&self, ix: Ix, packet: u64) -> Freshness {
        let peer = self.get(ix);
        match peer.window.check(packet) {
            Freshness::TooOld if peer.has(WIDE) => self.wide.check(ix.raw(), packet),
            freshness => freshness,
        }
    }

    /// Whether a packet was sent before the one that proved its sender. If it is not bound to this node's
    /// life it may have been recorded before that began; bound ones may still be overtaken.
    pub(crate) fn is_before_proof(&self, ix: Ix, packet: u64) -> bool {
        let peer = self.get(ix);
        let behind = peer.window.highest().checked_sub(packet);
        behind.is_some_and(|behind| behind >= u64::from(peer.since_proof))
    }

    /// The highest number of a packet of a peer.
    pub(crate) fn highest(&self, ix: Ix) -> u64 {
        self.get(ix).window.highest()
    }

    /// The first bits of the tag of the packet with the highest number, if one has been taken.
    pub(crate) fn tag_of_highest(&self, ix: Ix) -> u16 {
        self.get(ix).tag
    }

    /// Uses up the number of a packet of a peer, which has a tag with these first bits. What it would make
    /// too old to tell is kept apart, until it has been idle for a while.
    pub(crate) fn mark(&mut self, ix: Ix, (packet, tag): (u64, u16), now: Instant, idle: Duration) {
        let stamp = stamp(now);
        let peer = &mut self.table[ix.index()];
        let mut wide = peer.has(WIDE) && self.wide.mark(ix.raw(), packet, stamp);
        if !wide && peer.window.highest() > 0 && peer.window.loses_by(packet) {
            self.wide.open(ix.raw(), &peer.window, stamp, millis(idle));
            wide = self.wide.mark(ix.raw(), packet, stamp);
        }
        peer.mark(WIDE, wide);
        if !peer.was_heard() {
            self.unheard[peer.state() as usize] -= 1;
            self.strangers.meet(peer.state().is_present(), now);
        }
        peer.heard = stamp;
        let ahead = packet.saturating_sub(peer.window.highest());
        if ahead > 0 {
            peer.tag = tag;
        }
        peer.window.mark(packet);
        if peer.proof() == Proof::None {
            peer.since_proof = 0;
        } else {
            let since = u64::from(peer.since_proof).saturating_add(ahead);
            peer.since_proof = u8::try_from(since).unwrap_or(u8::MAX);
        }
        // A number that is taken shows that a floor that was named was none too high.
        peer.set_proof(Proof::Own);
    }

    /// A relay has heard a peer that packets of this node do not reach.
    pub(crate) fn vouched_for(&mut self, ix: Ix, now: Instant) {
        let peer = &mut self.table[ix.index()];
        if !peer.was_heard() {
            self.unheard[peer.state() as usize] -= 1;
            self.strangers.meet(peer.state().is_present(), now);
        }
        peer.heard = stamp(now);
    }

    /// Gives back the wide windows of bursts that are over.
    pub(crate) fn rest(&mut self, now: Instant, idle: Duration) {
        self.wide.give_back(stamp(now), millis(idle));
    }

    /// Another vouches for a peer: all numbers of its packets up to one that the other has seen are used up.
    pub(crate) fn vouch(&mut self, ix: Ix, packet: u64) {
        let peer = self.get_mut(ix);
        peer.mark(WIDE, false);
        peer.set_proof(Proof::Vouched);
        peer.since_proof = u8::MAX;
        peer.window.floor(packet);
    }

    /// Every number of a peer's packets is new from here on, and nothing shows that it lives.
    pub(crate) fn open_window(&mut self, ix: Ix) {
        self.unlevel(ix);
        let peer = self.get_mut(ix);
        peer.window = Window::default();
        peer.mark(WIDE, false);
        peer.set_proof(Proof::None);
    }

    /// Whether unbound packets of a peer's present life are believed.
    pub(crate) fn is_proven(&self, ix: Ix) -> bool {
        self.get(ix).proof() != Proof::None
    }

    /// Whether a packet of a peer's present life has been taken that nobody can have recorded.
    pub(crate) fn is_heard(&self, ix: Ix) -> bool {
        self.get(ix).proof() == Proof::Own
    }

    /// The sum of the fingerprints of all that live.
    pub(crate) const fn root(&self) -> u64 {
        self.root.sum()
    }

    /// The sum, for those who want to follow what moves in it.
    pub(crate) const fn root_mut(&mut self) -> &mut Root {
        &mut self.root
    }

    /// Enters a node that has just been interned and whose place is known.
    pub(crate) fn admit(
        &mut self,
        ix: Ix,
        topology: &Topology,
        incarnation: u32,
        state: State,
        now: Instant,
        timing: &Timing,
    ) {
        while self.table.len() <= ix.index() {
            growth::push(&mut self.table, Peer::default());
        }
        self.falls.forget(ix);
        self.told.remove(&ix);
        let turned = stamp(now);
        let heard = if ix == Ix::ME { turned } else { 0 };
        let peer = &mut self.table[ix.index()];
        *peer = Peer { incarnation, turned, heard, ..Peer::default() };
        peer.set_state(state);
        self.states[state as usize] += 1;
        if ix != Ix::ME {
            self.unheard[state as usize] += 1;
            self.strangers.enter();
            self.follow_presence(ix, false, now, timing);
        }
        self.count(ix, topology);
    }

    /// Changes the state of a node. The caller sees to all that follows from it.
    pub(super) fn set_state(&mut self, ix: Ix, state: State, now: Instant, timing: &Timing) {
        let peer = &mut self.table[ix.index()];
        let was = peer.state();
        peer.set_state(state);
        let unheard = u32::from(!peer.was_heard());
        self.states[was as usize] -= 1;
        self.states[state as usize] += 1;
        self.unheard[was as usize] -= unheard;
        self.unheard[state as usize] += unheard;
        self.follow_presence(ix, was.is_present(), now, timing);
    }

    /// Forgets a node that is about to be removed from the roster.
    pub(crate) fn forget(&mut self, ix: Ix, topology: &Topology, now: Instant, timing: &Timing) {
        self.uncount(ix, topology);
        self.places.forget(ix);
        self.falls.forget(ix);
        let (state, is_stranger) = (self.state(ix), !self.get(ix).was_heard());
        self.states[state as usize] -= 1;
        let presence = (state.is_present(), false);
        self.strangers.follow(is_stranger, presence, now, timing.settled_for);
        if is_stranger {
            self.unheard[state as usize] -= 1;
            self.strangers.leave();
        }
        self.unlevel(ix);
    }

    /// Whatever a peer held, it may hold it no longer.
    fn unlevel(&mut self, ix: Ix) {
        self.level -= usize::from(self.get(ix).has(LEVEL));
        self.get_mut(ix).mark(LEVEL, false);
    }

    /// Begins to look who holds what this node holds.
    pub(crate) fn begin_round(&mut self) {
        self.table.iter_mut().for_each(|peer| peer.mark(LEVEL, false));
        self.level = 0;
    }

    /// A peer holds what this node holds. Returns whether all that live have done since a round began.
    pub(crate) fn is_level_with_all(&mut self, with: Ix, topology: &Topology) -> bool {
        self.level += usize::from(!self.get(with).has(LEVEL));
        self.get_mut(with).mark(LEVEL, true);
        let roster = topology.roster();
        let gone = self.total(State::Down) + self.total(State::Left);
        // Looked at one by one only if that can be all of them.
        self.level + 1 + gone >= roster.len()
            && roster
                .iter()
                .all(|ix| ix == Ix::ME || self.get(ix).has(LEVEL) || !self.state(ix).is_living())
    }

    /// Takes the fingerprint of a node that lives out of the root; [`Peers::count`] puts it back after a
    /// change.
    pub(crate) fn uncount(&mut self, ix: Ix, topology: &Topology) {
        if self.state(ix).is_living() {
            self.root.subtract(self.fingerprint(ix, topology), || place(ix, topology));
        }
    }

    /// Puts a node's fingerprint into the root, if it lives.
    pub(crate) fn count(&mut self, ix: Ix, topology: &Topology) {
        if self.state(ix).is_living() {
            self.root.add(self.fingerprint(ix, topology), || place(ix, topology));
        }
    }

    /// The fingerprint of what is known of a node that lives.
    pub(crate) fn fingerprint(&self, ix: Ix, topology: &Topology) -> u64 {
        let (roster, incarnation) = (topology.roster(), self.get(ix).incarnation);
        let (id, epoch, alive) = (roster.id(ix), roster.epoch(ix), Standing::Alive as u8);
        let place = self.places.fingerprint(ix);
        topology.fingerprints().peer(id, epoch, incarnation, alive, place)
    }

    /// Notes that a node's status has turned so many seconds before `now`.
    pub(crate) fn turned_before(&mut self, ix: Ix, now: Instant, seconds: u32) {
        let millis = u32::try_from(u64::from(seconds) * 1000).unwrap_or(u32::MAX);
        self.get_mut(ix).turned = stamp(now).wrapping_sub(millis);
    }

    /// For how long nothing has been heard of a peer, in any of its lives; wraps after 49 days.
    pub(crate) fn since_heard(&self, ix: Ix, now: Instant) -> Duration {
        let peer = self.get(ix);
        if !peer.was_heard() {
            return Duration::MAX;
        }
        Duration::from_millis(stamp(now).wrapping_sub(peer.heard).into())
    }

    /// Milliseconds since a node's status turned; wraps after 49 days, like the clock it is kept by.
    pub(crate) fn since_turn(&self, ix: Ix, now: Instant) -> u32 {
        stamp(now).wrapping_sub(self.get(ix).turned)
    }

    /// Whether a node may be told a claim about itself again.
    pub(crate) fn may_tell(&mut self, ix: Ix, now: Instant, timing: &Timing) -> bool {
        let (stamp, again) = (stamp(now), timing.tell_again.as_millis());
        let old = |at: u32| u128::from(stamp.wrapping_sub(at)) >= again;
        if self.told.len() >= TOLD {
            self.told.retain(|_, at| !old(*at));
        }
        let told = self.told.get(&ix);
        let may = told.is_none_or(|at| old(*at));
        if may {
            self.told.insert(ix, stamp);
        }
        may
    }
}

/// Where what is known of a node lies.
fn place(ix: Ix, topology: &Topology) -> (u64, Subject) {
    (topology.fingerprints().peer_position(topology.roster().id(ix)), Subject::Peer(ix))
}

fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}

/// Milliseconds, wrapping, never 0.
fn stamp(now: Instant) -> u32 {
    (now.as_millis() as u32).max(1)
}
