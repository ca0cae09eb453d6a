//! Kinds of worlds: networks on which a swarm draws the same faults.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{accident, choice, families, millis, moving, pause, percent, settings, sharing};
use crate::random::{Random, Ratio};
use crate::scenario::{Cluster, Narrow, Nothing, Path, Preset, Route, Span, Step, Tell, Whom};

/// A kind of world. All are judged by the same laws, within bounds that follow from the preset and
/// the delays ([`recovers_within`](crate::scenario::recovers_within)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One place or a few near ones; when all is well, a LAN.
    #[default]
    Lan,
    /// One-way delays of 20 to 400 ms between any two nodes.
    Wan,
    /// Zones, with delays of 20 us to 400 ms between any two of them.
    Mixed,
    /// Links that carry only datagrams of 508 to 1,100 bytes: all of them, those of one node, or for
    /// a time.
    Narrow,
    /// Two to seven nodes, with loss.
    Small,
    /// Nodes whose settings differ, or that have room for few others.
    Settings,
    /// Nodes that are set back to snapshots, in the end as well, when all is well: all agree five seconds
    /// later.
    Setback,
    /// Second copies of nodes, in the end as well: they say so within half a minute, and hide nobody.
    Copies,
    /// A calm LAN of three to sixteen nodes of which one lies.
    Hostile,
    /// Nodes with names, several addresses and families, that get other addresses, swap them, and lose the
    /// ways to some of them; in the end as well, when all is well: nobody is suspected, and all know a
    /// second later.
    Moving,
    /// Nodes of which some have addresses of one family alone, and some no way to some others, in the end
    /// as well: nobody is hidden for whom others can vouch, and all learn what is new.
    Families,
    /// Servers that share slots, some of which drain: no slot that one has had is without an owner unless one
    /// that had it died, and in the end all have what is planned.
    Shards,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::Lan,
        Self::Wan,
        Self::Mixed,
        Self::Narrow,
        Self::Small,
        Self::Settings,
        Self::Setback,
        Self::Copies,
        Self::Hostile,
        Self::Moving,
        Self::Families,
        Self::Shards,
    ];

    /// Those that a seed draws one of, unless it draws one of the newer ones.
    const OLDER: [Self; 9] = *Self::ALL.first_chunk().expect("there are more kinds");

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lan => "lan",
            Self::Wan => "wan",
            Self::Mixed => "mixed",
            Self::Narrow => "narrow",
            Self::Small => "small",
            Self::Settings => "settings",
            Self::Setback => "setback",
            Self::Copies => "copies",
            Self::Hostile => "hostile",
            Self::Moving => "moving",
            Self::Families => "families",
            Self::Shards => "shards",
        }
    }

    /// What a program says of an option that takes one of them, in one line.
    #[must_use]
    pub fn help(what: &str, default: &str) -> String {
        let [names @ .., last] = Self::ALL.map(Self::name);
        format!("{what}: {} or {last} [default: {default}]", names.join(", "))
    }

    /// Under which name its worlds are counted.
    pub(super) const fn worlds(self) -> &'static str {
        match self {
            Self::Lan => "worlds_of_lans",
            Self::Wan => "worlds_of_wans",
            Self::Mixed => "worlds_of_mixed_delays",
            Self::Narrow => "worlds_of_narrow_paths",
            Self::Small => "worlds_of_few_nodes",
            Self::Settings => "worlds_of_mixed_settings",
            Self::Setback => "worlds_of_snapshots",
            Self::Copies => "worlds_of_copies",
            Self::Hostile => "worlds_of_liars",
            Self::Moving => "worlds_of_moves",
            Self::Families => "worlds_of_families",
            Self::Shards => "worlds_of_shards",
        }
    }

    /// The kind that a swarm of all kinds draws with a seed.
    #[must_use]
    pub fn drawn(seed: u64) -> Self {
        // Drawn apart, so that other seeds draw what they have always drawn.
        if Random::new(seed).fork(FOR_MOVING).hit(Ratio(1, 10)) {
            return Self::Moving;
        }
        if Random::new(seed).fork(FOR_FAMILIES).hit(Ratio(1, 10)) {
            return Self::Families;
        }
        if Random::new(seed).fork(FOR_SHARDS).hit(Ratio(1, 11)) {
            return Self::Shards;
        }
        *choice(&mut Random::new(seed).fork(FOR_DRAWN), &Self::OLDER)
    }

    fn random(self, seed: u64) -> Random {
        Random::new(seed).fork(FOR_KIND).fork(self as u64)
    }

    /// Makes a cluster one of this kind.
    pub(super) fn shape(self, seed: u64, cluster: &mut Cluster) {
        let random = &mut self.random(seed);
        match self {
            Self::Lan | Self::Setback | Self::Copies => {}
            Self::Wan => {
                let delay = one_way(random, 20_000);
                one_zone(cluster);
                (cluster.segments, cluster.least_hearers) = (0, None);
                let near = delay <= Duration::from_millis(50);
                cluster.preset =
                    if near && random.hit(Ratio(1, 2)) { Preset::Lan } else { Preset::Wan };
                cluster.link.delay = Some(around(random, delay));
                cluster.link.mtu = None;
            }
            Self::Mixed => mixed(random, cluster),
            Self::Narrow => {
                one_zone(cluster);
                cluster.link.mtu = None;
                if Form::drawn(random) == Form::All {
                    cluster.link.mtu = Some(mtu(random));
                }
            }
            Self::Small => {
                cluster.nodes = random.between(2, 7.min(cluster.nodes.max(2) as u64)) as usize;
                cluster.link.loss = Some(percent(random, 30));
            }
            Self::Settings => settings::shape(random, cluster),
            Self::Moving => moving::shape(random, cluster),
            Self::Families => families::shape(random, cluster),
            Self::Shards => sharing::shape(random, cluster),
            Self::Hostile => {
                // Of three nodes one that lies is half of what another hears.
                cluster.nodes = random.between(4, cluster.nodes.clamp(4, 16) as u64) as usize;
                cluster.preset = *choice(random, &[Preset::Lan, Preset::Local]);
                one_zone(cluster);
                cluster.ipv6 = false;
                cluster.link = Path::default();
            }
        }
    }

    /// Makes what happens fit: the network stays of this kind, and bounds follow its delays.
    pub(super) fn bend(self, seed: u64, cluster: &Cluster, steps: &mut Vec<Step>) {
        let random = &mut self.random(seed).fork(FOR_STEPS);
        for step in &mut *steps {
            match step {
                Step::Recover(recover) => {
                    recover.own = matches!(self, Self::Wan | Self::Mixed | Self::Narrow);
                }
                Step::Tell(Tell { within, .. })
                    if !within.0.is_zero() && !matches!(self, Self::Lan | Self::Settings) =>
                {
                    within.0 += 20 * cluster.slowest();
                }
                Step::Relink(path) if self == Self::Wan => path.delay = cluster.link.delay,
                Step::Relink(path) if self == Self::Small => path.loss = cluster.link.loss,
                Step::Relink(path) if self == Self::Narrow => path.mtu = cluster.link.mtu,
                _ => {}
            }
        }
        match self {
            // Another link would put all zones in one place.
            Self::Mixed => steps.retain(|step| !matches!(step, Step::Relink(_))),
            Self::Narrow => narrow(&mut self.random(seed), random, steps),
            Self::Small => lossy_calm(random, steps),
            Self::Settings => settings::bend(&mut self.random(seed), cluster, steps),
            Self::Hostile => accident::betrayed(random, steps),
            Self::Setback | Self::Copies => {
                let copies = self == Self::Copies;
                accident::go_back(copies, random, steps);
                accident::go_back_in_calm(copies, random, cluster, steps);
            }
            Self::Moving => moving::bend(random, cluster, steps),
            Self::Families => families::bend(random, cluster, steps),
            Self::Shards => sharing::bend(random, steps),
            Self::Lan | Self::Wan => {}
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(", ");
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == text);
        kind.ok_or_else(|| format!("there is no kind \"{text}\": there are {names}"))
    }
}

