//! The program `scalesmall-sim`: plays scenarios, explores random ones, shrinks what fails.

mod program;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use scalesmall_sim::report::{Runs, lines, page, table};
use scalesmall_sim::scenario::{Options, Scenario, play};

use program::output;

/// Simulates clusters of ScaleSmall nodes in virtual time.
///
/// Ends with status 0 if all scenarios passed, 1 if one failed or missed a bar, or if there was no time
/// for any, and 2 if a file cannot be read or written.
#[derive(Parser)]
#[command(version)]
struct Program {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Play scenario files, each with several seeds, and compare their figures with their bars
    ///
    /// One run is recorded by playing its seed again: `scalesmall-sim replay FILE --seed N --trace F`
    /// writes all that happens, `--pcap F` a capture for a packet analyser.
    Run(Run),
    /// Play all scenario files of a folder and write the page of results, or a part of it
    Results(program::results::Results),
    /// Play random scenarios until the time or the number is used up; shrink the first that fails
    Explore(program::explore::Explore),
    /// Join what the shards of a swarm have reported
    Merge(program::merge::Merge),
    /// Play one seed of a scenario twice, compare the traces, and show or record what happens; or
    /// make the calls of a node's recording again, and compare all answers
    Replay(program::replay::Replay),
    /// List the scenario files of a folder, and what they are about
    List {
        /// The folder
        #[arg(default_value = "sim/scenarios")]
        folder: PathBuf,
    },
}

#[derive(Args)]
struct Run {
    /// Scenario files (TOML)
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The number of seeds with which each is played [default: what the file says]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    seeds: Option<u32>,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    changes: program::set::Changes,
    /// How many runs at once [default: one per core]
    #[arg(long, value_parser = jobs())]
    jobs: Option<u16>,
    /// Print JSON lines, not a table
    #[arg(long)]
    json: bool,
    /// Write a self-contained HTML page as well, after each scenario
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

fn main() -> ExitCode {
    let outcome = match Program::parse().verb {
        Verb::Run(run) => run_files(&run),
        Verb::Results(results) => program::results::write(&results),
        Verb::Explore(explore) => program::explore::explore(&explore),
        Verb::Merge(merge) => program::merge::merge(&merge),
        Verb::Replay(replay) => program::replay::replay(&replay),
        Verb::List { folder } => list(&folder),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            tell(&format!("scalesmall-sim: {error}"));
            ExitCode::from(2)
        }
    }
}

/// How many runs there can be at once: each is a thread.
fn jobs() -> impl clap::builder::TypedValueParser<Value = u16> {
    clap::value_parser!(u16).range(1..=1_024)
}

type Outcome = Result<bool, Box<dyn std::error::Error>>;

fn read(file: &Path) -> Result<Scenario, Box<dyn std::error::Error>> {
    let wrong = |error| format!("{}: {error}", file.display());
    parse(file, &fs::read_to_string(file).map_err(wrong)?)
}

fn parse(file: &Path, text: &str) -> Result<Scenario, Box<dyn std::error::Error>> {
    text.parse().map_err(|error| format!("{}: {error}", file.display()).into())
}

fn run_files(run: &Run) -> Outcome {
    let mut scenarios = Vec::new();
    for file in &run.files {
        let wrong = |error| format!("{} {error}", file.display());
        scenarios.push((file, run.changes.apply(read(file)?).map_err(wrong)?));
    }
    if let Some(page) = &run.html {
        output::ready(page, run.files.iter().map(PathBuf::as_path))?;
    }
    let mut all = Vec::new();
    for (file, scenario) in scenarios {
        let plan = Plan {
            file,
            changes: run.changes.arguments(),
            first: run.seed,
            seeds: run.seeds.unwrap_or(scenario.seeds),
            jobs: run.jobs,
            // Only the first run's course is drawn.
            every: run.html.is_some().then_some(50_000_000),
        };
        let runs = play_points(&scenario, &plan)?;
        print(if run.json { lines } else { table }(&runs).as_bytes())?;
        all.extend(runs);
        if let Some(file) = &run.html {
            output::write(file, &page(&all))?;
        }
    }
    Ok(all.iter().all(Runs::passed))
}

