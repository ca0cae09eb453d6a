//! What ends a running node.

use std::io;
use std::sync::mpsc::{Sender, SyncSender};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

/// The longest that saying goodbye takes, whatever the preset.
pub(crate) const GOODBYE: Duration = Duration::from_secs(8);

/// Why a running node ends.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A signal asked for it; or the second one, while the node says goodbye.
    Signal,
    /// It has departed.
    Departed {
        /// How many have acknowledged it.
        acknowledged_by: u32,
        /// How many were told.
        told: u32,
    },
    /// Another node uses its name, and it was told to end then.
    Conflict,
    /// Its thread ended by itself.
    Ended(io::Result<()>),
    /// A thread that is needed has panicked.
    Died(&'static str),
}

/// The signals that a node receives. From here on they do not kill the program by themselves.
///
/// # Errors
///
/// The system refuses a handler.
pub(crate) fn signals() -> io::Result<Signals> {
    // A terminal that goes away ends no node, nor does a file that has reached its limit.
    Signals::new([SIGTERM, SIGINT, SIGHUP, SIGXFSZ])
}

/// Tells of every signal that asks the program to end.
/// A hang-up is told once, however many there are before it is looked at.
pub(crate) fn listen(signals: &mut Signals, stop: &Sender<Stop>, hang_up: &SyncSender<()>) {
    for signal in signals.forever() {
        let asks = [SIGTERM, SIGINT].contains(&signal);
        if asks && stop.send(Stop::Signal).is_err() {
            return;
        }
        if signal == SIGHUP {
            // One that waits already says the same.
            let _ = hang_up.try_send(());
        }
    }
}
