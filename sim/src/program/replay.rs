//! `scalesmall-sim replay`: what happened, once more.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use clap::Args;
use scalesmall_core::Engine;
use scalesmall_sim::Tap;
use scalesmall_sim::pcap::Pcap;
use scalesmall_sim::report::{Runs, page, table};
use scalesmall_sim::scenario::{Options, Scenario, play};
use scalesmall_sim::swarm::{Bounds, Kind, sample_of};

use crate::console::{Outcome, print, tell};
use crate::explore::{LEAST_NODES, MOST_NODES, faults, kinds};
use crate::files::parse;
use crate::playing::MOMENT;
use crate::recording::{self, Keys, Replayable, Replays};
use crate::set::{Changes, quoted};
use crate::{lines, output};

#[derive(Args)]
pub(crate) struct Replay {
    /// A scenario file, or recordings made with `scalesmall node --record`; without any, the random
    /// scenario of the seed
    ///
    /// A recording whose last line is cut off is replayed as far as it goes, and has failed. One that
    /// was cut between two lines cannot be told from a shorter one.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Of a scenario: the seed [default: the first that the file is played with; without a file, 1]
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    changes: Changes,
    #[arg(long, value_name = "NAME", help = kinds("Of a random scenario: the kind of world", Kind::default().name()))]
    kind: Option<Kind>,
    /// Of a random scenario: the most faults, as `explore` was given it [default: as there]
    #[arg(long, value_parser = faults())]
    faults: Option<u64>,
    /// Write every datagram and event as a line of JSON; `-` for standard output, and then the table
    /// goes to standard error
    ///
    /// `at` is the time in nanoseconds, `kind` says what happened. "event": `node` reported `event`.
    /// "sent": the datagram of this `number` left `from` for `to`, or for as many `hearers` of a
    /// multicast, with these `bytes`, in hexadecimal digits. "moved": the `node` of this `name` has
    /// other `addresses`. All other kinds are named after the fates that the simulator counts, and tell what befell that datagram on the way to one
    /// receiver. It ends there once, and once more for each "duplicated" and "replayed": it is
    /// "delivered", or it is "lost", "lost_in_burst", "cut", "filtered", "too_large" (for the link),
    /// dropped by a full link ("queue_full") or socket ("buffer_full"), "discarded" with a node that
    /// ended, sent to "nobody" who runs there, or to a family of which the sender has no address
    /// ("no_route"). What was "corrupted" ends with its `bytes` as they
    /// came. What is under way in the end has no end.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Write every delivered datagram into a capture for a packet analyser, and every multicast once,
    /// as it is sent; `-` as with `--trace`
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Write a self-contained HTML page as well: of a scenario how it went, of recordings who saw whom
    ///
    /// Recordings are laid side by side by the wall clocks of their hosts, as each node read its own
    /// when it started.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    keys: Keys,
}

impl Replay {
    /// What is asked for that only a scenario can give.
    fn asked_of_a_scenario(&self) -> Option<&'static str> {
        let asked = [
            ("--trace", self.trace.is_some()),
            ("--pcap", self.pcap.is_some()),
            ("--nodes and --set", !self.changes.arguments().is_empty()),
            ("--seed", self.seed.is_some()),
            ("--kind", self.kind.is_some()),
            ("--faults", self.faults.is_some()),
        ];
        asked.into_iter().find_map(|(name, is_asked)| is_asked.then_some(name))
    }

    /// The seed, of a random scenario unless one is read that has its own.
    fn seed(&self) -> u64 {
        self.seed.unwrap_or(1)
    }

    fn kind(&self) -> Kind {
        self.kind.unwrap_or_default()
    }

    fn faults(&self) -> u64 {
        self.faults.unwrap_or_else(|| Bounds::default().faults)
    }

    /// The random scenario of the seed.
    fn random(&self) -> Result<Scenario, String> {
        let mut changes = self.changes.clone();
        let nodes = changes.nodes.take().unwrap_or_else(|| Bounds::default().nodes);
        if !(LEAST_NODES..=MOST_NODES).contains(&(nodes as u64)) {
            return Err(format!(
                "with --nodes {nodes}: the most nodes of a random scenario are {LEAST_NODES} to {MOST_NODES}"
            ));
        }
        let bounds = Bounds { nodes, faults: self.faults() };
        changes.apply(sample_of(self.kind(), self.seed(), &bounds))
    }

    /// The line that makes the same run again.
    fn rerun(&self, seed: u64, scenario: &Scenario) -> String {
        let changes = self.changes.arguments();
        let drawn = scenario.point_values().filter(|(key, _)| !self.changes.sets_key(key));
        let set = |(key, value)| format!(" --set {}", quoted(&format!("{key}={value}")));
        let changes = changes + &drawn.map(set).collect::<String>();
        match self.files.first() {
            Some(file) => {
                let file = quoted(&file.to_string_lossy());
                format!("scalesmall-sim replay {file}{changes} --seed {seed}")
            }
            None => {
                let (kind, faults) = (self.kind(), self.faults());
                format!(
                    "scalesmall-sim replay --kind {kind} --seed {seed}{changes} --faults {faults}"
                )
            }
        }
    }
}