/// A one-way delay of at least this many microseconds, up to 400 ms; each doubling is equally
/// likely.
fn one_way(random: &mut Random, least: u64) -> Duration {
    let mut most = 400_000;
    while most / 2 > least && random.hit(Ratio(1, 2)) {
        most /= 2;
    }
    Duration::from_micros(random.between(least.max(most / 2), most))
}

/// A delay that is always the same, or one from half to three halves.
fn around(random: &mut Random, delay: Duration) -> [Span; 2] {
    if random.hit(Ratio(1, 2)) { [Span(delay); 2] } else { [Span(delay / 2), Span(delay / 2 * 3)] }
}

fn one_zone(cluster: &mut Cluster) {
    (cluster.zones, cluster.between) = (1, None);
}

fn mixed(random: &mut Random, cluster: &mut Cluster) {
    cluster.preset = Preset::Wan;
    cluster.zones = random.between(2, 5) as u16;
    // A segment is a zone.
    if cluster.segments > 0 {
        cluster.segments = cluster.zones;
        cluster.least_hearers = Some(2 + u32::from(cluster.zones));
    }
    let near = Duration::from_micros(random.between(20, 1_000));
    cluster.link.delay = Some(around(random, near));
    cluster.link.mtu = None;
    let between = cluster.between.take().unwrap_or_else(|| cluster.link.clone());
    let between = Path { median: None, mtu: None, ..between };
    for first in 0..cluster.zones {
        for second in first + 1..cluster.zones {
            // Near, in the middle, or far.
            let least = *choice(random, &[20, 5_000, 20_000]);
            let delay = one_way(random, least);
            let delay = Some(around(random, delay));
            let link = Path { delay, ..between.clone() };
            let zones = [first.into(), second.into()];
            cluster.routes.push(Route { zones, one_way: false, link });
        }
    }
    cluster.between = cluster.routes.first().map(|route| route.link.clone());
}

