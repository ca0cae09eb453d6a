//! Segments in which nodes hear each other's multicast, and those in which they only half do.

use scalesmall_core::Config;
use scalesmall_sim::{Link, Millis, Ratio, Sim};

use super::*;

pub(super) fn multicasting() -> Config {
    let mut config = lan();
    config.multicast = true;
    config
}

/// The same with a speaker for as few as ten.
pub(super) fn spoken_for() -> Config {
    let mut config = multicasting();
    config.least_hearers = 10;
    config
}

/// This many nodes in one segment, long enough for a speaker to cover them all.
pub(super) fn segment(seed: u64, nodes: usize, config: Config) -> Result<Sim, Box<Failure>> {
    let mut sim = configured(seed, nodes, config).segments(|_| Some(0)).build();
    sim.run_until(Sim::converged, secs(10))?;
    sim.run_for(secs(25))?;
    Ok(sim)
}

/// Has a node serve a range; returns how long the last of all live nodes took to show it.
pub(super) fn wait(sim: &mut Sim, node: usize, number: u32) -> Result<Duration, Box<Failure>> {
    let (id, range) = (sim.id(node), range(number * 10, number * 10 + 9));
    sim.add_item(node, &group(), range, 80).unwrap();
    sim.run_until(|sim| sim.live().all(|at| shows(sim.node(at).unwrap(), id, range)), secs(30))
}

/// What an update costs all nodes: multicasts and unicasts within 5 s, beyond what they send in as
/// long a time without one.
fn cost(sim: &mut Sim, node: usize) -> Result<(u64, u64), Box<Failure>> {
    let spent = |sim: &mut Sim| -> Result<(u64, u64), Box<Failure>> {
        let meter = sim.meter();
        sim.run_for(secs(5))?;
        let usage = sim.since(&meter);
        Ok((usage.total_multicasts, usage.total_datagrams - usage.total_multicasts))
    };
    let before = spent(sim)?;
    sim.add_item(node, &group(), own_range(node), 80).unwrap();
    let after = spent(sim)?;
    Ok((after.0.saturating_sub(before.0), after.1.saturating_sub(before.1)))
}

/// 20 nodes in one segment that know no seeds at all find each other within 5 s.
#[test]
fn multicast_alone_is_enough_to_meet() -> Outcome {
    let mut sim =
        configured(60, 20, multicasting()).segments(|_| Some(0)).seeds(|_| Vec::new()).build();
    sim.run_until(Sim::converged, secs(5))?;
    Ok(())
}

/// In a settled segment of 50 at 1 % loss an item is shown by all within 60 ms, with a speaker and
/// without.
#[test]
fn an_item_spreads_by_multicast() -> Outcome {
    for config in [multicasting(), spoken_for()] {
        let mut sim = configured(61, 50, config)
            .segments(|_| Some(0))
            .link(Link::lan().loss(Ratio::percent(1)))
            .build();
        sim.run_until(Sim::converged, secs(5))?;
        sim.run_for(secs(20))?;
        let (start, id) = (sim.now().as_nanos(), sim.id(0));
        let shown = sim.watch(move |_, engine| shows(engine, id, own_range(0)));
        sim.add_item(0, &group(), own_range(0), 80).unwrap();
        sim.run_until(|sim| sim.answers(shown).count == 50, secs(2))?;
        let last = sim.answers(shown).after(start).max();
        assert!(last <= 60_000_000, "shown by all after {}", Millis(last));
    }
    Ok(())
}

/// In a segment of 100 an update costs three multicasts and hardly any unicast datagram; without
/// multicast it costs about 200.
#[test]
fn an_update_of_a_segment_costs_a_few_datagrams() -> Outcome {
    let mut sim = segment(65, 100, spoken_for())?;
    for node in [3, 50, 97] {
        let (multicasts, unicasts) = cost(&mut sim, node)?;
        assert!(multicasts <= 8 && unicasts <= 20, "{multicasts} and {unicasts}");
    }
    let mut off = segment(65, 100, lan())?;
    let (_, unicasts) = cost(&mut off, 3)?;
    assert!((190..=300).contains(&unicasts), "{unicasts}");
    Ok(())
}

