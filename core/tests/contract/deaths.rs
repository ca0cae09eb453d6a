//! What the deaths of several make a node do: look faster, and retry those that it can.

use std::time::Duration;

use scalesmall_core::{Destination, Status};
use scalesmall_hostile::{addr, id};

use crate::net::Net;

const NODES: u16 = 12;

/// Cuts a node off from all others.
fn kill(net: &mut Net, victim: u16) {
    for other in 1..=net.engines.len() as u16 {
        net.set_cut(victim, other, true);
    }
}

/// Runs until a node shows another as down.
fn run_until_down(net: &mut Net, at: u16, victim: u16) {
    let shown = |net: &Net| net.engines[usize::from(at) - 1].peer(id(victim)).unwrap().status;
    let begun = net.now;
    while shown(net) != Status::Down {
        assert!(net.now.since(begun) < Duration::from_secs(60), "{victim} is never found");
        net.run_for(Duration::from_millis(50));
    }
}

/// The most probes that one of the living sends in five seconds after the first nodes have died at once.
fn most_probes_after(deaths: u16) -> u64 {
    let mut net = Net::settled(NODES);
    for victim in 1..=deaths {
        kill(&mut net, victim);
    }
    for (at, victim) in (deaths + 1..=NODES).flat_map(|at| (1..=deaths).map(move |dead| (at, dead)))
    {
        run_until_down(&mut net, at, victim);
    }
    let sent = |net: &Net| -> Vec<u64> {
        net.engines[usize::from(deaths)..].iter().map(|engine| engine.stats().probes_sent).collect()
    };
    let before = sent(&net);
    net.run_for(Duration::from_secs(5));
    sent(&net).iter().zip(before).map(|(after, before)| after - before).max().unwrap()
}

#[test]
fn two_deaths_hurry_nobody_and_three_do() {
    let calm = most_probes_after(0);
    for few in [1, 2] {
        let probes = most_probes_after(few);
        assert!(probes <= calm + 1, "{probes} probes after {few} deaths, {calm} after none");
    }
    let probes = most_probes_after(3);
    assert!(probes >= 3 * calm, "{probes} probes after 3 deaths, {calm} after none");
}

/// Of a lost peer that it has never heard, a node only knows from others, who try it. Such peers do not keep
/// it from trying the one that it did hear.
#[test]
fn a_node_without_seeds_goes_on_to_retry_the_one_lost_peer_that_it_has_heard() {
    let mut net = Net::new(8);
    for number in 2..=7 {
        net.on(number, |engine, now| engine.contact(now, &[addr(1)]));
    }
    net.run_for(Duration::from_secs(5));
    for victim in 3..=7 {
        kill(&mut net, victim);
    }
    for victim in 3..=7 {
        run_until_down(&mut net, 1, victim);
    }
    // The newcomer hears of five that are down, and has a conversation with one that dies then.
    net.on(1, |engine, now| engine.contact(now, &[addr(8)]));
    net.run_for(Duration::from_secs(5));
    assert_eq!(net.engines[7].seeds().count(), 0);
    kill(&mut net, 2);
    run_until_down(&mut net, 8, 2);
    net.run_for(Duration::from_secs(600));
    let since = net.sent.len();
    net.run_for(Duration::from_secs(60));
    let to_it = Destination::Unicast(addr(2));
    assert!(net.sent[since..].iter().any(|&(from, to, _)| (from, to) == (8, to_it)));
}
