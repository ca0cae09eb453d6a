//! Every datagram is told when it is sent, and every end of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use core::time::Duration;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use scalesmall_core::Engine;
use scalesmall_sim::scenario::{Options, Scenario, play};
use scalesmall_sim::{CatchUp, Fates, Incident, Link, Ratio, Sending, Sim, Tap, Verdict, lan};

/// What kinds there are, how often each, and how many ends each datagram still has to come to.
#[derive(Default)]
struct Ledger {
    kinds: BTreeMap<String, u64>,
    /// Datagrams put on a link, each receiver counted.
    sent: u64,
    multicast: u64,
    /// By number.
    under_way: BTreeMap<u64, i64>,
    last: u64,
}

impl Ledger {
    fn send(&mut self, number: u64, hearers: Option<u64>) {
        assert_eq!(number, self.last + 1, "datagrams are numbered one after the other");
        self.last = number;
        self.sent += hearers.unwrap_or(1);
        self.multicast += hearers.unwrap_or(0);
        self.under_way.insert(number, hearers.unwrap_or(1).try_into().unwrap());
    }

    fn meet(&mut self, number: u64, fate: &str) {
        assert!((1..=self.last).contains(&number), "{fate} befalls {number}, which was not sent");
        *self.kinds.entry(fate.to_owned()).or_default() += 1;
        let left = self.under_way.entry(number).or_default();
        *left += match fate {
            "duplicated" | "replayed" => 1,
            "queued" | "reordered" | "corrupted" => 0,
            _ => -1,
        };
        assert!(*left >= 0, "{number} ends once too often: {fate}");
    }

    fn assert_adds_up(&self, fates: &Fates) {
        for (fate, count) in fates.iter() {
            let told = match fate {
                "sent" => self.sent,
                "multicast" => self.multicast,
                "between_zones" => continue,
                other => self.kinds.get(other).copied().unwrap_or(0),
            };
            assert_eq!(told, count, "{fate}");
        }
    }
}

#[derive(Clone, Default)]
struct Listener(Rc<RefCell<Ledger>>);

impl Tap<Engine> for Listener {
    fn traces(&self) -> bool {
        true
    }

    fn sent(&mut self, sending: &Sending<'_>) {
        let hearers = sending.to.is_none().then_some(sending.receivers as u64);
        self.0.borrow_mut().send(sending.number, hearers);
    }

    fn incident(&mut self, incident: &Incident<'_>) {
        self.0.borrow_mut().meet(incident.number, incident.fate);
    }
}

#[test]
fn all_that_is_sent_has_its_ends_whatever_befalls_it() {
    let (seconds, millis) = (Duration::from_secs, Duration::from_millis);
    let mut config = lan();
    config.multicast = true;
    let mut sim = Sim::new(5).nodes(60, config).segments(|node| Some((node % 3) as u16)).build();
    let listener = Listener::default();
    sim.set_tap(listener.clone());
    sim.run_for(seconds(3)).unwrap();
    sim.set_link(
        Link::lan()
            .loss(Ratio::percent(5))
            .duplicate(Ratio::ONE)
            .reorder(Ratio::percent(5), millis(20))
            .corrupt(Ratio::percent(5))
            .replayed(Ratio::ONE, seconds(2)),
    );
    sim.partition(&[0, 1, 2], &[3, 4, 5, 6]);
    sim.filter(|packet| if packet.to == 7 { Verdict::Drop } else { Verdict::Pass });
    sim.pause(8);
    sim.slow_down(11, seconds(20));
    sim.crash(9);
    sim.run_for(seconds(15)).unwrap();
    sim.kill(8);
    sim.pause(10);
    sim.set_link(Link::lan().burst_loss(Ratio::percent(5), Ratio::percent(30), Ratio::ONE));
    sim.run_for(seconds(5)).unwrap();
    sim.resume(10, CatchUp::Drain);
    sim.set_link(Link::lan().mtu(400).bandwidth(4_000, 600));
    sim.restart(9);
    sim.run_for(seconds(5)).unwrap();
    listener.0.borrow().assert_adds_up(sim.fates());
    for (fate, count) in sim.fates().iter() {
        // These take zones, and addresses that change.
        let apart = ["between_zones", "no_route"].contains(&fate);
        assert!(count > 0 || apart, "no datagram was {fate}");
    }
    for node in 0..sim.len() {
        sim.crash(node);
    }
    sim.run_for(seconds(5)).unwrap();
    let ledger = listener.0.borrow();
    ledger.assert_adds_up(sim.fates());
    let open: Vec<_> = ledger.under_way.iter().filter(|(_, left)| **left != 0).collect();
    assert!(open.is_empty(), "some have not come to their ends: {open:?}");
}

const ROUGH: &str = r#"
name = "rough"
about = "Eight nodes on a bad link, and a cut."
[cluster]
nodes = 8
segments = 2
link = { loss = "5%", duplicate = "10%", corrupt = "2%" }
[[steps]]
run = "3s"
[[steps]]
split = { nodes = 3 }
[[steps]]
run = "5s"
[[steps]]
heal = {}
[[steps]]
run = "2s"
"#;

#[test]
fn the_lines_of_a_trace_add_up_with_what_the_simulator_counts() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (file, trace) = (folder.join("rough.toml"), folder.join("rough.jsonl"));
    std::fs::write(&file, ROUGH).unwrap();
    let program = Command::new(env!("CARGO_BIN_EXE_scalesmall-sim"))
        .args(["replay", file.to_str().unwrap(), "--seed", "3", "--trace"])
        .arg(&trace)
        .output()
        .unwrap();
    assert!(program.status.success(), "{}", String::from_utf8_lossy(&program.stderr));
    let (mut ledger, mut now, mut flipped) = (Ledger::default(), 0, 0);
    for line in std::fs::read_to_string(trace).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let at = line["at"].as_u64().unwrap();
        assert!(at >= now, "lines are in order of time");
        now = at;
        let number = || line["number"].as_u64().unwrap();
        match line["kind"].as_str().unwrap() {
            "event" => {}
            "sent" => {
                assert_eq!(line["hearers"].is_null(), line["to"].is_string());
                let len = line["len"].as_u64().unwrap();
                assert_eq!(line["bytes"].as_str().unwrap().len() as u64, 2 * len);
                ledger.send(number(), line["hearers"].as_u64());
            }
            fate => {
                assert!(line["from"].is_string() && line["to"].is_string(), "{line}");
                flipped += u64::from(line["bytes"].is_string());
                ledger.meet(number(), fate);
            }
        }
    }
    let scenario: Scenario = ROUGH.parse().unwrap();
    let fates = play(&scenario, 3, Options::default()).fates;
    ledger.assert_adds_up(&fates);
    for count in [fates.cut, fates.lost, fates.duplicated, fates.multicast, flipped] {
        assert!(count > 0, "{fates:?}");
    }
    assert!(flipped <= fates.corrupted, "{flipped} corrupted copies have come");
}
