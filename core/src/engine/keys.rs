//! Keys while the engine runs: calls of the embedder, and what follows from what others say of theirs.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::Engine;
use crate::base::{Arrival, Destination, Instant, Ix, NodeId};
use crate::claims::AttributeKind;
use crate::out::{Event, KeyCause, KeyChange, To, Why};
use crate::packet::KeyId;
use crate::seal::{
    HeldKey, Key, KeyState, Keyring, KeyringError, MOST_GENERATIONS, Member, NotTaken, Sealer,
    Suite, key_for, plan,
};

/// How long the others' states of keys may come before they are looked at together.
const GATHER: Duration = Duration::from_millis(50);

/// How often a change of keys that is under way is looked at, whatever comes.
const LOOK: Duration = Duration::from_secs(1);

/// How long a key is accepted after the last node has said that it uses a higher one: what was sent under it
/// before arrives by then.
const GRACE: Duration = Duration::from_secs(3);

/// The most keys above the one in use that are taken from others: a member that makes up keys must not
/// fill the ring.
const MOST_AHEAD: usize = 4;

/// How far above this node's keys another node may say that its own are, to count when a new key is to be above
/// all: keys that lie twice as far ahead are taken by nobody.
const MOST_ABOVE: u32 = MOST_GENERATIONS / 2;

/// How many of the keys that were replaced are remembered, so that none of them comes back.
const MOST_RETIRED: usize = 2 * Keyring::MOST;

/// The most addresses of which the key is remembered. Beyond that all are forgotten.
const MOST_ADDRESSES: usize = 4_096;

/// A key of this node, and how far the cluster is with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingKey {
    /// Its id.
    pub id: KeyId,
    /// How packets are protected with it.
    pub suite: Suite,
    /// Its generation: see [`HeldKey::generation`].
    pub generation: u32,
    /// Whether this node sends with it.
    pub in_use: bool,
    /// Whether it is marked as leaked here.
    pub leaked: bool,
    /// Whether it is given to nodes that do not hold it.
    pub travels: bool,
    /// How many nodes are known to hold it, this one included. Where there has been one key only, nobody
    /// says anything of keys, and all hold and use that one.
    pub held_by: u32,
    /// How many nodes are known to send with it, this one included.
    pub used_by: u32,
    /// How many nodes there are, this one and those that are gone and not forgotten included.
    pub of: u32,
    /// A node that is not known to hold it: one that lives if there is one.
    pub waits_for: Option<NodeId>,
    /// How many packets this node has sent under it since it got it.
    pub sent: u64,
    /// How many authentic packets have come under it since then.
    pub received: u64,
}

/// Why a call about keys is refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The ring does not allow it.
    Ring(KeyringError),
    /// This build has no encryption (feature `seal`), so no key can travel.
    NoEncryption,
    /// A living node has no encryption, so no key can travel to it.
    NoEncryptionAt {
        /// The node.
        node: NodeId,
    },
    /// The rotation before is still under way.
    UnderWay {
        /// The key that not all living nodes use yet.
        key: KeyId,
        /// A node that does not.
        node: Option<NodeId>,
    },
    /// A node is not known to hold the key, or, where one is to be dropped, to use a higher one.
    NotAll {
        /// The key.
        key: KeyId,
        /// The node.
        node: NodeId,
    },
    /// The key in use is higher, and has not leaked.
    Lower {
        /// The key in use.
        in_use: KeyId,
    },
    /// The key was replaced here in this life of the node, and dropped. Brought back it would count as the
    /// newest one.
    Retired {
        /// The key.
        key: KeyId,
        /// The key in use.
        in_use: KeyId,
    },
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ring(error) => error.fmt(f),
            Self::NoEncryption => f.write_str(
                "this build has no encryption (feature `seal`), so no key can travel: bring keys by hand",
            ),
            Self::NoEncryptionAt { node } => write!(
                f,
                "node {node} was built without encryption, so no key can travel to it: bring keys by hand"
            ),
            Self::UnderWay { key, node: Some(node) } => write!(
                f,
                "node {node} does not use key {key} yet: wait, or bring a new key to every node if it never will"
            ),
            Self::UnderWay { key, node: None } => {
                write!(f, "key {key} is not in use yet: wait until all living nodes hold it")
            }
            Self::NotAll { key, node } => write!(
                f,
                "node {node} is not known to have key {key}: wait until it has, or force it"
            ),
            Self::Lower { in_use } => {
                write!(
                    f,
                    "key {in_use} is in use and higher, and nodes never go back: to end a split, bring a \
                     new key to every node"
                )
            }
            Self::Retired { key, in_use } => write!(
                f,
                "key {key} was replaced by key {in_use}, and nodes never go back: bring key {in_use} to \
                 the nodes that lack it, or a new key to every node"
            ),
        }
    }
}

