//! Events are changes only; replaying all of them gives what the queries return; the queue is
//! bounded and coalesces; a full one refuses messages unacknowledged.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use quickcheck::{Arbitrary as _, Gen};
use scalesmall_core::wire::{Frame, Message};
use scalesmall_core::{
    DatagramError, Engine, Epoch, Event, GroupName, KeyRange, NodeId, Status, Tag, TimedItem,
};
use scalesmall_hostile::{
    EPOCH, Holder, START, Source, any_frames, config, drain, engine, engine_with,
};
use scalesmall_sim::{CatchUp, Condition, Link, Ratio, Sim, Tap, lan};

use crate::{group, range, rounds};

/// What the events say.
#[derive(Clone, Debug, Default, PartialEq)]
struct Mirror {
    peers: BTreeMap<NodeId, (Epoch, Status)>,
    items: BTreeMap<(GroupName, NodeId, KeyRange), TimedItem>,
    metadata: BTreeMap<NodeId, Bytes>,
}

impl Mirror {
    /// What the queries say.
    fn of(engine: &Engine) -> Self {
        let mut mirror = Self::default();
        for peer in engine.peers() {
            mirror.peers.insert(peer.id, (peer.epoch, peer.status));
        }
        for group in engine.groups() {
            for timed in engine.topology(group) {
                let key = (group.clone(), timed.item.member, timed.item.range);
                mirror.items.insert(key, timed);
            }
        }
        let mine = engine.peer(engine.id());
        for peer in engine.peers().chain(mine).filter(|peer| !peer.metadata.is_empty()) {
            mirror.metadata.insert(peer.id, peer.metadata);
        }
        mirror
    }

    fn replay(&mut self, event: &Event) {
        match event {
            Event::Peer { peer, from, to, .. } => {
                let known = self.peers.get(&peer.id).map(|&(_, status)| status);
                assert_eq!(known, *from, "{event:?}");
                let before = match to {
                    Some(status) => self.peers.insert(peer.id, (peer.epoch, *status)),
                    None => self.peers.remove(&peer.id),
                };
                let after = self.peers.get(&peer.id).copied();
                assert_ne!(before, after, "no change: {event:?}");
            }
            Event::ItemSet { group, item } => {
                let key = (group.clone(), item.item.member, item.item.range);
                let before = self.items.insert(key, *item);
                assert_ne!(before, Some(*item), "no change: {event:?}");
            }
            Event::ItemCleared { group, member, range } => {
                self.items.remove(&(group.clone(), *member, *range));
            }
            Event::Metadata { node, metadata } if metadata.is_empty() => {
                self.metadata.remove(node);
            }
            Event::Metadata { node, metadata } => {
                self.metadata.insert(*node, metadata.clone());
            }
            _ => {}
        }
    }
}

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
    let name = group(source.one_of(&["a", "b"]));
    let start = source.below(3) as u32 * 10;
    match source.below(14) {
        0 => sim.crash(node),
        1 => sim.restart(node),
        2 => sim.isolate(node),
        3 | 4 => sim.heal(),
        5 if up => sim.pause(node),
        6 if up => sim.resume(node, source.one_of(&[CatchUp::AtOnce, CatchUp::Drain])),
        7 if up => sim.leave(node, &name).unwrap(),
        8 if up => drop(sim.remove_item(node, &name, range(start, start + 9), 1)),
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
            let _ = sim.add_item(node, &name, range(start, start + 9), port);
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

/// The same for one that polls its events late, and hears what makes no sense.
#[test]
fn coalesced_events_give_what_the_queries_answer() {
    let mut random = Gen::new(600);
    for _ in 0..rounds(60) {
        let bytes: Vec<u8> = Vec::arbitrary(&mut random);
        let mut source = Source::new(&bytes);
        let mut engine = engine(1);
        let mut mirror = Mirror::default();
        let mut holder = Holder::new(2);
        let mut now = START;
        while !source.is_spent() {
            let packet = holder.packet(Some(engine.epoch()), &any_frames(&mut source));
            let _ = engine.handle_datagram(now, holder.arrival(), &packet);
            now = now + Duration::from_millis(source.number() % 3_000);
            engine.handle_timeout(now);
            while engine.poll_transmit(&mut bytes::BytesMut::new()).is_some() {}
            if source.below(6) == 0 {
                std::iter::from_fn(|| engine.poll_event()).for_each(|event| mirror.replay(&event));
                assert_eq!(mirror, Mirror::of(&engine), "by {bytes:?}");
            }
        }
    }
}

fn message(holder: &Holder, sequence: u64) -> Frame {
    let payload = Bytes::from_static(b"for you");
    Frame::Message(Message { origin: holder.life, sequence, tag: 4, group: None, payload })
}

#[test]
fn a_full_event_queue_refuses_messages_unacknowledged_and_counts_them() {
    let mut config = config();
    config.limits.events = 16;
    let mut engine = engine_with(1, config);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let mut taken = 0;
    for sequence in 1..=40 {
        let packet = holder.packet(Some(EPOCH), &[message(&holder, sequence)]);
        match engine.handle_datagram(START, holder.arrival(), &packet) {
            Ok(()) => taken += 1,
            Err(error) => assert_eq!(error, DatagramError::Busy),
        }
    }
    assert_eq!(taken, 16);
    assert_eq!(engine.stats().messages_refused, 24);
    assert_eq!(engine.stats().messages_delivered, 16);
    let outputs = drain(&mut engine);
    assert_eq!(outputs.events.len(), 16);
    let all_messages =
        outputs.events.iter().all(|event| matches!(event, Event::Message { tag: Tag(4), .. }));
    assert!(all_messages);
    // Refused is not lost: it is taken when it comes again.
    let packet = holder.packet(Some(EPOCH), &[message(&holder, 40)]);
    assert_eq!(engine.handle_datagram(START, holder.arrival(), &packet), Ok(()));
    assert_eq!(drain(&mut engine).events.len(), 1);
}

/// Messages for a group that the node is not in need no room.
#[test]
fn a_full_event_queue_still_passes_on_what_is_for_others() {
    let mut config = config();
    config.limits.events = 16;
    let mut engine = engine_with(1, config);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    for sequence in 1..=16 {
        let packet = holder.packet(Some(EPOCH), &[message(&holder, sequence)]);
        engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
    }
    let Frame::Message(mut other) = message(&holder, 17) else { return };
    other.group = Some(group("elsewhere"));
    let packet = holder.packet(Some(EPOCH), &[Frame::Message(other)]);
    assert_eq!(engine.handle_datagram(START, holder.arrival(), &packet), Ok(()));
}

#[test]
fn the_event_queue_is_bounded_and_coalesces() {
    let mut config = config();
    config.limits.events = 16;
    let mut engine = engine_with(1, config);
    // Of one subject only the last change is kept.
    for port in 1..=1_000 {
        engine.add_item(START, &group("a"), range(1, 2), port).unwrap();
    }
    let events = drain(&mut engine).events;
    assert!(matches!(&events[..], [Event::ItemSet { item, .. }] if item.item.port == 1_000));
    assert_eq!(engine.stats().events_folded, 0);
    // Of more subjects than there is room for the number is told.
    for start in 0..1_000 {
        engine.add_item(START, &group("a"), range(start, start), 1).unwrap();
    }
    let events = drain(&mut engine).events;
    let Some(Event::Overflow { dropped }) = events.first() else { panic!("{events:?}") };
    assert_eq!(*dropped as usize + events.len() - 1, 1_000);
    assert!(events.len() <= 17);
    assert!(engine.stats().events_folded > 0);
}