/// Two segments joined by one node that knows a seed in the other agree within 5 s, and an item
/// of one is shown in both within 200 ms.
#[test]
fn segments_are_joined_by_unicast() -> Outcome {
    let mut sim = configured(62, 20, multicasting())
        .segments(|node| Some((node / 10) as u16))
        .seeds(|node| if node == 10 { vec![0] } else { Vec::new() })
        .build();
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(5))?;
    sim.add_item(3, &group(), own_range(3), 80).unwrap();
    sim.run_for(millis(200))?;
    assert!(sim.live().all(|node| routed(&sim, node, 3_005) == Some(3)));
    Ok(())
}

/// Four local networks of 25 joined by routes of 5 ms: a segment elsewhere is one entry of the
/// tree, so an update costs a few unicast datagrams, and everybody shows it within 50 ms.
#[test]
fn a_segment_elsewhere_is_one_entry_of_the_tree() -> Outcome {
    let route = Link::lan().delay(scalesmall_sim::Delay::Constant(millis(5)));
    let mut sim = configured(66, 100, spoken_for())
        .segments(|node| Some((node / 25) as u16))
        .zones(|node| (node / 25) as u16, route)
        .build();
    sim.run_until(Sim::converged, secs(10))?;
    sim.run_for(secs(40))?;
    for node in [3, 30, 80] {
        let (_, unicasts) = cost(&mut sim, node)?;
        assert!(unicasts <= 40, "{unicasts}");
    }
    let waited = wait(&mut sim, 7, 9_000)?;
    assert!(waited <= millis(50), "{waited:?}");
    Ok(())
}

/// The most that an update waits for in 60 nodes, each time this long after a fault of multicast
/// has begun; and the same without multicast.
fn waits(
    seed: u64,
    fault: impl Fn(&mut Sim) -> Vec<scalesmall_sim::Rule>,
    after: &[u64],
) -> Result<(Duration, Duration), Box<Failure>> {
    let mut most = [Duration::ZERO; 2];
    for (most, config) in most.iter_mut().zip([spoken_for(), lan()]) {
        let mut sim = segment(seed, 60, config)?;
        sim.forbid_false_down();
        for (round, &after) in after.iter().enumerate() {
            let rules = fault(&mut sim);
            sim.run_for(millis(after))?;
            for (turn, node) in [1, 30, 59].into_iter().enumerate() {
                *most = wait(&mut sim, node, (round * 8 + turn) as u32)?.max(*most);
                sim.run_for(millis(40))?;
            }
            rules.into_iter().for_each(|rule| sim.lift(rule));
            sim.run_for(secs(12))?;
        }
        sim.run_until(Sim::converged, secs(10))?;
    }
    Ok((most[0], most[1]))
}

fn no_longer_than_without(waits: (Duration, Duration)) {
    let (on, off) = waits;
    assert!(on <= off + millis(100), "{on:?} with multicast, {off:?} without");
}

/// A node that has ceased to hear while nothing was said knows it when it misses a beat, 3 s later at most;
/// of a change it learns earlier if it compares roots with a node that has it.
pub(super) const NOTICED: Duration = Duration::from_secs(3);

/// An update that comes before a break is noticed waits for that at most, and one that comes later
/// hardly at all.
fn delays_nobody_once_noticed(
    seed: u64,
    fault: impl Fn(&mut Sim) -> Vec<scalesmall_sim::Rule>,
) -> Outcome {
    let (on, off) = waits(seed, &fault, &MOMENTS)?;
    assert!(on <= off + NOTICED, "{on:?} with multicast, {off:?} without");
    no_longer_than_without(waits(seed, &fault, &[8_000])?);
    Ok(())
}

/// How long after a fault has begun updates are made, in milliseconds: while nobody can have
/// noticed, while it is noticed, and when it is known.
const MOMENTS: [u64; 8] = [0, 1, 30, 70, 95, 150, 400, 8_000];

fn all() -> Vec<usize> {
    (0..60).collect()
}

/// Ten nodes that hear no multicast, from the first moment on and after it has ceased to work.
#[test]
fn deaf_nodes_wait_no_longer_than_without_multicast_once_they_know() -> Outcome {
    let deaf: Vec<usize> = (20..30).collect();
    let fault = move |sim: &mut Sim| vec![sim.cut_multicast(&all(), &deaf)];
    delays_nobody_once_noticed(70, fault)?;
    Ok(())
}

