//! What a service manager is told: that the node is up, reloads, ends, and still does its work.
//!
//! The manager is the one that names a socket in `NOTIFY_SOCKET`, such as systemd with `Type=notify`. It is
//! told on a thread of its own, as a socket that nobody reads must keep no node waiting.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use scalesmall_driver::Handle;
use sd_notify::NotifyState;

use crate::threads;

/// How to tell the service manager.
#[derive(Clone, Debug)]
pub(crate) struct Manager(Sender<News>);

#[derive(Clone, Debug)]
enum News {
    Ready(String),
    Reloading,
    Stopping,
}

impl Manager {
    /// Tells the service manager of the node on `handle`, if there is a manager.
    ///
    /// # Errors
    ///
    /// The system has no thread for it.
    pub(crate) fn new(handle: Handle) -> io::Result<Self> {
        let (tell, told) = channel();
        if std::env::var_os("NOTIFY_SOCKET").is_some() {
            let every = watchdog();
            threads::keep("manager", move || pass_on(&told, &handle, every))?;
        }
        Ok(Self(tell))
    }

    /// The node is up, or has reloaded.
    pub(crate) fn ready(&self, status: String) {
        self.tell(News::Ready(status));
    }

    /// The node reads its configuration again.
    pub(crate) fn reloading(&self) {
        self.tell(News::Reloading);
    }

    /// The node says goodbye.
    pub(crate) fn stopping(&self) {
        self.tell(News::Stopping);
    }

    fn tell(&self, news: News) {
        // Nobody listens if there is no manager.
        let _ = self.0.send(news);
    }
}

/// How often the manager wants to hear that the node works: twice in the time after which it would end it.
fn watchdog() -> Option<Duration> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let meant = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    let micros = number("WATCHDOG_USEC").filter(|micros| meant && *micros > 0)?;
    Some(Duration::from_micros(micros / 2))
}

fn pass_on(told: &Receiver<News>, handle: &Handle, every: Option<Duration>) {
    loop {
        let news = match every {
            Some(every) => told.recv_timeout(every),
            None => told.recv().map_err(RecvTimeoutError::from),
        };
        match news {
            Ok(News::Ready(status)) => send(&[NotifyState::Ready, NotifyState::Status(&status)]),
            Ok(News::Reloading) => match NotifyState::monotonic_usec_now() {
                Ok(now) => send(&[NotifyState::Reloading, now]),
                Err(_) => send(&[NotifyState::Reloading]),
            },
            Ok(News::Stopping) => send(&[NotifyState::Stopping]),
            // A node that stands still answers nothing, and then the manager hears nothing.
            Err(RecvTimeoutError::Timeout) => match handle.call(|_| ()).wait() {
                Ok(()) => send(&[NotifyState::Watchdog]),
                Err(_) => return,
            },
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn send(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(false, state) {
        tracing::warn!("the service manager cannot be told at NOTIFY_SOCKET: {error}");
    }
}
