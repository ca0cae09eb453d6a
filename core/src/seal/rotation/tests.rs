//! The rules hold for any order in which nodes rotate, hear of each other and are cut off.

use super::*;
use crate::seal::{ClusterName, Key, Wrap};
use quickcheck::{Arbitrary, Gen, quickcheck};

const NODES: usize = 5;

/// A node: its ring, what it has heard of the others, and what it offers.
struct Node {
    ring: Keyring,
    heard: [Option<KeyState>; NODES],
    offers: Option<KeyId>,
    /// The keys that it marked as leaked.
    leaked: Vec<KeyId>,
}

/// Nodes that tell each other what they say of their keys, in any order.
struct World {
    nodes: Vec<Node>,
    /// Which nodes are on the far side of a cut.
    far: [bool; NODES],
    secrets: u8,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// One hears of another.
    Hear(usize, usize),
    /// One looks at what it has heard.
    Look(usize),
    Rotate(usize),
    /// A cut begins, or ends.
    Cut(u8),
    Heal,
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let (one, other) = (usize::arbitrary(g) % NODES, usize::arbitrary(g) % NODES);
        match u8::arbitrary(g) % 16 {
            0 => Self::Rotate(one),
            1 => Self::Cut(u8::arbitrary(g)),
            2 => Self::Heal,
            3..=7 => Self::Look(one),
            _ => Self::Hear(one, other),
        }
    }
}

fn cluster() -> ClusterName {
    ClusterName::try_from("laws").unwrap()
}

fn id(at: usize) -> NodeId {
    NodeId::from_bits(at as u64 + 1)
}

impl World {
    fn new() -> Self {
        let node = || Node {
            ring: Keyring::new(Key::authenticated([255; 32])),
            heard: Default::default(),
            offers: None,
            leaked: Vec::new(),
        };
        Self {
            nodes: core::iter::repeat_with(node).take(NODES).collect(),
            far: [false; NODES],
            secrets: 0,
        }
    }

    fn state(&self, at: usize) -> KeyState {
        let node = &self.nodes[at];
        let offer = node.offers.and_then(|id| {
            let (_, under) = offer(&node.ring, self::id(at), &self.members(at), node.offers)?;
            let (held, under) = (node.ring.get(id)?, node.ring.get(under)?);
            Some(Wrap::new(&cluster(), &under.key, held))
        });
        KeyState::of(&node.ring, offer)
    }

    /// The others as one sees them: those beyond a cut are gone.
    fn members(&self, at: usize) -> Vec<Member> {
        let others = (0..NODES).filter(|&other| other != at);
        let member = |other| Member {
            id: id(other),
            living: self.far[other] == self.far[at],
            state: self.nodes[at].heard[other].clone(),
        };
        others.map(member).collect()
    }

    fn hear(&mut self, at: usize, of: usize) {
        if at == of || self.far[at] != self.far[of] {
            return;
        }
        let state = self.state(of);
        if let Some(offer) = &state.offer
            && let Ok(held) = offer.open(&cluster(), &self.nodes[at].ring)
        {
            let _ = self.nodes[at].ring.hold(held);
        }
        self.nodes[at].heard[of] = Some(state);
    }

    /// Returns whether a rule was broken.
    fn look(&mut self, at: usize) -> bool {
        let members = self.members(at);
        let node = &mut self.nodes[at];
        let plan = plan(&node.ring, id(at), &members, node.offers);
        let before = node.ring.primary_key().rank();
        if let Some(id) = plan.go_to {
            let to = node.ring.get(id).expect("it holds it");
            if to.rank() <= before || to.leaked {
                return true;
            }
            node.ring.set_primary(id).expect("it may be used");
        }
        for id in plan.drop {
            // Nobody needs it: all have said that they use the one that this node uses.
            if !members.iter().all(|it| it.uses(node.ring.primary())) {
                return true;
            }
            node.ring.remove(id).expect("it is not in use");
        }
        node.offers = plan.offer.map(|(id, _)| id);
        plan.offer.is_some_and(|(_, under)| node.leaked.contains(&under))
    }

    fn rotate(&mut self, at: usize) {
        let ring = &mut self.nodes[at].ring;
        if ring.highest().key.id() == ring.primary() && ring.ids().count() < Keyring::MOST {
            self.secrets += 1;
            let generation = ring.highest().generation + 1;
            let key = Key::authenticated([self.secrets; 32]);
            // One in 65,536 has the id of another one.
            let _ = ring.hold(HeldKey::of_rotation(key, generation));
        }
    }

