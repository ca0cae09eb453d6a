//! Each message comes to each node that is up and within reach, exactly once, whatever happens to
//! others meanwhile: no later message and no repair would bring it.

use bytes::Bytes;
use scalesmall_core::{Recipients, Tag};
use scalesmall_sim::{Link, Ratio};

use super::messages::Received;
use super::*;

/// Messages to all, by their tags, and who has sent them.
struct Post {
    received: Received,
    senders: Vec<usize>,
}

impl Post {
    fn of(sim: &mut Sim) -> Self {
        let received = Received::default();
        sim.set_tap(received.clone());
        Self { received, senders: Vec::new() }
    }

    /// Sends a message to all. Returns whether it was accepted.
    fn send(&mut self, sim: &mut Sim, from: usize) -> bool {
        self.send_of(sim, from, 200)
    }

    fn send_of(&mut self, sim: &mut Sim, from: usize, len: usize) -> bool {
        let (tag, payload) = (Tag(self.senders.len() as u32), Bytes::from(vec![7; len]));
        let sent = sim
            .with(from, |engine, now| engine.broadcast(now, Recipients::All, tag, payload).is_ok());
        if sent {
            self.senders.push(from);
        }
        sent
    }

    /// Asserts that all messages have come once to each of these nodes but to who has sent it.
    fn assert_all_once(&self, nodes: impl Iterator<Item = usize>) {
        let received = self.received.0.borrow();
        let mut wrong = Vec::new();
        for node in nodes {
            for (tag, sender) in (0..).zip(&self.senders) {
                let times = received.get(&(node, tag)).copied().unwrap_or(0);
                if node != *sender && times != 1 {
                    wrong.push((tag, node, times));
                }
            }
        }
        let all = self.senders.len();
        assert!(
            wrong.is_empty(),
            "of {all} messages {} (message, node, times): {wrong:?}",
            wrong.len()
        );
    }
}

/// Half of 60 nodes die at once; the others send on, while they still take the dead for hops.
#[test]
fn all_get_messages_while_half_of_the_hops_are_dead() -> Outcome {
    let mut sim = settled(70, 60)?;
    let mut post = Post::of(&mut sim);
    for node in 30..60 {
        sim.crash(node);
    }
    for step in 0..50 {
        assert!(post.send(&mut sim, step % 10));
        sim.run_for(millis(20))?;
    }
    sim.run_for(secs(15))?;
    post.assert_all_once(0..30);
    Ok(())
}

/// One that comes back from a long cut acknowledges what it is given to pass on, while it still
/// holds all others for lost: none but itself may miss anything for that.
#[test]
fn all_others_get_messages_while_one_comes_back() -> Outcome {
    for cut in [80, 140] {
        let mut sim = settled(70 + cut, 100)?;
        sim.isolate(50);
        sim.run_for(secs(cut))?;
        sim.heal();
        let mut post = Post::of(&mut sim);
        for step in 0..1_500 {
            assert!(post.send(&mut sim, (step * 37) % 50));
            sim.run_for(millis(4))?;
        }
        sim.run_for(secs(5))?;
        post.assert_all_once((0..100).filter(|node| *node != 50));
    }
    Ok(())
}

/// A newcomer that has found one of 300 nodes sends a message: that one, and those whom it gives
/// parts to, see to the others.
#[test]
fn a_newcomer_that_knows_one_node_reaches_all() -> Outcome {
    let mut sim = cluster(71, 301).asleep(&[300]).build();
    sim.run_until(Sim::converged, secs(20))?;
    sim.run_for(secs(2))?;
    let mut post = Post::of(&mut sim);
    sim.restart(300);
    sim.run_until(|sim| sim.node(300).is_some_and(|node| node.peers().count() > 0), secs(2))?;
    assert!(sim.node(300).unwrap().peers().count() < 10, "it knows all by now");
    assert!(post.send(&mut sim, 300));
    sim.run_for(secs(5))?;
    post.assert_all_once(0..300);
    Ok(())
}

