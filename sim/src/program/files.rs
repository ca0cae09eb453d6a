//! Reading scenario files.

use std::fs;
use std::path::{Path, PathBuf};

use scalesmall_sim::scenario::Scenario;

pub(crate) fn read(file: &Path) -> Result<Scenario, Box<dyn std::error::Error>> {
    let wrong = |error| format!("{}: {error}", file.display());
    parse(file, &fs::read_to_string(file).map_err(wrong)?)
}

pub(crate) fn parse(file: &Path, text: &str) -> Result<Scenario, Box<dyn std::error::Error>> {
    text.parse().map_err(|error| format!("{}: {error}", file.display()).into())
}

/// The scenario files of a folder, by name.
pub(crate) fn files_of(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(|error| format!("{}: {error}", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|file| file.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    if files.is_empty() {
        return Err(format!("{} has no scenario files: name another folder", folder.display()));
    }
    files.sort();
    Ok(files)
}
