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
//! | | `keygen` | `scalesmall keygen`: making a key |
//! | | `replay` | `scalesmall replay`: running the recording of a node again |
//! | | `server` | serving clients, each on a thread of its own |
//! | answers | `answers` | what a node answers to a request, on the thread of the node |
//! | | `settings` | the settings of a node, from options and environment |
//! | | `show` | tables and lines for people |
//! | | `watchers` | clients that watch changes |
//! | language | `cli` | the command line |
//! | | `diagnosis` | what the counters say is set up wrongly |
//! | | `protocol` | what client and node say to each other, in JSON |
//! | | `socket_file` | where a node is asked, and by whom |
//! | words | `arguments` | texts that are groups, ranges, ports, addresses, operations |
//! | | `cause` | why a peer's status changed, for people and for programs |
//! | | `counters` | all counters of a node, by name |
//! | | `failure` | the one line that says what went wrong |
//! | | `runtime` | running the node on the runtime of one's choice |
//! | | `stop` | what ends a running node: a signal, a client, a conflict |
//!
//! All state of a node is in the driver's `Node`, on a thread of its own. Clients reach it through a
//! `Handle`; what they share beside it (which of them watch, and how many are served) is in `watchers` and
//! `server`.

mod answers;
mod arguments;
mod cause;
mod cli;
mod client;
mod counters;
mod demo;
mod diagnosis;
mod failure;
mod keygen;
mod node;
mod protocol;
mod replay;
mod runtime;
mod server;
mod settings;
mod show;
mod socket_file;
mod stop;
mod watchers;

use std::process::ExitCode;

pub use crate::answers::answer_line;

use clap::Parser as _;
use clap::error::ErrorKind;

use crate::cli::{Cli, Command};
use crate::failure::Failure;

/// The whole program: its exit code.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error)
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) =>
        {
            // Printing help to a pipe that nobody reads is no failure.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return Failure::usage(&error).report(),
    };
    let done = match cli.command {
        Command::Node(options) => node::run(*options),
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
