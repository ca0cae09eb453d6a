//! Playing a scenario.

mod betray;
mod cuts;
mod explain;
mod faults;
mod idle;
mod lies;
mod marks;
mod measures;
mod messages;
mod moves;
mod recover;
mod serving;
mod setup;
mod sharing;

pub use recover::recovers_within;

use core::time::Duration;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use scalesmall_core::{Engine, GroupName, NodeId};

use super::Scenario;
use super::cluster::Cluster;
use super::figure::{BASELINE, Figures};
use super::settings::Settings;
use super::step::{Step, Timeline, walk};
use crate::check::Failure;
use crate::checks::Checks;
use crate::counts::{Fates, Faults};
use crate::link::nanos;
use crate::moment::{Mark, Moment};
use crate::random::Random;
use crate::sim::{Film, Meter, Sim, Tap, Watch};
use crate::view_changes::Sights;
use idle::Idle;
use messages::{Delivered, Postmark};
use setup::{KeyFiles, group_name, set_up};
use sharing::Sharing;

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
    /// What happened when: the first 1,000 things.
    pub marks: Vec<Mark>,
    /// How many more there were.
    pub unmarked: u64,
    /// The steps that were taken and changed nothing, such as `step 4 (kill = { these = [3] })`.
    pub idle: Vec<String>,
    /// How many nodes did not run at the end, though a step restarts some.
    pub stopped: usize,
    /// Reports of nodes down or unreachable that were up, from beginning to end.
    pub hidden_reports: u64,
    /// Bytes per second and node, from beginning to end.
    pub rate: u64,
    /// The line that runs it again.
    pub rerun: String,
    /// How much was checked.
    pub checks: Checks,
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
    /// How much is checked.
    pub checks: Checks,
}

/// Plays a scenario with a seed. The same scenario and seed always come to the same.
#[must_use]
pub fn play(scenario: &Scenario, seed: u64, options: Options) -> Played {
    let mut needs_control = false;
    walk(&scenario.steps, &mut |step| {
        needs_control |= matches!(step, Step::Usage(usage) if usage.extra);
    });
    let own = Settings::default();
    let checks = options.checks;
    let plain = || Options { checks, ..Options::default() };
    let control = needs_control.then(|| {
        let mut player = Player::new(scenario, &own, seed, plain());
        player.control = true;
        let _ = player.steps(&scenario.steps);
        player.usages
    });
    // What the baseline breaks is what it is there to show.
    let baseline = scenario.baseline.as_ref().map(|settings| {
        let mut player = Player::new(scenario, settings, seed, plain());
        let _ = player.steps(&scenario.steps);
        player.figures
    });
    let rerun = options.rerun.clone();
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
        idle: player.idle.steps(),
        stopped: player.stopped(),
        hidden_reports: sim.reports().iter().filter(|report| report.is_hiding()).count() as u64,
        rate: sent.saturating_mul(1_000) / node_millis,
        rerun,
        checks,
        figures: player.figures,
        marks: player.marks,
        unmarked: player.unmarked,
    }
}

struct Player {
    sim: Sim,
    random: Random,
    group: GroupName,
    picked: Vec<usize>,
    files: KeyFiles,
    /// The nodes that were picked as other ones than before.
    had: BTreeSet<usize>,
    /// When the last step that was no waiting was taken.
    since: u64,
    shown: Option<Watch>,
    /// The nodes that were told that they are held off, since nodes stood still last.
    told_of_hold: Option<Watch>,
    /// The sender of the last message, and the nodes that have it.
    heard: Option<(usize, Watch)>,
    messages: u32,
    /// How many changes were made since the meter was started.
    changes: u64,
    meter: Option<Meter>,
    /// How many reports are counted already; several counts in a row count the same ones.
    counted: usize,
    reported: usize,
    /// The same of the time for which nodes were hidden.
    counted_hidden: u64,
    reported_hidden: u64,
    figures: Figures,
    /// What each usage step saw, in order, in this run and in the control run: bytes and datagrams
    /// of a node, multicasts and unicasts of all.
    usages: Vec<[u64; 4]>,
    controls: Vec<[u64; 4]>,
    control: bool,
    churned: BTreeMap<usize, u32>,
    delivered: Delivered,
    /// What links are like when nothing fails.
    nature: Cluster,
    /// The longest delay that recovery is to allow for.
    slowest: Duration,
    /// How many messages were sent.
    posted: u32,
    film: Option<Film>,
    marks: Vec<Mark>,
    unmarked: u64,
    /// Which nodes do not hear those picked last since the last cut of one direction.
    cut_to: Vec<usize>,
    /// The first owner of each key that is looked at, as it was when that was noted.
    owners: Vec<Option<NodeId>>,
    /// How many suspicions each node had formed in its life, and in which, when they were last counted.
    suspected: Vec<(u32, u64)>,
    reported_suspected: Vec<(u32, u64)>,
    /// The servers that share slots, if any do.
    sharing: Option<Rc<RefCell<Sharing>>>,
    /// Whether a step has restarted nodes.
    restarted: bool,
    idle: Idle,
    seed: u64,
}

type Outcome = Result<(), Box<Failure>>;

