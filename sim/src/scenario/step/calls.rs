//! What nodes are made to say: ranges that they serve, and messages.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::whom::{Whom, about_nodes};
use crate::scenario::value::Span;

/// A message to all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tell {
    /// For this long everything that any node sends is lost, from the message on.
    #[serde(default)]
    pub blackout: Span,
    /// Within which time all live nodes have to get it. With 0 it is sent whatever fails at the time,
    /// and need not come: only never twice, and to nobody whom it is not meant for.
    pub within: Span,
}

about_nodes! {
    /// Ranges that are served, by all live nodes if none are named.
    pub struct Serve {
        /// By those picked last instead.
        #[serde(default)]
        pub picked: bool,
        /// Which of their ranges, 0 to 999; each node has its own.
        #[serde(default)]
        pub range: u32,
        /// The calls are spread over this span.
        #[serde(default)]
        pub over: Span,
    }
}

/// Messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// How many, 1 to 1,000,000, each from a random node.
    pub messages: u32,
    /// To whom.
    pub to: To,
    /// The bytes of each, at most 65,507. What does not fit into a datagram of the engine is refused.
    #[serde(default = "a_few_bytes")]
    pub bytes: usize,
    /// The calls are spread over this span.
    #[serde(default)]
    pub over: Span,
    /// How long deliveries are waited for after the last call.
    #[serde(default = "a_while")]
    pub wait: Span,
    /// The figures are called this, and ` latency` of each delivery, ` missing`, ` duplicates`,
    /// ` strays` (at nodes for which it was not meant), ` delivered` (a share), ` refused` calls.
    pub figure: String,
}

const fn a_few_bytes() -> usize {
    200
}

const fn a_while() -> Span {
    Span(WAIT)
}

/// For whom messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// All nodes.
    All,
    /// The group; the nodes picked last are to be its members.
    Group,
    /// The nodes picked last, by name; at most 1,024.
    Listed,
}

/// A steady stream of changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// Changes a second in the whole cluster, 1 to 1,000,000.
    pub per_second: u32,
    /// For how long.
    pub lasts: Span,
}

/// How long after the last message its delivery is waited for, unless a file says otherwise.
const WAIT: Duration = Duration::from_secs(5);
