//! Whether each step can be taken, where it stands.

use std::collections::BTreeMap;

use super::homes::{wrong_close, wrong_family, wrong_move};
use super::picks::{wrong_pick, wrong_zone};
use super::{Wrong, wrong, wrong_mtu, wrong_path};
use crate::random::Ratio;
use crate::scenario::cluster::Cluster;
use crate::scenario::estimate::at_least;
use crate::scenario::figure::Unit;
use crate::scenario::place::Place;
use crate::scenario::step::{Counted, Flap, Goal, Send, Stalls, Step, Timeline, Usage};
use crate::scenario::value::Span;

/// What the steps so far have brought about.
struct SoFar<'a> {
    cluster: &'a Cluster,
    served: bool,
    told: bool,
    metered: bool,
    noted: bool,
    shared: bool,
    slots_noted: bool,
    /// Whether some step before has picked nodes.
    picked: bool,
    figures: BTreeMap<String, Unit>,
    /// How many steps there are, each as often as it is repeated.
    steps: u64,
}

/// What is wrong with the steps of a scenario.
pub(super) fn wrong_steps(steps: &[Step], cluster: &Cluster) -> Option<Wrong> {
    if steps.is_empty() {
        return wrong(&["steps"], "nothing happens: write one step at least");
    }
    let mut so_far = SoFar {
        cluster,
        served: false,
        told: false,
        metered: false,
        noted: false,
        shared: false,
        slots_noted: false,
        picked: false,
        figures: BTreeMap::new(),
        steps: 0,
    };
    steps.iter().enumerate().find_map(|(place, step)| {
        so_far.wrong(step, 1, &["steps".into(), place.into(), Place::Only])
    })
}

impl SoFar<'_> {
    /// What is wrong with a step at this place that is taken this often.
    fn wrong(&mut self, step: &Step, times: u64, way: &[Place]) -> Option<Wrong> {
        self.steps = self.steps.saturating_add(times);
        if self.steps > MOST_STEPS {
            let text = format!("with all that is repeated there are more than {MOST_STEPS} steps");
            return wrong(&[], text + ": repeat less").map(|wrong| wrong.under(way));
        }
        let within = |places: &[Place]| [way, places].concat();
        let found = wrong_pick(step, self.cluster, self.picked);
        let found = found.or_else(|| self.wrong_here(step));
        let found = found.or_else(|| wrong_step(step, self.cluster));
        self.picked |= step.picks();
        found.map(|wrong| wrong.under(way)).or_else(|| match step {
            Step::Repeat(repeat) => {
                let times = times.saturating_mul(u64::from(repeat.times));
                repeat.steps.iter().enumerate().find_map(|(place, step)| {
                    self.wrong(step, times, &within(&["steps".into(), place.into(), Place::Only]))
                })
            }
            Step::Timeline(timeline) => {
                timeline.in_order().into_iter().find_map(|(place, event)| {
                    let place = ["events".into(), place.into(), "do".into(), Place::Only];
                    self.wrong(&event.step, times, &within(&place))
                })
            }
            _ => None,
        })
    }

    /// What is wrong with a step after those before it.
    fn wrong_here(&mut self, step: &Step) -> Option<Wrong> {
        for (figure, unit) in step.figures() {
            // A table of results has a row for each.
            if figure.trim().is_empty() || figure.contains(|c: char| c.is_control() || c == '|') {
                let text = "a figure is known by its name: write one, on one line, without |";
                return wrong(&["figure"], text);
            }
            let before = *self.figures.entry(figure.clone()).or_insert(unit);
            if before != unit {
                let text = format!("\"{figure}\" is a figure of another kind already: rename one");
                return wrong(&["figure"], text);
            }
        }
        match step {
            Step::Serve(_) | Step::Withdraw(_) => self.served = true,
            Step::Message(_) => self.told = true,
            Step::Meter(_) => self.metered = true,
            Step::NoteOwners(_) => self.noted = true,
            Step::NoteSlots(_) => self.slots_noted = true,
            Step::Share(_) if self.cluster.shards.is_none() => {
                return wrong(&[], "there are no slots to share: write cluster.shards");
            }
            Step::Share(_) => self.shared = true,
            Step::Await(goal) if goal.what == Goal::Shared && !self.shared => {
                return wrong(&["what"], "no node shares slots: put a step share before");
            }
            Step::Count(count) if count.what.is_of_slots() && !self.slots_noted => {
                let text = "what becomes of slots is not counted: put a step note_slots before";
                return wrong(&["what"], text);
            }
            Step::Count(count) if count.what == Counted::FirstOwnersMoved && !self.noted => {
                let text = "nobody knows who came first before: put a step note_owners before";
                return wrong(&["what"], text);
            }
            Step::Await(goal) if goal.what == Goal::Shown && !self.served => {
                let text = "nothing was served that could be shown: put a step serve before";
                return wrong(&["what"], text);
            }
            Step::Await(goal) if goal.what == Goal::Heard && !self.told => {
                let text = "no message was sent that could be heard: put a step message before";
                return wrong(&["what"], text);
            }
            Step::Usage(_) if !self.metered => {
                let text = "nothing counts what is sent yet: put a step meter before";
                return wrong(&[], text);
            }
            _ => {}
        }
        None
    }
}

