//! Why something has not come about that was waited for: whom it is about, and what is the matter.

use std::collections::{BTreeMap, BTreeSet};

use scalesmall_core::{Engine, Instant, NodeId, Op, Peer, Status};

use super::Player;
use super::moves::{looks_at, not_located};
use crate::check::{Broken, Failure, list};
use crate::node::Condition;
use crate::scenario::step::Goal;
use crate::sim::{Sim, Watch};

/// The nodes concerned, the reasons, and the nodes whose log is shown.
struct Reason {
    /// In what way something is lacking.
    lack: &'static str,
    whom: String,
    why: String,
    nodes: Vec<usize>,
}

impl Player {
    /// A failure with what was waited for, whom it is about and why, if something was.
    pub(super) fn explained(&self, mut failure: Box<Failure>, goal: Goal) -> Box<Failure> {
        if !matches!(failure.broken, Broken::NotReached { .. }) {
            return failure;
        }
        in_words(goal).clone_into(&mut failure.goal);
        if let Some(Reason { lack, whom, why, nodes }) = self.reason(goal) {
            failure.lack = lack;
            failure.why = vec![("whom", whom), ("why", why)];
            failure.records = self.sim.last_records(&nodes, LOGGED);
            failure.nodes = nodes;
        }
        failure
    }

    fn reason(&self, goal: Goal) -> Option<Reason> {
        let sim = &self.sim;
        match goal {
            Goal::Sight | Goal::Agreement => {
                not_started(sim).or_else(|| wrong_pairs(sim)).or_else(|| self.pictures_differ())
            }
            Goal::Shown => self.unanswered(self.shown?, None, "shows"),
            Goal::Heard => {
                let (teller, watch) = self.heard?;
                self.unanswered(watch, Some(teller), "has")
            }
            Goal::Split => self.across(),
            Goal::ToldOfHold => {
                let told = self.told_of_hold?;
                let is_told = |node: &usize| sim.answers(told).at[*node].is_some();
                let nodes: Vec<usize> =
                    self.picked.iter().copied().filter(|node| !is_told(node)).collect();
                let first = *nodes.first()?;
                let holder = sim.live().find(|by| hold(sim, *by, first).is_some())?;
                Some(Reason {
                    lack: "not told",
                    whom: format!("not told that they are held off: nodes {}", list(&nodes)),
                    why: format!("node {holder} {}", shows(sim, holder, first)),
                    nodes: vec![first, holder],
                })
            }
            Goal::OneKey => {
                let several =
                    |node: &usize| sim.node(*node).is_some_and(|engine| engine.keys().len() > 1);
                let nodes: Vec<usize> = sim.live().filter(several).collect();
                let rows = nodes.first().and_then(|node| sim.node(*node)).map(|it| it.keys());
                Some(Reason {
                    lack: "several keys",
                    whom: format!("hold several keys: nodes {}", list(&nodes)),
                    why: format!("the first has {:?}", rows.unwrap_or_default()),
                    nodes,
                })
            }
            Goal::Shared => {
                let (node, lack, why) = self.sharing.as_ref()?.borrow().unplanned(sim)?;
                let whom = format!("node {node} has not the slots that are planned for it");
                Some(Reason { lack, whom, why, nodes: vec![node] })
            }
            Goal::Located => {
                let (about, by) = not_located(sim, &self.picked)?;
                let first = *by.first()?;
                let (seen, now) = (looks_at(sim, first, about), sim.names().addresses(about));
                Some(Reason {
                    lack: "not located",
                    whom: format!("node {about} is not located by nodes {}", list(&by)),
                    why: format!("node {first} sends to {seen:?}, node {about} is at {now:?}"),
                    nodes: vec![about, first],
                })
            }
            Goal::Conflict => {
                let whom = "no node says that another one uses its address".to_owned();
                let why = format!("nodes picked last: {}", list(&self.picked));
                Some(Reason { lack: "no conflict", whom, why, nodes: self.picked.clone() })
            }
        }
    }

    /// The nodes that have not answered a question about what was served or said last.
    fn unanswered(&self, watch: Watch, but: Option<usize>, verb: &str) -> Option<Reason> {
        let sim = &self.sim;
        let asked = || sim.live().filter(|node| Some(*node) != but);
        let missing: Vec<usize> =
            asked().filter(|node| sim.answers(watch).at[*node].is_none()).collect();
        let first = *missing.first()?;
        let about = self.picked.first().copied().or(but).filter(|about| *about != first);
        let why = match about {
            Some(about) => format!("node {first} {}, whose it is", shows(sim, first, about)),
            None => format!("node {first} is what it is about"),
        };
        let of = asked().count();
        let whom =
            format!("{} of {of} live nodes: none of {} {verb} it", missing.len(), list(&missing));
        let nodes = about.into_iter().chain([first]).collect();
        Some(Reason { lack: "not at all nodes", whom, why, nodes })
    }