/// Ten nodes whose multicasts nobody hears, two of those that make the updates among them.
#[test]
fn mute_nodes_are_heard_no_later_than_without_multicast_once_known() -> Outcome {
    let mute: Vec<usize> = (0..5).chain(28..33).collect();
    let fault = move |sim: &mut Sim| vec![sim.cut_multicast(&mute, &all())];
    delays_nobody_once_noticed(71, fault)?;
    Ok(())
}

/// Nobody hears the speaker, no matter which node it is: one half is heard by nobody, then the
/// other half.
#[test]
fn a_speaker_that_nobody_hears_is_not_waited_for_once_known() -> Outcome {
    for half in [0..30, 30..60] {
        let half: Vec<usize> = half.collect();
        let fault = move |sim: &mut Sim| vec![sim.cut_multicast(&half, &all())];
        delays_nobody_once_noticed(72, fault)?;
    }
    Ok(())
}

/// One half hears the other, but not the other way round.
#[test]
fn one_way_multicast_delays_nobody_once_noticed() -> Outcome {
    for (from, to) in [(0..30, 30..60), (30..60, 0..30)] {
        let (from, to): (Vec<usize>, Vec<usize>) = (from.collect(), to.collect());
        let fault = move |sim: &mut Sim| vec![sim.cut_multicast(&from, &to)];
        delays_nobody_once_noticed(73, fault)?;
    }
    Ok(())
}

/// A segment that falls apart into two of 30, each of which finds a speaker of its own.
#[test]
fn a_segment_that_falls_apart_delays_nobody_once_noticed() -> Outcome {
    let (left, right): (Vec<usize>, Vec<usize>) = ((0..30).collect(), (30..60).collect());
    let fault = move |sim: &mut Sim| {
        vec![sim.cut_multicast(&left, &right), sim.cut_multicast(&right, &left)]
    };
    delays_nobody_once_noticed(74, fault)?;
    Ok(())
}

/// Multicast comes and goes for all, or for some, faster and slower than it is noticed.
#[test]
fn flapping_multicast_delays_nobody_for_longer_than_it_takes_to_notice() -> Outcome {
    for (count, on, off) in [(60, 50, 50), (60, 300, 700), (20, 120, 80), (20, 2_000, 3_000)] {
        let some: Vec<usize> = (0..count).collect();
        let fault =
            move |sim: &mut Sim| vec![sim.flap_multicast(&all(), &some, millis(on), millis(off))];
        let (on, off) = waits(75, fault, &[10, 60, 130, 777, 5_000])?;
        assert!(on <= off + NOTICED, "{on:?} with multicast, {off:?} without");
    }
    Ok(())
}

/// A switch that forgets who listens, one node after the other, until it asks again: 26 s of each
/// 30 (real ones: some 260 s, without a querier for ever).
#[test]
fn a_switch_that_forgets_its_listeners_delays_nobody_for_longer_than_it_takes_to_notice() -> Outcome
{
    let fault = |sim: &mut Sim| {
        let forgotten = |node: usize| [node, node + 20, node + 40];
        (0..20)
            .map(|node| sim.flap_multicast(&all(), &forgotten(node), secs(26), secs(4)))
            .collect()
    };
    let (on, off) = waits(76, fault, &[0, 50, 1_000, 27_000, 30_050])?;
    assert!(on <= off + NOTICED, "{on:?} with multicast, {off:?} without");
    Ok(())
}

/// The speaker dies, or stands still for two seconds, while updates are made.
#[test]
fn a_speaker_that_dies_is_not_waited_for() -> Outcome {
    // With the last two an update is made when some have noticed and some have not.
    for seed in [78, 77, 6] {
        let mut most = [Duration::ZERO; 2];
        for (most, config) in most.iter_mut().zip([spoken_for(), lan()]) {
            let mut sim = segment(seed, 60, config)?;
            let speaker = speaker(&mut sim)?;
            sim.crash(speaker);
            for (turn, after) in [0, 20, 60, 90, 300, 2_000].into_iter().enumerate() {
                sim.run_for(millis(after))?;
                let node = (speaker + 1 + turn) % 60;
                *most = wait(&mut sim, node, turn as u32)?.max(*most);
            }
            sim.run_for(secs(20))?;
            sim.run_until(Sim::converged, secs(10))?;
        }
        no_longer_than_without((most[0], most[1]));
    }
    Ok(())
}

