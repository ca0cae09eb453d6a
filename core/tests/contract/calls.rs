//! When and in which order an embedder may call.

use std::time::Duration;

use scalesmall_core::{Cause, Engine, Epoch, Event, ForgetError, Instant, Status};
use scalesmall_hostile::{Holder, START, Source, addr, any_frames, drain, engine, id, receiver};

use crate::net::Net;
use crate::{group, ms, range};

/// Everything that can be seen of an engine without changing it.
pub(crate) fn picture(engine: &Engine) -> String {
    let groups: Vec<_> = engine.groups().cloned().collect();
    let items: Vec<_> = groups.iter().flat_map(|group| engine.topology(group)).collect();
    let peers: Vec<_> = engine.peers().collect();
    let (digest, deadline) = (engine.digest(), engine.poll_timeout());
    format!("{:?} {digest} {deadline:?} {peers:?} {groups:?} {items:?}", engine.epoch())
}

/// Does the same work at two times, and returns what came of it and when the engine asks to be called.
fn worked(earlier: impl FnOnce(Instant) -> Instant) -> (Vec<String>, Instant, Duration) {
    let mut net = Net::settled(2);
    let engine = &mut net.engines[0];
    let now = net.now;
    engine.handle_timeout(now);
    let earlier = earlier(now);
    engine.add_item(earlier, &group("a"), range(1, 2), 3).unwrap();
    engine.contact(earlier, &[addr(9)]);
    engine.handle_timeout(earlier);
    let first = drain(engine);
    let deadline = engine.poll_timeout().unwrap();
    engine.handle_timeout(deadline);
    let then = drain(engine);
    (vec![format!("{first:?}"), format!("{then:?}")], deadline, now.since(earlier))
}

#[test]
fn a_slightly_earlier_now_counts_as_the_latest_seen() {
    let back = worked(|now| Instant::from_nanos(now.as_nanos() - 99_000_000));
    let (output, deadline, _) = worked(|now| now);
    assert_eq!((back.0, back.1), (output, deadline));
}

/// Time goes on from there: the same work, and the deadline is told in the new time.
#[test]
fn a_clock_that_is_set_back_changes_nothing_but_what_deadlines_are_told_as() {
    let (output, deadline, _) = worked(|now| now);
    for earlier in [|_| Instant::ZERO, |now: Instant| Instant::from_nanos(now.as_nanos() / 2)] {
        let (same, told, back) = worked(earlier);
        assert_eq!(same, output);
        assert_eq!(told + back, deadline);
    }
}

/// A node that is gone is forgotten at once when the embedder says so; one that lives is not, and neither is
/// one that only this node cannot reach.
#[test]
fn a_node_is_forgotten_on_demand_only_if_it_is_gone() {
    let mut net = Net::settled(4);
    let forget = |net: &mut Net, about| net.on(1, |engine, now| engine.forget(now, id(about)));
    let before = picture(&net.engines[0]);
    let living = |status| Err(ForgetError::Living { status });
    assert_eq!(forget(&mut net, 4), living(Status::Alive));
    assert_eq!(forget(&mut net, 1), Err(ForgetError::Own));
    assert_eq!(forget(&mut net, 9), Err(ForgetError::Unknown));
    assert_eq!(picture(&net.engines[0]), before);
    net.on(4, Engine::depart);
    net.run_for(Duration::from_secs(2));
    net.events.clear();
    assert_eq!(forget(&mut net, 4), Ok(()));
    let told = |(by, event): &(u16, Event)| {
        matches!(event, Event::Peer { peer, from: Some(Status::Left), to: None, cause: Cause::Forgotten }
            if *by == 1 && peer.id == id(4))
    };
    assert!(net.events.iter().any(told), "{:?}", net.events);
    assert!(net.engines[0].peer(id(4)).is_none());
    assert!(net.engines[1].peer(id(4)).is_some(), "only this node forgets it");
    // It comes back, and the others have not lost it meanwhile.
    net.on(4, |engine, now| engine.renew(now, Epoch(1 << 41)));
    net.run_for(Duration::from_secs(5));
    assert!(
        net.engines
            .iter()
            .take(3)
            .all(|engine| { engine.peer(id(4)).is_some_and(|peer| peer.status == Status::Alive) })
    );
    net.set_cut(1, 4, true);
    net.set_cut(2, 4, true);
    net.set_cut(3, 4, true);
    net.run_for(Duration::from_secs(15));
    assert_eq!(net.engines[0].peer(id(4)).unwrap().status, Status::Down);
    assert_eq!(forget(&mut net, 4), Ok(()));
    let two = &mut Net::settled(2);
    two.set_cut(1, 2, true);
    two.run_for(Duration::from_secs(15));
    assert_eq!(forget(two, 2), living(Status::Unreachable));
}

