//! The simulator itself, on a protocol small enough to be obvious.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

mod beacon;
mod broken_rules;

use core::time::Duration;

use beacon::{Beacon, SILENCE};
use scalesmall_core::{Destination, Instant, SendRate, Status};
use scalesmall_sim::{Broken, Build, CatchUp, Condition, Delay, Link, Ratio, Sim, Verdict};

fn beacons(seed: u64, nodes: usize) -> Build<Beacon> {
    Build::of(seed, nodes, |birth| Beacon::new(birth, false))
}

fn settled(seed: u64, nodes: usize) -> Sim<Beacon> {
    let mut sim = beacons(seed, nodes).build();
    sim.run_until(Sim::all_see_all, secs(3)).unwrap();
    sim
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Everything at once, so that every draw matters.
fn eventful(seed: u64) -> u64 {
    let link = Link::wan()
        .loss(Ratio::percent(3))
        .duplicate(Ratio::percent(2))
        .reorder(Ratio::percent(5), millis(30))
        .corrupt(Ratio::percent(1));
    let mut sim = beacons(seed, 12).link(link).zones(|node| (node % 2) as u16, Link::wan()).build();
    sim.run_for(secs(2)).unwrap();
    sim.partition(&[0, 1, 2], &[3, 4, 5]);
    sim.pause(7);
    sim.crash(8);
    sim.starve(9);
    sim.skew(10, Ratio(1_001, 1_000));
    sim.run_for(secs(2)).unwrap();
    sim.heal();
    sim.resume(7, CatchUp::Drain);
    sim.restart(8);
    sim.resume(9, CatchUp::AtOnce);
    sim.run_for(secs(2)).unwrap();
    assert!(sim.fates().lost > 0 && sim.fates().duplicated > 0 && sim.fates().corrupted > 0);
    sim.trace_hash()
}

/// The constant makes debug and release builds, and all machines, agree.
#[test]
fn one_seed_has_one_trace_in_every_build() {
    let hash = eventful(42);
    assert_eq!(hash, eventful(42));
    assert_ne!(hash, eventful(43));
    assert_eq!(hash, 0x13fe_06ef_9b00_05c7, "{hash:#x}");
}

#[test]
fn a_crash_is_seen_and_a_restart_as_well() {
    let mut sim = settled(1, 10);
    sim.crash(3);
    assert!(!sim.all_see_all());
    sim.run_until(Sim::all_see_all, secs(3)).unwrap();
    let known = sim.views().lost_at(3).unwrap();
    assert!((1_000_000_000..5_000_000_000).contains(&known), "{known}");
    assert_eq!(sim.reports().len(), 9);
    assert!(sim.reports().iter().all(|report| !report.is_false_down() && report.about == 3));
    sim.restart(3);
    sim.run_until(Sim::all_see_all, secs(3)).unwrap();
}

#[test]
fn a_partition_splits_and_heals() {
    let mut sim = settled(2, 8);
    let (left, right) = ([0, 1, 2, 3], [4, 5, 6, 7]);
    sim.partition(&left, &right);
    sim.run_until(|sim| sim.views().is_closed(&left) && sim.views().is_closed(&right), secs(3))
        .unwrap();
    assert!(sim.reports().iter().all(scalesmall_sim::Report::is_false_down));
    sim.heal();
    sim.run_until(Sim::all_see_all, secs(2)).unwrap();
}

#[test]
fn who_is_in_neither_side_is_reached_by_both() {
    let mut sim = settled(3, 3);
    sim.partition(&[0], &[1]);
    sim.run_for(secs(3)).unwrap();
    assert!(sim.views().sees(2, 0) && sim.views().sees(2, 1));
    assert!(!sim.views().sees(0, 1) && !sim.views().sees(1, 0));
}

#[test]
fn a_pause_holds_datagrams_and_draining_spreads_them() {
    for (catch_up, spread) in [(CatchUp::AtOnce, false), (CatchUp::Drain, true)] {
        let mut sim = settled(4, 5);
        sim.pause(2);
        let before = sim.node(2).unwrap().received;
        sim.run_for(millis(900)).unwrap();
        assert_eq!(sim.node(2).unwrap().received, before);
        sim.resume(2, catch_up);
        let at_once = sim.node(2).unwrap().received - before;
        sim.run_for(millis(100)).unwrap();
        let later = sim.node(2).unwrap().received - before;
        assert!(later >= 12, "{later}");
        assert_eq!(at_once == 0, spread);
        assert_eq!(at_once >= 12, !spread);
    }
}

#[test]
fn a_starved_node_has_deadlines_but_neither_hears_nor_sends() {
    let mut sim = settled(5, 4);
    sim.starve(1);
    let sent = sim.traffic(1).datagrams;
    sim.run_until(|sim| (0..4).all(|peer| peer == 1 || !sim.views().sees(1, peer)), secs(3))
        .unwrap();
    assert_eq!(sim.traffic(1).datagrams, sent);
    sim.resume(1, CatchUp::AtOnce);
    assert!(sim.traffic(1).datagrams > sent + 10);
    sim.run_until(Sim::all_see_all, secs(1)).unwrap();
}

#[test]
fn a_full_socket_buffer_drops() {
    let mut sim = settled(6, 40);
    sim.pause(0);
    sim.run_for(secs(5)).unwrap();
    assert!(sim.fates().buffer_full > 0);
}

#[test]
fn a_killed_process_refuses_and_a_crashed_host_is_silent() {
    let mut sim = settled(7, 3);
    sim.crash(1);
    sim.run_for(secs(1)).unwrap();
    assert_eq!(sim.node(0).unwrap().refused, 0);
    sim.kill(2);
    sim.run_for(secs(1)).unwrap();
    assert!(sim.node(0).unwrap().refused > 3);
    assert_eq!((sim.condition(1), sim.condition(2)), (Condition::Crashed, Condition::Killed));
}

#[test]
fn multicast_reaches_its_segment_only() {
    let mut sim = Build::of(8, 6, |birth| Beacon::new(birth, true))
        .segments(|node| if node == 5 { None } else { Some((node / 3) as u16) })
        .seeds(|_| Vec::new())
        .build();
    sim.run_for(secs(1)).unwrap();
    assert!(sim.views().is_closed(&[0, 1, 2]) && sim.views().is_closed(&[3, 4]));
    assert_eq!(sim.views().seen_by(5), 0);
}

#[test]
fn a_clock_twice_as_fast_beats_twice_as_often() {
    let mut sim = settled(9, 3);
    let meter = sim.meter();
    sim.skew(1, Ratio(2, 1));
    sim.run_for(secs(10)).unwrap();
    let sent = |node: usize| sim.traffic(node).datagrams;
    let usage = sim.since(&meter);
    assert_eq!(usage.datagrams.len(), 3);
    assert!(sent(1) * 10 > sent(2) * 18, "{} {}", sent(1), sent(2));
    assert!(usage.datagrams.max() >= 2 * usage.datagrams.quantile(1) - 4);
}

#[test]
fn a_jump_of_the_clock_makes_deadlines_pass() {
    let mut sim = settled(10, 3);
    sim.jump(1, 60_000_000_000);
    assert!(!sim.views().sees(1, 0));
    sim.run_until(Sim::all_see_all, secs(1)).unwrap();
}

#[test]
fn a_slow_node_takes_one_datagram_at_a_time() {
    let mut sim = settled(11, 4);
    sim.slow_down(0, millis(500));
    let before = sim.node(0).unwrap().received;
    sim.run_for(secs(4)).unwrap();
    assert!((7..=9).contains(&(sim.node(0).unwrap().received - before)));
}

#[test]
fn filters_judge_each_datagram() {
    let mut sim = settled(12, 3);
    let rule = sim.filter(|packet| if packet.to == 1 { Verdict::Drop } else { Verdict::Pass });
    sim.run_for(secs(3)).unwrap();
    assert!(!sim.views().sees(1, 0) && sim.views().sees(0, 1));
    assert!(sim.fates().filtered > 20);
    sim.lift(rule);
    sim.run_until(Sim::all_see_all, secs(1)).unwrap();
}

#[test]
fn a_node_that_departs_is_not_expected_any_more() {
    let mut sim = settled(13, 3);
    sim.depart(2);
    assert_eq!(sim.live().collect::<Vec<_>>(), [0, 1]);
    sim.run_until(Sim::all_see_all, secs(3)).unwrap();
}

#[test]
fn questions_tell_when_each_node_first_said_yes() {
    let mut sim = beacons(20, 5).build();
    let met = sim.watch(|_, beacon: &Beacon| beacon.heard.len() == 4);
    let heard = sim.watch_events(|_, event| event.1 == Status::Alive);
    sim.run_until(|sim| sim.answers(met).count == 5, secs(3)).unwrap();
    assert!(sim.answers(met).after(0).max() <= sim.now().as_nanos());
    assert!(sim.answers(heard).after(0).median() < sim.answers(met).after(0).max());
}

#[test]
fn adding_a_node_does_not_shift_the_links_of_the_others() {
    let arrivals = |nodes: usize| {
        let mut sim = beacons(21, nodes)
            .seeds(|node| if node < 2 { vec![1 - node] } else { Vec::new() })
            .link(Link::lan().loss(Ratio::percent(20)))
            .build();
        sim.run_for(secs(5)).unwrap();
        (sim.node(0).unwrap().received, sim.traffic(0).datagrams)
    };
    assert_eq!(arrivals(2), arrivals(3));
}

#[test]
fn a_clock_set_to_the_end_of_time_breaks_no_rule() {
    for (jumps, rate) in [(1, Ratio::ONE), (2, Ratio::ONE), (1, Ratio(u32::MAX, 1))] {
        let mut sim = Sim::new(3).nodes(4, scalesmall_sim::lan()).build();
        sim.run_until(Sim::converged, secs(5)).unwrap();
        for _ in 0..jumps {
            sim.jump(1, i64::MAX);
        }
        sim.skew(1, rate);
        sim.run_for(secs(20)).unwrap();
        sim.crash(1);
        sim.run_until(Sim::all_see_all, secs(20)).unwrap();
    }
}
