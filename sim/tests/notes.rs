//! What a result says beside its figures: where a bar was missed worst, what was done in vain.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use scalesmall_sim::report::{Runs, lines, page, table};
use scalesmall_sim::scenario::{Options, Scenario, play};

fn runs(text: &str, seeds: u64) -> Runs {
    let scenario: Scenario = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut runs = Runs { scenario: scenario.clone(), runs: Vec::new() };
    for seed in 1..=seeds {
        let rerun = format!("replay-line-of {seed}");
        runs.push(play(&scenario, seed, Options { rerun, ..Options::default() }));
    }
    runs
}

fn with(steps: &str, seeds: u64) -> Runs {
    let head = "name = \"notes\"\n[cluster]\nnodes = 6\n[[steps]]\n\
                await = { what = \"agreement\", within = \"5s\" }\n";
    runs(&format!("{head}{steps}"), seeds)
}

fn all(runs: &Runs) -> [String; 3] {
    let runs = core::slice::from_ref(runs);
    [table(runs), lines(runs), page(runs)]
}

#[test]
fn a_missed_bar_names_its_worst_seed_and_how_to_play_it_again() {
    let missed = with(
        "[[steps]]\ncrash = { nodes = 1 }\n[[steps]]\n\
         await = { what = \"sight\", within = \"60s\", figure = \"crash\" }\n\
         [[bars]]\nfigure = \"crash\"\nof = \"max\"\nat_most = \"1ms\"\n\
         [[bars]]\nfigure = \"crash\"\nof = \"min\"\nat_least = \"10m\"\n",
        5,
    );
    let value = |seed: u64| missed.runs[seed as usize - 1].figures.0["crash"].values[0];
    let most = (1..=5).max_by_key(|seed| value(*seed)).unwrap();
    let least = (1..=5).min_by_key(|seed| value(*seed)).unwrap();
    let [table, lines, page] = all(&missed);
    for seed in [most, least] {
        let line = format!("  worst crash: seed {seed}: replay-line-of {seed}\n");
        assert!(table.contains(&line), "{table}");
        let worst = format!("\"worst\":{{\"replay\":\"replay-line-of {seed}\",\"seed\":{seed}}}");
        assert!(lines.contains(&worst), "{lines}");
        assert!(page.contains(&format!("worst crash: seed {seed}<")), "{page}");
    }
    let met = with(
        "[[steps]]\ncount = { what = \"hidden_reports\", figure = \"hidden\" }\n\
         [[bars]]\nfigure = \"hidden\"\nof = \"max\"\nat_most = 0\n",
        2,
    );
    let [table, lines, _] = all(&met);
    assert!(!table.contains("worst") && lines.contains("\"worst\":null"), "{table}{lines}");
}

#[test]
fn steps_that_change_nothing_are_told_once_each() {
    let vain = with(
        "[[steps]]\nkill = { these = [3] }\n[[steps]]\nrun = \"9s\"\n\
         [[steps]]\nkill = { these = [3] }\n[[steps]]\nrestart = { these = [1, 2] }\n\
         [[steps]]\nheal = {}\n[[steps]]\nresume = { catch_up = \"drain\" }\n[[steps]]\nend_copies = {}\n\
         [[steps]]\nrepeat = { times = 3, steps = [{ restart = { these = [3] } }, { heal = {} }] }\n",
        2,
    );
    let [table, lines, page] = all(&vain);
    for step in [
        "step 4 (kill = { these = [3] })",
        "step 5 (restart = { these = [1, 2] })",
        "step 6 (heal = {})",
        "step 7 (resume = { catch_up = \"drain\" })",
        "step 8 (end_copies = {})",
        "step 9.2 (heal = {})",
    ] {
        let told = format!("  {step} changed nothing in 2 of 2 runs\n");
        assert_eq!(table.matches(&told).count(), 1, "{step}\n{table}");
        assert!(lines.contains(&step.replace('"', "\\\"")), "{step}\n{lines}");
        assert!(page.contains(&format!("{} changed", step.replace('"', "&quot;"))), "{step}");
    }
    assert_eq!(table.matches("changed nothing").count(), 6, "{table}");
}

#[test]
fn steps_that_change_something_are_not_told() {
    let fine = with(
        "[[steps]]\npause = { these = [3] }\n[[steps]]\nresume = { catch_up = \"drain\" }\n\
         [[steps]]\nlossy = { these = [3], out = \"5%\", into = \"0%\" }\n[[steps]]\nheal = {}\n\
         [[steps]]\nsplit = { these = [3] }\n[[steps]]\nheal = {}\n\
         [[steps]]\nsnapshot = { these = [3] }\n[[steps]]\ncopy = {}\n[[steps]]\nend_copies = {}\n\
         [[steps]]\nnarrow = { mtu = 600 }\n[[steps]]\nserve = {}\n[[steps]]\nwithdraw = {}\n",
        1,
    );
    let [table, ..] = all(&fine);
    assert!(!table.contains("changed nothing"), "{table}");
}

#[test]
fn nodes_that_were_left_behind_are_told_with_the_remedy() {
    let left = with(
        "[[steps]]\nkill = { these = [1] }\n[[steps]]\nkill = { these = [2] }\n\
         [[steps]]\nkill = { these = [3] }\n[[steps]]\nrestart = {}\n",
        2,
    );
    let told =
        "  2 nodes did not run at the end of 2 of 2 runs: restart = { percent = 100 } starts all\n";
    let [table, lines, page] = all(&left);
    assert!(table.contains(told), "{table}");
    assert!(lines.contains("\"stopped\":2") && page.contains("2 nodes did not run"), "{lines}");
}

/// A run that fails has no later values; the figures say how many are missing.
#[test]
fn values_that_failed_runs_lack_are_counted() {
    let text = "[[steps]]\ncount = { what = \"hidden_reports\", figure = \"first\" }\n\
         [[steps]]\ncrash = { nodes = 1 }\n[[steps]]\n\
         await = { what = \"sight\", within = \"WITHIN\", figure = \"crash\" }\n";
    let longest = |runs: &Runs| {
        let mut times: Vec<u64> =
            runs.runs.iter().map(|run| run.figures.0["crash"].values[0]).collect();
        times.sort_unstable();
        (times[2] / 1_000_000).to_string() + "ms"
    };
    let whole = with(&text.replace("WITHIN", "60s"), 4);
    assert!(!table(core::slice::from_ref(&whole)).contains(" of 4"));
    let some = with(&text.replace("WITHIN", &longest(&whole)), 4);
    let [table, lines, _] = all(&some);
    let row = |name: &str| table.lines().find(|line| line.trim().starts_with(name)).unwrap();
    assert!(row("crash ").contains("2 of 4"), "{table}");
    assert!(!row("first ").contains(" of "), "{table}");
    assert!(lines.contains("\"expected\":4"), "{lines}");
}
