//! A few engines and the wires between them, in virtual time: every datagram arrives, after a
//! delay that follows from its number.

use std::collections::BTreeMap;
use std::time::Duration;

use scalesmall_core::{Arrival, Config, Destination, Engine, Event, Instant};
use scalesmall_hostile::{START, addr, config, drain, engine_with};

/// Engines with the numbers 1, 2 ...
pub(crate) struct Net {
    pub(crate) engines: Vec<Engine>,
    pub(crate) now: Instant,
    /// All datagrams sent, with who sent them.
    pub(crate) sent: Vec<(u16, Destination, Vec<u8>)>,
    /// All events, with who reported them.
    pub(crate) events: Vec<(u16, Event)>,
    wire: BTreeMap<(Instant, u64), (u16, Arrival, Vec<u8>)>,
    count: u64,
}

impl Net {
    pub(crate) fn new(nodes: u16) -> Self {
        Self::with(nodes, &config())
    }

    pub(crate) fn with(nodes: u16, config: &Config) -> Self {
        Self {
            engines: (1..=nodes).map(|number| engine_with(number, config.clone())).collect(),
            now: START,
            sent: Vec::new(),
            events: Vec::new(),
            wire: BTreeMap::new(),
            count: 0,
        }
    }

    /// As new, after all have met.
    pub(crate) fn settled(nodes: u16) -> Self {
        let mut net = Self::new(nodes);
        net.meet();
        net.run_for(Duration::from_secs(5));
        for engine in &net.engines {
            assert_eq!(engine.peers().count(), usize::from(nodes) - 1);
            assert_eq!(engine.digest(), net.engines[0].digest());
        }
        net
    }

    /// Lets everybody contact the first.
    pub(crate) fn meet(&mut self) {
        for number in 2..=self.engines.len() as u16 {
            self.on(number, |engine, now| engine.contact(now, &[addr(1)]));
        }
    }

    /// Calls an engine, and sends what it has to say.
    pub(crate) fn on<T>(&mut self, number: u16, call: impl FnOnce(&mut Engine, Instant) -> T) -> T {
        let now = self.now;
        let engine = &mut self.engines[usize::from(number) - 1];
        let answer = call(engine, now);
        let outputs = drain(engine);
        self.events.extend(outputs.events.into_iter().map(|event| (number, event)));
        for (to, datagram) in outputs.datagrams {
            self.send(number, to, &datagram);
            self.sent.push((number, to, datagram));
        }
        answer
    }

    fn send(&mut self, from: u16, to: Destination, datagram: &[u8]) {
        let all = 1..=self.engines.len() as u16;
        for number in all.filter(|&number| number != from) {
            let arrival = match to {
                Destination::Unicast(at) if at == addr(number) => Arrival::Unicast(addr(from)),
                Destination::Unicast(_) => continue,
                Destination::Multicast => Arrival::Multicast(addr(from)),
            };
            self.count += 1;
            let delay = Duration::from_micros(500 + self.count * 7_919 % 1_500);
            let key = (self.now + delay, self.count);
            self.wire.insert(key, (number, arrival, datagram.to_vec()));
        }
    }

    pub(crate) fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let deadlines = self
                .engines
                .iter()
                .zip(1..)
                .filter_map(|(engine, number)| engine.poll_timeout().map(|at| (at, number)));
            let deadline = deadlines.min();
            let arrival = self.wire.keys().next().map(|&(at, _)| at);
            match (arrival, deadline) {
                (Some(at), deadline) if at <= end && deadline.is_none_or(|(due, _)| at <= due) => {
                    self.now = at;
                    let (_, (number, arrival, datagram)) = self.wire.pop_first().unwrap();
                    self.on(number, |engine, now| {
                        let _ = engine.handle_datagram(now, arrival, &datagram);
                    });
                }
                (_, Some((due, number))) if due <= end => {
                    self.now = due.max(self.now);
                    self.on(number, Engine::handle_timeout);
                }
                _ => break,
            }
        }
        self.now = end;
    }
}