impl core::error::Error for KeyError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Ring(error) => Some(error),
            _ => None,
        }
    }
}

impl From<KeyringError> for KeyError {
    fn from(error: KeyringError) -> Self {
        Self::Ring(error)
    }
}

/// What the engine keeps of keys beside the ring, which is in the configuration.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Keys {
    /// The key that this node offers to others.
    offers: Option<KeyId>,
    /// Since when all nodes have used the key that this one uses, and others are left.
    replaced: Option<Instant>,
    /// Under which key an address has spoken last, while there are several.
    spoke: BTreeMap<SocketAddr, KeyId>,
    /// Packets sent and received under each key.
    counts: BTreeMap<KeyId, (u64, u64)>,
    /// Keys below the one in use that were dropped, the last ones.
    retired: VecDeque<KeyId>,
}

impl Keys {
    pub(super) fn sent(&mut self, key: KeyId) {
        self.counts.entry(key).or_default().0 += 1;
    }

    fn retire(&mut self, key: KeyId) {
        if self.retired.len() >= MOST_RETIRED {
            self.retired.pop_front();
        }
        self.retired.push_back(key);
    }
}

/// Keys.
impl Engine {
    /// The keys of this node, by rising id, and how far the cluster is with each. Their order, and the
    /// secrets, are in [`Config::keys`](crate::Config::keys) of [`Engine::config`].
    #[must_use]
    pub fn keys(&self) -> Vec<RingKey> {
        let members = self.key_members();
        let ring = &self.picture.config.keys;
        let row = |held: &HeldKey| {
            let id = held.key.id();
            let is_primary = id == ring.primary();
            // Nobody says anything of keys before the second one.
            let only = |it: &Member| it.state.is_none() && ring.ids().count() == 1;
            let count = |what: &dyn Fn(&Member) -> bool, own: bool| {
                members.iter().filter(|it| what(it) || only(it)).count() as u32 + u32::from(own)
            };
            let lacking = |living| {
                let lacks = |it: &&Member| it.living == living && !it.holds(id) && !only(it);
                members.iter().find(lacks).map(|it| it.id)
            };
            let (sent, received) = self.keys.counts.get(&id).copied().unwrap_or_default();
            RingKey {
                id,
                suite: held.key.suite(),
                generation: held.generation,
                in_use: is_primary,
                leaked: held.leaked,
                travels: held.travels,
                held_by: count(&|it| it.holds(id), true),
                used_by: count(&|it| it.uses(id), is_primary),
                of: members.len() as u32 + 1,
                waits_for: lacking(true).or_else(|| lacking(false)),
                sent,
                received,
            }
        };
        ring.keys().map(row).collect()
    }

    /// Adds a key that was brought by hand. It never travels. Once all living nodes hold it, each goes to it
    /// by itself. A key that is held already stays as it is.
    ///
    /// # Errors
    ///
    /// [`KeyError::Ring`]; [`KeyError::Retired`] for one of the last sixteen keys that were replaced and dropped
    /// in this life. Nothing has changed then.
    pub fn add_key(&mut self, now: Instant, key: Key) -> Result<KeyId, KeyError> {
        let ring = &self.picture.config.keys;
        let known = ring.get(key.id()).is_some();
        if self.keys.retired.contains(&key.id()) {
            return Err(KeyError::Retired { key: key.id(), in_use: ring.primary() });
        }
        let generation = self.next_generation();
        let id = self.picture.config.keys.hold(HeldKey::by_hand(key, generation))?;
        self.advance(now);
        if known {
            return Ok(id);
        }
        self.keys_changed(id, KeyChange::Added, KeyCause::Asked);
        Ok(id)
    }

