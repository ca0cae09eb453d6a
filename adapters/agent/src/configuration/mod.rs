//! The configuration of a node: what a file, the environment and the command line say, and what counts.
//!
//! Every option of `scalesmall node` is a key: `--look-up-every` is `look_up_every` in a file and
//! `SCALESMALL_LOOK_UP_EVERY` in the environment. What counts more than what it follows in this list:
//! the default, the file, the variables of the original (`GROUP_MANAGER_...`), those of this program, the
//! option. Of `socket` alone the file counts more than the variable. A list replaces a list. What contradicts a weaker source, such as `no_multicast` a
//! `multicast_group`, makes that void; within one source it is a fault.

mod engine;
mod fault;
mod file;
mod keys;

pub(crate) use engine::leaves;
pub(crate) use fault::{Fault, Faults, Source};
pub(crate) use keys::{CONFIG, ENGINE, Key, Kind, SOCKET, all, command};

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches as _};

use crate::cli::NodeOptions;
use engine::Differences;

/// What the variables of this program begin with.
const VARIABLES: &str = "SCALESMALL_";

/// The variable that names the file.
const FILE: &str = "SCALESMALL_CONFIG";

/// The variables of the original, and the key to which each belongs.
const ORIGINALS: [(&str, &str); 7] = [
    ("GROUP_MANAGER_ADDRESS", "bind"),
    ("GROUP_MANAGER_PORT", "bind"),
    ("GROUP_MANAGER_MULTICAST_ADDRESS", "multicast_group"),
    ("GROUP_MANAGER_MULTICAST_PORT", "multicast_group"),
    ("GROUP_MANAGER_MULTICAST_TTL", "multicast_ttl"),
    ("GROUP_MANAGER_NAME", "name"),
    ("GROUP_MANAGER_KEY", "key_file"),
];

/// Looks a variable of the environment up.
pub(crate) type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// What the command line says.
#[derive(Clone, Debug)]
pub(crate) struct Flags {
    values: BTreeMap<String, Vec<OsString>>,
    file: Option<PathBuf>,
}

impl Flags {
    /// What was said to the command `node`, or to one with the same options.
    pub(crate) fn new(matches: &ArgMatches) -> Self {
        let given = |id: &str| {
            let said = matches.value_source(id) == Some(ValueSource::CommandLine);
            let values = said.then(|| matches.get_raw(id)).flatten()?;
            Some(values.map(OsStr::to_owned).collect::<Vec<_>>())
        };
        let value = |key: Key| Some((key.name, given(&key.id)?));
        let file = given(CONFIG).and_then(|values| values.into_iter().next()).map(PathBuf::from);
        Self { values: all().into_iter().filter_map(value).collect(), file }
    }
}

/// What counts, and where it comes from.
#[derive(Debug)]
pub(crate) struct Configuration {
    pub(crate) options: NodeOptions,
    pub(crate) engine: Differences,
    pub(crate) file: Option<PathBuf>,
    given: BTreeMap<String, Given>,
    /// The variables of the original that are set.
    originals: BTreeMap<&'static str, OsString>,
}

/// The values of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Given {
    values: Vec<OsString>,
    source: Source,
}

impl Configuration {
    /// Puts together what counts.
    ///
    /// # Errors
    ///
    /// All that is wrong.
    pub(crate) fn new(flags: &Flags, variables: Variables<'_>) -> Result<Self, Faults> {
        let keys = all();
        let variable = |name: &str| variables(name).filter(|value| !value.is_empty());
        let file = flags.file.clone().or_else(|| variable(FILE).map(PathBuf::from));
        let mut layers = Layers { keys, ..Layers::default() };
        if let Some(path) = &file {
            layers.add_file(path);
        }
        layers.add_variables(&variable);
        layers.add_flags(flags);
        let Layers { keys, given, engine, faults } = layers;
        if !faults.is_empty() {
            return Err(Faults::new(faults));
        }
        let original = |(name, _): (&'static str, _)| Some((name, variables(name)?));
        let originals = ORIGINALS.into_iter().filter_map(original).collect();
        let options = options(&keys, &given)?;
        Ok(Self { options, engine, file, given, originals })
    }

    /// Where the value of a key comes from.
    pub(crate) fn source(&self, key: &str) -> Source {
        let originals: Vec<&str> = ORIGINALS
            .iter()
            .filter(|(name, of)| *of == key && self.original(name).is_some())
            .map(|(name, _)| *name)
            .collect();
        match self.given.get(key) {
            _ if !originals.is_empty() => Source::Variable(originals.join(", ")),
            Some(given) => given.source.clone(),
            None => Source::Default,
        }
    }

    /// The values of a key; none if nobody has said anything.
    pub(crate) fn values(&self, key: &str) -> &[OsString] {
        self.given.get(key).map_or(&[], |given| &given.values)
    }

    /// The value of a variable of the original, if it counts.
    pub(crate) fn original(&self, name: &str) -> Option<&OsString> {
        let (_, key) = ORIGINALS.iter().find(|(known, _)| *known == name)?;
        let value = self.originals.get(name)?;
        let of_multicast = name.starts_with("GROUP_MANAGER_MULTICAST");
        let is_void = self.is_strong(key) || (of_multicast && self.is_strong("no_multicast"));
        (!is_void).then_some(value)
    }

    /// Whether no multicast is wanted.
    pub(crate) fn no_multicast(&self) -> bool {
        let wanted = |(name, _): &(&str, &str)| {
            name.starts_with("GROUP_MANAGER_MULTICAST") && self.original(name).is_some()
        };
        self.options.no_multicast && !ORIGINALS.iter().any(wanted)
    }

    /// Whether a key is set by what counts more than a variable of the original.
    fn is_strong(&self, key: &str) -> bool {
        let given = self.given.get(key);
        given.is_some_and(|given| matches!(given.source, Source::Variable(_) | Source::Flag(_)))
    }

    /// The keys that have other values than in `other`, those of the engine after `engine.`.
    pub(crate) fn unlike(&self, other: &Self) -> Vec<String> {
        let differs = |key: &Key| self.values(&key.name) != other.values(&key.name);
        let keys = all().into_iter().filter(differs).map(|key| key.name);
        keys.chain(self.engine.unlike(&other.engine).map(|path| format!("{ENGINE}.{path}")))
            .collect()
    }
}

/// The variables among `names` that look like one of a key and are none, each with the one that it may be meant as.
/// Kubernetes sets some that begin in the same way for a service of that name, which are meant as none.
pub(crate) fn misspelt(names: &[String]) -> Vec<(String, String)> {
    let known: Vec<String> = all().iter().map(Key::variable).chain([FILE.to_owned()]).collect();
    let is_of_service = |rest: &str| rest.starts_with("PORT") || rest.starts_with("SERVICE_");
    let meant = |name: &String| {
        let rest = name.strip_prefix(VARIABLES)?;
        if known.contains(name) || is_of_service(rest) {
            return None;
        }
        let words = known.iter().filter_map(|known| known.strip_prefix(VARIABLES));
        Some((name.clone(), format!("{VARIABLES}{}", file::nearest(rest, words)?)))
    };
    names.iter().filter_map(meant).collect()
}

/// What is put together, the weakest source first.
#[derive(Debug, Default)]
struct Layers {
    keys: Vec<Key>,
    given: BTreeMap<String, Given>,
    engine: Differences,
    faults: Vec<Fault>,
}

impl Layers {
    fn add_file(&mut self, path: &Path) {
        let said = file::read(path, &self.keys, &mut self.faults);
        self.add(said.values);
        for (path, value, source) in said.engine {
            let set = self.engine.set(&path, value, source);
            self.faults.extend(set.err());
        }
    }

