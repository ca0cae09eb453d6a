//! Four nodes with keys, what operators and the network do to them, and what must never be.

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec;

use super::super::*;
use super::Verdict;
use super::steps::{BY_HAND, Step};
use crate::packet::KeyId;
use crate::seal::{KeyFingerprint, key_for};

pub(super) const NODES: usize = 4;

/// How many seconds a node that is not heard of counts as living.
const PATIENCE: u64 = 3;

/// After how many seconds it is spoken to under each key in turn. The engine waits longer.
const LOST: u64 = 10;

/// What a node knows of another one.
#[derive(Clone, Default)]
struct Heard {
    life: u32,
    version: u32,
    /// When it was heard, by anybody.
    at: u64,
    state: Option<KeyState>,
}

#[derive(Clone)]
pub(super) struct Node {
    pub(super) ring: Keyring,
    exchange: Exchange,
    life: u32,
    version: u32,
    heard: [Option<Heard>; NODES],
    /// The key under which each has spoken last.
    spoke: [Option<KeyId>; NODES],
    /// What is in its key file, and what was there before.
    file: Keyring,
    before: Keyring,
    /// The keys that it has marked as leaked, and those that it has gone beyond.
    leaked: BTreeSet<KeyFingerprint>,
    left: BTreeSet<KeyFingerprint>,
}

/// What one node says to another: what it knows of all, under a key.
#[derive(Clone)]
struct Packet {
    from: usize,
    to: usize,
    under: KeyId,
    news: [Option<Heard>; NODES],
}

pub(super) struct World {
    pub(super) nodes: Vec<Node>,
    far: [bool; NODES],
    late: Vec<Packet>,
    now: u64,
    secrets: u8,
    broken: Option<&'static str>,
}

fn cluster() -> ClusterName {
    ClusterName::try_from("laws").unwrap()
}

fn id(at: usize) -> NodeId {
    NodeId::from_bits(at as u64 + 1)
}

pub(super) fn secret(number: u8) -> Key {
    Key::authenticated([number; 32])
}

impl World {
    pub(super) fn new() -> Self {
        let ring = Keyring::new(secret(255));
        let node = Node {
            file: ring.clone(),
            before: ring.clone(),
            ring,
            exchange: Exchange::default(),
            life: 1,
            version: 0,
            heard: Default::default(),
            spoke: [None; NODES],
            leaked: BTreeSet::new(),
            left: BTreeSet::new(),
        };
        Self {
            nodes: vec![node; NODES],
            far: [false; NODES],
            late: Vec::new(),
            now: 0,
            secrets: BY_HAND,
            broken: None,
        }
    }

    pub(super) fn members(&self, at: usize) -> Vec<Member> {
        let heard = self.nodes[at].heard.iter().enumerate().filter(|(of, _)| *of != at);
        let member = |(of, heard): (usize, &Option<Heard>)| {
            let heard = heard.as_ref()?;
            let living = heard.at + PATIENCE >= self.now;
            Some(Member { id: id(of), living, state: heard.state.clone() })
        };
        heard.filter_map(member).collect()
    }

    /// As the engine chooses it.
    fn under(&self, at: usize, to: usize) -> KeyId {
        let Node { ring, heard, spoke, .. } = &self.nodes[at];
        let state = heard[to].as_ref().and_then(|heard| heard.state.as_ref());
        let holds = state.is_some_and(|state| state.holds(ring.primary()));
        let spoke = spoke[to].filter(|_| !holds);
        let usable = spoke.filter(|&id| ring.get(id).is_some_and(|held| !held.leaked));
        let now = Instant::from_nanos(self.now * 1_000_000_000);
        let is_lost = heard[to].as_ref().is_some_and(|heard| heard.at + LOST < self.now);
        match (usable, &heard[to]) {
            (_, Some(_)) if is_lost => for_lost(ring, now),
            (Some(key), _) => key,
            (None, Some(_)) => key_for(ring, state),
            (None, None) => self.nodes[at].exchange.for_stranger(ring, now),
        }
    }

    fn packet(&mut self, from: usize, to: usize) -> Packet {
        let under = self.under(from, to);
        if self.nodes[from].ring.get(under).is_none_or(|held| held.leaked) {
            self.broken = Some("a packet goes under a key that has leaked or is not held");
        }
        Packet { from, to, under, news: self.nodes[from].heard.clone() }
    }

    fn deliver(&mut self, packet: &Packet) {
        let Packet { from, to, under, ref news } = *packet;
        let node = &mut self.nodes[to];
        if from == to || self.far[from] != self.far[to] || node.ring.get(under).is_none() {
            return;
        }
        node.spoke[from] = Some(under);
        let mut offers = Vec::new();
        for (of, news) in news.iter().enumerate().filter(|(of, _)| *of != to) {
            let Some(news) = news else { continue };
            let known = node.heard[of].get_or_insert_default();
            known.at = known.at.max(news.at);
            if (news.life, news.version) > (known.life, known.version) {
                let at = known.at;
                *known = news.clone();
                known.at = at;
                offers.extend(news.state.as_ref().and_then(|state| state.offer));
            }
        }
        for offer in offers {
            if take(&mut self.nodes[to].ring, &cluster(), &offer).is_ok() {
                self.changed(to);
            }
        }
    }

