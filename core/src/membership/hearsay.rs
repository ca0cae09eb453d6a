//! What others say of nodes that is looked into before it counts: the node itself is asked.
//!
//! A node that was cut off, or stood still, may still believe in somebody that all others have seen go
//! and have forgotten since. If such a node answers, its answer makes it known. If it is silent, this node
//! tells those that believe in it that it is down; they ask it themselves before they believe that.
//!
//! A peer that was heard is asked as well, where what is said of it may be made up: see `word`. What is
//! said counts only if the peer is silent: a member that accuses others all the time hides each of them
//! once.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use crate::base::{Epoch, Instant, Ix, NodeId};
use crate::claims::{Claim, Locator, Standing};
use crate::out::{Out, Say, Why};
use crate::picture::Picture;
use crate::wire::Frame;

/// How many nodes are looked into at a time. Beyond that what is said of a peer that is known counts at
/// once, and what is said of others does not count until it is said again.
const LIMIT: usize = 64;

/// How often a node is asked.
const TRIES: u8 = 3;

#[derive(Clone, Debug, Hash)]
struct Asked {
    claim: Claim,
    /// The node that said it last.
    by: NodeId,
    /// When it is asked again, or is no longer remembered.
    due: Instant,
    tries: u8,
    doubt: Doubt,
}

/// Why what is said of a node is not believed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Doubt {
    /// It may have been forgotten.
    Forgotten,
    /// There is no room for all that is said.
    NoRoom,
    /// It is a peer that was heard, and what is said is worse than what this node knows of it.
    Accused,
}

/// The nodes that are asked whether they live.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Hearsay {
    asked: BTreeMap<NodeId, Asked>,
}

impl Hearsay {
    /// A peer says that a node lives. Returns whether that is to be believed at once.
    pub(crate) fn ask(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        by: Ix,
        claim: &Claim,
        doubt: Doubt,
    ) -> bool {
        let id = claim.life.id;
        if let Some(asked) = self.asked.get_mut(&id)
            && (asked.claim.life == claim.life || doubt == Doubt::Accused)
            && asked.doubt == doubt
        {
            if doubt == Doubt::Accused {
                // The first one decides when, the highest one what.
                if order(claim) > order(&asked.claim) {
                    (asked.claim, asked.by) = (claim.clone(), picture.id(by));
                }
                return false;
            }
            let silent = asked.tries >= TRIES;
            if silent && claim.incarnation > asked.claim.incarnation {
                // It has objected to what this node has said, so it lives, if not for this node.
                self.asked.remove(&id);
                return true;
            }
            asked.by = picture.id(by);
            if silent && doubt == Doubt::Forgotten {
                tell(picture, out, asked);
            }
            return false;
        }
        let nowhere = picture.find(id).is_none() && picture.locator_in(claim).is_none();
        if nowhere || self.asked.len() >= LIMIT && !self.asked.contains_key(&id) {
            out.stats.claims_refused += u64::from(doubt != Doubt::Accused);
            return doubt == Doubt::Accused;
        }
        out.stats.claims_refused += u64::from(doubt == Doubt::NoRoom);
        let due = picture.now + wait(picture, id, doubt);
        let asked = Asked { claim: claim.clone(), by: picture.id(by), due, tries: 1, doubt };
        ask(picture, out, &asked);
        self.asked.insert(id, asked);
        out.timers.hasten(Why::Hearsay, due);
        false
    }

    /// A peer has answered this node, so what is said of it is false.
    pub(crate) fn answered(&mut self, id: NodeId) {
        self.asked.remove(&id);
    }

    /// Asks again, or concludes. Returns what counts from now on, each with the node that said it.
    pub(crate) fn on_timer(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
    ) -> Vec<(Claim, NodeId)> {
        let mut over = Vec::new();
        for (&id, asked) in &mut self.asked {
            let known = picture.find(id);
            let accused = asked.doubt == Doubt::Accused;
            let is_news = known.is_some_and(|ix| picture.weigh(ix, &asked.claim).is_gt());
            if known.is_some() && !accused || !is_news && accused {
                over.push((id, None));
            } else if asked.due > picture.now {
                continue;
            } else if asked.tries < TRIES {
                asked.tries += 1;
                asked.due = picture.now + wait(picture, id, asked.doubt);
                ask(picture, out, asked);
            } else if accused || asked.tries > TRIES {
                over.push((id, accused.then(|| (asked.claim.clone(), asked.by))));
            } else {
                asked.tries += 1;
                asked.due = picture.now + picture.timing.hearsay_memory;
                if asked.doubt == Doubt::Forgotten {
                    tell(picture, out, asked);
                }
            }
        }
        for (id, _) in &over {
            self.asked.remove(id);
        }
        if let Some(due) = self.asked.values().map(|asked| asked.due).min() {
            out.timers.hasten(Why::Hearsay, due);
        }
        over.into_iter().filter_map(|(_, claim)| claim).collect()
    }

    /// A life begins that has asked nobody.
    pub(crate) fn clear(&mut self) {
        self.asked.clear();
    }
}

fn order(claim: &Claim) -> (Epoch, u32, Standing) {
    (claim.life.epoch, claim.incarnation, claim.standing)
}

/// How long an answer is waited for.
fn wait(picture: &Picture, id: NodeId, doubt: Doubt) -> Duration {
    let longest = picture.config.max_timeout;
    match picture.find(id).and_then(|ix| picture.peers.late(ix)) {
        Some(late) if doubt == Doubt::Accused => late.min(longest).max(picture.timing.denial_wait),
        _ => longest.max(2 * picture.peers.usually_late()),
    }
}

/// Asks a node whether it lives; one that is accused is told of what.
fn ask(picture: &mut Picture, out: &mut Out, asked: &Asked) {
    let id = asked.claim.life.id;
    match picture.find(id) {
        Some(ix) if asked.doubt == Doubt::Accused => {
            let to = picture.unbound(ix);
            out.say_frame(to, Frame::Claim(asked.claim.clone()));
            picture.greet_everywhere(out, ix);
            // A later life may be elsewhere; until one of the two has answered, both are asked.
            if asked.claim.life.epoch > picture.life(ix).epoch {
                let claimed = asked.claim.locator.iter().flat_map(Locator::addresses);
                let new = claimed.filter(|&addr| !picture.peers.places.has(ix, addr));
                let new: Vec<SocketAddr> = new.collect();
                if picture.peers.places.may_try(new.len(), picture.now) {
                    new.into_iter().for_each(|addr| picture.greet_stranger(out, addr));
                }
            }
        }
        // One address after the other: it may not exist.
        _ => {
            let list = asked.claim.locator.as_ref().map_or(&[][..], Locator::list);
            if let Some(addr) = list.iter().cycle().nth(usize::from(asked.tries - 1)) {
                picture.greet_stranger(out, addr.socket());
            }
        }
    }
}

/// Tells a peer that a node that it believes in is silent.
fn tell(picture: &Picture, out: &mut Out, asked: &Asked) {
    let Some(by) = picture.find(asked.by).filter(|&ix| picture.state(ix).is_reachable()) else {
        return;
    };
    let accuser = Some(picture.me().id);
    let claim = Claim { standing: Standing::Down, accuser, ..asked.claim.clone() };
    out.say(picture.bound(by), Say::Held(Frame::Claim(claim)));
}
