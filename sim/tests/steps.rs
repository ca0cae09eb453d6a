//! What steps of a scenario do, and to whom.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;

use scalesmall_core::Engine;
use scalesmall_sim::scenario::{Options, Played, Scenario, play};
use scalesmall_sim::{Incident, Sending, Tap};

/// Ten nodes in two zones that have met.
const HEAD: &str = r#"
name = "steps"
[cluster]
nodes = 10
zone = [{ name = "a", nodes = "0..=4" }, { name = "b", nodes = "5..=9" }]
between = { delay = ["3ms", "4ms"] }
[[steps]]
await = { what = "agreement", within = "20s" }
"#;

/// The incidents of a run: when, what, from which node, to which.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<Befallen>>>);

/// How long after a datagram left what befell it, from which node to which.
type Befallen = (u64, &'static str, usize, usize);

/// When each datagram left, by number.
type Sent = Rc<RefCell<BTreeMap<u64, u64>>>;

struct Listener(Log, Sent);

fn node(addr: SocketAddr) -> usize {
    scalesmall_sim::Sim::new(1).nodes(10, scalesmall_sim::lan()).build().node_of(addr).unwrap()
}

impl Tap<Engine> for Listener {
    fn traces(&self) -> bool {
        true
    }

    fn sent(&mut self, sending: &Sending<'_>) {
        self.1.borrow_mut().insert(sending.number, sending.at);
    }

    fn incident(&mut self, incident: &Incident<'_>) {
        let took = incident.at - self.1.borrow()[&incident.number];
        let (from, to) = (node(incident.from), node(incident.to));
        self.0.0.borrow_mut().push((took, incident.fate, from, to));
    }
}

fn read(steps: &str) -> Scenario {
    let text = format!("{HEAD}{steps}");
    text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn run(steps: &str) -> (Played, Log) {
    let log = Log::default();
    let tap = Listener(log.clone(), Sent::default());
    let options = Options { tap: Some(Box::new(tap)), ..Options::default() };
    (play(&read(steps), 1, options), log)
}

/// From which node to which something befell datagrams.
fn pairs(log: &Log, fate: &str) -> BTreeSet<(usize, usize)> {
    let log = log.0.borrow();
    log.iter().filter(|(_, what, ..)| *what == fate).map(|(.., from, to)| (*from, *to)).collect()
}

fn is_in(zone: char, node: usize) -> bool {
    (node < 5) == (zone == 'a')
}

#[test]
fn a_zone_is_named_in_steps() {
    let (played, log) = run("[[steps]]\nmute = { zone = \"b\" }\n[[steps]]\nrun = \"3s\"\n");
    assert!(played.failure.is_none());
    let cut = pairs(&log, "cut");
    assert!(!cut.is_empty());
    assert!(cut.iter().all(|(from, to)| is_in('b', *from) && is_in('a', *to)), "{cut:?}");
    // Half of a zone is picked within it.
    let (played, _) = run("[[steps]]\npause = { zone = \"b\", percent = 50 }\n");
    assert_eq!(played.marks[0].what, "pause");
    assert!(played.marks[0].whom.starts_with("3 of 10 nodes: "), "{:?}", played.marks);
    let named = played.marks[0].whom.split(": ").nth(1).unwrap();
    assert!(named.split(", ").all(|node| node.parse::<usize>().unwrap() >= 5), "{named}");
}

#[test]
fn a_cut_between_two_sets_goes_one_way_or_both() {
    let cut = |ways: &str| {
        let step =
            format!("cut = {{ from = {{ these = [\"0..=1\"] }}, to = {{ zone = \"b\" }}{ways} }}");
        let (played, log) = run(&format!("[[steps]]\n{step}\n[[steps]]\nrun = \"4s\"\n"));
        assert!(played.failure.is_none());
        pairs(&log, "cut")
    };
    let one_way = cut("");
    assert!(
        one_way.len() > 3 && one_way.iter().all(|(from, to)| *from < 2 && *to >= 5),
        "{one_way:?}"
    );
    let both = cut(", both_ways = true");
    assert!(both.iter().any(|(from, to)| *from >= 5 && *to < 2), "{both:?}");
    let between = |(from, to): &(usize, usize)| (*from < 2 && *to >= 5) || (*to < 2 && *from >= 5);
    assert!(both.iter().all(between), "{both:?}");
}

#[test]
fn steps_about_losses_and_pace_name_nodes() {
    let (_, log) = run(
        "[[steps]]\nlossy = { these = [3], out = \"100%\", into = \"0%\" }\n[[steps]]\nrun = \"3s\"\n",
    );
    let lost = pairs(&log, "lost");
    assert!(!lost.is_empty() && lost.iter().all(|(from, _)| *from == 3), "{lost:?}");
    let (_, log) = run(
        "[[steps]]\nflap = { zone = \"a\", on = \"2s\", off = \"100ms\" }\n[[steps]]\nrun = \"3s\"\n",
    );
    let cut = pairs(&log, "cut");
    assert!(
        !cut.is_empty() && cut.iter().all(|(from, to)| is_in('b', *from) && is_in('a', *to)),
        "{cut:?}"
    );
    let steps = "[[steps]]\nslow = { these = [2, \"4..=5\"], pace = \"1ms\" }\n\
                 [[steps]]\nskew = { zone = \"b\", rate = \"101/100\" }\n\
                 [[steps]]\njump = { percent = 10, by = \"1s\" }\n\
                 [[steps]]\nwall_clock = { these = [9], behind = \"1h\" }\n";
    let (played, _) = run(steps);
    let marks: Vec<String> =
        played.marks.iter().map(|mark| format!("{}: {}", mark.what, mark.whom)).collect();
    assert_eq!(marks[0], "slow: 3 of 10 nodes: 2, 4, 5; pace = \"1ms\"");
    assert_eq!(marks[1], "skew: 5 of 10 nodes: 5, 6, 7, 8, 9; rate = \"101%\"");
    assert!(marks[2].starts_with("jump: node "), "{marks:?}");
    assert!(marks[3].starts_with("wall clock: node 9; behind = "), "{marks:?}");
}

#[test]
fn the_links_of_one_zone_become_others() {
    let far = "delay = [\"50ms\", \"60ms\"]";
    let slow = |keys: &str| {
        let step = format!("relink_zone = {{ zone = \"b\", {keys}link = {{ {far} }} }}");
        let (played, log) = run(&format!("[[steps]]\n{step}\n[[steps]]\nrun = \"3s\"\n"));
        assert!(played.failure.is_none());
        let log = log.0.borrow();
        let slow =
            log.iter().filter(|(took, fate, ..)| *fate == "delivered" && *took >= 50_000_000);
        slow.map(|(.., from, to)| (is_in('a', *from), is_in('a', *to))).collect::<BTreeSet<_>>()
    };
    assert_eq!(slow(""), BTreeSet::from([(true, false), (false, true)]));
    assert_eq!(slow("one_way = true, "), BTreeSet::from([(false, true)]));
    assert_eq!(slow("to = \"b\", "), BTreeSet::from([(false, false)]));
}

#[test]
fn a_datagram_is_held_back_for_as_long_as_the_file_says() {
    let relink = |keys: &str| {
        let step = format!("relink = {{ delay = [\"1ms\", \"1ms\"], reorder = \"50%\"{keys} }}");
        let (_, log) = run(&format!("[[steps]]\n{step}\n[[steps]]\nrun = \"5s\"\n"));
        let log = log.0.borrow();
        let delivered = log.iter().filter(|(_, fate, ..)| *fate == "delivered");
        delivered.map(|(took, ..)| *took).max().unwrap()
    };
    assert!(relink("") <= 21_000_000);
    let longest = relink(", reorder_by = \"90ms\"");
    assert!((60_000_000..=91_000_000).contains(&longest), "{longest}");
}

/// Ten crashes of one node each, of ten, are crashes of all ten; then it begins anew.
#[test]
fn another_node_is_picked_each_time() {
    let steps = "[[steps]]\n[steps.repeat]\ntimes = 12\nsteps = [\n{ pause = { nodes = 1, another = true } },\n\
                 { resume = { catch_up = \"drain\" } },\n]\n";
    let (played, _) = run(steps);
    let paused = played.marks.iter().filter(|mark| mark.what == "pause");
    let paused: Vec<usize> =
        paused.map(|mark| mark.whom.strip_prefix("node ").unwrap().parse().unwrap()).collect();
    let first: BTreeSet<usize> = paused[..10].iter().copied().collect();
    assert_eq!((paused.len(), first.len()), (12, 10), "{paused:?}");
    assert_ne!(paused[10], paused[11]);
}

#[test]
fn a_route_leads_one_way_and_bandwidth_is_written_in_bits() {
    let head = HEAD.replace(
        "[[steps]]",
        "routes = [{ zones = [\"a\", \"b\"], one_way = true, link = { delay = [\"80ms\", \"90ms\"], \
         bandwidth = [\"8Mbit\", \"64kB\"] } }]\n[[steps]]",
    );
    let scenario: Scenario = format!("{head}[[steps]]\nrun = \"1s\"\n").parse().unwrap();
    let (speed, queue) = scenario.cluster.routes[0].link.bandwidth.unwrap();
    assert_eq!((speed.0, queue.0), (1_000_000, 64_000));
    let log = Log::default();
    let tap = Listener(log.clone(), Sent::default());
    let options = Options { tap: Some(Box::new(tap)), ..Options::default() };
    assert!(play(&scenario, 1, options).failure.is_none());
    for (took, fate, from, to) in log.0.borrow().iter().filter(|(_, fate, ..)| *fate == "delivered")
    {
        let far = is_in('a', *from) && is_in('b', *to);
        assert_eq!(*took >= 80_000_000, far, "{fate} from {from} to {to} after {took}");
    }
}