#[test]
fn how_long_ago_a_peer_was_heard_is_told() {
    let mut net = Net::settled(2);
    let heard = |net: &Net| net.engines[0].peer(id(2)).unwrap().heard.unwrap();
    assert!(heard(&net) <= Duration::from_secs(2));
    net.set_cut(1, 2, true);
    net.run_for(Duration::from_secs(30));
    let silent = heard(&net);
    assert!((28..=32).contains(&silent.as_secs()), "{silent:?}");
    assert_eq!(net.engines[0].peer(id(1)).unwrap().heard, None, "a node does not hear itself");
}

#[test]
fn an_engine_that_slept_an_hour_goes_on_and_knows_it() {
    let mut net = Net::settled(3);
    let (due, late) = (net.engines[0].poll_timeout().unwrap(), Duration::from_secs(3600));
    let now = due + late;
    let engine = &mut net.engines[0];
    // Datagrams that waited come first, then the deadline: one stall, not three.
    for (step, sleeper) in [(0, Some(late)), (1, None), (2, None)] {
        let at = now + Duration::from_millis(step);
        let _ = engine.handle_datagram(at, scalesmall_core::Arrival::Unicast(addr(2)), b"?");
        let stalls: Vec<_> = drain(engine).events;
        let stall = sleeper.map(|late| Event::Stalled { late });
        assert_eq!(stalls, Vec::from_iter(stall));
    }
    assert_eq!(engine.stats().stalls, 1);
    // It accuses nobody for what it missed itself, and its peers are still there.
    net.now = now + Duration::from_millis(3);
    for number in 1..=3 {
        net.on(number, Engine::handle_timeout);
    }
    net.run_for(Duration::from_secs(30));
    for engine in &net.engines {
        assert!(engine.peers().all(|peer| peer.status == Status::Alive));
        assert_eq!(engine.stats().verdicts_down, 0);
    }
}

#[test]
fn any_lateness_is_legal() {
    for late in [1, 10, 1_000, 100_000, 10_000_000, u64::MAX / 2_000_000, u64::MAX] {
        let mut net = Net::settled(2);
        let engine = &mut net.engines[0];
        let at = engine.poll_timeout().unwrap() + Duration::from_millis(late);
        engine.handle_timeout(at);
        let _ = drain(engine);
        let at = at.min(Instant::from_nanos(u64::MAX / 2));
        assert!(engine.poll_timeout().unwrap() > at, "{late} ms late");
    }
}

/// What an engine has to say does not depend on how often it is asked in between.
#[test]
fn inputs_may_queue_up() {
    let run = |drain_each: bool| {
        let mut engine = engine(1);
        let mut holder = Holder::new(2);
        holder.introduce(&mut engine);
        let mut outputs = Vec::new();
        for start in 0..5 {
            engine.add_item(START, &group("a"), range(start, start), 80).unwrap();
            let packet = holder.packet(Some(receiver()), &[]);
            engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
            if drain_each {
                outputs.push(drain(&mut engine));
            }
        }
        outputs.push(drain(&mut engine));
        engine.handle_timeout(ms(1_050));
        outputs.push(drain(&mut engine));
        let events: Vec<_> = outputs.iter().flat_map(|out| out.events.clone()).collect();
        (events, engine.digest(), engine.stats().clone().datagrams_received)
    };
    assert_eq!(run(true), run(false));
}

