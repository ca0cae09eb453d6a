//! The wire format.
mod frame;
pub use frame::*;
