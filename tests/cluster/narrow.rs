//! Paths on which large datagrams vanish without a word.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use scalesmall_core::{Event, NodeId};
use scalesmall_sim::{Link, Ratio, Sim, Verdict};

use super::*;

/// The size that each node was told last of each peer.
type Told = Rc<RefCell<BTreeMap<(usize, NodeId), usize>>>;

fn told(sim: &mut Sim) -> Told {
    let told = Told::default();
    let heard = told.clone();
    sim.watch_events(move |node, event| {
        if let Event::Path { peer, from, to } = event {
            assert_ne!(from, to);
            heard.borrow_mut().insert((node, *peer), *to);
        }
        false
    });
    told
}

/// Every node serves ranges: more than one small datagram can tell.
fn serve(sim: &mut Sim, nodes: usize, number: u32) {
    for node in 0..nodes {
        for range in 0..60 {
            let start = (number * 100 + node as u32) * 100 + range;
            let keys = KeyRange::new(start, start).unwrap();
            sim.with(node, |engine, now| engine.add_item(now, &group(), keys, 1)).unwrap();
        }
    }
}

fn sizes(sim: &Sim, node: usize) -> Vec<usize> {
    sim.node(node).unwrap().peers().map(|peer| peer.datagram).collect()
}

/// 16 nodes, and a tunnel appears that carries 600 bytes: all agree within 5 s, each is told of each,
/// and when the tunnel is gone, so it is within a quarter of an hour.
#[test]
fn a_tunnel_that_comes_and_goes_is_told_of_each_peer() -> Outcome {
    let mut sim = settled(41, 16)?;
    let told = told(&mut sim);
    sim.set_link(Link::lan().mtu(600));
    serve(&mut sim, 16, 1);
    sim.run_until(Sim::converged, secs(5))?;
    serve(&mut sim, 16, 2);
    sim.run_for(secs(5))?;
    assert!(sim.converged());
    for node in 0..16 {
        assert_eq!(sizes(&sim, node), [508; 15], "at node {node}");
    }
    assert_eq!(told.borrow().len(), 16 * 15);
    assert!(told.borrow().values().all(|&size| size == 508));
    sim.set_link(Link::lan());
    sim.run_for(secs(900))?;
    for node in 0..16 {
        assert_eq!(sizes(&sim, node), [1_200; 15], "at node {node}");
    }
    assert!(told.borrow().values().all(|&size| size == 1_200));
    Ok(())
}

/// One of 20 has a narrow path to all: it and no other is named by the others.
#[test]
fn one_narrow_path_is_told_of_that_peer_alone() -> Outcome {
    let mut sim = settled(42, 20)?;
    let told = told(&mut sim);
    sim.filter(|packet| {
        let narrow = packet.from == 7 || packet.to == 7;
        if narrow && packet.bytes.len() > 800 { Verdict::Drop } else { Verdict::Pass }
    });
    for number in 1..=8 {
        serve(&mut sim, 20, number);
        sim.run_until(Sim::converged, secs(5))?;
    }
    let narrow = sim.node(7).unwrap().id();
    let told = told.borrow();
    let others: Vec<_> = told.keys().filter(|(node, _)| *node != 7).collect();
    assert!(!others.is_empty() && others.iter().all(|(_, peer)| *peer == narrow), "{told:?}");
    assert!(told.values().all(|&size| size == 700), "{told:?}");
    Ok(())
}

/// Half an hour of 30 % loss, with messages that fill datagrams: no path is thought to be narrow for
/// more than a moment, whatever is lost.
#[test]
fn loss_is_not_mistaken_for_a_narrow_path() -> Outcome {
    let mut sim = settled(43, 10)?;
    sim.set_link(Link::lan().loss(Ratio::percent(30)));
    let (mut narrow, mut looked) = (0, 0);
    for second in 0..1_800 {
        let payload = bytes::Bytes::from(vec![7; 1_000]);
        let to = scalesmall_core::Recipients::All;
        sim.with(second % 10, |engine, now| {
            engine.broadcast(now, to, scalesmall_core::Tag(1), payload)
        })
        .unwrap();
        sim.run_for(secs(1))?;
        let all: Vec<usize> = (0..10).flat_map(|node| sizes(&sim, node)).collect();
        looked += all.len();
        narrow += all.iter().filter(|&&size| size < 1_200).count();
    }
    assert!(narrow * 500 <= looked, "{narrow} of {looked}");
    Ok(())
}

/// A hearer in the segment of a speaker to which only small datagrams pass: it agrees with the others.
#[test]
fn a_narrow_hearer_of_a_speaker_gets_what_the_others_get() -> Outcome {
    let mut config = multicast::multicasting();
    config.least_hearers = 5;
    let mut sim = configured(44, 20, config).segments(|_| Some(0)).build();
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(60))?;
    sim.filter(|packet| {
        let narrow = packet.from == 7 || packet.to == 7;
        if narrow && packet.bytes.len() > 600 { Verdict::Drop } else { Verdict::Pass }
    });
    for number in 1..=6 {
        serve(&mut sim, 20, number);
        sim.run_until(Sim::converged, secs(5))?;
        sim.run_for(secs(10))?;
    }
    Ok(())
}

/// Where nothing is lost, or little is said, no path is looked into: a start and a change of each node
/// send what they would send if sizes were never doubted.
#[test]
fn a_calm_network_sends_nothing_for_the_sake_of_sizes() -> Outcome {
    for percent in [0, 10, 30] {
        let mut sim = cluster(45, 32).build();
        sim.set_link(Link::lan().loss(Ratio::percent(percent)));
        sim.run_until(Sim::converged, secs(30))?;
        sim.run_for(secs(300))?;
        let probes: u64 =
            (0..32).map(|node| sim.node(node).unwrap().stats().path_probes_sent).sum();
        eprintln!("{percent} %: {probes} padded pings");
        assert!(probes <= if percent == 0 { 0 } else { 40 }, "{percent} %: {probes}");
    }
    Ok(())
}

/// The largest metadata pass where 600 bytes do. Where only 508 pass they do not, and nodes that lack
/// them compare no more often than others that differ.
#[test]
fn the_largest_metadata_need_a_path_of_600_bytes() -> Outcome {
    for mtu in [600, 520] {
        let mut sim = settled(46, 8)?;
        sim.set_link(Link::lan().mtu(mtu));
        serve(&mut sim, 8, 1);
        sim.run_for(secs(10))?;
        sim.with(3, |engine, now| engine.set_metadata(now, vec![7; 512].into())).unwrap();
        sim.run_for(secs(10))?;
        assert_eq!(sim.converged(), mtu == 600);
        let sent = |sim: &Sim| -> u64 {
            (0..8).map(|node| sim.node(node).unwrap().stats().bytes_sent).sum()
        };
        let before = sent(&sim);
        sim.run_for(secs(60))?;
        let rate = (sent(&sim) - before) / (60 * 8);
        eprintln!("{mtu}: {rate} bytes per second and node");
        assert!(rate < if mtu == 600 { 500 } else { 4_000 }, "{mtu}: {rate} bytes per second");
    }
    Ok(())
}
