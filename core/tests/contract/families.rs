//! Nodes with IPv4 addresses alone, with IPv6 addresses alone and with both in one cluster: two that
//! share no address family do not reach each other directly, and know of each other through others.

use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::{
    Arrival, Cause, Destination, Engine, Event, Locator, NodeId, NodeName, Recipients, SendError,
    Status, Tag,
};
use scalesmall_hostile::{EPOCH, START, addr, cluster, config};

use crate::net::{Net, six};

/// Which addresses a node has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Both,
    Four,
    Six,
}

use Kind::{Both, Four, Six};

fn name(number: u16) -> NodeName {
    NodeName::try_from(format!("node-{number}").as_str()).unwrap()
}

fn id(number: u16) -> NodeId {
    cluster().node(&name(number))
}

fn addresses(number: u16, kind: Kind) -> Vec<std::net::SocketAddr> {
    match kind {
        Both => vec![six(number), addr(number)],
        Four => vec![addr(number)],
        Six => vec![six(number)],
    }
}

/// Adds a node, which contacts the first one with both families.
fn join(net: &mut Net, kind: Kind) {
    let number = net.engines.len() as u16 + 1;
    let locator = Locator::new(name(number), &addresses(number, kind)).unwrap();
    net.engines.push(Engine::new(config(), locator, EPOCH, net.now.max(START)).unwrap());
    give(net, number, kind);
    let seed = if kind == Six { six(1) } else { addr(1) };
    net.on(number, |engine, now| engine.contact(now, &[seed]));
}

fn give(net: &mut Net, number: u16, kind: Kind) {
    net.six_only.remove(&number);
    net.dual.remove(&number);
    match kind {
        Both => net.dual.insert(number),
        Six => net.six_only.insert(number),
        Four => false,
    };
}

/// Nodes of these kinds that have met; the first one has both families.
fn met(kinds: &[Kind]) -> Net {
    let mut net = Net::new(0);
    for &kind in kinds {
        join(&mut net, kind);
    }
    net.run_for(Duration::from_secs(5));
    assert_same(&net);
    net
}

fn assert_same(net: &Net) {
    for engine in &net.engines {
        let alive = engine.peers().filter(|peer| peer.status == Status::Alive).count();
        assert_eq!((alive, engine.digest()), (net.engines.len() - 1, net.engines[0].digest()));
    }
}

/// No node has sent anything to an address of a family that it does not have.
fn assert_of_family(net: &Net, kinds: &[Kind]) {
    for (by, to, _) in &net.sent {
        let kind = kinds[usize::from(*by) - 1];
        if let Destination::Unicast(to) = to {
            assert!(kind == Both || to.is_ipv6() == (kind == Six), "{by} has sent to {to}");
        }
    }
}

/// Nothing that a node sends arrives any more, nor does anything reach it.
fn kill(net: &mut Net, victim: u16) {
    for other in 1..=net.engines.len() as u16 {
        net.set_cut(victim, other, true);
    }
}

fn status(net: &Net, at: u16, of: u16) -> Status {
    net.engines[usize::from(at) - 1].peer(id(of)).unwrap().status
}

const THREE: [Kind; 3] = [Both, Four, Six];
const ONE_RELAY: [Kind; 11] = [Both, Six, Four, Four, Four, Six, Four, Four, Six, Four, Six];
const NINE: [Kind; 9] = [Both, Both, Both, Four, Four, Four, Six, Six, Six];

#[test]
fn nodes_that_share_no_family_are_members_of_one_cluster() {
    for kinds in [&THREE[..], &NINE] {
        let mut net = met(kinds);
        net.run_for(Duration::from_secs(60));
        assert_same(&net);
        assert_of_family(&net, kinds);
        let doubted = |(_, event): &&(u16, Event)| matches!(event, Event::Peer { to, .. } if *to != Some(Status::Alive));
        assert_eq!(net.events.iter().find(doubted), None);
    }
}

