//! Keys while the engine runs: calls of the embedder, and what follows from what others say of theirs.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::Engine;
use crate::base::{Arrival, Destination, Instant, Ix, NodeId};
use crate::claims::AttributeKind;
use crate::out::{Event, KeyCause, KeyChange, To, Why};
use crate::packet::KeyId;
use crate::seal::{
    Exchange, HeldKey, Key, KeyError, KeyState, Member, NotTaken, Sealer, Suite, add, drop_key,
    for_lost, key_for, rotate, take, use_key,
};

/// How long the others' states of keys may come before they are looked at together.
const GATHER: Duration = Duration::from_millis(50);

/// How often a change of keys that is under way is looked at, whatever comes.
const LOOK: Duration = Duration::from_secs(1);

/// After how long without a word a node that is gone is spoken to under each key in turn.
const LOST: Duration = Duration::from_secs(300);

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

/// What the engine keeps of keys beside the ring, which is in the configuration.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Keys {
    exchange: Exchange,
    /// Under which key an address has spoken last, while there are several.
    spoke: BTreeMap<SocketAddr, KeyId>,
    /// Packets sent and received under each key.
    counts: BTreeMap<KeyId, (u64, u64)>,
}

impl Keys {
    pub(super) fn sent(&mut self, key: KeyId) {
        self.counts.entry(key).or_default().0 += 1;
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
    /// [`KeyError::Ring`]; [`KeyError::Retired`] for one that the ring remembers as retired. Nothing has changed
    /// then.
    pub fn add_key(&mut self, now: Instant, key: Key) -> Result<KeyId, KeyError> {
        let (id, members) = (key.id(), self.key_members());
        let is_new = add(&mut self.picture.config.keys, &members, key)?;
        self.advance(now);
        if is_new {
            self.keys_changed(id, KeyChange::Added, KeyCause::Asked);
        }
        Ok(id)
    }

    /// Makes a node send with a key at once.
    ///
    /// # Errors
    ///
    /// [`KeyError::Ring`]; [`KeyError::Lower`]; [`KeyError::NotAll`] if a living node is not known to hold it,
    /// unless it is forced: that node hears nothing from this one until it does. Nothing has changed then.
    pub fn use_key(&mut self, now: Instant, id: KeyId, force: bool) -> Result<(), KeyError> {
        let members = self.key_members();
        use_key(&mut self.picture.config.keys, &members, id, force)?;
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
        let members = self.key_members();
        drop_key(&mut self.picture.config.keys, &members, id, force)?;
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
        let members = self.key_members();
        let id = rotate(&mut self.picture.config.keys, &members, key)?;
        self.advance(now);
        self.keys_changed(id, KeyChange::Added, KeyCause::Asked);
        Ok(id)
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
        let config = &mut self.picture.config;
        match take(&mut config.keys, &config.cluster, &offer) {
            Ok(id) => self.keys_changed(id, KeyChange::Added, KeyCause::Given { by }),
            Err(NotTaken::Refused) => self.out.stats.keys_refused += 1,
            Err(NotTaken::NotNow | NotTaken::CannotOpen | NotTaken::Full) => {}
        }
    }

    /// Goes on with what is under way: to a key that all hold, away from one that nobody needs.
    pub(super) fn look_at_keys(&mut self) {
        let members = self.key_members();
        let me = self.picture.me().id;
        let now = self.picture.now;
        let config = &mut self.picture.config;
        let changes = self.keys.exchange.look(&mut config.keys, &config.cluster, me, &members, now);
        for &(id, by) in &changes.taken {
            self.tell_of_key(id, KeyChange::Added, KeyCause::Given { by });
        }
        if let Some(id) = changes.in_use {
            self.tell_of_key(id, KeyChange::InUse, KeyCause::HeldByAll);
        }
        for &id in &changes.dropped {
            self.tell_of_key(id, KeyChange::Dropped, KeyCause::Replaced);
        }
        if changes.changed() {
            self.derive_keys();
        }
        self.publish_keys(changes.offer, &members);
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

    /// Whether a node is gone, and was heard so long ago that it may not hold the keys any more that it held then.
    fn has_been_lost(&self, ix: Ix) -> bool {
        let peers = &self.picture.peers;
        let silent = peers.since_heard(ix, self.picture.now);
        !peers.state(ix).is_living() && peers.get(ix).was_heard() && silent >= LOST
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
                let now = self.picture.now;
                match (usable, node) {
                    (_, Some(ix)) if self.has_been_lost(ix) => for_lost(ring, now),
                    (Some(key), _) => key,
                    (None, Some(_)) => key_for(ring, state.as_ref()),
                    (None, None) => self.keys.exchange.for_stranger(ring, now),
                }
            }
        };
        if self.sealer.key() != id
            && let Some(sealer) = self.sealers.iter().find(|sealer| sealer.key() == id)
        {
            self.sealer = sealer.clone();
        }
    }
}