/// What is wrong with a step by itself.
fn wrong_step(step: &Step, cluster: &Cluster) -> Option<Wrong> {
    match step {
        Step::RelinkZone(relink) => {
            let zones = [("zone", Some(&relink.zone)), ("to", relink.to.as_ref())];
            let unknown = |(key, zone): (&str, Option<_>)| wrong_zone(key, zone?, cluster);
            let link = || wrong_path(&relink.link).map(|wrong| wrong.under(&["link".into()]));
            zones.into_iter().find_map(unknown).or_else(link)
        }
        Step::Readdress(readdress) => wrong_move(readdress, cluster),
        Step::Close(close) => wrong_close(close, cluster),
        Step::Cut(cut) => wrong_family(cut, cluster),
        Step::Flap(flap) | Step::FlapMulticast(flap) => wrong_flap(flap),
        Step::Relink(path) => wrong_path(path),
        Step::Narrow(narrow) => wrong_mtu(narrow.mtu),
        Step::Await(goal) if goal.within.0.is_zero() => {
            wrong(&["within"], "nothing comes about in no time: write how long to wait at most")
        }
        Step::Usage(usage) => wrong_usage(usage, cluster),
        Step::Between(between) if between.percent.saturating_add(between.and) > 100 => {
            let text = "both sets together are more than 100 per cent of the nodes: lower one";
            wrong(&[], text)
        }
        Step::Parts(parts) if parts.count < 2 => {
            wrong(&["count"], "a cluster falls into 2 parts or more: raise it")
        }
        Step::Pauses(pauses) if pauses.span[0] > pauses.span[1] => {
            wrong(&["span"], "write the shortest first, then the longest")
        }
        Step::Pauses(pauses) if pauses.gap[0] > pauses.gap[1] => {
            wrong(&["gap"], "write the shortest first, then the longest")
        }
        Step::Pauses(pauses) => {
            let text = format!("pauses are 1 to {MOST_CALLS}, of 1 node or more at once");
            let few = pauses.count == 0 || pauses.at_once == 0;
            let key = if pauses.at_once == 0 { "at_once" } else { "count" };
            wrong(&[key], text).filter(|_| few || pauses.count > MOST_CALLS)
        }
        Step::Stalls(stalls) => wrong_stalls(stalls),
        Step::Churn(churn) if !(1..=MOST_CALLS).contains(&churn.per_second) => {
            wrong(&["per_second"], format!("churn.per_second is 1 to {MOST_CALLS}"))
        }
        Step::Betray(betray) if !(1..=MOST_CALLS).contains(&betray.packets) => {
            wrong(&["packets"], format!("betray.packets is 1 to {MOST_CALLS}"))
        }
        Step::Send(send) => wrong_send(send),
        Step::Serve(serve) | Step::Withdraw(serve) if serve.range >= RANGES => {
            wrong(&["range"], format!("the ranges of a node are 0 to {}", RANGES - 1))
        }
        Step::Skew(skew) => {
            let Ratio(part, whole) = skew.rate.0;
            let fits = part > 0 && u64::from(part) <= MOST_SKEW * u64::from(whole);
            let text = format!("a clock runs at up to {MOST_SKEW} times its pace, such as 101/100");
            wrong(&["rate"], text).filter(|_| !fits)
        }
        Step::Repeat(repeat) if repeat.times == 0 || repeat.steps.is_empty() => {
            let key = if repeat.times == 0 { "times" } else { "steps" };
            wrong(&[key], "nothing is repeated: write one step at least, and once at least")
        }
        Step::Timeline(timeline) => wrong_timeline(timeline),
        _ => None,
    }
}

