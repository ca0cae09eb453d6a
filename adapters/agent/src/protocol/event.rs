//! Changes as a client sees them: one line of JSON each, with a sentence for people.

mod own;

use std::time::SystemTime;

use scalesmall_core::{
    Event, GroupName, KeyCause, KeyChange, KeyId, KeyRange, NodeId, Op, OwnerChange, Status,
    TimedItem,
};
use serde::{Deserialize, Serialize};

use super::{ItemRow, MessageRow, NameOf, Named, PeerRow, TraitsRow, hex, when};
use crate::arguments::shown;
use crate::{cause, terminal};
pub(crate) use own::OWN_NAME;
use own::own;

/// One change, when it was seen, and a sentence about it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct EventRow {
    /// RFC 3339, in UTC.
    pub(crate) at: String,
    #[serde(flatten)]
    pub(crate) what: What,
    pub(crate) text: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum What {
    /// The watch has begun; every later change is told.
    Watching {
        id: String,
        name: String,
        peers: usize,
    },
    Peer {
        #[serde(flatten)]
        peer: Named,
        epoch: String,
        from: Option<String>,
        to: Option<String>,
        cause: String,
        by: Vec<Named>,
    },
    ItemSet {
        group: String,
        item: ItemRow,
    },
    ItemCleared {
        group: String,
        member: Named,
        start: u32,
        end: u32,
    },
    /// A range has gained or lost an owner, or one of its owners has changed: `served`, `withdrawn`, `down`,
    /// `back`, `draining` or `undrained`; and whether the member serves the range from now on.
    OwnersChanged {
        group: String,
        member: Named,
        start: u32,
        end: u32,
        change: String,
        serves: bool,
    },
    Metadata {
        node: Named,
        metadata: String,
    },
    Traits {
        node: Named,
        #[serde(flatten)]
        traits: TraitsRow,
    },
    Draining {
        node: Named,
        draining: bool,
    },
    Message {
        #[serde(flatten)]
        message: MessageRow,
        via: Named,
    },
    Renewed {
        from: String,
        to: String,
    },
    Conflict {
        epoch: String,
        renewals: u32,
        lasted_ms: u64,
        address: Option<String>,
        answered: bool,
    },
    /// A peer is reached at another address than before.
    Moved {
        peer: Named,
        to: String,
    },
    /// A peer sees this node at an address that it does not advertise.
    SeenElsewhere {
        by: Named,
        at: String,
        advertised: String,
    },
    /// All packets of a peer are refused, as their numbers have been used up.
    Refused {
        peer: Named,
        epoch: String,
        highest: u64,
        lasted_ms: u64,
    },
    Isolated,
    /// What multicast does for this node: `working`, `silent` or `unheard`.
    Multicast {
        from: String,
        to: String,
    },
    /// How this node stands to its cluster: `minority`, `apart`, `unknown` or `agreed`.
    Footing {
        from: String,
        to: String,
    },
    /// The bytes of the largest datagram that passes to a peer.
    Path {
        peer: Named,
        from: usize,
        to: usize,
    },
    /// A message did not reach all: the most bytes that would have passed.
    Undelivered {
        sequence: u64,
        limit: usize,
    },
    /// What this node does with a key: `added`, `in_use`, `dropped` or `leaked`; and why: `asked`, `given`,
    /// `held_by_all` or `replaced`.
    Key {
        key: String,
        change: String,
        cause: String,
        by: Option<Named>,
    },
    Stalled {
        late_ms: u64,
    },
    /// The others hold this node off: why, how often that was so recently, and for how long.
    HeldOff {
        reason: String,
        times: u8,
        left_ms: u64,
    },
    Departed {
        acknowledged_by: u32,
        told: u32,
    },
    Overflow {
        dropped: u64,
    },
    /// The client read too slowly; the watch ends here.
    Lagged,
    Other,
}

impl EventRow {
    /// The row of something that is seen at this moment.
    pub(crate) fn new(what: What, text: impl AsRef<str>) -> Self {
        let text = terminal::escaped(text.as_ref()).into_owned();
        Self { at: when(SystemTime::now()), what, text }
    }

