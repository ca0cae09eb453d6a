//! How a node that a signal ends takes leave: it drains, if it is asked to, and departs.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use scalesmall_driver::Handle;

use crate::stop::{GOODBYE, Stop};

/// Drains for as long as `drain` says, and then departs. Another signal cuts each of them short.
pub(crate) fn say(handle: &Handle, stopped: &Receiver<Stop>, drain: Option<Duration>) {
    if let Some(limit) = drain {
        // Whether it could be made shows in what follows, here and below.
        drop(handle.call(|node| node.set_draining(true)));
        tracing::info!("the node drains for {limit:?}, and leaves then");
        match stopped.recv_timeout(limit) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Stop::Signal) => tracing::warn!("the drain was cut short by a second signal"),
            ended => return tell(&ended),
        }
    }
    drop(handle.call(|node| node.depart()));
    tell(&stopped.recv_timeout(GOODBYE));
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
