//! Messages of the application.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use scalesmall_core::{Engine, Event, Recipients, Tag};
use scalesmall_sim::{Link, Ratio, Sim, Tap};

use super::*;

/// How often each node had each message, by tag.
#[derive(Clone, Default)]
pub(super) struct Received(pub(super) Rc<RefCell<BTreeMap<(usize, u32), u32>>>);

impl Tap<Engine> for Received {
    fn event(&mut self, _at: u64, node: usize, event: &Event) {
        if let Event::Message { tag, .. } = event {
            *self.0.borrow_mut().entry((node, tag.0)).or_insert(0) += 1;
        }
    }
}

fn listening(sim: &mut Sim) -> Received {
    let received = Received::default();
    sim.set_tap(received.clone());
    received
}

fn send(sim: &mut Sim, from: usize, to: Recipients<'_>, tag: u32) {
    let payload = Bytes::from(vec![7; 200]);
    sim.with(from, |engine, now| engine.broadcast(now, to, Tag(tag), payload)).unwrap();
}

/// Ten messages to all of 50 nodes, on links that lose and duplicate 5 %: within 2 s each of the
/// others has each of them, exactly once.
#[test]
fn messages_to_all_arrive_once() -> Outcome {
    let link = Link::lan().loss(Ratio::percent(5)).duplicate(Ratio::percent(5));
    let mut sim = cluster(50, 50).link(link).build();
    sim.run_until(Sim::converged, secs(10))?;
    let received = listening(&mut sim);
    for tag in 0..10 {
        send(&mut sim, tag as usize, Recipients::All, tag);
    }
    sim.run_for(secs(2))?;
    let received = received.0.borrow();
    for tag in 0..10 {
        for node in 0..50 {
            let times = received.get(&(node, tag)).copied().unwrap_or(0);
            assert_eq!(times, u32::from(node != tag as usize), "message {tag} at node {node}");
        }
    }
    Ok(())
}

/// Ten messages sent together, while nothing gets through for the first 5 ms: what is repeated in one
/// packet is passed on as if each had come alone.
#[test]
fn messages_that_are_cut_off_together_arrive_together() -> Outcome {
    let mut sim = settled(53, 60)?;
    let received = listening(&mut sim);
    let all: Vec<usize> = (0..60).collect();
    let cut = sim.cut(&all, &all);
    for tag in 0..10 {
        send(&mut sim, 7, Recipients::All, tag);
    }
    sim.run_for(millis(5))?;
    sim.lift(cut);
    sim.run_for(secs(1))?;
    for tag in 0..10 {
        let received = received.0.borrow();
        let missed = |node: &usize| *node != 7 && received.get(&(*node, tag)) != Some(&1);
        let missed: Vec<usize> = (0..60).filter(missed).collect();
        assert!(missed.is_empty(), "message {tag} did not come once to {missed:?}");
    }
    Ok(())
}

/// A message to a group reaches its members and nobody else, within 100 ms.
#[test]
fn messages_to_a_group_reach_its_members_only() -> Outcome {
    let mut sim = settled(51, 30)?;
    for node in (0..30).step_by(3) {
        sim.join(node, &group()).unwrap();
    }
    sim.run_for(secs(1))?;
    let received = listening(&mut sim);
    send(&mut sim, 1, Recipients::Group(&group()), 4);
    sim.run_for(millis(100))?;
    let members: Vec<usize> = received.0.borrow().keys().map(|(node, _)| *node).collect();
    assert_eq!(members, (0..30).step_by(3).collect::<Vec<_>>());
    assert!(received.0.borrow().values().all(|times| *times == 1));
    Ok(())
}

/// A node that sees a new member reaches it, even if others have not heard of it yet.
#[test]
fn a_message_to_a_group_reaches_all_members_that_its_origin_sees() -> Outcome {
    let mut sim = settled(54, 60)?;
    for node in 0..10 {
        sim.join(node, &group()).unwrap();
    }
    sim.run_for(secs(3))?;
    let received = listening(&mut sim);
    for node in 10..60 {
        sim.join(node, &group()).unwrap();
        let (origin, member) = (node % 10, sim.id(node));
        let sees =
            |sim: &Sim| sim.node(origin).unwrap().members(&group()).any(|known| known == member);
        sim.run_until(sees, secs(5))?;
        send(&mut sim, origin, Recipients::Group(&group()), node as u32);
        sim.run_for(millis(700))?;
        assert_eq!(received.0.borrow().get(&(node, node as u32)), Some(&1), "node {node}");
    }
    Ok(())
}

/// The same where the group is so large that hops pass the message on, with and without loss.
#[test]
fn a_message_to_a_large_group_reaches_members_that_hops_do_not_know_of() -> Outcome {
    for loss in [0, 10] {
        let mut sim = cluster(56, 130).link(Link::lan().loss(Ratio::percent(loss))).build();
        sim.run_until(Sim::converged, secs(20))?;
        for node in 0..100 {
            sim.join(node, &group()).unwrap();
        }
        sim.run_for(secs(10))?;
        let received = listening(&mut sim);
        for node in 100..130 {
            sim.join(node, &group()).unwrap();
            let (origin, member) = (node % 100, sim.id(node));
            let sees = |sim: &Sim| {
                sim.node(origin).unwrap().members(&group()).any(|known| known == member)
            };
            sim.run_until(sees, secs(5))?;
            send(&mut sim, origin, Recipients::Group(&group()), node as u32);
            sim.run_for(secs(2))?;
            let received = received.0.borrow();
            let missed = |other: &usize| {
                *other != origin && received.get(&(*other, node as u32)) != Some(&1)
            };
            let missed: Vec<usize> = (0..=node).filter(missed).collect();
            assert!(missed.is_empty(), "{loss} % loss, from {origin} to {node}: {missed:?}");
        }
    }
    Ok(())
}

/// A message to listed nodes reaches those.
#[test]
fn messages_to_listed_nodes_reach_those_only() -> Outcome {
    let mut sim = settled(52, 30)?;
    let received = listening(&mut sim);
    let listed = [2, 3, 5, 7].map(|node| sim.id(node));
    send(&mut sim, 0, Recipients::Nodes(&listed), 1);
    sim.run_for(millis(100))?;
    let reached: Vec<usize> = received.0.borrow().keys().map(|(node, _)| *node).collect();
    assert_eq!(reached, [2, 3, 5, 7]);
    Ok(())
}

/// Six hundred messages at once on links that lose a tenth: 10 s later everybody has all of them.
#[test]
fn a_burst_of_messages_is_delivered_in_full() -> Outcome {
    let mut sim = cluster(55, 4).link(Link::lan().loss(Ratio::percent(10))).build();
    sim.run_until(Sim::converged, secs(10))?;
    let received = listening(&mut sim);
    for tag in 0..600 {
        send(&mut sim, 0, Recipients::All, tag);
    }
    sim.run_for(secs(10))?;
    let received = received.0.borrow();
    for node in 1..4 {
        let missing = (0..600).filter(|tag| received.get(&(node, *tag)) != Some(&1)).count();
        assert_eq!(missing, 0, "at node {node}");
    }
    Ok(())
}
