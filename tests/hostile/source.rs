//! Choices from bytes.

/// Makes choices as bytes say; zeros when they are used up, so that shorter bytes mean less.
#[derive(Clone, Debug)]
pub struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    /// Choices from these bytes.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether the bytes are used up.
    #[must_use]
    pub const fn is_spent(&self) -> bool {
        self.0.is_empty()
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        let mut number = u64::from(self.byte());
        if bound > 256 {
            number = number << 8 | u64::from(self.byte());
        }
        number % bound.max(1)
    }

    /// A number of any length: small ones are as likely as large ones.
    pub fn number(&mut self) -> u64 {
        let len = self.below(9);
        (0..len).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    /// Yes or no.
    pub fn flip(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// One of some.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn one_of<T: Copy>(&mut self, some: &[T]) -> T {
        some[self.below(some.len() as u64) as usize]
    }

    /// Up to `most` bytes.
    pub fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.byte()).collect()
    }
}
