//! Which runs of a scenario are drawn: of many, those that a reader is likely to ask for.

use core::fmt::Write;

use super::Runs;
use crate::scenario::{Bar, Figures, Played};

/// The places of the runs to be drawn, by seed, each with the reason.
pub(super) fn chosen(runs: &Runs) -> Vec<(usize, String)> {
    let mut chosen: Vec<(usize, String)> = Vec::new();
    let mut choose =
        |place: usize, why: &str| match chosen.iter_mut().find(|(known, _)| *known == place) {
            Some((_, reason)) if reason.is_empty() => why.clone_into(reason),
            // Writing to a string never fails.
            Some((_, reason)) if !why.is_empty() => drop(write!(reason, ", {why}")),
            Some(_) => {}
            None => chosen.push((place, why.to_owned())),
        };
    let mut order: Vec<usize> = (0..runs.runs.len()).collect();
    order.sort_by_key(|place| runs.runs[*place].seed);
    if order.len() <= MOST_DRAWN {
        order.iter().for_each(|place| choose(*place, ""));
    }
    if let Some(first) = order.first() {
        choose(*first, "");
    }
    let failed = order.iter().filter(|place| runs.runs[**place].failure.is_some());
    failed.take(MOST_FAILED).for_each(|place| choose(*place, "failed"));
    // One alone is neither the best nor the worst.
    let compared = if order.len() > 1 { runs.scenario.bars.as_slice() } else { &[] };
    let mut bars: Vec<&Bar> = Vec::new();
    for bar in compared {
        if !bars.iter().any(|known| known.figure == bar.figure) && bars.len() < MOST_BARS {
            bars.push(bar);
        }
    }
    for bar in bars {
        if let Some(place) = worst(runs, bar) {
            let side = if bar.at_least.is_some() { "least" } else { "most" };
            choose(place, &format!("{side} {}", bar.figure));
        }
    }
    chosen.sort_by_key(|(place, _)| runs.runs[*place].seed);
    chosen
}

/// The place of the run with the greatest value of the figure of a bar, or with the least if that is what
/// the bar is about; of equal ones that of the first seed.
pub(super) fn worst(runs: &Runs, bar: &Bar) -> Option<usize> {
    let low = bar.at_least.is_some();
    let found = runs.runs.iter().enumerate().filter_map(|(place, run)| {
        let value = extreme(&run.figures, &bar.figure, low)?;
        Some((if low { u64::MAX - value } else { value }, core::cmp::Reverse(run.seed), place))
    });
    found.max().map(|(.., place)| place)
}

/// The greatest value of a figure in one run, or the least.
fn extreme(figures: &Figures, name: &str, low: bool) -> Option<u64> {
    let values = figures.0.get(name)?.values.iter().copied();
    if low { values.min() } else { values.max() }
}

/// Forgets how those runs went that are not going to be drawn, whatever runs are still to come.
pub(super) fn forget_others(runs: &mut Runs) {
    let kept: Vec<usize> = chosen(runs).into_iter().map(|(place, _)| place).collect();
    for (place, run) in runs.runs.iter_mut().enumerate() {
        if !kept.contains(&place) {
            forget(run);
        }
    }
}

fn forget(run: &mut Played) {
    run.moments = Vec::new();
    run.sights = crate::view_changes::Sights::default();
}

/// At most this many are drawn if there are no more; else the first, this many that failed, and the
/// extremes of this many figures.
const MOST_DRAWN: usize = 6;
const MOST_FAILED: usize = 2;
const MOST_BARS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Options, Scenario, Unit, play};

    fn runs(values: &[u64]) -> Runs {
        let scenario: Scenario = "name = \"x\"\n[cluster]\nnodes = 2\n[[steps]]\nrun = \"1s\"\n\
            [[steps]]\ncount = { what = \"hidden_reports\", figure = \"pain\" }\n\
            [[bars]]\nfigure = \"pain\"\nof = \"max\"\nat_most = 3\n"
            .parse()
            .unwrap();
        let played = play(&scenario, 1, Options { every: Some(50_000_000), ..Options::default() });
        let run = |(place, value): (usize, &u64)| {
            let mut run = played.clone();
            run.seed = place as u64 + 1;
            run.figures = Figures::default();
            run.figures.push("pain", Unit::Count, *value);
            run
        };
        Runs { scenario, runs: values.iter().enumerate().map(run).collect() }
    }

    #[test]
    fn of_many_runs_the_first_and_the_worst_are_drawn() {
        let many = runs(&[1, 2, 9, 4, 9, 2, 0, 1]);
        assert_eq!(chosen(&many), [(0, String::new()), (2, "most pain".to_owned())]);
        let few = chosen(&runs(&[1, 2, 3]));
        let places: Vec<usize> = few.iter().map(|(place, _)| *place).collect();
        assert_eq!((places, few[2].1.as_str()), (vec![0, 1, 2], "most pain"));
        assert_eq!(chosen(&runs(&[7])), [(0, String::new())]);
    }

    #[test]
    fn what_is_kept_does_not_depend_on_the_order_in_which_runs_end() {
        let all = runs(&[1, 2, 9, 4, 9, 2, 0, 1]);
        let kept = |order: &[usize]| {
            let mut some = Runs { scenario: all.scenario.clone(), runs: Vec::new() };
            for place in order {
                some.runs.push(all.runs[*place].clone());
                forget_others(&mut some);
            }
            let drawn = some.runs.iter().filter(|run| !run.moments.is_empty());
            let mut seeds: Vec<u64> = drawn.map(|run| run.seed).collect();
            seeds.sort_unstable();
            seeds
        };
        assert_eq!(kept(&[0, 1, 2, 3, 4, 5, 6, 7]), [1, 3]);
        assert_eq!(kept(&[7, 4, 6, 5, 2, 3, 0, 1]), [1, 3]);
    }
}
