//! Where a node is asked, and who may: a Unix socket that only its owner can use.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The socket to use if none is named: `scalesmall.sock` in the user's runtime directory, or in the
/// directory for temporary files.
pub(crate) fn default_path() -> PathBuf {
    let directory = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let directory = directory.filter(|directory| directory.is_absolute());
    directory.unwrap_or_else(std::env::temp_dir).join("scalesmall.sock")
}

/// Makes sure that a socket could be had at `path`, and changes nothing.
pub(crate) fn check(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::new(format!("the control socket {shown}: {error}"))),
        Ok(about) if !about.file_type().is_socket() => Err(Failure::new(format!(
            "{shown} is something else than a socket: name another path with --socket"
        ))),
        // A socket file that a crash has left refuses connections.
        Ok(_) => match UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
            _ => Err(Failure::new(format!(
                "a node answers at {shown} already: end it with 'scalesmall depart', or name \
                 another path with --socket"
            ))),
        },
    }
}

/// A listening socket at a path, removed when dropped.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Which file it is, so that another node's socket at the same path is not removed.
    inode: u64,
}

impl SocketFile {
    /// Listens at `path`, which replaces what a crash has left there. Nobody but the owner can
    /// connect, at no moment: the socket is made in a private directory and then moved.
    pub(crate) fn listen(path: &Path) -> Result<(Self, UnixListener), Failure> {
        check(path)?;
        let failed = |error: io::Error| {
            Failure::new(format!("no control socket at {}: {error}", path.display()))
        };
        let mut private = path.as_os_str().to_owned();
        private.push(format!(".{}", std::process::id()));
        let private = PathBuf::from(private);
        if private.exists() {
            // Left by a crash of a process that had the same id.
            let _ = fs::remove_file(private.join("s")).and_then(|()| fs::remove_dir(&private));
        }
        DirBuilder::new().mode(0o700).create(&private).map_err(failed)?;
        let made = Self::listen_in(&private, path);
        // Empty by now, whether the socket was moved or never made.
        let _ = fs::remove_dir(&private);
        made.map_err(failed)
    }

    fn listen_in(private: &Path, path: &Path) -> io::Result<(Self, UnixListener)> {
        let inside = private.join("s");
        let listener = UnixListener::bind(&inside)?;
        let moved = fs::set_permissions(&inside, Permissions::from_mode(0o600))
            .and_then(|()| fs::symlink_metadata(&inside))
            .and_then(|about| fs::rename(&inside, path).map(|()| about.ino()));
        match moved {
            Ok(inode) => Ok((Self { path: path.to_owned(), inode }, listener)),
            Err(error) => {
                let _ = fs::remove_file(&inside);
                Err(error)
            }
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|about| about.ino() == self.inode) {
            // Gone already is as good.
            let _ = fs::remove_file(&self.path);
        }
    }
}
