use alloc::format;
use alloc::string::String;
use core::net::SocketAddr;

use super::*;
use crate::base::{Epoch, Life};
use crate::claims::{Claim, Plea};
use crate::picture::{Weighed, of_one};

const TRIGGERS: [(Trigger, &str); 9] = [
    (Trigger::Unanswered, "It leaves a probe of this node's unanswered."),
    (Trigger::Cleared, "It answers this node or a verifier, or this node was asleep itself."),
    (Trigger::Unconfirmed, "It is silent for a window; no verifier is there, or too few report."),
    (Trigger::SaidDown, "It is found to be down, by this node or another."),
    (Trigger::SaidLeft, "It is said to have left."),
    (Trigger::Begins, "It begins a life."),
    (Trigger::Objects, "It objects to what was said of it."),
    (Trigger::ObjectsHeld, "It objects, and has fallen too often to be shown at once."),
    (Trigger::Steady, "Its hold is over."),
];

const fn name(state: State) -> &'static str {
    match state {
        State::Alive => "alive",
        State::Suspect => "suspect",
        State::Unreachable => "unreachable",
        State::Held => "held off",
        State::Down => "down",
        State::Left => "left",
    }
}

/// What the documentation shows.
fn tables() -> String {
    let header = |first: &str| {
        let names = State::ALL.map(|state| format!(" {} |", name(state))).concat();
        format!("| {first} |{names}\n|---|{}\n", "---|".repeat(State::ALL.len()))
    };
    let mut tables = header("what happens");
    for (what, told) in TRIGGERS {
        let after = State::ALL.map(|state| match state.after(what) {
            same if same == state => "  |".into(),
            next => format!(" {} |", name(next)),
        });
        tables += &format!("| {told} |{}\n", after.concat());
    }
    tables += "\nAn empty field means that nothing changes. A node that was not known enters alive, down or \
               left, as it is said to be, and a peer of any state may be forgotten.\n\n";
    tables += &header("what follows");
    let text = |holds: bool| String::from(if holds { "yes" } else { "" });
    let rows = [
        ("shown to the application as", State::ALL.map(|state| format!("{:?}", state.shown()))),
        ("told to others as", State::ALL.map(|state| format!("{:?}", state.standing()))),
        ("has a place on the ring", State::ALL.map(|state| text(state.is_reachable()))),
        ("counts in the digest", State::ALL.map(|state| text(state.is_living()))),
        ("is retried now and then", State::ALL.map(|state| text(state.is_lost()))),
        (
            "when it sends something, is told what is said of it, or pinged",
            State::ALL.map(|state| text(state.is_in_doubt())),
        ),
    ];
    for (told, each) in rows {
        let fields = each.map(|field| format!(" {field} |"));
        tables += &format!("| {told} |{}\n", fields.concat());
    }
    tables
}

#[test]
fn the_documentation_shows_the_machine_in_force() {
    let (tables, shown) = (tables(), include_str!("states.md"));
    assert!(tables == shown, "core/src/picture/state/states.md must read:\n{tables}");
}

/// One peer of a node, and what is said of it.
struct World {
    picture: Picture,
    out: Out,
    peer: Ix,
    known: Claim,
}

impl World {
    /// The peer has fallen once, and lives.
    fn new() -> Self {
        let (mut picture, mut out) = of_one();
        let addr = SocketAddr::from(([10, 0, 0, 2], 1));
        let id = picture.config.cluster.node_at(addr);
        let known = Claim::of_birth(Life { id, epoch: Epoch(1) }, Some(addr.into()));
        let peer = match picture.consider(&mut out, &known, id) {
            Weighed::News(news) => news.ix,
            weighed => panic!("{weighed:?}"),
        };
        let mut world = Self { picture, out, peer, known };
        world.happens(Trigger::SaidDown);
        world.says(Plea::CutOff);
        world
    }

    /// One whose peer is in a state.
    fn with(state: State) -> Self {
        let mut world = Self::new();
        match state {
            State::Alive => {}
            State::Suspect => world.happens(Trigger::Unanswered),
            State::Unreachable => world.happens(Trigger::Unconfirmed),
            State::Held => world.happens(Trigger::ObjectsHeld),
            State::Down => world.happens(Trigger::SaidDown),
            State::Left => world.happens(Trigger::SaidLeft),
        }
        assert_eq!(world.picture.state(world.peer), state);
        world
    }

