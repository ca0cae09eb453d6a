//! Pages of what happened, and the records of who saw whom that they are made of.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use core::time::Duration;

use bytes::BytesMut;
use scalesmall_core::{Arrival, Destination, Instant, Status};
use scalesmall_sim::report::{Runs, page};
use scalesmall_sim::scenario::{Options, Played, Scenario, play};
use scalesmall_sim::{Build, Change, Link, Mark, Moment, Protocol, Seen, Sim};
use serde_json::Value;

/// The page without its script.
fn body(page: &str) -> &str {
    page.split("<script>").next().unwrap()
}

/// The strip of a node.
fn strip(page: &str, node: usize) -> &str {
    let strip = &page[page.find(&format!("<g data-node=\"{node}\">")).unwrap()..];
    &strip[..strip.find("</g>").unwrap()]
}

/// From where to where the stretches of a kind reach.
fn stretches(strip: &str, class: &str) -> Vec<(u64, u64)> {
    let Some(path) = strip.split(&format!("<path class=\"{class}\" d=\"")).nth(1) else {
        return Vec::new();
    };
    let path = path.split('"').next().unwrap();
    let stretch = |text: &str| {
        let (from, rest) = text.split_once(' ').unwrap();
        let until = rest.split('H').nth(1).unwrap().split('v').next().unwrap();
        (from.parse().unwrap(), until.parse().unwrap())
    };
    path.split('M').skip(1).map(stretch).collect()
}

/// The record of who saw whom.
fn record(page: &str) -> Value {
    let record = page.split("<script type=\"application/json\">").nth(1).unwrap();
    serde_json::from_str(record.split("</script>").next().unwrap()).unwrap()
}

#[test]
fn a_film_ends_in_a_page_of_what_happened() {
    let mut sim = Sim::new(1).nodes(6, scalesmall_sim::lan()).build();
    let film = sim.film(Duration::from_millis(50));
    sim.run_for(Duration::from_secs(2)).unwrap();
    film.mark(&sim, "crash & burn");
    sim.crash(4);
    sim.run_until(Sim::converged, Duration::from_secs(20)).unwrap();
    sim.run_for(Duration::from_secs(1)).unwrap();
    let page = film.page("Six");
    assert!(page.contains("<h1>Six</h1>") && page.contains("6 nodes"), "{page}");
    assert!(page.contains("<span>2 s</span> <b>crash &amp; burn</b>"), "{page}");
    assert!(page.contains("<span><i>node </i>4</span>"), "its row has its name: {page}");
    // Seen by all, gone and still seen by some, gone: one after the other.
    let strip = strip(&page, 4);
    let last = |class: &str| *stretches(strip, class).last().unwrap();
    let (seen, ghost, gone) = (last("s0"), last("s4"), last("s5"));
    assert!(seen.1 == ghost.0 && ghost.1 == gone.0 && gone.1 == 20_000, "{strip}");
    assert!(!page.contains("http") && !page.contains("src="));
    // All others saw it down, and the page says why; its own record ends with its own end.
    let record = record(&page);
    let causes = record["causes"].as_array().unwrap();
    let silent = |cause: &&Value| cause.as_str().unwrap().starts_with("silent to node ");
    assert!(causes.iter().any(|cause| silent(&cause)), "{causes:?}");
    assert_eq!((&record["nodes"], &record["every"]), (&6.into(), &1.into()));
    for (node, of) in record["of"].as_array().unwrap().iter().enumerate() {
        let changes = of[1].as_str().unwrap();
        assert_eq!(of[0], node);
        assert_eq!(changes.contains("D4"), node != 4, "{changes}");
        assert_eq!(changes.contains("N4"), node == 4, "{changes}");
    }
}

#[test]
fn a_run_keeps_who_saw_whom_if_it_is_asked_to() {
    let scenario: Scenario =
        "name = \"five\"\nabout = \"Five nodes meet.\"\n[cluster]\nnodes = 5\n\
                              [[steps]]\nrun = \"5s\"\n"
            .parse()
            .unwrap();
    let options = Options { every: Some(100_000_000), ..Options::default() };
    let sights = play(&scenario, 1, options).sights;
    // Each of five nodes came to see the four others, and began to run itself.
    for observer in 0..5 {
        let mut seen: Vec<usize> = sights
            .changes()
            .iter()
            .filter(|change| change.observer == observer && change.status == Some(Status::Alive))
            .map(|change| change.subject)
            .collect();
        assert_eq!(seen.first(), Some(&observer));
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3, 4]);
    }
    assert!(sights.changes().is_sorted_by_key(|change| change.at));
    assert!(play(&scenario, 1, Options::default()).sights.changes().is_empty());
}

/// A film that begins late shows the time that it saw, and nothing before.
#[test]
fn a_film_begins_where_it_begins() {
    let mut sim = Sim::new(2).nodes(3, scalesmall_sim::lan()).build();
    sim.run_for(Duration::from_secs(30)).unwrap();
    let film = sim.film(Duration::from_millis(50));
    sim.run_for(Duration::from_secs(10)).unwrap();
    let page = film.page("Late");
    assert!(page.contains("data-start=\"30000\" data-end=\"40000\""), "{page}");
    assert!(page.contains("<div class=\"axis\"><span>30 s</span>"), "{page}");
    assert_eq!(stretches(strip(&page, 1), "s0"), [(0, 20_000)]);
}

