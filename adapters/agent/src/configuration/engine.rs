//! What differs from the preset: intervals, time-outs and limits of the engine.

use std::collections::BTreeMap;

use scalesmall_core::ConfigPatch;
use serde::Deserialize as _;
use toml::{Table, Value};

use super::fault::{Fault, Source};
use super::file::nearest;

/// What is set by keys of its own, and by which.
const ELSEWHERE: [(&str, &str); 2] = [("multicast", "multicast"), ("send_rate.bytes", "send_rate")];

/// What differs from the preset, with the source of each value.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    table: Table,
    sources: BTreeMap<String, Source>,
}

impl Differences {
    /// Sets the value at a path such as `limits.nodes`, which counts more than what was set there before.
    pub(super) fn set(&mut self, path: &str, value: Value, source: Source) -> Result<(), Fault> {
        if let Some((_, key)) = ELSEWHERE.iter().find(|(known, _)| *known == path) {
            let what = format!(
                "'engine.{path}' has a key of its own: set '{key}' instead, outside of [engine]"
            );
            return Err(Fault::at(source, what));
        }
        let mut alone = Table::new();
        put(&mut alone, path, value.clone());
        if let Err(error) = ConfigPatch::deserialize(alone) {
            return Err(Fault::at(source, told(path, &value, error.message())));
        }
        put(&mut self.table, path, value);
        self.sources.insert(path.to_owned(), source);
        Ok(())
    }

    /// As [`Differences::set`], from `PATH=VALUE`.
    pub(super) fn set_text(&mut self, text: &str, source: Source) -> Result<(), Fault> {
        let Some((path, value)) = text.split_once('=') else {
            let what =
                format!("'{text}' sets nothing: write it as KEY=VALUE, such as limits.nodes=1000");
            return Err(Fault::at(source, what));
        };
        let value = match (value.parse(), value.parse()) {
            (Ok(number), _) => Value::Integer(number),
            (_, Ok(switch)) => Value::Boolean(switch),
            _ => Value::String(value.to_owned()),
        };
        self.set(path.trim(), value, source)
    }

    /// The patch of the preset.
    pub(crate) fn patch(&self) -> ConfigPatch {
        // Each value was taken alone, and no two have the same place.
        ConfigPatch::deserialize(self.table.clone()).unwrap_or_default()
    }

    /// Where the value at a path comes from, unless it is the preset's.
    pub(crate) fn source(&self, path: &str) -> Option<&Source> {
        self.sources.get(path)
    }

    /// The paths at which this and others differ.
    pub(crate) fn unlike<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        let value = |of: &'a Self, path: &str| leaves(&of.table).get(path).cloned();
        let mut paths: Vec<&str> =
            self.sources.keys().chain(other.sources.keys()).map(String::as_str).collect();
        paths.sort_unstable();
        paths.dedup();
        paths.into_iter().filter(move |path| value(self, path) != value(other, path))
    }
}

/// All values of a table and of the tables in it, by their paths.
pub(crate) fn leaves(table: &Table) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for (name, value) in table {
        match value {
            Value::Table(inner) => {
                let inner = leaves(inner).into_iter();
                all.extend(inner.map(|(path, value)| (format!("{name}.{path}"), value)));
            }
            value => drop(all.insert(name.clone(), value.clone())),
        }
    }
    all
}

fn put(table: &mut Table, path: &str, value: Value) {
    let Some((outer, rest)) = path.split_once('.') else {
        table.insert(path.to_owned(), value);
        return;
    };
    let inner = table.entry(outer.to_owned()).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(inner) = inner {
        put(inner, rest, value);
    }
}

/// What the reader refuses, told with what to do.
fn told(path: &str, value: &Value, message: &str) -> String {
    let Some(rest) = message.trim().strip_prefix("unknown field `") else {
        let wanted = message.split_once("expected ").map_or(message, |(_, wanted)| wanted).trim();
        let number = NUMBERS.iter().find(|(kind, _)| *kind == wanted);
        let wanted = number.map_or_else(
            || wanted.to_owned(),
            |(_, most)| format!("a whole number of 0 to {most}, without quotation marks"),
        );
        return format!("{value} is no value of 'engine.{path}': it is {wanted}");
    };
    let mut known = rest.split('`').step_by(2);
    let wrong = known.next().unwrap_or(path);
    match nearest(wrong, known) {
        Some(near) => format!("there is no 'engine.{path}': did you mean '{near}'?"),
        None => format!("there is no 'engine.{path}' ('scalesmall config show' lists what it has)"),
    }
}

/// What numbers are called, and the most that each can be.
const NUMBERS: [(&str, u64); 3] =
    [("u8", u8::MAX as u64), ("u32", u32::MAX as u64), ("usize", i64::MAX as u64)];
