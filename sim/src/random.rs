//! Randomness and chance, in integers: the same on every machine and in every build.

use core::fmt;

/// A chance, or a factor: the first number out of the second.
///
/// A second number of zero makes a chance of zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ratio(pub u32, pub u32);

impl Ratio {
    /// No chance at all.
    pub const NEVER: Self = Self(0, 1);
    /// Certainty, or a factor of one.
    pub const ONE: Self = Self(1, 1);

    /// This many per cent.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        Self(percent, 100)
    }

    /// Whether the chance is zero.
    #[must_use]
    pub const fn is_never(self) -> bool {
        self.0 == 0 || self.1 == 0
    }

    /// `value` times the ratio, rounded down; `value` itself if the second number is zero.
    #[must_use]
    pub fn of(self, value: u64) -> u64 {
        if self.1 == 0 {
            return value;
        }
        let scaled = u128::from(value) * u128::from(self.0) / u128::from(self.1);
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0, self.1)
    }
}

/// A stream of random numbers: SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// An independent stream for a purpose. Draws from one stream never shift another.
    #[must_use]
    pub const fn fork(self, purpose: u64) -> Self {
        Self(mix(self.0 ^ mix(purpose.wrapping_add(0x9e37_79b9_7f4a_7c15))))
    }

    /// The next 64 bits.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`; zero if the bound is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        high_word(u128::from(self.draw()) * u128::from(bound))
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least).saturating_add(1))
    }

    /// Whether a chance comes true. Draws nothing for [`Ratio::NEVER`].
    pub fn hit(&mut self, chance: Ratio) -> bool {
        !chance.is_never()
            && high_word(u128::from(self.draw()) * u128::from(chance.1)) < u64::from(chance.0)
    }

    /// A normal deviate times 65,536: the sum of twelve uniform numbers less their mean.
    pub fn normal(&mut self) -> i64 {
        let mut sum = 0_i64;
        for _ in 0..3 {
            let draw = self.draw();
            for lane in 0..4 {
                sum += (draw >> (16 * lane) & 0xffff) as i64;
            }
        }
        sum - 6 * 0xffff
    }

    /// 32 random bytes.
    pub fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.draw().to_le_bytes());
        }
        bytes
    }

    /// Shuffles a slice.
    pub fn shuffle<T>(&mut self, slice: &mut [T]) {
        for last in (1..slice.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            slice.swap(last, other);
        }
    }
}

const fn high_word(product: u128) -> u64 {
    (product >> 64) as u64
}

/// Mixes 64 bits so that each bit of the input moves about half of the output.
pub(crate) const fn mix(mut z: u64) -> u64 {
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// `value * 2^(exponent / 65536)` in integers, saturating.
pub(crate) fn scale_by_power(value: u64, exponent: i64) -> u64 {
    let whole = exponent >> 16;
    let fraction = exponent & 0xffff;
    let mut factor = 1_u64 << 32;
    for (bit, root) in ROOTS_OF_TWO.iter().enumerate() {
        if fraction >> (15 - bit) & 1 == 1 {
            factor = ((u128::from(factor) * u128::from(*root)) >> 32) as u64;
        }
    }
    let scaled = (u128::from(value) * u128::from(factor)) >> 32;
    let scaled = match u32::try_from(whole.unsigned_abs()) {
        Ok(shift @ 0..=60) if whole < 0 => scaled >> shift,
        Ok(shift @ 0..=60) => scaled << shift,
        _ if whole < 0 => 0,
        _ => u128::MAX,
    };
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// `2^(1/2), 2^(1/4) ...`, each times 2^32.
const ROOTS_OF_TWO: [u64; 16] = [
    6_074_001_000,
    5_107_605_667,
    4_683_695_048,
    4_485_121_744,
    4_389_014_833,
    4_341_736_423,
    4_318_288_544,
    4_306_612_134,
    4_300_785_774,
    4_297_875_550,
    4_296_421_177,
    4_295_694_175,
    4_295_330_720,
    4_295_149_004,
    4_295_058_149,
    4_295_012_722,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chance_comes_true_as_often_as_it_says() {
        let mut random = Random::new(7);
        let hits = (0..100_000).filter(|_| random.hit(Ratio::percent(20))).count();
        assert!((19_500..20_500).contains(&hits), "{hits}");
        assert!(!random.hit(Ratio(1, 0)) && random.hit(Ratio::ONE));
    }

    #[test]
    fn forks_are_independent_of_draws_and_of_each_other() {
        let root = Random::new(1);
        let (mut a, mut b) = (root.fork(1), root.fork(2));
        let first = a.draw();
        assert_ne!(first, b.draw());
        let mut again = root.fork(1);
        assert_eq!(first, again.draw());
    }

    #[test]
    fn normal_has_mean_zero_and_deviation_one() {
        let mut random = Random::new(3);
        let draws: Vec<i64> = (0..50_000).map(|_| random.normal()).collect();
        let mean = draws.iter().sum::<i64>() / 50_000;
        let variance = draws.iter().map(|z| (z * z) >> 16).sum::<i64>() / 50_000;
        assert!(mean.abs() < 1_000, "{mean}");
        assert!((64_000..67_000).contains(&variance), "{variance}");
    }

    #[test]
    fn powers_of_two_scale_exactly_and_roots_closely() {
        assert_eq!(scale_by_power(1_000, 65_536), 2_000);
        assert_eq!(scale_by_power(1_000, -65_536), 500);
        assert_eq!(scale_by_power(1_000_000, 32_768), 1_414_213);
        assert_eq!(scale_by_power(1, i64::MAX), u64::MAX);
        assert_eq!(scale_by_power(1, i64::MIN), 0);
    }

    #[test]
    fn bounds_are_kept() {
        let mut random = Random::new(9);
        for _ in 0..1_000 {
            assert!((5..=7).contains(&random.between(5, 7)));
        }
        assert_eq!(random.below(0), 0);
        let full = random.between(0, u64::MAX);
        assert_ne!(full, random.between(0, u64::MAX));
    }
}