    /// The ring of a node has changed: it is kept, and the node goes on.
    pub(super) fn changed(&mut self, at: usize) {
        self.keep(at);
        self.look(at);
    }

    fn keep(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.before = core::mem::replace(&mut node.file, node.ring.clone());
    }

    fn look(&mut self, at: usize) {
        let members = self.members(at);
        let now = Instant::from_nanos(self.now * 1_000_000_000);
        let node = &mut self.nodes[at];
        let former = node.ring.primary_key().clone();
        let changes = node.exchange.look(&mut node.ring, &cluster(), id(at), &members, now);
        let own = node.ring.primary_key();
        if own.key.id() != former.key.id() && own.rank() <= former.rank() && !former.leaked {
            self.broken = Some("a node went to a lower key");
        }
        let marked = |id: KeyId| {
            node.ring.get(id).is_none_or(|held| node.leaked.contains(&held.key.fingerprint()))
        };
        if changes.offer.is_some_and(|(offered, under)| marked(offered) || marked(under)) {
            self.broken = Some("a key that has leaked is offered, or wraps another one");
        }
        if changes.changed() {
            self.keep(at);
        }
        self.say(at, changes.offer);
    }

    /// A node says what it holds.
    fn say(&mut self, at: usize, offer: Option<(KeyId, KeyId)>) {
        let node = &mut self.nodes[at];
        let wrap = offer.and_then(|(wanted, under)| {
            let (held, under) = (node.ring.get(wanted)?, node.ring.get(under)?);
            Some(Wrap::new(&cluster(), &under.key, held))
        });
        let state = KeyState::of(&node.ring, wrap);
        let own = node.heard[at].as_ref().and_then(|own| own.state.as_ref());
        let says = node.ring.ids().count() > 1 || node.ring.highest().generation > 0;
        let asked = node.heard.iter().flatten().any(|heard| heard.state.is_some());
        let due = (says || asked) && own != Some(&state);
        node.version += u32::from(due);
        let (life, version) = (node.life, node.version);
        let state = if due { Some(state) } else { own.cloned() };
        node.heard[at] = Some(Heard { life, version, at: self.now, state });
    }

    fn restart(&mut self, at: usize, old: bool) {
        let node = &mut self.nodes[at];
        if old {
            // What is not in that file it does not know.
            node.file = node.before.clone();
            let file = &node.file;
            let known = |print: &KeyFingerprint, is: fn(&HeldKey) -> bool, leaked: bool| {
                file.keys().any(|held| held.key.fingerprint() == *print && is(held))
                    || file.retired().any(|it| it.fingerprint == *print && (it.leaked || !leaked))
            };
            node.leaked.retain(|print| known(print, |held| held.leaked, true));
            node.left.retain(|print| known(print, |held| held.replaced, false));
        }
        node.ring = node.file.clone();
        node.exchange = Exchange::default();
        node.life += 1;
        node.version = 0;
        node.heard = Default::default();
        node.spoke = [None; NODES];
        self.look(at);
    }

    /// A call of an operator, or a packet of a member that lies.
    fn call(&mut self, step: Step) {
        let (Step::Rotate(at)
        | Step::Add(at, _)
        | Step::Use(at, ..)
        | Step::Drop(at, ..)
        | Step::Leaked(at, _)
        | Step::Given(at, ..)
        | Step::Copy(at, _)) = step
        else {
            return;
        };
        let members = self.members(at);
        let file =
            if let Step::Copy(_, of) = step { Some(self.nodes[of].file.clone()) } else { None };
        let node = &mut self.nodes[at];
        let ids: Vec<KeyId> = node.ring.ids().collect();
        let pick = |number: u8| ids[usize::from(number) % ids.len()];
        let before = node.ring.primary_key().clone();
        match step {
            Step::Rotate(_) => {
                self.secrets = (self.secrets + 1).min(250);
                let _ = rotate(&mut node.ring, &members, secret(self.secrets));
            }
            Step::Add(_, number) => {
                let _ = add(&mut node.ring, &members, secret(number));
            }
            Step::Use(_, number, force) => {
                let _ = use_key(&mut node.ring, &members, pick(number), force);
            }
            Step::Drop(_, number, force) => {
                let _ = drop_key(&mut node.ring, &members, pick(number), force);
            }
            Step::Leaked(_, number) => {
                let key = pick(number);
                if node.ring.mark_leaked(key).is_ok() {
                    let held = node.ring.get(key).expect("it is held");
                    node.leaked.insert(held.key.fingerprint());
                }
            }
            Step::Given(_, number, under, generation) => {
                let number = [number % (BY_HAND + 4), 255][usize::from(number % 5 == 0)];
                let held = HeldKey::of_rotation(secret(number), generation);
                let under = node.ring.get(pick(under)).expect("it is held").key.clone();
                let _ = take(&mut node.ring, &cluster(), &Wrap::new(&cluster(), &under, &held));
            }
            _ => {
                let file = file.expect("it has one");
                for held in by_hand_of(&file) {
                    let _ = add(&mut node.ring, &members, held);
                }
            }
        }
        let own = node.ring.primary_key();
        if own.key.id() != before.key.id() {
            if own.rank() <= before.rank() && !matches!(step, Step::Leaked(..)) {
                self.broken = Some("a call made a node go to a lower key");
            }
            // After a leak a node may have to go back.
            node.left.remove(&own.key.fingerprint());
        }
        self.changed(at);
    }

