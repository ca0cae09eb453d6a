//! The simulator itself, on a protocol small enough to be obvious.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use bytes::BytesMut;
use scalesmall_core::{Arrival, Destination, Instant, SendError, SendRate, Status};
use scalesmall_sim::{
    Birth, Broken, Build, CatchUp, Condition, Delay, Identity, Link, Protocol, Ratio, Sighting,
    Sim, Verdict,
};

const BEAT: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Sends the addresses of all that it heard of lately to all of them, five times a second; calls
/// down who is silent for 1.5 seconds. With `multicast`, beats go to the segment as well.
struct Beacon {
    me: SocketAddr,
    heard: BTreeMap<SocketAddr, (Instant, bool)>,
    hints: Vec<SocketAddr>,
    next_beat: Instant,
    out: VecDeque<(Destination, Vec<u8>)>,
    events: VecDeque<(SocketAddr, Status)>,
    multicast: bool,
    refused: u32,
    received: u32,
    stuck: bool,
}

impl Beacon {
    fn new(birth: &Birth, multicast: bool) -> Self {
        Self {
            me: birth.addr,
            heard: BTreeMap::new(),
            hints: Vec::new(),
            next_beat: birth.now,
            out: VecDeque::new(),
            events: VecDeque::new(),
            multicast,
            refused: 0,
            received: 0,
            stuck: false,
        }
    }

    fn believe(&mut self, peer: SocketAddr, now: Instant, alive: bool) {
        let before = self.heard.insert(peer, (now, alive));
        if before.map(|before| before.1) != Some(alive) {
            self.events.push_back((peer, if alive { Status::Alive } else { Status::Down }));
        }
    }
}

impl Protocol for Beacon {
    type Event = (SocketAddr, Status);

