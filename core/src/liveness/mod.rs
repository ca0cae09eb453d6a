//! Which nodes live: SWIM with Lifeguard's health, verifiers instead of gossiped suspicion, and
//! a retry of the lost that never ends.

mod comeback;
mod departure;
mod evidence;
mod falls;
mod health;
mod hearsay;
mod numbers;
mod peers;
mod plea;
mod probe;
mod renewal;
mod rtt;
mod suspicion;
mod watch;

pub(crate) use comeback::Comeback;
pub(crate) use departure::Departure;
pub(crate) use evidence::{News, Weighed};
pub(crate) use health::Health;
pub(crate) use hearsay::{Doubt, Hearsay};
pub(crate) use numbers::Numbers;
pub(crate) use peers::{Peers, Proof};
pub(crate) use probe::{Probes, Unanswered};
pub(crate) use renewal::Renewal;
pub(crate) use suspicion::Watches;
