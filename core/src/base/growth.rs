//! Vectors that grow in small steps, so that tables with an entry per node or range waste little.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Makes room for one more element. A full vector grows by a quarter, a long one by a sixteenth: there
/// the room would cost more than the moves.
pub(crate) fn reserve_one<T>(vec: &mut Vec<T>) {
    if vec.len() == vec.capacity() {
        let more = match vec.len() {
            0..8 => 1,
            len @ 8..LONG => len / 4,
            len => len / 16,
        };
        vec.reserve_exact(more);
    }
}

const LONG: usize = 512;

/// Appends; a full vector grows as [`reserve_one`] says.
pub(crate) fn push<T>(vec: &mut Vec<T>, element: T) {
    reserve_one(vec);
    vec.push(element);
}

/// Inserts; a full vector grows as [`reserve_one`] says.
pub(crate) fn insert<T>(vec: &mut Vec<T>, at: usize, element: T) {
    reserve_one(vec);
    vec.insert(at, element);
}

/// The capacity that an empty buffer or queue keeps.
pub(crate) const KEPT: usize = 32;

/// A queue or scratch of this many elements is not worth giving back.
const SMALL: usize = 8;

/// Empties a scratch buffer and gives back the capacity that a burst has left, except a little. To
/// be called at a slow pace, so that capacity in constant use does not come and go.
pub(crate) fn rest<T>(scratch: &mut Vec<T>) {
    if scratch.capacity() * size_of::<T>().max(1) > SMALL * size_of::<T>().max(32) {
        scratch.clear();
        scratch.shrink_to(SMALL / 2);
    }
}

/// The same for a queue, if it is empty. Returns whether it has given anything back.
pub(crate) fn rest_queue<T>(queue: &mut VecDeque<T>) -> bool {
    let burst = queue.is_empty() && queue.capacity() > SMALL;
    if burst {
        *queue = VecDeque::new();
    }
    burst
}

/// Gives memory back once less than half of the vector is in use.
pub(crate) fn shrink<T>(vec: &mut Vec<T>) {
    if vec.len() < vec.capacity() / 2 {
        vec.shrink_to(vec.len() + vec.len() / 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_burst_left_is_given_back_and_little_is_left_alone() {
        let mut scratch: Vec<[u8; 100]> = Vec::with_capacity(SMALL);
        rest(&mut scratch);
        assert_eq!(scratch.capacity(), SMALL);
        scratch.extend([[1; 100]; SMALL + 1]);
        rest(&mut scratch);
        assert!(scratch.is_empty() && scratch.capacity() <= SMALL);
        let mut bytes: Vec<u8> = Vec::with_capacity(1_200);
        rest(&mut bytes);
        assert!(bytes.capacity() <= SMALL);
        let mut queue: VecDeque<u32> = (0..100).collect();
        assert!(!rest_queue(&mut queue));
        queue.clear();
        assert!(rest_queue(&mut queue) && queue.capacity() == 0);
    }
}
