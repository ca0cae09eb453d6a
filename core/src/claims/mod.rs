//! What is said of nodes, and what beats what.

mod claim;
mod metadata;
mod plea;

pub use claim::{Claim, Standing};
pub(crate) use metadata::Metadata;
pub(crate) use plea::Plea;
