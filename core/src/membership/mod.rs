//! Which nodes live: SWIM with Lifeguard's health, verifiers instead of gossiped suspicion, and
//! a retry of the lost that never ends.

mod comeback;
mod departure;
mod hearsay;
mod numbers;
mod probe;
mod renewal;
mod returns;
mod suspicion;
mod watch;

pub(crate) use comeback::Comeback;
pub(crate) use departure::Departure;
pub(crate) use hearsay::{Doubt, Hearsay};
pub(crate) use numbers::Numbers;
pub(crate) use probe::{Probes, Unanswered};
pub(crate) use renewal::Renewal;
pub(crate) use returns::Returns;
pub(crate) use suspicion::Watches;
