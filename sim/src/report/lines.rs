//! JSON lines: one object per run, figure and bar.

use serde_json::json;

use super::Runs;
use crate::sample::Sample;

/// The runs of scenarios, one JSON object a line. Times are nanoseconds.
#[must_use]
pub fn lines(all: &[Runs]) -> String {
    let mut text = String::new();
    let mut push = |value: serde_json::Value| {
        text.push_str(&value.to_string());
        text.push('\n');
    };
    for runs in all {
        let name = &runs.title();
        for run in &runs.runs {
            push(json!({
                "kind": "run",
                "scenario": name,
                "nodes": runs.scenario.cluster.nodes,
                "seed": run.seed,
                "hash": format!("{:016x}", run.hash),
                "steps": run.steps,
                "lasted": run.lasted,
                "failure": run.failure.as_ref().map(|failure| failure.summary()),
                "checks": run.checks,
                "replay": run.rerun,
                "changed_nothing": run.idle,
                "stopped": run.stopped,
            }));
        }
        for (figure, values) in &runs.figures().0 {
            let sample = Sample::of(values.values.iter().copied());
            push(json!({
                "kind": "figure",
                "scenario": name,
                "figure": figure,
                "unit": values.unit,
                "values": sample.len(),
                "expected": runs.expected(figure).unwrap_or(sample.len()),
                "min": sample.quantile(0),
                "median": sample.median(),
                "p99": sample.p99(),
                "max": sample.max(),
                "mean": sample.mean(),
            }));
        }
        for score in runs.scores() {
            push(json!({
                "kind": "bar",
                "scenario": name,
                "figure": score.bar.figure,
                "of": score.bar.of.to_string(),
                (if score.bar.at_most.is_some() { "at_most" } else { "at_least" }): score.limit,
                "measured": score.measured,
                "values": score.values,
                "met": score.is_met(),
                "verdict": score.verdict(),
                "worst": runs.worst(&score).map(|run| json!({"seed": run.seed, "replay": run.rerun})),
            }));
        }
    }
    text
}