    /// Two nodes of different sides that see each other, or two of one side that do not.
    fn across(&self) -> Option<Reason> {
        let sim = &self.sim;
        let inside = |node: usize| self.picked.contains(&node);
        let mut wrong = 0;
        let mut first = None;
        for by in sim.live() {
            for about in sim.live().filter(|about| *about != by) {
                if sim.views().sees(by, about) != (inside(by) == inside(about)) {
                    wrong += 1;
                    first = first.or(Some((by, about)));
                }
            }
        }
        let (by, about) = first?;
        let sides =
            if inside(by) == inside(about) { "of its own side" } else { "of the other side" };
        Some(Reason {
            lack: "sides mix",
            whom: format!("node {by} {}, which is {sides}", shows(sim, by, about)),
            why: format!("{wrong} pairs in all; {}", ways(sim, by, about)),
            nodes: vec![by, about],
        })
    }

    /// All see all, but what they show of each other differs.
    fn pictures_differ(&self) -> Option<Reason> {
        let sim = &self.sim;
        let mut pictures: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for node in sim.live() {
            pictures.entry(sim.node(node)?.digest().0).or_default().push(node);
        }
        let most = pictures.values().max_by_key(|nodes| nodes.len())?;
        let others = pictures.values().filter(|nodes| *nodes != most);
        let few = others.min_by_key(|nodes| nodes.len())?;
        let (one, other) = (few[0], most[0]);
        let shown = |node: usize| {
            let items =
                sim.node(node).map(|engine| engine.topology_of(&self.group, Op::Add).count());
            format!("node {node} shows {} ranges", items.unwrap_or(0))
        };
        Some(Reason {
            lack: "pictures differ",
            whom: format!(
                "all see all, with {} different pictures: nodes {} have one, nodes {} another",
                pictures.len(),
                list(few),
                list(most)
            ),
            why: format!(
                "{}, {}; {}; {}",
                shown(one),
                shown(other),
                first_difference(sim, one, other),
                ways(sim, one, other)
            ),
            nodes: vec![one, other],
        })
    }
}

/// The first peer that two nodes describe differently, and how. It may be one that does not exist.
fn first_difference(sim: &Sim, one: usize, other: usize) -> String {
    let pair = [one, other].map(|node| sim.node(node));
    let [Some(this), Some(that)] = pair else { return String::new() };
    let says = |engine: &Engine, id: NodeId| match engine.peer(id) {
        None => "nothing".to_owned(),
        Some(peer) => format!(
            "life {}, incarnation {}, at {:?}, {} bytes of metadata",
            peer.epoch,
            peer.incarnation,
            peer.addresses,
            peer.metadata.len()
        ),
    };
    let ids = [this, that].into_iter().flat_map(Engine::peers).map(|peer| peer.id);
    let ids: BTreeSet<NodeId> = ids.chain([this.id(), that.id()]).collect();
    // What is gone is no part of a picture.
    let lives = |engine: &Engine, id| {
        let gone = |peer: &Peer| matches!(peer.status, Status::Down | Status::Left);
        engine.peer(id).is_some_and(|peer| !gone(&peer))
    };
    let mut living = ids.into_iter().filter(|id| lives(this, *id) || lives(that, *id));
    let Some(id) = living.find(|id| says(this, *id) != says(that, *id)) else {
        return "they describe all nodes alike".to_owned();
    };
    let name = this.name(id).or_else(|| that.name(id)).map(String::from).unwrap_or_default();
    let (mine, theirs) = (says(this, id), says(that, id));
    format!("of {name} node {one} knows {mine}, node {other} {theirs}")
}

/// Nodes that are to start, and have not.
fn not_started(sim: &Sim) -> Option<Reason> {
    let nodes: Vec<usize> =
        (0..sim.len()).filter(|node| sim.condition(*node) == Condition::Unborn).collect();
    let waits = sim.unborn() > 0;
    let first = *nodes.first().filter(|_| waits)?;
    Some(Reason {
        lack: "not started",
        whom: format!("not started yet: nodes {}", list(&nodes)),
        why: "they start within cluster.start_within: wait for longer".to_owned(),
        nodes: vec![first],
    })
}

