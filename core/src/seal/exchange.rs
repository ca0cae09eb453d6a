//! The keys of one node while they change: the calls of its embedder, keys that others give, and what follows
//! from what others say of theirs.
//!
//! All of it works on a ring and on what is known of the others, and on nothing else, so it is tried without a
//! network. [`plan`] decides; what is here carries it out.

use alloc::vec::Vec;
use core::time::Duration;

use super::cluster::ClusterName;
use super::key::Key;
use super::key_error::KeyError;
use super::key_state::KeyState;
use super::keyring::{HeldKey, Keyring, KeyringError};
use super::retired::RetiredKey;
use super::rotation::{Member, offer, plan};
use super::wrap::{MOST_GENERATIONS, NotTaken, Wrap};
use crate::base::{Instant, NodeId};
use crate::packet::KeyId;

/// How long a key is accepted after the last node has said that it uses a higher one: what was sent under it
/// before arrives by then.
const GRACE: Duration = Duration::from_secs(3);

/// How long a node that knows of nobody waits before it uses another key, as it may only not have heard of
/// others yet.
const ALONE: Duration = Duration::from_secs(3);

/// How long a node that knows of nobody speaks to strangers under the lowest key alone, and then under each key in
/// turn, for how long each.
const STRANGE: Duration = Duration::from_secs(10);
const TURN: Duration = Duration::from_secs(2);

/// The most keys above the one in use that are taken from others: a member that makes up keys must not
/// fill the ring.
const MOST_AHEAD: usize = 4;

/// What a node keeps of keys beside its ring.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Exchange {
    /// The key that this node offers to others.
    offers: Option<KeyId>,
    /// Since when all nodes have used the key that this one uses, and others are left.
    replaced: Option<Instant>,
    /// Since when this node has known of nobody.
    alone: Option<Instant>,
}

/// What a look has changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    /// The keys that were taken from others, and from whom.
    pub(crate) taken: Vec<(KeyId, NodeId)>,
    /// The key that is used from here on.
    pub(crate) in_use: Option<KeyId>,
    pub(crate) dropped: Vec<KeyId>,
    /// The key to offer, and the one under which.
    pub(crate) offer: Option<(KeyId, KeyId)>,
}

impl Changes {
    /// Whether the ring is another one than before.
    pub(crate) fn changed(&self) -> bool {
        self.in_use.is_some() || !self.taken.is_empty() || !self.dropped.is_empty()
    }
}

impl Exchange {
    /// Goes on with what is under way: to a key that all hold, away from one that nobody needs.
    pub(crate) fn look(
        &mut self,
        ring: &mut Keyring,
        cluster: &ClusterName,
        me: NodeId,
        members: &[Member],
        now: Instant,
    ) -> Changes {
        agree(ring, members);
        // What could not be taken when it came may be of use by now.
        let offers = members.iter().filter_map(|it| Some((it.state.as_ref()?.offer?, it.id)));
        let (mut taken, mut room) = (Vec::new(), Vec::new());
        for (offer, by) in offers {
            let mut outcome = take(ring, cluster, &offer);
            if outcome == Err(NotTaken::Full)
                && let Some(id) = spare(ring, members, &offer)
                && ring.remove(id).is_ok()
            {
                room.push(id);
                outcome = take(ring, cluster, &offer);
            }
            taken.extend(outcome.ok().map(|id| (id, by)));
        }
        let plan = plan(ring, members);
        self.alone = members.is_empty().then(|| self.alone.unwrap_or(now));
        let may_go = self.alone.is_none_or(|since| now.since(since) >= ALONE);
        let in_use = plan.go_to.filter(|_| may_go).filter(|&id| ring.set_primary(id).is_ok());
        let mut dropped = plan.drop;
        match self.replaced {
            _ if dropped.is_empty() || in_use.is_some() => self.replaced = None,
            None => self.replaced = Some(now),
            Some(_) => {}
        }
        if self.replaced.is_none_or(|since| now.since(since) < GRACE) {
            dropped.clear();
        } else {
            dropped.retain(|&id| ring.remove(id).is_ok());
            self.replaced = None;
        }
        dropped.extend(room);
        let offer = offer(ring, me, members, self.offers);
        self.offers = offer.map(|(id, _)| id);
        Changes { taken, in_use, dropped, offer }
    }

