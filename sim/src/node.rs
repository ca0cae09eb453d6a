//! One node of the simulation: its protocol, its clock, its socket and what it has sent.

use std::collections::VecDeque;

use scalesmall_core::{Destination, Epoch, Instant, SendRate};

use crate::check::Broken;
use crate::duplicates::Taken;
use crate::random::Ratio;

/// What a node of the simulation is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// It has not been started yet.
    Unborn,
    /// It runs.
    Running,
    /// Its host is gone: what is sent to it vanishes.
    Crashed,
    /// Its process is gone, its host answers that nobody listens.
    Killed,
    /// Its process is stopped: datagrams pile up, deadlines pass.
    Paused,
    /// Its deadlines are served, its input and output are held.
    Starved,
}

impl Condition {
    /// Whether it has a protocol, be it stopped.
    #[must_use]
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Starved)
    }
}

/// What a node has sent since the simulation began, and what has woken it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes of UDP payload; a multicast counts once.
    pub bytes: u64,
    /// Datagrams, multicasts among them.
    pub datagrams: u64,
    /// Multicast datagrams.
    pub multicasts: u64,
    /// Bytes in the worst 100 ms since the peaks were last reset.
    pub peak_bytes: u64,
    /// Datagrams in the worst 100 ms since the peaks were last reset.
    pub peak_datagrams: u64,
    /// The largest datagram.
    pub largest: usize,
    /// Bytes of datagrams that spread a change, if those are told apart.
    pub change_bytes: u64,
    /// Of that, to addresses of no node.
    pub stray_bytes: u64,
    /// Datagrams that it has taken, those sent to a segment among them.
    pub received: u64,
    /// How often a deadline of its own has woken it.
    pub timer_calls: u64,
    window: u64,
    window_bytes: u64,
    window_datagrams: u64,
}

impl Traffic {
    pub(crate) fn count(&mut self, now: u64, len: usize, multicast: bool) {
        let window = now / PEAK_WINDOW;
        if window != self.window {
            (self.window, self.window_bytes, self.window_datagrams) = (window, 0, 0);
        }
        self.bytes += len as u64;
        self.datagrams += 1;
        self.multicasts += u64::from(multicast);
        self.window_bytes += len as u64;
        self.window_datagrams += 1;
        self.peak_bytes = self.peak_bytes.max(self.window_bytes);
        self.peak_datagrams = self.peak_datagrams.max(self.window_datagrams);
        self.largest = self.largest.max(len);
    }

    pub(crate) const fn reset_peaks(&mut self) {
        (self.peak_bytes, self.peak_datagrams, self.largest) = (0, 0, 0);
        (self.window_bytes, self.window_datagrams) = (0, 0);
    }
}

const PEAK_WINDOW: u64 = 100_000_000;

#[derive(Clone, Debug)]
pub(crate) struct Node<P> {
    pub(crate) protocol: Option<P>,
    pub(crate) condition: Condition,
    /// It said goodbye: it ought not to be seen, and is no observer.
    pub(crate) departed: bool,
    pub(crate) clock: Clock,
    /// What its wall clock is ahead of the truth, in milliseconds.
    pub(crate) wall_offset: i64,
    /// Whether its process does not know the addresses of its host yet.
    pub(crate) moved: bool,
    /// Time at which the earliest deadline event for it is due.
    pub(crate) armed: Option<u64>,
    /// Time of its deadline, which may have moved back since; the greatest if it has none.
    pub(crate) deadline: u64,
    /// Datagrams that wait in its socket buffer.
    pub(crate) inbox: VecDeque<u32>,
    pub(crate) inbox_bytes: usize,
    /// What it wanted to send while it was starved.
    pub(crate) held: Vec<(Destination, Vec<u8>)>,
    /// Time between two datagrams that it takes from its buffer.
    pub(crate) pace: u64,
    /// How many datagrams it still takes slowly, because they piled up while it stood still.
    pub(crate) draining: usize,
    pub(crate) working: bool,
    /// How many datagrams it has sent at `last_sent`.
    pub(crate) place: u32,
    pub(crate) last_sent: u64,
    pub(crate) traffic: Traffic,
    pub(crate) tenth: Tenth,
    pub(crate) digest: Option<u64>,
    pub(crate) taken: Taken,
    /// The lives that its process, or a second copy of it, has led: one, and each that it has begun of
    /// its own accord.
    pub(crate) lives: Vec<Epoch>,
    /// How many datagrams had been sent when its process began.
    pub(crate) began: u64,
}

/// What a node has sent in the running tenth of a second, by its clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tenth {
    number: u64,
    /// Whether the clock was set back: the engine goes on from where it was, so two of its tenths may
    /// lie in one of the clock's.
    pub(crate) shifted: bool,
    bytes: u32,
    datagrams: u32,
}

impl Tenth {
    /// Counts a datagram; returns what was sent in all if that is more than allowed.
    pub(crate) fn count(&mut self, now: Instant, len: usize, rate: SendRate) -> Option<Broken> {
        let number = now.as_millis() / 100;
        if number != self.number {
            *self = Self { number, shifted: self.shifted, ..Self::default() };
        }
        self.bytes += len as u32;
        self.datagrams += 1;
        let Self { bytes, datagrams, shifted, .. } = *self;
        let tenths = 1 + u32::from(shifted);
        let more = bytes > rate.bytes / 10 * tenths || datagrams > rate.datagrams / 10 * tenths;
        more.then_some(Broken::TooMuchSent { bytes, datagrams, rate })
    }
}

