//! Ids that a member makes up: they are looked at, but get little, and are soon forgotten.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::wire::{Claim, Frame, Message, Route, Spread, Standing};
use scalesmall_core::{Arrival, Destination, Footing, Life, NodeId, Status};
use scalesmall_hostile::{EPOCH, Holder, addr, cluster, receiver};

use crate::net::Net;

/// A claim, for everybody, that nodes live at these addresses.
fn invented(addrs: &[SocketAddr]) -> Vec<Frame> {
    let route = Route::Ring { from: 0, until: 0, group: None, covered: true };
    let spread = Spread { route, hops: 20, frames: addrs.len() as u8, first_try: None };
    let claims = addrs.iter().map(|&addr| {
        let life = Life { id: id_at(addr), epoch: EPOCH };
        let claim = scalesmall_hostile::claim(life, 0, Standing::Alive);
        Frame::Claim(Claim { locator: Some(addr.into()), ..claim })
    });
    std::iter::once(Frame::Spread(spread)).chain(claims).collect()
}

fn id_at(addr: SocketAddr) -> NodeId {
    cluster().node_at(addr)
}

/// Has a member say something to the first node. Returns how many bytes that took.
fn say(net: &mut Net, member: &mut Holder, frames: &[Frame]) -> usize {
    let packet = member.packet(Some(receiver()), frames);
    net.on(1, |engine, now| {
        let _ = engine.handle_datagram(now, Arrival::Unicast(addr(99)), &packet);
    });
    packet.len()
}

/// The bytes that went to one of these addresses.
fn bytes_to(net: &Net, addrs: &[SocketAddr]) -> usize {
    let sent = net.sent.iter().filter(|(_, to, _)| match to {
        Destination::Unicast(at) => addrs.contains(at),
        _ => false,
    });
    sent.map(|(_, _, datagram)| datagram.len()).sum()
}

/// Nodes that have all heard each other for a while.
fn acquainted(nodes: u16) -> Net {
    let mut net = Net::settled(nodes);
    net.run_for(Duration::from_secs(10));
    net
}

/// However many are made up, at addresses of their own or at one, in clusters of several sizes: they get
/// at most twenty times what was said of them, show up as alive for a minute or two at most, and are
/// forgotten within ten.
#[test]
fn what_is_made_up_gets_little_and_is_forgotten() {
    let ports = |count| (0..count).map(|port| SocketAddr::from(([10, 9, 9, 9], 1_000 + port)));
    let hosts = |count| (0..count).map(|host| addr(5_000 + host));
    let sets: [Vec<SocketAddr>; 3] =
        [hosts(250).collect(), hosts(60).collect(), ports(250).collect()];
    for nodes in [8, 16] {
        for set in &sets {
            let ids: Vec<NodeId> = set.iter().copied().map(id_at).collect();
            let mut net = acquainted(nodes);
            net.run_for(Duration::from_secs(10));
            let mut member = Holder::new(99);
            let said = say(&mut net, &mut member, &invented(set));
            net.run_for(Duration::from_secs(150));
            for engine in &net.engines {
                let shown = |id: &&NodeId| {
                    engine.peer(**id).is_some_and(|peer| peer.status == Status::Alive)
                };
                assert_eq!(ids.iter().filter(shown).count(), 0, "{nodes} nodes, {} ids", ids.len());
            }
            net.run_for(Duration::from_secs(450));
            let sent = bytes_to(&net, set);
            assert!(sent <= 20 * said, "{nodes} nodes, {} ids: {said} B, {sent} B", ids.len());
            for engine in &net.engines {
                assert!(ids.iter().all(|&id| engine.peer(id).is_none()));
                assert_eq!(engine.digest(), net.engines[0].digest());
            }
        }
    }
}

