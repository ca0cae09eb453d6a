//! A failure explains itself: what was waited for, whom it is about, and why.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use scalesmall_sim::scenario::{Options, Scenario, play};
use scalesmall_sim::{Entry, Failure, What};

fn failure(steps: &str) -> Failure {
    let text = format!(
        "name = \"fails\"\n[cluster]\nnodes = 8\n[[steps]]\n\
         await = {{ what = \"agreement\", within = \"5s\" }}\n{steps}"
    );
    let scenario: Scenario = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    *play(&scenario, 1, Options::default()).failure.unwrap()
}

fn why<'a>(failure: &'a Failure, name: &str) -> &'a str {
    let found = failure.why.iter().find(|(line, _)| *line == name);
    found.map(|(_, text)| text.as_str()).unwrap_or_else(|| panic!("{failure}"))
}

/// No type of the program is shown to a person.
fn is_readable(failure: &Failure) {
    let text = failure.to_string();
    for dump in ["Some(", "None", "{ what:", "Whom", "Span(", "Fates", "Ratio(", "[0, ", "Await"] {
        assert!(!text.contains(dump), "{dump} in\n{text}");
    }
}

#[test]
fn a_node_that_is_not_seen_is_named_with_the_cut_that_keeps_it_apart() {
    let failure = failure(
        "[[steps]]\nsplit = { these = [3] }\n[[steps]]\nrun = \"20s\"\n[[steps]]\n\
         await = { what = \"sight\", within = \"2s\" }\n",
    );
    let text = failure.to_string();
    assert!(text.contains("not reached within 2s: all live nodes see each other"), "{text}");
    assert!(
        why(&failure, "whom").starts_with("node 3 runs and is not seen by 7 of 7 others"),
        "{text}"
    );
    assert!(why(&failure, "why").contains("shows node 3 as"), "{text}");
    assert!(why(&failure, "why").contains(" since "), "{text}");
    assert!(why(&failure, "why").contains("a cut keeps nodes 0 and 3 apart"), "{text}");
    assert!(text.contains("in step    4: await = { what = \"sight\", within = \"2s\" }"), "{text}");
    // The log is that of these two.
    assert_eq!(failure.nodes, [3, 0]);
    assert!(failure.records.iter().all(|entry| [0, 3].contains(&entry.node)), "{text}");
    is_readable(&failure);
}

#[test]
fn a_node_that_is_held_off_is_told_with_until_when_and_by_whom() {
    let failure = failure(
        "[[steps]]\n[steps.repeat]\ntimes = 3\nsteps = [\n\
         { stalls = { nodes = [1], on = [\"4s\"], off = [\"500ms\"], how = [\"drain\"], lasts = \"20s\" } },\n\
         { await = { what = \"sight\", within = \"100ms\" } },\n]\n",
    );
    let text = failure.to_string();
    let node = failure.nodes[0];
    let whom = format!("node {node} runs and is not seen by 7 of 7 others");
    assert!(why(&failure, "whom").starts_with(&whom), "{text}");
    assert!(why(&failure, "why").contains("and holds it off until "), "{text}");
    assert!(text.contains("in step    2.2: await"), "{text}");
    is_readable(&failure);
}

#[test]
fn what_was_not_shown_or_heard_is_told_with_those_that_lack_it() {
    let failure = failure(
        "[[steps]]\ndeafen = { these = [2] }\n[[steps]]\nserve = { these = [6] }\n[[steps]]\n\
         await = { what = \"shown\", within = \"1s\" }\n",
    );
    let text = failure.to_string();
    assert!(why(&failure, "whom").starts_with("1 of 8 live nodes: none of 2 shows it"), "{text}");
    assert!(why(&failure, "why").contains("node 2 shows node 6 as alive"), "{text}");
    is_readable(&failure);
}

#[test]
fn sides_that_still_see_each_other_are_told() {
    let failure = failure(
        "[[steps]]\nsplit = { these = [0, 1, 2, 3] }\n[[steps]]\n\
         await = { what = \"split\", within = \"10ms\" }\n",
    );
    let text = failure.to_string();
    assert!(why(&failure, "whom").contains("which is of the other side"), "{text}");
    assert!(why(&failure, "why").starts_with("32 pairs in all"), "{text}");
    is_readable(&failure);
}

#[test]
fn pictures_that_differ_are_told() {
    let failure = failure(
        "[[steps]]\ndeafen = { these = [2] }\n[[steps]]\nserve = { these = [6] }\n[[steps]]\n\
         run = \"100ms\"\n[[steps]]\nawait = { what = \"agreement\", within = \"100ms\" }\n",
    );
    let text = failure.to_string();
    let whom = "all see all, with 2 different pictures: nodes 2 have one";
    assert!(why(&failure, "whom").starts_with(whom), "{text}");
    assert!(why(&failure, "why").contains("shows 0 ranges"), "{text}");
    is_readable(&failure);
}

/// A burst of one event takes one line, and does not push out what came before it.
#[test]
fn what_repeats_itself_takes_one_line_of_the_log() {
    let mut failure = failure(
        "[[steps]]\nsplit = { these = [0] }\n[[steps]]\nawait = { what = \"split\", within = \"1ms\" }\n",
    );
    let entry = |at, what| Entry { at, node: 1, what };
    failure.records = (1..=30).map(|at| entry(at * 1_000_000, What::Event)).collect();
    failure.records.push(entry(31_000_000, What::Timeout));
    failure.records.push(entry(32_000_000, What::Event));
    let text = failure.to_string();
    assert_eq!(text.matches("reports an event").count(), 2, "{text}");
    assert!(text.contains("reports an event, 30 times until 0.030"), "{text}");
    assert!(text.contains("has a deadline\n"), "{text}");
}
