//! Verbs of the program that are more than a call of the library.

pub(crate) mod explore;
pub(crate) mod results;
pub(crate) mod set;
