//! `scalesmall-sim explore`: random scenarios until something breaks or enough was seen.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use clap::Args;
use clap::builder::TypedValueParser;
use indicatif::ProgressBar;
use scalesmall_sim::Checks;
use scalesmall_sim::scenario::{Options, Played, Scenario, Span, play};
use scalesmall_sim::swarm::{Bounds, Kind, Totals, sample_of, shrink};

use crate::console::{Outcome, print, tell};
use crate::merge::{Report, Swarm, World};
use crate::output;
use crate::parallel::{bar, in_parallel, jobs, lock};
use crate::set::quoted;
use crate::shard::Shard;

#[derive(Args)]
pub(crate) struct Explore {
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Play the seeds of this file instead, one a line, with the kind of world behind it unless that
    /// is `lan`; `#` begins a remark
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "runs", "node_seconds", "kind"])]
    seeds: Option<PathBuf>,
    #[arg(long, value_name = "NAME", help = kinds("Draw worlds of this kind alone", "the seed draws the kind as well"))]
    kind: Option<Kind>,
    /// The most scenarios
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// End after this many seconds of virtual time, summed over all nodes; `--runs` is ignored then
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    node_seconds: Option<u64>,
    /// The longest to run, such as 30s or 10m; it is a failure if that is over before the first world
    #[arg(long, default_value = "1h")]
    time: Span,
    /// The most nodes in a scenario
    #[arg(long, default_value_t = Bounds::default().nodes as u64, value_parser = nodes())]
    nodes: u64,
    /// The most faults in the first act of a scenario
    #[arg(long, default_value_t = Bounds::default().faults, value_parser = faults())]
    faults: u64,
    /// Play only every Nth world, from the Kth on: 1/8 to 8/8 are the whole, on eight machines
    #[arg(long, value_name = "K/N", default_value_t)]
    shard: Shard,
    /// Write what was seen for `merge` to join
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// How many runs at once [default: one per core]
    #[arg(long, value_parser = jobs())]
    jobs: Option<u16>,
    /// How much is checked: all; light, each event but not what nodes show in between; or none of
    /// either. What happens is the same
    #[arg(long, value_name = "HOW", default_value_t)]
    checks: Checks,
    /// Go on after a failure; tell the seed and the broken rule of each, and shrink none
    #[arg(long)]
    all: bool,
    /// The fault that all nodes make on purpose
    #[cfg(feature = "mutants")]
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// Where to write what failed, shrunk, as a scenario file
    #[arg(long, value_name = "FILE", default_value = "failed.toml")]
    out: PathBuf,
}

impl Explore {
    /// Lets all nodes of a world do something wrong, if that was asked for; returns the arguments
    /// of `replay` that do the same.
    #[cfg(feature = "mutants")]
    fn spoil(&self, scenario: &mut Scenario) -> String {
        scenario.cluster.mutant.clone_from(&self.mutant);
        self.mutant.as_ref().map(|name| format!(" --set cluster.mutant={name}")).unwrap_or_default()
    }

    #[cfg(not(feature = "mutants"))]
    const fn spoil(&self, _: &mut Scenario) -> String {
        String::new()
    }
}

/// What the threads share.
struct Shared<'a> {
    asked: &'a Explore,
    listed: Vec<World>,
    bounds: Bounds,
    started: Instant,
    next: AtomicUsize,
    /// The sum of the traces, so that it does not depend on the order of the runs.
    trace: AtomicU64,
    totals: Mutex<Totals>,
    failed: Mutex<Vec<(World, Scenario, Played)>>,
    progress: ProgressBar,
}

impl Shared<'_> {
    /// The next world; `None` at the end.
    fn next_world(&self) -> Option<World> {
        let asked = self.asked;
        let failed = !asked.all && !lock(&self.failed).is_empty();
        if failed || self.started.elapsed() >= asked.time.0 {
            return None;
        }
        let turn = asked.shard.turn(self.next.fetch_add(1, Ordering::Relaxed));
        if asked.seeds.is_some() {
            return self.listed.get(turn).copied();
        }
        let more = match asked.node_seconds {
            Some(wanted) => lock(&self.totals).node_seconds() < asked.shard.share(wanted),
            None => (turn as u64) < asked.runs,
        };
        let seed = asked.seed.wrapping_add(turn as u64);
        more.then(|| World { seed, kind: asked.kind.unwrap_or_else(|| Kind::drawn(seed)) })
    }

    fn play(&self, world: World) {
        let World { seed, kind } = world;
        let mut scenario = sample_of(kind, seed, &self.bounds);
        let Bounds { nodes, faults } = self.bounds;
        let mut rerun = format!(
            "scalesmall-sim replay --kind {kind} --seed {seed} --nodes {nodes} --faults {faults}"
        );
        rerun += &self.asked.spoil(&mut scenario);
        let played = play(
            &scenario,
            seed,
            Options { rerun, checks: self.asked.checks, ..Options::default() },
        );
        let trace = played.hash.wrapping_mul(seed | 1);
        self.trace.fetch_add(trace, Ordering::Relaxed);
        let mut totals = lock(&self.totals);
        totals.add(kind, &scenario, &played);
        if self.asked.node_seconds.is_some() {
            self.progress.set_position(totals.node_seconds());
        } else {
            self.progress.inc(1);
        }
        drop(totals);
        if let Some(failure) = &played.failure {
            if self.asked.all {
                let text =
                    format!("seed {world}: {}: {}", failure.broken.check(), failure.summary());
                // A reader that goes away ends what is told, not the swarm.
                let _ = self.progress.suspend(|| print(format!("{text}\n").as_bytes()));
            }
            lock(&self.failed).push((world, scenario, played));
        }
    }
}

