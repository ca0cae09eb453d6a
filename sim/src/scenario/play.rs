//! Playing a scenario.

use core::cell::Cell;
use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::rc::Rc;

use scalesmall_core::{Config, Engine, GroupName, KeyRange, Op, Status};

use super::figure::{Figures, Unit};
use super::{
    Await, Churn, Counted, Goal, Pauses, Preset, Scenario, Seeds, Serve, Step, Usage, Whom,
};
use crate::build::{lan, local, wan};
use crate::check::Failure;
use crate::link::nanos;
use crate::measure::Meter;
use crate::random::{Random, Ratio};
use crate::sim::Sim;
use crate::tap::Tap;
use crate::watch::Watch;

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
    /// How it went, if that was asked for.
    pub moments: Vec<Moment>,
    /// What happened when.
    pub marks: Vec<Mark>,
}

/// How matters stood at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, in nanoseconds.
    pub at: u64,
    /// Pairs of nodes that are not seen as they ought to be.
    pub wrong_pairs: u64,
    /// Different pictures among the live nodes.
    pub pictures: usize,
    /// Bytes sent by all nodes so far.
    pub bytes: u64,
    /// Nodes that are up.
    pub live: usize,
}

/// A step of the scenario, and when it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When, in nanoseconds.
    pub at: u64,
    /// Which.
    pub what: String,
}

/// What else a run is to do.
#[derive(Default)]
pub struct Options {
    /// Keep [`Moment`]s, this many nanoseconds apart.
    pub every: Option<u64>,
    /// Listen in.
    pub tap: Option<Box<dyn Tap<Engine>>>,
    /// The line that a failure prints to run it again.
    pub rerun: String,
}

/// Plays a scenario with a seed. The same scenario and seed always come to the same.
#[must_use]
pub fn play(scenario: &Scenario, seed: u64, options: Options) -> Played {
    let needs_control = uses_extra(&scenario.steps);
    let control = needs_control.then(|| {
        let mut player = Player::new(scenario, seed, Options::default());
        player.control = true;
        let _ = player.steps(&scenario.steps);
        player.usages
    });
    let mut player = Player::new(scenario, seed, options);
    player.controls = control.unwrap_or_default();
    let failure = player.steps(&scenario.steps).err();
    Played {
        seed,
        hash: player.sim.trace_hash(),
        figures: player.figures,
        failure,
        steps: player.sim.steps(),
        lasted: player.sim.now().as_nanos(),
        moments: player.moments.take(),
        marks: player.marks,
    }
}

fn uses_extra(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Usage(usage) => usage.extra,
        Step::Repeat(repeat) => uses_extra(&repeat.steps),
        _ => false,
    })
}

struct Player {
    sim: Sim,
    random: Random,
    group: GroupName,
    picked: Vec<usize>,
    /// When the last step that was no waiting was taken.
    since: u64,
    shown: Option<Watch>,
    meter: Option<Meter>,
    counted: usize,
    figures: Figures,
    /// Bytes and datagrams of each usage step, in order; of this run, and of the control run.
    usages: Vec<(u64, u64)>,
    controls: Vec<(u64, u64)>,
    control: bool,
    churned: BTreeMap<usize, u32>,
    moments: Rc<Cell<Vec<Moment>>>,
    marks: Vec<Mark>,
}

type Outcome = Result<(), Box<Failure>>;

impl Player {
    fn new(scenario: &Scenario, seed: u64, options: Options) -> Self {
        let mut sim = set_up(scenario, seed, &options.rerun);
        let moments = Rc::new(Cell::new(Vec::new()));
        if let Some(every) = options.every {
            let moments = Rc::clone(&moments);
            sim.rule(core::time::Duration::from_nanos(every), move |sim| {
                let mut kept = moments.take();
                kept.push(moment(sim));
                moments.set(kept);
                None
            });
        }
        sim.tap = options.tap;
        Self {
            random: Random::new(seed).fork(FOR_SCENARIO),
            group: GroupName::try_from("scenario").expect("a short name is a group's name"),
            picked: Vec::new(),
            since: 0,
            shown: None,
            meter: None,
            counted: 0,
            figures: Figures::default(),
            usages: Vec::new(),
            controls: Vec::new(),
            control: false,
            churned: BTreeMap::new(),
            moments,
            marks: Vec::new(),
            sim,
        }
    }