/// In a segment with a speaker, at 5 to 30 % loss: who misses a batch, and the answer to its
/// question, asks on.
#[test]
fn all_get_messages_by_a_speaker_at_any_loss() -> Outcome {
    for loss in [5, 20, 30] {
        let mut config = lan();
        (config.multicast, config.least_hearers) = (true, 20);
        let link = Link::lan().loss(Ratio::percent(loss));
        let mut sim =
            configured(72 + u64::from(loss), 60, config).segments(|_| Some(0)).link(link).build();
        sim.run_until(Sim::converged, secs(20))?;
        sim.run_for(secs(60))?;
        let before = sim.traffic(0).multicasts;
        let mut post = Post::of(&mut sim);
        for at in 0..100 {
            assert!(post.send(&mut sim, (at * 7) % 60));
            sim.run_for(millis(100))?;
        }
        sim.run_for(secs(20))?;
        assert!((0..60).any(|node| sim.traffic(node).multicasts > before + 100), "nobody speaks");
        post.assert_all_once(0..60);
    }
    Ok(())
}

/// 300 messages at once in a segment with a speaker: more than it keeps for those who miss one, and
/// more than the window of packet numbers is wide.
#[test]
fn a_burst_by_a_speaker_reaches_all() -> Outcome {
    for loss in [0, 5] {
        let mut config = lan();
        (config.multicast, config.least_hearers) = (true, 20);
        let link = Link::lan().loss(Ratio::percent(loss));
        let mut sim =
            configured(74 + u64::from(loss), 60, config).segments(|_| Some(0)).link(link).build();
        sim.run_until(Sim::converged, secs(20))?;
        sim.run_for(secs(40))?;
        let mut post = Post::of(&mut sim);
        let before: Vec<u64> = (0..60).map(|node| sim.traffic(node).multicasts).collect();
        for at in 0..300 {
            assert!(post.send(&mut sim, at % 60));
        }
        sim.run_for(secs(15))?;
        let spoken = (0..60).map(|node| sim.traffic(node).multicasts - before[node]).max();
        assert!(spoken > Some(100), "nobody speaks: {spoken:?}");
        post.assert_all_once(0..60);
    }
    Ok(())
}

/// A message as large as one may be, when a third of those whom a speaker covers has just ceased to
/// hear it: those get it by unicast, and there is room for that.
#[test]
fn the_largest_message_reaches_those_who_have_gone_deaf() -> Outcome {
    let mut config = lan();
    (config.multicast, config.least_hearers) = (true, 20);
    let mut sim = configured(78, 60, config).segments(|_| Some(0)).build();
    sim.run_until(Sim::converged, secs(20))?;
    sim.run_for(secs(60))?;
    let (all, deaf): (Vec<usize>, Vec<usize>) = ((0..60).collect(), (0..60).step_by(3).collect());
    sim.cut_multicast(&all, &deaf);
    sim.run_for(secs(1))?;
    let mut post = Post::of(&mut sim);
    let largest = (1..2_000).rev().find(|len| post.send_of(&mut sim, 7, *len)).unwrap();
    assert!(largest > 900, "{largest}");
    sim.run_for(secs(5))?;
    post.assert_all_once(0..60);
    Ok(())
}

/// All of 40 nodes send ten messages at once with room for 16 copies each: what finds no room is
/// refused by its origin or comes to a hop again, and what was taken arrives.
#[test]
fn messages_that_find_hops_full_arrive_later() -> Outcome {
    let mut config = lan();
    config.limits.relays = 16;
    let mut sim = configured(79, 40, config).build();
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(2))?;
    let mut post = Post::of(&mut sim);
    let taken = (0..400).filter(|at| post.send(&mut sim, at % 40)).count();
    assert!(taken >= 80, "{taken} messages were taken");
    sim.run_for(secs(30))?;
    post.assert_all_once(0..40);
    Ok(())
}
