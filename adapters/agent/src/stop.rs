//! What ends a running node.

use std::io;
use std::sync::mpsc::Sender;
use std::thread::Builder;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Why a running node ends.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A signal asked for it; or the second one, while the node says goodbye.
    Signal,
    /// It has departed at a client's request.
    Departed,
    /// Another node uses its address, and it was told to end then.
    Conflict,
    /// Its thread ended by itself.
    Ended(io::Result<()>),
}

/// Tells of every signal that asks the program to end.
pub(crate) fn listen_for_signals(stop: Sender<Stop>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let listen = move || {
        for _ in signals.forever() {
            if stop.send(Stop::Signal).is_err() {
                return;
            }
        }
    };
    Builder::new().name("signals".to_owned()).spawn(listen)?;
    Ok(())
}
