//! Wider windows for senders whose packets overtake each other by more than a [`Window`] holds: a few,
//! shared by all senders, as bursts are short and rare.

use alloc::vec::Vec;

use crate::base::{Freshness, Window};

/// A wide window holds 1,024 numbers.
const WORDS: usize = 16;

/// The most wide windows. Beyond that the least recently used one goes; its sender's own window
/// then decides.
const MOST_WINDOWS: usize = 32;

/// A window of one sender, from some number on.
#[derive(Clone, Debug, Hash)]
struct Wide {
    sender: u32,
    /// When it was used last, in milliseconds, wrapping.
    touched: u32,
    /// This number and those below it are too old to tell.
    floor: u64,
    window: Window<WORDS>,
}

/// The wide windows in use.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct WideWindows {
    windows: Vec<Wide>,
}

impl WideWindows {
    /// What the wide window of a sender says about a packet; without a window the packet is too
    /// old.
    pub(crate) fn check(&self, sender: u32, packet: u64) -> Freshness {
        let wide = self.windows.iter().find(|wide| wide.sender == sender);
        wide.filter(|wide| packet > wide.floor)
            .map_or(Freshness::TooOld, |wide| wide.window.check(packet))
    }

    /// Uses up a packet's number in the wide window of a sender; returns whether there is one.
    pub(crate) fn mark(&mut self, sender: u32, packet: u64, now: u32) -> bool {
        let wide = self.windows.iter_mut().find(|wide| wide.sender == sender);
        let Some(wide) = wide else { return false };
        wide.window.mark(packet);
        wide.touched = now;
        true
    }

    /// Drops windows that have not been used for `span` milliseconds.
    pub(crate) fn give_back(&mut self, now: u32, span: u32) {
        self.windows.retain(|wide| now.wrapping_sub(wide.touched) < span);
        if self.windows.capacity() > 2 * self.windows.len() {
            self.windows.shrink_to_fit();
        }
    }

    /// Opens a wide window with the content of `narrow`. Windows that have not been used for `span`
    /// milliseconds are dropped.
    pub(crate) fn open(&mut self, sender: u32, narrow: &Window, now: u32, span: u32) {
        self.windows.retain(|wide| wide.sender != sender);
        self.give_back(now, span);
        let idle = |wide: &Wide| now.wrapping_sub(wide.touched);
        if self.windows.len() >= MOST_WINDOWS
            && let Some(stalest) = (0..MOST_WINDOWS).max_by_key(|&at| idle(&self.windows[at]))
        {
            self.windows.swap_remove(stalest);
        }
        let floor = narrow.highest().saturating_sub(<Window>::WIDTH);
        let mut window = Window::new();
        for packet in floor + 1..=narrow.highest() {
            if narrow.check(packet) != Freshness::Fresh {
                window.mark(packet);
            }
        }
        self.windows.reserve_exact(1);
        self.windows.push(Wide { sender, touched: now, floor, window });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(narrow: &Window) -> WideWindows {
        let mut windows = WideWindows::default();
        windows.open(1, narrow, 0, 1_000);
        windows
    }

    #[test]
    fn it_says_what_the_narrow_one_said() {
        let mut narrow = Window::new();
        for packet in [3, 4, 60, 100, 131] {
            narrow.mark(packet);
        }
        narrow.floor(70);
        let windows = opened(&narrow);
        for packet in 1..300 {
            assert_eq!(windows.check(1, packet), narrow.check(packet), "{packet}");
        }
        assert_eq!(windows.check(2, 130), Freshness::TooOld);
    }

    #[test]
    fn the_last_number_there_is_can_be_taken() {
        let mut narrow = Window::new();
        narrow.mark(u64::MAX - 100);
        let mut windows = opened(&narrow);
        for packet in [u64::MAX - 5, u64::MAX - 90, u64::MAX - 1, u64::MAX] {
            assert_eq!(windows.check(1, packet), Freshness::Fresh, "{packet}");
            windows.mark(1, packet, 0);
            assert_eq!(windows.check(1, packet), Freshness::Replay, "{packet}");
        }
        assert_eq!(windows.check(1, u64::MAX - 2), Freshness::Fresh);
    }

    #[test]
    fn of_too_many_the_stalest_goes_and_idle_ones_are_given_back() {
        let mut windows = WideWindows::default();
        for sender in 0..=MOST_WINDOWS as u32 {
            windows.open(sender, &Window::new(), sender, 1_000);
        }
        assert!(!windows.mark(0, 1, 40) && windows.mark(1, 1, 40));
        windows.open(99, &Window::new(), 1_039, 1_000);
        let left: Vec<u32> = windows.windows.iter().map(|wide| wide.sender).collect();
        assert_eq!(left, [1, 99]);
    }
}