/// Events first or datagrams first, one at a time or all at once: the same streams.
#[test]
fn outputs_may_be_drained_in_any_order() {
    let prepared = || {
        let mut net = Net::settled(3);
        let engine = &mut net.engines[0];
        engine.add_item(net.now, &group("a"), range(1, 2), 3).unwrap();
        engine.contact(net.now, &[addr(9)]);
        engine.handle_timeout(net.now + Duration::from_millis(5));
        net.engines.swap_remove(0)
    };
    let (mut one, mut other) = (prepared(), prepared());
    let datagrams_first = drain(&mut one);
    let events: Vec<_> = std::iter::from_fn(|| other.poll_event()).collect();
    let datagrams = drain(&mut other).datagrams;
    assert!(!events.is_empty() && datagrams.len() > 1);
    assert_eq!((datagrams_first.datagrams, datagrams_first.events), (datagrams, events));
}

#[test]
fn undrained_output_is_due_at_once() {
    let mut net = Net::settled(2);
    let now = net.now;
    let engine = &mut net.engines[0];
    engine.contact(now, &[addr(9)]);
    assert!(engine.poll_timeout().unwrap() <= now);
    assert!(engine.poll_transmit(&mut bytes::BytesMut::new()).is_some());
    let _ = drain(engine);
    assert!(engine.poll_timeout().unwrap() > now);
    engine.join(now, &group("a")).unwrap();
    assert!(engine.poll_timeout().unwrap() <= now, "an event waits");
    let _ = drain(engine);
    assert!(engine.poll_timeout().unwrap() > now);
}

/// Over every step of a run with deaths in it, and for each kind of input.
#[test]
fn after_a_drain_the_deadline_lies_strictly_ahead() {
    let mut net = Net::settled(5);
    net.engines.truncate(4);
    for _ in 0..2_000 {
        let due = net.engines.iter().filter_map(Engine::poll_timeout).min().unwrap();
        assert!(due > net.now, "{due} at {}", net.now);
        net.run_for(due.since(net.now));
    }
    assert!(net.engines[0].peers().any(|peer| peer.status == Status::Down));
}

#[test]
fn a_silent_engine_wants_nothing_and_says_nothing() {
    let mut net = Net::settled(3);
    net.on(1, |engine, now| engine.depart(now));
    net.run_for(Duration::from_secs(3));
    let departed = net.events.iter().any(|(number, event)| {
        *number == 1 && *event == Event::Departed { acknowledged_by: 2, told: 2 }
    });
    assert!(departed);
    let now = net.now;
    let engine = &mut net.engines[0];
    for round in 0..1_000 {
        engine.add_item(now, &group("a"), range(round, round), 1).unwrap();
        engine.set_metadata(now, vec![1; 9].into()).unwrap();
        engine.announce_slow(now, Duration::from_secs(1));
        engine.contact(now, &[addr(9)]);
    }
    engine.depart(now);
    engine.handle_timeout(now + Duration::from_secs(60));
    assert_eq!(drain(engine).datagrams, []);
    assert_eq!(engine.poll_timeout(), None);
    // What was written in silence is told once the engine is back, and its time has been reached.
    net.on(1, |engine, now| engine.renew(now, engine.epoch()));
    net.run_for(Duration::from_secs(65));
    assert_eq!(net.engines[1].topology(&group("a")).count(), 1_000);
    assert_eq!(net.engines[0].digest(), net.engines[1].digest());
}

/// Everything at once, and often: the same frames as a fuzzer would send, in the order of bytes.
#[test]
fn time_may_leap_to_its_end() {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    for round in 0..50 {
        let frames = any_frames(&mut Source::new(&[round; 200]));
        let packet = holder.packet(Some(receiver()), &frames);
        let _ = engine.handle_datagram(Instant::MAX, holder.arrival(), &packet);
        engine.handle_timeout(Instant::MAX);
        let _ = drain(&mut engine);
    }
    assert!(engine.peer(id(2)).is_some());
}