    fn handle_datagram(&mut self, now: Instant, arrival: Arrival, datagram: &[u8]) {
        let (Arrival::Unicast(from) | Arrival::Multicast(from)) = arrival;
        self.received += 1;
        self.believe(from, now, true);
        for entry in datagram.chunks_exact(6) {
            let ip = Ipv4Addr::new(entry[0], entry[1], entry[2], entry[3]);
            let peer = SocketAddr::from((ip, u16::from_be_bytes([entry[4], entry[5]])));
            if peer != self.me && !self.heard.contains_key(&peer) && !self.hints.contains(&peer) {
                self.hints.push(peer);
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        let silent: Vec<SocketAddr> = self
            .heard
            .iter()
            .filter(|(_, (last, alive))| *alive && now.since(*last) > PATIENCE)
            .map(|(peer, _)| *peer)
            .collect();
        for peer in silent {
            let last = self.heard[&peer].0;
            self.believe(peer, last, false);
        }
        if self.next_beat <= now {
            self.next_beat = now + BEAT;
            let known = self.heard.keys().chain(&self.hints);
            let list: Vec<u8> = self
                .heard
                .keys()
                .filter_map(|peer| match peer.ip() {
                    core::net::IpAddr::V4(ip) => Some((ip.octets(), peer.port().to_be_bytes())),
                    core::net::IpAddr::V6(_) => None,
                })
                .flat_map(|(ip, port)| ip.into_iter().chain(port))
                .collect();
            for peer in known {
                self.out.push_back((Destination::Unicast(*peer), list.clone()));
            }
            if self.multicast {
                self.out.push_back((Destination::Multicast, list));
            }
        }
    }

    fn handle_send_error(&mut self, _now: Instant, _to: Destination, _error: SendError) {
        self.refused += 1;
    }

    fn poll_transmit(&mut self, datagram: &mut BytesMut) -> Option<Destination> {
        let (to, bytes) = self.out.pop_front()?;
        datagram.extend_from_slice(&bytes);
        Some(to)
    }

    fn poll_event(&mut self) -> Option<Self::Event> {
        self.events.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Some(if self.stuck { Instant::ZERO } else { self.next_beat })
    }

    fn sighting(event: &Self::Event) -> Option<Sighting> {
        Some(Sighting { peer: event.0.into(), status: Some(event.1) })
    }

    fn for_each_peer(&self, tell: &mut dyn FnMut(Identity, Status)) {
        for (peer, (_, alive)) in &self.heard {
            tell((*peer).into(), if *alive { Status::Alive } else { Status::Down });
        }
    }

    fn max_datagram(&self) -> usize {
        600
    }

    fn send_rate(&self) -> SendRate {
        SendRate::new(10_000_000, 2_000)
    }

    fn contact(&mut self, now: Instant, seeds: &[SocketAddr]) {
        self.hints.extend_from_slice(seeds);
        self.next_beat = now + Duration::from_millis(1);
    }

    fn depart(&mut self, _now: Instant) {
        self.next_beat = Instant::MAX;
    }
}

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
fn a_deadline_left_behind_is_a_broken_rule() {
    let mut sim = settled(14, 2);
    sim.with(1, |beacon, _| beacon.stuck = true);
    let failure = sim.run_for(secs(1)).unwrap_err();
    assert!(matches!(failure.broken, Broken::DeadlineNotAhead { .. }));
    assert_eq!((failure.seed, failure.nodes.as_slice()), (14, &[1][..]));
    assert!(!failure.records.is_empty());
    let text = failure.to_string();
    assert!(text.contains("seed 14") && text.contains("again: "), "{text}");
}

#[test]
fn a_datagram_too_large_is_a_broken_rule() {
    let mut sim = beacons(15, 130).build();
    let failure = sim.run_for(secs(3)).unwrap_err();
    assert!(matches!(failure.broken, Broken::DatagramTooLarge { limit: 600, .. }), "{failure}");
}

#[test]
fn more_than_the_rate_is_a_broken_rule() {
    let mut sim = settled(15, 2);
    let beat = (Destination::Unicast(sim.addr(0)), Vec::new());
    sim.with(1, |beacon, _| beacon.out.extend(vec![beat.clone(); 190]));
    sim.run_for(millis(200)).unwrap();
    sim.with(1, |beacon, _| beacon.out.extend(vec![beat; 201]));
    let failure = sim.run_for(secs(1)).unwrap_err();
    let rate = SendRate::new(10_000_000, 2_000);
    assert_eq!(failure.broken, Broken::TooMuchSent { bytes: 0, datagrams: 201, rate });
}

#[test]
fn a_false_down_without_faults_is_a_broken_rule() {
    let slow = Link::new(Delay::Constant(PATIENCE + secs(1)));
    let mut sim = settled(16, 3);
    sim.set_link(slow);
    let failure = sim.run_for(secs(5)).unwrap_err();
    assert!(matches!(failure.broken, Broken::FalseDown { .. }), "{failure}");
}

#[test]
fn a_lie_about_the_picture_is_a_broken_rule() {
    let mut sim = settled(17, 3);
    sim.with(0, |beacon, now| {
        for peer in beacon.heard.values_mut() {
            *peer = (now, false);
        }
        beacon.next_beat = Instant::MAX;
    });
    sim.filter(|_| Verdict::Drop);
    let failure = sim.run_for(secs(1)).unwrap_err();
    assert!(matches!(failure.broken, Broken::ReplayDiffers { .. }), "{failure}");
}

#[test]
fn rules_of_a_scenario_are_checked_as_time_passes() {
    let mut sim = settled(18, 3);
    sim.rule(millis(10), |sim| {
        let late = sim.now() > Instant::from_millis(4_000);
        late.then(|| ("it is late".to_owned(), vec![1]))
    });
    let failure = sim.run_for(secs(9)).unwrap_err();
    assert_eq!(failure.broken, Broken::Rule("it is late".to_owned()));
    assert!(failure.at < Instant::from_millis(4_300));
}

#[test]
fn what_is_not_reached_says_so() {
    let mut sim = settled(19, 3);
    let failure = sim.run_until(|_| false, secs(1)).unwrap_err();
    assert_eq!(failure.broken, Broken::NotReached { limit: secs(1) });
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
