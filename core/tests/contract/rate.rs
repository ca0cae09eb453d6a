//! A node never sends more than its rate, and liveness goes first.

use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::wire::Frame;
use scalesmall_core::{Arrival, Destination, Engine, Event, Recipients, SendRate, Status, Tag};
use scalesmall_hostile::{Holder, addr, config, drain, id, receiver};

use crate::net::Net;
use crate::{group, range};

const LOW: SendRate = SendRate::new(96_000, 160);

/// A settled pair, of which the second has thousands of ranges to tell the first.
fn laden() -> Net {
    let mut config = config();
    config.send_rate = LOW;
    let mut net = Net::settled_with(2, &config);
    net.sent.clear();
    net.on(2, |engine, now| {
        for start in 0..8_000 {
            engine.add_item(now, &group("a"), range(start * 100, start * 100 + 50), 80).unwrap();
        }
    });
    net
}

/// Whatever there is to say: no window of 100 ms has more than a tenth of the rate.
#[test]
fn a_node_never_exceeds_its_rate() {
    let mut net = laden();
    let mut windows = Vec::new();
    let mut sent = 0;
    while net.engines[0].topology(&group("a")).count() < 8_000 {
        assert!(windows.len() < 3_000, "it does not arrive within 30 s");
        net.run_for(Duration::from_millis(10));
        let new = net.sent[sent..].iter().filter(|(from, ..)| *from == 2);
        windows.push(
            new.fold((0, 0), |(count, bytes), (.., datagram)| (count + 1, bytes + datagram.len())),
        );
        sent = net.sent.len();
    }
    for window in windows.windows(10) {
        let (count, bytes) = window.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        assert!(count <= LOW.datagrams as usize / 10 && bytes <= LOW.bytes as usize / 10);
    }
    let busy: usize = windows.iter().map(|(_, bytes)| bytes).sum();
    assert!(busy > LOW.bytes as usize / 2, "nothing was held up: {busy} bytes");
}

/// While changes wait for seconds, pings are answered at once and nobody is suspected.
#[test]
fn what_waits_does_not_hold_up_liveness() {
    let mut net = laden();
    let start = net.now;
    while net.engines[0].topology(&group("a")).count() < 8_000 {
        net.run_for(Duration::from_millis(50));
        for engine in &net.engines {
            assert!(engine.peers().all(|peer| peer.status == Status::Alive));
            assert_eq!(engine.stats().suspicions, 0);
        }
    }
    assert!(net.now.since(start) > Duration::from_secs(1));
    assert_eq!(net.engines[0].stats().probes_unanswered, 0);
}

/// With output held up and nothing else due, the deadline is when some of it may go out: at once
/// after it was polled empty there is nothing, then there is.
#[test]
fn held_up_output_has_a_deadline_ahead() {
    let mut net = laden();
    let mut held_up = 0;
    let mut now = net.now;
    for _ in 0..400 {
        let engine = &mut net.engines[1];
        engine.handle_timeout(now);
        let _ = drain(engine);
        let due = engine.poll_timeout().unwrap();
        assert!(due > now);
        held_up += u32::from(due.since(now) < Duration::from_millis(20));
        now = due;
    }
    assert!(held_up > 50, "{held_up}");
}

/// For ten seconds the first gets 2,000 first packets a second from nowhere.
fn beset(net: &mut Net, mut each_tenth: impl FnMut(&mut Net)) {
    let hello = {
        let mut stranger = scalesmall_hostile::engine_with(9, config());
        stranger.contact(net.now, &[addr(1)]);
        drain(&mut stranger).datagrams.remove(0).1
    };
    for _ in 0..100 {
        net.run_for(Duration::from_millis(100));
        for source in 0..200 {
            let source = Arrival::Unicast(([10, 9, 9, 9], 1_000 + source).into());
            net.on(1, |engine, now| {
                let _ = engine.handle_datagram(now, source, &hello);
            });
        }
        each_tenth(net);
    }
}

/// Strangers draw challenges; those wait behind liveness, and what they fill is bounded.
#[test]
fn strangers_do_not_displace_liveness() {
    let mut config = config();
    config.send_rate = LOW;
    let mut net = Net::settled_with(2, &config);
    net.sent.clear();
    beset(&mut net, |_| ());
    let stats = net.engines[0].stats();
    assert!(stats.challenges_sent > 300, "{stats:?}");
    assert_eq!((stats.suspicions, net.engines[1].stats().suspicions), (0, 0));
    let to_peer = |to: &Destination| *to == Destination::Unicast(addr(2));
    assert!(net.sent.iter().filter(|(from, to, _)| *from == 1 && to_peer(to)).count() >= 10);
}

