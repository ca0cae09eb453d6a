//! Multicast that half works where datagrams are lost as well, in a segment that has a speaker of more
//! than 128 hearers by the default configuration.

use scalesmall_core::Config;
use scalesmall_sim::{Link, Ratio, Rule, Sim};

use super::multicast::{NOTICED, multicasting, wait};
use super::*;

const NODES: usize = 144;

/// A segment that has settled, at 1 % loss.
fn segment(config: Config) -> Result<Sim, Box<Failure>> {
    let lossy = Link::lan().loss(Ratio::percent(1));
    let mut sim = configured(85, NODES, config).segments(|_| Some(0)).link(lossy).build();
    sim.run_until(Sim::converged, secs(10))?;
    sim.run_for(secs(40))?;
    sim.forbid_false_down();
    Ok(sim)
}

fn every(remainder: usize) -> Vec<usize> {
    (0..NODES).filter(|node| node % 6 == remainder).collect()
}

fn half(which: usize) -> Vec<usize> {
    (0..NODES).filter(|node| node * 2 / NODES == which).collect()
}

fn all() -> Vec<usize> {
    (0..NODES).collect()
}

type Fault = fn(&mut Sim) -> Vec<Rule>;

/// Faults of multicast alone.
const FAULTS: [(&str, Fault); 7] = [
    ("a sixth is deaf", |sim| vec![sim.cut_multicast(&all(), &every(1))]),
    ("a sixth is mute", |sim| vec![sim.cut_multicast(&every(1), &all())]),
    ("nobody hears one half", |sim| vec![sim.cut_multicast(&half(0), &all())]),
    ("nobody hears the other", |sim| vec![sim.cut_multicast(&half(1), &all())]),
    ("one half hears the other", |sim| vec![sim.cut_multicast(&half(0), &half(1))]),
    ("two halves", |sim| {
        vec![sim.cut_multicast(&half(0), &half(1)), sim.cut_multicast(&half(1), &half(0))]
    }),
    ("it comes and goes", |sim| vec![sim.flap_multicast(&all(), &all(), millis(300), millis(700))]),
];

/// How long after a fault has begun updates are made, in milliseconds: while nobody can have
/// noticed, while it is noticed, and when it is known.
const MOMENTS: [u64; 4] = [1, 70, 400, 4_000];

/// The most that an update waits for under each of the faults, one after the other.
fn waits(sim: &mut Sim) -> Result<Vec<Duration>, Box<Failure>> {
    let mut waits = Vec::new();
    let mut number = 0;
    for (_, fault) in FAULTS {
        let rules = fault(sim);
        let mut most = Duration::ZERO;
        for after in MOMENTS {
            sim.run_for(millis(after))?;
            for node in [1, NODES / 2, NODES - 1] {
                most = wait(sim, node, number)?.max(most);
                number += 1;
            }
        }
        waits.push(most);
        rules.into_iter().for_each(|rule| sim.lift(rule));
        sim.run_until(Sim::converged, secs(10))?;
        sim.run_for(secs(20))?;
    }
    Ok(waits)
}

/// At 1 % loss no node waits longer for an update than without multicast plus the time in which a
/// break is noticed, whichever half of it works, and all agree afterwards.
#[test]
fn half_working_multicast_delays_nobody_for_long_where_datagrams_are_lost() -> Outcome {
    let mut sim = segment(multicasting())?;
    let before: Vec<u64> = (0..NODES).map(|node| sim.traffic(node).multicasts).collect();
    sim.run_for(secs(12))?;
    let speaks = |&node: &usize| sim.traffic(node).multicasts > before[node] + 3;
    assert_eq!((0..NODES).filter(speaks).count(), 1, "one speaks for the others");
    let on = waits(&mut sim)?;
    let off = waits(&mut segment(lan())?)?;
    for (((fault, _), on), off) in FAULTS.iter().zip(on).zip(off) {
        assert!(on <= off + NOTICED, "{fault}: {on:?} with multicast, {off:?} without");
    }
    Ok(())
}
