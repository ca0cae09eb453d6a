//! What goes on for long is told at once, and then ever more rarely.

use std::time::{Duration, Instant};

/// How long nothing more is said after the first time; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// When to tell next of one thing that happens again and again.
#[derive(Debug, Default)]
pub(crate) struct Rarely {
    /// When it was last told, and how long nothing is said after that.
    told: Option<(Instant, Duration)>,
    left_out: u64,
}

impl Rarely {
    /// It has happened. Returns how often it has happened untold before, if it is to be told now.
    pub(crate) fn tell(&mut self, now: Instant) -> Option<u64> {
        let pause = match self.told {
            None => FIRST_PAUSE,
            Some((at, pause)) => {
                let since = now.saturating_duration_since(at);
                if since < pause {
                    self.left_out += 1;
                    return None;
                }
                // After a long calm it is news again.
                if since >= pause * 4 { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) }
            }
        };
        self.told = Some((now, pause));
        Some(core::mem::take(&mut self.left_out))
    }
}

/// What follows a sentence about something that has happened `left_out` times untold.
pub(crate) fn and_before(left_out: u64) -> String {
    match left_out {
        0 => String::new(),
        1 => " (and once more since this was last said)".to_owned(),
        _ => format!(" (and {left_out} times more since this was last said)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_told_once_and_then_ever_more_rarely() {
        let start = Instant::now();
        let mut rarely = Rarely::default();
        let hour = (0..3600).filter(|at| rarely.tell(start + Duration::from_secs(*at)).is_some());
        assert_eq!(hour.collect::<Vec<u64>>(), [0, 60, 180, 420, 900, 1860]);
        let day = (3600..86_400)
            .filter(|at| rarely.tell(start + Duration::from_secs(*at)).is_some())
            .count();
        assert!((22..=24).contains(&day), "{day} times in a day");
    }

    #[test]
    fn what_was_left_out_is_counted_and_after_a_long_calm_it_is_news_again() {
        let start = Instant::now();
        let mut rarely = Rarely::default();
        assert_eq!(rarely.tell(start), Some(0));
        assert_eq!([rarely.tell(start), rarely.tell(start)], [None, None]);
        assert_eq!(rarely.tell(start + FIRST_PAUSE), Some(2));
        let later = start + FIRST_PAUSE * 20;
        assert_eq!(rarely.tell(later), Some(0));
        assert_eq!(rarely.tell(later + FIRST_PAUSE), Some(0));
    }
}
