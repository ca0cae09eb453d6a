//! The file of a recording: written by a thread of its own, bounded, and one of a few.
//!
//! A replay has to begin where a life begins, so a recording cannot go on in a new file: it ends when its file
//! is full, or when the disk is so slow that too much would have to wait. The recordings of earlier lives move
//! on when a new one begins, from FILE to FILE.1, to FILE.2, and so on; the last one is removed.

use core::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// How recordings begin.
pub(crate) const START: &str = "scalesmall-recording";

/// The most bytes that wait for the disk: what a node records in some seconds at its highest rate.
const WAITING: usize = 16 << 20;

/// How many bytes are handed to the writer at once, unless a pump ends before.
const CHUNK: usize = 64 << 10;

/// How long the end of a recording is waited for when a node ends.
const LAST: Duration = Duration::from_millis(300);

/// How many recordings are kept, and how large each may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct RecordLimits {
    /// How many recordings are kept, the one under way included; at least 1. Those of earlier lives have a
    /// number behind their name.
    pub files: u32,
    /// The most bytes of one recording, which ends then.
    pub bytes: u64,
}

impl Default for RecordLimits {
    /// Five recordings of at most a gibibyte.
    fn default() -> Self {
        Self { files: 5, bytes: 1 << 30 }
    }
}

/// Where a recording goes.
#[derive(Debug)]
pub(crate) struct Tape {
    lines: Vec<u8>,
    chunks: Sender<Vec<u8>>,
    /// How many more bytes it may have.
    room: u64,
    writer: Arc<Writer>,
}

/// What the writer tells.
#[derive(Debug, Default)]
struct Writer {
    waiting: AtomicUsize,
    error: Mutex<Option<io::ErrorKind>>,
}

impl Tape {
    /// Starts a recording in a new file that only its owner can read.
    ///
    /// # Errors
    ///
    /// What the system says, or `AlreadyExists` for a file that is no recording; nothing was moved then.
    pub(crate) fn create(path: &Path, limits: RecordLimits) -> io::Result<Self> {
        move_on(path, limits.files.max(1))?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Self::onto(options.open(path)?, limits.bytes)
    }

    /// A recording of at most `room` bytes in an open file.
    pub(crate) fn onto(file: File, room: u64) -> io::Result<Self> {
        let (chunks, queue) = channel();
        let writer = Arc::<Writer>::default();
        let told = Arc::clone(&writer);
        let thread = Builder::new().name("scalesmall-tape".to_owned());
        thread.spawn(move || told.write_all(file, &queue))?;
        Ok(Self { lines: Vec::new(), chunks, room, writer })
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, line: fmt::Arguments<'_>) -> Result<(), io::ErrorKind> {
        self.lines.write_fmt(format_args!("{line}\n")).map_err(|error| error.kind())?;
        if self.lines.len() < CHUNK { Ok(()) } else { self.flush() }
    }

    /// Hands all lines to the writer; never waits.
    ///
    /// # Errors
    ///
    /// Why the recording has to end here.
    pub(crate) fn flush(&mut self) -> Result<(), io::ErrorKind> {
        if let Some(error) = *self.writer.error() {
            return Err(error);
        }
        let len = self.lines.len();
        if len == 0 {
            return Ok(());
        }
        let bytes = u64::try_from(len).unwrap_or(u64::MAX);
        self.room = self.room.checked_sub(bytes).ok_or(io::ErrorKind::FileTooLarge)?;
        if self.writer.waiting.fetch_add(len, Ordering::AcqRel) + len > WAITING {
            return Err(io::ErrorKind::TimedOut);
        }
        let chunk = core::mem::replace(&mut self.lines, Vec::with_capacity(len));
        self.chunks.send(chunk).map_err(|_| io::ErrorKind::BrokenPipe)
    }

