//! A node is its name: it may have several addresses, and others from one moment to the next.

use std::time::Duration;

use scalesmall_core::wire::{Claim, Frame, Route, Spread, Standing};
use scalesmall_core::{
    Arrival, Destination, Engine, Epoch, Event, Life, Locator, LocatorError, NodeId, NodeName,
    Status,
};
use scalesmall_hostile::{EPOCH, Holder, START, addr, claim, cluster, config};

use crate::net::Net;

fn name(number: u16) -> NodeName {
    NodeName::try_from(format!("node-{number}").as_str()).unwrap()
}

fn id(number: u16) -> NodeId {
    cluster().node(&name(number))
}

/// Nodes that have met, each with a name and the address of its number, and one more if `spare` says so.
fn settled(nodes: u16, spare: impl Fn(u16) -> Option<u16>) -> Net {
    let mut net = Net::new(0);
    for number in 1..=nodes {
        let addresses: Vec<_> =
            [Some(number), spare(number)].into_iter().flatten().map(addr).collect();
        let locator = Locator::new(name(number), &addresses).unwrap();
        net.engines.push(Engine::new(config(), locator, EPOCH, START).unwrap());
    }
    net.meet();
    net.run_for(Duration::from_secs(5));
    assert_same(&net);
    net
}

fn assert_same(net: &Net) {
    for engine in &net.engines {
        assert_eq!(engine.peers().count(), net.engines.len() - 1);
        assert_eq!(engine.digest(), net.engines[0].digest());
    }
}

/// What was said of a node's status from an event on.
fn doubts(net: &Net, since: usize) -> usize {
    let said = net.events[since..].iter().filter(|(_, event)| match event {
        Event::Peer { to, .. } => *to != Some(Status::Alive),
        _ => false,
    });
    said.count()
}

/// Where all others see a node.
fn seen_at(net: &Net, number: u16) -> Vec<std::net::SocketAddr> {
    let others = net.engines.iter().filter(|engine| engine.id() != id(number));
    others.map(|engine| engine.address(id(number)).unwrap()).collect()
}

/// It tells the others, which suspect nobody meanwhile. If several move in one moment, each sends its news
/// to where others were, and they find each other when they probe, through those that stayed.
#[test]
fn a_node_that_moves_is_reached_there() {
    for movers in [&[2][..], &[2, 3], &[1, 2, 3, 4, 5]] {
        let mut net = settled(8, |_| None);
        let since = net.events.len();
        for &number in movers {
            net.moved.insert(number, number + 60);
            let moved = |engine: &mut Engine, now| engine.set_addresses(now, &[addr(number + 60)]);
            net.on(number, moved).unwrap();
        }
        net.run_for(Duration::from_secs(1));
        if movers.len() == 1 {
            assert_same(&net);
        }
        net.run_for(Duration::from_secs(20));
        for &number in movers {
            assert_eq!(seen_at(&net, number), [addr(number + 60); 7], "{movers:?}");
            let moved = Event::Moved { peer: id(number), to: addr(number + 60) };
            let told = net.events[since..].iter().filter(|(_, event)| *event == moved);
            assert_eq!(told.count(), 7, "{movers:?}");
        }
        // The first probe of a peer that has moved as well as this node may remain unanswered.
        let most = if movers.len() < 3 { 0 } else { movers.len() };
        assert!(doubts(&net, since) <= most, "{movers:?}");
        assert_same(&net);
    }
}

/// A member says ten times a second that a node has moved to four addresses, or has left from there in a later life.
/// Those addresses get hardly more than was said, though all nodes hear it each time, and a node that does move
/// meanwhile is found.
#[test]
fn addresses_that_a_member_makes_up_get_little() {
    for leaves in [false, true] {
        let mut net = settled(24, |_| None);
        let mut member = Holder::new(99);
        let victims: Vec<_> = (0..4).map(|host| addr(9_000 + host)).collect();
        let (since, mut said) = (net.sent.len(), 0);
        for step in 1..=300 {
            if step == 200 {
                net.moved.insert(3, 63);
                net.on(3, |engine, now| engine.set_addresses(now, &[addr(63)])).unwrap();
            }
            let life = net.engines[1].life();
            let later = Life { epoch: Epoch(life.epoch.0 + 1), ..life };
            let lie = match leaves {
                true => claim(later, 0, Standing::Left),
                false => claim(life, 4 * step, Standing::Alive),
            };
            let locator = Some(Locator::new(name(2), &victims).unwrap());
            let route = Route::Ring { from: 0, until: 0, group: None, covered: true };
            let spread = Spread { route, hops: 20, frames: 1, first_try: None };
            let frames = [Frame::Spread(spread), Frame::Claim(Claim { locator, ..lie })];
            let packet = member.packet(Some(net.engines[0].life()), &frames);
            said += packet.len();
            net.on(1, |engine, now| {
                let _ = engine.handle_datagram(now, Arrival::Unicast(addr(99)), &packet);
            });
            net.run_for(Duration::from_millis(100));
        }
        let hits =
            |to: &Destination| matches!(to, Destination::Unicast(at) if victims.contains(at));
        let sent = net.sent[since..].iter().filter(|(_, to, _)| hits(to));
        let sent: usize = sent.map(|(_, _, datagram)| datagram.len()).sum();
        assert!(sent < 2 * said, "{sent} B for {said} B");
        net.run_for(Duration::from_secs(90));
        assert_eq!(seen_at(&net, 3), [addr(63); 23]);
        assert_eq!(seen_at(&net, 2), [addr(2); 23]);
        assert!(net.engines.iter().all(|engine| engine.digest() == net.engines[0].digest()));
    }
}

