//! Events are changes only, each with its cause.

use std::time::Duration;

use scalesmall_core::wire::{Frame, Header, Standing};
use scalesmall_core::{
    Arrival, Cause, DatagramError, Destination, Engine, Epoch, Event, Life, Status,
};
use scalesmall_hostile::{EPOCH, Holder, addr, cluster, config, id, keys, receiver};

use crate::net::Net;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How a node's status changed, and why, as `number` has told since the last time it was asked.
fn changes(net: &mut Net, number: u16, about: u16) -> Vec<(Option<Status>, Option<Status>, Cause)> {
    let (of_it, others) =
        std::mem::take(&mut net.events).into_iter().partition::<Vec<_>, _>(|(by, event)| {
            let peer = match event {
                Event::Peer { peer, .. } => Some(peer.id),
                _ => None,
            };
            *by == number && peer == Some(id(about))
        });
    net.events = others;
    let change = |(_, event)| match event {
        Event::Peer { from, to, cause, .. } => (from, to, cause),
        other => panic!("{other:?}"),
    };
    of_it.into_iter().map(change).collect()
}

/// Tells a node of a claim in the name of a holder of the key.
fn tell(net: &mut Net, number: u16, holder: &mut Holder, life: Life, standing: Standing) {
    let claim = scalesmall_hostile::claim(life, 0, standing);
    let bound = net.engines[usize::from(number) - 1].life();
    let packet = holder.packet(Some(bound), &[Frame::Claim(claim)]);
    net.on(number, |engine, now| {
        engine.handle_datagram(now, holder.arrival(), &packet).unwrap();
    });
}

#[test]
fn a_peer_is_heard_told_of_begins_a_new_life_and_departs() {
    let mut net = Net::settled(2);
    assert_eq!(changes(&mut net, 1, 2), [(None, Some(Status::Alive), Cause::Heard)]);
    let mut holder = Holder::new(50);
    tell(&mut net, 1, &mut holder, Life { id: id(60), epoch: EPOCH }, Standing::Alive);
    assert_eq!(
        changes(&mut net, 1, 60),
        [(None, Some(Status::Alive), Cause::Told { by: holder.id() })]
    );
    net.on(2, |engine, now| engine.renew(now, Epoch(1 << 41)));
    net.run_for(seconds(1));
    let alive = Some(Status::Alive);
    assert_eq!(changes(&mut net, 1, 2), [(alive, alive, Cause::NewLife)]);
    net.on(2, |engine, now| engine.depart(now));
    net.run_for(seconds(1));
    assert_eq!(changes(&mut net, 1, 2), [(alive, Some(Status::Left), Cause::Departed)]);
}

#[test]
fn a_verdict_names_who_accused_and_who_confirmed_at_every_node() {
    let mut net = Net::settled(5);
    net.events.clear();
    net.engines.truncate(4);
    net.run_for(seconds(10));
    let told: Vec<_> = (1..=4).map(|number| changes(&mut net, number, 5)).collect();
    let nodes = [1, 2, 3, 4].map(id);
    let suspected = (Some(Status::Alive), Some(Status::Suspect), Cause::Unanswered);
    for (number, changes) in (1..).zip(&told) {
        let Some((_, Some(Status::Down), verdict)) = changes.last() else { panic!("{changes:?}") };
        let Cause::Confirmed { accuser, confirmed_by: [Some(first), Some(second)] } = verdict
        else {
            panic!("{verdict:?}")
        };
        let all = [accuser, first, second];
        assert!(all.iter().all(|node| nodes.contains(node)), "{verdict:?}");
        assert!(accuser != first && first != second && second != accuser, "{verdict:?}");
        // The accuser has suspected it before, as its own probe had no answer.
        assert!(*accuser != id(number) || changes.contains(&suspected), "{number}: {changes:?}");
    }
    assert!(told.iter().flatten().any(|change| *change == suspected));
}

