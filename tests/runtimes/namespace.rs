//! Hosts of one's own: network namespaces, which need the program `ip` and its privileges.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace, removed when dropped, with all that is in it.
pub(crate) struct Namespace {
    pub(crate) name: String,
}

impl Namespace {
    /// A new one; or `None`, with a line that says why, where that is not permitted.
    pub(crate) fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("scalesmall-{}-{number}", std::process::id());
        match Command::new("ip").args(["netns", "add", &name]).output() {
            Err(error) => println!("skipped: the program ip does not run: {error}"),
            Ok(made) if !made.status.success() => {
                let why = String::from_utf8_lossy(&made.stderr);
                println!("skipped: no network namespaces here: {}", why.trim());
            }
            Ok(_) => return Some(Self { name }),
        }
        None
    }

    /// `ip` within the namespace.
    #[track_caller]
    pub(crate) fn ip(&self, arguments: &str) {
        let mut command = Command::new("ip");
        let output = command.args(["-n", &self.name]).args(arguments.split(' ')).output();
        let output = output.expect("ip runs");
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ip {arguments}: {why}");
    }

    /// Does something on a thread that is in the namespace, with all threads that it starts.
    pub(crate) fn enter<R: Send>(&self, act: impl FnOnce() -> R + Send) -> R {
        let link = File::open(format!("/run/netns/{}", self.name)).expect("it exists");
        std::thread::scope(|scope| {
            let within = scope.spawn(move || {
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(link.as_fd(), kind).expect("it may be entered");
                act()
            });
            within.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}
