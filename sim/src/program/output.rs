//! Files that the program writes: looked at before anything is played, and written to the end.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::rc::Rc;

/// Makes sure that this is a file which can be written, and none of those that are read; changes
/// nothing.
///
/// # Errors
///
/// The file, and why it cannot be written.
pub(crate) fn ready<'a>(
    file: &Path,
    read: impl IntoIterator<Item = &'a Path>,
) -> Result<(), String> {
    let wrong = |error: io::Error| unwritable(file, &error);
    if is_stdout(file) {
        return Err("- is standard output, where the verdict goes: name a file (./- is one)".into());
    }
    if let Ok(found) = fs::metadata(file) {
        let same = fs::canonicalize(file).map_err(wrong)?;
        if read.into_iter().any(|read| fs::canonicalize(read).is_ok_and(|read| read == same)) {
            return Err(format!("{} is read: name another file to write", file.display()));
        }
        // The reader of a pipe would see its end.
        if found.is_file() || found.is_dir() {
            OpenOptions::new().append(true).open(file).map_err(wrong)?;
        }
        return Ok(());
    }
    OpenOptions::new().write(true).create_new(true).open(file).map_err(wrong)?;
    fs::remove_file(file).map_err(wrong)
}

/// Makes sure that two files to be written are not the same.
///
/// # Errors
///
/// The file, and what to do.
pub(crate) fn apart(one: &Path, other: &Path) -> Result<(), String> {
    // Neither need be there yet.
    let place = |file: &Path| {
        fs::canonicalize(file).ok().or_else(|| {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = fs::canonicalize(folder.unwrap_or_else(|| Path::new("."))).ok()?;
            Some(folder.join(file.file_name()?))
        })
    };
    let both_stdout = is_stdout(one) && is_stdout(other);
    if both_stdout || place(one).is_some_and(|one| Some(one) == place(other)) {
        return Err(format!("{} would be written twice: name another file", other.display()));
    }
    Ok(())
}

/// Writes a whole file.
///
/// # Errors
///
/// The file, and why it cannot be written.
pub(crate) fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| unwritable(file, &error))
}

fn unwritable(file: &Path, error: &io::Error) -> String {
    let name = if is_stdout(file) { "standard output".into() } else { file.to_string_lossy() };
    format!("{name} cannot be written: {error}")
}

/// Whether this names standard output.
pub(crate) fn is_stdout(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// What is written while a simulation runs, which goes on whatever becomes of it.
#[derive(Clone, Default)]
pub(crate) struct Record(Rc<RefCell<Option<io::Error>>>);

impl Record {
    /// Begins to write a file, or to standard output.
    pub(crate) fn open(&self, file: &Path) -> Result<Box<dyn Write>, String> {
        let out: Box<dyn Write> = if is_stdout(file) {
            Box::new(io::stdout())
        } else {
            Box::new(File::create(file).map_err(|error| unwritable(file, &error))?)
        };
        Ok(Box::new(BufWriter::new(Noted { out, failed: self.clone() })))
    }

    /// Once all is written: whether it was. A reader that went away is no error.
    ///
    /// # Errors
    ///
    /// The file, and what could not be written first.
    pub(crate) fn end(self, file: &Path) -> Result<(), String> {
        let kept = if is_stdout(file) { io::stdout().flush().err() } else { None };
        match self.0.take().or(kept) {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(unwritable(file, &error))
            }
            _ => Ok(()),
        }
    }
}

/// Takes everything, and notes the first error; nothing is written from then on.
struct Noted {
    out: Box<dyn Write>,
    failed: Record,
}

impl Noted {
    fn note<T>(&self, outcome: io::Result<T>, otherwise: T) -> io::Result<T> {
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                *self.failed.0.borrow_mut() = Some(error);
                Ok(otherwise)
            }
            outcome => outcome,
        }
    }

    fn goes_on(&self) -> bool {
        self.failed.0.borrow().is_none()
    }
}

impl Write for Noted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.goes_on() {
            return Ok(bytes.len());
        }
        let outcome = self.out.write(bytes);
        self.note(outcome, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.goes_on() {
            return Ok(());
        }
        let outcome = self.out.flush();
        self.note(outcome, ())
    }
}
