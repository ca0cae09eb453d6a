//! Whether the parts of a scenario fit together, and what to do if they do not.

use super::play::walk;
use super::{Await, Count, Limit, Path, Scenario, ScenarioError, Send, Step, Usage, Whom};

/// What does not fit.
pub(super) struct Wrong {
    /// Words of the line in question.
    words: [String; 2],
    /// What to do.
    text: String,
}

impl Wrong {
    /// Told with the line of a file.
    pub(super) fn in_text(self, text: &str) -> String {
        match line_of(text, &self.words) {
            Some(line) => format!("line {line}: {}", self.text),
            None => self.text,
        }
    }
}

/// What is wrong with a key that has this value; an empty value stands for any.
fn wrong(key: &str, value: impl ToString, text: impl Into<String>) -> Option<Wrong> {
    Some(Wrong { words: [key.to_owned(), value.to_string()], text: text.into() })
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

impl Scenario {
    /// Checks that the parts fit together, as reading a file does.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ScenarioError> {
        self.wrong().map_or(Ok(()), |wrong| Err(ScenarioError(wrong.text)))
    }

    pub(super) fn wrong(&self) -> Option<Wrong> {
        if self.seeds == 0 {
            return wrong("seeds", 0, "no seeds play nothing: write 1 or more");
        }
        self.wrong_cluster().or_else(|| self.wrong_steps()).or_else(|| self.wrong_bars())
    }

    fn wrong_cluster(&self) -> Option<Wrong> {
        let cluster = &self.cluster;
        if let Some(text) = cluster.wrong_size() {
            return wrong("nodes", cluster.nodes, text);
        }
        if cluster.asleep > cluster.nodes {
            let text = "cluster.asleep is more than cluster.nodes: lower it";
            return wrong("asleep", cluster.asleep, text);
        }
        if cluster.zones > 1 && !cluster.zone.is_empty() {
            let text = "give either the number of zones or each zone: leave one out";
            return wrong("zones", cluster.zones, text);
        }
        if let Some((name, text)) = cluster.wrong_zone().filter(|_| !cluster.zone.is_empty()) {
            return wrong("name", quoted(name), text);
        }
        if (cluster.zones > 1 || cluster.zone.len() > 1) && cluster.between.is_none() {
            let text = "several zones need links: describe them in [cluster.between]";
            return wrong("zone", "", text);
        }
        for others in [None, self.baseline.as_ref()] {
            if let Some((key, text)) = cluster.wrong_settings(others) {
                return wrong(&key, "", text);
            }
        }
        [Some(&cluster.link), cluster.between.as_ref()].into_iter().flatten().find_map(wrong_path)
    }

    fn wrong_steps(&self) -> Option<Wrong> {
        let mut first = None;
        walk(&self.steps, &mut |step| {
            if first.is_none() {
                first = wrong_step(step);
            }
        });
        first
    }

    fn wrong_bars(&self) -> Option<Wrong> {
        let mut figures = Vec::new();
        walk(&self.steps, &mut |step| match step {
            Step::Await(Await { figure: Some(figure), .. })
            | Step::Usage(Usage { figure, .. })
            | Step::Send(Send { figure, .. })
            | Step::Count(Count { figure, .. }) => figures.push(figure.clone()),
            _ => {}
        });
        for bar in &self.bars {
            if !figures.iter().any(|figure| bar.figure.starts_with(figure.as_str())) {
                let text = format!(
                    "no step makes the figure \"{}\" of a bar: there are {figures:?}",
                    bar.figure
                );
                return wrong("figure", quoted(&bar.figure), text);
            }
            if self.baseline.is_none() && matches!(bar.at_most, Limit::Share(_)) {
                let text = "a bar is a share of the baseline: describe it in [baseline]";
                return wrong("figure", quoted(&bar.figure), text);
            }
        }
        None
    }
}

fn wrong_step(step: &Step) -> Option<Wrong> {
    match step {
        Step::Crash(whom)
        | Step::Kill(whom)
        | Step::Restart(whom)
        | Step::Depart(whom)
        | Step::Pause(whom)
        | Step::Starve(whom)
        | Step::Split(whom)
        | Step::Mute(whom)
        | Step::Deafen(whom)
        | Step::MuteMulticast(whom)
        | Step::DeafenMulticast(whom)
        | Step::Join(whom)
        | Step::Leave(whom)
        | Step::Describe(whom) => wrong_whom(whom),
        Step::Relink(path) => wrong_path(path),
        Step::Between(between) if between.percent.saturating_add(between.and) > 100 => {
            let text = "both sets together are more than 100 per cent of the nodes: lower one";
            wrong("between", "", text)
        }
        Step::Pauses(pauses) if pauses.span[0] > pauses.span[1] => {
            wrong("span", pauses.span[0], "write the shortest first, then the longest")
        }
        Step::Pauses(pauses) if pauses.gap[0] > pauses.gap[1] => {
            wrong("gap", pauses.gap[0], "write the shortest first, then the longest")
        }
        Step::Stalls(stalls) => {
            if stalls.nodes.is_empty()
                || stalls.on.is_empty()
                || stalls.off.is_empty()
                || stalls.how.is_empty()
            {
                let text = "nodes, on, off and how of stalls each need one value at least";
                return wrong("stalls", "", text);
            }
            // A round that takes no time never comes to the end.
            let takes_none = |spans: &[super::Span]| spans.iter().any(|span| span.0.is_zero());
            if takes_none(&stalls.on) && takes_none(&stalls.off) {
                let text = "stalls without any time on or off never end: let one of both last";
                return wrong("stalls", "", text);
            }
            None
        }
        Step::Churn(churn) if !(1..=MOST_CHANGES).contains(&churn.per_second) => {
            let text = format!("churn.per_second is 1 to {MOST_CHANGES}");
            wrong("per_second", churn.per_second, text)
        }
        _ => None,
    }
}

fn wrong_whom(whom: &Whom) -> Option<Wrong> {
    let given = [whom.nodes.is_some(), whom.percent.is_some(), whom.these.is_some()];
    if given.iter().filter(|given| **given).count() > 1 {
        let key = if whom.percent.is_some() { "percent" } else { "these" };
        let text = "give one of nodes, percent and these: leave the others out";
        return wrong(key, "", text);
    }
    let percent = whom.percent.filter(|percent| *percent > 100)?;
    wrong(
        "percent",
        percent,
        format!("{percent} per cent of the nodes are more than all: lower it"),
    )
}

fn wrong_path(path: &Path) -> Option<Wrong> {
    if let Some([least, most]) = path.delay.filter(|[least, most]| least > most) {
        let text = format!("write the least delay first, then the most: [\"{most}\", \"{least}\"]");
        return wrong("delay", least, text);
    }
    if path.octaves.is_some() && path.median.is_none() {
        return wrong("octaves", "", "octaves spread a median: give that as well");
    }
    None
}

/// The last line, counted from 1, that has all these words.
fn line_of(text: &str, words: &[String]) -> Option<usize> {
    let fits = |line: &str| words.iter().all(|word| line.contains(word.as_str()));
    text.lines().enumerate().filter(|(_, line)| fits(line)).last().map(|(at, _)| at + 1)
}

/// The most changes a second: one in a microsecond.
const MOST_CHANGES: u32 = 1_000_000;
