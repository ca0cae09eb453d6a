//! The scenario files, and how wrong ones are refused.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

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
of = "median"
at_most = 1000000
"#;

/// Every file in the folder is a scenario, keeps its meaning when written anew, and is named after
/// its file.
#[test]
fn all_files_are_scenarios() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap();
        let scenario: Scenario =
            text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(scenario.to_toml().parse(), Ok(scenario.clone()), "{}", file.display());
        assert_eq!(Some(scenario.name.as_str()), file.file_stem().and_then(|stem| stem.to_str()));
        count += 1;
    }
    assert!(count >= 30, "{count}");
}

#[test]
fn a_wrong_file_is_refused_with_the_place_and_a_reason() {
    let refused = |from: &str, to: &str| {
        assert!(SMALL.contains(from));
        SMALL.replace(from, to).parse::<Scenario>().unwrap_err().to_string()
    };
    let error = refused("run = \"1s\"", "run = \"1 week\"");
    assert!(error.contains("line 8") && error.contains("1.5s"), "{error}");
    let error = refused("crash = {", "crush = {");
    assert!(error.contains("line 11") && error.contains("crush"), "{error}");
    let error = refused("nodes = 5", "nodes = 0");
    assert!(error.contains("cluster.nodes"), "{error}");
    let error = refused("nodes = 5", "nods = 5");
    assert!(error.contains("line 5") && error.contains("nods"), "{error}");
    let error = refused("figure = \"small rate\"", "figure = \"smell rate\"");
    assert!(error.contains("smell rate"), "{error}");
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
    let all = [Runs { scenario, runs }];
    assert!(all[0].passed());
    let text = table(&all);
    assert!(text.contains("small passed: 5 nodes, 2 runs"), "{text}");
    assert!(text.contains("false reports") && text.contains("max <= 0"), "{text}");
    for line in lines(&all).lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["scenario"], "small");
    }
    let html = page(&all);
    assert!(html.contains("1 of 1 scenarios passed") && html.ends_with("</html>\n"));
    assert!(!html.contains("http") && !html.contains("<script"));
}
