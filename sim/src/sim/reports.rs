//! What nodes report, and whether it can be true.

use scalesmall_core::Status;

use super::protocol::{Protocol, Sighting};
use super::{Forbidden, Sim};
use crate::check::{Broken, Law};
use crate::node::Condition;
use crate::trace::{What, hash_debug};
use crate::view_changes::{Cause, Change};
use crate::views::Report;

impl<P: Protocol> Sim<P> {
    pub(super) fn drain_events(&mut self, node: usize) {
        let mut overflow = false;
        let mut count = 0;
        let limit = self.nodes[node].protocol.as_ref().and_then(P::max_events);
        while let Some(protocol) = self.nodes[node].protocol.as_mut() {
            let Some(event) = protocol.poll_event() else { break };
            self.trace.fold(self.now, node, hash_debug(&event));
            overflow |= P::is_overflow(&event);
            if P::is_conflict(&event) {
                self.conflict_at.get_or_insert(self.now);
            }
            count += 1;
            self.judge(node, &event);
            if let Some(tap) = &mut self.tap {
                tap.event(self.now, node, &event);
            }
            self.watches.hear(self.now, node, &event);
            match P::sighting(&event) {
                Some(sighting) => self.believe(node, sighting),
                None => self.trace.note(self.now, node, What::Event),
            }
            self.note_cause(node, &event);
        }
        if limit.is_some_and(|limit| count > limit) {
            let what = format!("{count} events between two inputs");
            self.fail(Broken::Law { law: Law::BeyondLimit, what }, &[node]);
        }
        if overflow {
            self.reread(node);
        }
    }

    fn believe(&mut self, node: usize, sighting: Sighting) {
        let Sighting { peer, life, status } = sighting;
        let about = self.node_of(peer);
        let former = match (about, life) {
            (Some(about), Some(life)) => !self.nodes[about].is_in_life(life),
            _ => false,
        };
        self.trace.note(self.now, node, What::Believes { about, status, former });
        let Some(about) = about else { return };
        let before = self.views.belief(node, about);
        self.views.believe(node, about, status, self.now);
        if before != status {
            self.note_sight(node, about, status);
        }
        let usual = |status| matches!(status, None | Some(Status::Alive | Status::Suspect));
        if before == status || usual(before) && usual(status) {
            return;
        }
        let (truth, departed) = (self.nodes[about].condition, self.nodes[about].departed);
        let report = Report { at: self.now, by: node, about, status, truth, departed, former };
        self.reports.push(report);
        if !report.is_hiding() {
            return;
        }
        let well = self.calm && self.network.is_faultless();
        let forbidden = match self.forbidden {
            Forbidden::Nothing => false,
            Forbidden::FalseDown => report.is_false_down(),
            // Of a node to which neither it nor any other one that it reaches has a way, nobody can know.
            Forbidden::Hidden => self.can_be_vouched_for(node, about),
        };
        // A node beside which a copy runs hears only a part of what is sent to its address.
        if (well || forbidden) && !self.twins.contains_key(&node) {
            let down = report.is_false_down();
            let broken = if down { Broken::FalseDown { about } } else { Broken::Hidden { about } };
            self.fail(broken, &[node, about]);
        }
    }

    /// Notes that a node sees another as something else from now on, or, of itself, that it runs or
    /// does not.
    pub(super) fn note_sight(&self, observer: usize, subject: usize, status: Option<Status>) {
        for sights in &self.sights {
            let change = Change { at: self.now, observer, subject, status, cause: None };
            sights.borrow_mut().push(change);
        }
    }

    /// Notes why the change came about that an event has just told.
    fn note_cause(&self, observer: usize, event: &P::Event) {
        if self.sights.is_empty() {
            return;
        }
        if let Some((what, by)) = P::cause(event) {
            let by = by.map(|by| by.and_then(|by| self.names.find(by)));
            for sights in &self.sights {
                sights.borrow_mut().explain(self.now, observer, Cause { what, by });
            }
        }
    }

    /// Reads a node's picture anew after it dropped events.
    pub(crate) fn reread(&mut self, node: usize) {
        let mut beliefs = vec![None; self.nodes.len()];
        if let Some(protocol) = &self.nodes[node].protocol {
            protocol.for_each_peer(&mut |peer, status| {
                if let Some(about) = self.names.find(peer) {
                    beliefs[about] = Some(status);
                }
            });
        }
        for (about, status) in beliefs.into_iter().enumerate() {
            if about != node && self.views.belief(node, about) != status {
                let peer = self.id(about).into();
                let life = self.nodes[node].protocol.as_ref().and_then(|it| it.life_of(peer));
                self.believe(node, Sighting { peer, life, status });
            }
        }
    }

    pub(super) fn note_picture(&mut self, node: usize, digest: Option<u64>) {
        let digest = digest.filter(|_| !self.nodes[node].departed);
        let before = core::mem::replace(&mut self.nodes[node].digest, digest);
        if before == digest {
            return;
        }
        if let Some(before) = before
            && let Some(count) = self.pictures.get_mut(&before)
        {
            *count -= 1;
            if *count == 0 {
                self.pictures.remove(&before);
            }
        }
        if let Some(digest) = digest {
            *self.pictures.entry(digest).or_insert(0) += 1;
        }
        if self.pictures.len() > 1 {
            self.pictures_agreed_at = None;
        } else if self.pictures_agreed_at.is_none() {
            self.pictures_agreed_at = Some(self.now);
        }
    }

    /// Compares one node's events with its queries; another one each time.
    pub(super) fn check_replay(&mut self) {
        let (_, node) = self.next_replay;
        let every = REPLAY_EVERY * self.nodes.len().div_ceil(MANY) as u64;
        self.next_replay = (self.now + every, (node + 1) % self.nodes.len().max(1));
        if self.nodes[node].condition != Condition::Running {
            return;
        }
        let Some(protocol) = &self.nodes[node].protocol else { return };
        let mut queries = vec![None; self.nodes.len()];
        protocol.for_each_peer(&mut |peer, status| {
            if let Some(about) = self.names.find(peer) {
                queries[about] = Some(status);
            }
        });
        let differs = |about: &usize| self.views.belief(node, *about) != queries[*about];
        let first = (0..queries.len()).filter(|about| *about != node).find(differs);
        if let Some(about) = first {
            let events = self.views.belief(node, about);
            let broken = Broken::ReplayDiffers { about, events, queries: queries[about] };
            self.fail(broken, &[node, about]);
        }
    }
}

/// In clusters with more nodes than this, comparisons are rarer, because each takes long.
const MANY: usize = 128;
const REPLAY_EVERY: u64 = 50_000_000;
