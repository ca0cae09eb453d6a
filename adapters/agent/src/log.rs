//! The log: lines that wait for stderr in a bounded queue, so that nobody else waits for it.
//!
//! Whatever reads the log may be slow, stopped or gone, and its disk may be full. Then lines are lost and
//! counted; the first line that can be written afterwards is preceded by one that says how many were lost.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most lines that wait. They have a few hundred bytes each.
const LINES: usize = 1024;

/// How often it is looked whether all lines are written.
const LOOK: Duration = Duration::from_millis(2);

/// Where lines of the log are left.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    lines: SyncSender<Vec<u8>>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    lost: AtomicU64,
    /// Lines that wait or are being written.
    open: AtomicU64,
}

/// Where lines of the log wait to be written.
#[derive(Clone)]
pub(crate) struct Waiting {
    lines: Arc<Mutex<Receiver<Vec<u8>>>>,
    counts: Arc<Counts>,
    /// A sentence as a line of the log.
    notice: Arc<dyn Fn(&str) -> String + Send + Sync>,
}

impl Log {
    /// An empty log, and its other end, which says by `notice` how many lines were lost.
    pub(crate) fn new(notice: impl Fn(&str) -> String + Send + Sync + 'static) -> (Self, Waiting) {
        let (lines, waiting) = sync_channel(LINES);
        let counts = Arc::<Counts>::default();
        let waiting = Waiting {
            lines: Arc::new(Mutex::new(waiting)),
            counts: Arc::clone(&counts),
            notice: Arc::new(notice),
        };
        (Self { lines, counts }, waiting)
    }

    /// How many lines wait or are being written.
    pub(crate) fn waiting(&self) -> u64 {
        self.counts.open.load(Ordering::Relaxed)
    }

    /// How many lines were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.counts.lost.load(Ordering::Relaxed)
    }

    /// Waits until all lines are written, but not for longer than `limit`.
    pub(crate) fn finish(&self, limit: Duration) {
        let end = Instant::now() + limit;
        while self.counts.open.load(Ordering::Acquire) > 0 && Instant::now() < end {
            std::thread::sleep(LOOK);
        }
    }
}

/// Takes one line at a time, and never fails.
impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.counts.open.fetch_add(1, Ordering::AcqRel);
        if self.lines.try_send(line.to_vec()).is_err() {
            self.counts.open.fetch_sub(1, Ordering::AcqRel);
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Waiting {
    /// Writes lines to `out` until the last [`Log`] is dropped.
    pub(crate) fn write_to(&self, mut out: impl Write) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told = 0;
        for line in lines.iter() {
            let lost = self.counts.lost.load(Ordering::Relaxed);
            let written = if lost > told {
                let sentence =
                    format!("{} lines of the log were lost before this one", lost - told);
                let notice = (self.notice)(&sentence);
                out.write_all(notice.as_bytes()).map(|()| told = lost)
            } else {
                Ok(())
            };
            if written.and_then(|()| out.write_all(&line)).is_err() {
                self.counts.lost.fetch_add(1, Ordering::Relaxed);
            }
            self.counts.open.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_queue_are_lost_counted_and_told() {
        let (mut log, waiting) = Log::new(|sentence| format!("{sentence}\n"));
        for number in 0..LINES + 3 {
            log.write_all(format!("{number}\n").as_bytes()).expect("it never fails");
        }
        assert_eq!(log.lost(), 3);
        log.finish(Duration::ZERO);
        drop(log);
        let mut out = Vec::new();
        waiting.write_to(&mut out);
        let text = String::from_utf8(out).expect("text");
        assert!(text.starts_with("3 lines of the log were lost before this one\n0\n1\n"), "{text}");
        assert!(text.ends_with(&format!("\n{}\n", LINES - 1)), "{text}");
    }

    /// Fails until it has been tried a few times.
    struct Full(u32, Vec<u8>);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 > 0 {
                self.0 -= 1;
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_cannot_be_written_is_lost_and_the_rest_follows() {
        let (mut log, waiting) = Log::new(|sentence| format!("{sentence}\n"));
        for number in 0..4 {
            log.write_all(format!("{number}\n").as_bytes()).expect("it never fails");
        }
        let lost = log.clone();
        drop(log);
        let counts = Arc::clone(&lost.counts);
        drop(lost);
        let mut out = Full(2, Vec::new());
        waiting.write_to(&mut out);
        assert_eq!(out.1, b"2 lines of the log were lost before this one\n2\n3\n");
        assert_eq!(counts.lost.load(Ordering::Relaxed), 2);
        assert_eq!(counts.open.load(Ordering::Relaxed), 0);
    }
}
