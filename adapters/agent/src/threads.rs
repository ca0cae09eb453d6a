//! Threads whose end is noticed: one that may fail is started again, one that may not ends the program.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Sender;
use std::thread::Builder;
use std::time::{Duration, Instant};

use crate::rarely::Rarely;
use crate::stop::Stop;

/// The pause before a thread that has panicked is started again.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs `duty` on a thread of its own until it returns. If it panics, that is told, and it is run again.
///
/// # Errors
///
/// The system has no thread for it.
pub(crate) fn keep(name: &'static str, mut duty: impl FnMut() + Send + 'static) -> io::Result<()> {
    let run = move || {
        let mut rarely = Rarely::default();
        while catch_unwind(AssertUnwindSafe(&mut duty)).is_err() {
            if rarely.tell(Instant::now()).is_some() {
                tracing::error!("the thread '{name}' has panicked; it is started again");
            }
            std::thread::sleep(PAUSE);
        }
    };
    Builder::new().name(name.to_owned()).spawn(run)?;
    Ok(())
}

/// Runs `duty` on a thread of its own. If it panics, the program is told to end.
///
/// # Errors
///
/// The system has no thread for it.
pub(crate) fn need(
    name: &'static str,
    stop: Sender<Stop>,
    duty: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let run = move || {
        if catch_unwind(AssertUnwindSafe(duty)).is_err() {
            // The program may be ending already.
            let _ = stop.send(Stop::Died(name));
        }
    };
    Builder::new().name(name.to_owned()).spawn(run)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_thread_that_panics_is_run_again_until_it_returns() {
        let (told, runs) = channel();
        let mut run = 0;
        let duty = move || {
            run += 1;
            told.send(run).expect("the test listens");
            assert!(run > 1, "the first run panics");
        };
        keep("test", duty).expect("a thread");
        assert_eq!(runs.iter().collect::<Vec<u32>>(), [1, 2]);
    }

    #[test]
    fn the_end_of_a_thread_that_is_needed_names_it() {
        let (stop, stopped) = channel();
        need("test", stop.clone(), || panic!("on purpose")).expect("a thread");
        assert!(matches!(stopped.recv(), Ok(Stop::Died("test"))));
        need("test", stop, || {}).expect("a thread");
        assert!(stopped.recv().is_err(), "it has ended without a panic");
    }
}
