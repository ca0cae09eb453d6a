//! Whether the parts of a scenario fit together, and what to do if they do not.

mod homes;
mod picks;
mod steps;

use std::collections::BTreeMap;

use scalesmall_core::placement::{Placement, Slots};

use super::cluster::Shards;
use super::figure::{Limit, Unit};
use super::path::Path;
use super::place::{Place, line_of};
use super::step::walk;
use super::{Scenario, ScenarioError};
use crate::random::Ratio;
use homes::wrong_homes;
use picks::{no_such_node, wrong_zone};
use steps::wrong_steps;

/// What does not fit.
pub(super) struct Wrong {
    /// Where it stands in a file.
    way: Vec<Place>,
    /// What it is, and what to do.
    text: String,
}

impl Wrong {
    /// Told with the line of a file.
    pub(super) fn in_text(self, text: &str) -> String {
        match line_of(text, &self.way) {
            Some(line) => format!("line {line}: {}", self.text),
            None => self.text,
        }
    }

    /// Told with the step that it is about, if it is about one: there is no file with lines.
    fn without_text(self, scenario: &Scenario) -> String {
        let mut way = self.way.into_iter();
        let (Some(Place::Key(steps)), Some(Place::Entry(step))) = (way.next(), way.next()) else {
            return self.text;
        };
        let taken = scenario.steps.get(step).filter(|_| steps == "steps");
        let Some(taken) = taken.map(ToString::to_string) else { return self.text };
        let mut keys = taken.split(" =").next().unwrap_or_default().to_owned();
        for place in way {
            match place {
                Place::Key(key) => keys += &format!(".{key}"),
                Place::Entry(entry) => keys += &format!(" {}", entry + 1),
                Place::Only => {}
            }
        }
        format!("step {}, {keys}: {}", step + 1, self.text)
    }

    /// Of a part that stands there.
    pub(super) fn under(mut self, way: &[Place]) -> Self {
        self.way.splice(0..0, way.iter().cloned());
        self
    }
}

/// What is wrong with what stands under these keys.
pub(super) fn wrong(keys: &[&str], text: impl Into<String>) -> Option<Wrong> {
    Some(Wrong { way: keys.iter().map(|key| Place::from(*key)).collect(), text: text.into() })
}

fn wrong_shards(shards: &Shards) -> Option<Wrong> {
    if let Err(error) = Slots::new(shards.slots) {
        return wrong(&["slots"], error.to_string());
    }
    if !(1..=Placement::MOST_REPLICAS).contains(&shards.replicas) {
        let text = format!("a slot has 1 to {} servers", Placement::MOST_REPLICAS);
        return wrong(&["replicas"], text);
    }
    wrong(&["load"], "a server has its share at least: write 100 or more")
        .filter(|_| shards.load < 100)
}

