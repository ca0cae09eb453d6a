//! Reading the configuration file: each key with its line.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use toml::de::DeTable;
use toml::{Table, Value};

use super::fault::{Fault, Faults, Source};
use super::keys::{CONFIG, ENGINE, Key, Kind};

/// The largest file, in bytes: a limit against reading something else by mistake.
const LARGEST: u64 = 1 << 20;

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Values of keys.
    pub(super) values: Vec<(String, Vec<OsString>, Source)>,
    /// What differs from the preset, by the path in the table `engine`.
    pub(super) engine: Vec<(String, Value, Source)>,
}

/// Reads a file. All that is wrong with it is found at once, unless it is no TOML at all.
pub(super) fn read(path: &Path, keys: &[Key], faults: &mut Vec<Fault>) -> Said {
    match text(path).and_then(|text| said(path, &text, keys, faults)) {
        Ok(said) => said,
        Err(Faults(more)) => {
            faults.extend(more);
            Said::default()
        }
    }
}

fn text(path: &Path) -> Result<String, Faults> {
    let refused = |why: String| Faults::from(Fault::new(format!("{}: {why}", path.display())));
    let unreadable = |error: std::io::Error| {
        refused(match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file: name another one".to_owned(),
            _ => format!("the configuration cannot be read: {error}"),
        })
    };
    let mut text = String::new();
    let mut file = File::open(path).map_err(unreadable)?.take(LARGEST + 1);
    file.read_to_string(&mut text).map_err(unreadable)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > LARGEST {
        return Err(refused(format!("the file has more than {LARGEST} bytes: name another one")));
    }
    Ok(text)
}

fn said(path: &Path, text: &str, keys: &[Key], faults: &mut Vec<Fault>) -> Result<Said, Faults> {
    let at = |offset: usize| Source::File {
        path: path.to_owned(),
        line: 1 + text[..offset.min(text.len())].bytes().filter(|byte| *byte == b'\n').count(),
    };
    let malformed = |error: toml::de::Error| {
        let place = at(error.span().map_or(0, |span| span.start));
        Faults::from(Fault::at(place, format!("this is not TOML: {}", error.message())))
    };
    let places = DeTable::parse(text).map_err(malformed)?;
    let table: Table = toml::from_str(text).map_err(malformed)?;
    let directory = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    let mut said = Said::default();
    for (name, value) in &table {
        let place = at(start(places.get_ref(), name));
        if name == ENGINE {
            let Value::Table(engine) = value else {
                faults.push(Fault::at(place, "'engine' is a table: begin it with [engine]"));
                continue;
            };
            let within = places.get_ref().iter().find(|(key, _)| key.get_ref() == name);
            let within = within.and_then(|(_, value)| value.get_ref().as_table());
            leaves("", engine, within, place, &at, &mut said.engine);
            continue;
        }
        let Some(key) = keys.iter().find(|key| key.name == *name) else {
            faults.push(Fault::at(place, unknown(name, keys)));
            continue;
        };
        match values(key, value, &directory) {
            Ok(values) => said.values.push((name.clone(), values, place)),
            Err(what) => faults.push(Fault::at(place, what)),
        }
    }
    said.values.sort_by_key(|(_, _, place)| place.line());
    Ok(said)
}

/// Where a key of a table begins.
fn start(table: &DeTable<'_>, name: &str) -> usize {
    let key = table.keys().find(|key| key.get_ref() == name);
    key.map_or(0, |key| key.span().start)
}

/// All values of a table and of the tables in it, with the path to each.
fn leaves(
    before: &str,
    table: &Table,
    places: Option<&DeTable<'_>>,
    outer: Source,
    at: &impl Fn(usize) -> Source,
    into: &mut Vec<(String, Value, Source)>,
) {
    for (name, value) in table {
        let place = places.map_or_else(|| outer.clone(), |places| at(start(places, name)));
        let path = format!("{before}{name}");
        match value {
            Value::Table(inner) => {
                let key =
                    places.and_then(|places| places.iter().find(|(key, _)| key.get_ref() == name));
                let within = key.and_then(|(_, value)| value.get_ref().as_table());
                leaves(&format!("{path}."), inner, within, place, at, into);
            }
            value => into.push((path, value.clone(), place)),
        }
    }
}

fn unknown(name: &str, keys: &[Key]) -> String {
    let all = "'scalesmall config show' lists all keys";
    if name == CONFIG {
        return "a file cannot name another one by 'config': put all of it into one file"
            .to_owned();
    }
    let known = keys.iter().map(|key| key.name.as_str());
    // Often the option's name, or the plural.
    match nearest(&name.replace('-', "_"), known) {
        Some(near) => format!("there is no key '{name}': did you mean '{near}'? ({all})"),
        None => format!("there is no key '{name}' ({all})"),
    }
}

/// Of the words that are known, the one most like this one, if it is like it at all.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let like = |known: &'a str| (strsim::jaro_winkler(word, known), known);
    let (most, nearest) = known.map(like).max_by(|one, other| one.0.total_cmp(&other.0))?;
    (most > 0.8).then_some(nearest)
}

/// The values of a key as the command line would be given them.
fn values(key: &Key, value: &Value, directory: &Path) -> Result<Vec<OsString>, String> {
    let values = match value {
        Value::Array(values) if key.is_list => values.as_slice(),
        _ if key.is_list => {
            return Err(format!("'{0}' is a list: write {0} = [{1}]", key.name, example(key.kind)));
        }
        value => std::slice::from_ref(value),
    };
    values.iter().map(|value| one(key, value, directory)).collect()
}

fn one(key: &Key, value: &Value, directory: &Path) -> Result<OsString, String> {
    match (key.kind, value) {
        (Kind::Switch, Value::Boolean(_)) | (Kind::Number, Value::Integer(_)) => {
            Ok(value.to_string().into())
        }
        (Kind::Text, Value::String(text)) => Ok(text.into()),
        (Kind::Path, Value::String(text)) => Ok(directory.join(text).into()),
        (kind, other) => Err(format!(
            "'{}' is {}, not {}: write it as {}",
            key.name,
            wanted(kind),
            name_of(other),
            example(kind)
        )),
    }
}

const fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Switch => "true or false",
        Kind::Number => "a number",
        Kind::Path | Kind::Text => "a text",
    }
}

const fn example(kind: Kind) -> &'static str {
    match kind {
        Kind::Switch => "true or false, without quotation marks",
        Kind::Number => "digits without quotation marks",
        Kind::Path | Kind::Text => "\"text in quotation marks\"",
    }
}

/// What a value of TOML is called.
const fn name_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
