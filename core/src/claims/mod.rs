//! What is said of nodes, and what beats what.

mod claim;
mod locator;
mod metadata;
mod plea;

pub use claim::{Claim, Standing};
pub use locator::{Locator, LocatorError};
pub(crate) use metadata::Metadata;
pub(crate) use plea::Plea;
