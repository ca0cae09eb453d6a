//! The program `scalesmall-sim`: plays scenarios, explores random ones, shrinks what fails.
//!
//! # Map
//!
//! A module knows modules of lower layers only. The test `layers` compares this table with the
//! sources.
//!
//! | layer | module | what it is for |
//! |---|---|---|
//! | verbs | `help` | the page on scenario files, and the help of each verb |
//! | | `list` | listing the scenario files of a folder |
//! | | `replay` | playing a seed again, or what a node has recorded |
//! | | `results` | writing the page of results |
//! | | `run` | playing scenario files |
//! | swarm | `explore` | playing random scenarios until one fails, and shrinking that |
//! | shards | `merge` | joining what the shards of a swarm, or of the results, have reported |
//! | work | `forecast` | what will not fit into memory, or take hours |
//! | | `playing` | playing a scenario at each point of its grid, with several seeds |
//! | | `portion` | what one shard of the results has played, and the page of all of them |
//! | | `recording` | making the calls of a node's recording again |
//! | ground | `console` | what is printed, and how a verb ends |
//! | | `files` | reading scenario files |
//! | | `lines` | what happens in a simulation, as JSON lines |
//! | | `output` | files that are written: looked at before, and written to the end |
//! | | `parallel` | several runs at once |
//! | | `set` | changes of a scenario by arguments |
//! | | `shard` | one of several parts of what is played |
//!
//! There is no state but that of the verb that runs.

mod console;
mod explore;
mod files;
mod forecast;
mod help;
mod lines;
mod list;
mod merge;
mod output;
mod parallel;
mod playing;
mod portion;
mod recording;
mod replay;
mod results;
mod run;
mod set;
mod shard;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Simulates clusters of ScaleSmall nodes in virtual time.
///
/// Ends with status 0 if all scenarios passed, 1 if one failed or missed a bar, or if there was no time
/// for any, and 2 if a file cannot be read or written.
#[derive(Parser)]
#[command(version, disable_help_subcommand = true)]
struct Program {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Play scenario files, each with several seeds, and compare their figures with their bars
    ///
    /// `scalesmall-sim help scenarios` says how the files are written.
    ///
    /// One run is recorded by playing its seed again: `scalesmall-sim replay FILE --seed N --trace F`
    /// writes all that happens, `--pcap F` a capture for a packet analyser.
    Run(run::Run),
    /// Play all scenario files of a folder and write the page of results, or a part of it
    Results(results::Results),
    /// Play random scenarios until the time or the number is used up; shrink the first that fails
    Explore(explore::Explore),
    /// Join what the shards of a swarm have reported, or those of the results, which come to a page
    Merge(merge::Merge),
    /// Play one seed of a scenario twice, compare the traces, and show or record what happens; or
    /// make the calls of a node's recording again, and compare all answers
    Replay(replay::Replay),
    /// List the scenario files of a folder, and what they are about
    List {
        /// The folder
        #[arg(default_value = "sim/scenarios")]
        folder: PathBuf,
    },
    /// Print a dissector for Wireshark and tshark, in Lua: it shows packets, frames and names
    ///
    /// For example: `scalesmall-sim dissector > scalesmall.lua`, then
    /// `tshark -X lua_script:scalesmall.lua -r capture.pcapng`. What else it can do is said at the top of it.
    Dissector,
    /// Print the help of a verb, or the page on scenario files: `help scenarios`
    Help(help::Help),
}

fn main() -> ExitCode {
    let outcome = match Program::parse().verb {
        Verb::Run(run) => run::run(&run),
        Verb::Results(results) => results::write(&results),
        Verb::Explore(explore) => explore::explore(&explore),
        Verb::Merge(merge) => merge::merge(&merge),
        Verb::Replay(replay) => replay::replay(&replay),
        Verb::List { folder } => list::list(&folder),
        Verb::Dissector => match console::print(DISSECTOR.as_bytes()) {
            Ok(()) => Ok(true),
            Err(error) => Err(error.into()),
        },
        Verb::Help(help) => help::help(&help, Program::command()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            console::tell(&format!("scalesmall-sim: {error}"));
            ExitCode::from(2)
        }
    }
}

/// Shows packets in Wireshark.
const DISSECTOR: &str = include_str!("dissector.lua");
