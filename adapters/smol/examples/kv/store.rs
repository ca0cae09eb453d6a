//! What is stored: a log for each slot, in a directory that all servers share.
//!
//! A write is one line appended, so two servers that hold a slot for a moment, one about to give it
//! up, do not undo each other's writes: each reads what has been appended before it answers.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::slots::{Slot, place};

/// The slots that a server holds.
pub(crate) struct Store {
    directory: PathBuf,
    logs: Mutex<BTreeMap<Slot, Log>>,
}

struct Log {
    /// Opened twice, as each write takes a file's position to the end.
    end: File,
    reader: File,
    values: BTreeMap<String, String>,
    /// The end of what has been read, if it was in the middle of a line.
    rest: String,
}

impl Store {
    pub(crate) fn new(directory: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        Ok(Self { directory: directory.to_owned(), logs: Mutex::default() })
    }

    /// Reads a slot's log, and answers for it from now on.
    pub(crate) fn open(&self, slot: Slot) -> io::Result<()> {
        let path = self.directory.join(format!("{slot}.log"));
        let end = OpenOptions::new().create(true).append(true).open(&path)?;
        let reader = File::open(path)?;
        let mut log = Log { end, reader, values: BTreeMap::new(), rest: String::new() };
        log.catch_up()?;
        self.logs().insert(slot, log);
        Ok(())
    }

    pub(crate) fn close(&self, slot: Slot) {
        self.logs().remove(&slot);
    }

    pub(crate) fn holds(&self, slot: Slot) -> bool {
        self.logs().contains_key(&slot)
    }

    /// Stores a value; `None` if another server is to be asked.
    pub(crate) fn put(&self, key: &str, value: &str) -> io::Result<Option<()>> {
        let mut logs = self.logs();
        let Some(log) = logs.get_mut(&Slot::of(place(key))) else { return Ok(None) };
        log.end.write_all(format!("{key} {value}\n").as_bytes()).map(Some)
    }

    /// The value of a key, if it has one; `None` if another server is to be asked.
    pub(crate) fn get(&self, key: &str) -> io::Result<Option<Option<String>>> {
        let mut logs = self.logs();
        let Some(log) = logs.get_mut(&Slot::of(place(key))) else { return Ok(None) };
        log.catch_up()?;
        Ok(Some(log.values.get(key).cloned()))
    }

    fn logs(&self) -> MutexGuard<'_, BTreeMap<Slot, Log>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    /// Takes in what has been appended, by whomever.
    fn catch_up(&mut self) -> io::Result<()> {
        self.reader.read_to_string(&mut self.rest)?;
        let whole = self.rest.rfind('\n').map_or(0, |end| end + 1);
        let written = self.rest[..whole].lines().filter_map(|line| line.split_once(' '));
        self.values.extend(written.map(|(key, value)| (key.to_owned(), value.to_owned())));
        self.rest.drain(..whole);
        Ok(())
    }
}