    /// The row of a peer as it is, told to a client that begins with the present state.
    pub(crate) fn of_peer(row: PeerRow) -> Self {
        let PeerRow { node, status, epoch, since, .. } = row;
        let text = match &since {
            Some(since) => format!("{} is {status} since {since}", node.name),
            None => format!("{} is {status}", node.name),
        };
        let peer = Named { id: node.id, name: Some(node.name) };
        let (to, cause) = (Some(status), "present".to_owned());
        Self::new(What::Peer { peer, epoch, from: None, to, cause, by: Vec::new() }, text)
    }

    /// The row of an event; `name_of` knows the names of the nodes that it mentions.
    pub(crate) fn of(event: &Event, name_of: NameOf<'_>) -> Self {
        let named = |id: NodeId| Named::new(id, name_of);
        let (what, text) = match event {
            Event::Peer { peer, from, to, cause } => {
                let (name, by) = cause::parts(cause);
                let by: Vec<Named> = by.into_iter().map(named).collect();
                let shown: Vec<&str> = by.iter().map(Named::shown).collect();
                let who = named(peer.id);
                let was = from.map_or("unknown", Status::name);
                let is = to.map_or("forgotten", Status::name);
                let why = cause::sentence(name, &shown);
                let text = format!("{} {was} -> {is}: {why}", who.shown());
                let what = What::Peer {
                    peer: who,
                    epoch: peer.epoch.to_string(),
                    from: from.map(|status| status.name().to_owned()),
                    to: to.map(|status| status.name().to_owned()),
                    cause: name.to_owned(),
                    by,
                };
                (what, text)
            }
            Event::ItemSet { group, item } => item_set(group, item, name_of),
            Event::ItemCleared { group, member, range } => {
                let member = named(*member);
                let text = if *range == KeyRange::FULL {
                    format!("{group}: {} has left", member.shown())
                } else {
                    let member = member.shown();
                    format!("{group}: what {member} said of {} no longer counts", shown(*range))
                };
                let what = What::ItemCleared {
                    group: group.to_string(),
                    member,
                    start: range.start(),
                    end: range.end(),
                };
                (what, text)
            }
            Event::OwnersChanged { group, range, member, change } => {
                owners_changed(group, *range, named(*member), *change)
            }
            Event::Metadata { .. } | Event::Traits { .. } | Event::Draining { .. } => {
                said(event, name_of)
            }
            Event::Message { origin, sequence, group, tag, payload, via } => {
                let message =
                    MessageRow::new(named(*origin), *sequence, group.as_ref(), *tag, payload);
                let text = message.text();
                (What::Message { message, via: named(*via) }, text)
            }
            Event::Moved { peer, to } => {
                let (peer, to) = (named(*peer), to.to_string());
                let text = format!("{} is at {to} now", peer.shown());
                (What::Moved { peer, to }, text)
            }
            Event::SeenElsewhere { by, at, advertised } => {
                let (by, at, advertised) = (named(*by), at.to_string(), advertised.to_string());
                let text = format!(
                    "{} sees this node at {at}, but it advertises {advertised}; if nothing reaches it \
                     there, give it an --advertise address at which it can be reached",
                    by.shown()
                );
                (What::SeenElsewhere { by, at, advertised }, text)
            }
            Event::Refused { peer, highest, lasted } => {
                let lasted_ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
                let (epoch, highest, peer) = (peer.epoch.to_string(), *highest, named(peer.id));
                let text = format!(
                    "all packets of {} have been refused for {} s, as higher numbers of its life were \
                     taken before: it was set back to a snapshot, runs twice, or another node writes \
                     in its name; if it does not begin a new life by itself, restart it",
                    peer.shown(),
                    lasted.as_secs()
                );
                (What::Refused { peer, epoch, highest, lasted_ms }, text)
            }
            Event::Path { peer, from, to } => {
                let peer = named(*peer);
                let shown = peer.shown();
                let text = if to < from {
                    format!("{shown}: no datagrams above {to} bytes pass; until now {from} did")
                } else {
                    format!("{shown}: datagrams of {to} bytes pass again; until now {from} did")
                };
                (What::Path { peer, from: *from, to: *to }, text)
            }
            Event::Key { key, change, cause } => key_changed(*key, *change, *cause, name_of),
            other => own(other),
        };
        Self::new(what, text)
    }
}

