//! What client and node say to each other: one line of JSON for the request, one or, when watching,
//! many for the reply.

//!
//! [`control`](crate::control) describes it for those that write a client.

mod event;
mod evidence;
mod message;
mod named;
mod traits;
mod version;

pub(crate) use event::{EventRow, OWN_NAME, What};
pub(crate) use evidence::{
    AccountRow, AgreementRow, ChangeRow, HoldRow, InfoRow, LostRow, ReachabilityRow, RttRow,
    SeenRow, StallRow, ToldRow, WhyRow,
};
pub(crate) use message::{MessageRow, OWN_TAG, SentRow};
pub(crate) use named::{NameOf, Named, NodeRow};
pub(crate) use traits::{Only, TraitsRow};
pub(crate) use version::{check_version, line};

use std::time::{Duration, SystemTime};

use scalesmall_core::{Op, Peer, Shortfall, Status, TimedItem};
use scalesmall_driver::Front;
use serde::{Deserialize, Serialize};

use crate::arguments::OpName;

/// The longest request, in bytes.
pub(crate) const REQUEST_LIMIT: usize = 64 * 1024;

/// What a client asks.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "call", rename_all = "lowercase")]
pub(crate) enum Request {
    Members {
        group: String,
        #[serde(flatten)]
        only: Only,
    },
    Groups,
    Topology {
        group: String,
        op: Option<OpName>,
    },
    Route {
        group: String,
        key: u32,
    },
    Coverage {
        group: String,
        #[serde(default)]
        without: Vec<String>,
    },
    Safe {
        nodes: Vec<String>,
        copies: Option<usize>,
    },
    Peers {
        #[serde(flatten)]
        only: Only,
    },
    Contact {
        seeds: Vec<String>,
    },
    Join {
        group: String,
    },
    Leave {
        group: String,
    },
    Add {
        group: String,
        start: u32,
        end: u32,
        port: u16,
    },
    Remove {
        group: String,
        start: u32,
        end: u32,
    },
    Send {
        group: Option<String>,
        nodes: Vec<String>,
        tag: u32,
        text: String,
    },
    Watch {
        state: Option<bool>,
    },
    Info,
    Why {
        node: String,
    },
    Rtt {
        from: Option<String>,
        to: String,
    },
    Reachability,
    Forget {
        node: String,
    },
    Stats,
    Metrics,
    Ready {
        min_peers: Option<usize>,
    },
    Drain,
    Undrain,
    Reload,
    /// Lists the keys, after a step if one is asked for.
    Keys {
        step: Option<KeyStep>,
    },
    Depart {
        when_covered_ms: Option<u64>,
    },
}

/// What is to be done about the keys of a node.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyStep {
    /// Take the keys of a file, which the node reads.
    Add {
        file: String,
    },
    Use {
        key: String,
        force: bool,
    },
    Drop {
        key: String,
        force: bool,
    },
    Leaked {
        key: String,
    },
    /// Exchange the key in use, for one of this suite.
    Rotate {
        suite: Option<String>,
    },
}

