//! Messages of a scenario: which nodes get them, how often, and how long after they were sent.

use core::net::SocketAddr;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use scalesmall_core::{Engine, Event, Recipients, Tag};

use super::sharing::{HANDOVERS, Heard};
use super::{Outcome, Player};
use crate::names::Names;
use crate::scenario::figure::{Unit, share};
use crate::scenario::step::{Send, To};
use crate::sim::{Incident, Sending, Tap};

/// When each node had each message, by tag.
pub(super) type Delivered = Rc<RefCell<BTreeMap<(u32, usize), Vec<u64>>>>;

/// Notes deliveries and what servers hear, and passes everything on to who else listens.
pub(super) struct Postmark {
    pub(super) delivered: Delivered,
    pub(super) heard: Rc<RefCell<Heard>>,
    pub(super) inner: Option<Box<dyn Tap<Engine>>>,
}

impl Tap<Engine> for Postmark {
    fn begin(&mut self, names: &Names) {
        if let Some(inner) = &mut self.inner {
            inner.begin(names);
        }
    }

    fn delivered(&mut self, at: u64, from: SocketAddr, to: SocketAddr, all: bool, bytes: &[u8]) {
        if let Some(inner) = &mut self.inner {
            inner.delivered(at, from, to, all, bytes);
        }
    }

    fn event(&mut self, at: u64, node: usize, event: &Event) {
        // What other steps send has tags of its own, which may be the same.
        if let Event::Message { tag, payload, .. } = event
            && payload.iter().all(|byte| *byte == FILLING)
        {
            self.delivered.borrow_mut().entry((tag.0, node)).or_default().push(at);
        }
        match event {
            Event::Message { origin, tag: HANDOVERS, payload, .. } => {
                self.heard.borrow_mut().messages.push((node, *origin, payload.clone()));
            }
            Event::Message { .. } => {}
            _ => drop(self.heard.borrow_mut().nodes.insert(node)),
        }
        if let Some(inner) = &mut self.inner {
            inner.event(at, node, event);
        }
    }

    fn traces(&self) -> bool {
        self.inner.as_ref().is_some_and(|inner| inner.traces())
    }

    fn sent(&mut self, sending: &Sending<'_>) {
        if let Some(inner) = &mut self.inner {
            inner.sent(sending);
        }
    }

    fn incident(&mut self, incident: &Incident<'_>) {
        if let Some(inner) = &mut self.inner {
            inner.incident(incident);
        }
    }
}

/// What these messages are made of.
const FILLING: u8 = 0x5a;

/// The most nodes that a message lists.
const LISTED: usize = 1_024;

impl Player {
    /// The nodes picked last join the group.
    pub(super) fn join(&mut self) {
        for node in self.picked.clone() {
            let group = self.group.clone();
            // A call that is refused leaves the picture as it is, which is what rules are about.
            let _ = self.sim.join(node, &group);
        }
    }

    /// Sends messages from random nodes to those picked last, and counts what becomes of them.
    pub(super) fn send(&mut self, send: &Send) -> Outcome {
        let gap = send.over.0 / send.messages.max(1);
        let mut sent: Vec<(usize, u64)> = Vec::new();
        let mut refused = 0;
        for _ in 0..send.messages {
            let live: Vec<usize> = self.sim.live().collect();
            let from = live.get(self.random.below(live.len() as u64) as usize).copied();
            let tag = Tag(self.posted + sent.len() as u32);
            match from.filter(|from| self.send_one(*from, send, tag)) {
                Some(from) => sent.push((from, self.sim.now().as_nanos())),
                None => refused += 1,
            }
            self.sim.run_for(gap)?;
        }
        self.sim.run_for(send.wait.0)?;
        self.tally(send, &sent, refused);
        self.posted += sent.len() as u32;
        Ok(())
    }

    fn send_one(&mut self, from: usize, send: &Send, tag: Tag) -> bool {
        let payload = Bytes::from(vec![FILLING; send.bytes]);
        let group = self.group.clone();
        let listed: Vec<_> =
            self.picked.iter().take(LISTED).map(|node| self.sim.id(*node)).collect();
        self.sim.with(from, |engine, now| {
            let to = match send.to {
                To::All => Recipients::All,
                To::Group => Recipients::Group(&group),
                To::Listed => Recipients::Nodes(&listed),
            };
            engine.broadcast(now, to, tag, payload).is_ok()
        })
    }

    fn tally(&mut self, send: &Send, sent: &[(usize, u64)], refused: u64) {
        let name = |what: &str| format!("{} {what}", send.figure);
        let meant: Vec<usize> = match send.to {
            To::All => self.sim.live().collect(),
            To::Group | To::Listed => self.picked.clone(),
        };
        let (mut missing, mut duplicates, mut expected) = (0, 0, 0);
        let delivered = self.delivered.borrow();
        for (place, (from, at)) in sent.iter().enumerate() {
            let tag = self.posted + place as u32;
            for node in meant.iter().filter(|node| *node != from) {
                expected += 1;
                let times = delivered.get(&(tag, *node)).map_or(&[][..], Vec::as_slice);
                duplicates += times.len().saturating_sub(1) as u64;
                match times.first() {
                    Some(first) => {
                        let took = first.saturating_sub(*at);
                        self.figures.push(&name("latency"), Unit::Nanos, took);
                    }
                    None => missing += 1,
                }
            }
        }
        let strays =
            delivered.range((self.posted, 0)..).filter(|((_, node), _)| !meant.contains(node));
        self.figures.push(&name("strays"), Unit::Count, strays.count() as u64);
        self.figures.push(&name("duplicates"), Unit::Count, duplicates);
        self.figures.push(&name("missing"), Unit::Count, missing);
        self.figures.push(&name("delivered"), Unit::Share, share(expected - missing, expected));
        self.figures.push(&name("refused"), Unit::Count, refused);
    }
}