    fn said(&mut self, standing: Standing) {
        self.known.standing = standing;
        let by = self.known.life.id;
        let weighed = self.picture.consider(&mut self.out, &self.known, by);
        assert!(matches!(weighed, Weighed::News(_)), "{weighed:?}");
    }

    fn says(&mut self, plea: Plea) {
        self.known.incarnation = plea.above(self.known.incarnation).unwrap();
        self.said(Standing::Alive);
    }

    /// Brings it about, by the calls that do so in the engine.
    fn happens(&mut self, what: Trigger) {
        let timing = &self.picture.timing;
        match what {
            Trigger::Unanswered | Trigger::Cleared | Trigger::Unconfirmed => {
                self.picture.observe(&mut self.out, self.peer, what, Cause::Answered);
            }
            Trigger::SaidDown | Trigger::SaidLeft => {
                self.known.incarnation += 4;
                let down = what == Trigger::SaidDown;
                self.said(if down { Standing::Down } else { Standing::Left });
            }
            Trigger::Begins => {
                self.known.life.epoch.0 += 1;
                self.known.incarnation = 0;
                self.said(Standing::Alive);
            }
            Trigger::Objects => self.says(Plea::Well),
            Trigger::ObjectsHeld => {
                self.picture.now = self.picture.now + timing.fall_apart * 2;
                self.says(Plea::CutOff);
            }
            Trigger::Steady => {
                self.picture.now = self.picture.now + timing.longest_hold;
                self.picture.take_back(&mut self.out);
            }
        }
    }

    /// What is kept beside the state follows from it.
    fn check(&self) {
        let Self { picture, peer, .. } = self;
        let (peer, state) = (*peer, self.picture.state(*peer));
        let roster = picture.topology.roster();
        assert_eq!(roster.status(peer), state.shown());
        assert_eq!(roster.is_retired(peer), !state.is_living());
        assert_eq!(picture.ring.len(), usize::from(state.is_reachable()));
        assert_eq!(picture.claim(peer).standing, state.standing());
        for other in State::ALL {
            let here = usize::from(other == State::Alive) + usize::from(other == state);
            assert_eq!(picture.peers.total(other), here);
        }
        let living = roster.iter().filter(|&ix| picture.state(ix).is_living());
        let sum = living.map(|ix| picture.peers.fingerprint(ix, &picture.topology));
        assert_eq!(picture.peers.root(), sum.fold(0, u64::wrapping_add));
        assert_eq!(picture.held_for(peer).is_some(), state == State::Held);
    }
}

/// Every field of the table: whatever happens to a peer in whatever state, through the real calls.
#[test]
fn every_state_and_trigger_leads_where_the_table_says() {
    for state in State::ALL {
        for (what, _) in TRIGGERS {
            let mut world = World::with(state);
            world.check();
            while world.out.events.pop().is_some() {}
            world.happens(what);
            let after = state.after(what);
            assert_eq!(world.picture.state(world.peer), after, "{state:?}, {what:?}");
            world.check();
            let event = world.out.events.pop();
            let shown = match event {
                Some(Event::Peer { from, to, .. }) => Some((from, to)),
                None => None,
                event => panic!("{event:?}"),
            };
            let changes = state.shown() != after.shown() || what == Trigger::Begins;
            let expected = changes.then_some((Some(state.shown()), Some(after.shown())));
            assert_eq!(shown, expected, "{state:?}, {what:?}");
        }
    }
}

#[test]
fn a_peer_of_any_state_is_forgotten_without_a_trace() {
    for state in State::ALL {
        let mut world = World::with(state);
        world.picture.forget(&mut world.out, world.peer, Cause::Expired);
        let picture = &world.picture;
        let total: usize = State::ALL.iter().map(|&state| picture.peers.total(state)).sum();
        assert_eq!((total, picture.ring.len(), picture.peers.unheard()), (1, 0, 0), "{state:?}");
        assert_eq!(picture.peers.root(), picture.peers.fingerprint(Ix::ME, &picture.topology));
        assert_eq!(picture.find(world.known.life.id), None);
    }
}
