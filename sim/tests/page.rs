//! Pages of what happened, and the records of who saw whom that they are made of.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use core::time::Duration;

use scalesmall_core::Status;
use scalesmall_sim::Sim;
use scalesmall_sim::scenario::{Options, Scenario, play};

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
    assert!(page.contains("2.0 s crash &amp; burn"), "{page}");
    let strip = &page[page.find("<title>node 4</title>").unwrap()..];
    let strip = &strip[..strip.find("</g>").unwrap()];
    // Seen by all, gone and still seen by some, gone: one after the other.
    let first = |class: &str| strip.find(class);
    let found = [first("\"s0\""), first("\"s4\""), strip.rfind("\"s5\"")];
    let found: Vec<usize> = found.into_iter().flatten().collect();
    assert!(found.len() == 3 && found.is_sorted(), "{strip}");
    assert!(!page.contains("http") && !page.contains("src="));
    // All others saw it down; its own record ends with its own end.
    let record = page.split("<script type=\"application/json\">").nth(1).unwrap();
    let record = record.split("</script>").next().unwrap();
    let record: serde_json::Value = serde_json::from_str(record).unwrap();
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