/// When a node dies, all others learn it, whether they could reach it or not.
#[test]
fn the_death_of_a_node_of_each_kind_is_known_to_all() {
    for (kinds, victims) in [(&THREE[..], &[2, 3][..]), (&NINE, &[1, 2, 4, 7])] {
        for &victim in victims {
            let mut net = met(kinds);
            kill(&mut net, victim);
            net.run_for(Duration::from_secs(15));
            for at in (1..=kinds.len() as u16).filter(|&at| at != victim) {
                assert_eq!(status(&net, at, victim), Status::Down, "{victim} at {at}");
                let others = (1..=kinds.len() as u16).filter(|&of| of != at && of != victim);
                for of in others {
                    assert_eq!(status(&net, at, of), Status::Alive, "{of} at {at}");
                }
            }
            assert_of_family(&net, kinds);
        }
    }
}

/// The return of one is known to all as well.
#[test]
fn a_node_that_is_reached_again_is_back_for_all() {
    for victim in [4, 7] {
        let mut net = met(&NINE);
        kill(&mut net, victim);
        net.run_for(Duration::from_secs(15));
        net.cut.clear();
        net.run_for(Duration::from_secs(40));
        assert_same(&net);
    }
}

#[test]
fn an_update_of_a_node_of_each_kind_reaches_all() {
    for kinds in [&THREE[..], &NINE] {
        let mut net = met(kinds);
        for number in 1..=kinds.len() as u16 {
            let group = crate::group(&format!("g{number}"));
            net.on(number, |engine, now| engine.join(now, &group)).unwrap();
            net.run_for(Duration::from_millis(300));
            for engine in &net.engines {
                assert!(engine.members(&group).eq([id(number)]), "{number}");
            }
        }
    }
}

#[test]
fn a_message_of_a_node_of_each_kind_reaches_all_that_it_is_for() {
    for kinds in [&THREE[..], &NINE, &ONE_RELAY] {
        let mut net = met(kinds);
        let group = crate::group("g");
        let all: Vec<u16> = (1..=kinds.len() as u16).collect();
        let (some, listed): (Vec<u16>, Vec<u16>) = (vec![2, 3], all[1..].to_vec());
        for &number in &some {
            net.on(number, |engine, now| engine.join(now, &group)).unwrap();
        }
        net.run_for(Duration::from_secs(5));
        let ids: Vec<NodeId> = listed.iter().map(|&number| id(number)).collect();
        for &by in &all {
            let audiences = [
                (Recipients::All, &all),
                (Recipients::Group(&group), &some),
                (Recipients::Nodes(&ids), &listed),
            ];
            for (recipients, audience) in audiences {
                let since = net.events.len();
                let send = |engine: &mut Engine, now| {
                    engine.broadcast(now, recipients, Tag(7), Bytes::from_static(b"m"))
                };
                net.on(by, send).unwrap();
                net.run_for(Duration::from_millis(500));
                let mut got: Vec<u16> = net.events[since..]
                    .iter()
                    .filter(|(_, event)| matches!(event, Event::Message { .. }))
                    .map(|(at, _)| *at)
                    .collect();
                got.sort_unstable();
                let expected = audience.iter().copied().filter(|&at| at != by);
                assert!(got.iter().copied().eq(expected), "{by} to {audience:?}: {got:?}");
            }
        }
        assert_of_family(&net, kinds);
    }
}

/// When nobody is left that reaches both halves, each says that the other one is unreachable to it,
/// and not that it is down. They find each other again through a node with both families.
#[test]
fn halves_that_have_lost_their_only_link_are_told_so() {
    let kinds = [Both, Four, Four, Six, Six];
    let mut net = met(&kinds);
    kill(&mut net, 1);
    net.run_for(Duration::from_secs(40));
    for (at, of) in [(2, 4), (2, 5), (3, 4), (3, 5), (4, 2), (4, 3), (5, 2), (5, 3)] {
        assert_eq!(status(&net, at, of), Status::Unreachable, "{of} at {at}");
    }
    for (at, of) in [(2, 3), (3, 2), (4, 5), (5, 4)] {
        assert_eq!((status(&net, at, of), status(&net, at, 1)), (Status::Alive, Status::Down));
    }
    let told = net.events.iter().filter(|(at, event)| {
        matches!(event, Event::Peer { peer, to: Some(Status::Unreachable), cause: Cause::NobodyToAsk, .. }
            if *at == 2 && peer.id == id(4))
    });
    assert_eq!(told.count(), 1);
    net.cut.clear();
    net.run_for(Duration::from_secs(60));
    assert_same(&net);
}

