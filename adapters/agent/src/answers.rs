//! What a node answers to a request: carried out on the node's thread.

use bytes::Bytes;
use scalesmall_core::{
    Coverage, Event, GroupName, KeyRange, NodeId, Op, OwnerChange, Peer, Recipients, Server, Tag,
    Traits,
};
use scalesmall_driver::{Front, Seed, SeedState};

use crate::arguments::{OpName, shown};
use crate::protocol::{
    CoverageRow, EventRow, GroupRow, ItemRow, MessageRow, Named, NodeRow, OWN_TAG, Only,
    OverlapRow, OwnerRow, PeerRow, Reply, Request, SafeRow, SentRow, ShortfallRow, SpanRow,
};
use crate::readiness::Readiness;
use crate::whom::{find, find_all};
use crate::{counters, protocol};

/// Reads the line of a request.
pub(crate) fn parse(line: &[u8]) -> Result<Request, String> {
    protocol::check_version(line)?;
    let why = "not a request of this version: use the node's own program";
    serde_json::from_slice(line).map_err(|_| why.to_owned())
}

/// Answers one line of a client as a running node does, without a socket between them: for tests and
/// fuzzers. A watch and a goodbye last longer than an answer, and figures are kept beside the node: they are
/// refused.
///
/// # Panics
///
/// Never: each answer is JSON.
#[must_use]
pub fn answer_line(node: &mut Front, line: &str) -> String {
    let reply = parse(line.as_bytes()).map_or_else(Reply::Refused, |request| answer(node, request));
    serde_json::to_string(&reply).expect("a reply has names for its fields and no floats")
}

/// Carries out a request on the node's thread.
pub(crate) fn answer(node: &mut Front, request: Request) -> Reply {
    carry_out(node, request).unwrap_or_else(Reply::Refused)
}

fn carry_out(node: &mut Front, request: Request) -> Result<Reply, String> {
    match request {
        Request::Members { group, only } => {
            let group = known(node, &group)?;
            let members = node.members(&group).filter_map(|id| node.peer(id));
            let members = members.filter(|member| only.has(&member.traits));
            let mut rows: Vec<NodeRow> = members.map(|member| NodeRow::from(&member)).collect();
            rows.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
            Ok(Reply::Members(rows))
        }
        Request::Groups => Ok(Reply::Groups(groups(node))),
        Request::Topology { group, op } => {
            let group = known(node, &group)?;
            Ok(Reply::Items(topology(node, &group, op)))
        }
        Request::Route { group, key } => {
            let group = known(node, &group)?;
            Ok(Reply::Owners(node.route(&group, key).filter_map(|at| owner(node, &at)).collect()))
        }
        Request::Coverage { group, without } => {
            let group = known(node, &group)?;
            let without = find_all(node, &without)?;
            Ok(Reply::Coverage(coverage(&node.engine().coverage_without(&group, &without))))
        }
        Request::Safe { nodes, copies } => {
            let (nodes, copies) = (find_all(node, &nodes)?, copies.unwrap_or(1));
            Ok(Reply::Safe(safe(node, &nodes, copies)))
        }
        Request::Peers { only } => Ok(Reply::Peers(peers(node, &only))),
        Request::Drain => {
            node.set_draining(true);
            Ok(Reply::Drains(safe(node, &[node.id()], 1)))
        }
        Request::Undrain => {
            node.set_draining(false);
            Ok(Reply::Done)
        }
        Request::Forget { node: text } => {
            let id = find(node, &text)?;
            node.forget(id).map_err(|error| format!("{text}: {error}"))?;
            Ok(Reply::Done)
        }
        Request::Contact { seeds } => contact(node, &seeds),
        Request::Join { group } => {
            node.join(&name(&group)?).map_err(|error| error.to_string())?;
            Ok(Reply::Done)
        }
        Request::Leave { group } => {
            let group = known(node, &group)?;
            if !node.my_groups().any(|mine| *mine == group) {
                return Err(format!("this node is no member of '{group}': nothing to leave"));
            }
            node.leave(&group).map_err(|error| error.to_string())?;
            Ok(Reply::Done)
        }
        Request::Add { group, start, end, port } => {
            let range = KeyRange::new(start, end).map_err(|error| error.to_string())?;
            let item = node.add_item(&name(&group)?, range, port);
            let item = item.map_err(|error| error.to_string())?;
            Ok(Reply::Items(vec![ItemRow::new(item, &|id| node.name(id))]))
        }
        Request::Remove { group, start, end } => {
            let range = KeyRange::new(start, end).map_err(|error| error.to_string())?;
            remove(node, &known(node, &group)?, range)
        }
        Request::Send { tag, .. } if Tag(tag) == OWN_TAG => {
            Err(format!("tag {tag} is that of questions between nodes: take another one"))
        }
        Request::Send { group, nodes, tag, text } => send(node, group, &nodes, Tag(tag), text),
        Request::Stats => Ok(Reply::Stats(counters::all(node))),
        Request::Ready { min_peers } => {
            Ok(Reply::Ready(Readiness::of(node).check(min_peers.unwrap_or(0))))
        }
        Request::Watch { .. }
        | Request::Info
        | Request::Why { .. }
        | Request::Rtt { .. }
        | Request::Reachability
        | Request::Metrics
        | Request::Reload
        | Request::Keys { .. }
        | Request::Depart { .. } => Err("this request has an answer of its own".to_owned()),
    }
}

