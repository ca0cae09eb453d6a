//! A node that multicast is of no use to goes on by unicast and says so, once.

use std::cell::RefCell;
use std::rc::Rc;

use scalesmall_core::MulticastState::{Silent, Unheard, Working};
use scalesmall_core::{Event, MulticastState};
use scalesmall_sim::{Link, Ratio, Sim};

use super::multicast::{multicasting, wait};
use super::*;

/// A node waits for this many beacons of 2 s, each at most half as long again.
const NOTICED: Duration = Duration::from_secs(72);

type Told = Rc<RefCell<Vec<(usize, MulticastState)>>>;

/// Everything that any node says about multicast from here on.
fn told(sim: &mut Sim) -> Told {
    let told = Told::default();
    let heard = told.clone();
    sim.watch_events(move |node, event| {
        if let Event::Multicast { from, to } = event {
            assert_ne!(from, to);
            heard.borrow_mut().push((node, *to));
        }
        false
    });
    told
}

fn all() -> Vec<usize> {
    (0..20).collect()
}

/// One of 20 that neither hears multicast nor is heard: it says so within 24 beacons, and so when it
/// works again. What it writes and what others write is shown by all as fast as by unicast.
#[test]
fn a_node_whose_multicast_is_blocked_says_so_once_and_uses_unicast() -> Outcome {
    let mut sim = configured(90, 20, multicasting()).segments(|_| Some(0)).build();
    let told = told(&mut sim);
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(120))?;
    assert_eq!(*told.borrow(), []);
    let blocked = [sim.cut_multicast(&[7], &all()), sim.cut_multicast(&all(), &[7])];
    for (number, node) in [7, 3].into_iter().enumerate() {
        let waited = wait(&mut sim, node, number as u32)?;
        assert!(waited <= millis(60), "{waited:?}");
    }
    sim.run_for(NOTICED)?;
    assert_eq!(*told.borrow(), [(7, Silent)]);
    assert_eq!(sim.node(7).unwrap().multicast(), Some(Silent));
    for (number, node) in [(2, 7), (3, 3)] {
        let waited = wait(&mut sim, node, number)?;
        assert!(waited <= millis(60), "{waited:?}");
    }
    sim.run_for(secs(600))?;
    blocked.into_iter().for_each(|rule| sim.lift(rule));
    sim.run_for(secs(600))?;
    assert_eq!(*told.borrow(), [(7, Silent), (7, Working)]);
    sim.run_until(Sim::converged, secs(1))?;
    Ok(())
}

/// A network that carries no multicast at all: each node says so once, and once when it does.
#[test]
fn where_nobody_is_heard_all_say_so_once() -> Outcome {
    let mut sim = configured(91, 20, multicasting()).segments(|_| Some(0)).build();
    let told = told(&mut sim);
    let blocked = sim.cut_multicast(&all(), &all());
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(600))?;
    let once = |state| all().into_iter().map(|node| (node, state)).collect::<Vec<_>>();
    told.borrow_mut().sort_unstable_by_key(|(node, _)| *node);
    assert_eq!(told.take(), once(Silent));
    sim.lift(blocked);
    sim.run_for(secs(60))?;
    told.borrow_mut().sort_unstable_by_key(|(node, _)| *node);
    assert_eq!(told.take(), once(Working));
    Ok(())
}

/// A node that is alone in its segment cannot tell that from a block: it says as much, once in an hour.
#[test]
fn a_node_alone_in_its_segment_says_that_nobody_is_heard() -> Outcome {
    let segment = |node| Some(u16::from(node == 4));
    let mut sim = configured(92, 5, multicasting()).segments(segment).build();
    let told = told(&mut sim);
    sim.run_for(secs(3_600))?;
    assert_eq!(*told.borrow(), [(4, Silent)]);
    Ok(())
}

/// At 30 % loss nobody takes multicast for blocked, in a pair, in 20, and in 20 with a speaker.
#[test]
fn loss_is_not_taken_for_a_block() -> Outcome {
    for (nodes, least_hearers, span) in [(2, 96, 7_200), (20, 96, 600), (20, 10, 300)] {
        let mut config = multicasting();
        config.least_hearers = least_hearers;
        let lossy = Link::lan().loss(Ratio::percent(30));
        let mut sim = configured(93, nodes, config).segments(|_| Some(0)).link(lossy).build();
        let told = told(&mut sim);
        sim.run_for(secs(span))?;
        assert_eq!(*told.borrow(), [], "{nodes} nodes");
    }
    Ok(())
}

/// Nor does one that slept, nor does one that has no company.
#[test]
fn a_sleep_and_solitude_are_not_taken_for_a_block() -> Outcome {
    let mut sim = configured(94, 5, multicasting()).segments(|_| Some(0)).build();
    let told = told(&mut sim);
    sim.run_until(Sim::converged, secs(5))?;
    sim.pause(3);
    sim.run_for(secs(300))?;
    sim.resume(3, scalesmall_sim::CatchUp::AtOnce);
    sim.run_for(secs(30))?;
    for node in 1..5 {
        sim.crash(node);
    }
    sim.run_for(secs(300))?;
    assert_eq!(*told.borrow(), []);
    Ok(())
}

/// Without multicast there is nothing to say.
#[test]
fn without_multicast_nothing_is_said_of_it() -> Outcome {
    let mut sim = configured(95, 5, lan()).build();
    let told = told(&mut sim);
    sim.run_for(secs(300))?;
    assert_eq!(*told.borrow(), []);
    assert!(sim.live().all(|node| sim.node(node).unwrap().multicast().is_none()));
    Ok(())
}

/// A speaker that all cease to hear says so within 15 s. It hears its successor, by which
/// multicast works for it again.
#[test]
fn a_speaker_that_nobody_hears_any_more_says_so() -> Outcome {
    let mut config = multicasting();
    config.least_hearers = 10;
    let mut sim = configured(96, 20, config).segments(|_| Some(0)).build();
    let told = told(&mut sim);
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(40))?;
    let speaker = (0..20).max_by_key(|&node| sim.traffic(node).multicasts).unwrap();
    sim.cut_multicast(&[speaker], &all());
    // An update has it heard that the others multicast.
    let others = (speaker + 1) % 20;
    for number in 0..5 {
        wait(&mut sim, others, number)?;
        sim.run_for(secs(3))?;
    }
    assert_eq!(told.borrow().first(), Some(&(speaker, Unheard)));
    sim.run_for(secs(120))?;
    assert_eq!(*told.borrow(), [(speaker, Unheard), (speaker, Working)]);
    Ok(())
}

/// Four of a segment too small for a speaker, in a cluster that is not: each tries in vain. The one that
/// nobody hears has nobody answer it.
#[test]
fn a_node_that_tries_to_speak_unheard_says_so() -> Outcome {
    let mut config = multicasting();
    config.least_hearers = 10;
    let segment = |node| (node < 4).then_some(0);
    let mut sim = configured(97, 14, config).segments(segment).build();
    sim.cut_multicast(&[2], &all()[..4]);
    let told = told(&mut sim);
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(600))?;
    let of = |node: usize| told.borrow().iter().filter(|told| told.0 == node).count();
    assert!(told.borrow().contains(&(2, Unheard)), "{:?}", told.borrow());
    assert_eq!([0, 1, 3].map(of), [0; 3], "{:?}", told.borrow());
    Ok(())
}
