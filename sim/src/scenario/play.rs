//! Playing a scenario.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use scalesmall_core::{Engine, Event, GroupName, KeyRange, Op, Recipients, Tag};

use super::figure::{BASELINE, Figures};
use super::post::{Delivered, Postmark};
use super::step::walk;
use super::{Churn, Cluster, Scenario, Seeds, Serve, Settings, Step, Timeline};
use crate::check::Failure;
use crate::counts::{Fates, Faults};
use crate::link::nanos;
use crate::moment::{Mark, Moment};
use crate::random::{Random, Ratio};
use crate::sim::{Film, Meter, Sim, Tap, Watch};
use crate::view_changes::Sights;

/// What a run of a scenario came to.
#[derive(Clone, Debug)]
pub struct Played {
    /// Its seed.
    pub seed: u64,
    /// Its trace hash.
    pub hash: u64,
    /// What it measured.
    pub figures: Figures,
    /// What broke, if anything did.
    pub failure: Option<Box<Failure>>,
    /// How many steps the simulation took.
    pub steps: u64,
    /// How long it was, in nanoseconds of virtual time.
    pub lasted: u64,
    /// What was done to nodes and links.
    pub faults: Faults,
    /// What has become of the datagrams.
    pub fates: Fates,
    /// How it went, if that was asked for.
    pub moments: Vec<Moment>,
    /// How nodes saw each other, if that was asked for.
    pub sights: Sights,
    /// What happened when.
    pub marks: Vec<Mark>,
    /// Reports of nodes down or unreachable that were up, from beginning to end.
    pub hidden_reports: u64,
    /// Bytes per second and node, from beginning to end.
    pub rate: u64,
}

/// What else a run is to do.
#[derive(Default)]
pub struct Options {
    /// Keep [`Moment`]s, this many nanoseconds apart, and who saw whom as what.
    pub every: Option<u64>,
    /// Listen in.
    pub tap: Option<Box<dyn Tap<Engine>>>,
    /// The line that a failure prints to run it again.
    pub rerun: String,
}

/// Plays a scenario with a seed. The same scenario and seed always come to the same.
#[must_use]
pub fn play(scenario: &Scenario, seed: u64, options: Options) -> Played {
    let mut needs_control = false;
    walk(&scenario.steps, &mut |step| {
        needs_control |= matches!(step, Step::Usage(usage) if usage.extra);
    });
    let own = Settings::default();
    let control = needs_control.then(|| {
        let mut player = Player::new(scenario, &own, seed, Options::default());
        player.control = true;
        let _ = player.steps(&scenario.steps);
        player.usages
    });
    // What the baseline breaks is what it is there to show.
    let baseline = scenario.baseline.as_ref().map(|settings| {
        let mut player = Player::new(scenario, settings, seed, Options::default());
        let _ = player.steps(&scenario.steps);
        player.figures
    });
    let mut player = Player::new(scenario, &own, seed, options);
    player.controls = control.unwrap_or_default();
    let failure = player.steps(&scenario.steps).err();
    if let Some(figures) = &baseline {
        player.figures.append_as(BASELINE, figures);
    }
    let sim = &player.sim;
    let (moments, sights) = player.film.as_ref().map(|film| film.end(sim)).unwrap_or_default();
    let sent: u64 = (0..sim.len()).map(|node| sim.traffic(node).bytes).sum();
    let lasted = sim.now().as_nanos();
    let node_millis = (lasted / 1_000_000).saturating_mul(sim.len() as u64).max(1);
    Played {
        seed,
        hash: sim.trace_hash(),
        failure,
        steps: sim.steps(),
        lasted,
        faults: *sim.faults(),
        fates: *sim.fates(),
        moments,
        sights,
        hidden_reports: sim.reports().iter().filter(|report| report.is_hiding()).count() as u64,
        rate: sent.saturating_mul(1_000) / node_millis,
        figures: player.figures,
        marks: player.marks,
    }
}

