//! The `scalesmall` program: runs a node, talks to a running one, and shows what it can do.
//!
//! # Map
//!
//! A module knows modules of lower layers only. The test `layers` compares this table with the
//! sources.
//!
//! | layer | module | what it is for |
//! |---|---|---|
//! | stories | `demo` | `scalesmall demo`: a story told with real nodes, which are programs of their own |
//! | | `node` | `scalesmall node`: runs a node until it is told to stop |
//! | commands | `client` | asking a running node, and printing what it answers |
//! | | `configure` | `scalesmall config`: what is wrong with a configuration, and what counts in it |
//! | | `keygen` | `scalesmall keygen`: making a key |
//! | | `manual` | completions for shells, and manual pages |
//! | | `replay` | `scalesmall replay`: running the recording of a node again |
//! | | `server` | serving clients, each on a thread of its own |
//! | changes | `reload` | reading the configuration again, and changing what can be changed |
//! | answers | `answers` | what a node answers to a request, on the thread of the node |
//! | | `settings` | the settings of a node, from what counts of its configuration |
//! | | `show` | tables and lines for people |
//! | | `watchers` | clients that watch changes |
//! | choices | `configuration` | what a file, the environment and the command line say, and what counts |
//! | language | `cli` | the command line |
//! | | `diagnosis` | what the counters say is set up wrongly |
//! | | `notify` | what a service manager is told |
//! | | `places` | the places of clients, and which client makes room for the next one |
//! | | `protocol` | what client and node say to each other, in JSON |
//! | | `socket_file` | where a node is asked, and by whom |
//! | words | `arguments` | texts that are groups, ranges, ports, addresses, operations |
//! | | `cause` | why a peer's status changed, for people and for programs |
//! | | `counters` | all counters of a node, by name |
//! | | `failure` | the one line that says what went wrong |
//! | | `runtime` | running the node on the runtime of one's choice |
//! | | `seed_log` | seeds that cannot be looked up or do not answer, told by name |
//! | | `threads` | threads whose end is noticed |
//! | ground | `log` | lines that wait for stderr in a bounded queue |
//! | | `rarely` | what goes on for long is told at once, and then ever more rarely |
//! | | `stop` | what ends a running node: a signal, a client, a conflict |
//! | the text | [`configuration_file`] | the configuration: what counts, how it is written, reading it again |
//! | | [`control`] | the control protocol, for those that write a client |
//!
//! All state of a node is in the driver's `Node`, on a thread of its own. Clients reach it through a
//! `Handle`; what they share beside it (which of them watch, and which have a place) is in `watchers` and
//! `places`.
//!
//! # What cannot stop a node
//!
//! Nothing optional stands in front of something necessary. What a node needs is its own thread, the thread
//! `events`, and the one that waits for signals. Everything else has a bounded queue or a time-out, and
//! loses what does not fit:
//!
//! | what | its bound | what is lost, and where it is told |
//! |---|---|---|
//! | log | 1,024 lines | lines: in the log, once it can be written again; `log_lines_lost` |
//! | stdout | one line, on a thread of its own | that line |
//! | clients | 64 places, 2 s for a request, 10 s for its answer | a client that says nothing makes room when all places are taken; one that is refused learns why: `clients_refused` |
//! | watches | 48 of these places, 4,096 changes each | the rest of the watch, which ends with `lagged`; `watches_lagged` |
//! | names of seeds | a thread for each | nothing; a name that cannot be looked up is in the log |
//! | recording | 16 MiB that wait for the disk, and `--record-size` | the rest of the recording; `recording_errors` |
//! | state file | one state that waits for the disk | nothing: it is tried again; `state_errors` |
//! | file descriptors | one is kept | clients are served one after the other; in the log |
//!
//! A thread that panics is started again, and the log says so; if it is `events`, the program ends with
//! status 70 and says which one it was. `SIGTERM` and `SIGINT` say goodbye, which takes a second at most
//! with the preset `lan`; `SIGHUP` has the configuration read again.

#[doc = include_str!("control.md")]
#[cfg(doc)]
pub mod control {}
#[doc = include_str!("configuration.md")]
#[cfg(doc)]
pub mod configuration_file {}

mod answers;
mod arguments;
mod cause;
mod cli;
mod client;
mod configuration;
mod configure;
mod counters;
mod demo;
mod diagnosis;
mod failure;
mod keygen;
mod log;
mod manual;
mod node;
mod notify;
mod places;
mod protocol;
mod rarely;
mod reload;
mod replay;
mod runtime;
mod seed_log;
mod server;
mod settings;
mod show;
mod socket_file;
mod stop;
mod threads;
mod watchers;

use std::process::ExitCode;

pub use crate::answers::answer_line;

use clap::FromArgMatches as _;
use clap::error::ErrorKind;

use crate::cli::{Cli, Command};
use crate::failure::Failure;

/// The whole program: its exit code.
#[must_use]
pub fn run() -> ExitCode {
    let parsed = configuration::command()
        .try_get_matches()
        .and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error)
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) =>
        {
            // Printing help to a pipe that nobody reads is no failure.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return Failure::usage(&error).report(),
    };
    // What was said after the name of the command.
    let said = matches.subcommand().map_or(&matches, |(_, said)| said);
    let done = match cli.command {
        Command::Node(_) => node::run(said),
        Command::Config(command) => configure::run(&command, said),
        Command::Completions(options) => manual::completions(&options),
        Command::Man(options) => manual::pages(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Keygen(options) => keygen::run(&options),
        Command::Replay(options) => replay::run(&options),
        Command::Ask(ask) => client::run(&ask),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
