//! Two contents of a record under one clock: they are found by the sums that nodes compare, each node
//! keeps its own, and the owner puts itself above both.

use std::time::Duration;

use scalesmall_core::wire::Frame;
use scalesmall_core::{KeyRange, Op, RecordDelta, Write};
use scalesmall_hostile::{EPOCH, Holder, id};

use crate::net::Net;
use crate::{group, range};

/// What node 3 serves in a group, as a node holds it: keys, port and clock.
fn held(net: &Net, number: u16, name: &str) -> Vec<(KeyRange, u16, u64)> {
    let items = net.engines[usize::from(number) - 1].topology(&group(name));
    let served = items.filter(|it| it.item.member == id(3) && it.item.op == Op::Add);
    served.map(|it| (it.item.range, it.item.port, it.clock)).collect()
}

/// Gives a node records in the name of node 3, each with this many ranges at a port.
fn plant(net: &mut Net, number: u16, names: &[String], ranges: u32, port: u16) {
    let mut holder = Holder::new(100 + number);
    let receiver = net.engines[usize::from(number) - 1].life();
    for name in names {
        let write = |at| Write { range: range(at, at), op: Op::Add, port, clock: u64::from(at) };
        let clock = u64::from(ranges);
        let delta = RecordDelta {
            member: id(3),
            epoch: EPOCH,
            since: 0,
            floor: 0,
            clock,
            target: clock,
            writes: (1..=ranges).map(write).collect(),
        };
        let record = Frame::Record { group: group(name), delta };
        let (packet, arrival) = (holder.packet(Some(receiver), &[record]), holder.arrival());
        net.on(number, |engine, now| engine.handle_datagram(now, arrival, &packet)).unwrap();
        assert_eq!(held(net, number, name).len(), ranges as usize);
    }
}

/// Four nodes, of which the owner cannot reach the others while it says its own: nodes 1 and 2 get two
/// other contents of the same clocks.
fn contradicted(groups: usize, ranges: u32) -> (Net, Vec<String>) {
    let names: Vec<String> = (0..groups).map(|at| format!("g{at}")).collect();
    let mut net = Net::settled(4);
    for other in [1, 2, 4] {
        net.set_cut(3, other, true);
    }
    net.set_cut(1, 2, true);
    for name in &names {
        for at in 1..=ranges {
            let add = |engine: &mut scalesmall_core::Engine, now| {
                engine.add_item(now, &group(name), range(at, at), 80)
            };
            net.on(3, add).unwrap();
        }
    }
    plant(&mut net, 1, &names, ranges, 666);
    plant(&mut net, 2, &names, ranges, 667);
    (net, names)
}

/// Whether all nodes hold what the owner says.
fn is_mended(net: &Net, names: &[String], ranges: u32) -> bool {
    let as_said = |number, name: &String| {
        let served = held(net, number, name);
        served.len() == ranges as usize && served.iter().all(|(_, port, _)| *port == 80)
    };
    (1..=4).all(|number| names.iter().all(|name| as_said(number, name)))
        && (2..=4).all(|number| held(net, number, &names[0]) == held(net, 3, &names[0]))
}

#[test]
fn two_contents_under_one_clock_are_found_and_the_owner_corrects_both() {
    for (groups, ranges, limit) in [(1, 1, 5), (1, 4, 5), (1, 12, 5), (8, 2, 20), (80, 6, 120)] {
        let (mut net, names) = contradicted(groups, ranges);
        for (one, other) in [(3, 1), (3, 2), (3, 4), (1, 2)] {
            net.set_cut(one, other, false);
        }
        let start = net.now;
        while !is_mended(&net, &names, ranges) {
            let passed = net.now.since(start).as_secs();
            assert!(passed < limit, "{groups} groups of {ranges} ranges after {passed} s");
            net.run_for(Duration::from_millis(100));
        }
    }
}

/// While the owner is away each node keeps what it has, and repair does not go on for ever about it.
#[test]
fn each_node_keeps_its_own_content_until_the_owner_is_back() {
    let (mut net, names) = contradicted(1, 2);
    net.set_cut(1, 2, false);
    net.run_for(Duration::from_secs(60));
    let ports = |net: &Net, number| held(net, number, &names[0])[0].1;
    assert_eq!([1, 2].map(|number| ports(&net, number)), [666, 667]);
    for other in [1, 2, 4] {
        net.set_cut(3, other, false);
    }
    net.run_for(Duration::from_secs(20));
    assert!(is_mended(&net, &names, 2));
}