    pub(super) fn take(&mut self, step: Step) {
        let primaries: Vec<HeldKey> =
            self.nodes.iter().map(|node| node.ring.primary_key().clone()).collect();
        match step {
            Step::Say(from, to) => {
                let packet = self.packet(from, to);
                self.deliver(&packet);
            }
            Step::SayLate(from, to) => {
                let packet = self.packet(from, to);
                self.late.push(packet);
            }
            Step::Late(number) => {
                let at = number % self.late.len().max(1);
                if let Some(packet) = self.late.get(at).cloned() {
                    self.deliver(&packet);
                }
            }
            Step::Look(at) => self.look(at),
            Step::Second => self.now += 1,
            Step::AddEverywhere(number) => {
                for at in 0..NODES {
                    self.call(Step::Add(at, number));
                }
            }
            Step::Restart(at) => self.restart(at, false),
            Step::RestartOld(at) => self.restart(at, true),
            Step::Cut(sides) => self.far = core::array::from_fn(|at| sides >> at & 1 == 1),
            Step::Heal => self.far = [false; NODES],
            Step::Forget(at, of) if at != of => self.nodes[at].heard[of] = None,
            Step::Forget(..) => {}
            call => self.call(call),
        }
        let old_file = matches!(step, Step::RestartOld(_));
        for (node, former) in self.nodes.iter_mut().zip(&primaries) {
            let own = node.ring.primary_key();
            if own.key.id() != former.key.id() && !old_file {
                node.left.insert(former.key.fingerprint());
            }
            let fingerprint = own.key.fingerprint();
            if own.leaked || node.leaked.contains(&fingerprint) {
                self.broken = Some("a key that was marked as leaked is in use");
            }
            if node.left.contains(&fingerprint) {
                self.broken = Some("a node has gone back to a key that it had left");
            }
            if node.ring.keys().any(|held| node.ring.retired_as(&held.key).is_some()) {
                self.broken = Some("a key is held and retired");
            }
        }
    }

    /// Everybody speaks to everybody for a while.
    pub(super) fn settle(&mut self) {
        self.far = [false; NODES];
        self.late.clear();
        for _ in 0..30 {
            for (from, to) in (0..NODES).flat_map(|from| (0..NODES).map(move |to| (from, to))) {
                self.take(Step::Say(from, to));
            }
            (0..NODES).for_each(|at| self.take(Step::Look(at)));
            self.take(Step::Second);
        }
    }

    /// Whether all are of one piece by the keys that they hold.
    pub(super) fn is_connected(&self) -> bool {
        let common = |one: &Node, other: &Node| {
            one.ring.keys().any(|held| {
                !held.leaked && other.ring.get(held.key.id()).is_some_and(|it| !it.leaked)
            })
        };
        let mut met = [true, false, false, false];
        for _ in 0..NODES {
            for (one, other) in (0..NODES).flat_map(|one| (0..NODES).map(move |to| (one, to))) {
                met[other] |= met[one] && common(&self.nodes[one], &self.nodes[other]);
            }
        }
        met == [true; NODES]
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.broken.map_or(Ok(()), |what| Err(self.fault(what)))
    }

    /// What is wrong, and where the nodes stand.
    pub(super) fn fault(&self, what: &str) -> String {
        let rings = self.nodes.iter().map(|node| format!("\n{:?}", node.ring));
        rings.fold(what.to_owned(), |text, ring| text + &ring)
    }

    pub(super) fn all_use(&self) -> Option<KeyId> {
        let first = self.nodes[0].ring.primary();
        self.nodes.iter().all(|node| node.ring.primary() == first).then_some(first)
    }
}

/// What a file has for another node: not what it says is over.
fn by_hand_of(file: &Keyring) -> Vec<Key> {
    let mut held: Vec<&HeldKey> =
        file.keys().filter(|held| !held.leaked && !held.replaced).collect();
    held.sort_by_key(|held| held.rank());
    held.into_iter().map(|held| held.key.clone()).collect()
}
