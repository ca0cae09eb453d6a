//! Vectors that grow by an eighth: tables with an entry per node or range waste little.

use alloc::vec::Vec;

/// Makes room for one more element; a full vector grows by an eighth, at least by one.
pub(crate) fn reserve_one<T>(vec: &mut Vec<T>) {
    if vec.len() == vec.capacity() {
        vec.reserve_exact((vec.len() / 8).max(1));
    }
}

/// Appends; a full vector grows by an eighth.
pub(crate) fn push<T>(vec: &mut Vec<T>, element: T) {
    reserve_one(vec);
    vec.push(element);
}

/// Inserts; a full vector grows by an eighth.
pub(crate) fn insert<T>(vec: &mut Vec<T>, at: usize, element: T) {
    reserve_one(vec);
    vec.insert(at, element);
}

/// Gives memory back once less than half of the vector is in use.
pub(crate) fn shrink<T>(vec: &mut Vec<T>) {
    if vec.len() < vec.capacity() / 2 {
        vec.shrink_to(vec.len() + vec.len() / 8);
    }
}
