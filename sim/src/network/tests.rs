use core::net::SocketAddr;
use core::time::Duration;

use super::*;

fn network(link: Link) -> Network {
    Network::new(Random::new(1), 4, link)
}

fn packet(from: usize, to: usize, at: u64) -> Packet<'static> {
    let [source, target] = [from, to].map(|node| SocketAddr::from(([10, 0, 0, node as u8 + 1], 1)));
    let random = Random::new(3);
    Packet { at, from, to, source, target, multicast: false, bytes: &[0; 50], random }
}

#[test]
fn a_cut_stops_one_direction_until_it_is_lifted() {
    let mut network = network(Link::lan());
    let rule = network.add_cut(Cut::new(&[0], &[1, 2], 0));
    assert_eq!(network.carry(&packet(0, 1, 5), 0), Carried::default());
    assert!(network.carry(&packet(1, 0, 5), 0).first.is_some());
    assert!(network.carry(&packet(0, 3, 5), 0).first.is_some());
    network.lift(rule);
    assert!(network.carry(&packet(0, 1, 5), 0).first.is_some());
    assert_eq!(network.fates.cut, 1);
}

#[test]
fn a_cut_of_multicast_lets_unicast_pass() {
    let mut network = network(Link::lan());
    network.add_cut(Cut::new(&[0], &[1], 0).of_multicast());
    let to_all = Packet { multicast: true, ..packet(0, 1, 5) };
    assert_eq!(network.carry(&to_all, 0), Carried::default());
    assert!(network.carry(&packet(0, 1, 5), 1).first.is_some());
    assert!(!network.is_cut(5, 0, 1));
}

#[test]
fn a_flapping_cut_follows_its_schedule() {
    let mut network = network(Link::lan());
    let (on, off) = (Duration::from_nanos(10), Duration::from_nanos(5));
    network.add_cut(Cut::new(&[0], &[1], 100).flapping(on, off));
    let open = |at| !network.is_cut(at, 0, 1);
    assert_eq!([open(100), open(109), open(110), open(115)], [false, false, true, false]);
}

#[test]
fn the_first_filter_that_does_not_pass_decides() {
    let mut network = network(Link::lan());
    network.add_filter(|packet| {
        if packet.to == 2 { Verdict::Deliver(Duration::from_nanos(7)) } else { Verdict::Pass }
    });
    network.add_filter(|_| Verdict::Drop);
    assert_eq!(network.carry(&packet(0, 2, 0), 0).first, Some(7));
    assert_eq!(network.carry(&packet(0, 1, 0), 0).first, None);
}

#[test]
fn pairs_go_before_zones_and_zones_before_the_default() {
    let constant = |ns| Link::new(crate::Delay::Constant(Duration::from_nanos(ns)));
    let mut network = network(constant(1));
    network.set_zones(vec![0, 0, 1, 2], constant(2));
    network.set_zone_link(0, 2, constant(3));
    network.set_pair(0, 1, constant(4));
    let mut delay = |from, to| network.carry(&packet(from, to, 0), 0).first;
    assert_eq!(delay(1, 0), Some(1));
    assert_eq!(delay(0, 2), Some(2));
    assert_eq!(delay(0, 3), Some(3));
    assert_eq!(delay(3, 0), Some(2));
    assert_eq!(delay(0, 1), Some(4));
}

#[test]
fn a_narrow_node_loses_what_is_large_both_ways() {
    let mut network = network(Link::lan());
    network.set_narrow(1, Some(508));
    let mut passes = |from, to, len| {
        let bytes = &[0; 600][..len];
        network.carry(&Packet { bytes, ..packet(from, to, 0) }, 0).first.is_some()
    };
    assert_eq!([passes(0, 1, 509), passes(1, 0, 509)], [false; 2]);
    assert_eq!([passes(0, 1, 508), passes(1, 0, 508), passes(0, 2, 600)], [true; 3]);
    assert!(network.carries_small() && !network.is_faultless());
    network.set_narrow(1, None);
    assert!(network.is_faultless());
}

#[test]
fn a_lossy_node_loses_in_its_own_direction_only() {
    let mut network = network(Link::lan());
    network.set_lossy(0, Ratio::ONE, Ratio::NEVER);
    assert_eq!(network.carry(&packet(0, 1, 0), 0).first, None);
    assert!(network.carry(&packet(1, 0, 0), 0).first.is_some());
}

#[test]
fn what_happens_to_a_datagram_does_not_depend_on_others() {
    let link = Link::wan().loss(Ratio::percent(30));
    let mut quiet = network(link.clone());
    let mut busy = network(link);
    for at in 0..200 {
        busy.carry(&packet(2, 3, at), 0);
        busy.carry(&packet(0, 3, at), 1);
        assert_eq!(quiet.carry(&packet(0, 1, at), 0), busy.carry(&packet(0, 1, at), 0));
    }
}
