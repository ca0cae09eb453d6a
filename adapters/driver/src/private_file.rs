//! Files that only their owner can read, and that are whole or not there.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Replaces a file; when this returns, the new one is on the disk.
///
/// # Errors
///
/// What the system says. The old file is still there.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Several programs may share a file, of keys for example.
    let new = beside(path, &format!(".{}.new", std::process::id()));
    let written = write(&new, bytes).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // Half a file is of no use, and a disk that is full needs the room.
        let _ = fs::remove_file(&new);
        return written;
    }
    // A directory that cannot be synchronized keeps the old file after a loss of power, at the worst.
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let _ = File::open(directory.unwrap_or_else(|| Path::new("."))).and_then(|all| all.sync_all());
    Ok(())
}

/// How a file that only its owner can read is opened for writing.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The file whose name has this at its end as well.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = options().truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