/// Replays what a file holds, or the random scenario of a seed.
pub(crate) fn replay(asked: &Replay) -> Outcome {
    let without = |file: &Path, kind: &str, argument: &str| {
        format!("{} is a {kind}: it is replayed without {argument}", file.display())
    };
    let of_a_recording = asked.keys.asked_of_a_recording();
    let Some(file) = asked.files.first() else {
        if let Some(argument) = of_a_recording {
            return Err(format!("without a recording there is nothing to do for {argument}").into());
        }
        let scenario = asked.random()?;
        tell(&scenario.to_toml());
        return replay_scenario(asked, scenario);
    };
    match recording::open(file)? {
        Replayable::Recording(recording) => match asked.asked_of_a_scenario() {
            Some(argument) => Err(without(file, "recording", argument).into()),
            None => replay_recordings(asked, recording),
        },
        Replayable::Scenario(text) => {
            let scenario = parse(file, &text)?;
            let of_a_swarm =
                asked.kind.map(|_| "--kind").or_else(|| asked.faults.map(|_| "--faults"));
            if let Some(argument) = of_a_recording.or(of_a_swarm) {
                return Err(without(file, "scenario", argument).into());
            }
            if asked.files.len() > 1 {
                return Err(one_at_a_time(file).into());
            }
            let wrong = |error| format!("{} {error}", file.display());
            replay_scenario(asked, at_a_point(asked, scenario).map_err(wrong)?)
        }
    }
}

/// A scenario with the changes that are asked for, at one point of its grid.
fn at_a_point(asked: &Replay, scenario: Scenario) -> Result<Scenario, String> {
    let keys: Vec<String> = scenario.grid.keys().cloned().collect();
    let changed = asked.changes.apply(scenario)?;
    let set = asked.changes.set_of(&changed, &keys);
    let mut points = changed.points().map_err(|error| error.to_string())?;
    let count = points.len();
    let mut point = points.swap_remove(0);
    let open: Vec<String> = point.point_values().map(|(key, _)| format!("--set {key}=")).collect();
    point.point.splice(0..0, set);
    if !open.is_empty() {
        tell(&format!(
            "at {}, the first of {count} points of the grid: another is chosen with {}",
            point.point(),
            open.join(" ")
        ));
    }
    Ok(point)
}

fn one_at_a_time(file: &Path) -> String {
    format!(
        "{} is a scenario: replay scenarios one at a time, and recordings together",
        file.display()
    )
}

/// Replays recordings, of which the first is open, and draws them all on one page.
fn replay_recordings(asked: &Replay, first: Box<dyn BufRead>) -> Outcome {
    if let Some(page) = &asked.html {
        output::ready(page, asked.files.iter().map(PathBuf::as_path))?;
    }
    let mut replays = Replays::default();
    let mut first = Some(first);
    for file in &asked.files {
        let recording = match first.take() {
            Some(recording) => recording,
            None => match recording::open(file)? {
                Replayable::Recording(recording) => recording,
                Replayable::Scenario(_) => return Err(one_at_a_time(file).into()),
            },
        };
        replays.replay(file, recording, &asked.keys)?;
    }
    if let Some(page) = &asked.html {
        output::write(page, &replays.seen.page())?;
    }
    Ok(replays.cut == 0)
}

fn replay_scenario(asked: &Replay, scenario: Scenario) -> Outcome {
    let seed = asked.seed.unwrap_or(scenario.seed);
    let written: Vec<&PathBuf> = asked.trace.iter().chain(&asked.pcap).collect();
    let read = || asked.files.first().map(PathBuf::as_path);
    for file in written.iter().filter(|file| !output::is_stdout(file)) {
        output::ready(file, read())?;
    }
    if let [trace, pcap] = written[..] {
        output::apart(trace, pcap)?;
    }
    if let Some(page) = &asked.html {
        output::ready(page, read())?;
        written.iter().try_for_each(|file| output::apart(file, page))?;
    }
    let records: Vec<output::Record> = written.iter().map(|_| output::Record::default()).collect();
    let open = |file: &PathBuf| {
        let place = written.iter().position(|written| *written == file).unwrap_or_default();
        records[place].open(file)
    };
    let trace = asked.trace.as_ref().map(open).transpose()?.map(lines::Lines::to);
    let pcap = match asked.pcap.as_ref().map(open).transpose()? {
        Some(out) => Some(Pcap::new(out)?),
        None => None,
    };
    let tap: Option<Box<dyn Tap<Engine>>> = match (trace, pcap) {
        (Some(trace), Some(pcap)) => Some(Box::new((trace, pcap))),
        (Some(trace), None) => Some(Box::new(trace)),
        (None, Some(pcap)) => Some(Box::new(pcap)),
        (None, None) => None,
    };
    let every = asked.html.as_ref().map(|_| MOMENT);
    let rerun = asked.rerun(seed, &scenario);
    let options = Options { tap, rerun, every, ..Options::default() };
    let first = play(&scenario, seed, options);
    for (record, file) in records.into_iter().zip(&written) {
        record.end(file)?;
    }
    let second = play(&scenario, seed, Options::default());
    let same = first.hash == second.hash;
    tell(&format!("trace {:016x}, {} steps", first.hash, first.steps));
    if !same {
        tell(&format!("the second run differs: trace {:016x}", second.hash));
    }
    let runs = Runs { scenario, runs: vec![first] };
    if let Some(file) = &asked.html {
        output::write(file, &page(core::slice::from_ref(&runs)))?;
    }
    let text = table(core::slice::from_ref(&runs));
    if written.iter().any(|file| output::is_stdout(file)) {
        tell(text.trim_end());
    } else {
        print(text.as_bytes())?;
    }
    Ok(same && runs.passed())
}
