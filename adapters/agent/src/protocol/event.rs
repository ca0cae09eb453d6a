//! Changes as a client sees them: one line of JSON each, with a sentence for people.

use std::time::SystemTime;

use scalesmall_core::{
    Event, Footing, GroupName, KeyCause, KeyChange, KeyId, KeyRange, NodeId, Op, OwnerChange,
    Status, TimedItem,
};
use serde::{Deserialize, Serialize};

use super::{ItemRow, MessageRow, NameOf, Named, PeerRow, TraitsRow, hex, when};
use crate::arguments::shown;
use crate::{cause, terminal};

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

/// What to do about two nodes of one name.
pub(crate) const OWN_NAME: &str = "give one of them a --name, or where it has none an --advertise (or \
                                   --bind) address, of its own";

/// Events about this node.
fn own(event: &Event) -> (What, String) {
    match event {
        Event::Renewed { from, to } => (
            What::Renewed { from: from.to_string(), to: to.to_string() },
            "this node began a new life".to_owned(),
        ),
        Event::Conflict { epoch, renewals, lasted, address, answered } => {
            let lasted_ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
            let (epoch, renewals) = (epoch.to_string(), *renewals);
            let seconds = lasted.as_secs();
            let place = address.map_or_else(String::new, |addr| format!(" at {addr}"));
            let address = address.map(|addr| addr.to_string());
            let (answered, said) = match answered {
                true => (true, ""),
                false => (false, " by what others say, and does not answer"),
            };
            (
                What::Conflict { epoch, renewals, lasted_ms, address, answered },
                format!(
                    "another node{place} seems to use this one's name{said}: this one has had to begin a \
                     new life {renewals} times in {seconds} s; {OWN_NAME}",
                ),
            )
        }
        Event::Isolated => (
            What::Isolated,
            "nobody answers; seeds are being retried (do they run, with the same key and cluster?)"
                .to_owned(),
        ),
        Event::Multicast { from, to } => {
            let ((from, _), (to, sentence)) = (cause::multicast(*from), cause::multicast(*to));
            (What::Multicast { from: from.to_owned(), to: to.to_owned() }, sentence.to_owned())
        }
        Event::Footing { from, to } => {
            let sentence = match to {
                Footing::Minority => "this node hears too few of the others: it may be cut off",
                Footing::Apart => "others hold something else than this node, and it does not pass",
                Footing::Agreed => "the others hold what this node holds",
                _ => "this node has not compared itself with others yet",
            };
            let [from, to] = [from, to].map(ToString::to_string);
            (What::Footing { from, to }, sentence.to_owned())
        }
        Event::Undelivered { message, limit } => {
            let sequence = message.sequence;
            let text = format!(
                "message {sequence} is too large for somebody: not all have it; at most {limit} bytes \
                 would have passed"
            );
            (What::Undelivered { sequence, limit: *limit }, text)
        }
        Event::Stalled { late } => {
            let late_ms = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
            (What::Stalled { late_ms }, format!("this node did not run for {late_ms} ms"))
        }
        Event::HeldOff { reason, left } => {
            let (reason, times, text) = cause::hold(*reason);
            let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            let seconds = left_ms.div_ceil(1000);
            let text = format!("the others do not route to this node for {seconds} s: {text}");
            (What::HeldOff { reason: reason.to_owned(), times, left_ms }, text)
        }
        Event::Departed { acknowledged_by, told } => (
            What::Departed { acknowledged_by: *acknowledged_by, told: *told },
            format!("this node has left; {acknowledged_by} of {told} acknowledged it"),
        ),
        Event::Overflow { dropped } => (
            What::Overflow { dropped: *dropped },
            format!("{dropped} changes were dropped: list anew"),
        ),
        _ => (What::Other, "something that this program does not know has happened".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use scalesmall_core::{Cause, Epoch, Life, MulticastState, NodeName, Status};

    use super::*;

    #[test]
    fn a_narrow_path_is_a_line_of_json_and_a_sentence_that_names_the_peer() {
        let peer = NodeId::from_bits(7);
        let name_of = |id| (id == peer).then(|| NodeName::try_from("10.0.0.1:7").expect("a name"));
        let event = Event::Path { peer, from: 1_200, to: 508 };
        let row = serde_json::to_value(EventRow::of(&event, &name_of)).expect("a row is JSON");
        assert_eq!((&row["event"], &row["peer"]["name"]), (&"path".into(), &"10.0.0.1:7".into()));
        assert_eq!(row["peer"]["id"], "0000000000000007");
        assert_eq!((&row["from"], &row["to"]), (&1_200.into(), &508.into()));
        let text = row["text"].as_str().expect("a sentence");
        assert!(text.contains("10.0.0.1:7") && text.contains("above 508 bytes"), "{text}");
    }

    #[test]
    fn nodes_are_called_by_their_names_and_by_their_identities_where_those_are_unknown() {
        let [down, accuser, other] = [1, 2, 3].map(NodeId::from_bits);
        let event = Event::Peer {
            peer: Life { id: down, epoch: Epoch(5) },
            from: Some(Status::Alive),
            to: Some(Status::Down),
            cause: Cause::Confirmed { accuser, confirmed_by: [Some(other), None] },
        };
        let name_of = |id| {
            let name = if id == down { "cook" } else { "waiter" };
            (id != other).then(|| NodeName::try_from(name).expect("a name"))
        };
        let row = serde_json::to_value(EventRow::of(&event, &name_of)).expect("a row is JSON");
        assert_eq!((&row["id"], &row["name"]), (&"0000000000000001".into(), &"cook".into()));
        assert_eq!(row["by"][0], serde_json::json!({ "id": "0000000000000002", "name": "waiter" }));
        assert_eq!(row["by"][1], serde_json::json!({ "id": "0000000000000003", "name": null }));
        let text = "cook alive -> down: it was silent to waiter, confirmed by 0000000000000003";
        assert_eq!(row["text"], text);
        let again: EventRow = serde_json::from_value(row).expect("a row");
        assert!(matches!(again.what, What::Peer { peer, .. } if peer.shown() == "cook"));
    }

    #[test]
    fn a_change_of_an_owner_is_a_line_of_json_and_a_sentence() {
        let group = GroupName::try_from("shards").expect("a name");
        let (member, range) = (NodeId::from_bits(7), KeyRange::new(0, 9).expect("in order"));
        let told = [OwnerChange::Served, OwnerChange::Down].map(|change| {
            let event = Event::OwnersChanged { group: group.clone(), range, member, change };
            serde_json::to_value(EventRow::of(&event, &|_| None)).expect("a row is JSON")
        });
        let fields = ["event", "group", "start", "end", "change", "serves"];
        let told = told.map(|row| (fields.map(|field| row[field].clone()), row["text"].clone()));
        let row = |change: &str, serves: bool| {
            let kind = ["owners_changed".into(), "shards".into(), 0.into(), 9.into()];
            let [event, group, start, end] = kind;
            [event, group, start, end, change.into(), serves.into()]
        };
        assert_eq!((&told[0].0, &told[1].0), (&row("served", true), &row("down", false)));
        assert_eq!(told[0].1, "shards: 0-9: 0000000000000007 owns it");
    }

    #[test]
    fn a_block_of_multicast_is_a_line_of_json_and_a_sentence() {
        let event = Event::Multicast { from: MulticastState::Working, to: MulticastState::Silent };
        let row = serde_json::to_value(EventRow::of(&event, &|_| None)).expect("a row is JSON");
        let told = ["event", "from", "to"].map(|key| row[key].as_str().expect("a name"));
        assert_eq!(told, ["multicast", "working", "silent"]);
        assert!(row["text"].as_str().is_some_and(|text| text.contains("by unicast")), "{row}");
    }
}