#[test]
fn silence_with_nobody_to_ask_is_told_as_such_and_so_is_the_answer_that_ends_it() {
    let mut net = Net::settled(2);
    net.events.clear();
    net.set_cut(1, 2, true);
    net.run_for(seconds(10));
    let (alive, suspect) = (Some(Status::Alive), Some(Status::Suspect));
    let unreachable = Some(Status::Unreachable);
    assert_eq!(
        changes(&mut net, 1, 2),
        [(alive, suspect, Cause::Unanswered), (suspect, unreachable, Cause::NobodyToAsk)]
    );
    net.set_cut(1, 2, false);
    net.run_for(seconds(10));
    assert_eq!(changes(&mut net, 1, 2), [(unreachable, alive, Cause::Answered)]);
}

/// Two nodes that know each other and have never met. What the first sends in a packet that is not
/// bound draws a challenge; that alone ends its suspicion, if it quotes that packet.
#[test]
fn a_challenge_answers_the_ping_that_it_quotes_and_no_other() {
    let millisecond = Duration::from_millis(1);
    let mut net = Net::settled(3);
    net.set_cut(1, 3, true);
    let later = Epoch(EPOCH.0 + 5);
    net.engines[2] = Engine::new(config(), addr(3), later, net.now).unwrap();
    net.on(3, |engine, now| engine.contact(now, &[addr(2)]));
    net.run_for(seconds(1));
    let status = |net: &Net| net.engines[0].peers().find(|peer| peer.id == id(3)).unwrap().status;
    while status(&net) != Status::Suspect {
        net.run_for(millisecond);
    }
    let unbound = |(from, to, datagram): &(u16, Destination, Vec<u8>)| {
        let (header, _) = Header::parse(datagram).unwrap();
        *from == 1 && *to == Destination::Unicast(addr(3)) && !header.bound
    };
    net.sent.clear();
    while !net.sent.iter().any(unbound) {
        net.run_for(millisecond);
    }
    let life = Life { id: id(3), epoch: later };
    let mut other = Holder::of(life, &keys(), &cluster());
    let challenge = other.packet(Some(receiver()), &[Frame::Challenge { packet: 9_999 }]);
    net.on(1, |engine, now| engine.handle_datagram(now, other.arrival(), &challenge).unwrap());
    assert_eq!(status(&net), Status::Suspect);
    // All that passes between the two: one datagram there, and one back.
    let ping = net.sent.iter().find(|sent| unbound(sent)).unwrap().2.clone();
    net.cut.remove(&(3, 1));
    net.events.clear();
    net.on(3, |engine, now| {
        let taken = engine.handle_datagram(now, Arrival::Unicast(addr(1)), &ping);
        assert_eq!(taken, Err(DatagramError::Unproven));
    });
    net.run_for(3 * millisecond);
    let (suspect, alive) = (Some(Status::Suspect), Some(Status::Alive));
    assert_eq!(changes(&mut net, 1, 3), [(suspect, alive, Cause::Answered)]);
}

/// A window may be shorter than a probe that nobody answers: others are asked all the same.
#[test]
fn nobody_is_unreachable_while_others_can_be_asked() {
    let mut config = config();
    let span = Duration::from_millis(200);
    (config.min_timeout, config.max_timeout, config.silence_window) = (span, span, span);
    let mut net = Net::settled_with(6, &config);
    net.events.clear();
    for number in 1..6 {
        net.set_cut(6, number, true);
    }
    net.run_for(seconds(10));
    for number in 1..6 {
        let changes = changes(&mut net, number, 6);
        assert!(!changes.iter().any(|(.., cause)| *cause == Cause::NobodyToAsk), "{changes:?}");
        assert_eq!(changes.last().unwrap().1, Some(Status::Down));
    }
}

/// One that nobody answers for while others are there is unreachable for that reason.
#[test]
fn verifiers_that_do_not_answer_are_not_nobody() {
    let mut net = Net::settled(4);
    net.events.clear();
    for number in 2..=4 {
        net.set_cut(1, number, true);
    }
    net.run_for(seconds(10));
    let first = [2, 3, 4].map(|number| changes(&mut net, 1, number)[1]);
    let given_up = (Some(Status::Suspect), Some(Status::Unreachable), Cause::VerifiersSilent);
    assert!(first.contains(&given_up), "{first:?}");
}

