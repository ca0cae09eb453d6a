//! Wider windows for senders whose packets overtake each other by more than a [`Window`] holds: a few,
//! shared by all senders, as bursts are short and rare.

use alloc::vec::Vec;

use crate::seal::{Freshness, Window};

const WORDS: usize = 16;

/// How far behind the highest number a fresh one may lie in a wide window, plus one.
pub(crate) const WIDTH: u64 = 64 * WORDS as u64;

/// The most wide windows. Beyond that the least recently used one goes; its sender's own window
/// then decides.
const MOST: usize = 32;

/// A window of one sender, from some number on.
#[derive(Clone, Debug, Hash)]
struct Wide {
    sender: u32,
    /// When it was used last, in milliseconds, wrapping.
    touched: u32,
    highest: u64,
    /// This number and those below it are too old to tell.
    floor: u64,
    /// A ring of bits, one for each number: whether it is used up.
    used: [u64; WORDS],
}

impl Wide {
    fn check(&self, packet: u64) -> Freshness {
        let (word, bit) = place(packet);
        if packet > self.highest {
            Freshness::Fresh
        } else if packet <= self.floor || self.highest - packet >= WIDTH {
            Freshness::TooOld
        } else if self.used[word] & bit == 0 {
            Freshness::Fresh
        } else {
            Freshness::Replay
        }
    }

    fn mark(&mut self, packet: u64) {
        if packet > self.highest {
            if packet - self.highest >= WIDTH {
                self.used = [0; WORDS];
            } else {
                self.clear(self.highest + 1, packet);
            }
            self.highest = packet;
        }
        if self.highest - packet < WIDTH {
            let (word, bit) = place(packet);
            self.used[word] |= bit;
        }
    }

    /// Clears the bits of the numbers from `first` to `last`, which still belong to numbers that
    /// are too old to tell.
    fn clear(&mut self, first: u64, last: u64) {
        let (mut next, mut left) = (first, last - first + 1);
        while left > 0 {
            let (word, bit) = place(next);
            let step = if bit == 1 && left >= 64 { 64 } else { 1 };
            if step == 64 {
                self.used[word] = 0;
            } else {
                self.used[word] &= !bit;
            }
            // `last` may be the largest number of all.
            next = next.wrapping_add(step);
            left -= step;
        }
    }
}

fn place(packet: u64) -> (usize, u64) {
    let at = packet % WIDTH;
    ((at / 64) as usize, 1 << (at % 64))
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
        wide.map_or(Freshness::TooOld, |wide| wide.check(packet))
    }

    /// Uses up a packet's number in the wide window of a sender; returns whether there is one.
    pub(crate) fn mark(&mut self, sender: u32, packet: u64, now: u32) -> bool {
        let wide = self.windows.iter_mut().find(|wide| wide.sender == sender);
        let Some(wide) = wide else { return false };
        wide.mark(packet);
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
        if self.windows.len() >= MOST
            && let Some(stalest) = (0..MOST).max_by_key(|&at| idle(&self.windows[at]))
        {
            self.windows.swap_remove(stalest);
        }
        let highest = narrow.highest();
        let floor = highest.saturating_sub(Window::WIDTH);
        let mut wide = Wide { sender, touched: now, highest, floor, used: [0; WORDS] };
        for packet in floor + 1..=highest {
            if narrow.check(packet) != Freshness::Fresh {
                wide.mark(packet);
            }
        }
        self.windows.reserve_exact(1);
        self.windows.push(wide);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use quickcheck::quickcheck;

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
        for sender in 0..=MOST as u32 {
            windows.open(sender, &Window::new(), sender, 1_000);
        }
        assert!(!windows.mark(0, 1, 40) && windows.mark(1, 1, 40));
        windows.open(99, &Window::new(), 1_039, 1_000);
        let left: Vec<u32> = windows.windows.iter().map(|wide| wide.sender).collect();
        assert_eq!(left, [1, 99]);
    }

    quickcheck! {
        /// Each number is taken once, in any order, as far back as the window reaches.
        fn the_ring_is_a_set(steps: Vec<(u16, bool)>) -> bool {
            let mut windows = opened(&Window::new());
            let (mut all, mut highest) = (BTreeSet::from([0]), 0_u64);
            steps.into_iter().all(|(step, back)| {
                let step = u64::from(step % 1_500);
                let number = if back { highest.saturating_sub(step).max(1) } else { highest + step };
                let expected = if number + WIDTH <= highest || number == 0 {
                    Freshness::TooOld
                } else if all.contains(&number) {
                    Freshness::Replay
                } else {
                    Freshness::Fresh
                };
                let judged = windows.check(1, number);
                if judged == Freshness::Fresh {
                    windows.mark(1, number, 0);
                    all.insert(number);
                    highest = highest.max(number);
                }
                judged == expected
            })
        }
    }
}
