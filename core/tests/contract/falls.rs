//! What a node says of its own silence, and what others make of it.

use std::time::Duration;

use scalesmall_core::wire::{Frame, Standing};
use scalesmall_core::{Destination, Engine, Event, HoldReason, Instant, Status};
use scalesmall_hostile::{Holder, START, addr, drain, engine, id, life};

use crate::net::Net;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn claim(about: u16, incarnation: u32, standing: Standing) -> Frame {
    Frame::Claim(scalesmall_hostile::claim(life(about), incarnation, standing))
}

fn say(engine: &mut Engine, now: Instant, by: &mut Holder, frame: &Frame) {
    let packet = by.packet(Some(engine.life()), std::slice::from_ref(frame));
    engine.handle_datagram(now, by.arrival(), &packet).unwrap();
}

fn own_incarnation(engine: &Engine) -> u32 {
    engine.peer(engine.id()).unwrap().incarnation
}

#[test]
fn a_node_that_was_well_says_so_however_often_it_is_called_down() {
    let (mut engine, mut liar) = (engine(1), Holder::new(2));
    liar.introduce(&mut engine);
    for turn in 0..5 {
        let now = START + seconds(turn);
        let above = own_incarnation(&engine);
        say(&mut engine, now, &mut liar, &claim(1, above, Standing::Down));
        assert!(own_incarnation(&engine) > above);
        assert_eq!(own_incarnation(&engine) % 4, 0, "it was well");
        let held = |event: &Event| matches!(event, Event::HeldOff { .. });
        assert!(!drain(&mut engine).events.iter().any(held));
    }
}

#[test]
fn a_node_that_stood_still_says_so_and_knows_how_long_it_is_held_off() {
    let (mut engine, mut peer) = (engine(1), Holder::new(2));
    peer.introduce(&mut engine);
    let mut held = Vec::new();
    let mut now = START;
    for _ in 0..2 {
        now = now + seconds(20);
        engine.handle_timeout(now);
        let above = own_incarnation(&engine);
        say(&mut engine, now, &mut peer, &claim(1, above, Standing::Down));
        assert_eq!(own_incarnation(&engine) % 4, 2, "it stood still");
        held.extend(drain(&mut engine).events.into_iter().filter_map(|event| match event {
            Event::HeldOff { reason, left } => Some((reason, left)),
            _ => None,
        }));
    }
    let window = engine.config().silence_window;
    assert_eq!(engine.held_off(), held.first().copied());
    engine.handle_timeout(now + window);
    assert_eq!(engine.held_off(), Some((HoldReason::Stalls { times: 2 }, window)));
    engine.handle_timeout(now + 3 * window);
    assert_eq!(engine.held_off(), None);
    assert_eq!(held, [(HoldReason::Stalls { times: 2 }, 2 * window)]);
}

/// Whatever others say of it, and however high the incarnation.
#[test]
fn a_peer_that_objects_is_shown_again_and_asked_when_it_is_accused_anew() {
    let mut engine = engine(1);
    let (mut peer, mut liar) = (Holder::new(2), Holder::new(3));
    peer.introduce(&mut engine);
    liar.introduce(&mut engine);
    let status = |engine: &Engine| engine.peer(id(2)).unwrap().status;
    let now = START + seconds(10);
    say(&mut engine, now, &mut peer, &claim(2, 4, Standing::Alive));
    let _ = drain(&mut engine);
    for incarnation in [4, 40, 1_000_000] {
        for standing in [Standing::Down, Standing::Left] {
            say(&mut engine, now, &mut liar, &claim(2, incarnation, standing));
            assert!(status(&engine).is_present(), "{standing:?} {incarnation}");
        }
    }
    let to = drain(&mut engine).datagrams.into_iter().map(|(to, _)| to);
    assert!(to.into_iter().any(|to| to == Destination::Unicast(addr(2))), "it is asked");
    // It is silent, so in the end the highest of the claims counts.
    while status(&engine).is_present() {
        let due = engine.poll_timeout().expect("a question waits for its answer");
        assert!(due < now + seconds(5));
        engine.handle_timeout(due);
        let _ = drain(&mut engine);
    }
    assert_eq!(status(&engine), Status::Left);
}

#[test]
fn a_peer_that_admits_two_falls_is_held_off_until_it_has_been_well_for_a_while() {
    let (mut engine, mut peer) = (engine(1), Holder::new(2));
    peer.introduce(&mut engine);
    let held = |engine: &Engine| engine.peer(id(2)).unwrap().held_for;
    let first = START + seconds(10);
    say(&mut engine, first, &mut peer, &claim(2, 1, Standing::Alive));
    assert_eq!(held(&engine), None, "once");
    // Several times at once is once.
    say(&mut engine, first, &mut peer, &claim(2, 5, Standing::Alive));
    assert_eq!(held(&engine), None, "at the same time");
    let second = first + seconds(60);
    say(&mut engine, second, &mut peer, &claim(2, 9, Standing::Alive));
    assert_eq!(held(&engine), Some(seconds(30)), "twice");
    assert_eq!(engine.peer(id(2)).unwrap().status, Status::Down);
}

/// A member that makes up that a peer admits a fall hides it for as long as the peer takes to deny it.
#[test]
fn a_fall_that_is_made_up_is_taken_back_by_the_peer() {
    let (mut engine, mut peer) = (engine(1), Holder::new(2));
    let mut liar = Holder::new(3);
    peer.introduce(&mut engine);
    liar.introduce(&mut engine);
    let held = |engine: &Engine| engine.peer(id(2)).unwrap().held_for;
    say(&mut engine, START + seconds(10), &mut liar, &claim(2, 1, Standing::Alive));
    say(&mut engine, START + seconds(20), &mut liar, &claim(2, 5, Standing::Alive));
    assert!(held(&engine).is_some());
    let to = drain(&mut engine).datagrams.into_iter().map(|(to, _)| to);
    assert!(to.into_iter().any(|to| to == Destination::Unicast(addr(2))), "it is told");
    say(&mut engine, START + seconds(21), &mut peer, &claim(2, 8, Standing::Alive));
    assert_eq!(held(&engine), None);
    assert_eq!(engine.peer(id(2)).unwrap().status, Status::Alive);
}

/// How long it takes until a node that has fallen silent is called down by another, if it has said before
/// for how long it would be slow.
fn silence_until_down(expected: Option<Duration>) -> Duration {
    let mut net = Net::settled(4);
    if let Some(expected) = expected {
        net.on(2, |engine, now| engine.announce_slow(now, expected));
        net.run_for(Duration::from_millis(500));
    }
    [1, 3, 4].into_iter().for_each(|other| net.set_cut(2, other, true));
    let silent = net.now;
    let down = |net: &Net| net.engines[0].peer(id(2)).unwrap().status == Status::Down;
    while !down(&net) {
        net.run_for(Duration::from_millis(100));
        assert!(net.now < silent + seconds(120), "nobody notices");
    }
    net.now.since(silent)
}

#[test]
fn a_node_that_announces_a_pause_is_not_called_down_before_it_ends() {
    let usual = silence_until_down(None);
    let announced = Duration::from_millis(500);
    let pause = 2 * usual;
    let excused = silence_until_down(Some(pause));
    assert!(excused + announced >= pause, "{excused:?} of {pause:?}");
    assert!(excused <= pause + usual, "its word counts for no longer: {excused:?}");
    let most = seconds(60);
    let bold = silence_until_down(Some(10 * most));
    assert!(bold + announced >= most && bold <= most + usual, "a minute at most: {bold:?}");
}