pub(super) struct Player {
    pub(super) sim: Sim,
    pub(super) random: Random,
    pub(super) group: GroupName,
    pub(super) picked: Vec<usize>,
    /// When the last step that was no waiting was taken.
    pub(super) since: u64,
    pub(super) shown: Option<Watch>,
    /// The nodes that were told that they are held off, since nodes stood still last.
    pub(super) told_of_hold: Option<Watch>,
    /// Who sent the last message, who has it.
    pub(super) heard: Option<(usize, Watch)>,
    pub(super) messages: u32,
    /// How many changes were made since the meter was started.
    pub(super) changes: u64,
    pub(super) meter: Option<Meter>,
    /// How many reports are counted already; several counts in a row count the same ones.
    pub(super) counted: usize,
    reported: usize,
    /// The same of the time for which nodes were hidden.
    pub(super) counted_hidden: u64,
    reported_hidden: u64,
    pub(super) figures: Figures,
    /// What each usage step saw, in order, in this run and in the control run: bytes and datagrams
    /// of a node, multicasts and unicasts of all.
    pub(super) usages: Vec<[u64; 4]>,
    pub(super) controls: Vec<[u64; 4]>,
    pub(super) control: bool,
    pub(super) churned: BTreeMap<usize, u32>,
    pub(super) delivered: Delivered,
    /// What links are like when nothing fails.
    pub(super) nature: Cluster,
    /// The longest delay that recovery is to allow for.
    pub(super) slowest: Duration,
    /// How many messages were sent.
    pub(super) posted: u32,
    film: Option<Film>,
    pub(super) marks: Vec<Mark>,
    seed: u64,
}

pub(super) type Outcome = Result<(), Box<Failure>>;

impl Player {
    fn new(scenario: &Scenario, settings: &Settings, seed: u64, options: Options) -> Self {
        let mut sim = set_up(scenario, settings, seed, &options.rerun);
        walk(&scenario.steps, &mut |step| {
            if matches!(step, Step::Usage(usage) if usage.apart) {
                sim.tell_changes_apart();
            }
        });
        let every = options.every.map(Duration::from_nanos);
        let film = every.map(|every| sim.film(every));
        let delivered = Delivered::default();
        let inner = options.tap;
        sim.set_tap(Postmark { delivered: Rc::clone(&delivered), inner });
        Self {
            random: Random::new(seed).fork(FOR_SCENARIO),
            group: group_name(),
            picked: Vec::new(),
            since: 0,
            shown: None,
            told_of_hold: None,
            heard: None,
            messages: 0,
            changes: 0,
            meter: None,
            counted: 0,
            reported: 0,
            counted_hidden: 0,
            reported_hidden: 0,
            figures: Figures::default(),
            usages: Vec::new(),
            controls: Vec::new(),
            control: false,
            churned: BTreeMap::new(),
            delivered,
            nature: scenario.cluster.by_nature(),
            slowest: Duration::ZERO,
            posted: 0,
            film,
            marks: Vec::new(),
            seed,
            sim,
        }
    }

