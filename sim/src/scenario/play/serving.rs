//! Ranges that nodes serve, and messages to all.

use core::time::Duration;

use bytes::Bytes;
use scalesmall_core::{Engine, Event, KeyRange, NodeId, Op, Recipients, Tag};

use super::setup::{PORT, range_of};
use super::{Outcome, Player};
use crate::link::nanos;
use crate::scenario::step::{Churn, Serve};

impl Player {
    pub(super) fn serve(&mut self, serve: &Serve, add: bool) -> Outcome {
        if !serve.whom.is_last() {
            self.pick_up(&serve.whom);
        } else if !serve.picked {
            self.picked = self.sim.live().collect();
        }
        if self.control {
            return self.sim.run_for(serve.over.0);
        }
        let wanted: Vec<(NodeId, KeyRange)> = self
            .picked
            .iter()
            .map(|node| (self.sim.id(*node), range_of(*node, serve.range)))
            .collect();
        if let [(id, range)] = wanted[..] {
            let group = self.group.clone();
            let shows = move |_: usize, engine: &Engine| {
                let mut items = engine.topology_of(&group, Op::Add);
                items.any(|timed| timed.item.member == id && timed.item.range == range) == add
            };
            self.shown = Some(self.sim.watch(shows));
        }
        let count = self.picked.len() as u32;
        let picked = self.picked.clone();
        for node in picked {
            if !self.sim.live().any(|live| live == node) {
                continue;
            }
            let (group, range) = (self.group.clone(), range_of(node, serve.range));
            // A call that is refused leaves the picture as it is, which is what rules are about.
            let _ = if add {
                self.sim.add_item(node, &group, range, PORT).map(|_| ())
            } else {
                self.sim.remove_item(node, &group, range, PORT).map(|_| ())
            };
            self.sim.run_for(serve.over.0 / count.max(1))?;
        }
        Ok(())
    }

    pub(super) fn message(&mut self) {
        self.pick_some(1);
        if self.control {
            return;
        }
        let [node] = self.picked[..] else { return };
        self.messages += 1;
        let tag = Tag(self.messages);
        let watch = self.sim.watch_events(
            move |_, event| matches!(event, Event::Message { tag: heard, payload, .. } if *heard == tag && payload.as_ref() == MESSAGE),
        );
        self.heard = Some((node, watch));
        // Waiting for it fails if it is refused.
        let _ = self.sim.with(node, |engine, now| {
            engine.broadcast(now, Recipients::All, tag, Bytes::from_static(MESSAGE))
        });
    }

    pub(super) fn churn(&mut self, churn: &Churn) -> Outcome {
        let gap = Duration::from_secs(1) / churn.per_second.max(1);
        let count = nanos(churn.lasts.0) / nanos(gap).max(1);
        for _ in 0..count {
            if !self.control {
                self.pick_some(1);
                if let [node] = self.picked[..] {
                    let turn = self.churned.entry(node).or_insert(0);
                    let number = *turn / 2 % 8;
                    let adds = turn.is_multiple_of(2);
                    *turn += 1;
                    self.changes += 1;
                    let (group, range) = (self.group.clone(), range_of(node, 100 + number));
                    let _ = if adds {
                        self.sim.add_item(node, &group, range, PORT).map(|_| ())
                    } else {
                        self.sim.remove_item(node, &group, range, PORT).map(|_| ())
                    };
                }
            }
            self.sim.run_for(gap)?;
        }
        Ok(())
    }
}

const MESSAGE: &[u8] = &[0x6d; 32];
