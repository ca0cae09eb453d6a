//! Verbs of the program that are more than a call of the library.

pub(crate) mod explore;
pub(crate) mod lines;
pub(crate) mod merge;
pub(crate) mod output;
pub(crate) mod recording;
pub(crate) mod replay;
pub(crate) mod results;
pub(crate) mod set;
