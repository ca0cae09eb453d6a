//! Tables that are full of the gone, and nodes that remember them for unequal times.

use scalesmall_core::{Event, GroupName, Op, Status};
use scalesmall_sim::{Birth, Sim, Tap};
use std::{cell::RefCell, rc::Rc};

use super::*;

/// What peers were reported as, counted.
#[derive(Clone, Default)]
struct Reports(Rc<RefCell<Vec<(usize, String)>>>);

impl Tap<Engine> for Reports {
    fn event(&mut self, _: u64, node: usize, event: &Event) {
        if let Event::Peer { .. } = event {
            self.0.borrow_mut().push((node, format!("{event:?}")));
        }
    }
}

fn bytes(sim: &Sim) -> u64 {
    (0..sim.len()).map(|node| sim.traffic(node).bytes).sum()
}

/// Permanent nodes, and others that come one after the other and go, each with an address of its own.
fn ephemeral(seed: u64, stay: usize, come: usize, room: impl Fn(usize) -> u32 + 'static) -> Sim {
    let asleep: Vec<usize> = (stay..stay + come).collect();
    let configure = move |birth: &Birth| {
        let mut config = lan();
        config.limits.nodes = room(birth.node);
        config
    };
    Sim::new(seed_from_env(seed)).nodes_with(stay + come, configure).asleep(&asleep).build()
}

/// Ten times as many nodes as there is room for come and go, most say goodbye, and each is in within 2 s,
/// at nodes with a tenth of the room of others as well.
#[test]
fn a_living_newcomer_is_not_kept_out_by_the_gone() -> Outcome {
    let mut sim = ephemeral(60, 6, 320, |node| if node % 2 == 0 { 32 } else { 320 });
    sim.run_until(Sim::converged, secs(10))?;
    for job in 6..326 {
        sim.restart(job);
        sim.run_until(
            move |sim| {
                (0..6).all(|node| sim.views().sees(node, job) && sim.views().sees(job, node))
            },
            secs(2),
        )?;
        if job % 3 == 0 {
            sim.crash(job);
        } else {
            sim.depart(job);
        }
        sim.run_for(secs(1))?;
        sim.kill(job);
    }
    sim.run_for(secs(20))?;
    sim.run_until(Sim::converged, secs(10))?;
    let known = |node: usize| sim.node(node).unwrap().peers().count() + 1;
    assert!((0..6).all(|node| known(node) <= if node % 2 == 0 { 32 } else { 320 }));
    let gone = sim.node(1).unwrap().peers().filter(|peer| peer.status == Status::Left).count();
    assert!(gone > 100, "node 1 has room for the gone and remembers {gone}");
    Ok(())
}

/// A newcomer is not told of what is history: nodes that have left, and groups that nobody is in.
#[test]
fn a_newcomer_is_not_told_of_history() -> Outcome {
    let mut sim = ephemeral(61, 6, 3, |_| 64);
    sim.run_until(Sim::converged, secs(10))?;
    sim.restart(6);
    sim.restart(7);
    sim.run_until(Sim::converged, secs(5))?;
    sim.add_item(6, &group(), range(0, 99), 80).unwrap();
    sim.add_item(7, &group(), range(0, 99), 80).unwrap();
    sim.run_for(secs(1))?;
    sim.depart(6);
    sim.run_for(secs(2))?;
    sim.with(7, |engine, now| engine.leave(now, &group())).unwrap();
    sim.run_for(secs(2))?;
    assert!(sim.node(0).unwrap().groups().count() == 1);
    sim.restart(8);
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(5))?;
    let newcomer = sim.node(8).unwrap();
    assert_eq!((newcomer.groups().count(), newcomer.peers().count()), (0, 7));
    Ok(())
}

