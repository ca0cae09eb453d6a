//! `scalesmall-sim replay` of a recording that a node in production has made.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use scalesmall_core::{Epoch, Event, NodeId};
use scalesmall_driver::GroupKeys;
use scalesmall_sim::report::Recordings;

use crate::console::{print, tell};

#[derive(Args)]
pub(crate) struct Keys {
    /// Of a recording: the file that holds the keys it was made with; without it, the variable
    /// GROUP_MANAGER_KEY counts, then the published key
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Keys {
    /// What is asked for that only a recording has a use for.
    pub(crate) fn asked_of_a_recording(&self) -> Option<&'static str> {
        self.key_file.is_some().then_some("--key-file")
    }
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
    /// The node, the life and the number of calls of each, and its file.
    known: Vec<((NodeId, Epoch, u64), String)>,
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
        let keys = match (&keys.key_file, std::env::var_os("GROUP_MANAGER_KEY")) {
            (Some(path), _) => GroupKeys::from_file(path)
                .map_err(|error| format!("{}: {error}", path.display()))?,
            (None, Some(text)) => GroupKeys::parse(text.as_encoded_bytes())
                .map_err(|error| format!("GROUP_MANAGER_KEY: {error}"))?,
            (None, None) => GroupKeys::published(),
        };
        let wrong = |error: &dyn core::fmt::Display| format!("{}: {error}", file.display());
        let mut events = Vec::new();
        let note = |now, event: &Event| events.push((now, event.clone()));
        let replayed = scalesmall_driver::replay_telling(recording, keys.ring(), note)
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
        let whole = (engine.id(), replayed.epoch, replayed.calls);
        if let Some((_, other)) = self.known.iter().find(|(known, _)| *known == whole) {
            return Err(wrong(&format!("the same recording as {other}: name each once")).into());
        }
        self.known.push((whole, file.display().to_string()));
        self.seen.add(engine.id(), replayed.epoch, span, &events, name);
        Ok(())
    }
}

const START: &[u8] = b"scalesmall-recording ";