/// A member asks the first for more answers than it may send, for a quarter of a minute. The two others go
/// on seeing it, and it them: answers to one are not put in front of those to others for ever.
#[test]
fn one_that_floods_does_not_displace_others() {
    let mut config = config();
    config.send_rate = LOW;
    let mut net = Net::settled_with(3, &config);
    let mut flooder = Holder::new(4);
    flooder.introduce(&mut net.engines[0]);
    let pings = vec![Frame::Ping { root: 1 }; 100];
    for step in 0..3_000 {
        let packet = flooder.packet(Some(receiver()), &pings);
        net.on(1, |engine, now| engine.handle_datagram(now, flooder.arrival(), &packet)).unwrap();
        net.run_for(Duration::from_millis(5));
        for (watcher, others) in [(1, [2, 3]), (2, [1, 3]), (3, [1, 2])] {
            for other in others {
                let peer = net.engines[watcher - 1].peer(id(other)).unwrap();
                assert_eq!(
                    peer.status,
                    Status::Alive,
                    "{other} at {watcher} after {} ms",
                    step * 5
                );
            }
        }
    }
}

/// A node that sends as much as it may, for as long as it lives, still sees who dies.
#[test]
fn a_crash_is_seen_at_the_full_rate() {
    let mut config = config();
    config.send_rate = LOW;
    config.verifiers = 0;
    let mut net = Net::settled_with(3, &config);
    net.set_cut(3, 1, true);
    net.set_cut(3, 2, true);
    net.sent.clear();
    let (start, sent) = (net.now, net.engines[1].stats().bytes_sent);
    while net.engines[1].peer(id(3)).unwrap().status != Status::Unreachable {
        assert!(net.now.since(start) < Duration::from_secs(20), "it is never noticed");
        net.on(2, |engine, now| {
            // Refused, most of them: there is no room for more.
            let payload = Bytes::from(vec![7; 1_000]);
            let _ = engine.broadcast(now, Recipients::Nodes(&[id(1)]), Tag(1), payload);
        });
        net.run_for(Duration::from_millis(4));
    }
    let sent = net.engines[1].stats().bytes_sent - sent;
    let full = u128::from(LOW.bytes) * net.now.since(start).as_millis() / 1_000;
    assert!(u128::from(sent) > full / 2, "the rate was not used: {sent} of {full} bytes");
}

/// A farewell that is lost comes again at once, whatever else waits to be sent.
#[test]
fn a_departure_is_told_again_while_changes_wait() {
    let mut net = laden();
    net.run_for(Duration::from_millis(200));
    net.set_cut(2, 1, true);
    net.on(2, Engine::depart);
    net.run_for(Duration::from_millis(10));
    net.set_cut(2, 1, false);
    net.run_for(Duration::from_millis(500));
    assert_eq!(net.engines[0].peer(id(2)).unwrap().status, Status::Left);
}

/// The challenges that strangers draw leave room for what peers are to get.
#[test]
fn strangers_do_not_displace_messages() {
    let mut config = config();
    config.send_rate = LOW;
    let mut net = Net::settled_with(2, &config);
    beset(&mut net, |net| {
        let delivered = net.engines[1].stats().messages_delivered;
        let sent = net.on(1, |engine, now| {
            engine.broadcast(now, Recipients::All, Tag(1), Bytes::from_static(b"x"))
        });
        assert!(sent.is_ok());
        net.run_for(Duration::from_millis(500));
        assert_eq!(net.engines[1].stats().messages_delivered, delivered + 1);
    });
}

/// What still waits when a node has gone does not go out any more.
#[test]
fn a_node_that_has_departed_is_silent_whatever_waits() {
    let mut config = config();
    config.send_rate = LOW;
    let mut net = Net::settled_with(2, &config);
    net.set_cut(2, 1, true);
    for _ in 0..400 {
        net.on(2, |engine, now| {
            let payload = Bytes::from(vec![7; 1_000]);
            engine.broadcast(now, Recipients::All, Tag(1), payload).unwrap();
        });
    }
    net.on(2, Engine::depart);
    net.run_for(Duration::from_millis(1_000));
    assert!(matches!(net.events.last(), Some((2, Event::Departed { .. }))));
    net.sent.clear();
    net.run_for(Duration::from_secs(20));
    assert!(!net.sent.iter().any(|(from, ..)| *from == 2), "{} datagrams", net.sent.len());
}
