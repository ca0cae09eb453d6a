//! What the application finds out by its own traffic counts like a pong or starts a probe, and no more.

use std::time::Duration;

use scalesmall_core::{Engine, Instant, Status};
use scalesmall_hostile::id;

use crate::net::Net;

/// By when a silent node is found in a cluster of three: its turn, three tries, and the window.
const FOUND: Duration = Duration::from_secs(7);

fn status(net: &Net, of: u16) -> Option<Status> {
    net.engines[1].peer(id(of)).map(|peer| peer.status)
}

/// Runs until node 2 does not show node 1 any more, with a call every 50 ms; returns when that was.
fn lost(mut net: Net, mut call: impl FnMut(Duration, &mut Engine, Instant)) -> Duration {
    let begun = net.now;
    net.cut.extend([(1, 2), (1, 3), (2, 1), (3, 1)]);
    while status(&net, 1).is_some_and(Status::is_present) {
        let passed = net.now.since(begun);
        assert!(passed < Duration::from_secs(60), "it is never found");
        net.on(2, |engine, now| call(passed, engine, now));
        net.run_for(Duration::from_millis(50));
    }
    net.now.since(begun)
}

#[test]
fn a_lie_keeps_nobody_alive_for_longer_than_an_answered_probe_would() {
    let net = Net::settled(3);
    let plain = lost(net.clone(), |_, _, _| {});
    assert!(plain <= FOUND, "{plain:?}");
    for lie in (0..60).map(|step| Duration::from_millis(50 * step)) {
        let found = lost(net.clone(), |passed, engine, now| {
            if passed == lie {
                engine.heard_from(now, id(1));
            }
        });
        assert!(found <= plain.max(lie + FOUND), "{found:?} after a lie at {lie:?}");
    }
    let end = Duration::from_secs(10);
    let found = lost(net, |passed, engine, now| {
        if passed <= end {
            assert!(engine.heard_from(now, id(1)));
        }
    });
    assert!(found <= end + FOUND, "{found:?} after lies until {end:?}");
}

#[test]
fn a_node_that_is_down_does_not_come_back_by_the_word_of_an_application() {
    let mut net = Net::settled(3);
    net.cut.extend([(1, 2), (1, 3), (2, 1), (3, 1)]);
    net.run_for(FOUND);
    assert_eq!(status(&net, 1), Some(Status::Down));
    for _ in 0..100 {
        assert!(!net.on(2, |engine, now| engine.heard_from(now, id(1))));
        assert!(!net.on(2, |engine, now| engine.failed_at(now, id(1))));
        net.run_for(Duration::from_millis(50));
        assert_eq!(status(&net, 1), Some(Status::Down));
    }
    for nobody in [id(2), id(9)] {
        assert!(!net.on(2, |engine, now| engine.heard_from(now, nobody)));
        assert!(!net.on(2, |engine, now| engine.failed_at(now, nobody)));
    }
}

#[test]
fn failures_that_are_none_change_no_status_and_cost_few_probes() {
    let mut net = Net::settled(3);
    let (sent, since) = (net.engines[1].stats().probes_sent, net.events.len());
    for _ in 0..1_000 {
        for peer in [1, 3] {
            net.on(2, |engine, now| engine.failed_at(now, id(peer)));
        }
        net.run_for(Duration::from_millis(10));
    }
    assert_eq!(net.events[since..], []);
    let sent = net.engines[1].stats().probes_sent - sent;
    // In ten intervals one each by turns, and one of each peer because of the application.
    assert!((20..=33).contains(&sent), "{sent} probes");
}

#[test]
fn a_node_that_has_failed_is_found_sooner_and_still_has_its_window() {
    let net = Net::settled(3);
    let window = net.engines[1].config().silence_window;
    let plain = lost(net.clone(), |_, _, _| {});
    let mut told = false;
    let found = lost(net, |_, engine, now| {
        if !core::mem::replace(&mut told, true) {
            assert!(engine.failed_at(now, id(1)));
        }
    });
    assert!(window <= found && found <= plain, "{found:?}, without it {plain:?}");
    assert!(found <= window + Duration::from_millis(200), "{found:?}");
}
