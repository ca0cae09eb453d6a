//! What recordings of several nodes show, on one page.

use std::collections::{BTreeMap, BTreeSet};

use scalesmall_core::{Epoch, Event, Instant, MulticastState, NodeId, Status};

use crate::drawing::{Cast, Course, page};
use crate::engine::cause_in_words;
use crate::moment::Mark;
use crate::scale::{Bytes, Time};
use crate::view_changes::{Cause, Change, Sights};

/// Recordings of nodes, laid side by side. Of each, the nodes that it names become rows of a page.
#[derive(Clone, Debug, Default)]
pub struct Recordings {
    all: Vec<Recording>,
    /// What each node is called: as the last recording says that names it.
    names: BTreeMap<NodeId, String>,
}

#[derive(Clone, Debug)]
struct Recording {
    id: NodeId,
    /// From when until when, in nanoseconds since 1970.
    span: [u64; 2],
    events: Vec<(u64, Event)>,
}

impl Recordings {
    /// Adds the recording of a node: the life in which it begins, from when until when it goes by the
    /// engine's clock, and its events.
    ///
    /// What the wall clock of the host showed at the beginning follows from the life's epoch. Several
    /// recordings may be of one node. `name` says what this node calls itself and others.
    pub fn add(
        &mut self,
        id: NodeId,
        epoch: Epoch,
        span: [Instant; 2],
        events: &[(Instant, Event)],
        name: impl Fn(NodeId) -> String,
    ) {
        let begun = (epoch.0 >> 22).saturating_mul(1_000_000);
        let wall =
            |now: Instant| begun.saturating_add(now.as_nanos().saturating_sub(span[0].as_nanos()));
        let is_shown = |event: &Event| matches!(event, Event::Peer { .. }) || told(event).is_some();
        let shown = events.iter().filter(|(_, event)| is_shown(event));
        let events = shown.map(|(now, event)| (wall(*now), event.clone())).collect();
        let recording = Recording { id, span: span.map(wall), events };
        self.names.extend(recording.ids().map(|id| (id, name(id))));
        self.all.push(recording);
    }

    /// A page of who saw whom, over the time that all recordings cover together.
    #[must_use]
    pub fn page(&self) -> String {
        let Some(start) = self.all.iter().map(|recording| recording.span[0]).min() else {
            return page(
                "no recordings",
                "",
                &Course::of_nothing(&Sights::default(), &Cast::default()),
            );
        };
        let ids = self.ids();
        let places: BTreeMap<&NodeId, usize> = ids.iter().zip(0..).collect();
        let node = |id: &NodeId| places.get(id).copied().unwrap_or_default();
        let cast = Cast { names: ids.iter().map(|id| self.name(*id)).collect(), zones: None };
        let mut changes: Vec<Change> = Vec::new();
        let mut marks: Vec<Mark> = Vec::new();
        let mut spans: BTreeMap<usize, Vec<[u64; 2]>> = BTreeMap::new();
        for Recording { id, span, events } in &self.all {
            let observer = node(id);
            let span = span.map(|at| at - start);
            spans.entry(observer).or_default().push(span);
            let of_itself =
                |at, status| Change { at, observer, subject: observer, status, cause: None };
            changes.push(of_itself(span[0], Some(Status::Alive)));
            for (at, event) in events {
                let at = at - start;
                if let Event::Peer { peer, to, cause, .. } = event {
                    let (what, by) = cause_in_words(cause);
                    let cause = Some(Cause { what, by: by.map(|by| by.as_ref().map(node)) });
                    changes.push(Change {
                        at,
                        observer,
                        subject: node(&peer.id),
                        status: *to,
                        cause,
                    });
                } else if let Some((what, whom)) = told(event) {
                    let colon = if whom.is_empty() { "" } else { ": " };
                    let whom = format!("{}{colon}{whom}", self.name(*id));
                    marks.push(Mark { at, what: what.to_owned(), whom });
                }
            }
            changes.push(of_itself(span[1], None));
        }
        changes.sort_by_key(|change| change.at);
        marks.sort_by_key(|mark| mark.at);
        let mut sights = Sights::default();
        changes.into_iter().for_each(|change| sights.push(change));
        let kept = marks.len().min(MOST_MARKS);
        let course = Course {
            marks: &marks[..kept],
            unmarked: (marks.len() - kept) as u64,
            spans: Some(&spans),
            ..Course::of_nothing(&sights, &cast)
        };
        let title = match self.all.len() {
            1 => "One recording".to_owned(),
            count => format!("{count} recordings"),
        };
        page(&title, "", &course)
    }

    fn name(&self, id: NodeId) -> String {
        self.names.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// All nodes: those that recorded first, then those that they name.
    fn ids(&self) -> Vec<NodeId> {
        let recorded: BTreeSet<NodeId> = self.all.iter().map(|recording| recording.id).collect();
        let named: BTreeSet<NodeId> = self.names.keys().copied().collect();
        recorded.iter().chain(named.difference(&recorded)).copied().collect()
    }
}

impl Recording {
    /// The nodes that it names, its own first.
    fn ids(&self) -> impl Iterator<Item = NodeId> {
        let named = self.events.iter().flat_map(|(_, event)| match event {
            Event::Peer { peer, cause, .. } => {
                let [one, other, third] = cause_in_words(cause).1;
                [Some(peer.id), one, other, third]
            }
            _ => [None; 4],
        });
        core::iter::once(self.id).chain(named.flatten())
    }
}

/// What an event says of the node that reports it; `None` of those that come in great numbers.
fn told(event: &Event) -> Option<(&'static str, String)> {
    let time = |span: &core::time::Duration| Time(crate::link::nanos(*span)).to_string();
    Some(match event {
        Event::Renewed { .. } => ("new life", String::new()),
        Event::Conflict { renewals, lasted, .. } => {
            ("conflict", format!("renewed {renewals} times within {}", time(lasted)))
        }
        Event::Moved { peer, to } => ("moved", format!("{peer} is at {to}")),
        Event::SeenElsewhere { by, at, advertised } => {
            ("seen elsewhere", format!("by {by} at {at}, not {advertised}"))
        }
        Event::Refused { peer, lasted, .. } => {
            ("refuses", format!("all packets of {} for {}", peer.id, time(lasted)))
        }
        Event::Isolated => ("isolated", String::new()),
        Event::Multicast { to, .. } => (
            "multicast",
            match to {
                MulticastState::Working => "works".to_owned(),
                MulticastState::Silent => "nobody is heard".to_owned(),
                MulticastState::Unheard => "it is not heard".to_owned(),
                other => other.to_string(),
            },
        ),
        Event::Path { peer, from, to } => {
            let [from, to] = [*from, *to].map(|size| Bytes(size as u64));
            ("path", format!("to {peer}, from {from} to {to}"))
        }
        Event::Undelivered { limit, .. } => {
            ("undelivered", format!("no more than {} pass", Bytes(*limit as u64)))
        }
        Event::Stalled { late } => ("stood still", format!("for {}", time(late))),
        Event::HeldOff { left, .. } => ("held off", format!("for {} more", time(left))),
        Event::Departed { acknowledged_by, told } => {
            ("left", format!("acknowledged by {acknowledged_by} of {told}"))
        }
        Event::Overflow { dropped } => ("overflow", format!("{dropped} changes were dropped")),
        _ => return None,
    })
}

/// How many marks are kept.
const MOST_MARKS: usize = 1_000;
