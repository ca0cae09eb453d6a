//! What can happen in a scenario.

mod calls;
mod faults;
mod figures;
mod measures;
mod picks;
mod whom;

pub use calls::{Churn, Send, Serve, Tell, To};
pub use faults::{
    Betray, Between, Close, Copies, Direction, Flap, Jump, Lossy, Narrow, Parts, Pauses, Readdress,
    RelinkZone, Resume, Skew, Slow, Stall, Stalls, WallClock, Way,
};
pub(crate) use figures::betrayal_figures;
pub use measures::{Count, Counted, Usage};
pub use whom::Whom;

use core::fmt;

use serde::{Deserialize, Serialize};

use super::path::Path;
use super::value::Span;

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Time passes.
    Run(Span),
    /// Time passes until something is so.
    Await(Await),
    /// Hosts vanish.
    Crash(Whom),
    /// Processes end; their hosts refuse what is sent to them.
    Kill(Whom),
    /// Nodes that do not run start in a new life. One that has said goodbye is ended first; of those that
    /// are drawn at random none has.
    Restart(Whom),
    /// Nodes say goodbye.
    Depart(Whom),
    /// Nodes stand still.
    Pause(Whom),
    /// Nodes' input and output is held.
    Starve(Whom),
    /// Nodes that stood still go on.
    Resume(Resume),
    /// Many nodes stand still for random times.
    Pauses(Pauses),
    /// The same nodes stand still again and again.
    Stalls(Stalls),
    /// Some nodes are cut off from all others, both ways.
    Split(Whom),
    /// The cluster falls into parts that do not hear each other.
    Parts(Parts),
    /// Some nodes and some others are cut off from each other; the rest hears both and is heard.
    Between(Between),
    /// Some nodes are not heard by some others any more.
    Cut(Direction),
    /// The others do not hear some nodes any more.
    Mute(Whom),
    /// Some nodes do not hear the others any more.
    Deafen(Whom),
    /// Some nodes do not hear the others for a time, again and again.
    Flap(Flap),
    /// The others do not hear the multicasts of some nodes any more; these hear each other.
    MuteMulticast(Whom),
    /// Some nodes do not hear the multicasts of the others any more, but each other's.
    DeafenMulticast(Whom),
    /// Some nodes do not hear the multicasts of the others for a time, again and again.
    FlapMulticast(Flap),
    /// Some nodes lose datagrams.
    Lossy(Lossy),
    /// The links of some nodes carry no large datagrams.
    Narrow(Narrow),
    /// A member lies.
    Betray(Betray),
    /// All cuts end, and the losses of single nodes.
    Heal(Nothing),
    /// The link between all nodes becomes another one, between zones as well.
    Relink(Path),
    /// The links of one zone become others.
    RelinkZone(RelinkZone),
    /// Nodes' clocks run fast or slow: a factor such as "101/100".
    Skew(Skew),
    /// Nodes' monotonic clocks are set forward, as after a suspend, or back.
    Jump(Jump),
    /// Nodes take no more than one datagram in a while.
    Slow(Slow),
    /// Nodes' wall clocks are set; their next lives get their epochs from them.
    WallClock(WallClock),
    /// Nodes get other addresses: those that run say so, others start with them.
    Readdress(Readdress),
    /// Nothing comes to or goes out from one address of each node any more, until all cuts end.
    Close(Close),
    /// The states of nodes are kept; a later one replaces it.
    Snapshot(Whom),
    /// Nodes are set back to their last snapshots, as virtual machines are.
    SetBack(Whom),
    /// A second copy of the last snapshot of nodes starts at the same address.
    Copy(Copies),
    /// All second copies end.
    EndCopies(Nothing),
    /// Nodes join the group.
    Join(Whom),
    /// Nodes become servers, which share the slots of the cluster's shards, in later lives as well.
    Share(Whom),
    /// Nodes say that they drain: they get no slots, and give away those that they have.
    Drain(Whom),
    /// Random nodes send messages, whose deliveries become figures.
    Send(Send),
    /// Each of some nodes serves a range of its own, numbered.
    Serve(Serve),
    /// Each of some nodes serves a numbered range no longer.
    Withdraw(Serve),
    /// One node after the other serves another range, this many a second in all.
    Churn(Churn),
    /// Nodes leave the group, with all their ranges.
    Leave(Whom),
    /// Nodes describe themselves anew.
    Describe(Whom),
    /// Nodes begin to exchange the key for a new one, which each of them draws.
    Rotate(Whom),
    /// A node sends a message to all, and all have to get it.
    Tell(Tell),
    /// All faults end. Within a time that follows from the configuration all live nodes have to
    /// see each other and nobody else, and to hold the same picture.
    Recover(Recover),
    /// Time passes in which repairs have nothing to move.
    Still(Still),
    /// One node, at random, sends a message to all.
    Message(Nothing),
    /// Which node comes first for each of 10,000 keys is kept, to be compared later.
    NoteOwners(Nothing),
    /// What becomes of slots is counted from here on.
    NoteSlots(Nothing),
    /// What is sent is counted from here on.
    Meter(Nothing),
    /// What was sent since becomes figures.
    Usage(Usage),
    /// The reports since the last count become a figure; counts in a row are of the same reports.
    Count(Count),
    /// From here on it is a failure to call a node down that is up, in the life that it is in.
    ForbidFalseDown(Nothing),
    /// From here on it is a failure to call a node down or unreachable that is up, in the
    /// life that it is in.
    ForbidHidden(Nothing),
    /// From here on neither is.
    #[serde(alias = "allow_false_down")]
    AllowHidden(Nothing),
    /// Steps that are repeated.
    Repeat(Repeat),
    /// Steps at given times.
    Timeline(Timeline),
}