/// What a node says about itself.
fn said(event: &Event, name_of: NameOf<'_>) -> (What, String) {
    let named = |id: NodeId| Named::new(id, name_of);
    match event {
        Event::Metadata { node, metadata } => {
            let node = named(*node);
            let text = format!("{} has new metadata, {} bytes", node.shown(), metadata.len());
            (What::Metadata { node, metadata: hex(metadata) }, text)
        }
        Event::Traits { node, traits } => {
            let (node, traits) = (named(*node), TraitsRow::from(traits));
            let text = format!("{} says of itself: {}", node.shown(), traits.text());
            (What::Traits { node, traits }, text)
        }
        Event::Draining { node, stamp } => {
            let (node, draining) = (named(*node), stamp.is_some());
            let does = if draining { "drains: it is about to stop" } else { "drains no longer" };
            let text = format!("{} {does}", node.shown());
            (What::Draining { node, draining }, text)
        }
        other => own(other),
    }
}

fn item_set(group: &GroupName, timed: &TimedItem, name_of: NameOf<'_>) -> (What, String) {
    let item = timed.item;
    let row = ItemRow::new(*timed, name_of);
    let member = row.member.shown();
    let range = if item.range == KeyRange::FULL { "all".to_owned() } else { shown(item.range) };
    let text = match item.op {
        Op::Add => format!("{group}: {member} serves {range} at port {}", item.port),
        Op::Remove => format!("{group}: {member} takes {range} back"),
        Op::Get => format!("{group}: {member} is a member"),
    };
    (What::ItemSet { group: group.to_string(), item: row }, text)
}

fn owners_changed(
    group: &GroupName,
    range: KeyRange,
    member: Named,
    change: OwnerChange,
) -> (What, String) {
    let does = match change {
        OwnerChange::Served => "owns it",
        OwnerChange::Withdrawn => "owns it no longer",
        OwnerChange::Down => "is not there to serve it",
        OwnerChange::Back => "owns it again",
        OwnerChange::Draining => "owns it and drains",
        OwnerChange::Undrained => "owns it and drains no longer",
        _ => "has changed",
    };
    let keys = if range == KeyRange::FULL { "all keys".to_owned() } else { shown(range) };
    let text = format!("{group}: {keys}: {} {does}", member.shown());
    let what = What::OwnersChanged {
        group: group.to_string(),
        member,
        start: range.start(),
        end: range.end(),
        change: change.name().to_owned(),
        serves: change.serves(),
    };
    (what, text)
}

fn key_changed(
    key: KeyId,
    change: KeyChange,
    cause: KeyCause,
    name_of: NameOf<'_>,
) -> (What, String) {
    let (change, done) = match change {
        KeyChange::Added => ("added", "is accepted"),
        KeyChange::InUse => ("in_use", "is used"),
        KeyChange::Dropped => ("dropped", "is dropped"),
        KeyChange::Leaked => ("leaked", "is marked as leaked"),
        _ => ("other", "has changed"),
    };
    let by = match cause {
        KeyCause::Given { by } => Some(Named::new(by, name_of)),
        _ => None,
    };
    let (cause, why) = match cause {
        KeyCause::Asked => ("asked", "as asked here".to_owned()),
        KeyCause::Given { .. } => {
            ("given", format!("as given by {}", by.as_ref().map_or("", Named::shown)))
        }
        KeyCause::HeldByAll => ("held_by_all", "as all living nodes hold it".to_owned()),
        KeyCause::Replaced => ("replaced", "as all nodes use a later one".to_owned()),
        _ => ("other", "for a reason that this program does not know".to_owned()),
    };
    let text = format!("key {key} {done}, {why}");
    let (change, cause) = (change.to_owned(), cause.to_owned());
    (What::Key { key: key.to_string(), change, cause, by }, text)
}

#[cfg(test)]
mod tests;
