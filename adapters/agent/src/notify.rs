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

/// How long the node waits for its last word to be sent, at most.
const LAST_WORD: Duration = Duration::from_millis(200);

/// How to tell the service manager.
#[derive(Clone, Debug)]
pub(crate) struct Manager(Sender<News>);

#[derive(Clone, Debug)]
enum News {
    Ready(String),
    Reloading,
    /// Is answered once the manager has been told.
    Stopping(Sender<()>),
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
            let works = move || handle.call(|_| ()).wait().is_ok();
            threads::keep("manager", move || pass_on(&told, every, &works, send))?;
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

    /// The node says goodbye. The process may end as soon as this returns.
    pub(crate) fn stopping(&self) {
        let (done, sent) = channel();
        self.tell(News::Stopping(done));
        let _ = sent.recv_timeout(LAST_WORD);
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

/// Passes news on for as long as there can be some. `works` returns once the node has answered: whether it
/// still runs. A node that stands still answers nothing, and then the manager hears nothing.
fn pass_on(
    told: &Receiver<News>,
    every: Option<Duration>,
    works: impl Fn() -> bool,
    mut send: impl FnMut(&[NotifyState<'_>]),
) {
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
            Ok(News::Stopping(done)) => {
                send(&[NotifyState::Stopping]);
                let _ = done.send(());
            }
            Err(RecvTimeoutError::Timeout) if works() => send(&[NotifyState::Watchdog]),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn send(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(false, state) {
        tracing::warn!("the service manager cannot be told at NOTIFY_SOCKET: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_hears_of_each_answer_once_and_of_nothing_else() {
        for answers in [0, 1, 5] {
            let (_tell, told) = channel();
            let (answer, answered) = channel();
            for _ in 0..answers {
                answer.send(()).expect("it is listened to");
            }
            // From here on the node answers no more, and then it has ended.
            drop(answer);
            let mut fed = 0;
            let works = || answered.recv().is_ok();
            pass_on(&told, Some(Duration::from_millis(1)), works, |state| {
                assert!(matches!(state, [NotifyState::Watchdog]), "{state:?}");
                fed += 1;
            });
            assert_eq!(fed, answers);
        }
    }

    #[test]
    fn news_go_out_in_their_order_and_no_watchdog_is_fed_that_nobody_has_asked_for() {
        let (tell, told) = channel();
        for news in [News::Ready("up".to_owned()), News::Reloading, News::Stopping(channel().0)] {
            tell.send(news).expect("it is listened to");
        }
        drop(tell);
        let mut sent = Vec::new();
        let works = || panic!("nobody wants to know");
        pass_on(&told, None, works, |state| sent.push(state.first().map(ToString::to_string)));
        let lines = ["READY=1", "RELOADING=1", "STOPPING=1"].map(|line| Some(line.to_owned()));
        assert_eq!(sent, lines);
    }
}
