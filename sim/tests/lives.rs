//! Nodes that end and start again: whose life a verdict is about, and what of it is counted.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use std::time::Duration;

use scalesmall_core::Status;
use scalesmall_sim::scenario::{Options, Played, Scenario, play};
use scalesmall_sim::{Entry, Report, Sim, What, lan};

fn played(nodes: usize, steps: &str) -> Played {
    let text = format!(
        "name = \"lives\"\n[cluster]\nnodes = {nodes}\n[[steps]]\n\
         await = {{ what = \"agreement\", within = \"5s\" }}\n{steps}"
    );
    let scenario: Scenario = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    play(&scenario, 1, Options::default())
}

fn passed(nodes: usize, steps: &str) -> Played {
    let played = played(nodes, steps);
    assert!(played.failure.is_none(), "{:?}", played.failure);
    played
}

fn value(played: &Played, figure: &str) -> u64 {
    played.figures.0[figure].values[0]
}

/// A node is killed and starts again half a millisecond before the others call its former life down.
#[test]
fn a_verdict_about_a_former_life_is_no_false_report() {
    let killed = |seed| {
        let mut sim = Sim::new(seed).nodes(10, lan()).build();
        sim.run_for(Duration::from_secs(5)).unwrap();
        sim.forbid_hidden();
        sim.kill(3);
        sim
    };
    let mut former = 0;
    for seed in 1..=5 {
        let mut sim = killed(seed);
        let start = sim.now().as_nanos();
        sim.run_for(Duration::from_secs(10)).unwrap();
        let says_down = |report: &&Report| report.status == Some(Status::Down);
        let at = sim.reports().iter().find(says_down).unwrap().at;
        let mut sim = killed(seed);
        sim.run_for(Duration::from_nanos(at - start - 500_000)).unwrap();
        sim.restart(3);
        sim.run_for(Duration::from_secs(10)).unwrap();
        let late: Vec<&Report> = sim.reports().iter().filter(says_down).collect();
        for report in &late {
            assert!(report.former && report.about == 3 && report.truth.is_up(), "{report:?}");
            assert!(!report.is_false_down() && !report.is_hiding(), "{report:?}");
        }
        former += late.len();
        assert_eq!(sim.views().seen_by(3), 9);
    }
    assert!(former > 0, "no verdict came after a restart");
}

/// The log of a failure says of which life something is believed.
#[test]
fn a_log_names_a_former_life() {
    let what = |former| What::Believes { about: Some(3), status: Some(Status::Down), former };
    let said = |former| Entry { at: 0, node: 1, what: what(former) }.to_string();
    assert!(said(true).ends_with("believes node 3 Down, of its former life"), "{}", said(true));
    assert!(said(false).ends_with("believes node 3 Down"), "{}", said(false));
}

/// A node that runs and is cut off is called down in its present life.
#[test]
fn a_verdict_about_the_present_life_is_a_false_report() {
    let steps = "[[steps]]\nkill = { these = [3] }\n[[steps]]\nrun = \"8s\"\n\
                 [[steps]]\nrestart = {}\n[[steps]]\nawait = { what = \"agreement\", within = \"9s\" }\n\
                 [[steps]]\nforbid_false_down = {}\n[[steps]]\nsplit = { these = [3] }\n\
                 [[steps]]\nrun = \"30s\"\n";
    let failure = played(10, steps).failure.unwrap();
    assert_eq!(failure.broken.check(), "false down", "{failure}");
}

#[test]
fn a_node_that_departed_is_ended_and_started_anew() {
    for whom in ["", "these = [3]", "percent = 100"] {
        let steps = format!(
            "[[steps]]\ndepart = {{ these = [3] }}\n[[steps]]\n\
             await = {{ what = \"sight\", within = \"9s\" }}\n[[steps]]\nrestart = {{ {whom} }}\n\
             [[steps]]\nawait = {{ what = \"agreement\", within = \"30s\", figure = \"back\" }}\n"
        );
        let played = passed(10, &steps);
        assert!(value(&played, "back") > 0, "with {whom}");
        assert_eq!((played.faults.departed, played.faults.restarted), (1, 1), "with {whom}");
    }
}

/// What is drawn at random is drawn from those that do not run.
#[test]
fn a_random_restart_leaves_those_that_departed() {
    let steps = "[[steps]]\ndepart = { these = [3] }\n[[steps]]\nkill = { these = [5] }\n\
                 [[steps]]\nrun = \"9s\"\n[[steps]]\nrestart = { nodes = 2 }\n";
    assert_eq!(passed(10, steps).faults.restarted, 1);
}

#[test]
fn nodes_that_do_not_run_after_a_restart_are_counted() {
    let kills = "[[steps]]\nkill = { these = [1] }\n[[steps]]\nkill = { these = [2] }\n\
                 [[steps]]\nkill = { these = [3] }\n[[steps]]\nrun = \"9s\"\n";
    assert_eq!(passed(10, kills).stopped, 0, "nothing was to restart");
    let last = format!("{kills}[[steps]]\nrestart = {{}}\n");
    assert_eq!(passed(10, &last).stopped, 2);
    let all = format!("{kills}[[steps]]\nrestart = {{ percent = 100 }}\n");
    assert_eq!(passed(10, &all).stopped, 0);
}

/// Counts in a row are of the same time, whatever they count.
#[test]
fn a_count_of_another_kind_does_not_take_suspicions_away() {
    let count = |what: &str, figure: &str| {
        format!("[[steps]]\ncount = {{ what = \"{what}\", figure = \"{figure}\" }}\n")
    };
    let steps = "[[steps]]\nsplit = { these = [0, 1] }\n[[steps]]\nrun = \"20s\"\n".to_owned()
        + &count("false_reports", "reports")
        + &count("suspicions", "suspicions")
        + &count("false_reports", "the same reports")
        + &count("suspicions", "the same suspicions")
        + "[[steps]]\nheal = {}\n"
        + &count("suspicions", "later suspicions")
        + &count("false_reports", "later reports");
    let played = passed(6, &steps);
    let value = |figure| value(&played, figure);
    assert!(value("suspicions") > 0 && value("reports") > 0);
    assert_eq!(value("suspicions"), value("the same suspicions"));
    assert_eq!(value("reports"), value("the same reports"));
    assert_eq!((value("later suspicions"), value("later reports")), (0, 0));
}
