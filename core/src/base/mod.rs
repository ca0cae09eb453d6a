//! What everything stands on: names, lives, time, hashing, vectors. Knows nothing of the rest.

mod address;
pub(crate) mod backoff;
mod group_name;
pub(crate) mod growth;
mod hash;
mod ix;
mod liveness;
mod node;
mod node_name;
mod port;
mod rate;
mod time;
mod window;

pub(crate) use address::{Address, Families};
pub use group_name::{GroupName, GroupNameError};
pub(crate) use hash::{Hash, fold, mix};
pub(crate) use ix::Ix;
pub use liveness::Liveness;
pub use node::{Epoch, HoldReason, Life, NodeId, NodeIdError, Status};
pub use node_name::{NodeName, NodeNameError};
pub(crate) use port::Channel;
pub use port::{Arrival, Destination, SendError};
pub use rate::SendRate;
pub(crate) use rate::Throttle;
pub use time::Instant;
pub(crate) use window::{Freshness, Window};