/// What is said in a group, by range and then by name.
fn topology(node: &Front, group: &GroupName, op: Option<OpName>) -> Vec<ItemRow> {
    let op = op.map(|op| match op {
        OpName::Add => Op::Add,
        OpName::Remove => Op::Remove,
        OpName::Get => Op::Get,
    });
    let row = |timed| ItemRow::new(timed, &|id| node.name(id));
    let mut rows: Vec<ItemRow> = match op {
        Some(op) => node.topology_of(group, op).map(row).collect(),
        None => node.topology(group).map(row).collect(),
    };
    rows.sort_by_key(|row| (row.start, row.end, row.member.shown().to_owned()));
    rows
}

/// What would have too few owners without some nodes.
fn safe(node: &Front, nodes: &[NodeId], copies: usize) -> SafeRow {
    let missing = node.engine().shortfalls_without(nodes, copies);
    let missing: Vec<ShortfallRow> = missing.iter().map(ShortfallRow::from).collect();
    SafeRow { safe: missing.is_empty(), copies, missing }
}

fn remove(node: &mut Front, group: &GroupName, range: KeyRange) -> Result<Reply, String> {
    let me = node.id();
    let mut mine = node.topology_of(group, Op::Add).map(|timed| timed.item);
    let offer = mine.find(|item| item.member == me && item.range == range);
    drop(mine);
    let Some(offer) = offer else {
        return Err(format!(
            "this node does not serve exactly {} of '{group}': 'scalesmall topology' lists what it serves",
            shown(range)
        ));
    };
    let item = node.remove_item(group, range, offer.port).map_err(|error| error.to_string())?;
    Ok(Reply::Items(vec![ItemRow::new(item, &|id| node.name(id))]))
}

fn send(
    node: &mut Front,
    group: Option<String>,
    texts: &[String],
    tag: Tag,
    text: String,
) -> Result<Reply, String> {
    let group = group.map(|group| known(node, &group)).transpose()?;
    let nodes = texts.iter().map(|text| find(node, text));
    let nodes: Vec<NodeId> = nodes.collect::<Result<_, _>>()?;
    for (id, text) in nodes.iter().zip(texts) {
        let Some(peer) = node.peer(*id) else { continue };
        if *id == node.id() {
            return Err(format!("{text} is this node: a message goes to others alone"));
        }
        if !peer.status.is_present() && peer.held_for.is_none() {
            let status = peer.status.name();
            return Err(format!("{text} is {status}: no message reaches it, and nothing was sent"));
        }
    }
    let to = match &group {
        Some(group) => Recipients::Group(group),
        None if nodes.is_empty() => Recipients::All,
        None => Recipients::Nodes(&nodes),
    };
    let payload = Bytes::from(text);
    let sent = node.broadcast(to, tag, payload.clone()).map_err(|error| error.to_string())?;
    let named = |id| Named::new(id, &|id| node.name(id));
    let (origin, group) = (named(sent.origin), group.as_ref());
    Ok(Reply::Sent(Box::new(SentRow {
        message: MessageRow::new(origin, sent.sequence, group, tag, &payload),
        epoch: sent.epoch.to_string(),
        to: nodes.into_iter().map(named).collect(),
    })))
}

