//! The keys: one for each option of `scalesmall node`, read off the command line's own description.
//!
//! So an option that is new has its key and its variable at once, and what is said in a file or a variable is
//! checked by the same rules as on the command line.

use std::any::TypeId;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{BoolishValueParser, ValueParser};
use clap::error::ContextKind;
use clap::{Arg, ArgAction, Command, CommandFactory as _};

use crate::cli::Cli;

/// The option that names the file. A file cannot name itself.
pub(crate) const CONFIG: &str = "config";

/// The path of the control socket. Commands that ask a node read its variable as well.
pub(crate) const SOCKET: &str = "socket";

/// The table of what differs from the preset.
pub(crate) const ENGINE: &str = "engine";

/// What a value of a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Yes or no.
    Switch,
    Number,
    /// A file, relative to the directory of the file that names it.
    Path,
    Text,
}

/// An option of `scalesmall node` that can be set elsewhere as well.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// The name of the option within the program.
    pub(crate) id: String,
    /// Its name in a file: the option's, with `_` for `-`.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Whether it has several values.
    pub(crate) is_list: bool,
    /// The value that it has if nobody says anything.
    pub(crate) default: Option<String>,
    /// The keys that it contradicts.
    pub(crate) against: Vec<String>,
}

impl Key {
    /// The option of the command line.
    pub(crate) fn flag(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }

    /// The variable of the environment.
    pub(crate) fn variable(&self) -> String {
        format!("SCALESMALL_{}", self.name.to_uppercase())
    }

    /// Says what is wrong with a value, and what would be right.
    pub(super) fn check(&self, value: &OsString) -> Result<(), String> {
        let mut option = OsString::from(self.flag());
        option.push("=");
        option.push(value);
        let Err(error) = node().try_get_matches_from([OsString::from("node"), option]) else {
            return Ok(());
        };
        let shown = value.display();
        let valid =
            error.get(ContextKind::ValidValue).filter(|valid| !valid.to_string().is_empty());
        Err(match (std::error::Error::source(&error), valid) {
            (_, Some(valid)) => {
                format!("'{shown}' is no value of '{}': use one of {valid}", self.name)
            }
            (Some(why), None) => format!("'{shown}' is no value of '{}': {why}", self.name),
            (None, None) => format!("'{shown}' is no value of '{}'", self.name),
        })
    }
}

/// The whole command line. A switch may be followed by `=false`, which counts more than what a file says.
pub(crate) fn command() -> Command {
    let node = |command: Command| command.mut_args(switch);
    let config =
        |command: Command| command.mut_subcommand("check", node).mut_subcommand("show", node);
    Cli::command().mut_subcommand("node", node).mut_subcommand("config", config)
}

/// The command `node`.
pub(super) fn node() -> Command {
    let node = command().find_subcommand("node").cloned();
    node.expect("there is a command to run a node").disable_help_flag(true)
}

/// All keys, in the order of the options.
pub(crate) fn all() -> Vec<Key> {
    let command = node();
    let options: Vec<&Arg> = command.get_opts().collect();
    let name = |option: &Arg| option.get_long().map(|long| long.replace('-', "_"));
    let against = |one: &Arg, other: &Arg| {
        command.get_arg_conflicts_with(one).iter().any(|found| found.get_id() == other.get_id())
    };
    let key = |option: &&Arg| {
        let conflicts =
            options.iter().filter(|other| against(option, other) || against(other, option));
        Some(Key {
            id: option.get_id().to_string(),
            name: name(option).filter(|name| name != CONFIG)?,
            kind: kind(option.get_value_parser()),
            is_list: matches!(option.get_action(), ArgAction::Append),
            default: option.get_default_values().first().map(|value| value.display().to_string()),
            against: conflicts.filter_map(|other| name(other)).collect(),
        })
    };
    options.iter().filter_map(key).collect()
}

fn kind(parser: &ValueParser) -> Kind {
    let is = |wanted: TypeId| parser.type_id() == wanted;
    let numbers =
        [TypeId::of::<u8>(), TypeId::of::<u16>(), TypeId::of::<u32>(), TypeId::of::<u64>()];
    if is(TypeId::of::<bool>()) {
        Kind::Switch
    } else if numbers.into_iter().chain([TypeId::of::<usize>()]).any(is) {
        Kind::Number
    } else if is(TypeId::of::<PathBuf>()) {
        Kind::Path
    } else {
        Kind::Text
    }
}

fn switch(option: Arg) -> Arg {
    if !matches!(option.get_action(), ArgAction::SetTrue) {
        return option;
    }
    option
        .action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .default_value("false")
        .hide_default_value(true)
        .hide_possible_values(true)
        .value_parser(BoolishValueParser::new())
        .value_name("true|false")
}