    /// Makes a node send with a key at once.
    ///
    /// # Errors
    ///
    /// [`KeyError::Ring`]; [`KeyError::Lower`]; [`KeyError::NotAll`] if a living node is not known to hold it,
    /// unless it is forced: that node hears nothing from this one until it does. Nothing has changed then.
    pub fn use_key(&mut self, now: Instant, id: KeyId, force: bool) -> Result<(), KeyError> {
        let ring = &self.picture.config.keys;
        let own = ring.primary_key();
        let wanted = ring.get(id).ok_or(KeyringError::Unknown { id })?;
        if wanted.rank() < own.rank() {
            return Err(KeyError::Lower { in_use: own.key.id() });
        }
        let members = self.key_members();
        let lacking = members.iter().find(|it| it.living && !it.holds(id));
        if let Some(lacking) = lacking.filter(|_| !force) {
            return Err(KeyError::NotAll { key: id, node: lacking.id });
        }
        self.picture.config.keys.set_primary(id)?;
        self.advance(now);
        self.keys_changed(id, KeyChange::InUse, KeyCause::Asked);
        Ok(())
    }

    /// Drops a key.
    ///
    /// # Errors
    ///
    /// [`KeyError::Ring`]; [`KeyError::NotAll`] if a node that is not forgotten, be it gone, is not known to
    /// use the same key as this one, unless it is forced: such a node can only come back with the new key.
    /// Nothing has changed then.
    pub fn drop_key(&mut self, now: Instant, id: KeyId, force: bool) -> Result<(), KeyError> {
        let ring = &self.picture.config.keys;
        let primary = ring.primary();
        let members = self.key_members();
        let without = members.iter().find(|it| !it.uses(primary));
        if let Some(without) = without.filter(|_| !force && ring.get(id).is_some())
            && id != primary
        {
            return Err(KeyError::NotAll { key: primary, node: without.id });
        }
        let is_lower = ring.get(id).is_some_and(|held| held.rank() < ring.primary_key().rank());
        self.picture.config.keys.remove(id)?;
        if is_lower {
            self.keys.retire(id);
        }
        self.advance(now);
        self.keys_changed(id, KeyChange::Dropped, KeyCause::Asked);
        Ok(())
    }

    /// Notes that somebody else may know a key: this node sends nothing under it any more, gives no key
    /// under it and takes none. It is still accepted until it is dropped. If it was in use, the highest of
    /// the others takes its place at once.
    ///
    /// # Errors
    ///
    /// [`KeyError::Ring`]; nothing has changed then.
    pub fn mark_leaked(&mut self, now: Instant, id: KeyId) -> Result<(), KeyError> {
        let before = self.picture.config.keys.primary();
        self.picture.config.keys.mark_leaked(id)?;
        self.advance(now);
        let primary = self.picture.config.keys.primary();
        self.keys_changed(id, KeyChange::Leaked, KeyCause::Asked);
        if primary != before {
            self.tell_of_key(primary, KeyChange::InUse, KeyCause::Asked);
        }
        Ok(())
    }

    /// Begins to exchange the key in use for a new one, whose secret the embedder draws at random.
    ///
    /// From here on it goes by itself, at all nodes: the key travels, wrapped under one that all hold; each
    /// node goes to it once all living ones hold it; the old one is dropped once all nodes that are not
    /// forgotten use the new one.
    ///
    /// # Errors
    ///
    /// [`KeyError`]; nothing has changed then.
    pub fn rotate_keys(&mut self, now: Instant, key: Key) -> Result<KeyId, KeyError> {
        if !cfg!(feature = "seal") {
            return Err(KeyError::NoEncryption);
        }
        let ring = &self.picture.config.keys;
        let primary = ring.primary();
        let highest = ring.keys().filter(|held| !held.leaked).max_by_key(|held| held.rank());
        if let Some(highest) = highest.filter(|held| held.key.id() != primary) {
            return Err(KeyError::UnderWay { key: highest.key.id(), node: None });
        }
        let members = self.key_members();
        let state = |it: &Member, is: &dyn Fn(&KeyState) -> bool| it.state.as_ref().is_some_and(is);
        if let Some(mute) = members.iter().find(|it| it.living && state(it, &|it| !it.unwraps)) {
            return Err(KeyError::NoEncryptionAt { node: mute.id });
        }
        let behind = members.iter().find(|it| it.living && state(it, &|it| it.in_use != primary));
        if let Some(behind) = behind {
            return Err(KeyError::UnderWay { key: primary, node: Some(behind.id) });
        }
        let generation = self.next_generation();
        let id = self.hold(HeldKey::of_rotation(key, generation))?;
        self.advance(now);
        self.keys_changed(id, KeyChange::Added, KeyCause::Asked);
        Ok(id)
    }

