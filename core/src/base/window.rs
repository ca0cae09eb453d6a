//! Which numbers of a sequence are new.

/// Whether a number is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// It has not been seen.
    Fresh,
    /// It has been seen, or lies below a floor.
    Replay,
    /// It lies too far behind to tell.
    TooOld,
}

/// A sliding window over the numbers of one sender, by default the packet numbers of one life of it
/// (RFC 6479, which does without shifting bits).
///
/// Accepts each number once, in any order, as long as it is less than 64 for each of the window's words
/// behind the highest one. With one word it takes sixteen bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Window<const WORDS: usize = 1> {
    highest: u64,
    /// A ring of bits, one for each of the last numbers: whether it is used up.
    used: [u64; WORDS],
}

impl<const WORDS: usize> Window<WORDS> {
    /// How far behind the highest number a fresh one may lie, plus one.
    pub(crate) const WIDTH: u64 = 64 * WORDS as u64;

    /// The window of a sender from which nothing has been heard: every number from 1 on is fresh.
    pub(crate) const fn new() -> Self {
        let mut window = Self::empty();
        window.used[0] = 1;
        window
    }

    /// A window in which 0 is fresh as well.
    pub(crate) const fn empty() -> Self {
        Self { highest: 0, used: [0; WORDS] }
    }

    /// Says whether `number` is new. Ask before, and [`Window::mark`] after, it has proven
    /// authentic.
    pub(crate) const fn check(&self, number: u64) -> Freshness {
        let (word, bit) = Self::place(number);
        if number > self.highest {
            Freshness::Fresh
        } else if self.highest - number >= Self::WIDTH {
            Freshness::TooOld
        } else if self.used[word] & (1 << bit) == 0 {
            Freshness::Fresh
        } else {
            Freshness::Replay
        }
    }

    /// Uses `number` up.
    pub(crate) const fn mark(&mut self, number: u64) {
        if number > self.highest {
            self.advance(number);
        }
        if self.highest - number < Self::WIDTH {
            let (word, bit) = Self::place(number);
            self.used[word] |= 1 << bit;
        }
    }

    /// The highest number that is used up.
    pub(crate) const fn highest(&self) -> u64 {
        self.highest
    }

    /// Makes `number` the highest. The bits of the numbers from there on still belong to numbers that are
    /// too old to tell by then.
    const fn advance(&mut self, number: u64) {
        let (mut next, mut left) = (self.highest + 1, number - self.highest);
        if left >= Self::WIDTH {
            (self.used, left) = ([0; WORDS], 0);
        }
        while left > 0 {
            let (word, bit) = Self::place(next);
            let step = if left < 64 - bit { left } else { 64 - bit };
            self.used[word] &= !(u64::MAX >> (64 - step) << bit);
            // `number` may be the largest of all.
            next = next.wrapping_add(step);
            left -= step;
        }
        self.highest = number;
    }

    /// The word and the bit of a number.
    const fn place(number: u64) -> (usize, u64) {
        let at = number % Self::WIDTH;
        ((at / 64) as usize, at % 64)
    }
}

impl Window {
    /// Uses up all numbers below `number`, because a trusted node has seen that one.
    pub(crate) const fn floor(&mut self, number: u64) {
        let Some(below) = number.checked_sub(1) else {
            return;
        };
        if below >= self.highest {
            *self = Self { highest: below, used: [u64::MAX] };
        } else if self.highest - below < Self::WIDTH {
            self.used[0] |= (u64::MAX >> (self.highest - below)).rotate_left(self.oldest());
        }
    }

    /// Whether using up `number` would make an unused number too old to tell.
    pub(crate) const fn loses_by(&self, number: u64) -> bool {
        let unused = !self.used[0].rotate_right(self.oldest());
        match number.saturating_sub(self.highest) {
            0 => false,
            ahead if ahead < Self::WIDTH => unused << (Self::WIDTH - ahead) != 0,
            ahead => ahead > Self::WIDTH || unused != 0,
        }
    }

    /// The bit of the oldest number.
    const fn oldest(&self) -> u32 {
        (self.highest.wrapping_add(1) % Self::WIDTH) as u32
    }
}