/// Which links are narrow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    All,
    OfOne,
    ForATime,
}

impl Form {
    fn drawn(random: &mut Random) -> Self {
        *choice(random, &[Self::All, Self::OfOne, Self::ForATime])
    }
}

fn mtu(random: &mut Random) -> usize {
    random.between(508, 1_100) as usize
}

/// Narrows the links of one node from the start, or of some or all in mid-run.
fn narrow(shape: &mut Random, random: &mut Random, steps: &mut Vec<Step>) {
    let step = |nodes: Option<usize>, mtu| {
        Step::Narrow(Narrow { whom: Whom { nodes, ..Whom::default() }, mtu })
    };
    match Form::drawn(shape) {
        Form::All => {}
        Form::OfOne => steps.insert(0, step(Some(1), Some(mtu(random)))),
        Form::ForATime => {
            for _ in 0..random.between(1, 3) {
                let nodes = random.hit(Ratio(1, 2)).then(|| random.between(1, 3) as usize);
                let Some(place) = pause(random, steps, 0) else { return };
                steps.insert(place, step(nodes, Some(mtu(random))));
                let ends = random.hit(Ratio(2, 3));
                if let Some(place) = pause(random, steps, place + 1).filter(|_| ends) {
                    steps.insert(place, step(None, None));
                }
            }
        }
    }
}

/// In the end some loss, for which nobody may be hidden.
fn lossy_calm(random: &mut Random, steps: &mut Vec<Step>) {
    let path = Path { loss: Some(percent(random, 10)), ..Path::default() };
    steps.extend([
        Step::Relink(path),
        Step::ForbidHidden(Nothing {}),
        Step::Run(millis(30_000)),
        Step::AllowHidden(Nothing {}),
    ]);
}

