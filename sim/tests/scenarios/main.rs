//! The scenario files, what they mean, and how wrong ones are refused.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

mod refused;

use scalesmall_sim::report::{Runs, lines, page, table};
use scalesmall_sim::scenario::{Options, Scenario, play};

const SMALL: &str = r#"
name = "small"
about = "Five nodes lose one."
[cluster]
nodes = 5
[[steps]]
meter = {}
[[steps]]
run = "1s"
[[steps]]
crash = { nodes = 1 }
[[steps]]
run = "2s"
[[steps]]
usage = { figure = "small" }
[[steps]]
count = { what = "false_reports", figure = "false reports" }
[[bars]]
figure = "false reports"
of = "max"
at_most = 0
[[bars]]
figure = "small rate"
of = "max"
at_most = 1000000
"#;

/// What there is to be, whatever else there is.
const NAMED: [&str; 24] = [
    "bootstrap",
    "steady",
    "update",
    "churn",
    "storm",
    "crash",
    "mass-crash",
    "leave",
    "mass-restart",
    "rolling-restart",
    "pause",
    "loss-30",
    "cold-loss-30",
    "small-loss-3-30",
    "small-crash-3",
    "slow-nodes",
    "partition-half",
    "partition-one-way",
    "partial-partition",
    "three-way",
    "flip-flop",
    "lossy-nodes",
    "wan-zones",
    "multicast",
];

/// Every file in the folder is a scenario, keeps its meaning when written anew, and is named after
/// its file.
#[test]
fn all_files_are_scenarios() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap();
        let scenario: Scenario =
            text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(scenario.to_toml().parse(), Ok(scenario.clone()), "{}", file.display());
        assert_eq!(Some(scenario.name.as_str()), file.file_stem().and_then(|stem| stem.to_str()));
        assert!(!scenario.bars.is_empty(), "{}: no bars, so no verdict", file.display());
        let nodes = scenario.cluster.nodes;
        let words = || scenario.about.split(|c: char| !c.is_ascii_digit() && c != ',');
        // With another number of nodes it would not be true any more.
        let counts = |word: &str| word.trim_end_matches(',').replace(',', "") == nodes.to_string();
        assert!(!words().any(counts), "{}: {}", file.display(), scenario.about);
        names.push(scenario.name);
    }
    for name in NAMED {
        assert!(names.iter().any(|known| known == name), "{name} is not there");
    }
}

#[test]
fn events_happen_at_their_times() {
    let text = SMALL.replace(
        "crash = { nodes = 1 }",
        "timeline = { lasts = \"4s\", events = [\n\
         { at = \"2s\", do = { restart = {} } }, { at = \"1s\", do = { crash = { nodes = 1 } } } ] }",
    );
    let scenario: Scenario = text.parse().unwrap();
    let played = play(&scenario, 1, Options::default());
    let times: Vec<(&str, &str, u64)> = played
        .marks
        .iter()
        .map(|mark| (mark.what.as_str(), mark.whom.as_str(), mark.at / 1_000_000))
        .collect();
    assert_eq!(times[..2], [("crash", "node 3", 2_000), ("restart", "node 3", 3_000)]);
    assert_eq!(played.lasted, 7_000_000_000);
}

fn figure(steps: &str, name: &str) -> u64 {
    let text = SMALL.replace("crash = { nodes = 1 }", steps);
    let played = play(&text.parse().unwrap(), 1, Options::default());
    assert!(played.failure.is_none());
    played.figures.0[name].values[0]
}

#[test]
fn messages_of_one_step_do_not_count_as_those_of_another() {
    let steps = "message = {}\n[[steps]]\nawait = { what = \"heard\", within = \"5s\" }\n\
                 [[steps]]\nsend = { messages = 3, to = \"all\", figure = \"mail\" }";
    assert_eq!(figure(steps, "mail duplicates"), 0);
    assert_eq!(figure(steps, "mail delivered"), 1_000_000);
}

/// The median of one run or two says nothing of others.
#[test]
fn messages_that_nobody_is_left_to_send_are_refused() {
    let steps = "crash = { percent = 100 }\n\
                 [[steps]]\nsend = { messages = 3, to = \"all\", figure = \"mail\" }";
    assert_eq!(figure(steps, "mail refused"), 3);
}

