//! Which packet numbers are new.

/// A sliding window over the packet numbers of one life of one sender (RFC 4303, appendix A2).
///
/// Accepts each number once, in any order, as long as it is less than 64 behind the highest one.
/// Sixteen bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    highest: u64,
    /// Bit `i` says that `highest - i` is used up.
    used: u64,
}

/// Whether a packet number is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It has not been seen.
    Fresh,
    /// It has been seen, or lies below a floor.
    Replay,
    /// It lies too far behind to tell.
    TooOld,
}

impl Window {
    /// How far behind the highest number a fresh one may lie, plus one.
    pub const WIDTH: u64 = 64;

    /// The window of a sender from which nothing has been heard: every number from 1 on is fresh.
    #[must_use]
    pub const fn new() -> Self {
        Self { highest: 0, used: 1 }
    }

    /// Says whether `packet` is new. Ask before, and [`Window::mark`] after, it has proven
    /// authentic.
    #[must_use]
    pub const fn check(&self, packet: u64) -> Freshness {
        if packet > self.highest {
            return Freshness::Fresh;
        }
        let behind = self.highest - packet;
        if behind >= Self::WIDTH {
            Freshness::TooOld
        } else if self.used & (1 << behind) == 0 {
            Freshness::Fresh
        } else {
            Freshness::Replay
        }
    }

    /// Uses `packet` up.
    pub const fn mark(&mut self, packet: u64) {
        if packet > self.highest {
            let ahead = packet - self.highest;
            self.used = if ahead < Self::WIDTH { self.used << ahead } else { 0 };
            self.used |= 1;
            self.highest = packet;
        } else if self.highest - packet < Self::WIDTH {
            self.used |= 1 << (self.highest - packet);
        }
    }

    /// Uses up all numbers below `packet`, because a trusted node has seen that one.
    pub const fn floor(&mut self, packet: u64) {
        let Some(below) = packet.checked_sub(1) else {
            return;
        };
        if below >= self.highest {
            *self = Self { highest: below, used: u64::MAX };
        } else if self.highest - below < Self::WIDTH {
            self.used |= u64::MAX << (self.highest - below);
        }
    }

    /// Whether using up `packet` would make an unused number too old to tell.
    pub(crate) const fn loses_by(&self, packet: u64) -> bool {
        match packet.saturating_sub(self.highest) {
            0 => false,
            ahead if ahead < Self::WIDTH => !self.used >> (Self::WIDTH - ahead) != 0,
            ahead => ahead > Self::WIDTH || self.used != u64::MAX,
        }
    }

    /// The highest number that is used up.
    #[must_use]
    pub const fn highest(&self) -> u64 {
        self.highest
    }
}

impl Default for Window {
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
    #[derive(Default)]
    struct Model {
        highest: u64,
        floor: u64,
        seen: BTreeSet<u64>,
    }

    impl Model {
        fn check(&self, packet: u64) -> Freshness {
            if packet <= self.highest && self.highest - packet >= 64 {
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
        assert_eq!(Window::new().check(0), Freshness::Replay);
        assert_eq!(Window::new().check(1), Freshness::Fresh);
        assert_eq!(Window::new().check(u64::MAX), Freshness::Fresh);
    }

    #[test]
    fn every_pair_of_numbers_near_the_edges_is_judged_right() {
        for base in [0, 1, 64, 1 << 32, u64::MAX - 200] {
            for (first, second) in (0..200).flat_map(|a| (0..200).map(move |b| (a, b))) {
                let (mut window, mut model) = (Window::new(), Model::default());
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

    quickcheck! {
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