/// How a scenario is played with several seeds.
struct Plan<'a> {
    file: &'a Path,
    /// Arguments that change the file.
    changes: String,
    first: u64,
    seeds: u32,
    jobs: Option<u16>,
    /// How far apart the moments of the first run are, in nanoseconds.
    every: Option<u64>,
}

/// Plays a scenario at each point of its grid.
fn play_points(
    scenario: &Scenario,
    plan: &Plan<'_>,
) -> Result<Vec<Runs>, Box<dyn std::error::Error>> {
    let wrong = |error| format!("{}: {error}", plan.file.display());
    let points = scenario.points().map_err(wrong)?.into_iter();
    let with = |point: &Scenario| {
        let set =
            |(key, value)| format!(" --set {}", program::set::quoted(&format!("{key}={value}")));
        plan.changes.clone() + &point.point_values().map(set).collect::<String>()
    };
    Ok(points.map(|point| play_seeds(&with(&point), point, plan)).collect())
}

fn play_seeds(changes: &str, scenario: Scenario, plan: &Plan<'_>) -> Runs {
    let seeds = u64::from(plan.seeds);
    let progress = bar(seeds, &format!("{} {}", scenario.name, scenario.point()));
    let runs = Mutex::new(Vec::new());
    let next = AtomicU64::new(0);
    in_parallel(plan.jobs, || {
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            if turn >= seeds {
                return;
            }
            let seed = plan.first.wrapping_add(turn);
            let file = program::set::quoted(&plan.file.to_string_lossy());
            let options = Options {
                every: plan.every.filter(|_| turn == 0),
                tap: None,
                rerun: format!("scalesmall-sim replay {file}{changes} --seed {seed}"),
            };
            let played = play(&scenario, seed, options);
            progress.inc(1);
            lock(&runs).push(played);
        }
    });
    progress.finish_and_clear();
    let mut runs = runs.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    runs.sort_by_key(|run| run.seed);
    Runs { scenario, runs }
}

/// The scenario files of a folder, by name.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(|error| format!("{}: {error}", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|file| file.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    if files.is_empty() {
        return Err(format!("{} has no scenario files: name another folder", folder.display()));
    }
    files.sort();
    Ok(files)
}

/// Tells of each file; one that is wrong does not hide the others.
fn list(folder: &Path) -> Outcome {
    let (mut text, mut wrong) = (String::new(), Vec::new());
    for file in files_of(folder)? {
        let scenario = match read(&file) {
            Ok(scenario) => scenario,
            Err(error) => {
                wrong.push(error);
                continue;
            }
        };
        text += &format!(
            "{:<32} {:>6} nodes  {}\n",
            file.display(),
            scenario.cluster.nodes,
            scenario.about
        );
    }
    print(text.as_bytes())?;
    for error in &wrong {
        tell(&format!("scalesmall-sim: {error}"));
    }
    match wrong.len() {
        0 => Ok(true),
        count => Err(format!("{}: files that are no scenarios: {count}", folder.display()).into()),
    }
}

/// Prints to standard output; a reader that goes away is no error.
fn print(text: &[u8]) -> io::Result<()> {
    match io::stdout().lock().write_all(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Prints a line, or several, to standard error; there need be nobody to read it.
fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn bar(len: u64, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {eta}");
    let bar = ProgressBar::new(len).with_message(what.to_owned());
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn in_parallel(jobs: Option<u16>, work: impl Fn() + Sync) {
    let cores = std::thread::available_parallelism().map_or(1, core::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..jobs.map_or(cores, usize::from) {
            scope.spawn(&work);
        }
    });
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