    /// Waits a moment until all is written.
    pub(crate) fn finish(&mut self) {
        let limit = Instant::now() + LAST;
        if self.flush().is_ok() {
            while self.writer.waiting.load(Ordering::Acquire) > 0 && Instant::now() < limit {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

impl Writer {
    fn error(&self) -> std::sync::MutexGuard<'_, Option<io::ErrorKind>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut file: File, queue: &Receiver<Vec<u8>>) {
        for chunk in queue {
            if let Err(error) = file.write_all(&chunk) {
                *self.error() = Some(error.kind());
                return;
            }
            self.waiting.fetch_sub(chunk.len(), Ordering::AcqRel);
        }
    }
}

/// Moves the recording at `path` on to the next number, and with it the earlier ones, if there is one.
fn move_on(path: &Path, files: u32) -> io::Result<()> {
    let mut taken = Vec::new();
    for number in 0..files {
        let place = numbered(path, number);
        match fs::symlink_metadata(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
            Ok(about) if !about.is_file() => return Err(io::ErrorKind::AlreadyExists.into()),
            Ok(_) if !is_recording(&place)? => return Err(io::ErrorKind::AlreadyExists.into()),
            Ok(_) => taken.push(place),
        }
    }
    if u32::try_from(taken.len()).is_ok_and(|len| len == files)
        && let Some(last) = taken.pop()
    {
        fs::remove_file(last)?;
    }
    let places = (0..).map(|number| numbered(path, number + 1));
    let moves: Vec<(PathBuf, PathBuf)> = taken.into_iter().zip(places).collect();
    moves.iter().rev().try_for_each(|(from, to)| fs::rename(from, to))
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// Whether a file begins as a recording does, or is empty, as one that could not be written at all.
fn is_recording(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    let most = u64::try_from(START.len()).unwrap_or(u64::MAX);
    File::open(path)?.take(most).read_to_end(&mut start)?;
    Ok(start.is_empty() || start == START.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let name = format!("scalesmall-tape-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        folder
    }

    fn record(path: &Path, life: u32, files: u32) {
        let mut tape = Tape::create(path, RecordLimits { files, bytes: 1 << 20 }).unwrap();
        tape.line(format_args!("{START} {life}")).unwrap();
        tape.finish();
    }

    #[test]
    fn recordings_of_earlier_lives_move_on_and_the_last_one_goes() {
        let folder = folder("moves");
        let path = folder.join("tape");
        for life in 1..=5 {
            record(&path, life, 3);
        }
        for (number, life) in [(0, 5), (1, 4), (2, 3)] {
            let text = fs::read_to_string(numbered(&path, number)).unwrap();
            assert_eq!(text, format!("{START} {life}\n"));
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 3);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_no_recording_is_neither_moved_nor_removed() {
        let folder = folder("others");
        let path = folder.join("tape");
        record(&path, 1, 3);
        fs::write(numbered(&path, 1), "precious").unwrap();
        let refused = Tape::create(&path, RecordLimits::default()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(numbered(&path, 1)).unwrap(), "precious");
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{START} 1\n"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_recording_ends_when_its_file_is_full_or_its_disk_too_slow() {
        let folder = folder("full");
        let path = folder.join("tape");
        let mut tape = Tape::create(&path, RecordLimits { files: 1, bytes: 20 }).unwrap();
        tape.line(format_args!("0123456789")).unwrap();
        assert_eq!(tape.flush(), Ok(()));
        tape.line(format_args!("0123456789")).unwrap();
        assert_eq!(tape.flush(), Err(io::ErrorKind::FileTooLarge));
        drop(tape);
        let mut slow = Tape::onto(File::create(&path).unwrap(), u64::MAX).unwrap();
        slow.writer.waiting.fetch_add(WAITING, Ordering::AcqRel);
        slow.line(format_args!("0123456789")).unwrap();
        assert_eq!(slow.flush(), Err(io::ErrorKind::TimedOut));
        fs::remove_dir_all(folder).unwrap();
    }
}