/// Ten times as many groups as there is room for are joined and left, faster than tombstones age.
#[test]
fn groups_that_all_have_left_make_room() -> Outcome {
    let configure = |birth: &Birth| {
        let mut config = lan();
        config.limits.groups = if birth.node.is_multiple_of(2) { 16 } else { 160 };
        config
    };
    let mut sim = Sim::new(seed_from_env(62)).nodes_with(6, configure).build();
    sim.run_until(Sim::converged, secs(10))?;
    let before = bytes(&sim);
    for session in 0..160_usize {
        let name = GroupName::try_from(&*format!("session-{session}")).unwrap();
        let node = session % 6;
        sim.with(node, |engine, now| engine.join(now, &name)).unwrap();
        let other = name.clone();
        sim.run_until(
            move |sim| (0..6).all(|node| sim.node(node).unwrap().members(&other).count() == 1),
            secs(2),
        )?;
        sim.with(node, |engine, now| engine.leave(now, &name)).unwrap();
        sim.run_for(secs(1))?;
    }
    sim.run_until(Sim::converged, secs(10))?;
    let rate = (bytes(&sim) - before) / 6 / 160;
    assert!(rate < 500, "{rate} B/s and node");
    for node in 0..6 {
        let limit = if node % 2 == 0 { 16 } else { 160 };
        assert!(sim.node(node).unwrap().groups().count() <= limit);
    }
    // After their time nothing is left of them, neither in answers nor in memory.
    sim.run_for(secs(7300))?;
    for node in 0..6 {
        assert_eq!(sim.node(node).unwrap().groups().count(), 0, "at node {node}");
    }
    Ok(())
}

/// Ten times as many ranges as there is room for are served by nodes that come and go, and each is known
/// everywhere within 2 s, also at nodes with a tenth of the room of others.
#[test]
fn ranges_of_those_that_have_gone_make_room() -> Outcome {
    const COME: usize = 80;
    let configure = |birth: &Birth| {
        let mut config = lan();
        config.limits.ranges = if birth.node.is_multiple_of(2) { 16 } else { 160 };
        config
    };
    let asleep: Vec<usize> = (6..6 + COME).collect();
    let mut sim =
        Sim::new(seed_from_env(67)).nodes_with(6 + COME, configure).asleep(&asleep).build();
    sim.run_until(Sim::converged, secs(10))?;
    for node in 0..6 {
        sim.add_item(node, &group(), own_range(node), 80).unwrap();
    }
    sim.run_until(all_route_to_the_living, secs(2))?;
    for job in asleep {
        sim.restart(job);
        sim.run_until(move |sim| (0..6).all(|node| sim.views().sees(node, job)), secs(2))?;
        sim.add_item(job, &group(), own_range(job), 80).unwrap();
        sim.add_item(job, &group(), range(200_000, 200_009), 80).unwrap();
        sim.run_until(
            move |sim| (0..6).all(|node| routed(sim, node, job as u32 * 1_000) == Some(job)),
            secs(2),
        )?;
        sim.depart(job);
        sim.run_for(secs(1))?;
        sim.kill(job);
    }
    sim.run_until(all_route_to_the_living, secs(2))?;
    let held = |node: usize| sim.node(node).unwrap().topology(&group()).count();
    assert!((0..6).all(|node| held(node) <= if node % 2 == 0 { 16 } else { 160 }));
    Ok(())
}

/// One node adds and removes many more ranges than a record has room for, and is never refused.
#[test]
fn removed_ranges_make_room() -> Outcome {
    let configure = |birth: &Birth| {
        let mut config = lan();
        config.limits.ranges_per_record = if birth.node.is_multiple_of(2) { 256 } else { 26 };
        config
    };
    let mut sim = Sim::new(seed_from_env(63)).nodes_with(6, configure).build();
    sim.run_until(Sim::converged, secs(10))?;
    for start in 0..600 {
        let (range, old) =
            (range(start, start), range(start.saturating_sub(5), start.saturating_sub(5)));
        sim.add_item(0, &group(), range, 80).unwrap();
        if start >= 5 {
            sim.with(0, |engine, now| engine.remove_item(now, &group(), old, 80)).unwrap();
        }
        sim.run_for(millis(100))?;
    }
    sim.run_until(Sim::converged, secs(10))?;
    for node in 0..6 {
        let engine = sim.node(node).unwrap();
        assert_eq!(engine.topology_of(&group(), Op::Add).count(), 5, "at node {node}");
        assert!(engine.topology(&group()).count() <= 256);
    }
    Ok(())
}

