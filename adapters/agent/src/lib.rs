//! The `scalesmall` program: runs a node, talks to a running one, and shows what it can do.
//!
//! | module | subject |
//! |---|---|
//! | `arguments` | texts that are groups, ranges, ports, addresses |
//! | `cause` | why a peer's status changed, for people and for programs |
//! | `cli` | the command line |
//! | `client` | asking a running node |
//! | `demo` | a story told with real nodes |
//! | `diagnosis` | what the counters say is set up wrongly |
//! | `failure` | the one line that says what went wrong |
//! | `keygen` | making a key |
//! | `protocol` | what client and node say to each other |
//! | `run` | `scalesmall node` |
//! | `runtime` | running the node on the runtime of one's choice |
//! | `server` | answering clients |
//! | `show` | tables and lines for people |
//! | `socket_file` | where a node is asked, and who may |

mod arguments;
mod cause;
mod cli;
mod client;
mod demo;
mod diagnosis;
mod failure;
mod keygen;
mod protocol;
mod run;
mod runtime;
mod server;
mod show;
mod socket_file;

use std::process::ExitCode;

pub use crate::server::answer_line;

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
        Command::Node(options) => run::run(*options),
        Command::Demo(options) => demo::run(&options),
        Command::Keygen(options) => keygen::run(&options),
        Command::Replay(options) => run::replay(&options),
        Command::Ask(ask) => client::run(&ask),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