/// Nodes that have heard each other do not take themselves for a minority because of what is made up: neither while
/// that is shown as alive, nor once it has been found silent.
#[test]
fn what_is_made_up_takes_no_part_in_who_is_the_minority() {
    let addrs: Vec<SocketAddr> = (0..120).map(|host| addr(5_000 + host)).collect();
    for nodes in [3, 8] {
        let mut net = acquainted(nodes);
        net.run_for(Duration::from_secs(10));
        let mut member = Holder::new(99);
        say(&mut net, &mut member, &[]);
        net.run_for(Duration::from_secs(60));
        say(&mut net, &mut member, &invented(&addrs));
        for second in 0..700 {
            net.run_for(Duration::from_secs(1));
            for engine in &net.engines {
                let agreement = engine.agreement();
                assert_eq!(agreement.footing, Footing::Agreed, "after {second} s: {agreement:?}");
            }
        }
        // On the smaller side of a cut they still know it.
        let large = nodes / 2 + 1;
        for (one, other) in (1..=large).flat_map(|one| (large + 1..=nodes).map(move |it| (one, it)))
        {
            net.set_cut(one, other, true);
        }
        net.run_for(Duration::from_secs(6));
        for engine in &net.engines[usize::from(large)..] {
            assert_eq!(engine.agreement().footing, Footing::Minority);
        }
    }
}

/// However many are made up, in small clusters as well, a node that dies is found: others of which something has come
/// are still probed, and asked to verify.
#[test]
fn a_death_is_found_among_many_that_are_made_up() {
    for (nodes, crowd, found) in [(3, 120, 6), (8, 250, 12)] {
        let addrs: Vec<SocketAddr> = (0..crowd).map(|host| addr(5_000 + host)).collect();
        for after in [1, 2, 5, 10, 20] {
            let mut net = acquainted(nodes);
            let mut member = Holder::new(99);
            say(&mut net, &mut member, &[]);
            net.run_for(Duration::from_secs(60 + 23 * after));
            say(&mut net, &mut member, &invented(&addrs));
            net.run_for(Duration::from_secs(after));
            (1..nodes).for_each(|other| net.set_cut(nodes, other, true));
            net.run_for(Duration::from_secs(found));
            for engine in &net.engines[..usize::from(nodes) - 1] {
                let status = engine.peer(scalesmall_hostile::id(nodes)).map(|peer| peer.status);
                assert_eq!(status, Some(Status::Down), "{nodes} nodes, {after} s after");
            }
        }
    }
}

/// The same of messages to listed nodes that were made up.
#[test]
fn listed_recipients_that_are_made_up_get_little() {
    let addrs: Vec<SocketAddr> = (0..250).map(|host| addr(5_000 + host)).collect();
    let ids: Vec<NodeId> = addrs.iter().copied().map(id_at).collect();
    let mut net = acquainted(8);
    let mut member = Holder::new(99);
    let mut said = say(&mut net, &mut member, &invented(&addrs));
    for sequence in 1..=3 {
        let payload = Bytes::from(vec![7; 900]);
        let message = Message { origin: member.life, sequence, tag: 1, group: None, payload };
        let route = Route::Listed(ids.clone());
        let spread = Frame::Spread(Spread { route, hops: 20, frames: 1, first_try: None });
        said += say(&mut net, &mut member, &[spread, Frame::Message(message)]);
        net.run_for(Duration::from_secs(1));
    }
    net.run_for(Duration::from_secs(600));
    let sent = bytes_to(&net, &addrs);
    assert!(sent <= 20 * said, "{said} B, {sent} B");
}

/// A second crowd, as soon as the first has been found silent, fares no better.
#[test]
fn a_second_crowd_gets_as_little() {
    let crowd = |from: u16| (from..from + 250).map(addr).collect::<Vec<SocketAddr>>();
    let (first, second) = (crowd(5_000), crowd(6_000));
    let mut net = acquainted(8);
    let mut member = Holder::new(99);
    say(&mut net, &mut member, &invented(&first));
    let shown = |net: &Net| {
        let peers = net.engines[0].peers();
        peers.filter(|peer| peer.status == Status::Alive && first.contains(&peer.address)).count()
    };
    while shown(&net) > 0 {
        net.run_for(Duration::from_secs(1));
    }
    let said = say(&mut net, &mut member, &invented(&second));
    net.run_for(Duration::from_secs(150));
    let sent = bytes_to(&net, &second);
    assert!(sent <= 20 * said, "{said} B, {sent} B");
}