    /// The key under which to speak to an address from which nothing has been heard: the lowest, which a node that
    /// was away is the likeliest to hold. If nobody at all answers, the others in turn.
    pub(crate) fn for_stranger(&self, ring: &Keyring, now: Instant) -> KeyId {
        let mut usable: Vec<&HeldKey> = ring.keys().filter(|held| !held.leaked).collect();
        usable.sort_by_key(|held| held.rank());
        let since = self.alone.map_or(Duration::ZERO, |since| now.since(since));
        let turn = since.saturating_sub(STRANGE).as_secs() / TURN.as_secs();
        let at = (turn % usable.len().max(1) as u64) as usize;
        usable.get(at).map_or_else(|| ring.primary(), |held| held.key.id())
    }
}

/// The key under which to speak to a node that is lost: each in turn, as it may have lost the ones that it has said
/// it holds.
pub(crate) fn for_lost(ring: &Keyring, now: Instant) -> KeyId {
    let usable = || ring.keys().filter(|held| !held.leaked);
    let turn = now.since(Instant::from_nanos(0)).as_secs() / TURN.as_secs();
    let at = (turn % usable().count().max(1) as u64) as usize;
    usable().nth(at).map_or_else(|| ring.primary(), |held| held.key.id())
}

/// Adds a key that was brought by hand. Returns whether it is new here.
pub(crate) fn add(ring: &mut Keyring, members: &[Member], key: Key) -> Result<bool, KeyError> {
    let id = key.id();
    refuse_retired(ring, &key)?;
    let is_new = ring.get(id).is_none();
    let generation = generation_by_hand(ring, members, id);
    ring.hold(HeldKey::by_hand(key, generation))?;
    Ok(is_new)
}

fn refuse_retired(ring: &Keyring, key: &Key) -> Result<(), KeyError> {
    let refused = |retired: RetiredKey| KeyError::Retired {
        key: key.id(),
        in_use: ring.primary(),
        leaked: retired.leaked,
    };
    ring.retired_as(key).map_or(Ok(()), |retired| Err(refused(retired)))
}

/// Uses a key at once.
pub(crate) fn use_key(
    ring: &mut Keyring,
    members: &[Member],
    id: KeyId,
    force: bool,
) -> Result<(), KeyError> {
    let own = ring.primary_key();
    let wanted = ring.get(id).ok_or(KeyringError::Unknown { id })?;
    if wanted.rank() < own.rank() {
        return Err(KeyError::Lower { in_use: own.key.id() });
    }
    let lacking = members.iter().find(|it| it.living && !it.holds(id));
    if let Some(lacking) = lacking.filter(|_| !force) {
        return Err(KeyError::NotAll { key: id, node: lacking.id });
    }
    Ok(ring.set_primary(id)?)
}

/// Drops a key.
pub(crate) fn drop_key(
    ring: &mut Keyring,
    members: &[Member],
    id: KeyId,
    force: bool,
) -> Result<(), KeyError> {
    let primary = ring.primary();
    let without = members.iter().find(|it| !it.uses(primary));
    if let Some(without) = without.filter(|_| !force && ring.get(id).is_some())
        && id != primary
    {
        return Err(KeyError::NotAll { key: primary, node: without.id });
    }
    Ok(ring.remove(id)?)
}

/// Adds a key that is to take the place of the one in use.
pub(crate) fn rotate(ring: &mut Keyring, members: &[Member], key: Key) -> Result<KeyId, KeyError> {
    if !cfg!(feature = "seal") {
        return Err(KeyError::NoEncryption);
    }
    let primary = ring.primary();
    let highest = ring.keys().filter(|held| !held.leaked).max_by_key(|held| held.rank());
    if let Some(highest) = highest.filter(|held| held.key.id() != primary) {
        return Err(KeyError::UnderWay { key: highest.key.id(), node: None });
    }
    let state = |it: &Member, is: &dyn Fn(&KeyState) -> bool| it.state.as_ref().is_some_and(is);
    if let Some(mute) = members.iter().find(|it| it.living && state(it, &|it| !it.unwraps)) {
        return Err(KeyError::NoEncryptionAt { node: mute.id });
    }
    let behind = members.iter().find(|it| it.living && state(it, &|it| it.in_use != primary));
    if let Some(behind) = behind {
        return Err(KeyError::UnderWay { key: primary, node: Some(behind.id) });
    }
    let id = key.id();
    refuse_retired(ring, &key)?;
    if ring.get(id).is_some() {
        return Err(KeyringError::SameId { id }.into());
    }
    let generation = next_generation(ring, members);
    Ok(ring.hold(HeldKey::of_rotation(key, generation))?)
}

