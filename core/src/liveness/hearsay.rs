//! What others say of the lives of nodes that this node may have forgotten.
//!
//! A node that was cut off, or stood still, may still believe in somebody that all others have seen go
//! and have forgotten since. A claim like that is looked into before it counts: the node itself is asked.
//! If it lives, its answer makes it known. If it is silent, this node tells those that believe in it that
//! it is down; they ask it themselves before they believe that.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::context::Context;
use crate::node::NodeId;
use crate::outbox::Say;
use crate::roster::Ix;
use crate::time::Instant;
use crate::timers::Why;
use crate::wire::{Claim, Frame, Standing};

/// How many nodes are looked into at a time. Beyond: what is said of others is not believed until it is
/// said again.
const LIMIT: usize = 64;

/// How often a node is asked.
const TRIES: u8 = 3;

#[derive(Clone, Debug)]
struct Asked {
    claim: Claim,
    /// The node that said it last.
    by: NodeId,
    /// When it is asked again, or is no longer remembered.
    due: Instant,
    tries: u8,
    /// Whether it may have been forgotten; else there was no room for it.
    forgotten: bool,
}

/// The nodes that are asked whether they live.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hearsay {
    asked: BTreeMap<NodeId, Asked>,
}

impl Hearsay {
    /// A peer says that a node lives. Returns whether that is to be believed at once.
    pub(crate) fn ask(
        &mut self,
        ctx: &mut Context,
        by: Ix,
        claim: &Claim,
        forgotten: bool,
    ) -> bool {
        let id = claim.life.id;
        if let Some(asked) = self.asked.get_mut(&id)
            && asked.claim.life == claim.life
        {
            let silent = asked.tries >= TRIES;
            if silent && claim.incarnation > asked.claim.incarnation {
                // It has objected to what this node has said, so it lives, if not for this node.
                self.asked.remove(&id);
                return true;
            }
            asked.by = ctx.id(by);
            if silent && asked.forgotten {
                tell(ctx, asked);
            }
            return false;
        }
        if !id.is_addressable() || self.asked.len() >= LIMIT && !self.asked.contains_key(&id) {
            ctx.stats.claims_refused += 1;
            return false;
        }
        ctx.stats.claims_refused += u64::from(!forgotten);
        let due = ctx.now + wait(ctx);
        let asked = Asked { claim: *claim, by: ctx.id(by), due, tries: 1, forgotten };
        self.asked.insert(id, asked);
        ctx.greet_stranger(id.addr());
        ctx.timers.hasten(Why::Hearsay, due);
        false
    }

    /// Asks again, or concludes.
    pub(crate) fn on_timer(&mut self, ctx: &mut Context) {
        let mut over = Vec::new();
        for (&id, asked) in &mut self.asked {
            if ctx.find(id).is_some() {
                over.push(id);
            } else if asked.due > ctx.now {
                continue;
            } else if asked.tries > TRIES {
                over.push(id);
            } else if asked.tries < TRIES {
                asked.tries += 1;
                asked.due = ctx.now + wait(ctx);
                ctx.greet_stranger(id.addr());
            } else {
                asked.tries += 1;
                asked.due = ctx.now + ctx.timing.hearsay_memory;
                if asked.forgotten {
                    tell(ctx, asked);
                }
            }
        }
        for id in over {
            self.asked.remove(&id);
        }
        if let Some(due) = self.asked.values().map(|asked| asked.due).min() {
            ctx.timers.hasten(Why::Hearsay, due);
        }
    }

    /// A life begins that has asked nobody.
    pub(crate) fn clear(&mut self) {
        self.asked.clear();
    }
}

/// How long an answer is waited for.
fn wait(ctx: &Context) -> core::time::Duration {
    ctx.config.max_timeout.max(2 * ctx.peers.usually_late())
}

/// Tells a peer that a node that it believes in is silent.
fn tell(ctx: &mut Context, asked: &Asked) {
    let Some(by) = ctx.find(asked.by).filter(|&ix| ctx.is_reachable(ix)) else { return };
    let accuser = Some(ctx.me().id);
    let claim = Claim { standing: Standing::Down, accuser, ..asked.claim };
    ctx.say(ctx.bound(by), Say::Held(Frame::Claim(claim)));
}