/// Once a relay is back, the halves find each other through it at once: they do not wait for their turn to
/// be probed, which in a large cluster comes late.
#[test]
fn halves_find_each_other_as_soon_as_a_relay_is_back() {
    let kinds: Vec<Kind> =
        [Both].into_iter().chain((0..40).map(|at| [Four, Six][at % 2])).collect();
    let mut net = met(&kinds);
    kill(&mut net, 1);
    net.run_for(Duration::from_secs(100));
    let unreachable = |net: &Net| {
        let of_one = |engine: &Engine| {
            engine.peers().filter(|peer| peer.status == Status::Unreachable).count()
        };
        net.engines.iter().map(of_one).sum::<usize>()
    };
    assert!(unreachable(&net) > 600, "{}", unreachable(&net));
    net.cut.clear();
    net.run_for(Duration::from_secs(20));
    assert_eq!(unreachable(&net), 0);
    assert_same(&net);
}

/// What a peer sent before a node lost a family may reach the node later. The peer is tried there, and when
/// that cannot be sent it is known to be out of reach, and relays are asked.
#[test]
fn a_peer_that_is_heard_late_from_a_lost_family_is_not_reached_there() {
    let mut net = met(&[Both, Six, Six]);
    net.cut.insert((2, 3));
    let sent = net.sent.len();
    let to_three = Destination::Unicast(six(3));
    net.run_for(Duration::from_secs(3));
    let late = net.sent[sent..].iter().rev().find(|(by, to, _)| (*by, *to) == (2, to_three));
    let late = late.unwrap().2.clone();
    give(&mut net, 3, Four);
    net.on(3, |engine, now| engine.set_addresses(now, &addresses(3, Four))).unwrap();
    let direct = |net: &Net| net.engines[2].peer(id(2)).unwrap().direct;
    assert!(!direct(&net));
    let _ = net.on(3, |engine, now| engine.handle_datagram(now, Arrival::Unicast(six(2)), &late));
    assert!(direct(&net), "it was heard");
    net.on(3, |engine, now| {
        engine.handle_send_error(now, Destination::Unicast(six(2)), SendError::Unreachable);
    });
    assert!(!direct(&net));
    net.cut.clear();
    net.run_for(Duration::from_secs(20));
    assert_same(&net);
}

/// A node with both families of which the only other ones are gone is unreachable to each half alone.
#[test]
fn the_only_link_of_two_nodes_is_missed_by_both() {
    let mut net = met(&THREE);
    kill(&mut net, 1);
    net.run_for(Duration::from_secs(40));
    for (at, of) in [(2, 1), (2, 3), (3, 1), (3, 2)] {
        assert_eq!(status(&net, at, of), Status::Unreachable, "{of} at {at}");
    }
}

/// A node that gets an address of the other family reaches those that it did not.
#[test]
fn a_node_that_gets_another_family_is_reached_there() {
    let mut net = met(&THREE);
    give(&mut net, 2, Both);
    net.on(2, |engine, now| engine.set_addresses(now, &addresses(2, Both))).unwrap();
    net.run_for(Duration::from_secs(10));
    kill(&mut net, 1);
    net.run_for(Duration::from_secs(20));
    for (at, of) in [(2, 3), (3, 2)] {
        assert_eq!((status(&net, at, of), status(&net, at, 1)), (Status::Alive, Status::Down));
    }
    // It loses the family that it began with.
    give(&mut net, 2, Six);
    net.on(2, |engine, now| engine.set_addresses(now, &addresses(2, Six))).unwrap();
    net.run_for(Duration::from_secs(20));
    for (at, of) in [(2, 3), (3, 2)] {
        assert_eq!(status(&net, at, of), Status::Alive, "{of} at {at}");
    }
}