fn contact(node: &mut Front, seeds: &[String]) -> Result<Reply, String> {
    let parse = |text: &String| text.parse().map_err(|error| format!("{text}: {error}"));
    let seeds: Vec<Seed> = seeds.iter().map(parse).collect::<Result<_, _>>()?;
    node.add_seeds(&seeds);
    let beyond = |(seed, state): &(&Seed, SeedState)| {
        *state == SeedState::OutOfReach && seeds.contains(seed)
    };
    match node.seeds().find(beyond) {
        Some((seed, _)) => {
            Err(format!("{seed} is of an address family that this node cannot reach"))
        }
        None => Ok(Reply::Done),
    }
}

/// Peers by name.
pub(crate) fn peers(node: &Front, only: &Only) -> Vec<PeerRow> {
    let peers = node.peers().filter(|peer| only.has(&peer.traits));
    let mut rows: Vec<PeerRow> = peers.map(|peer| PeerRow::new(node, &peer)).collect();
    rows.sort_by(|one, other| {
        (&one.node.name, &one.node.id).cmp(&(&other.node.name, &other.node.id))
    });
    rows
}

/// All that is, as changes that lead to it.
pub(crate) fn state(node: &Front) -> Vec<EventRow> {
    let name = |id| node.name(id);
    let mut rows: Vec<EventRow> =
        peers(node, &Only::default()).into_iter().map(EventRow::of_peer).collect();
    let items = node.groups().flat_map(|group| {
        let items = node.topology(group);
        items.map(|item| Event::ItemSet { group: group.clone(), item })
    });
    let owners = node.groups().flat_map(|group| {
        node.owners(group).map(move |owner| {
            let drains = node.peer(owner.member).is_some_and(|it| it.draining.is_some());
            let change = if drains { OwnerChange::Draining } else { OwnerChange::Served };
            let Server { member, range, .. } = owner;
            Event::OwnersChanged { group: group.clone(), range, member, change }
        })
    });
    rows.extend(
        items
            .chain(owners)
            .chain(node.peers().flat_map(said))
            .map(|event| EventRow::of(&event, &name)),
    );
    rows
}

/// What a peer says about itself.
fn said(peer: Peer) -> impl Iterator<Item = Event> {
    let Peer { id: node, metadata, traits, draining, .. } = peer;
    let metadata = (!metadata.is_empty()).then_some(Event::Metadata { node, metadata });
    let traits = (traits != Traits::default()).then_some(Event::Traits { node, traits });
    let draining = draining.map(|stamp| Event::Draining { node, stamp: Some(stamp) });
    [metadata, traits, draining].into_iter().flatten()
}

/// A row of an owner; `None` if it is not known any more.
fn owner(node: &Front, owner: &Server) -> Option<OwnerRow> {
    Some(OwnerRow {
        node: NodeRow::of(node, owner.member)?,
        endpoint: node.endpoint(owner)?.to_string(),
        port: owner.port,
        start: owner.range.start(),
        end: owner.range.end(),
    })
}

fn name(group: &str) -> Result<GroupName, String> {
    GroupName::try_from(group).map_err(|error| error.to_string())
}

/// The name of a group that this node has heard of.
fn known(node: &Front, group: &str) -> Result<GroupName, String> {
    let group = name(group)?;
    if node.groups().any(|known| *known == group) {
        return Ok(group);
    }
    Err(format!("no group '{group}' is known: 'scalesmall groups' lists those that are"))
}

fn groups(node: &Front) -> Vec<GroupRow> {
    let mine: Vec<&GroupName> = node.my_groups().collect();
    let row = |group: &GroupName| GroupRow {
        group: group.to_string(),
        mine: mine.contains(&group),
        members: node.members(group).count(),
    };
    node.groups().map(row).collect()
}

fn coverage(coverage: &Coverage) -> CoverageRow {
    let gap = |gap: &KeyRange| SpanRow { start: gap.start(), end: gap.end() };
    CoverageRow {
        gaps: coverage.gaps.iter().map(gap).collect(),
        overlaps: coverage
            .overlaps
            .iter()
            .map(|overlap| OverlapRow {
                start: overlap.range.start(),
                end: overlap.range.end(),
                owners: overlap.owners,
            })
            .collect(),
    }
}