    fn add_variables(&mut self, variable: &dyn Fn(&str) -> Option<OsString>) {
        let mut layer = Vec::new();
        for key in &self.keys {
            let name = key.variable();
            let Some(value) = variable(&name) else { continue };
            // Mostly it is meant for commands, which ask another node than the one that starts.
            if key.name == SOCKET && self.given.contains_key(SOCKET) {
                continue;
            }
            let values = match value.to_str() {
                Some(text) if key.is_list => {
                    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                    parts.map(OsString::from).collect()
                }
                _ => vec![value],
            };
            layer.push((key.name.clone(), values, Source::Variable(name)));
        }
        self.add(layer);
    }

    fn add_flags(&mut self, flags: &Flags) {
        let mut layer = Vec::new();
        for key in &self.keys {
            if let Some(values) = flags.values.get(&key.name) {
                layer.push((key.name.clone(), values.clone(), Source::Flag(key.flag())));
            }
        }
        self.add(layer);
    }

    /// Adds what one source says, which counts more than all before it.
    fn add(&mut self, layer: Vec<(String, Vec<OsString>, Source)>) {
        let mut added: Vec<(Key, Given)> = Vec::new();
        for (name, values, source) in layer {
            if name == ENGINE {
                for text in &values {
                    let set = self.engine.set_text(&text.to_string_lossy(), source.clone());
                    self.faults.extend(set.err());
                }
                continue;
            }
            let Some(key) = self.keys.iter().find(|key| key.name == name) else { continue };
            let wrong = values.iter().filter_map(|value| key.check(value).err());
            let wrong: Vec<Fault> = wrong.map(|what| Fault::at(source.clone(), what)).collect();
            if wrong.is_empty() {
                added.push((key.clone(), Given { values, source }));
            }
            self.faults.extend(wrong);
        }
        for (at, (key, given)) in added.iter().enumerate() {
            let against = |(other, values): &&(Key, Given)| {
                key.against.contains(&other.name) && is_on(other, values) && is_on(key, given)
            };
            if let Some((other, before)) = added[..at].iter().find(against) {
                let what = format!(
                    "'{}' contradicts '{}' ({}): remove one of them",
                    key.name, other.name, before.source
                );
                self.faults.push(Fault::at(given.source.clone(), what));
            }
        }
        for (key, given) in added {
            if is_on(&key, &given) {
                self.given.retain(|name, _| !key.against.contains(name));
            }
            self.given.insert(key.name, given);
        }
    }
}

/// Whether something is asked for: a switch may say that it is not.
fn is_on(key: &Key, given: &Given) -> bool {
    let said_off = |value: &OsString| value.to_str().is_some_and(is_off);
    key.kind != Kind::Switch || !given.values.iter().any(said_off)
}

/// Whether this is one of the words by which a switch is off.
pub(crate) fn is_off(word: &str) -> bool {
    ["n", "no", "f", "false", "off", "0"].contains(&word.to_lowercase().as_str())
}

/// The options as if all that counts stood on the command line.
fn options(keys: &[Key], given: &BTreeMap<String, Given>) -> Result<NodeOptions, Faults> {
    let mut line = vec![OsString::from("node")];
    for key in keys {
        // A switch that is off contradicts nothing.
        let given = given.get(&key.name).filter(|given| is_on(key, given));
        for value in given.map_or(&[][..], |given| &given.values) {
            let mut option = OsString::from(key.flag());
            option.push("=");
            option.push(value);
            line.push(option);
        }
    }
    let refused = |error: clap::Error| {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        Faults::from(Fault::new(line.strip_prefix("error: ").unwrap_or(line)))
    };
    let matches = keys::node().try_get_matches_from(line).map_err(refused)?;
    NodeOptions::from_arg_matches(&matches).map_err(refused)
}

#[cfg(test)]
mod tests;
