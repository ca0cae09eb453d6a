//! What each way of spreading a change is worth: one update, with any one of the tree, the piggyback
//! and the repair left out. It reaches everybody all the same.
//!
//! Repair also completes joins: of two nodes that join within some milliseconds of each other each
//! may be announced before the other is heard of. So the cluster starts slowly and without loss.
//!
//! `cargo test --release -p scalesmall-sim --features mutants --test ablation -- --nocapture` prints
//! the table. What each single mechanism is worth is measured in `mechanisms`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use scalesmall_core::mutants::Mutant;
use scalesmall_sim::scenario::{Options, Scenario, play};

const UPDATE: &str = r#"
name = "ablation"
about = "One node of 128 serves a new range."
[cluster]
nodes = 128
start_within = "20s"
[[steps]]
await = { what = "agreement", within = "300s" }
[[steps]]
relink = { loss = "LOSS" }
[[steps]]
run = "10s"
[[steps]]
meter = {}
[[steps]]
serve = { nodes = 1 }
[[steps]]
run = "5s"
[[steps]]
await = { what = "shown", within = "60s", figure = "shown" }
[[steps]]
usage = { figure = "extra", extra = true }
"#;

/// The median of a figure over some seeds.
fn median(scenario: &Scenario, figure: &str) -> u64 {
    let mut values: Vec<u64> = (1..=5)
        .map(|seed| {
            let played = play(scenario, seed, Options::default());
            if let Some(failure) = played.failure {
                panic!("{failure}");
            }
            played.figures.0[figure].values[0]
        })
        .collect();
    values.sort_unstable();
    values[values.len() / 2]
}

#[test]
fn any_one_part_can_be_missing() {
    let parts = [Mutant::TreeOff, Mutant::PiggybackOff, Mutant::RepairOff].map(Some);
    println!("{:<14} {:>5} {:>12} {:>14}", "left out", "loss", "shown by all", "bytes per node");
    for part in core::iter::once(None).chain(parts) {
        for loss in [0, 10] {
            let text = UPDATE.replace("LOSS", &format!("{loss}%"));
            let mut scenario: Scenario = text.parse().unwrap();
            scenario.cluster.mutant = part.map(|part| part.name().to_owned());
            let shown = median(&scenario, "shown by all") / 1_000_000;
            let extra = median(&scenario, "extra bytes");
            let name = part.map_or("nothing", Mutant::name);
            println!("{name:<14} {loss:>3} % {shown:>9} ms {extra:>12} B");
            // The tree alone is fast; whatever is left of the others gets there by repairs.
            let limit = if part == Some(Mutant::TreeOff) { 30_000 } else { 1_000 };
            assert!(shown <= limit, "{name} left out, {loss} % loss: {shown} ms");
        }
    }
}
