//! Where a value comes from, and what is wrong with one.

use core::fmt;
use std::path::PathBuf;

use crate::failure::Failure;

/// Where a value comes from, the weakest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody has said anything.
    Default,
    /// It follows from the preset of this name.
    Preset(String),
    /// A line of the configuration file.
    File { path: PathBuf, line: usize },
    /// Variables of the environment.
    Variable(String),
    /// An option of the command line.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Preset(name) => write!(f, "preset {name}"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// What is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    place: Option<Source>,
    what: String,
}

impl Fault {
    pub(crate) fn at(place: Source, what: impl Into<String>) -> Self {
        Self { place: Some(place), what: what.into() }
    }

    /// A fault of nothing in particular.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { place: None, what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl Source {
    /// Its line in the file; what is in no file comes after all lines.
    pub(super) const fn line(&self) -> usize {
        match self {
            Self::File { line, .. } => *line,
            _ => usize::MAX,
        }
    }
}

/// All that is wrong with a configuration; at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl Faults {
    /// In the order in which a person goes through them.
    pub(super) fn new(mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.place.as_ref().map_or(usize::MAX, Source::line));
        Self(faults)
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        let (first, more) = match &faults.0[..] {
            [] => return Self::internal("a configuration was refused for no reason"),
            [first] => (first, String::new()),
            [first, rest @ ..] => {
                (first, format!(" (and {} more: 'scalesmall config check' lists all)", rest.len()))
            }
        };
        Self::new(format!("{first}{more}"))
    }
}