fn wrong_usage(usage: &Usage, cluster: &Cluster) -> Option<Wrong> {
    let [one, other] = usage.between.as_ref()?;
    let unknown = [one, other].into_iter().find_map(|zone| wrong_zone("between", zone, cluster));
    unknown.or_else(|| {
        let plain = !usage.extra && !usage.apart && !usage.woken;
        let text = if one == other {
            "what passes between two zones is counted: name two"
        } else {
            "of what passes between zones neither extra, nor apart, nor woken is known: leave them out"
        };
        wrong(&["between"], text).filter(|_| one == other || !plain)
    })
}

fn wrong_flap(flap: &Flap) -> Option<Wrong> {
    let (key, text) = match (flap.on.0.is_zero(), flap.off.0.is_zero()) {
        (true, _) => ("on", "a cut of no time cuts nothing: write how long it lasts"),
        (_, true) => {
            ("off", "a cut without a break is no flap: write how long it rests, or use cut")
        }
        _ => return None,
    };
    wrong(&[key], text)
}

fn wrong_timeline(timeline: &Timeline) -> Option<Wrong> {
    let (lasts, events) = (timeline.lasts, &timeline.events);
    events.iter().enumerate().find_map(|(place, event)| {
        let (at, takes) = (event.at, at_least(&event.step));
        let end = Span(at.0.saturating_add(takes));
        let (key, text) = if at > lasts {
            let remedy = format!("move it, or let the timeline last until {at} at least");
            ("at", format!("an event at {at} comes after the end at {lasts}: {remedy}"))
        } else if end > lasts {
            let remedy = format!("shorten it, or let the timeline last until {end} at least");
            ("do", format!("a step from {at} to {end} goes on after the end at {lasts}: {remedy}"))
        } else {
            return None;
        };
        wrong(&[key], text).map(|wrong| wrong.under(&["events".into(), place.into()]))
    })
}

fn wrong_stalls(stalls: &Stalls) -> Option<Wrong> {
    if stalls.nodes.is_empty()
        || stalls.on.is_empty()
        || stalls.off.is_empty()
        || stalls.how.is_empty()
    {
        let text = "nodes, on, off and how of stalls each need one value at least";
        return wrong(&[], text);
    }
    // A round that takes no time never comes to the end.
    let least = |spans: &[Span]| spans.iter().map(|span| span.0).min().unwrap_or_default();
    let round = least(&stalls.on).saturating_add(least(&stalls.off));
    let text = "stalls without any time on or off never end: let both last 1ms together at least";
    wrong(&[], text).filter(|_| round < core::time::Duration::from_millis(1))
}

fn wrong_send(send: &Send) -> Option<Wrong> {
    if !(1..=MOST_CALLS).contains(&send.messages) {
        return wrong(&["messages"], format!("messages are 1 to {MOST_CALLS}"));
    }
    let text = format!("no datagram has more than {MOST_BYTES} bytes: lower it");
    wrong(&["bytes"], text).filter(|_| send.bytes > MOST_BYTES)
}

/// The most steps, each as often as it is repeated.
const MOST_STEPS: u64 = 1_000_000;
/// The most changes a second, one in a microsecond; and the most messages or pauses of a step.
const MOST_CALLS: u32 = 1_000_000;
/// The most bytes of a UDP datagram.
const MOST_BYTES: usize = 65_507;
/// How many ranges of its own each node has.
const RANGES: u32 = 1_000;
/// How much faster than the truth a clock may run.
const MOST_SKEW: u64 = 100;