impl Player {
    fn new(scenario: &Scenario, settings: &Settings, seed: u64, options: Options) -> Self {
        let files = KeyFiles::default();
        let mut sim = set_up(scenario, settings, seed, &options.rerun, &files);
        sim.set_checks(options.checks);
        walk(&scenario.steps, &mut |step| {
            if matches!(step, Step::Usage(usage) if usage.apart) {
                sim.tell_changes_apart();
            }
            if matches!(step, Step::Usage(usage) if usage.between.is_some()) {
                sim.tell_zones_apart();
            }
        });
        let every = options.every.map(Duration::from_nanos);
        let film = every.map(|every| sim.film(every));
        let delivered = Delivered::default();
        let inner = options.tap;
        let heard = Rc::default();
        sim.set_tap(Postmark { delivered: Rc::clone(&delivered), heard: Rc::clone(&heard), inner });
        let shards = scenario.cluster.shards.as_ref();
        let sharing = shards.map(|shards| Rc::new(RefCell::new(Sharing::new(shards, heard))));
        if let Some(sharing) = &sharing {
            let sharing = Rc::clone(sharing);
            sim.act(sharing::TURN, move |sim| sharing.borrow_mut().act(sim));
        }
        Self {
            random: Random::new(seed).fork(FOR_SCENARIO),
            group: group_name(),
            picked: Vec::new(),
            files,
            had: BTreeSet::new(),
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
            unmarked: 0,
            cut_to: Vec::new(),
            owners: Vec::new(),
            suspected: Vec::new(),
            reported_suspected: Vec::new(),
            restarted: false,
            idle: Idle::default(),
            sharing,
            seed,
            sim,
        }
    }

    fn steps(&mut self, steps: &[Step]) -> Outcome {
        for (place, step) in steps.iter().enumerate() {
            self.step_at(place, step)?;
        }
        Ok(())
    }

    /// Takes the step at a place in its list.
    fn step_at(&mut self, place: usize, step: &Step) -> Outcome {
        self.idle.enter(place);
        let outcome = self.step(step);
        self.idle.leave();
        outcome.map_err(|failure| within(place, step, failure))
    }

    fn step(&mut self, step: &Step) -> Outcome {
        if !matches!(step, Step::Run(_) | Step::Await(_) | Step::Repeat(_) | Step::Timeline(_)) {
            self.since = self.sim.now().as_nanos();
        }
        if !matches!(step, Step::Count(_)) {
            (self.counted, self.counted_hidden) = (self.reported, self.reported_hidden);
            self.suspected.clone_from(&self.reported_suspected);
        }
        let mark = self.mark(step);
        let could_end = self.could_end(step);
        self.take(step)?;
        self.note_change(step, could_end);
        if let Some(mark) = mark {
            self.complete(mark, step);
        }
        Ok(())
    }

    fn take(&mut self, step: &Step) -> Outcome {
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
            Step::Share(whom) => {
                self.pick(whom, |_, _| true);
                if let Some(sharing) = &self.sharing {
                    self.picked.iter().for_each(|node| sharing.borrow_mut().add(*node));
                }
            }
            Step::NoteSlots(_) => {
                self.sharing.iter().for_each(|sharing| sharing.borrow_mut().note());
            }
            Step::Send(send) => self.send(send)?,
            Step::Withdraw(serve) => self.serve(serve, false)?,
            Step::Churn(churn) => self.churn(churn)?,
            Step::Tell(tell) => self.tell(tell)?,
            Step::Betray(betray) => self.betray(betray)?,
            Step::Recover(recover) => self.recover(recover)?,
            Step::Still(still) => self.still(still)?,
            Step::NoteOwners(_) => self.owners = self.first_owners(),
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
                self.reported_suspected = self.suspicions();
            }
            fault => self.fault(fault),
        }
        Ok(())
    }

    /// How many nodes do not run, if a step was to restart some.
    fn stopped(&self) -> usize {
        let nodes = 0..self.sim.len();
        let stopped = nodes.filter(|node| !self.sim.condition(*node).is_up()).count();
        if self.restarted { stopped } else { 0 }
    }

    fn timeline(&mut self, timeline: &Timeline) -> Outcome {
        let start = self.sim.now().as_nanos();
        let run_to = |player: &mut Self, at: u64| {
            let left = start.saturating_add(at).saturating_sub(player.sim.now().as_nanos());
            player.sim.run_for(Duration::from_nanos(left))
        };
        for (place, event) in timeline.in_order() {
            run_to(self, nanos(event.at.0))?;
            self.step_at(place, &event.step)?;
        }
        run_to(self, nanos(timeline.lasts.0))
    }
}

/// A failure with the step in which it came about: of steps within others the innermost, with its
/// place in each.
fn within(place: usize, step: &Step, mut failure: Box<Failure>) -> Box<Failure> {
    let place = place + 1;
    match failure.parameters.iter_mut().find(|(name, _)| name == IN_STEP) {
        Some((_, text)) => *text = format!("{place}.{text}"),
        None => failure.parameters.push((IN_STEP.to_owned(), format!("{place}: {step}"))),
    }
    failure
}

const IN_STEP: &str = "in step";
const FOR_SCENARIO: u64 = 4;
