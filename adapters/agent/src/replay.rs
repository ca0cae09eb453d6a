//! `scalesmall replay`: runs the recording of a node again.

use std::fs::File;
use std::io::{self, BufReader, Write as _};

use scalesmall_driver::{GroupKeys, SettingsError};

use crate::cli::ReplayOptions;
use crate::failure::Failure;
use crate::settings::read_keys;

/// `scalesmall replay`.
pub(crate) fn run(options: &ReplayOptions) -> Result<(), Failure> {
    let keys = match (&options.key.key_file, std::env::var_os("GROUP_MANAGER_KEY")) {
        (Some(path), _) => read_keys(path)?,
        (None, Some(text)) => {
            GroupKeys::parse(text.as_encoded_bytes()).map_err(SettingsError::KeyText)?
        }
        (None, None) => GroupKeys::published(),
    };
    let path = options.recording.display();
    let file = File::open(&options.recording)
        .map_err(|error| Failure::new(format!("{path} cannot be read: {}", error.kind())))?;
    let replayed = scalesmall_driver::replay(BufReader::new(file), keys.ring())
        .map_err(|error| Failure::new(format!("{path}: {error}")))?;
    let engine = &replayed.engine;
    let id = engine.id();
    let name = engine.name(id).map_or_else(|| id.to_string(), |name| name.to_string());
    writeln!(
        io::stdout(),
        "{} calls replayed, every answer the same; node {name} ends with digest {}",
        replayed.calls,
        engine.digest()
    )?;
    if replayed.cut {
        writeln!(io::stderr(), "{path}: the last line was cut off, as by a kill; it is left out")?;
    }
    Ok(())
}