/// A way to a node ceases to exist without a word: its other address is used.
#[test]
fn another_address_is_tried_before_anybody_is_suspected() {
    let mut net = settled(8, |number| (number % 2 == 0).then_some(number + 60));
    let since = net.events.len();
    for number in [2, 4] {
        net.moved.insert(number, number + 60);
    }
    net.run_for(Duration::from_secs(30));
    for number in [2, 4] {
        assert_eq!(seen_at(&net, number), [addr(number + 60); 7]);
    }
    assert_eq!(doubts(&net, since), 0);
    assert_same(&net);
}

/// A node that starts again somewhere else is the node that it was, in a later life.
#[test]
fn a_restart_elsewhere_is_a_return() {
    let mut net = settled(4, |_| None);
    let since = net.events.len();
    let locator = Locator::new(name(2), &[addr(62)]).unwrap();
    let epoch = Epoch(EPOCH.0 + 1);
    net.moved.insert(2, 62);
    net.engines[1] = Engine::new(config(), locator, epoch, net.now).unwrap();
    net.on(2, |engine, now| engine.contact(now, &[addr(1)]));
    net.run_for(Duration::from_secs(2));
    assert_eq!(seen_at(&net, 2), [addr(62); 3]);
    assert_eq!(doubts(&net, since), 0);
    assert_same(&net);
}

/// The others know a later life of it, so they do not take what it says; they tell it so, and who they are.
#[test]
fn a_node_with_a_name_returns_though_its_clock_was_set_back() {
    let mut net = settled(4, |_| None);
    let locator = Locator::new(name(2), &[addr(62)]).unwrap();
    let epoch = Epoch(EPOCH.0 - 1);
    net.moved.insert(2, 62);
    net.engines[1] = Engine::new(config(), locator, epoch, net.now).unwrap();
    net.on(2, |engine, now| engine.contact(now, &[addr(1)]));
    net.run_for(Duration::from_secs(5));
    assert!(net.engines[1].epoch() > EPOCH, "it has begun a life above the known one");
    assert_eq!(seen_at(&net, 2), [addr(62); 3]);
    assert_same(&net);
}

/// Two nodes of one name that know nobody but each other: both are told.
#[test]
fn two_of_one_name_that_meet_are_told() {
    let mut net = Net::new(0);
    for number in [1, 2] {
        let locator = Locator::new(name(1), &[addr(number)]).unwrap();
        let epoch = Epoch(EPOCH.0 + u64::from(number));
        net.engines.push(Engine::new(config(), locator, epoch, START).unwrap());
    }
    net.on(1, |engine, now| engine.contact(now, &[addr(2)]));
    net.on(2, |engine, now| engine.contact(now, &[addr(1)]));
    net.run_for(Duration::from_secs(60));
    for number in [1, 2] {
        let other = Some(addr(3 - number));
        let conflict = |(by, event): &(u16, Event)| {
            *by == number
                && matches!(event, Event::Conflict { address, answered: true, .. } if *address == other)
        };
        assert!(net.events.iter().any(conflict), "node {number} is not told");
    }
    assert!(net.sent.len() < 600, "{} datagrams", net.sent.len());
}

/// A second holder of a name starts while the first one, which has told its embedder, waits for long before it
/// renews. The newcomer is told at once, and where the other one is; once for each life of that one.
#[test]
fn a_newcomer_to_a_long_conflict_is_told_at_once() {
    let mut net = settled(3, |_| None);
    let mut member = Holder::new(9);
    for _ in 0..900 {
        let life = net.engines[0].life();
        let duplicate = Frame::Duplicate { epoch: Epoch(life.epoch.0 + 1) };
        let packet = member.packet(Some(life), &[duplicate]);
        net.on(1, |engine, now| {
            let _ = engine.handle_datagram(now, Arrival::Unicast(addr(9)), &packet);
        });
        net.run_for(Duration::from_millis(100));
    }
    let conflicts = |net: &Net, number: u16| -> Vec<Option<std::net::SocketAddr>> {
        let of = net.events.iter().filter(|(by, _)| *by == number);
        of.filter_map(|(_, event)| match event {
            Event::Conflict { address, .. } => Some(*address),
            _ => None,
        })
        .collect()
    };
    assert!(conflicts(&net, 1).len() >= 2, "the first one knows: {:?}", conflicts(&net, 1));

    let locator = Locator::new(name(1), &[addr(4)]).unwrap();
    let epoch = Epoch(net.engines[0].epoch().0 + 1_000);
    net.engines.push(Engine::new(config(), locator, epoch, net.now).unwrap());
    net.on(4, |engine, now| engine.contact(now, &[addr(2)]));
    net.run_for(Duration::from_secs(10));
    assert_eq!(conflicts(&net, 4), [Some(addr(1))]);
    let answered = |(by, event): &(u16, Event)| {
        *by == 4 && matches!(event, Event::Conflict { answered: true, .. })
    };
    assert!(net.events.iter().any(answered), "it has asked the other one");
    assert_eq!(net.engines[3].stats().conflicts, 1);
    let told = net.engines[0].stats().conflicts;
    assert_eq!(told, conflicts(&net, 1).len() as u64);
}

#[test]
fn a_node_that_is_named_after_its_address_keeps_it() {
    let mut engine = scalesmall_hostile::engine(1);
    let digest = engine.digest();
    assert_eq!(engine.set_addresses(START, &[addr(1)]), Ok(()));
    assert_eq!(engine.set_addresses(START, &[addr(2)]), Err(LocatorError::Fixed));
    assert_eq!(engine.set_addresses(START, &[]), Err(LocatorError::Count { count: 0 }));
    assert_eq!((engine.digest(), engine.address(engine.id())), (digest, Some(addr(1))));
}