/// Takes a key that another node offers.
pub(crate) fn take(
    ring: &mut Keyring,
    cluster: &ClusterName,
    offer: &Wrap,
) -> Result<KeyId, NotTaken> {
    let held = offer.open(cluster, ring)?;
    let own = ring.primary_key().rank();
    if ring.retired_as(&held.key).is_some() {
        return Err(NotTaken::Refused);
    }
    if ring.ids().count() >= Keyring::MOST || ahead(ring).count() >= MOST_AHEAD {
        return Err(if held.rank() > own { NotTaken::Full } else { NotTaken::NotNow });
    }
    ring.hold(held).map_err(|_| NotTaken::Refused)
}

/// The keys that are to take the place of the one in use.
fn ahead(ring: &Keyring) -> impl Iterator<Item = &HeldKey> {
    let own = ring.primary_key().rank();
    ring.keys().filter(move |held| held.rank() > own)
}

/// The key to drop from a full ring for one that others go to. Otherwise rotations that began at several nodes could
/// wait for each other's room. Of too many that are ahead it is the lowest, if nobody uses it and the new one is
/// higher; of others it is the lowest below the one in use, if each living node has said that it holds another one.
fn spare(ring: &Keyring, members: &[Member], offer: &Wrap) -> Option<KeyId> {
    let living = || members.iter().filter(|it| it.living);
    if ahead(ring).count() >= MOST_AHEAD {
        let lowest = ahead(ring).min_by_key(|held| held.rank())?;
        let id = lowest.key.id();
        let is_used = living().any(|it| it.uses(id));
        return (!is_used && (offer.generation, offer.id) > lowest.rank()).then_some(id);
    }
    let own = ring.primary_key().rank();
    let lower = ring.keys().filter(|held| held.rank() < own);
    let lowest = lower.min_by_key(|held| (!held.leaked, held.rank()))?.key.id();
    let usable = || ring.keys().filter(|held| !held.leaked && held.key.id() != lowest);
    living().all(|it| usable().any(|held| it.holds(held.key.id()))).then_some(lowest)
}

/// The generation of a key that is brought by hand: a node that has gone beyond it decides, as nodes do not go
/// back; otherwise it is the highest one.
fn generation_by_hand(ring: &Keyring, members: &[Member], id: KeyId) -> u32 {
    let claims = members.iter().filter_map(|it| it.state.as_ref()?.claim(id));
    let replaced = claims.filter(|claim| claim.replaced).map(|claim| claim.generation).max();
    replaced.unwrap_or_else(|| next_generation(ring, members))
}

/// Above all keys that this node knows of. What others say of theirs counts within reach alone, as somebody may
/// make it up, and others have to reach what comes of it.
fn next_generation(ring: &Keyring, members: &[Member]) -> u32 {
    let states = members.iter().filter_map(|it| it.state.as_ref());
    let said = states.flat_map(|state| &state.held).map(|claim| claim.generation).max();
    let own = ring.highest().generation;
    let reach = own.saturating_add(MOST_GENERATIONS / 2);
    said.unwrap_or_default().min(reach).max(own).saturating_add(1)
}

/// Gives each key the highest place that it has anywhere, so that the order is the same at all nodes. What this
/// node has left stays below what it uses, and that is raised instead. What is claimed counts up to a distance from
/// the key in use: a key that comes does not bring what was out of reach before into it.
fn agree(ring: &mut Keyring, members: &[Member]) {
    let reach = ring.primary_key().generation.saturating_add(MOST_GENERATIONS);
    for state in members.iter().filter_map(|it| it.state.as_ref()) {
        for claim in state.held.iter().filter(|claim| claim.generation <= reach) {
            let Some(held) = ring.get(claim.id).filter(|held| !held.leaked) else { continue };
            let own = ring.primary_key();
            let beats = (claim.generation, claim.id) > own.rank() && !claim.replaced;
            // Of two nodes that have gone opposite ways neither can follow the other.
            let opposite = || state.claim(own.key.id()).is_some_and(|claim| claim.replaced);
            if !held.replaced {
                ring.raise(claim.id, claim.generation);
            } else if beats && !opposite() {
                ring.raise_primary_above(claim.generation);
            }
        }
    }
}

const _: () = assert!(MOST_AHEAD < Keyring::MOST);

#[cfg(test)]
#[cfg(feature = "seal")]
mod tests;