/// What a node answers.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "reply", content = "value", rename_all = "lowercase")]
pub(crate) enum Reply {
    Members(Vec<NodeRow>),
    Groups(Vec<GroupRow>),
    Items(Vec<ItemRow>),
    Owners(Vec<OwnerRow>),
    Coverage(CoverageRow),
    Safe(SafeRow),
    /// The node drains; what nobody else serves so far.
    Drains(SafeRow),
    Peers(Vec<PeerRow>),
    Done,
    Sent(Box<SentRow>),
    Info(Box<InfoRow>),
    Why(Box<WhyRow>),
    Rtt(RttRow),
    Reachability(ReachabilityRow),
    Stats(Vec<(String, u64)>),
    /// OpenMetrics text.
    Metrics(String),
    Ready(ReadyRow),
    Reloaded(ReloadRow),
    Keys(Vec<KeyRow>),
    Departed(DepartedRow),
    Event(Box<EventRow>),
    Refused(String),
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct GroupRow {
    pub(crate) group: String,
    pub(crate) mine: bool,
    pub(crate) members: usize,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ItemRow {
    pub(crate) member: Named,
    pub(crate) op: String,
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) port: u16,
    pub(crate) epoch: String,
    pub(crate) clock: u64,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct OwnerRow {
    #[serde(flatten)]
    pub(crate) node: NodeRow,
    /// Its address in use, with the port of its service.
    pub(crate) endpoint: String,
    pub(crate) port: u16,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct CoverageRow {
    pub(crate) gaps: Vec<SpanRow>,
    pub(crate) overlaps: Vec<OverlapRow>,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct SpanRow {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct OverlapRow {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) owners: usize,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct PeerRow {
    #[serde(flatten)]
    pub(crate) node: NodeRow,
    pub(crate) status: String,
    /// Since when: RFC 3339, in UTC. None if that is not known any more.
    pub(crate) since: Option<String>,
    /// How many milliseconds ago a packet of it came last.
    pub(crate) heard_ms: Option<u64>,
    /// Milliseconds for which it is still held off: it lives, but has gone down several times
    /// lately.
    pub(crate) held_for_ms: Option<u64>,
    pub(crate) epoch: String,
    /// Microseconds.
    pub(crate) rtt_us: Option<u64>,
    /// The bytes of the largest datagram that passes to it.
    pub(crate) datagram: usize,
    /// Whether it can be reached directly; otherwise others with both address families say how it is.
    #[serde(default)]
    pub(crate) direct: bool,
    /// In hexadecimal digits.
    pub(crate) metadata: String,
    #[serde(flatten)]
    pub(crate) traits: TraitsRow,
    /// Whether it is about to stop.
    #[serde(default)]
    pub(crate) draining: bool,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ReadyRow {
    pub(crate) ready: bool,
    /// Other nodes that are alive.
    pub(crate) peers: usize,
    /// Why it is not ready.
    pub(crate) why: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct DepartedRow {
    pub(crate) acknowledged_by: u32,
    pub(crate) told: u32,
    /// Keys that it served and that nobody else had come to serve, if it was to wait for that.
    #[serde(default)]
    pub(crate) uncovered: Vec<ShortfallRow>,
}

/// Whether some nodes may be stopped.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct SafeRow {
    pub(crate) safe: bool,
    /// How many owners each key has to have.
    pub(crate) copies: usize,
    /// The keys that would have fewer, and fewer than now.
    pub(crate) missing: Vec<ShortfallRow>,
}

/// Keys that would have too few owners.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ShortfallRow {
    pub(crate) group: String,
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// How many serve them now.
    pub(crate) owners: usize,
    /// How many would be left.
    pub(crate) left: usize,
}

impl From<&Shortfall> for ShortfallRow {
    fn from(shortfall: &Shortfall) -> Self {
        Self {
            group: shortfall.group.to_string(),
            start: shortfall.range.start(),
            end: shortfall.range.end(),
            owners: shortfall.owners,
            left: shortfall.left,
        }
    }
}

/// A key of the node, and how far the cluster is with it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct KeyRow {
    pub(crate) key: String,
    pub(crate) suite: String,
    pub(crate) generation: u32,
    pub(crate) in_use: bool,
    pub(crate) leaked: bool,
    /// Whether it is given to nodes that do not hold it.
    pub(crate) travels: bool,
    pub(crate) held_by: u32,
    pub(crate) used_by: u32,
    pub(crate) of: u32,
    /// A node that is not known to hold it.
    pub(crate) waits_for: Option<Named>,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// What a reload has done.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ReloadRow {
    /// The keys that have changed, those of the engine after `engine.`.
    pub(crate) changed: Vec<String>,
    /// The keys whose new values count after a restart only.
    pub(crate) restart: Vec<String>,
    /// What was refused, each with the reason.
    pub(crate) failed: Vec<String>,
}

impl ItemRow {
    pub(crate) fn new(timed: TimedItem, name_of: NameOf<'_>) -> Self {
        let item = timed.item;
        Self {
            member: Named::new(item.member, name_of),
            op: op_name(item.op).to_owned(),
            start: item.range.start(),
            end: item.range.end(),
            port: item.port,
            epoch: timed.epoch.to_string(),
            clock: timed.clock,
        }
    }
}

impl PeerRow {
    pub(crate) fn new(node: &Front, peer: &Peer) -> Self {
        Self {
            node: NodeRow::from(peer),
            status: peer.status.name().to_owned(),
            since: node.since(peer.id).map(when),
            heard_ms: peer.heard.map(millis),
            held_for_ms: peer.held_for.map(millis),
            epoch: peer.epoch.to_string(),
            rtt_us: peer.rtt.map(micros),
            datagram: peer.datagram,
            direct: peer.direct,
            metadata: hex(&peer.metadata),
            traits: TraitsRow::from(&peer.traits),
            // One that has left drains no more.
            draining: peer.draining.is_some() && peer.status != Status::Left,
        }
    }
}

/// A moment as clients see it.
pub(crate) fn when(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}

pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

const fn op_name(op: Op) -> &'static str {
    match op {
        Op::Add => "add",
        Op::Remove => "remove",
        Op::Get => "get",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