impl<P> Node<P> {
    pub(crate) fn new() -> Self {
        Self {
            protocol: None,
            condition: Condition::Unborn,
            departed: false,
            clock: Clock::new(),
            wall_offset: 0,
            moved: false,
            armed: None,
            deadline: u64::MAX,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            held: Vec::new(),
            pace: 0,
            draining: 0,
            working: false,
            place: 0,
            last_sent: 0,
            traffic: Traffic {
                bytes: 0,
                datagrams: 0,
                multicasts: 0,
                peak_bytes: 0,
                peak_datagrams: 0,
                largest: 0,
                change_bytes: 0,
                stray_bytes: 0,
                received: 0,
                timer_calls: 0,
                window: 0,
                window_bytes: 0,
                window_datagrams: 0,
            },
            tenth: Tenth::default(),
            digest: None,
            taken: Taken::default(),
            lives: Vec::new(),
            began: 0,
        }
    }

    /// Its process is in a life, perhaps a new one.
    pub(crate) fn live_in(&mut self, life: Epoch) {
        if !self.lives.contains(&life) {
            self.lives.push(life);
        }
    }

    /// Whether its present process has led a life.
    pub(crate) fn is_in_life(&self, life: Epoch) -> bool {
        self.lives.contains(&life)
    }

    /// Time between two datagrams, whether it is slow or catching up.
    pub(crate) fn work_gap(&self) -> u64 {
        if self.draining > 0 { self.pace.max(DRAIN_GAP) } else { self.pace }
    }

    /// Counts the datagrams that it sends within one instant, so that each has draws of its own.
    pub(crate) const fn next_place(&mut self, now: u64) -> u32 {
        if self.last_sent != now {
            (self.last_sent, self.place) = (now, 0);
        }
        self.place += 1;
        self.place
    }
}

const DRAIN_GAP: u64 = 1_000_000;

/// A node's monotonic clock: a straight line over true time, which a jump may break. It stands still
/// at [`LATEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    since: u64,
    shown: u64,
    rate: Ratio,
}

impl Clock {
    pub(crate) const fn new() -> Self {
        Self { since: 0, shown: 0, rate: Ratio::ONE }
    }

    pub(crate) fn local(&self, now: u64) -> u64 {
        let passed = now - self.since;
        let passed = if self.rate.0 == self.rate.1 { passed } else { self.rate.of(passed) };
        passed.saturating_add(self.shown).min(LATEST)
    }

    /// The first true time at which it shows `local` or more; the greatest if it never does.
    pub(crate) fn when(&self, local: Instant) -> u64 {
        if local.as_nanos() > LATEST {
            return u64::MAX;
        }
        let ahead = local.as_nanos().saturating_sub(self.shown);
        if self.rate.0 == self.rate.1 {
            return self.since.saturating_add(ahead);
        }
        let scaled =
            (u128::from(ahead) * u128::from(self.rate.1)).div_ceil(u128::from(self.rate.0.max(1)));
        self.since.saturating_add(u64::try_from(scaled).unwrap_or(u64::MAX))
    }

    pub(crate) fn run_at(&mut self, now: u64, rate: Ratio) {
        self.shown = self.local(now);
        self.since = now;
        self.rate = if rate.is_never() { Ratio::ONE } else { rate };
    }

    pub(crate) fn jump(&mut self, now: u64, nanos: i64) {
        self.shown = self.local(now).saturating_add_signed(nanos);
        self.since = now;
    }
}

/// The time, some 292 years after the origin, beyond which an engine counts all times as one, so
/// that a deadline that it asks for may lie behind a clock that goes on.
const LATEST: u64 = u64::MAX / 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skewed_clock_shows_its_deadlines_in_time() {
        let mut clock = Clock::new();
        clock.run_at(1_000, Ratio(101, 100));
        assert_eq!(clock.local(2_000), 2_010);
        for deadline in 1_001..3_000 {
            let when = clock.when(Instant::from_nanos(deadline));
            assert!(clock.local(when) >= deadline && clock.local(when - 1) < deadline);
        }
        clock.jump(2_000, 500);
        assert_eq!(clock.local(2_000), 2_510);
        clock.jump(2_000, -1_000);
        assert_eq!(clock.local(2_000), 1_510);
    }

    #[test]
    fn a_clock_that_is_set_to_the_end_of_time_stands_still_there() {
        let mut clock = Clock::new();
        for by in [i64::MAX, i64::MAX, i64::MAX] {
            clock.jump(5_000, by);
            assert_eq!(clock.local(6_000), LATEST);
        }
        assert_eq!(clock.when(Instant::from_nanos(LATEST + 1)), u64::MAX);
        clock.run_at(7_000, Ratio(u32::MAX, 1));
        assert_eq!(clock.local(u64::MAX), LATEST);
        clock.jump(8_000, i64::MIN);
        clock.run_at(8_000, Ratio::ONE);
        assert_eq!(clock.local(9_000), 1_000);
    }

    #[test]
    fn peaks_are_those_of_a_tenth_of_a_second() {
        let mut traffic = Traffic::default();
        for at in [0, 50, 99, 100, 250] {
            traffic.count(at * 1_000_000, 10, at == 0);
        }
        assert_eq!((traffic.bytes, traffic.datagrams, traffic.multicasts), (50, 5, 1));
        assert_eq!((traffic.peak_bytes, traffic.peak_datagrams), (30, 3));
    }
}
