//! What a scenario does, as marks on the pictures of a run: what, to whom, to how many, and how.

use super::Player;
use crate::check::list;
use crate::moment::Mark;
use crate::scenario::step::Step;

impl Player {
    /// Marks that something is done, and returns which mark that is.
    pub(super) fn mark(&mut self, step: &Step) -> Option<usize> {
        let silent = matches!(
            step,
            Step::Run(_)
                | Step::Await(_)
                | Step::Repeat(_)
                | Step::Timeline(_)
                | Step::Meter(_)
                | Step::NoteOwners(_)
                | Step::NoteSlots(_)
                | Step::Usage(_)
                | Step::Count(_)
        );
        if silent {
            return None;
        }
        if self.marks.len() >= MOST_MARKS {
            self.unmarked += 1;
            return None;
        }
        let text = step.to_string();
        let what = text.split(" =").next().unwrap_or_default().replace('_', " ");
        self.marks.push(Mark { at: self.sim.now().as_nanos(), what, whom: String::new() });
        Some(self.marks.len() - 1)
    }

    /// Says to whom it was done, which is known only afterwards.
    pub(super) fn complete(&mut self, mark: usize, step: &Step) {
        let whom = self.whom(step);
        let how = how(step);
        if let Some(mark) = self.marks.get_mut(mark) {
            mark.whom = match (whom.is_empty(), how.is_empty()) {
                (false, false) => format!("{whom}; {how}"),
                _ => whom + &how,
            };
        }
    }

    /// The nodes that a step was about.
    fn whom(&self, step: &Step) -> String {
        let picked = self.some(&self.picked);
        let others = self.sim.len() - self.picked.len();
        match step {
            // These take others from time to time.
            Step::Pauses(_) | Step::Churn(_) | Step::Send(_) => String::new(),
            Step::Narrow(narrow) if narrow.whom.is_last() => "all nodes".to_owned(),
            Step::Split(_) | Step::Mute(_) | Step::MuteMulticast(_) => {
                format!("{picked}, to the other {others}")
            }
            Step::Deafen(_) | Step::Flap(_) | Step::DeafenMulticast(_) | Step::FlapMulticast(_) => {
                format!("{picked}, from the other {others}")
            }
            Step::Parts(_) => format!("{picked} in the first part"),
            Step::Between(_) => format!("{picked} on one side"),
            Step::Cut(cut) if cut.to.is_last() => format!("{picked}, to the other {others}"),
            Step::Cut(_) => format!("{picked}, to {}", self.some(&self.cut_to)),
            Step::RelinkZone(relink) => match &relink.to {
                Some(to) => format!("zone {}, to zone {}", relink.zone.0, to.0),
                None => format!("zone {}, to all others", relink.zone.0),
            },
            Step::Tell(_) | Step::Message(_) => format!("{picked}, to all"),
            step if step.picks() || step.whom().is_some() => picked,
            _ => String::new(),
        }
    }

    /// Nodes with their number, and how many there are in all.
    fn some(&self, nodes: &[usize]) -> String {
        match nodes {
            [] => "no node".to_owned(),
            [node] => format!("node {node}"),
            nodes if nodes.len() == self.sim.len() => "all nodes".to_owned(),
            nodes => format!("{} of {} nodes: {}", nodes.len(), self.sim.len(), list(nodes)),
        }
    }
}

/// What a step says beyond the nodes that it is about, as its file says it.
fn how(step: &Step) -> String {
    let Ok(toml::Value::Table(table)) = toml::Value::try_from(step) else { return String::new() };
    let Some((_, value)) = table.into_iter().next() else { return String::new() };
    match value {
        toml::Value::Table(values) => {
            let about = |key: &str| WHOM.contains(&key);
            let said = values.into_iter().filter(|(key, _)| !about(key));
            let said: Vec<String> = said.map(|(key, value)| format!("{key} = {value}")).collect();
            said.join(", ")
        }
        value => value.to_string(),
    }
}

/// The keys that say which nodes a step is about.
const WHOM: [&str; 9] =
    ["nodes", "percent", "these", "zone", "another", "from", "to", "picked", "figure"];
/// How many marks of a run are kept.
const MOST_MARKS: usize = 1_000;

#[cfg(test)]
mod tests {
    use crate::scenario::{Options, Played, Scenario, play};

    fn played(steps: &str) -> Played {
        let scenario = format!(
            "name = \"marks\"\n[cluster]\nnodes = 10\nzones = 2\nbetween = {{ delay = [\"5ms\", \"5ms\"] }}\n{steps}"
        );
        let scenario: Scenario = scenario.parse().unwrap_or_else(|error| panic!("{error}"));
        play(&scenario, 1, Options::default())
    }

    fn marks(steps: &str) -> Vec<String> {
        let marks = played(steps).marks;
        marks.iter().map(|mark| format!("{}: {}", mark.what, mark.whom)).collect()
    }

    #[test]
    fn a_mark_says_whom_it_is_about_and_how_many() {
        let said = marks(
            "[[steps]]\nrun = \"1s\"\n\
             [[steps]]\ncrash = { these = [3] }\n\
             [[steps]]\nsplit = { these = [1, 2] }\n\
             [[steps]]\nheal = {}\n\
             [[steps]]\ncut = { from = { these = [4] }, to = { these = [5, 6] } }\n\
             [[steps]]\nlossy = { these = [7], out = \"50%\", into = \"5%\" }\n\
             [[steps]]\nrelink_zone = { zone = \"0\", to = \"1\", link = { delay = [\"9ms\", \"9ms\"] } }\n\
             [[steps]]\nmute = { zone = \"1\" }\n\
             [[steps]]\njump = { these = [8], by = \"9s\" }\n",
        );
        assert_eq!(said[0], "crash: node 3");
        assert_eq!(said[1], "split: 2 of 10 nodes: 1, 2, to the other 8");
        assert_eq!(said[2], "heal: ");
        assert_eq!(said[3], "cut: node 4, to 2 of 10 nodes: 5, 6");
        assert!(said[4].starts_with("lossy: node 7; "), "{said:?}");
        assert!(said[4].contains("out = \"50%\""), "{said:?}");
        assert!(said[5].starts_with("relink zone: zone 0, to zone 1; "), "{said:?}");
        assert_eq!(said[6], "mute: 5 of 10 nodes: 1, 3, 5, 7, 9, to the other 5");
        assert!(said[7].starts_with("jump: node 8; ") && said[7].contains("9s"), "{said:?}");
    }

    #[test]
    fn marks_beyond_their_limit_are_counted() {
        let played = played("[[steps]]\nrepeat = { times = 1100, steps = [{ heal = {} }] }\n");
        assert_eq!((played.marks.len(), played.unmarked), (1_000, 100));
    }
}
