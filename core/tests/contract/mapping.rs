//! Nodes whose packets come from an address that they do not list: behind a port mapping, or on a host
//! that sends from another address than the one that it is reached at.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use scalesmall_core::wire::{Claim, Frame, Standing};
use scalesmall_core::{
    Arrival, DatagramError, Destination, Engine, Event, Locator, NodeId, NodeName, Status,
};
use scalesmall_hostile::{EPOCH, Holder, START, addr, cluster, config, drain, engine, id};

use crate::net::Net;

fn name(number: u16) -> NodeName {
    NodeName::try_from(format!("node-{number}").as_str()).unwrap()
}

fn id_of(number: u16) -> NodeId {
    cluster().node(&name(number))
}

/// Five named nodes, of which the last has joined the others, that have met; it is seen at another address
/// from the start on.
fn with_mapped(leads: bool, hidden: bool) -> Net {
    let mut net = Net::new(0);
    for number in 1..=5 {
        let locator = Locator::new(name(number), &[addr(number)]).unwrap();
        net.engines.push(Engine::new(config(), locator, EPOCH, START).unwrap());
    }
    net.mapped.insert(5, (65, leads));
    if hidden {
        net.hidden.insert(5);
    }
    net.meet();
    net.run_for(Duration::from_secs(5));
    net
}

fn statuses(net: &Net) -> Vec<Option<Status>> {
    let others = net.engines.iter().filter(|engine| engine.id() != id_of(5));
    others.map(|engine| engine.peer(id_of(5)).map(|peer| peer.status)).collect()
}

fn seen(net: &Net) -> Vec<(u16, SocketAddr, SocketAddr)> {
    let told = net.events.iter().filter_map(|(number, event)| match event {
        Event::SeenElsewhere { at, advertised, .. } => Some((*number, *at, *advertised)),
        _ => None,
    });
    told.collect()
}

/// What is sent to the address that it lists reaches it: it is a member like all others, and it is told.
#[test]
fn a_node_that_is_reached_where_it_says_is_a_member_wherever_its_packets_come_from() {
    let mut net = with_mapped(true, false);
    net.run_for(Duration::from_secs(60));
    assert_eq!(statuses(&net), [Some(Status::Alive); 4]);
    assert_eq!(seen(&net), [(5, addr(65), addr(5))]);
    let doubted = |(_, event): &&(u16, Event)| matches!(event, Event::Peer { to, .. } if *to != Some(Status::Alive));
    assert_eq!(net.events.iter().find(doubted), None);
}

/// Nothing reaches it where it says that it is. Nobody takes it for a member, so nobody sees it die, and
/// it is told under which address it is seen. Once it says that it is there, it is a member.
#[test]
fn a_node_that_is_reached_at_its_source_alone_has_to_say_so() {
    let mut net = with_mapped(true, true);
    net.run_for(Duration::from_secs(30));
    assert_eq!(statuses(&net), [None; 4]);
    assert_eq!(seen(&net), [(5, addr(65), addr(5))]);
    net.on(5, |engine, now| engine.set_addresses(now, &[addr(65)])).unwrap();
    net.run_for(Duration::from_secs(60));
    assert_eq!(statuses(&net), [Some(Status::Alive); 4]);
    for engine in &net.engines {
        assert_eq!(engine.digest(), net.engines[0].digest());
    }
}

/// A node that cannot be reached at all is no member, and costs little.
#[test]
fn a_node_that_cannot_be_reached_at_all_is_introduced_to_nobody() {
    let mut net = with_mapped(false, true);
    net.run_for(Duration::from_secs(600));
    assert_eq!(statuses(&net), [None; 4]);
    let to = |number| {
        let to = Destination::Unicast(addr(number));
        let sent = net.sent.iter().filter(|(by, at, _)| *by != 5 && *at == to);
        sent.map(|(_, _, datagram)| datagram.len()).sum::<usize>()
    };
    let by_it: usize =
        net.sent.iter().filter(|(by, ..)| *by == 5).map(|(.., datagram)| datagram.len()).sum();
    assert!(to(5) + to(65) <= by_it, "{} and {} bytes for {by_it}", to(5), to(65));
}

/// A sender that never says how it is named is asked ever more rarely, with no more bytes than it sends.
#[test]
fn a_sender_that_does_not_say_its_name_is_asked_ever_more_rarely() {
    let mut engine = engine(1);
    let mut stranger = Holder::new(9);
    stranger.life.id = NodeId::from_bits(1);
    let (mut now, mut asked) = (START, Vec::new());
    for _ in 0..600 {
        now = now + Duration::from_millis(100);
        let frames = [Frame::Ping { root: 0 }, Frame::Padding { bytes: 40 }];
        let packet = stranger.packet(Some(engine.life()), &frames);
        let taken = engine.handle_datagram(now, Arrival::Unicast(addr(70)), &packet);
        assert_eq!(taken, Err(DatagramError::Unproven));
        for (to, datagram) in drain(&mut engine).datagrams {
            assert_eq!(to, Destination::Unicast(addr(70)));
            assert!(datagram.len() <= packet.len(), "{} for {}", datagram.len(), packet.len());
            asked.push(now);
        }
    }
    assert!((3..=11).contains(&asked.len()), "asked {} times in a minute", asked.len());
}

/// The same for one that says that it is where nobody answers.
#[test]
fn a_sender_that_is_not_where_it_says_is_asked_ever_more_rarely() {
    let mut engine = engine(1);
    let mut stranger = Holder::new(9);
    let claim = scalesmall_hostile::claim(stranger.life, 0, Standing::Alive);
    let claim = Claim { locator: Some(Locator::from(addr(9))), ..claim };
    let (mut now, mut bytes, mut asked) = (START, 0, 0);
    for _ in 0..600 {
        now = now + Duration::from_millis(100);
        let frames = [Frame::Claim(claim.clone()), Frame::Ping { root: 0 }];
        let packet = stranger.packet(Some(engine.life()), &frames);
        let taken = engine.handle_datagram(now, Arrival::Unicast(addr(70)), &packet);
        assert_eq!(taken, Err(DatagramError::Unproven));
        let mut buffer = BytesMut::new();
        while engine.poll_transmit(&mut buffer).is_some() {
            asked += 1;
        }
        bytes += packet.len();
        assert!(buffer.len() <= 2 * packet.len());
    }
    assert!((6..=22).contains(&asked), "{asked} in a minute for {bytes} bytes");
    assert_eq!(engine.peer(id(9)), None);
}
