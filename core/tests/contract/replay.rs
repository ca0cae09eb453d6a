//! The story of replay: all that sixteen nodes have said in an hour, multicasts among it, is played in
//! another order at every moment of a node's life. Pictures and events are as without it.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::{
    Arrival, Config, Destination, Engine, Epoch, Event, Recipients, Status, Tag,
};
use scalesmall_hostile::{EPOCH, addr, config, id};

use crate::net::Net;

const NODES: u16 = 16;

fn settings() -> Config {
    let mut config = config();
    config.multicast = true;
    config.least_hearers = 3;
    config.forget_after = Duration::from_secs(300);
    config
}

/// The hour, and the nodes at its end.
fn hour() -> Net {
    static HOUR: OnceLock<Net> = OnceLock::new();
    let record = || {
        let mut net = Net::settled_with(NODES, &settings());
        for turn in 0..60_u16 {
            let number = 1 + turn % NODES;
            let payload = Bytes::from(format!("pay {turn}"));
            net.on(number, |engine, now| engine.broadcast(now, Recipients::All, Tag(1), payload))
                .unwrap();
            net.on(number, |engine, now| {
                let range = crate::range(u32::from(turn), 1_000);
                engine.add_item(now, &crate::group("a"), range, 80)
            })
            .unwrap();
            net.run_for(Duration::from_secs(60));
        }
        let multicasts = net.sent.iter().filter(|(_, to, _)| *to == Destination::Multicast).count();
        assert!(multicasts > 1_000, "{multicasts} multicasts");
        net
    };
    HOUR.get_or_init(record).clone()
}

/// Plays to a node what was sent to it, or to all, in an order that has nothing to do with the first one:
/// some of it at once, some a little later.
fn play(net: &mut Net, recorded: &[(u16, Destination, Vec<u8>)], to: u16) {
    let count = recorded.len();
    // A prime that is no factor of the length visits each place once.
    let step =
        [7_919, 7_927, 7_933].into_iter().find(|prime| !count.is_multiple_of(*prime)).unwrap();
    let mut taken = 0;
    for turn in 0..count {
        let (from, destination, datagram) = &recorded[turn * step % count];
        let arrival = match destination {
            Destination::Unicast(at) if *at == addr(to) => Arrival::Unicast(addr(*from)),
            Destination::Multicast if *from != to => Arrival::Multicast(addr(*from)),
            _ => continue,
        };
        let fresh = net.on(to, |engine, now| engine.handle_datagram(now, arrival, datagram));
        taken += usize::from(fresh.is_ok());
        if turn % 4_096 == 0 {
            net.run_for(Duration::from_millis(1));
        }
    }
    assert_eq!(taken, 0, "of {count} recorded datagrams some are taken by node {to}");
}

/// What a world comes to: the digests and who is seen as what by whom, and what was delivered.
fn outcome(net: &Net) -> (Vec<String>, Vec<(u16, Bytes)>) {
    let picture = |engine: &Engine| {
        let peers = engine.peers().map(|peer| (peer.id, peer.epoch, peer.status, peer.incarnation));
        let mut peers: Vec<_> = peers.collect();
        peers.sort_unstable_by_key(|peer| peer.0);
        format!("{:?} {:?} {peers:?}", engine.id(), engine.digest())
    };
    let message = |(number, event): &(u16, Event)| match event {
        Event::Message { payload, .. } => Some((*number, payload.clone())),
        _ => None,
    };
    (net.engines.iter().map(picture).collect(), net.events.iter().filter_map(message).collect())
}

/// Lets something happen, plays the recording to a node or leaves it out, and goes on for a while:
/// it comes to the same. Returns the events from then on, with the recording.
fn compare(
    victim: u16,
    happens: impl Fn(&mut Net),
    goes_on: impl Fn(&mut Net),
) -> Vec<(u16, Event)> {
    let recording = hour().sent;
    let [without, with] = [false, true].map(|plays| {
        let mut net = hour();
        happens(&mut net);
        net.sent.clear();
        net.events.clear();
        if plays {
            play(&mut net, &recording, victim);
        }
        goes_on(&mut net);
        net.run_for(Duration::from_secs(20));
        net
    });
    assert_eq!(outcome(&with), outcome(&without));
    with.events
}

fn later(net: &Net) -> Epoch {
    Epoch(EPOCH.0 + (net.now.as_millis() << 22))
}

fn nothing(_: &mut Net) {}

#[test]
fn an_hour_played_to_nodes_that_live_changes_nothing() {
    for victim in [1, 9] {
        assert_eq!(compare(victim, nothing, nothing), []);
    }
}

#[test]
fn an_hour_played_to_a_node_that_has_restarted_changes_nothing() {
    let restart = |net: &mut Net| {
        let epoch = later(net);
        net.engines[0] = Engine::new(settings(), addr(1), epoch, net.now).unwrap();
    };
    let meet = |net: &mut Net| net.on(1, |engine, now| engine.contact(now, &[addr(2)]));
    compare(1, restart, meet);
    // Acquainted: for a moment, and for long.
    for wait in [1, 3, 10, 50, 5_000, 60_000] {
        let acquainted = |net: &mut Net| {
            restart(net);
            meet(net);
            net.run_for(Duration::from_millis(wait));
        };
        compare(1, acquainted, nothing);
    }
}

#[test]
fn an_hour_played_to_a_node_that_has_renewed_changes_nothing() {
    let renew = |net: &mut Net| {
        let epoch = later(net);
        net.on(1, |engine, now| engine.renew(now, epoch));
    };
    for wait in [0, 5, 5_000] {
        let settled = |net: &mut Net| {
            renew(net);
            net.run_for(Duration::from_millis(wait));
        };
        compare(1, settled, nothing);
    }
}

#[test]
fn an_hour_of_a_node_that_has_restarted_since_changes_nothing() {
    let restart = |net: &mut Net| {
        let epoch = later(net);
        net.engines[1] = Engine::new(settings(), addr(2), epoch, net.now).unwrap();
        net.on(2, |engine, now| engine.contact(now, &[addr(5)]));
        net.run_for(Duration::from_secs(5));
    };
    assert_eq!(compare(1, restart, nothing), []);
}

#[test]
fn an_hour_of_a_node_that_is_forgotten_brings_nothing_back() {
    for leaves in [true, false] {
        let forget = |net: &mut Net| {
            if leaves {
                net.on(2, Engine::depart);
                net.run_for(Duration::from_secs(5));
            }
            for other in (1..=NODES).filter(|&other| other != 2) {
                net.set_cut(2, other, true);
            }
            net.run_for(Duration::from_secs(330));
            assert_eq!(net.engines[0].peer(id(2)).map(|peer| peer.status), None::<Status>);
        };
        let of_others = |events: Vec<(u16, Event)>| {
            events.into_iter().filter(|(number, _)| *number != 2).collect::<Vec<_>>()
        };
        assert_eq!(of_others(compare(1, forget, nothing)), [], "leaves: {leaves}");
    }
}
