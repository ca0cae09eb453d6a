//! Values by number: what very many hold is kept once.

use core::hash::Hash;
use std::collections::HashMap;

/// Different values, numbered from 0 in the order in which they came.
#[derive(Clone, Debug)]
pub(crate) struct Interned<T> {
    values: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Interned<T> {
    /// The number of a value, which gets one if it has none.
    pub(crate) fn number(&mut self, value: T) -> u32 {
        let next = self.values.len() as u32;
        let values = &mut self.values;
        *self.numbers.entry(value).or_insert_with_key(|value| {
            values.push(value.clone());
            next
        })
    }

    /// The value of a number.
    pub(crate) fn value(&self, number: u32) -> &T {
        &self.values[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_one_number() {
        let mut names = Interned::default();
        assert_eq!(["a", "b", "a", "c", "b"].map(|name| names.number(name)), [0, 1, 0, 2, 1]);
        assert_eq!([2, 0, 1].map(|number| *names.value(number)), ["c", "a", "b"]);
    }
}
