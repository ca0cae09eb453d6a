//! `scalesmall-sim replay` of a recording that a node in production has made.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use scalesmall_core::{Event, KeyId};
use scalesmall_driver::{GroupKey, Settings};
use scalesmall_sim::report::Recordings;

use crate::console::{print, tell};

#[derive(Args)]
pub(crate) struct Keys {
    /// Of a recording: the file that holds the key it was made with; without it, the variable
    /// GROUP_MANAGER_KEY counts, then the published key
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Of a recording: the name of that key [default: 0]
    #[arg(long, value_name = "NUMBER")]
    key_id: Option<u8>,
    /// Of a recording: a further key that was accepted; may be repeated
    #[arg(long, value_name = "NUMBER=FILE", value_parser = accepted)]
    accept_key: Vec<(u8, PathBuf)>,
}

impl Keys {
    /// What is asked for that only a recording has a use for.
    pub(crate) fn asked_of_a_recording(&self) -> Option<&'static str> {
        let asked = [
            ("--key-file", self.key_file.is_some()),
            ("--key-id", self.key_id.is_some()),
            ("--accept-key", !self.accept_key.is_empty()),
        ];
        asked.into_iter().find_map(|(name, is_asked)| is_asked.then_some(name))
    }
}

fn accepted(text: &str) -> Result<(u8, PathBuf), String> {
    let wrong = "write the key's name and its file, as in 1=old.key";
    let (id, file) = text.split_once('=').ok_or(wrong)?;
    Ok((id.parse().map_err(|_| wrong)?, PathBuf::from(file)))
}

/// A file to replay. It is read once: it may be a pipe.
pub(crate) enum Replayable {
    /// A recording, or what begins like one.
    Recording(Box<dyn BufRead>),
    /// Anything else.
    Scenario(String),
}

/// Opens a file, and looks what it is.
pub(crate) fn open(file: &Path) -> Result<Replayable, String> {
    let wrong = |error| format!("{}: {error}", file.display());
    let mut reader = BufReader::new(File::open(file).map_err(wrong)?);
    let mut start = Vec::new();
    let mut head = (&mut reader).take(START.len() as u64);
    head.read_until(b'\n', &mut start).map_err(wrong)?;
    let is_recording = start == START;
    let mut whole = Cursor::new(start).chain(reader);
    if is_recording {
        return Ok(Replayable::Recording(Box::new(whole)));
    }
    let mut text = String::new();
    whole.read_to_string(&mut text).map_err(wrong)?;
    Ok(Replayable::Scenario(text))
}

/// What is seen in several recordings.
#[derive(Default)]
pub(crate) struct Replays {
    pub(crate) seen: Recordings,
    /// How many were cut off within a line: more was recorded than is there.
    pub(crate) cut: usize,
}

impl Replays {
    /// Makes every recorded call again and compares every answer, byte for byte.
    pub(crate) fn replay(
        &mut self,
        file: &Path,
        recording: impl BufRead,
        keys: &Keys,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let read = |path: &Path| {
            GroupKey::from_file(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let key = match (&keys.key_file, std::env::var_os("GROUP_MANAGER_KEY")) {
            (Some(path), _) => read(path)?,
            (None, Some(text)) => GroupKey::parse(text.as_encoded_bytes())
                .map_err(|error| format!("GROUP_MANAGER_KEY: {error}"))?,
            (None, None) => GroupKey::published(),
        };
        let mut settings = Settings::new(nowhere, key);
        settings.key_id = KeyId(keys.key_id.unwrap_or(0));
        for (id, path) in &keys.accept_key {
            settings.accepted_keys.push((KeyId(*id), read(path)?));
        }
        let wrong = |error: &dyn core::fmt::Display| format!("{}: {error}", file.display());
        let mut events = Vec::new();
        let note = |now, event: &Event| events.push((now, event.clone()));
        let replayed = scalesmall_driver::replay_telling(recording, &settings.keyring(), note)
            .map_err(|error| wrong(&error))?;
        let engine = &replayed.engine;
        let name = |id| engine.name(id).map_or_else(|| id.to_string(), String::from);
        let said = format!(
            "{} calls replayed, every answer the same; node {} ends with digest {}\n",
            replayed.calls,
            name(engine.id()),
            engine.digest()
        );
        print(said.as_bytes())?;
        if replayed.cut {
            let line = replayed.calls + 2;
            tell(&wrong(&format!(
                "line {line}, the last one, is cut off: the recording is not whole"
            )));
            self.cut += 1;
        }
        let span = [replayed.began, replayed.ended];
        self.seen.add(engine.id(), replayed.epoch, span, &events, name);
        Ok(())
    }
}

const START: &[u8] = b"scalesmall-recording ";