    fn steps(&mut self, steps: &[Step]) -> Outcome {
        for step in steps {
            self.step(step).map_err(|failure| within(step, failure))?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Outcome {
        if !matches!(step, Step::Run(_) | Step::Await(_) | Step::Repeat(_) | Step::Timeline(_)) {
            self.since = self.sim.now().as_nanos();
        }
        if !matches!(step, Step::Count(_)) {
            (self.counted, self.counted_hidden) = (self.reported, self.reported_hidden);
        }
        self.mark(step);
        match step {
            Step::Run(span) => self.sim.run_for(span.0)?,
            Step::Await(goal) => self.reach(goal)?,
            Step::Repeat(repeat) => {
                for _ in 0..repeat.times {
                    self.steps(&repeat.steps)?;
                }
            }
            Step::Timeline(timeline) => self.timeline(timeline)?,
            Step::Pauses(pauses) => self.pauses(pauses)?,
            Step::Stalls(stalls) => self.stalls(stalls, self.seed)?,
            Step::Message(_) => self.message(),
            Step::Serve(serve) => self.serve(serve, true)?,
            Step::Join(whom) => {
                self.pick_up(whom);
                self.join();
            }
            Step::Send(send) => self.send(send)?,
            Step::Withdraw(serve) => self.serve(serve, false)?,
            Step::Churn(churn) => self.churn(churn)?,
            Step::Tell(tell) => self.tell(tell)?,
            Step::Betray(betray) => self.betray(betray)?,
            Step::Recover(recover) => self.recover(recover)?,
            Step::Still(still) => self.still(still)?,
            Step::Meter(_) => {
                self.meter = Some(self.sim.meter());
                self.changes = 0;
            }
            Step::Usage(usage) => self.usage(usage),
            Step::Count(count) => {
                let value = self.count(count.what);
                self.figures.push(&count.figure, count.what.unit(), value);
                self.reported = self.sim.reports().len();
                self.reported_hidden = self.hidden_time();
            }
            fault => self.fault(fault),
        }
        Ok(())
    }

    fn timeline(&mut self, timeline: &Timeline) -> Outcome {
        let start = self.sim.now().as_nanos();
        let run_to = |player: &mut Self, at: u64| {
            let left = start.saturating_add(at).saturating_sub(player.sim.now().as_nanos());
            player.sim.run_for(Duration::from_nanos(left))
        };
        for (_, event) in timeline.in_order() {
            run_to(self, nanos(event.at.0))?;
            self.step(&event.step).map_err(|failure| within(&event.step, failure))?;
        }
        run_to(self, nanos(timeline.lasts.0))
    }

    fn mark(&mut self, step: &Step) {
        let silent = matches!(
            step,
            Step::Run(_)
                | Step::Await(_)
                | Step::Repeat(_)
                | Step::Timeline(_)
                | Step::Meter(_)
                | Step::Usage(_)
                | Step::Count(_)
        );
        if silent || self.marks.len() > 500 {
            return;
        }
        let text = format!("{step:?}");
        let what = text.split(['(', ' ']).next().unwrap_or("").to_lowercase();
        self.marks.push(Mark { at: self.sim.now().as_nanos(), what });
    }

    fn serve(&mut self, serve: &Serve, add: bool) -> Outcome {
        if let Some(nodes) = serve.nodes {
            self.pick_some(nodes);
        } else if !serve.picked {
            self.picked = self.sim.live().collect();
        }
        if self.control {
            return self.sim.run_for(serve.over.0);
        }
        let wanted: Vec<(SocketAddr, KeyRange)> = self
            .picked
            .iter()
            .map(|node| (self.sim.addr(*node), range_of(*node, serve.range)))
            .collect();
        if let [(addr, range)] = wanted[..] {
            let group = self.group.clone();
            let shows = move |_: usize, engine: &Engine| {
                let mut items = engine.topology_of(&group, Op::Add);
                items.any(|timed| timed.item.member == addr.into() && timed.item.range == range)
                    == add
            };
            self.shown = Some(self.sim.watch(shows));
        }
        let count = self.picked.len() as u32;
        let picked = self.picked.clone();
        for node in picked {
            if !self.sim.live().any(|live| live == node) {
                continue;
            }
            let (group, range) = (self.group.clone(), range_of(node, serve.range));
            // A call that is refused leaves the picture as it is, which is what rules are about.
            let _ = if add {
                self.sim.add_item(node, &group, range, PORT).map(|_| ())
            } else {
                self.sim.remove_item(node, &group, range, PORT).map(|_| ())
            };
            self.sim.run_for(serve.over.0 / count.max(1))?;
        }
        Ok(())
    }

    fn message(&mut self) {
        self.pick_some(1);
        if self.control {
            return;
        }
        let [node] = self.picked[..] else { return };
        self.messages += 1;
        let tag = Tag(self.messages);
        let watch = self.sim.watch_events(
            move |_, event| matches!(event, Event::Message { tag: heard, payload, .. } if *heard == tag && payload.as_ref() == MESSAGE),
        );
        self.heard = Some((node, watch));
        // Waiting for it fails if it is refused.
        let _ = self.sim.with(node, |engine, now| {
            engine.broadcast(now, Recipients::All, tag, Bytes::from_static(MESSAGE))
        });
    }

    fn churn(&mut self, churn: &Churn) -> Outcome {
        let gap = Duration::from_secs(1) / churn.per_second.max(1);
        let count = nanos(churn.lasts.0) / nanos(gap).max(1);
        for _ in 0..count {
            if !self.control {
                self.pick_some(1);
                if let [node] = self.picked[..] {
                    let turn = self.churned.entry(node).or_insert(0);
                    let number = *turn / 2 % 8;
                    let adds = turn.is_multiple_of(2);
                    *turn += 1;
                    self.changes += 1;
                    let (group, range) = (self.group.clone(), range_of(node, 100 + number));
                    let _ = if adds {
                        self.sim.add_item(node, &group, range, PORT).map(|_| ())
                    } else {
                        self.sim.remove_item(node, &group, range, PORT).map(|_| ())
                    };
                }
            }
            self.sim.run_for(gap)?;
        }
        Ok(())
    }
}

/// A failure with the step in which it came about; of steps within others the innermost.
fn within(step: &Step, mut failure: Box<Failure>) -> Box<Failure> {
    if failure.parameters.iter().all(|(name, _)| name != IN_STEP) {
        failure.parameters.push((IN_STEP.to_owned(), format!("{step:?}")));
    }
    failure
}

fn set_up(scenario: &Scenario, settings: &Settings, seed: u64, rerun: &str) -> Sim {
    let cluster = &scenario.cluster;
    let config = cluster.config(settings);
    let others = cluster.others.clone().map(|some| (some.these, cluster.config(&some.settings)));
    let seeds = cluster.seeds;
    let asleep: Vec<usize> = (cluster.nodes - cluster.asleep..cluster.nodes).collect();
    let group = group_name();
    let mut build = Sim::new(seed)
        .nodes_with(cluster.nodes, move |birth| match &others {
            Some((these, others)) if these.contains(&birth.node) => others.clone(),
            _ => config.clone(),
        })
        .link(cluster.link.link())
        .start_within(cluster.start_within.0)
        .asleep(&asleep)
        .seeds(move |node| match seeds {
            Seeds::First => vec![0],
            Seeds::Chain => vec![node.saturating_sub(1)],
            Seeds::Three => vec![0, 1, 2],
            Seeds::None => Vec::new(),
        })
        .parameter("scenario", scenario.name.clone())
        .parameter("cluster", format!("{cluster:?}"))
        .parameter("steps", scenario.steps.len().to_string())
        .rerun(rerun);
    if cluster.serve {
        build = build.born(move |sim, node| {
            // A refused call leaves the node without a range, which figures and rules then show.
            let _ = sim.add_item(node, &group, range_of(node, 0), PORT);
        });
    }
    if cluster.segments > 0 {
        let segments = cluster.segments as usize;
        build = build.segments(move |node| Some((node % segments) as u16));
    }
    if let Some(between) = &cluster.between {
        let zones = cluster.clone();
        build = build.zones(move |node| zones.zone_of(node), between.link());
    }
    if cluster.ipv6 {
        build = build.ipv6();
    }
    if cluster.link.loss.is_some_and(|loss| !loss.0.is_never()) {
        build =
            build.parameter("loss", cluster.link.loss.map_or(Ratio::NEVER, |l| l.0).to_string());
    }
    let mut sim = build.build();
    if !cluster.routes.is_empty() {
        sim.set_links(&cluster.links());
    }
    sim
}

/// The group in which nodes serve ranges.
fn group_name() -> GroupName {
    GroupName::try_from("scenario").expect("a short name is a group's name")
}

/// The range of this number that belongs to a node.
pub(super) fn range_of(node: usize, number: u32) -> KeyRange {
    let start = (node as u32).wrapping_mul(4_096).wrapping_add(number % 1_000 * 4);
    KeyRange::new(start, start.saturating_add(3)).unwrap_or(KeyRange::FULL)
}

const IN_STEP: &str = "in step";
const PORT: u16 = 80;
const MESSAGE: &[u8] = &[0x6d; 32];
const FOR_SCENARIO: u64 = 4;
