//! What is printed, and how a verb ends.

use std::io::{self, Write};

/// Whether all went well, or what could not be done.
pub(crate) type Outcome = Result<bool, Box<dyn std::error::Error>>;

/// Prints to standard output; a reader that goes away is no error.
pub(crate) fn print(text: &[u8]) -> io::Result<()> {
    match io::stdout().lock().write_all(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Prints a line, or several, to standard error; there need be nobody to read it.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