/// The node that multicasts most; any in a segment without a speaker.
pub(super) fn speaker(sim: &mut Sim) -> Result<usize, Box<Failure>> {
    let before: Vec<u64> = (0..sim.len()).map(|node| sim.traffic(node).multicasts).collect();
    sim.run_for(secs(8))?;
    let sent = |&node: &usize| sim.traffic(node).multicasts - before[node];
    Ok((0..sim.len()).max_by_key(sent).unwrap_or(0))
}

/// A speaker that stands still for a fifth of a second speaks on, and is counted on again 15 s
/// later; nobody waits for it meanwhile.
#[test]
fn a_speaker_that_stands_still_for_a_moment_speaks_on() -> Outcome {
    let mut sim = segment(79, 60, spoken_for())?;
    let speaker = speaker(&mut sim)?;
    sim.pause(speaker);
    sim.run_for(millis(200))?;
    sim.resume(speaker, scalesmall_sim::CatchUp::AtOnce);
    for (turn, after) in [0, 10, 60, 500].into_iter().enumerate() {
        sim.run_for(millis(after))?;
        let waited = wait(&mut sim, (speaker + 1 + turn) % 60, turn as u32)?;
        assert!(waited <= millis(110), "{waited:?}");
    }
    sim.run_for(secs(15))?;
    assert_eq!(self::speaker(&mut sim)?, speaker);
    let (_, unicasts) = cost(&mut sim, (speaker + 9) % 60)?;
    assert!(unicasts <= 20, "{unicasts}");
    Ok(())
}

/// When a speaker is lost, another one takes its place, and updates are cheap again 30 s later.
#[test]
fn a_lost_speaker_is_replaced() -> Outcome {
    let mut sim = segment(78, 60, spoken_for())?;
    let first = speaker(&mut sim)?;
    sim.crash(first);
    sim.run_for(secs(40))?;
    assert_ne!(speaker(&mut sim)?, first);
    let (_, unicasts) = cost(&mut sim, (first + 1) % 60)?;
    assert!(unicasts <= 20, "{unicasts}");
    Ok(())
}

/// A segment whose multicast ceases to work altogether still spreads an item within 500 ms.
#[test]
fn multicast_that_fails_is_replaced() -> Outcome {
    let mut sim = configured(63, 20, multicasting()).segments(|_| Some(0)).build();
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(10))?;
    sim.forbid_false_down();
    sim.filter(|packet| {
        if packet.multicast { scalesmall_sim::Verdict::Drop } else { scalesmall_sim::Verdict::Pass }
    });
    sim.add_item(3, &group(), own_range(3), 80).unwrap();
    sim.run_for(millis(500))?;
    assert!(sim.live().all(|node| routed(&sim, node, 3_005) == Some(3)));
    sim.run_for(secs(30))
}

/// A settled segment of 50 is as quiet as a network without multicast: at most 120 bytes a second
/// and node, though every beacon is heard by 49.
#[test]
fn beacons_are_not_answered_by_everybody() -> Outcome {
    let mut sim = configured(64, 50, multicasting()).segments(|_| Some(0)).build();
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(20))?;
    let meter = sim.meter();
    sim.run_for(secs(60))?;
    let spent = sim.since(&meter).bytes_per_second();
    assert!(spent <= 120, "{spent} bytes a second and node");
    Ok(())
}

/// A node that stood still takes lists of a minute ago from its socket when it goes on, after the
/// speaker elsewhere has given up: it counts on nobody by them, so its message reaches all in 2 s.
#[test]
fn old_promises_are_not_counted_from_when_they_are_taken_in() -> Outcome {
    for starve in [false, true] {
        let mut sim = configured(80, 40, spoken_for()).segments(|n| Some((n / 20) as u16)).build();
        sim.run_until(Sim::converged, secs(10))?;
        sim.run_for(secs(40))?;
        let late = (20..40).min_by_key(|&node| sim.traffic(node).multicasts).unwrap_or(20);
        if starve {
            sim.starve(late);
        } else {
            sim.pause(late);
        }
        sim.run_for(secs(15))?;
        let elsewhere: Vec<usize> = (0..20).collect();
        sim.cut_multicast(&elsewhere, &elsewhere);
        sim.run_for(secs(60))?;
        sim.resume(late, scalesmall_sim::CatchUp::AtOnce);
        sim.run_until(Sim::converged, secs(10))?;
        let told = sim.tell_all(late).unwrap();
        let heard = sim.watch_for(told);
        sim.run_until(|sim| sim.answers(heard).count >= 39, secs(2))?;
    }
    Ok(())
}