const FOR_KIND: u64 = 9;
const FOR_DRAWN: u64 = 10;
const FOR_STEPS: u64 = 11;
/// With these numbers none of the first 32 seeds draws one, so that worlds which are known stay what they are.
const FOR_MOVING: u64 = 56;
const FOR_FAMILIES: u64 = 86;
const FOR_SHARDS: u64 = 57;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use crate::swarm::{Bounds, sample_of};

    fn worlds(kind: Kind) -> Vec<Scenario> {
        (0..300).map(|seed| sample_of(kind, seed, &Bounds::default())).collect()
    }

    #[test]
    fn a_file_holds_all_of_a_world_of_each_kind() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            for (seed, scenario) in (0..).zip(worlds(kind)) {
                assert_eq!(scenario, sample_of(kind, seed, &Bounds::default()));
                assert_eq!(scenario.to_toml().parse(), Ok(scenario));
            }
        }
        assert!("moon".parse::<Kind>().is_err());
    }

    #[test]
    fn a_swarm_of_all_kinds_draws_each_about_as_often() {
        for kind in Kind::ALL {
            let drawn = (0..1_000).filter(|seed| Kind::drawn(*seed) == kind).count();
            assert!((70..140).contains(&drawn), "{kind}: {drawn}");
        }
    }

    #[test]
    fn far_worlds_have_the_delays_that_their_preset_is_meant_for() {
        for scenario in worlds(Kind::Wan) {
            let Some([least, most]) = scenario.cluster.link.delay else { panic!("no delay") };
            let middle = (least.0 + most.0) / 2;
            assert!((20..=400).contains(&middle.as_millis()), "{middle:?}");
            assert!(scenario.cluster.preset == Preset::Wan || middle.as_millis() <= 50);
        }
        let mixed = worlds(Kind::Mixed);
        let delays = mixed.iter().flat_map(|scenario| &scenario.cluster.routes);
        let millis = delays.filter_map(|route| Some(route.link.delay?[1].0.as_millis()));
        let (near, far): (Vec<u128>, Vec<u128>) = millis.partition(|millis| *millis < 100);
        assert!(near.len() > 100 && far.len() > 100, "{} {}", near.len(), far.len());
    }

    #[test]
    fn paths_are_narrow_everywhere_at_one_node_or_for_a_time() {
        let mut forms = [0; 3];
        for scenario in worlds(Kind::Narrow) {
            let narrows = scenario.steps.iter().position(|step| matches!(step, Step::Narrow(_)));
            forms[match (scenario.cluster.link.mtu, narrows) {
                (Some(508..=1_100), None) => 0,
                (None, Some(0)) => 1,
                (None, Some(_)) => 2,
                other => panic!("{other:?}"),
            }] += 1;
        }
        assert!(forms.iter().all(|count| *count > 50), "{forms:?}");
    }

    #[test]
    fn small_worlds_have_two_to_seven_nodes_of_which_none_may_be_hidden_in_the_end() {
        for scenario in worlds(Kind::Small) {
            assert!((2..=7).contains(&scenario.cluster.nodes));
            assert!(scenario.steps.contains(&Step::ForbidHidden(Nothing {})));
        }
    }

    #[test]
    fn families_are_apart_and_the_first_node_has_both() {
        let (mut alone, mut apart) = (0, 0);
        for scenario in worlds(Kind::Families) {
            let homes = &scenario.cluster.homes;
            assert!(homes.iter().all(|home| !home.these.contains(0)));
            alone += usize::from(homes.len() == 2);
            // The last act, in which some have no way to some others.
            let last = scenario.steps.iter().rposition(|step| matches!(step, Step::Kill(_)));
            let cut = |step: &Step| matches!(step, Step::Cut(_));
            apart += usize::from(scenario.steps[last.unwrap()..].iter().any(cut));
        }
        assert!(alone > 200 && apart > 150, "{alone} {apart}");
    }
}