impl<const WORDS: usize> Default for Window<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use quickcheck::quickcheck;

    /// The rule, said without bits.
    struct Model {
        width: u64,
        highest: u64,
        floor: u64,
        seen: BTreeSet<u64>,
    }

    impl Default for Model {
        fn default() -> Self {
            Self { width: 64, highest: 0, floor: 0, seen: BTreeSet::new() }
        }
    }

    impl Model {
        fn check(&self, packet: u64) -> Freshness {
            if packet <= self.highest && self.highest - packet >= self.width {
                Freshness::TooOld
            } else if packet == 0 || packet < self.floor || self.seen.contains(&packet) {
                Freshness::Replay
            } else {
                Freshness::Fresh
            }
        }

        fn mark(&mut self, packet: u64) {
            self.seen.insert(packet);
            self.highest = self.highest.max(packet);
        }

        fn floor(&mut self, packet: u64) {
            self.floor = self.floor.max(packet);
            self.highest = self.highest.max(packet.saturating_sub(1));
        }
    }

    fn agree(window: &Window, model: &Model, around: u64) {
        for packet in around.saturating_sub(140)..=around.saturating_add(140) {
            assert_eq!(window.check(packet), model.check(packet), "{packet} in {window:?}");
        }
    }

    #[test]
    fn a_window_takes_sixteen_bytes() {
        assert_eq!(size_of::<Window>(), 16);
    }

    #[test]
    fn zero_is_never_fresh_and_one_is() {
        let window: Window = Window::new();
        let judged = [0, 1, u64::MAX].map(|number| window.check(number));
        assert_eq!(judged, [Freshness::Replay, Freshness::Fresh, Freshness::Fresh]);
        assert_eq!(<Window>::empty().check(0), Freshness::Fresh);
    }

    #[test]
    fn every_pair_of_numbers_near_the_edges_is_judged_right() {
        for base in [0, 1, 64, 1 << 32, u64::MAX - 200] {
            for (first, second) in (0..200).flat_map(|a| (0..200).map(move |b| (a, b))) {
                let (mut window, mut model) = (<Window>::new(), Model::default());
                for packet in [base + first, base + second] {
                    assert_eq!(window.check(packet), model.check(packet));
                    window.mark(packet);
                    model.mark(packet);
                }
                for probe in [0, 1, 62, 63, 64, 65, 66] {
                    for edge in [base + first, base + second] {
                        let (below, above) =
                            (edge.saturating_sub(probe), edge.saturating_add(probe));
                        assert_eq!(window.check(below), model.check(below));
                        assert_eq!(window.check(above), model.check(above));
                    }
                }
            }
        }
    }

    #[test]
    fn every_floor_near_a_mark_is_judged_right() {
        for (marked, floor) in (0..200).flat_map(|a| (0..200).map(move |b| (a, b))) {
            let (mut window, mut model) = (Window::new(), Model::default());
            window.mark(marked);
            model.mark(marked);
            window.floor(floor);
            model.floor(floor);
            agree(&window, &model, marked);
        }
    }

    #[test]
    fn the_number_of_a_floor_stays_fresh() {
        let mut window = Window::new();
        window.floor(1000);
        assert_eq!(window.check(1000), Freshness::Fresh);
        assert_eq!(window.check(999), Freshness::Replay);
        assert_eq!(window.check(0), Freshness::TooOld);
    }

    #[test]
    fn a_loss_is_foreseen() {
        for (marked, next) in (0..200).flat_map(|a| (0..200).map(move |b| (a, b))) {
            let mut window = Window::new();
            window.mark(100);
            window.mark(marked);
            let mut then = window;
            then.mark(next);
            let lost = |&n: &u64| {
                window.check(n) == Freshness::Fresh && then.check(n) == Freshness::TooOld
            };
            let any = (window.highest().saturating_sub(63)..next).any(|n| lost(&n));
            assert_eq!(window.loses_by(next), any, "{marked} {next}");
        }
    }

    /// Each number is taken once, in any order, as far back as a window of this width reaches.
    fn is_a_set<const WORDS: usize>(steps: &[(u16, bool)]) -> bool {
        let mut window = Window::<WORDS>::new();
        let mut model = Model { width: Window::<WORDS>::WIDTH, ..Model::default() };
        steps.iter().all(|&(step, back)| {
            let step = u64::from(step) % (3 * model.width / 2);
            let number =
                if back { model.highest.saturating_sub(step) } else { model.highest + step };
            let judged = window.check(number);
            let agree = judged == model.check(number);
            window.mark(number);
            model.mark(number);
            agree && window.highest() == model.highest
        })
    }

    quickcheck! {
        fn a_window_of_any_width_is_a_set(steps: alloc::vec::Vec<(u16, bool)>) -> bool {
            is_a_set::<1>(&steps) && is_a_set::<2>(&steps) && is_a_set::<16>(&steps) && is_a_set::<64>(&steps)
        }

        fn any_run_is_judged_as_the_rule_says(steps: alloc::vec::Vec<(u8, bool)>) -> bool {
            let (mut window, mut model) = (Window::new(), Model::default());
            steps.into_iter().all(|(number, is_floor)| {
                if is_floor {
                    window.floor(number.into());
                    model.floor(number.into());
                } else {
                    window.mark(number.into());
                    model.mark(number.into());
                }
                (0..400).all(|packet| window.check(packet) == model.check(packet))
            })
        }
    }
}