    /// Takes a step; returns whether a rule was broken.
    fn take(&mut self, step: Step) -> bool {
        match step {
            Step::Hear(at, of) => self.hear(at, of),
            Step::Look(at) => return self.look(at),
            Step::Rotate(at) => self.rotate(at),
            Step::Cut(sides) => {
                self.far = core::array::from_fn(|at| sides >> at & 1 == 1);
            }
            Step::Heal => self.far = [false; NODES],
        }
        // Whatever a node sends to another one that it can reach, that one can read.
        (0..NODES).any(|at| {
            (0..NODES).any(|to| {
                let heard = self.nodes[at].heard[to].as_ref();
                let key = key_for(&self.nodes[at].ring, heard);
                heard.is_some() && self.nodes[to].ring.get(key).is_none()
            })
        })
    }

    /// All that is to be said is heard by all, often enough.
    fn settle(&mut self) -> bool {
        self.far = [false; NODES];
        (0..40).any(|_| {
            (0..NODES).any(|at| {
                (0..NODES).for_each(|of| self.hear(at, of));
                self.look(at)
            })
        })
    }
}

quickcheck! {
    fn whatever_happens_it_ends_with_one_key_in_use_and_no_other(steps: Vec<Step>) -> bool {
        let mut world = World::new();
        let broken = steps.iter().any(|&step| world.take(step)) || world.settle();
        let first = world.nodes[0].ring.primary();
        let all = || world.nodes.iter();
        !broken && all().all(|node| node.ring.ids().eq([first]))
    }

    fn a_leaked_key_is_never_used_and_opens_and_wraps_nothing(steps: Vec<Step>, at: u8) -> bool {
        let mut world = World::new();
        let at = usize::from(at) % NODES;
        let fresh = Key::authenticated([254; 32]);
        let leaked = world.nodes[at].ring.primary();
        world.nodes[at].ring.insert(fresh).unwrap();
        world.nodes[at].ring.mark_leaked(leaked).unwrap();
        world.nodes[at].leaked.push(leaked);
        steps.iter().all(|&step| {
            if world.take(step) {
                // It does not speak to those that hold nothing else: they cannot read it, and are to be
                // given the key by hand.
                return world.nodes[at].ring.primary() != leaked;
            }
            let node = &world.nodes[at];
            let states = node.heard.iter().map(Option::as_ref);
            node.ring.primary() != leaked
                && states.into_iter().all(|state| key_for(&node.ring, state) != leaked)
        })
    }
}

#[test]
fn only_one_node_offers_and_another_one_if_that_is_gone() {
    let mut world = World::new();
    world.rotate(3);
    assert!(!world.look(3));
    for at in 0..NODES {
        world.hear(at, 3);
    }
    for (at, of) in (0..NODES).flat_map(|at| (0..NODES).map(move |of| (at, of))) {
        world.hear(at, of);
    }
    let offering = |world: &mut World| {
        (0..NODES).for_each(|at| assert!(!world.look(at)));
        (0..NODES).filter(|&at| world.nodes[at].offers.is_some()).collect::<Vec<_>>()
    };
    assert!(offering(&mut world).is_empty(), "all hold it");
    // One that lacks it comes, and the one that began is gone.
    world.nodes[4].ring = Keyring::new(Key::authenticated([255; 32]));
    world.far[3] = true;
    for at in 0..3 {
        world.hear(at, 4);
    }
    assert_eq!(offering(&mut world), [0]);
}

#[test]
fn nodes_that_dropped_the_old_key_do_not_keep_those_that_hold_both_from_offering() {
    let mut world = World::new();
    let (old, new) = (Key::authenticated([255; 32]).id(), Key::authenticated([1; 32]).id());
    for at in 0..4 {
        let ring = &mut world.nodes[at].ring;
        ring.hold(HeldKey::of_rotation(Key::authenticated([1; 32]), 1)).unwrap();
        ring.set_primary(new).unwrap();
        if at < 2 {
            ring.remove(old).unwrap();
        }
    }
    // The last one was away. Those with the two lowest ids forgot it, and cannot wrap for it any more.
    for (at, of) in (2..4).flat_map(|at| (0..NODES).map(move |of| (at, of))) {
        world.hear(at, of);
    }
    assert!(!world.look(2) && !world.look(3));
    assert_eq!((world.nodes[2].offers, world.nodes[3].offers), (Some(new), None));
    world.hear(4, 2);
    assert!(world.nodes[4].ring.get(new).is_some());
    assert!(!world.settle());
    assert!(world.nodes.iter().all(|node| node.ring.ids().eq([new])));
}
