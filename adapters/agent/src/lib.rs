//! The `scalesmall` program: runs a node, talks to a running one, and shows what it can do.
//!
//! ```console
//! $ scalesmall keygen cluster.key
//! $ scalesmall node --name cook-1 --key-file cluster.key --seed peers.example.org --serve kitchen:0-999@7000
//! $ scalesmall peers
//! $ scalesmall route kitchen 17
//! $ scalesmall why cook-2
//! $ scalesmall demo
//! ```
//!
//! [Operating](operating) is the page for those that run it, [the configuration](configuration_file) and
//! [the control protocol](control) have pages of their own, and `scalesmall help` lists all commands.
//!
//! # Watching
//!
//! With `--metrics ADDRESS` a node serves by HTTP what can be watched of it. Nothing there changes anything,
//! and everything that can reach the address can read it: it tells the names of groups, and nothing of keys.
//! The log names the port if it was given as 0.
//!
//! | path | answer |
//! |---|---|
//! | `/metrics` | all gauges and counters of [`scalesmall_driver::figures`] and those of the program, in OpenMetrics text; `scalesmall metrics` prints the same |
//! | `/ready` | 200 if the node is ready, else 503 and the reason; `/ready?min_peers=2` if it must see two others alive |
//! | `/live` | 200 if the node answers within two seconds, else 503: it stands still |
//!
//! A node is ready once it knows its cluster (it has found a peer with an equal picture), and until it says
//! goodbye. One that sees nobody is ready five seconds after its start if it may be the first of its
//! cluster: it has no seeds or is one of them, and its state file knows no peers. `scalesmall ready --min-peers NUMBER` asks the same by the control socket; its exit status is 0
//! if the node is ready, 3 if it runs and is not ready, and 1 if no node answers.
//!
//! Beside the figures of the driver the program has `scalesmall_log_lines_waiting`, a gauge, and the counters
//! `log_lines_lost`, `watches_lagged`, `clients_refused` and `scrapers_refused` of the table below. The file
//! `dashboard.json` of this package is a dashboard for Grafana; import it, and choose the data source.
//!
//! # Log
//!
//! A node logs to stderr. `--log-level` says how much; without it the variable `RUST_LOG` does, with levels
//! or `TARGET=LEVEL`, joined by commas, such as `info,scalesmall_driver=debug`. `--log-format json` makes each
//! line an object: `timestamp`, `level`, `target` and `message`, which is the sentence of the text format;
//! for a change also `event` and, where they apply, `peer`, `group`, `from`, `to` and `cause`. The driver
//! tells of each change as well, with all of its parts and few words; as that would be twice the same, it is
//! left out unless `RUST_LOG` names `scalesmall_driver`.
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
//! | scrapers | 8 places, 2 s for a question, 5 s for its answer; the node is asked once a second at most, and 2 s for it | a scraper that says nothing makes room when all places are taken; one that is refused learns why: `scrapers_refused` |
//! | watches | 48 of these places, 4,096 changes each | the rest of the watch, which ends with `lagged`; `watches_lagged` |
//! | questions of other nodes | 100 a second, and one message for each answer | further questions: the node that asks lists this one as silent |
//! | names of seeds | a thread for each | nothing; a name that cannot be looked up is in the log |
//! | recording | 16 MiB that wait for the disk, and `--record-size` | the rest of the recording; `recording_errors` |
//! | state file | one state that waits for the disk | nothing: it is tried again; `state_errors` |
//! | file descriptors | one is kept | clients are served one after the other; in the log |
//!
//! A thread that panics is started again, and the log says so; if it is `events`, the program ends with
//! status 70 and says which one it was. `SIGTERM` and `SIGINT` say goodbye, which takes a second at most
//! with the preset `lan`; `SIGHUP` has the configuration read again.
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
//! | | `scrapers` | the address at which a node is watched by HTTP |
//! | | `server` | serving clients, each on a thread of its own |
//! | changes | `findings` | what takes the knowledge of other nodes as well |
//! | | `reload` | reading the configuration again, and changing what can be changed |
//! | | `goodbye` | how a node that a signal ends stops: it drains, and departs |
//! | answers | `answers` | what a node answers to a request, on the thread of the node |
//! | | `inquiries` | questions to other nodes of this program, by messages |
//! | | `ring` | what is asked about keys, and the file in which a node keeps them |
//! | | `scrapes` | the figures of a node, asked of it at most once a second |
//! | | `settings` | the settings of a node, from what counts of its configuration |
//! | | `show` | tables and lines for people |
//! | | `watchers` | clients that watch changes |
//! | judging | `event_log` | events in the log: how important each is |
//! | | `evidence` | what a node knows of itself, and what it has seen of others |
//! | | `findings_text` | what was found out about nodes, for people |
//! | | `readiness` | whether a node is ready |
//! | choices | `configuration` | what a file, the environment and the command line say, and what counts |
//! | language | `cli` | the command line |
//! | | `diagnosis` | what the counters say is set up wrongly |
//! | | `notify` | what a service manager is told |
//! | | `places` | the places of clients, and which client makes room for the next one |
//! | | `protocol` | what client and node say to each other, in JSON |
//! | | `socket_file` | where a node is asked, and by whom |
//! | | `whom` | which node a text means: a name, an address, an id |
//! | asking | `questions` | the part of the command line by which a running node is asked |
//! | words | `arguments` | texts that are groups, names, ranges, ports, addresses, operations |
//! | | `cause` | why a peer's status changed, for people and for programs |
//! | | `counters` | all counters of a node, by name |
//! | | `http` | as much of HTTP as those that watch a node need |
//! | | `log_lines` | what is logged, and how a line looks |
//! | | `openmetrics` | figures as OpenMetrics text |
//! | | `runtime` | running the node on the runtime of one's choice |
//! | | `table` | tables, and what stands in their cells |
//! | | `seed_log` | seeds that cannot be looked up or do not answer, told by name |
//! | footing | `threads` | threads whose end is noticed |
//! | ground | `failure` | the one line that says what went wrong |
//! | | `log` | lines that wait for stderr in a bounded queue |
//! | | `rarely` | what goes on for long is told at once, and then ever more rarely |
//! | | `stream` | what is needed of a connection |
//! | | `stop` | what ends a running node: a signal, a client, a conflict |
//! | below | `terminal` | texts of others on a terminal |
//! | the text | [`configuration_file`] | the configuration: what counts, how it is written, reading it again |
//! | | [`control`] | the control protocol, for those that write a client |
//! | | [`operating`] | bringing nodes up, watching and changing them, and every warning |
//!
//! All state of a node is in the driver's `Node`, on a thread of its own. Clients reach it through a
//! `Handle`; what they share beside it (which of them watch, and which have a place) is in `watchers` and
//! `places`.

#[doc = include_str!("control.md")]
#[cfg(doc)]
pub mod control {}
#[doc = include_str!("configuration.md")]
#[cfg(doc)]
pub mod configuration_file {}
#[doc = include_str!("operating.md")]
#[cfg(doc)]
pub mod operating {}

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
mod event_log;
mod evidence;
mod failure;
mod findings;
mod findings_text;
mod goodbye;
mod http;
mod inquiries;
mod keygen;
mod log;
mod log_lines;
mod manual;
mod node;
mod notify;
mod openmetrics;
mod places;
mod protocol;
mod questions;
mod rarely;
mod readiness;
mod reload;
mod replay;
mod ring;
mod runtime;
mod scrapers;
mod scrapes;
mod seed_log;
mod server;
mod settings;
mod show;
mod socket_file;
mod stop;
mod stream;
mod table;
mod terminal;
mod threads;
mod watchers;
mod whom;

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
