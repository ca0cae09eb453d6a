//! How a node that a signal ends stops: it drains, if it is asked to, until others serve what it serves, and departs.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use scalesmall_core::Shortfall;
use scalesmall_driver::{CallError, Handle};

use crate::stop::{GOODBYE, Stop};

/// How often a node that drains looks whether others serve what it serves.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

/// What the node serves and nobody else; it drains from now on.
///
/// # Errors
///
/// The node has ended, or is too busy.
pub(crate) fn uncovered(handle: &Handle) -> Result<Vec<Shortfall>, CallError> {
    let look = handle.call(|node| {
        // To say the same twice changes nothing.
        node.set_draining(true);
        node.engine().uncovered(1)
    });
    look.wait()
}

/// Drains until others serve all, for as long as `drain` says, and then departs. A second signal cuts that short.
pub(crate) fn say(handle: &Handle, stopped: &Receiver<Stop>, drain: Option<Duration>) {
    if let Some(limit) = drain
        && let Some(ended) = cover(handle, stopped, limit)
    {
        return tell(&ended);
    }
    // Whether it could be made shows in what follows.
    drop(handle.call(|node| node.depart()));
    tell(&stopped.recv_timeout(GOODBYE));
}

/// Drains; returns why the node ends, if it does so by itself meanwhile.
fn cover(
    handle: &Handle,
    stopped: &Receiver<Stop>,
    limit: Duration,
) -> Option<Result<Stop, RecvTimeoutError>> {
    tracing::info!("the node drains for up to {limit:?}, until others serve what it serves");
    let begun = Instant::now();
    // A node that cannot be asked has ended, which shows below.
    while let Ok(missing) = uncovered(handle)
        && !missing.is_empty()
    {
        let Some(left) = limit.checked_sub(begun.elapsed()) else {
            tracing::warn!(
                "others do not serve all that this node serves after {limit:?}: it leaves {} without an owner",
                match missing.len() {
                    1 => "one range".to_owned(),
                    several => format!("{several} ranges"),
                }
            );
            return None;
        };
        match stopped.recv_timeout(left.min(LOOK)) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Stop::Signal) => {
                tracing::warn!("the drain was cut short by a second signal");
                return None;
            }
            ended => return Some(ended),
        }
    }
    None
}

fn tell(ended: &Result<Stop, RecvTimeoutError>) {
    match ended {
        Ok(Stop::Departed { acknowledged_by, told }) => {
            tracing::info!("left; {acknowledged_by} of {told} acknowledged it");
        }
        Ok(Stop::Signal) => tracing::warn!("the goodbye was cut short by a second signal"),
        Err(RecvTimeoutError::Timeout) => tracing::warn!(
            "the goodbye was not finished within {} s: the others find out by themselves",
            GOODBYE.as_secs()
        ),
        Ok(Stop::Ended(_) | Stop::Died(_) | Stop::Conflict)
        | Err(RecvTimeoutError::Disconnected) => {
            tracing::warn!("the node ended before its goodbye was finished");
        }
    }
}