/// In a small cluster those who are asked suspect the same peer themselves, from some other time on:
/// the first window that ends is the last.
#[test]
fn the_verdict_falls_with_the_first_window_that_ends() {
    for seed in 0..20 {
        let mut config = config();
        config.seed = [seed; 32];
        let mut net = Net::settled_with(4, &config);
        net.events.clear();
        for number in 1..4 {
            net.set_cut(4, number, true);
        }
        let suspected = |event: &(u16, Event)| {
            matches!(event, (1..4, Event::Peer { to: Some(Status::Suspect), .. }))
        };
        while !net.events.iter().any(suspected) {
            net.run_for(Duration::from_millis(10));
        }
        net.run_for(config.silence_window);
        for engine in &net.engines[..3] {
            assert_eq!(engine.peer(id(4)).unwrap().status, Status::Down, "seed {seed}");
        }
    }
}

#[test]
fn a_verifier_that_has_an_answer_is_named() {
    let mut net = Net::settled(4);
    net.events.clear();
    net.set_cut(1, 2, true);
    net.run_for(seconds(10));
    let told = changes(&mut net, 1, 2);
    let suspected = (Some(Status::Alive), Some(Status::Suspect), Cause::Unanswered);
    let [first, (Some(Status::Suspect), Some(Status::Alive), ended), ..] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(*first, suspected);
    assert!(
        matches!(ended, Cause::AnsweredOther { verifier } if [id(3), id(4)].contains(verifier)),
        "{ended:?}"
    );
}

#[test]
fn a_false_verdict_is_refuted_and_the_twice_fallen_are_steady_at_last() {
    let mut net = Net::settled(3);
    net.events.clear();
    let mut holder = Holder::new(50);
    let (alive, down) = (Some(Status::Alive), Some(Status::Down));
    let accused = Life { id: id(2), epoch: net.engines[1].epoch() };
    tell(&mut net, 1, &mut holder, accused, Standing::Down);
    net.run_for(seconds(2));
    let told = changes(&mut net, 1, 2);
    // It may be asked first: then the accused answers before anybody believes it to be down.
    assert!(
        told.iter().all(|(_, to, _)| *to != down) || told.contains(&(down, alive, Cause::Refuted))
    );
    // Its refutation counts as a fall with all, for five minutes.
    net.run_for(seconds(301));

    for _ in 0..2 {
        net.set_cut(1, 2, true);
        net.set_cut(3, 2, true);
        net.run_for(seconds(10));
        net.set_cut(1, 2, false);
        net.set_cut(3, 2, false);
        net.run_for(seconds(10));
    }
    let told = changes(&mut net, 1, 2);
    assert!(told.contains(&(down, alive, Cause::Refuted)), "the first time: {told:?}");
    assert_eq!(told.last().map(|(_, to, _)| *to), Some(down), "the second time: {told:?}");
    assert!(net.engines[0].peer(id(2)).is_some_and(|peer| peer.held_for.is_some()));
    net.run_for(seconds(40));
    assert_eq!(changes(&mut net, 1, 2), [(down, alive, Cause::Steady)]);
}

#[test]
fn one_that_slept_takes_its_accusation_back() {
    let mut net = Net::settled(3);
    net.events.clear();
    net.set_cut(1, 2, true);
    net.set_cut(3, 2, true);
    let suspected =
        |net: &Net| net.engines[0].peer(id(2)).is_some_and(|peer| peer.status == Status::Suspect);
    while !suspected(&net) {
        net.run_for(Duration::from_millis(10));
    }
    let at = net.engines[0].poll_timeout().unwrap() + seconds(60);
    net.now = at;
    net.on(1, Engine::handle_timeout);
    let told = changes(&mut net, 1, 2);
    let taken_back = (Some(Status::Suspect), Some(Status::Alive), Cause::OwnStall);
    assert!(told.contains(&taken_back), "{told:?}");
    let stalls = net.events.iter().filter(|(_, event)| matches!(event, Event::Stalled { .. }));
    assert_eq!(stalls.count(), 1);
}

#[test]
fn the_long_gone_expire() {
    let mut config = config();
    config.forget_after = seconds(60);
    let mut net = Net::settled_with(3, &config);
    net.engines.truncate(2);
    net.run_for(seconds(20));
    net.events.clear();
    net.run_for(seconds(60));
    assert_eq!(changes(&mut net, 1, 3), [(Some(Status::Down), None, Cause::Expired)]);
    assert_eq!(net.engines[0].peer(id(3)), None);
}