/// Explores, and says what has been seen; shrinks the failure of the lowest seed.
pub(crate) fn explore(asked: &Explore) -> Outcome {
    let listed = asked.seeds.as_deref().map(worlds_of).transpose()?.unwrap_or_default();
    let out = (!asked.all).then_some(&asked.out);
    for file in asked.report.iter().chain(out) {
        output::ready(file, asked.seeds.as_deref())?;
    }
    if let (Some(report), Some(out)) = (&asked.report, out) {
        output::apart(report, out)?;
    }
    let len = if asked.seeds.is_some() { listed.len() as u64 } else { asked.runs };
    let len = asked.node_seconds.unwrap_or(len);
    let shared = Shared {
        asked,
        listed,
        bounds: Bounds { nodes: asked.nodes as usize, faults: asked.faults },
        started: Instant::now(),
        next: AtomicUsize::new(0),
        trace: AtomicU64::new(0),
        totals: Mutex::default(),
        failed: Mutex::default(),
        progress: bar(asked.shard.share(len), "exploring"),
    };
    in_parallel(asked.jobs, || {
        while let Some(world) = shared.next_world() {
            shared.play(world);
        }
    });
    shared.progress.finish_and_clear();
    let totals = lock(&shared.totals).clone();
    let mut failed = core::mem::take(&mut *lock(&shared.failed));
    failed.sort_by_key(|(world, ..)| *world);
    let (worlds, trace) = (totals.worlds(), shared.trace.load(Ordering::Relaxed));
    let checks = match asked.checks {
        Checks::All => String::new(),
        checks => format!(", checks {checks}"),
    };
    let text = format!(
        "{totals}trace {trace:016x}\n{} of {worlds} worlds broke a rule{checks}\n",
        failed.len()
    );
    print(text.as_bytes())?;
    let seen = if asked.node_seconds.is_some() { totals.node_seconds() } else { worlds };
    let share = shared.progress.length().unwrap_or(0);
    let is_early = failed.is_empty() && seen < share && shared.started.elapsed() >= asked.time.0;
    if is_early {
        let (time, more) = (asked.time, if worlds == 0 { ": raise it" } else { "" });
        tell(&format!("ended early: --time {time} was enough for {seen} of {share}{more}"));
    }
    if let Some(file) = &asked.report {
        let swarm = Swarm {
            first: asked.seed,
            kind: asked.kind,
            seeds: shared.listed,
            limit: len,
            node_seconds: asked.node_seconds.is_some(),
            nodes: asked.nodes as usize,
            faults: asked.faults,
        };
        let broken = |(world, _, played): &(World, Scenario, Played)| {
            let failure = played.failure.as_ref()?;
            Some((*world, format!("{}: {}", failure.broken.check(), failure.summary())))
        };
        let report = Report {
            swarm,
            shard: asked.shard,
            trace,
            broken: failed.iter().filter_map(broken).collect(),
            totals,
        };
        report.write(file)?;
    }
    let Some((world, scenario, played)) = failed.into_iter().next() else {
        // Time is a bound like others, but a swarm that has seen nothing has found nothing sound.
        return Ok(worlds > 0 || !is_early);
    };
    if let Some(failure) = played.failure.filter(|_| !asked.all) {
        print(format!("seed {world}; shrinking\n{failure}\n\n").as_bytes())?;
        let mut small = shrink(&scenario, played.seed, &failure, 400);
        let file = quoted(&asked.out.to_string_lossy());
        small.failure.rerun = format!("scalesmall-sim replay {file}");
        let World { seed, kind } = world;
        let (nodes, faults) = (asked.nodes, asked.faults);
        let text = small.to_toml(&format!(
            "scalesmall-sim explore --kind {kind} --seed {seed} --runs 1 --nodes {nodes} --faults {faults}"
        ));
        let told =
            format!("the smallest scenario that fails alike:\n\n{text}\n{}\n", small.failure);
        print(told.as_bytes())?;
        output::write(&asked.out, &text)?;
    }
    Ok(false)
}

/// How many nodes a random scenario may have.
fn nodes() -> impl TypedValueParser<Value = u64> {
    clap::value_parser!(u64).range(LEAST_NODES..=MOST_NODES)
}

/// How many nodes the largest random scenario may have, at least and at most.
pub(crate) const LEAST_NODES: u64 = 2;
pub(crate) const MOST_NODES: u64 = 65_536;

/// What the help says of an option that takes a kind of world.
pub(crate) fn kinds(what: &str, default: &str) -> String {
    let [names @ .., last] = Kind::ALL.map(Kind::name);
    format!("{what}: {} or {last} [default: {default}]", names.join(", "))
}

/// How many faults a random scenario may have.
pub(crate) fn faults() -> impl TypedValueParser<Value = u64> {
    clap::value_parser!(u64).range(1..=10_000)
}

/// The worlds of a file.
fn worlds_of(file: &Path) -> Result<Vec<World>, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut worlds = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let seed = line.split('#').next().unwrap_or_default().trim();
        if !seed.is_empty() {
            let wrong = |error| format!("{}, line {}: {error}", file.display(), at + 1);
            worlds.push(seed.parse().map_err(wrong)?);
        }
    }
    if worlds.is_empty() {
        return Err(format!("{} has no seeds: write one a line", file.display()));
    }
    Ok(worlds)
}