    fn steps(&mut self, steps: &[Step]) -> Outcome {
        for step in steps {
            self.step(step)?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Outcome {
        if !matches!(step, Step::Run(_) | Step::Await(_) | Step::Repeat(_)) {
            self.since = self.sim.now().as_nanos();
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
            Step::Pauses(pauses) => self.pauses(pauses)?,
            Step::Serve(serve) => self.serve(serve, true)?,
            Step::Withdraw(serve) => self.serve(serve, false)?,
            Step::Churn(churn) => self.churn(churn)?,
            Step::Meter(_) => self.meter = Some(self.sim.meter()),
            Step::Usage(usage) => self.usage(usage),
            Step::Count(count) => {
                let value = self.count(count.what);
                self.figures.push(&count.figure, Unit::Count, value);
                self.counted = self.sim.reports().len();
            }
            fault => self.fault(fault),
        }
        Ok(())
    }

    fn fault(&mut self, step: &Step) {
        match step {
            Step::Crash(whom) => self.each_up(whom, Sim::crash),
            Step::Kill(whom) => self.each_up(whom, Sim::kill),
            Step::Depart(whom) => self.each_up(whom, Sim::depart),
            Step::Pause(whom) => self.each_up(whom, Sim::pause),
            Step::Starve(whom) => self.each_up(whom, Sim::starve),
            Step::Restart(whom) => {
                self.pick(whom, |sim, node| !sim.condition(node).is_up());
                for node in self.picked.clone() {
                    self.sim.restart(node);
                }
            }
            Step::Resume(resume) => {
                for node in 0..self.sim.len() {
                    self.sim.resume(node, resume.catch_up.into());
                }
            }
            Step::Split(whom) => {
                let (inside, outside) = self.sides(whom);
                self.sim.partition(&inside, &outside);
            }
            Step::Mute(whom) => {
                let (inside, outside) = self.sides(whom);
                self.sim.cut(&inside, &outside);
            }
            Step::Deafen(whom) => {
                let (inside, outside) = self.sides(whom);
                self.sim.cut(&outside, &inside);
            }
            Step::Flap(flap) => {
                let whom = Whom { nodes: Some(flap.nodes), ..Whom::default() };
                let (inside, outside) = self.sides(&whom);
                self.sim.flap(&outside, &inside, flap.on.0, flap.off.0);
            }
            Step::Lossy(lossy) => {
                self.pick_some(lossy.nodes);
                for node in self.picked.clone() {
                    self.sim.lossy(node, lossy.out.0, lossy.into.0);
                }
            }
            Step::Heal(_) => self.sim.heal(),
            Step::Relink(path) => self.sim.set_link(path.link()),
            Step::Skew(skew) => {
                self.pick_some(skew.nodes);
                for node in self.picked.clone() {
                    self.sim.skew(node, skew.rate.0);
                }
            }
            Step::WallClock(clock) => {
                let behind = i64::try_from(clock.behind.0.as_millis()).unwrap_or(i64::MAX);
                for node in self.picked.clone() {
                    self.sim.set_wall_clock(node, -behind);
                }
            }
            Step::ForbidFalseDown(_) => self.sim.forbid_false_down(),
            Step::AllowFalseDown(_) => self.sim.allow_false_down(),
            _ => {}
        }
    }

    fn mark(&mut self, step: &Step) {
        if matches!(step, Step::Run(_) | Step::Repeat(_) | Step::Meter(_)) || self.marks.len() > 500
        {
            return;
        }
        let text = format!("{step:?}");
        let what = text.split(['(', ' ']).next().unwrap_or("").to_lowercase();
        self.marks.push(Mark { at: self.sim.now().as_nanos(), what });
    }

    /// Picks nodes, at random where it is left open, among those that fit.
    fn pick(&mut self, whom: &Whom, fits: impl Fn(&Sim, usize) -> bool) {
        let count = match whom {
            Whom { these: Some(these), .. } => {
                let mut these: Vec<usize> =
                    these.iter().map(|node| node % self.sim.len()).collect();
                these.sort_unstable();
                these.dedup();
                self.picked = these;
                return self.picked.retain(|node| fits(&self.sim, *node));
            }
            Whom { nodes: Some(nodes), .. } => *nodes,
            Whom { percent: Some(percent), .. } => (self.sim.len() * percent).div_ceil(100),
            _ => return self.picked.retain(|node| fits(&self.sim, *node)),
        };
        let mut nodes: Vec<usize> =
            (0..self.sim.len()).filter(|node| fits(&self.sim, *node)).collect();
        self.random.shuffle(&mut nodes);
        nodes.truncate(count);
        nodes.sort_unstable();
        self.picked = nodes;
    }

    fn pick_some(&mut self, count: usize) {
        let whom = Whom { nodes: Some(count), ..Whom::default() };
        self.pick(&whom, |sim, node| sim.condition(node).is_up());
    }

    fn each_up(&mut self, whom: &Whom, verb: impl Fn(&mut Sim, usize)) {
        self.pick(whom, |sim, node| sim.condition(node) == crate::Condition::Running);
        for node in self.picked.clone() {
            verb(&mut self.sim, node);
        }
    }

    fn sides(&mut self, whom: &Whom) -> (Vec<usize>, Vec<usize>) {
        self.pick(whom, |_, _| true);
        (self.picked.clone(), self.others())
    }

    fn others(&self) -> Vec<usize> {
        (0..self.sim.len()).filter(|node| !self.picked.contains(node)).collect()
    }

    fn reach(&mut self, goal: &Await) -> Outcome {
        let within = goal.within.0;
        let at = match goal.what {
            Goal::Sight => {
                self.sim.run_until(Sim::all_see_all, within)?;
                self.sim.views().agreed_at()
            }
            Goal::Agreement => {
                self.sim.run_until(Sim::converged, within)?;
                self.sim.views().agreed_at().max(self.sim.pictures_agreed_at())
            }
            Goal::Shown => return self.reach_shown(goal),
            Goal::Split => {
                let up = |sim: &Sim, node: &usize| sim.condition(*node).is_up();
                let mut inside = self.picked.clone();
                inside.retain(|node| up(&self.sim, node));
                let mut outside = self.others();
                outside.retain(|node| up(&self.sim, node));
                let split =
                    |sim: &Sim| sim.views().is_closed(&inside) && sim.views().is_closed(&outside);
                self.sim.run_until(split, within)?;
                None
            }
        };
        if let Some(figure) = &goal.figure {
            let at = at.unwrap_or_else(|| self.sim.now().as_nanos());
            self.figures.push(figure, Unit::Nanos, at.saturating_sub(self.since));
        }
        Ok(())
    }

    fn reach_shown(&mut self, goal: &Await) -> Outcome {
        let Some(watch) = self.shown.filter(|_| !self.control) else {
            return Ok(());
        };
        let all = |sim: &Sim| sim.live().all(|node| sim.answers(watch).at[node].is_some());
        self.sim.run_until(all, goal.within.0)?;
        if let Some(figure) = &goal.figure {
            let answers = self.sim.answers(watch);
            for at in self.sim.live().filter_map(|node| answers.at[node]) {
                self.figures.push(figure, Unit::Nanos, at.saturating_sub(self.since));
            }
        }
        self.sim.unwatch(watch);
        Ok(())
    }

    fn serve(&mut self, serve: &Serve, add: bool) -> Outcome {
        if let Some(nodes) = serve.nodes {
            self.pick_some(nodes);
        } else {
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

    fn churn(&mut self, churn: &Churn) -> Outcome {
        let gap = core::time::Duration::from_secs(1) / churn.per_second.max(1);
        let count = nanos(churn.lasts.0) / nanos(gap).max(1);
        for _ in 0..count {
            if !self.control {
                self.pick_some(1);
                if let [node] = self.picked[..] {
                    let turn = self.churned.entry(node).or_insert(0);
                    let number = *turn / 2 % 8;
                    let adds = turn.is_multiple_of(2);
                    *turn += 1;
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

    fn pauses(&mut self, pauses: &Pauses) -> Outcome {
        let batches = (pauses.count as usize).div_ceil(pauses.at_once.max(1));
        for _ in 0..batches {
            self.pick_some(pauses.at_once);
            let [least, most] = pauses.span.map(|span| nanos(span.0));
            let mut ends: Vec<(u64, usize)> = Vec::new();
            for node in self.picked.clone() {
                ends.push((self.random.between(least, most), node));
                if pauses.starve {
                    self.sim.starve(node);
                } else {
                    self.sim.pause(node);
                }
            }
            ends.sort_unstable();
            let mut passed = 0;
            for (end, node) in ends {
                self.sim.run_for(core::time::Duration::from_nanos(end - passed))?;
                passed = end;
                self.sim.resume(node, pauses.catch_up.into());
            }
            let [least, most] = pauses.gap.map(|span| nanos(span.0));
            let gap = self.random.between(least, most);
            self.sim.run_for(core::time::Duration::from_nanos(gap))?;
        }
        Ok(())
    }

    fn usage(&mut self, step: &Usage) {
        let Some(meter) = &self.meter else { return };
        let usage = self.sim.since(meter);
        let (mut bytes, mut datagrams) = (usage.bytes_per_node(), usage.datagrams.mean());
        self.usages.push((bytes, datagrams));
        if step.extra
            && let Some(control) = self.controls.get(self.usages.len() - 1)
        {
            bytes = bytes.saturating_sub(control.0);
            datagrams = datagrams.saturating_sub(control.1);
        }
        let millis = (usage.span.as_millis() as u64).max(1);
        let name = |what: &str| format!("{} {what}", step.figure);
        self.figures.push(&name("rate"), Unit::BytesPerSecond, bytes * 1_000 / millis);
        self.figures.push(&name("bytes"), Unit::Bytes, bytes);
        self.figures.push(&name("datagrams"), Unit::Count, datagrams);
        self.figures.push(&name("peak"), Unit::BytesPerSecond, self.sim.peak().0 * 10);
        self.figures.push(&name("largest"), Unit::Bytes, self.sim.largest_datagram() as u64);
    }

    fn count(&self, what: Counted) -> u64 {
        let reports = &self.sim.reports()[self.counted..];
        let healthy = |node: usize| !self.picked.contains(&node);
        let mut per_pair: BTreeMap<(usize, usize), u64> = BTreeMap::new();
        match what {
            Counted::FalseReports => {
                reports.iter().filter(|report| report.is_false_down()).count() as u64
            }
            Counted::FalseSubjects => {
                let mut subjects: Vec<usize> = reports
                    .iter()
                    .filter(|report| report.is_false_down())
                    .map(|report| report.about)
                    .collect();
                subjects.sort_unstable();
                subjects.dedup();
                subjects.len() as u64
            }
            Counted::HealthyOut => reports
                .iter()
                .filter(|report| report.is_false_down())
                .filter(|report| healthy(report.about) && healthy(report.by))
                .count() as u64,
            Counted::Readmissions | Counted::Transitions => {
                for report in reports {
                    let counts = healthy(report.by)
                        && !healthy(report.about)
                        && (what == Counted::Transitions || report.status == Some(Status::Alive));
                    if counts {
                        *per_pair.entry((report.by, report.about)).or_insert(0) += 1;
                    }
                }
                per_pair.values().max().copied().unwrap_or(0)
            }
        }
    }
}

fn moment(sim: &Sim) -> Moment {
    Moment {
        at: sim.now().as_nanos(),
        wrong_pairs: sim.views().wrong_pairs(),
        pictures: sim.pictures(),
        bytes: (0..sim.len()).map(|node| sim.traffic(node).bytes).sum(),
        live: sim.live().count(),
    }
}

fn set_up(scenario: &Scenario, seed: u64, rerun: &str) -> Sim {
    let cluster = &scenario.cluster;
    let mut config: Config = match cluster.preset {
        Preset::Lan => lan(),
        Preset::Wan => wan(),
        Preset::Local => local(),
    };
    config.multicast = cluster.segments > 0;
    let seeds = cluster.seeds;
    let asleep: Vec<usize> = (cluster.nodes - cluster.asleep..cluster.nodes).collect();
    let mut build = Sim::new(seed)
        .nodes(cluster.nodes, config)
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
        .rerun(rerun);
    if cluster.segments > 0 {
        let segments = cluster.segments as usize;
        build = build.segments(|node| Some((node % segments) as u16));
    }
    if let Some(between) = &cluster.between {
        let zones = cluster.zones.max(1) as usize;
        build = build.zones(|node| (node % zones) as u16, between.link());
    }
    if cluster.ipv6 {
        build = build.ipv6();
    }
    if cluster.link.loss.is_some_and(|loss| !loss.0.is_never()) {
        build =
            build.parameter("loss", cluster.link.loss.map_or(Ratio::NEVER, |l| l.0).to_string());
    }
    build.build()
}

/// The range of this number that belongs to a node.
fn range_of(node: usize, number: u32) -> KeyRange {
    let start = (node as u32).wrapping_mul(4_096).wrapping_add(number % 1_000 * 4);
    KeyRange::new(start, start.saturating_add(3)).unwrap_or(KeyRange::FULL)
}

const PORT: u16 = 80;
const FOR_SCENARIO: u64 = 4;