#[test]
fn the_rows_of_a_zone_stand_together_under_its_name() {
    let zones = |node: usize| (node % 2) as u16;
    let mut sim = Sim::new(3).nodes(4, scalesmall_sim::lan()).zones(zones, Link::wan()).build();
    let film = sim.film(Duration::from_millis(50));
    sim.run_for(Duration::from_secs(5)).unwrap();
    let page = film.page("Zones");
    let names = "<b>zone 0: 2 nodes</b><span><i>node </i>0</span><span><i>node </i>2</span>\
                 <b>zone 1: 2 nodes</b><span><i>node </i>1</span><span><i>node </i>3</span>";
    assert!(page.contains(names), "{page}");
    assert_eq!(body(&page).matches("<rect class=\"band\"").count(), 1, "{page}");
    assert_eq!(record(&page)["zones"]["of"], serde_json::json!([0, 1, 0, 1]));
}

/// Says something to the next node once a second, and knows nobody.
struct Chatter {
    next: Instant,
    to: std::net::SocketAddr,
    waits: bool,
}

impl Protocol for Chatter {
    type Event = ();

    fn handle_datagram(&mut self, _: Instant, _: Arrival, _: &[u8]) {}

    fn handle_timeout(&mut self, now: Instant) {
        if self.next <= now {
            self.next = now + Duration::from_secs(1);
            self.waits = true;
        }
    }

    fn poll_transmit(&mut self, datagram: &mut BytesMut) -> Option<Destination> {
        core::mem::take(&mut self.waits).then(|| {
            datagram.extend_from_slice(&[7; 100]);
            Destination::Unicast(self.to)
        })
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Some(self.next)
    }
}

/// Nodes that know nothing of each other are not called unseen: the page says which of them run, and
/// what has become of their datagrams.
#[test]
fn a_protocol_without_membership_has_a_view_of_its_own() {
    let mut sim: Sim<Chatter> = Build::of(1, 3, |birth| Chatter {
        next: birth.now + Duration::from_secs(1),
        to: birth.addr,
        waits: false,
    })
    .build();
    let film = sim.film(Duration::from_millis(100));
    sim.run_for(Duration::from_secs(10)).unwrap();
    sim.crash(1);
    sim.run_for(Duration::from_secs(10)).unwrap();
    let page = film.page("Chatter");
    let page = body(&page);
    assert!(page.contains("which nodes run") && page.contains("datagrams that arrived"), "{page}");
    assert!(page.contains("does not run</li>") && !page.contains("seen by"), "{page}");
    assert!(!page.contains("<figure class=\"who\""), "{page}");
    let (runs, gone) = (stretches(strip(page, 1), "s0"), stretches(strip(page, 1), "s5"));
    assert!(runs.len() == 1 && gone.last() == Some(&(runs[0].1, 20_000)), "{runs:?} {gone:?}");
    assert_eq!(stretches(strip(page, 0), "s0").last().unwrap().1, 20_000);
}

/// A page of several long runs of a large cluster, to which everything happens all the time, is no
/// larger than a megabyte, and drops none of the runs.
#[test]
fn a_page_of_a_thousand_nodes_is_no_larger_than_a_megabyte() {
    let scenario: Scenario =
        "name = \"all\"\n[cluster]\nnodes = 1000\n[[steps]]\nrun = \"1s\"\n".parse().unwrap();
    let small: Scenario =
        "name = \"one\"\n[cluster]\nnodes = 1\n[[steps]]\nrun = \"1s\"\n".parse().unwrap();
    let played = play(&small, 1, Options::default());
    let kinds =
        [Seen::ByAll, Seen::BySome, Seen::ByNone, Seen::Still, Seen::GoneBySome, Seen::Gone];
    let moment = |turn: u64| Moment {
        at: turn * 1_000_000_000,
        wrong_pairs: turn,
        pictures: (turn * 7 % 1_000) as usize,
        bytes: turn * turn,
        sent: turn,
        delivered: turn,
        live: 900,
        seen: (0..1_000).map(|node| kinds[(turn as usize * 31 + node) % 6]).collect(),
    };
    let moments: Vec<Moment> = (0..8_192).map(moment).collect();
    let mark = |turn: u64| Mark {
        at: turn * 8_000_000_000,
        what: "crash".to_owned(),
        whom: "8 of 1000 nodes: 101, 102, 103, 104, 105, 106, 107, 108".to_owned(),
    };
    let marks: Vec<Mark> = (0..1_000).map(mark).collect();
    let mut sights = scalesmall_sim::Sights::default();
    for turn in 0..200_000_u64 {
        let (observer, subject) = (turn as usize * 37 % 1_000, turn as usize * 91 % 1_000);
        let status = Some(if turn % 2 == 0 { Status::Alive } else { Status::Down });
        let cause = scalesmall_sim::Cause { what: "told by @", by: [Some(subject), None, None] };
        sights.push(Change {
            at: turn * 40_000_000,
            observer,
            subject,
            status,
            cause: Some(cause),
        });
    }
    for count in [1, 5] {
        let run = |seed| Played {
            seed,
            moments: moments.clone(),
            marks: marks.clone(),
            sights: sights.clone(),
            ..played.clone()
        };
        let runs = Runs { scenario: scenario.clone(), runs: (1..=count).map(run).collect() };
        let page = page(core::slice::from_ref(&runs));
        assert!(page.len() < 1_000_000, "{} bytes with {count} runs", page.len());
        assert_eq!(page.matches("<div class=\"course\"").count() as u64, count);
        assert!(page.len() > 300_000, "{} bytes with {count} runs: room is left", page.len());
    }
}
