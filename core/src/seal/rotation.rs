//! From one key to the next: what a node does about its keys, given what all others say of theirs.
//!
//! The rules are pure functions of a ring and of the others' states, so they can be tried without a
//! cluster:
//!
//! - a node goes to the highest key that has not leaked and that all living nodes hold, and never to a
//!   lower one, unless its own has leaked;
//! - lower keys go when every node that is not forgotten, the dead included, uses the same key as this
//!   one, and there is one;
//! - one node offers the highest key that may travel to those that do not hold it, under the lowest key
//!   that has not leaked and that all of them hold, so that it need not say it anew: the one that does
//!   already or, where nobody does, that with the lowest id among those that hold both keys.

use alloc::vec::Vec;

use super::key_state::KeyState;
use super::keyring::{HeldKey, Keyring};
use crate::base::NodeId;
use crate::packet::KeyId;

/// Another node.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: NodeId,
    /// Whether it is alive by the replicated claim.
    pub(crate) living: bool,
    /// What it has said in its present life, if anything.
    pub(crate) state: Option<KeyState>,
}

impl Member {
    pub(crate) fn holds(&self, id: KeyId) -> bool {
        self.state.as_ref().is_some_and(|state| state.holds(id))
    }

    pub(crate) fn uses(&self, id: KeyId) -> bool {
        self.state.as_ref().is_some_and(|state| state.in_use == id)
    }
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The key to go to.
    pub(crate) go_to: Option<KeyId>,
    /// The keys that nobody needs any more, once it is sure that no packet under them is on its way.
    pub(crate) drop: Vec<KeyId>,
}

/// Decides where to go, and what to leave.
pub(super) fn plan(ring: &Keyring, members: &[Member]) -> Plan {
    let by_all = |id| members.iter().filter(|it| it.living).all(|it| it.holds(id));
    let own = ring.primary_key();
    let usable = || ring.keys().filter(|held| !held.leaked);
    let higher = usable().filter(|held| own.leaked || held.rank() > own.rank());
    let next = higher.filter(|held| by_all(held.key.id())).max_by_key(|held| held.rank());
    let primary = next.unwrap_or(own);
    let id = primary.key.id();
    // A node that has just started, and knows of nobody, cannot tell who needs a key.
    let confirmed = !members.is_empty() && members.iter().all(|it| it.uses(id));
    let lower = ring.keys().filter(|held| held.rank() < primary.rank());
    let drop = lower.map(|held| held.key.id()).filter(|_| confirmed).collect();
    Plan { go_to: next.map(|held| held.key.id()), drop }
}

/// The key that the node `me`, which offers this one already, is to offer, and under which. A key below the one in
/// use is of no use to others.
pub(super) fn offer(
    ring: &Keyring,
    me: NodeId,
    members: &[Member],
    offers: Option<KeyId>,
) -> Option<(KeyId, KeyId)> {
    let mut usable: Vec<&HeldKey> = ring.keys().filter(|held| !held.leaked).collect();
    usable.sort_by_key(|held| core::cmp::Reverse(held.rank()));
    let own = ring.primary_key().rank();
    let travels = usable.iter().filter(|held| held.travels && held.rank() >= own);
    let travels = travels.map(|held| held.key.id());
    let living = || members.iter().filter(|it| it.living);
    // One that has said nothing may hold what all have held before.
    let lacks = |it: &Member, id| !it.holds(id);
    let wanted = travels.into_iter().find(|&id| living().any(|it| lacks(it, id)))?;
    let under = usable.iter().rev().map(|held| held.key.id()).find(|&under| {
        let lacking = living().filter(|it| lacks(it, wanted));
        under != wanted && lacking.into_iter().all(|it| it.state.is_none() || it.holds(under))
    });
    let offered = |it: &Member| {
        let offer = it.state.as_ref().and_then(|state| state.offer.as_ref());
        offer.is_some_and(|offer| offer.id == wanted && Some(offer.under) == under)
    };
    // One that has dropped the key to wrap under cannot offer, so nobody waits for it.
    let can = |it: &Member| it.holds(wanted) && under.is_some_and(|under| it.holds(under));
    let first = living().filter(|it| can(it)).all(|it| it.id > me);
    let mine = offers == Some(wanted) || first && !living().any(offered);
    under.filter(|_| mine).map(|under| (wanted, under))
}

/// The key under which to send to a node with this state: the one in use, or else the highest that it holds;
/// the lowest of all to one that has said nothing, as it may have been away.
pub(crate) fn key_for(ring: &Keyring, state: Option<&KeyState>) -> KeyId {
    let usable = || ring.keys().filter(|held| !held.leaked);
    let common = match state {
        Some(state) if state.holds(ring.primary()) => None,
        Some(state) => {
            usable().filter(|held| state.holds(held.key.id())).max_by_key(|held| held.rank())
        }
        None => usable().min_by_key(|held| held.rank()),
    };
    common.map_or_else(|| ring.primary(), |held| held.key.id())
}