impl Scenario {
    /// Checks that the parts fit together, as reading a file does.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ScenarioError> {
        self.wrong().map_or(Ok(()), |wrong| Err(ScenarioError(wrong.without_text(self))))
    }

    pub(super) fn wrong(&self) -> Option<Wrong> {
        let breaks = |c: char| c.is_control() || "|[]".contains(c);
        if self.name.trim().is_empty() || self.name.contains(breaks) {
            let text =
                "a scenario is known by its name: write one, on one line, without |, [ and ]";
            return wrong(&["name"], text);
        }
        if self.seeds == 0 {
            return wrong(&["seeds"], "no seeds play nothing: write 1 or more");
        }
        let cluster = &self.cluster;
        let found = self.wrong_cluster().or_else(|| wrong_steps(&self.steps, cluster));
        found.or_else(|| self.wrong_bars()).or_else(|| {
            let error = self.points().err().filter(|_| !self.grid.is_empty())?;
            wrong(&["grid"], error.to_string())
        })
    }

    fn wrong_cluster(&self) -> Option<Wrong> {
        let cluster = &self.cluster;
        if let Some(text) = cluster.wrong_size() {
            return wrong(&["cluster", "nodes"], text);
        }
        if cluster.asleep >= cluster.nodes {
            let text = "nobody runs: lower cluster.asleep below cluster.nodes";
            return wrong(&["cluster", "asleep"], text);
        }
        if cluster.zones == 0 {
            return wrong(&["cluster", "zones"], "each node is in a zone: write 1 or more");
        }
        if cluster.zones > 1 && !cluster.zone.is_empty() {
            let text = "give either the number of zones or each zone: leave one out";
            return wrong(&["cluster", "zones"], text);
        }
        if let Some((zone, text)) = cluster.wrong_zone().filter(|_| !cluster.zone.is_empty()) {
            let way = ["cluster".into(), "zone".into(), zone.into()];
            return wrong(&["nodes"], text).map(|wrong| wrong.under(&way));
        }
        if (cluster.zones > 1 || cluster.zone.len() > 1) && cluster.between.is_none() {
            let key = if cluster.zones > 1 { "zones" } else { "zone" };
            let text = "several zones need links: describe them in [cluster.between]";
            return wrong(&["cluster", key], text);
        }
        if cluster.between.is_some() && cluster.count_zones() < 2 {
            let text = "there are no zones that it could be between: list them in [[cluster.zone]], \
                        or leave it out";
            return wrong(&["cluster", "between"], text);
        }
        for (place, route) in cluster.routes.iter().enumerate() {
            let found = route.zones.iter().find_map(|zone| wrong_zone("zones", zone, cluster));
            let within = || {
                let [first, second] = &route.zones;
                let text = "a route leads from one zone to another: name two";
                wrong(&["zones"], text).filter(|_| first == second)
            };
            let twice = || {
                let before = cluster.routes[..place].iter().any(|other| other.meets(route));
                let [first, second] = &route.zones;
                let text = format!(
                    "there is a route between {first} and {second} already: leave one out, or let each be \
                     one_way, in different directions"
                );
                wrong(&["zones"], text).filter(|_| before)
            };
            if let Some(found) = found.or_else(within).or_else(twice) {
                let way = ["cluster".into(), "routes".into(), place.into()];
                return Some(found.under(&way));
            }
        }
        if let Some(found) = cluster.shards.as_ref().and_then(wrong_shards) {
            return Some(found.under(&["cluster".into(), "shards".into()]));
        }
        if let Some(found) = wrong_homes(cluster) {
            return Some(found);
        }
        let others = cluster.others.as_ref().and_then(|others| others.these.highest());
        if let Some(highest) = others.filter(|highest| *highest >= cluster.nodes) {
            let text = no_such_node(highest, cluster.nodes);
            return wrong(&["cluster", "others", "these"], text);
        }
        #[cfg(feature = "mutants")]
        if let Some(text) = cluster.wrong_mutant() {
            return wrong(&["cluster", "mutant"], text);
        }
        for others in [None, self.baseline.as_ref()] {
            if let Some((keys, text)) = cluster.wrong_settings(others) {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                return wrong(&keys, text);
            }
        }
        let links = [("link", Some(&cluster.link)), ("between", cluster.between.as_ref())];
        let found = links.into_iter().find_map(|(key, path)| {
            wrong_path(path?).map(|wrong| wrong.under(&["cluster".into(), key.into()]))
        });
        found.or_else(|| {
            cluster.routes.iter().enumerate().find_map(|(place, route)| {
                let way = ["cluster".into(), "routes".into(), place.into(), "link".into()];
                wrong_path(&route.link).map(|wrong| wrong.under(&way))
            })
        })
    }

    fn wrong_bars(&self) -> Option<Wrong> {
        let mut figures: BTreeMap<String, Unit> = BTreeMap::new();
        walk(&self.steps, &mut |step| figures.extend(step.figures()));
        self.bars.iter().enumerate().find_map(|(place, bar)| {
            let way = ["bars".into(), place.into()];
            let wrong =
                |key: &str, text: String| wrong(&[key], text).map(|wrong| wrong.under(&way));
            let Some(unit) = figures.get(&bar.figure) else {
                let names: Vec<&String> = figures.keys().collect();
                let figure = &bar.figure;
                let text =
                    format!("no step makes the figure \"{figure}\" of a bar: there are {names:?}");
                return wrong("figure", text);
            };
            let key = if bar.at_most.is_some() { "at_most" } else { "at_least" };
            let Some(limit) = bar.limit() else {
                return wrong("figure", "a bar is a limit: give at_most or at_least".into());
            };
            if bar.at_most.is_some() && bar.at_least.is_some() {
                return wrong("at_least", "a bar has one limit: write two bars".into());
            }
            let is_of_baseline = matches!(limit, Limit::Share(_)) && *unit != Unit::Share;
            if is_of_baseline && self.baseline.is_none() {
                let text = "a bar is a share of the baseline: describe it in [baseline]";
                return wrong(key, text.into());
            }
            let told = limit.fits(*unit).err()?;
            wrong(key, format!("the figure \"{}\" {told}", bar.figure))
        })
    }
}

pub(super) fn wrong_path(path: &Path) -> Option<Wrong> {
    if let Some([least, most]) = path.delay.filter(|[least, most]| least > most) {
        let text = format!("write the least delay first, then the most: [\"{most}\", \"{least}\"]");
        return wrong(&["delay"], text);
    }
    if path.delay.is_some() && path.median.is_some() {
        return wrong(&["median"], "a delay has a median of its own: leave one of both out");
    }
    if path.octaves.is_some() && path.median.is_none() {
        return wrong(&["octaves"], "octaves spread a median: give that as well");
    }
    let is_wide = |Ratio(part, whole): Ratio| u64::from(part) > MOST_OCTAVES * u64::from(whole);
    if path.octaves.is_some_and(|octaves| is_wide(octaves.0)) {
        let text = format!("octaves are at most {MOST_OCTAVES}/1: lower them");
        return wrong(&["octaves"], text);
    }
    let unused = [
        ("reorder_by", path.reorder_by.is_some() && path.reorder.is_none(), "reorder"),
        ("replay_within", path.replay_within.is_some() && path.replay.is_none(), "replay"),
    ];
    if let Some((key, _, chance)) = unused.into_iter().find(|(_, is_unused, _)| *is_unused) {
        return wrong(&[key], format!("nothing has a chance of it: give {chance} as well"));
    }
    if path.loss.is_some() && path.bursts.is_some() {
        return wrong(&["loss"], "datagrams are lost in bursts: leave one of loss and bursts out");
    }
    if path.bandwidth.is_some_and(|(speed, _)| speed.0 == 0) {
        let text = "nothing fits through 0 bytes: write more, or a loss of \"100%\"";
        return wrong(&["bandwidth"], text);
    }
    wrong_mtu(path.mtu)
}

/// What is wrong with the largest datagram of a link.
pub(super) fn wrong_mtu(mtu: Option<usize>) -> Option<Wrong> {
    let bytes = mtu.filter(|bytes| *bytes < LEAST_MTU)?;
    let text = format!(
        "next to nothing of an engine fits through {bytes} bytes of payload: write 508, on which it counts, \
         or {LEAST_MTU} at the least, or let the link lose all"
    );
    wrong(&["mtu"], text)
}

/// The narrowest link, in bytes of UDP payload: below the 508 that each path of IPv4 carries, and wide enough
/// for packets with a frame or two.
const LEAST_MTU: usize = 200;

/// The widest spread of delays: one of a hundred is then 400,000 times the median.
const MOST_OCTAVES: u64 = 8;
