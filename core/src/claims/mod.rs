//! What is said of nodes, and what beats what.

mod attributes;
mod claim;
mod locator;
mod plea;
mod traits;

pub use attributes::{AttributeKind, DrainStamp};
pub(crate) use attributes::{Attributes, Stored};
pub use claim::{Claim, Standing};
pub use locator::{Locator, LocatorError};
pub(crate) use plea::Plea;
pub use traits::{Traits, TraitsError};
