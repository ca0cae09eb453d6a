//! What ends the wait of a node from elsewhere.

use core::task::Waker;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Rung when a node has something to look at that its sockets and its clock do not tell of.
#[derive(Debug, Default)]
pub(crate) struct Bell(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    rung: bool,
    waker: Option<Waker>,
}

impl Bell {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the wait, or the next one.
    pub(crate) fn ring(&self) {
        self.state().rung = true;
        self.wake();
    }

    /// Ends the wait, if there is one.
    pub(crate) fn wake(&self) {
        let waker = self.state().waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether the wait is over. If it is not, `waker` is woken when it is.
    pub(crate) fn is_rung(&self, waker: &Waker) -> bool {
        let mut state = self.state();
        if core::mem::take(&mut state.rung) {
            return true;
        }
        match &mut state.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        false
    }
}
