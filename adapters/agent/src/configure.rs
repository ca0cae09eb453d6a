//! `scalesmall config`: what is wrong with a configuration, and what counts in it.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::ArgMatches;
use scalesmall_driver::Settings;
use serde::Serialize;
use toml::{Table, Value};

use crate::cli::{ConfigCommand, NodeOptions};
use crate::configuration::{self, Configuration, ENGINE, Faults, Flags, Key, Kind, Source};
use crate::failure::Failure;
use crate::settings::{self, preset_name};
use crate::socket_file;

/// The variable that holds a key.
const KEY: &str = "GROUP_MANAGER_KEY";

/// One key and what it is.
#[derive(Debug, Serialize)]
struct Row {
    key: String,
    /// `None` if the key has no value.
    value: Option<Value>,
    /// The place: `FILE:LINE`, a variable, an option, `preset NAME` or `default`.
    from: String,
}

/// `scalesmall config check` and `scalesmall config show`, with what was said after them.
pub(crate) fn run(command: &ConfigCommand, matches: &ArgMatches) -> Result<(), Failure> {
    let flags = Flags::new(matches.subcommand().map_or(matches, |(_, inner)| inner));
    let read = || -> Result<(Configuration, Settings), Faults> {
        let configuration = Configuration::new(&flags, &|name| std::env::var_os(name))?;
        let settings = settings::described(&configuration)?;
        Ok((configuration, settings))
    };
    let starts = |configuration: &Configuration| settings::of_node(configuration).map(drop);
    let mut out = io::stdout().lock();
    match command {
        ConfigCommand::Check(_) => match read().and_then(|(it, _)| starts(&it).map(|()| it)) {
            Ok(configuration) => {
                for fault in settings::missing_directories(&configuration) {
                    // Whatever starts the node may make it first, so it is no fault of the configuration.
                    let _ = writeln!(io::stderr(), "scalesmall: {fault}");
                }
                let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
                for (name, meant) in configuration::misspelt(&names.collect::<Vec<_>>()) {
                    // It is no fault: it may be another program's.
                    let line = format!("{name} counts for nothing: it may be meant as {meant}");
                    let _ = writeln!(io::stderr(), "scalesmall: {line}");
                }
                let of = configuration
                    .file
                    .map_or_else(String::new, |path| format!("{}: ", path.display()));
                Ok(writeln!(out, "{of}no faults")?)
            }
            Err(Faults(faults)) => {
                let (last, before) =
                    faults.split_last().ok_or_else(|| Failure::internal("no fault"))?;
                for fault in before {
                    // The last one, and the exit code, say that there is something wrong.
                    let _ = writeln!(io::stderr(), "scalesmall: {fault}");
                }
                Err(Failure::new(last.to_string()))
            }
        },
        ConfigCommand::Show(options) => {
            let (configuration, settings) = read()?;
            if let Err(faults) = starts(&configuration) {
                let why = Failure::from(faults);
                let _ =
                    writeln!(io::stderr(), "scalesmall: no node starts with this: {}", why.line());
            }
            let rows = rows(&configuration, &settings);
            let text =
                if options.json { serde_json::to_string(&rows)? + "\n" } else { text(&rows) };
            match out.write_all(text.as_bytes()) {
                // The reader of the output has closed it.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                written => Ok(written?),
            }
        }
    }
}

/// All keys, and then all that the engine has.
fn rows(configuration: &Configuration, settings: &Settings) -> Vec<Row> {
    let row = |key: Key| {
        let source = configuration.source(&key.name);
        let said = configuration.values(&key.name);
        let text = |value: &std::ffi::OsString| value.to_string_lossy().into_owned();
        let value = if key.name == "key_file" && configuration.original(KEY).is_some() {
            // What the variable holds is told to nobody.
            None
        } else if let Some(value) = in_force(&key.name, configuration, settings) {
            Some(value)
        } else if key.is_list {
            Some(Value::Array(
                said.iter().map(|value| Value::String(absolute(&key, text(value)))).collect(),
            ))
        } else {
            let said = said.first().map(text).or_else(|| key.default.clone());
            said.map(|said| value(&key, said))
        };
        Row { key: key.name, value, from: source.to_string() }
    };
    let keys = configuration::all().into_iter().filter(|key| key.name != ENGINE).map(row);
    keys.chain(engine(configuration, settings)).collect()
}

/// The values of keys that follow from others, or from this host, if nobody has said them.
fn in_force(key: &str, configuration: &Configuration, settings: &Settings) -> Option<Value> {
    let text = |text: String| Some(Value::String(text));
    let path = |path: PathBuf| text(path.display().to_string());
    match key {
        "bind" => text(settings.bind.to_string()),
        "multicast" => Some(Value::Boolean(configuration.options.multicast)),
        "no_multicast" => Some(Value::Boolean(configuration.no_multicast())),
        "multicast_group" => settings.multicast.and_then(|at| text(at.group.to_string())),
        "multicast_ttl" => settings.multicast.map(|at| Value::Integer(at.ttl.into())),
        "send_rate" => Some(Value::Integer(settings.config([0; 32]).send_rate.bytes.into())),
        "socket" => path(socket_of(&configuration.options)),
        _ => None,
    }
}

/// Where a node with these options is asked.
fn socket_of(options: &NodeOptions) -> PathBuf {
    options.socket.clone().unwrap_or_else(socket_file::default_path)
}

fn value(key: &Key, said: String) -> Value {
    match key.kind {
        Kind::Switch => Value::Boolean(!configuration::is_off(&said)),
        Kind::Number => said.parse().map_or(Value::String(said), Value::Integer),
        Kind::Path | Kind::Text => Value::String(absolute(key, said)),
    }
}

/// A path that means the same wherever the file with it is.
fn absolute(key: &Key, said: String) -> String {
    match (key.kind, std::path::absolute(&said)) {
        (Kind::Path, Ok(path)) => path.display().to_string(),
        _ => said,
    }
}

/// What the engine goes by. What has a key of its own is not told twice.
fn engine(configuration: &Configuration, settings: &Settings) -> Vec<Row> {
    let Ok(table) = Table::try_from(settings.config([0; 32])) else { return Vec::new() };
    let own = ["multicast", "send_rate.bytes"];
    let leaves = configuration::leaves(&table).into_iter();
    let row = |(path, value): (String, Value)| {
        let preset = || Source::Preset(preset_name(configuration.options.preset).to_owned());
        let source = configuration.engine.source(&path).cloned().unwrap_or_else(preset);
        Row { key: format!("{ENGINE}.{path}"), value: Some(value), from: source.to_string() }
    };
    leaves.filter(|(path, _)| !own.contains(&path.as_str())).map(row).collect()
}

/// A file that means the same, with the source of each value in a comment.
fn text(rows: &[Row]) -> String {
    let line = |Row { key, value, from }: &Row| match value {
        Some(value) => (format!("{key} = {value}"), format!("# {from}")),
        None if from == "default" => (format!("# {key} is not set"), String::new()),
        None => (format!("# {key} is not set"), format!("({from})")),
    };
    let lines: Vec<(String, String)> = rows.iter().map(line).collect();
    let width = lines.iter().map(|(line, _)| line.len()).filter(|len| *len < 60).max().unwrap_or(0);
    let line = |(line, from): &(String, String)| {
        format!("{line:width$}  {from}").trim_end().to_owned() + "\n"
    };
    lines.iter().map(line).collect()
}