/// Half of the nodes forget the gone after ten minutes, the others after three days. They do not come
/// and go, roots are equal, and it costs no traffic.
#[test]
fn nodes_that_forget_at_different_times_stay_equal() -> Outcome {
    let configure = |birth: &Birth| {
        let mut config = lan();
        if birth.node % 2 == 1 {
            config.forget_after = secs(600);
        }
        config
    };
    let mut sim = Sim::new(seed_from_env(64)).nodes_with(12, configure).build();
    sim.run_until(Sim::converged, secs(10))?;
    sim.run_for(secs(10))?;
    let before = bytes(&sim);
    sim.run_for(secs(600))?;
    let idle = (bytes(&sim) - before) / 12 / 600;
    sim.crash(5);
    sim.depart(4);
    sim.run_for(secs(20))?;
    let (told, before) = (Reports::default(), bytes(&sim));
    sim.set_tap(told.clone());
    sim.run_for(secs(3 * 3600))?;
    let rate = (bytes(&sim) - before) / 10 / 10_800;
    let events = told.0.take();
    // Each of the five that forget early says so of both.
    assert!(events.len() <= 12, "{} events: {events:?}", events.len());
    assert!(rate * 10 <= idle * 11 + 20, "{rate} B/s and node, {idle} while nobody had gone");
    assert!(sim.pictures_agree());
    Ok(())
}

/// A node stands still until the others have seen another one die and have forgotten it. When it goes on it
/// still believes in the dead one: nobody learns of that from it, and it learns better.
#[test]
fn who_believes_in_the_forgotten_is_told() -> Outcome {
    let mut config = lan();
    config.forget_after = secs(60);
    let mut sim = configured(65, 8, config).build();
    sim.run_until(Sim::converged, secs(10))?;
    sim.run_for(secs(10))?;
    sim.pause(3);
    sim.run_for(secs(20))?;
    sim.crash(5);
    sim.run_for(secs(90))?;
    let (dead, paused) = (sim.id(5), 3);
    let forgotten = |node: usize| sim.node(node).unwrap().peer(dead).is_none();
    let others: Vec<usize> = (0..8).filter(|node| ![5, paused].contains(node)).collect();
    assert!(others.iter().all(|node| forgotten(*node)));
    let told = Reports::default();
    sim.set_tap(told.clone());
    sim.resume(paused, scalesmall_sim::CatchUp::Drain);
    sim.run_for(secs(15))?;
    assert!(!sim.views().sees(paused, 5));
    let id = sim.id(5).to_string();
    let events = told.0.take();
    let wrong: Vec<_> =
        events.iter().filter(|(node, text)| *node != paused && text.contains(&id)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    sim.run_until(Sim::converged, secs(20))?;
    Ok(())
}

/// Many removals do not stand for an hour: once all who live hold them, their owner collects them.
#[test]
fn what_all_hold_is_collected_early() -> Outcome {
    let mut sim = settled(66, 12)?;
    sim.add_item(0, &group(), range(0, 0), 80).unwrap();
    for start in 1..=600 {
        sim.add_item(0, &group(), range(start, start), 80).unwrap();
        sim.with(0, |engine, now| engine.remove_item(now, &group(), range(start, start), 80))
            .unwrap();
        sim.run_for(millis(200))?;
    }
    sim.run_for(secs(60))?;
    sim.run_until(Sim::converged, secs(10))?;
    for node in 0..12 {
        let items = sim.node(node).unwrap().topology(&group()).count();
        assert!(items <= 128, "{items} items at node {node}");
    }
    Ok(())
}
