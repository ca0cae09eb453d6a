//! Vectors that grow by little: tables with an entry per node or range waste little.

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

/// So much room a scratch or a queue keeps while it is empty.
pub(crate) const KEPT: usize = 32;

/// Gives memory back once less than half of the vector is in use.
pub(crate) fn shrink<T>(vec: &mut Vec<T>) {
    if vec.len() < vec.capacity() / 2 {
        vec.shrink_to(vec.len() + vec.len() / 8);
    }
}
