//! What a node knows of itself, and what it has seen of others, as clients see it.

use std::collections::BTreeMap;

use std::time::Duration;

use scalesmall_core::{Agreement, HoldReason, Status};
use scalesmall_driver::{Stall, Transition};
use serde::{Deserialize, Serialize};

use super::{NameOf, Named, NodeRow, TraitsRow, micros, millis, when};
use crate::cause;

/// A node about itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct InfoRow {
    #[serde(flatten)]
    pub(crate) node: NodeRow,
    pub(crate) epoch: String,
    /// Where others see it, by their own account.
    pub(crate) seen_from: Vec<SeenRow>,
    pub(crate) cluster: String,
    /// The id of the key that its packets are sealed with.
    pub(crate) key: String,
    /// The ids of all keys that it takes.
    pub(crate) keys: Vec<String>,
    /// `authenticated` or `sealed`.
    pub(crate) suite: String,
    /// `off`, `working`, `silent` or `unheard`.
    pub(crate) multicast: String,
    #[serde(flatten)]
    pub(crate) traits: TraitsRow,
    /// Whether it says that it is about to stop.
    #[serde(default)]
    pub(crate) draining: bool,
    /// Whether it is saying goodbye.
    pub(crate) leaving: bool,
    /// Set while the others hold it off.
    pub(crate) held_off: Option<HoldRow>,
    /// Whether it holds what the others hold, and hears most of them.
    #[serde(default)]
    pub(crate) agreement: Option<AgreementRow>,
    pub(crate) uptime_ms: u64,
    pub(crate) version: String,
    /// How many other nodes are in each status.
    pub(crate) peers: BTreeMap<String, usize>,
    /// What the engine goes by, as in `[engine]` of a configuration.
    pub(crate) engine: BTreeMap<String, serde_json::Value>,
}

/// How a node stands to its cluster, and by which figures.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct AgreementRow {
    /// `minority`, `apart`, `unknown` or `agreed`.
    pub(crate) footing: String,
    pub(crate) compared: u32,
    pub(crate) agree: u32,
    pub(crate) lag_ms: u64,
    pub(crate) known: u32,
    pub(crate) heard: u32,
}

impl From<Agreement> for AgreementRow {
    fn from(of: Agreement) -> Self {
        Self {
            footing: of.footing.to_string(),
            compared: of.compared,
            agree: of.agree,
            lag_ms: millis(of.lag),
            known: of.known,
            heard: of.heard,
        }
    }
}

/// Why a node is held off.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct HoldRow {
    /// `silences` or `stalls`.
    pub(crate) reason: String,
    pub(crate) times: u8,
    pub(crate) left_ms: u64,
}

/// Where another sends what it has for this node.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct SeenRow {
    pub(crate) address: String,
    pub(crate) by: Named,
}

/// A change of a node, with the evidence.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct ChangeRow {
    /// RFC 3339, in UTC.
    pub(crate) at: String,
    pub(crate) epoch: String,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) cause: String,
    pub(crate) by: Vec<Named>,
    /// The mean round trip to it at that moment, in microseconds.
    pub(crate) rtt_us: Option<u64>,
    /// For how many milliseconds no packet of it had come.
    pub(crate) silent_ms: Option<u64>,
    /// Where it was then. Nodes of earlier versions do not say it.
    #[serde(default)]
    pub(crate) address: Option<String>,
    /// The last time for which the observer itself had not run, within the minute before.
    pub(crate) stall: Option<StallRow>,
}

/// Why a node is what it is to the one that is asked.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct WhyRow {
    pub(crate) node: Named,
    /// The node that is asked.
    pub(crate) asked: Named,
    /// The living node that has its address now, if another one has.
    pub(crate) replaced_by: Option<Named>,
    /// None if it is not known any more.
    pub(crate) status: Option<String>,
    pub(crate) since: Option<String>,
    pub(crate) held_for_ms: Option<u64>,
    /// What the node that is asked has seen, the oldest first.
    pub(crate) changes: Vec<ChangeRow>,
    /// What it says itself, if it answers.
    pub(crate) account: Option<AccountRow>,
    /// What those have seen that had a part in it, and still answer.
    pub(crate) told: Vec<ToldRow>,
    /// Those of them that did not answer.
    pub(crate) silent: Vec<Named>,
}

/// A time for which a node was not run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct StallRow {
    /// When it ran again: RFC 3339, in UTC.
    pub(crate) ended: String,
    pub(crate) lasted_ms: u64,
}

/// What a node says of itself to one that asks why it was called down.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct AccountRow {
    pub(crate) epoch: String,
    pub(crate) uptime_ms: u64,
    /// The oldest first.
    pub(crate) stalls: Vec<StallRow>,
    pub(crate) held_off: Option<HoldRow>,
}

/// What another has seen of a node.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ToldRow {
    pub(crate) by: Named,
    pub(crate) changes: Vec<ChangeRow>,
}

/// The round trip between two nodes.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct RttRow {
    /// The one that has measured it.
    pub(crate) from: Named,
    pub(crate) to: Named,
    /// Microseconds. None if it was not measured yet.
    pub(crate) rtt_us: Option<u64>,
}

/// Which nodes cannot reach which.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ReachabilityRow {
    /// How many nodes have said what they reach, the one that is asked included.
    pub(crate) answered: usize,
    /// How many nodes live, the one that is asked included.
    pub(crate) living: usize,
    pub(crate) lost: Vec<LostRow>,
    /// Living nodes that were asked and did not answer.
    pub(crate) silent: Vec<Named>,
    /// Whether all that live were asked, and each has told all that it has lost.
    pub(crate) complete: bool,
}

/// A living node that another does not reach.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct LostRow {
    pub(crate) from: Named,
    pub(crate) to: Named,
    /// `suspect` or `unreachable`.
    pub(crate) status: String,
}

impl From<Stall> for StallRow {
    fn from(stall: Stall) -> Self {
        Self { ended: when(stall.ended), lasted_ms: millis(stall.lasted) }
    }
}

impl HoldRow {
    pub(crate) fn new((reason, left): (HoldReason, Duration)) -> Self {
        let (reason, times, _) = cause::hold(reason);
        Self { reason: reason.to_owned(), times, left_ms: millis(left) }
    }
}

impl ChangeRow {
    pub(crate) fn new(change: &Transition, name_of: NameOf<'_>) -> Self {
        let status = |status: Status| status.name().to_owned();
        let (name, by) = cause::parts(&change.cause);
        Self {
            at: when(change.at),
            epoch: change.epoch.to_string(),
            from: change.from.map(status),
            to: change.to.map(status),
            cause: name.to_owned(),
            by: by.into_iter().map(|id| Named::new(id, name_of)).collect(),
            rtt_us: change.round_trip.map(micros),
            silent_ms: change.silent_for.map(millis),
            address: change.address.map(|address| address.to_string()),
            stall: change.stall.map(StallRow::from),
        }
    }

    /// The reason in a sentence.
    pub(crate) fn sentence(&self) -> String {
        let by: Vec<&str> = self.by.iter().map(Named::shown).collect();
        cause::sentence(&self.cause, &by)
    }
}