#[test]
fn a_median_of_fewer_than_five_values_has_no_verdict() {
    let text = SMALL.replace("of = \"max\"\nat_most = 1000000", "of = \"median\"\nat_most = 1");
    let scenario: Scenario = text.parse().unwrap();
    let play_seeds = |seeds: u64| {
        let runs = (1..=seeds).map(|seed| play(&scenario, seed, Options::default())).collect();
        Runs { scenario: scenario.clone(), runs }
    };
    let few = [play_seeds(4)];
    assert!(few[0].passed(), "{}", table(&few));
    assert!(
        table(&few).contains("small passed, but one bar had too few values"),
        "{}",
        table(&few)
    );
    assert!(table(&few).contains("too few: 4 of 5 values"), "{}", table(&few));
    assert!(lines(&few).contains("\"verdict\":\"too few: 4 of 5 values\""), "{}", lines(&few));
    let enough = [play_seeds(5)];
    assert!(!enough[0].passed() && table(&enough).contains("MISSED"), "{}", table(&enough));
}

/// Limits have units, and two sides.
#[test]
fn a_bar_has_a_unit_and_a_side() {
    let runs = |bar: &str| {
        let text = SMALL.replace("of = \"max\"\nat_most = 1000000", bar);
        let scenario: Scenario = text.parse().unwrap_or_else(|error| panic!("{bar}: {error}"));
        let runs = (1..=5).map(|seed| play(&scenario, seed, Options::default())).collect();
        Runs { scenario, runs }
    };
    for (bar, passes) in [
        ("of = \"p90\"\nat_most = \"1MB/s\"", true),
        ("of = \"p50\"\nat_most = \"8Mbit\"", true),
        ("of = \"p10\"\nat_most = \"1B/s\"", false),
        ("of = \"min\"\nat_least = \"100B/s\"", true),
        ("of = \"min\"\nat_least = \"1MB/s\"", false),
    ] {
        let all = [runs(bar)];
        assert_eq!(all[0].passed(), passes, "{bar}\n{}", table(&all));
        let side = if bar.contains("at_least") { "at least" } else { "at most" };
        assert!(table(&all).contains(side) && page(&all).contains(side), "{bar}");
    }
}

/// A cluster that is gone agrees on nothing.
#[test]
fn nobody_sees_anybody_when_all_are_gone() {
    let await_sight = "await = { what = \"sight\", within = \"5s\" }";
    let text =
        SMALL.replace("crash = { nodes = 1 }", "crash = { percent = 100 }\n[[steps]]\nawait = {}");
    let text = text.replace("await = {}", await_sight);
    let played = play(&text.parse().unwrap(), 1, Options::default());
    assert!(played.failure.unwrap().to_string().contains("not reached within 5s"));
}

/// The same seeds under other settings, and what they come to, are at hand for a comparison.
#[test]
fn a_baseline_is_played_with_its_settings() {
    let text = SMALL
        .replace("[cluster]", "[baseline]\nprobe_interval = \"100ms\"\n[cluster]")
        .replace("at_most = 1000000", "at_most = \"80%\"");
    let runs = |text: &str| {
        let scenario: Scenario = text.parse().unwrap();
        let runs = vec![play(&scenario, 1, Options::default())];
        Runs { scenario, runs }
    };
    let probing = runs(&text);
    let figures = probing.figures();
    let rate = |name: &str| figures.0[name].values[0];
    assert!(2 * rate("baseline: small rate") > 3 * rate("small rate"), "{figures:?}");
    assert!(probing.passed(), "{}", table(&[probing]));
    let alike = runs(&text.replace("100ms", "1s"));
    assert!(!alike.passed(), "{}", table(&[alike]));
}

#[test]
fn a_scenario_and_a_seed_always_come_to_the_same() {
    let scenario: Scenario = SMALL.parse().unwrap();
    let (first, second) =
        (play(&scenario, 7, Options::default()), play(&scenario, 7, Options::default()));
    assert_eq!((first.hash, &first.figures), (second.hash, &second.figures));
    assert_ne!(first.hash, play(&scenario, 8, Options::default()).hash);
}

#[test]
fn reports_tell_what_runs_came_to() {
    let scenario: Scenario = SMALL.parse().unwrap();
    let options = Options { every: Some(100_000_000), ..Options::default() };
    let runs = vec![play(&scenario, 1, options), play(&scenario, 2, Options::default())];
    assert!(runs[0].moments.len() >= 25 && runs[1].moments.is_empty());
    assert_eq!(runs[0].moments.last().unwrap().at, runs[0].lasted);
    let all = [Runs { scenario, runs }];
    assert!(all[0].passed());
    let text = table(&all);
    assert!(text.contains("small passed: 5 nodes, 2 runs"), "{text}");
    assert!(text.contains("false reports") && text.contains("max at most 0"), "{text}");
    for line in lines(&all).lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["scenario"], "small");
    }
    let html = page(&all);
    assert!(html.contains("1 of 1 scenarios passed") && html.ends_with("</html>\n"));
    assert!(!html.contains("http") && !html.contains("src="));
}
