//! Making a key.

use core::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use crate::cli::KeygenOptions;
use crate::failure::Failure;
use crate::questions::SuiteName;

/// `scalesmall keygen`.
pub(crate) fn run(options: &KeygenOptions) -> Result<(), Failure> {
    let text = text(options.suite)?;
    let Some(path) = &options.file else {
        return Ok(io::stdout().write_all(text.as_bytes())?);
    };
    let refused = |error: &io::Error| {
        let path = path.display();
        Failure::new(match error.kind() {
            io::ErrorKind::AlreadyExists => {
                format!("{path} exists and stays as it is: name a file that does not")
            }
            kind => format!("no key in {path}: {kind}"),
        })
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| refused(&error))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| {
        // Half a key is none, and would be in the way of a whole one.
        let _ = std::fs::remove_file(path);
        refused(&error)
    })
}

/// A new key as a line.
fn text(suite: SuiteName) -> Result<String, Failure> {
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key)
        .map_err(|_| Failure::new("the operating system gives no random bytes"))?;
    let mut text = String::with_capacity(80);
    text.push_str(match suite {
        SuiteName::Authenticated => "",
        SuiteName::Sealed => "sealed ",
    });
    for byte in key {
        // A text takes any text.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\n');
    Ok(text)
}