/// As a file has it, on one line.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = toml::Value::try_from(self).map(|table| table.to_string()).unwrap_or_default();
        let inner = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        f.write_str(inner.unwrap_or(&text).trim())
    }
}

/// A step that takes no more words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Await {
    /// What is to be so.
    pub what: Goal,
    /// How long at most; it is a failure if it takes longer.
    pub within: Span,
    /// Under which name the time since the last step that was no waiting is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<String>,
}

/// What can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// All live nodes, of which there are some, see each other and nobody else, in whichever life.
    Sight,
    /// And they have equal digests.
    Agreement,
    /// All live nodes show the ranges that were served last, and those withdrawn no more; the
    /// figure gets the time of each node, and ` by half`, ` by 99 %` and ` by all` one of each run.
    Shown,
    /// All live nodes have the message that was sent last; the figures are as with `shown`.
    Heard,
    /// The nodes picked last see each other alone, and so do the others.
    Split,
    /// Of the nodes that stood still last, each that a live node holds off has been told so.
    ToldOfHold,
    /// A node or its second copy says that another one uses its address.
    Conflict,
    /// All live nodes use one key and hold no other.
    OneKey,
    /// All servers have the slots that are planned for them, and no others.
    Shared,
    /// All live nodes know the addresses that the nodes picked last have now, and send to one of these.
    Located,
}

/// The end of all faults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recover {
    /// Whether nodes that do not run are started, and those that have gone as well.
    pub restart: bool,
    /// Whether links stay what they are by nature: the delays and the largest datagrams that the
    /// cluster is described with, and what a `narrow` step has narrowed. All get longer by what the
    /// delays account for. Otherwise every link becomes one of a LAN.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub own: bool,
    /// For this long nothing changes once all agree: no node is called down or unreachable that is
    /// up.
    #[serde(default)]
    pub calm: Span,
}

/// A time in which no repair can move anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Still {
    /// How long it is.
    pub lasts: Span,
    /// How many repairs each node may begin in it at most.
    pub repairs: u64,
}

/// Steps that are repeated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// How often, once at least; with all that is repeated a scenario has at most 1,000,000 steps.
    pub times: u32,
    /// What.
    pub steps: Vec<Step>,
}

/// Steps at given times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeline {
    /// How long it is.
    pub lasts: Span,
    /// What happens when. Events need not be in order.
    pub events: Vec<At>,
}

impl Timeline {
    /// The events in the order in which they happen, with their places in the list.
    pub(crate) fn in_order(&self) -> Vec<(usize, &At)> {
        let mut events: Vec<(usize, &At)> = self.events.iter().enumerate().collect();
        events.sort_by_key(|(_, event)| event.at);
        events
    }
}

/// A step at a given time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct At {
    /// When, from the beginning of the timeline.
    pub at: Span,
    /// What. If it takes time, the events that come due meanwhile happen after it.
    #[serde(rename = "do")]
    pub step: Step,
}

/// Shows all steps, those within others too.
pub(crate) fn walk(steps: &[Step], see: &mut dyn FnMut(&Step)) {
    for step in steps {
        see(step);
        match step {
            Step::Repeat(repeat) => walk(&repeat.steps, see),
            Step::Timeline(timeline) => {
                for event in &timeline.events {
                    walk(core::slice::from_ref(&event.step), see);
                }
            }
            _ => {}
        }
    }
}