    /// Above all keys that this node knows of, but for those that somebody must have made up.
    fn next_generation(&self) -> u32 {
        let own = self.picture.config.keys.highest().generation;
        let most = own.saturating_add(MOST_ABOVE);
        let others = self.key_members();
        let others = others.iter().filter_map(|it| Some(it.state.as_ref()?.generation));
        others.filter(|it| *it <= most).fold(own, u32::max).saturating_add(1)
    }

    fn hold(&mut self, held: HeldKey) -> Result<KeyId, KeyringError> {
        let known = self.picture.config.keys.get(held.key.id()).is_some();
        let id = self.picture.config.keys.hold(held)?;
        if known { Err(KeyringError::SameId { id }) } else { Ok(id) }
    }

    /// What others have said of their keys.
    fn key_members(&self) -> Vec<Member> {
        let others = self.picture.topology.roster().iter().filter(|&ix| ix != Ix::ME);
        let member = |ix| Member {
            id: self.picture.life(ix).id,
            living: self.picture.state(ix).is_living(),
            state: self.key_state(ix),
        };
        others.map(member).collect()
    }

    fn key_state(&self, ix: Ix) -> Option<KeyState> {
        KeyState::from_bytes(self.picture.attributes.get(ix, AttributeKind::KEYS))
    }

    fn tell_of_key(&mut self, key: KeyId, change: KeyChange, cause: KeyCause) {
        self.out.event(Event::Key { key, change, cause });
    }

    fn keys_changed(&mut self, key: KeyId, change: KeyChange, cause: KeyCause) {
        self.tell_of_key(key, change, cause);
        self.derive_keys();
        self.look_at_keys();
    }

    /// Another node has said something of its keys.
    pub(super) fn on_key_state(&mut self, by: NodeId, bytes: &Bytes) {
        self.out.timers.hasten(Why::Keys, self.picture.now + GATHER);
        let offer = KeyState::from_bytes(bytes).and_then(|state| state.offer);
        let Some(offer) = offer else { return };
        let config = &self.picture.config;
        match offer.open(&config.cluster, &config.keys) {
            Ok(held) => {
                let own = config.keys.primary_key().rank();
                let ahead = config.keys.keys().filter(|held| held.rank() > own).count();
                if ahead >= MOST_AHEAD || self.hold(held).is_err() {
                    self.out.stats.keys_refused += 1;
                } else {
                    self.keys_changed(offer.id, KeyChange::Added, KeyCause::Given { by });
                }
            }
            Err(NotTaken::Refused) => self.out.stats.keys_refused += 1,
            Err(NotTaken::NotNow | NotTaken::CannotOpen) => {}
        }
    }

    /// Goes on with what is under way: to a key that all hold, away from one that nobody needs.
    pub(super) fn look_at_keys(&mut self) {
        let members = self.key_members();
        let me = self.picture.me().id;
        let plan = plan(&self.picture.config.keys, me, &members, self.keys.offers);
        if let Some(id) = plan.go_to
            && self.picture.config.keys.set_primary(id).is_ok()
        {
            self.tell_of_key(id, KeyChange::InUse, KeyCause::HeldByAll);
            self.derive_keys();
        }
        let now = self.picture.now;
        match self.keys.replaced {
            _ if plan.drop.is_empty() || plan.go_to.is_some() => self.keys.replaced = None,
            None => self.keys.replaced = Some(now),
            Some(since) if now.since(since) < GRACE => {}
            Some(_) => {
                for id in plan.drop {
                    if self.picture.config.keys.remove(id).is_ok() {
                        self.keys.retire(id);
                        self.tell_of_key(id, KeyChange::Dropped, KeyCause::Replaced);
                    }
                }
                self.keys.replaced = None;
                self.derive_keys();
            }
        }
        self.keys.offers = plan.offer.map(|(id, _)| id);
        self.publish_keys(plan.offer, &members);
        if self.has_several_keys() {
            self.out.timers.hasten(Why::Keys, now + LOOK);
        }
    }

