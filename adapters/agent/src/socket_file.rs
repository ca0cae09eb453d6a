//! Where a node is asked, and who may: a Unix socket that only its owner can use.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The socket to use if none is named. It follows from the user alone and from no variable, so that a node
/// and a shell of the same user mean the same one, no matter who started them.
///
/// | user | socket |
/// |---|---|
/// | root | `/run/scalesmall/scalesmall.sock` |
/// | others, if `/run/user/UID` is theirs | `scalesmall.sock` in it |
/// | others | `/tmp/scalesmall-UID/scalesmall.sock` |
///
/// A host without `/run` has `/var/run`.
pub(crate) fn default_path() -> PathBuf {
    let run = ["/run", "/var/run"].map(Path::new);
    let run = if run[0].is_dir() { run[0] } else { run[1] };
    default_of(rustix::process::geteuid().as_raw(), run, Path::new("/tmp"))
}

fn default_of(user: u32, run: &Path, temporary: &Path) -> PathBuf {
    let directory = if user == 0 {
        run.join("scalesmall")
    } else {
        let own = run.join("user").join(user.to_string());
        let is_own = fs::metadata(&own).is_ok_and(|about| about.is_dir() && about.uid() == user);
        if is_own { own } else { temporary.join(format!("scalesmall-{user}")) }
    };
    directory.join("scalesmall.sock")
}

/// Makes sure that nobody else can have put a socket at `path`, if it is the default one. Only a directory in
/// `/tmp` can be made by anybody.
pub(crate) fn check_directory(path: &Path) -> Result<(), Failure> {
    if path == default_path() {
        is_private(path, rustix::process::geteuid().as_raw())
    } else {
        Ok(())
    }
}

fn is_private(path: &Path, user: u32) -> Result<(), Failure> {
    let Some(directory) = path.parent().filter(|_| user != 0) else { return Ok(()) };
    match fs::symlink_metadata(directory) {
        Ok(about) if about.is_dir() && about.uid() == user && about.mode() & 0o022 == 0 => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => Err(Failure::new(format!(
            "{} is not a directory that only you can write to: name another socket with --socket",
            directory.display()
        ))),
    }
}

/// Whether there is a socket at `path`.
pub(crate) fn is_socket(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.file_type().is_socket())
}

/// Makes sure that a socket could be had at `path`, and changes nothing. A failure tells what `named` the path.
pub(crate) fn check(path: &Path, named: Option<&str>) -> Result<(), Failure> {
    check_directory(path)?;
    let shown = path.display();
    let shown = named.map_or_else(|| shown.to_string(), |by| format!("{shown} (named by {by})"));
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(directory) = directory.filter(|it| path != default_path() && !it.is_dir()) {
        return Err(Failure::new(format!(
            "the control socket {shown}: there is no directory {}: make it, or name another path with --socket",
            directory.display()
        )));
    }
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
                "a node answers at {shown} already: give this one a path of its own with --socket, or, if it \
                 is to replace that one, end that one first with 'scalesmall depart --socket {}'",
                path.display()
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
    pub(crate) fn listen(
        path: &Path,
        named: Option<&str>,
    ) -> Result<(Self, UnixListener), Failure> {
        check(path, named)?;
        let failed = |error: io::Error| {
            Failure::new(format!("no control socket at {}: {error}", path.display()))
        };
        if let Some(directory) = path.parent().filter(|_| path == default_path()) {
            // Others than root may find out whether a node runs, but not ask it.
            let mode = if directory.starts_with("/tmp") { 0o700 } else { 0o755 };
            match DirBuilder::new().mode(mode).create(directory) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => made.map_err(failed)?,
            }
            check_directory(path)?;
        }
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A directory of this test, removed when dropped.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("scalesmall-{name}-{}", std::process::id()));
            fs::create_dir(&path).expect("a directory");
            Self(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_default_follows_from_the_user_and_its_directories() {
        let place = Directory::new("default");
        let (run, temporary) = (place.0.join("run"), place.0.join("tmp"));
        let me = rustix::process::geteuid().as_raw();
        assert_eq!(default_of(0, &run, &temporary), run.join("scalesmall/scalesmall.sock"));
        let user = if me == 0 { 1000 } else { me };
        let in_tmp = temporary.join(format!("scalesmall-{user}/scalesmall.sock"));
        assert_eq!(default_of(user, &run, &temporary), in_tmp);
        let own = run.join("user").join(user.to_string());
        fs::create_dir_all(&own).expect("a directory");
        let of_another_user = in_tmp;
        let expected = if me == user { own.join("scalesmall.sock") } else { of_another_user };
        assert_eq!(default_of(user, &run, &temporary), expected);
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_not_trusted() {
        let place = Directory::new("private");
        let me = rustix::process::geteuid().as_raw();
        let user = me.max(1);
        let path = |name: &str| place.0.join(name).join("scalesmall.sock");
        let refusal =
            |name: &str| is_private(&path(name), user).expect_err("refused").line().to_owned();
        assert!(is_private(&path("none"), user).is_ok(), "nothing is there yet");
        fs::create_dir(place.0.join("a")).expect("a directory");
        fs::set_permissions(place.0.join("a"), Permissions::from_mode(0o700)).expect("its mode");
        assert_eq!(is_private(&path("a"), user).is_ok(), me == user, "it is the user's own");
        fs::set_permissions(place.0.join("a"), Permissions::from_mode(0o770)).expect("its mode");
        assert!(refusal("a").contains("--socket"));
        symlink("a", place.0.join("b")).expect("a link");
        assert!(refusal("b").contains("--socket"), "the link may be another user's");
        assert!(is_private(&path("a"), 0).is_ok(), "only root makes directories in /run");
    }
}