/// The node of which most others think wrongly, and what one of these thinks.
fn wrong_pairs(sim: &Sim) -> Option<Reason> {
    let views = sim.views();
    let wrong =
        |by: usize, about: usize| by != about && views.sees(by, about) != views.is_expected(about);
    let seers = |about: usize| sim.live().filter(move |by| wrong(*by, about));
    let mut subjects: Vec<(usize, usize)> =
        (0..sim.len()).map(|about| (seers(about).count(), about)).collect();
    subjects.retain(|(count, _)| *count > 0);
    // Of the node that is wrong about all others the others are not the matter.
    subjects.sort_by_key(|(count, about)| (core::cmp::Reverse(*count), *about));
    let (count, about) = *subjects.first()?;
    let by = seers(about).next()?;
    let of = sim.live().filter(|by| *by != about).count();
    let more: Vec<usize> = subjects.iter().skip(1).map(|(_, about)| *about).collect();
    let also = match more.len() {
        0 => String::new(),
        _ => format!("; others that are wrong to somebody: {}", list(&more)),
    };
    let lack =
        if views.is_expected(about) { "runs and is not seen" } else { "is gone and still seen" };
    Some(Reason {
        lack,
        whom: format!("node {about} {lack} by {count} of {of} others{also}"),
        why: format!("node {by} {}; {}", shows(sim, by, about), ways(sim, by, about)),
        nodes: vec![about, by],
    })
}

/// What one node shows of another: since when, and how much longer if it holds it off.
fn shows(sim: &Sim, by: usize, about: usize) -> String {
    let peer = sim.node(by).and_then(|engine| engine.peer(sim.id(about)));
    let Some(peer) = peer else { return format!("knows nothing of node {about}") };
    let status = match peer.status {
        Status::Alive => "as alive",
        Status::Suspect => "as suspect",
        Status::Unreachable => "as unreachable",
        Status::Down => "as down",
        Status::Left => "as gone",
        other => other.name(),
    };
    let mut reports = sim.reports().iter().rev();
    let since = reports.find(|report| report.by == by && report.about == about);
    let since = since
        .map_or_else(String::new, |report| format!(" since {}", Instant::from_nanos(report.at)));
    let held = peer.held_for.map_or_else(String::new, |left| {
        format!(", and holds it off until {}: it has fallen more than once", sim.now() + left)
    });
    let now = sim.names().addresses(about);
    let whose = || match sim.node_of(peer.address) {
        Some(other) => format!("node {other}'s"),
        None => "nobody's".to_owned(),
    };
    let astray = (!now.contains(&peer.address))
        .then(|| format!(", at {}, which is {} by now", peer.address, whose()));
    format!("shows node {about} {status}{since}{held}{}", astray.unwrap_or_default())
}

fn hold(sim: &Sim, by: usize, about: usize) -> Option<core::time::Duration> {
    sim.node(by).map(Engine::peers)?.find(|peer| peer.id == sim.id(about))?.held_for
}

/// Whether datagrams pass between two nodes, and how the second sees the first.
fn ways(sim: &Sim, one: usize, other: usize) -> String {
    if !sim.condition(other).is_up() {
        return format!("node {other} does not run");
    }
    if sim.condition(other) != Condition::Running {
        return format!("node {other} stands still");
    }
    let now = sim.now().as_nanos();
    let is_cut = |from, to| sim.network().is_cut(now, from, to);
    match (is_cut(one, other), is_cut(other, one)) {
        (true, true) => format!("a cut keeps nodes {one} and {other} apart"),
        (true, false) => format!("a cut stops what node {one} sends to node {other}"),
        (false, true) => format!("a cut stops what node {other} sends to node {one}"),
        (false, false) => format!("node {other} {}", shows(sim, other, one)),
    }
}

const fn in_words(goal: Goal) -> &'static str {
    match goal {
        Goal::Sight => "all live nodes see each other and nobody else (sight)",
        Goal::Agreement => "all live nodes see each other and hold one picture (agreement)",
        Goal::Shown => "all live nodes show what was served or withdrawn last (shown)",
        Goal::Heard => "all live nodes have the last message (heard)",
        Goal::Split => "both sides see themselves alone (split)",
        Goal::ToldOfHold => "each node that is held off has been told so (told_of_hold)",
        Goal::OneKey => "all live nodes use one key and hold no other (one_key)",
        Goal::Located => "all live nodes know where the nodes picked last are now (located)",
        Goal::Shared => "all servers have the slots that are planned for them (shared)",
        Goal::Conflict => "a node says that another one uses its address (conflict)",
    }
}

/// How many records of the nodes concerned are shown.
const LOGGED: usize = 40;