    /// Says to all what this node holds and uses, once anybody has said anything of the kind: a cluster
    /// that has one key and never had another says nothing.
    fn publish_keys(&mut self, offer: Option<(KeyId, KeyId)>, members: &[Member]) {
        let ring = &self.picture.config.keys;
        let said = self.picture.attributes.get(Ix::ME, AttributeKind::KEYS);
        let others = || members.iter().any(|it| it.state.is_some());
        let is_due = self.has_several_keys() || ring.highest().generation > 0;
        if !is_due && said.is_empty() && !others() {
            return;
        }
        let bytes = KeyState::of(ring, self.wrap(offer)).to_bytes();
        if bytes[..] != said[..] {
            self.describe_me(AttributeKind::KEYS, bytes.into());
        }
    }

    #[cfg(feature = "seal")]
    fn wrap(&self, offer: Option<(KeyId, KeyId)>) -> Option<crate::seal::Wrap> {
        let config = &self.picture.config;
        let (id, under) = offer?;
        let (held, under) = (config.keys.get(id)?, config.keys.get(under)?);
        Some(crate::seal::Wrap::new(&config.cluster, &under.key, held))
    }

    #[cfg(not(feature = "seal"))]
    const fn wrap(&self, _: Option<(KeyId, KeyId)>) -> Option<crate::seal::Wrap> {
        None
    }

    fn has_several_keys(&self) -> bool {
        self.picture.config.keys.ids().count() > 1
    }

    /// Prepares the keys of the ring for this life.
    pub(super) fn derive_keys(&mut self) {
        let config = &self.picture.config;
        let (keys, cluster, liveness) = (&config.keys, &config.cluster, config.liveness);
        let me = self.picture.me();
        self.sealer = Sealer::new(keys, cluster, liveness, me);
        self.opener = crate::seal::Opener::new(keys, cluster, liveness, config.limits.session_keys);
        let usable = keys.keys().filter(|held| !held.leaked);
        self.sealers = match keys.ids().count() {
            1 => Vec::new(),
            _ => usable.map(|held| Sealer::of_key(&held.key, cluster, liveness, me)).collect(),
        };
        self.keys.counts.retain(|&id, _| keys.get(id).is_some());
        if self.sealers.is_empty() {
            self.keys.spoke.clear();
        }
    }

    /// An authentic packet has come.
    pub(super) fn heard_under(&mut self, key: KeyId, arrival: Arrival) {
        self.keys.counts.entry(key).or_default().1 += 1;
        if let Arrival::Unicast(source) = arrival
            && !self.sealers.is_empty()
        {
            if self.keys.spoke.len() >= MOST_ADDRESSES {
                self.keys.spoke.clear();
            }
            self.keys.spoke.insert(source, key);
        }
    }

    /// Chooses the key under which the next packet to a receiver goes: the one in use, unless the receiver is
    /// not known to hold it and has not spoken under it.
    pub(super) fn choose_key(&mut self, to: To) {
        if self.sealers.is_empty() {
            return;
        }
        let ring = &self.picture.config.keys;
        let id = match (to.at, to.node) {
            (Destination::Multicast, _) => ring.primary(),
            (Destination::Unicast(at), node) => {
                let state = node.and_then(|ix| self.key_state(ix));
                let holds = state.as_ref().is_some_and(|state| state.holds(ring.primary()));
                let spoke = self.keys.spoke.get(&at).copied().filter(|_| !holds);
                let usable =
                    spoke.filter(|&id| ring.get(id).is_some_and(|held: &HeldKey| !held.leaked));
                usable.unwrap_or_else(|| key_for(ring, state.as_ref()))
            }
        };
        if self.sealer.key() != id
            && let Some(sealer) = self.sealers.iter().find(|sealer| sealer.key() == id)
        {
            self.sealer = sealer.clone();
        }
    }
}

const _: () = assert!(MOST_AHEAD < Keyring::MOST);
