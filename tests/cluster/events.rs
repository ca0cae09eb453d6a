//! Replaying all events gives what the queries return, whatever happens to the network.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use quickcheck::{Arbitrary as _, Gen};
use scalesmall_core::{Epoch, Event};
use scalesmall_hostile::{Mirror, Source, rounds};
use scalesmall_sim::{CatchUp, Condition, Link, Ratio, Sim, Tap, lan};

use super::*;

/// Keeps a mirror of each node of a simulation.
struct Mirrors(Rc<RefCell<Vec<Mirror>>>);

impl Tap<Engine> for Mirrors {
    fn event(&mut self, _: u64, node: usize, event: &Event) {
        self.0.borrow_mut()[node].replay(event);
    }
}

const NODES: usize = 5;

/// Runs a cluster through the faults that the bytes say, and compares as it goes.
fn run_with_faults(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let mut config = lan();
    config.tombstone_ttl = Duration::from_secs(8);
    config.forget_after = Duration::from_secs(30);
    let link = Link::lan().loss(Ratio::percent(u32::from(source.byte() % 20)));
    let mut sim = Sim::new(source.number()).nodes(NODES, config).link(link).build();
    let mirrors = Rc::new(RefCell::new(vec![Mirror::default(); NODES]));
    sim.set_tap(Mirrors(mirrors.clone()));
    sim.run_for(Duration::from_secs(1)).unwrap();
    while !source.is_spent() {
        fault(&mut sim, &mut source, &mirrors);
        let span = Duration::from_millis(1 + source.number() % 20_000);
        sim.run_for(span).unwrap_or_else(|failure| panic!("{failure}"));
        for node in sim.live() {
            // One that is paused has its events before it, and its calls behind them.
            let running = sim.condition(node) == Condition::Running;
            let Some(engine) = sim.node(node).filter(|_| running) else { continue };
            let mirror = &mirrors.borrow()[node];
            let truth = Mirror::of(engine);
            assert_eq!(mirror.peers, truth.peers, "node {node}");
            assert_eq!(mirror.items, truth.items, "node {node}");
            assert_eq!(mirror.metadata, truth.metadata, "node {node}");
        }
    }
}

fn fault(sim: &mut Sim, source: &mut Source<'_>, mirrors: &Rc<RefCell<Vec<Mirror>>>) {
    let node = source.below(NODES as u64) as usize;
    let up = sim.condition(node).is_up() && sim.node(node).is_some();
    let name = GroupName::try_from(source.one_of(&["a", "b"])).unwrap();
    let start = source.below(3) as u32 * 10;
    match source.below(14) {
        0 => sim.crash(node),
        1 => sim.restart(node),
        2 => sim.isolate(node),
        3 | 4 => sim.heal(),
        5 if up => sim.pause(node),
        6 if up => sim.resume(node, source.one_of(&[CatchUp::AtOnce, CatchUp::Drain])),
        7 if up => sim.leave(node, &name).unwrap(),
        8 if up => drop(sim.remove_item(node, &name, KeyRange::new(start, start + 9).unwrap(), 1)),
        9 if up => {
            let metadata = Bytes::from(source.bytes(6));
            sim.with(node, |engine, now| engine.set_metadata(now, metadata)).unwrap();
        }
        10 if up => {
            let epoch = Epoch(source.number());
            sim.with(node, |engine, now| engine.renew(now, epoch));
        }
        _ if up => {
            let port = 1 + source.byte() as u16;
            let _ = sim.add_item(node, &name, KeyRange::new(start, start + 9).unwrap(), port);
        }
        _ => {}
    }
    if sim.node(node).is_none_or(|engine| engine.stats().datagrams_received == 0) {
        // It has just begun, or is not there.
        mirrors.borrow_mut()[node] = sim.node(node).map(Mirror::of).unwrap_or_default();
    }
}

#[test]
fn replaying_all_events_gives_what_the_queries_answer() {
    let mut random = Gen::new(160);
    for _ in 0..rounds(40) {
        let bytes: Vec<u8> = Vec::arbitrary(&mut random);
        if let Err(cause) = std::panic::catch_unwind(|| run_with_faults(&bytes)) {
            println!("by {bytes:?}");
            std::panic::resume_unwind(cause);
        }
    }
}
