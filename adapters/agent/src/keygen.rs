//! Making a key.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use crate::cli::KeygenOptions;
use crate::failure::Failure;

/// `scalesmall keygen`.
pub(crate) fn run(options: &KeygenOptions) -> Result<(), Failure> {
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key)
        .map_err(|_| Failure::new("the operating system gives no random bytes"))?;
    let mut text: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    text.push('\n');
    let Some(path) = &options.file else {
        return Ok(io::stdout().write_all(text.as_bytes())?);
    };
    let refused = |error: io::Error| {
        let path = path.display();
        Failure::new(match error.kind() {
            io::ErrorKind::AlreadyExists => {
                format!("{path} exists and stays as it is: name a file that does not")
            }
            kind => format!("no key in {path}: {kind}"),
        })
    };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(refused)?;
    file.write_all(text.as_bytes()).map_err(refused)
}
