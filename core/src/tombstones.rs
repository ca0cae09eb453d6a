//! What time takes away: tombstones, by their owner; the memory of the gone, by everybody.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::context::Context;
use crate::node::Status;
use crate::roster::Ix;
use crate::time::Instant;
use crate::timers::Why;
use crate::topology::GroupName;

/// Beyond this many removals that wait for their collection, those of one group share one.
const CAPACITY: usize = 4096;

/// Own tombstones by age.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tombstones {
    aging: VecDeque<(Instant, GroupName, u64)>,
}

impl Tombstones {
    pub(crate) fn start(&mut self, ctx: &mut Context) {
        // A new life has none.
        self.aging.clear();
        ctx.timers.set(Why::Housekeeping, Some(ctx.now + ctx.timing.housekeeping));
    }

    /// Something was written in a group: if a tombstone, its time begins.
    pub(crate) fn note(&mut self, ctx: &mut Context, group: &GroupName) {
        let clock = ctx.topology.clock_of(group, Ix::ME);
        let Some(clock) = ctx.topology.last_tombstone(group).filter(|&last| clock == Some(last))
        else {
            return;
        };
        let due = ctx.now + ctx.config.tombstone_ttl;
        let full = self.aging.len() >= CAPACITY;
        match self.aging.iter_mut().rfind(|(at, last, _)| last == group && (full || *at == due)) {
            // One collection serves both; the earlier tombstone stays a little longer.
            Some((_, _, up_to)) => *up_to = clock,
            None => self.aging.push_back((due, group.clone(), clock)),
        }
        ctx.timers.hasten(Why::Housekeeping, due);
    }

    /// Collects what is old enough.
    pub(crate) fn collect(&mut self, ctx: &mut Context) {
        while self.aging.front().is_some_and(|(due, ..)| *due <= ctx.now) {
            let Some((_, group, clock)) = self.aging.pop_front() else {
                break;
            };
            let before = ctx.topology.clock_of(&group, Ix::ME).unwrap_or(0);
            if let Ok(changes) = ctx.topology.collect(&group, clock) {
                ctx.publish(changes);
                if ctx.topology.clock_of(&group, Ix::ME).unwrap_or(0) > before {
                    ctx.tell_all_written(&group, before);
                }
            }
        }
    }

    /// Retires nodes that have been gone for half of `forget_after`; answers those to be forgotten.
    pub(crate) fn expire(&self, ctx: &mut Context) -> Vec<Ix> {
        let all = ctx.config.forget_after;
        let (mut retired, mut forgotten) = (Vec::new(), Vec::new());
        let mut next = self.aging.front().map(|(due, ..)| *due);
        for ix in ctx.topology.roster().iter() {
            if !matches!(ctx.status(ix), Status::Down | Status::Left) || ctx.peers.is_held(ix) {
                continue;
            }
            let gone = Duration::from_millis(u64::from(ctx.peers.since_turn(ix, ctx.now)));
            let counted = ctx.peers.get(ix).is_counted();
            let left = if gone >= all {
                forgotten.push(ix);
                continue;
            } else if gone >= all / 2 {
                if counted {
                    retired.push(ix);
                }
                all - gone
            } else {
                all / 2 - gone
            };
            let at = ctx.now + left.max(Duration::from_millis(1));
            next = Some(next.map_or(at, |next: Instant| next.min(at)));
        }
        for ix in retired {
            ctx.retire(ix);
        }
        if let Some(next) = next {
            ctx.timers.hasten(Why::Housekeeping, next);
        }
        forgotten
    }

    /// Somebody is gone: see to it that it is forgotten in time.
    pub(crate) fn expect_expiry(&self, ctx: &mut Context) {
        let at = ctx.now + ctx.config.forget_after / 2;
        ctx.timers.hasten(Why::Housekeeping, at);
    }
}
