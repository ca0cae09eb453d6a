//! The nodes of a scenario, and the links between them.

use serde::{Deserialize, Serialize};

use scalesmall_core::Config;

use super::nodes::{Nodes, ZoneName, ends};
use super::path::Path;
use super::settings::{Preset, Settings};
use super::value::Span;
use crate::addresses::Family;
use crate::network::Links;

/// The nodes, and the links between them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// How many, 1 to 65,536. What they know of each other takes some 300 bytes for each pair.
    pub nodes: usize,
    /// Which preset of the configuration.
    #[serde(default)]
    pub preset: Preset,
    /// All start at random times within this span.
    #[serde(default = "a_tenth_of_a_second")]
    pub start_within: Span,
    /// The nodes that they know when they start.
    #[serde(default)]
    pub seeds: Seeds,
    /// In how many multicast segments they are, in turn; 0 for no multicast.
    #[serde(default)]
    pub segments: u16,
    /// From how many nodes on a segment has a speaker; what the preset says if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_hearers: Option<u32>,
    /// In how many zones they are, in turn.
    #[serde(default = "one")]
    pub zones: u16,
    /// Or in which zones; then every node is in one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zone: Vec<Zone>,
    /// Whether their addresses are of the sixth version.
    #[serde(default)]
    pub ipv6: bool,
    /// Whether they have names of their own, of 12 bytes, and not those of their addresses.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub names: bool,
    /// The families of the addresses of each, the preferred one first; one address if it is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Family>,
    /// Nodes with addresses of other families.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub homes: Vec<Home>,
    /// What all nodes do wrong on purpose.
    #[cfg(feature = "mutants")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutant: Option<String>,
    /// This many nodes, the last ones, are not started until a step starts them.
    #[serde(default)]
    pub asleep: usize,
    /// Whether each node serves a range of its own before it contacts anybody, at the start and after
    /// each restart.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub serve: bool,
    /// How many nodes serve each key, if not 0: each node serves a share of all keys, from its start on and
    /// after each restart as well.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub owners: usize,
    /// What the nodes share that a `share` step makes servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<Shards>,
    /// The links between nodes, of one zone if there are several.
    #[serde(default)]
    pub link: Path,
    /// The links between zones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<Path>,
    /// Links between two zones that differ from all others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// What differs from the preset.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
    /// What differs from that at some nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<Others>,
}

/// Slots that servers share, and what they cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shards {
    /// How many, 2 to 65,536.
    pub slots: u32,
    /// How many servers each has, 1 to 8.
    #[serde(default = "one_replica")]
    pub replicas: usize,
    /// The most that a server has, in per cent of its share, 100 at least.
    #[serde(default = "a_quarter_more")]
    pub load: u16,
    /// How long a server takes to load a slot.
    #[serde(default)]
    pub loading: Span,
    /// How long a server takes to flush one.
    #[serde(default)]
    pub flushing: Span,
}

const fn one_replica() -> usize {
    1
}

const fn a_quarter_more() -> u16 {
    125
}

/// Nodes with settings of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Others {
    /// Which, counted from 0.
    pub these: Nodes,
    /// Their settings, on top of those of all.
    pub settings: Settings,
}

/// Nodes with addresses of their own families.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Home {
    /// Which, counted from 0.
    pub these: Nodes,
    /// The families of their addresses, the preferred one first.
    pub addresses: Vec<Family>,
}

/// Nodes that are near to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// What it is called.
    pub name: String,
    /// Its first and its last node.
    #[serde(deserialize_with = "ends")]
    pub nodes: [usize; 2],
}

/// The links between the nodes of two zones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The zones, by name.
    pub zones: [ZoneName; 2],
    /// Whether only what the first sends to the second takes them, and not what comes back.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub one_way: bool,
    /// The links.
    pub link: Path,
}

impl Route {
    /// Whether some datagram would take both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let [first, second] = &other.zones;
        let (same, back) = (
            self.zones == other.zones,
            self.zones.first() == Some(second) && self.zones.last() == Some(first),
        );
        same || back && !(self.one_way && other.one_way)
    }
}

impl Cluster {
    /// The longest that a datagram is under way on a link as it is described, if nothing holds it
    /// back; of delays without end, nearly the longest.
    #[must_use]
    pub fn slowest(&self) -> core::time::Duration {
        let paths = self.between.iter().chain(self.routes.iter().map(|route| &route.link));
        paths.map(Path::slowest).fold(self.link.slowest(), core::time::Duration::max)
    }

    /// The mean delay of a link within a zone.
    #[must_use]
    pub fn one_way(&self) -> core::time::Duration {
        match (self.link.delay, self.link.median) {
            (Some([least, most]), _) => (least.0 + most.0) / 2,
            (_, Some(median)) => median.0,
            _ => core::time::Duration::from_micros(1_250),
        }
    }

    /// The families of a node's addresses, the preferred one first.
    pub(super) fn families(&self, node: usize) -> Vec<Family> {
        let home = self.homes.iter().find(|home| home.these.contains(node));
        let addresses = home.map_or(&self.addresses, |home| &home.addresses);
        match addresses.as_slice() {
            [] if self.ipv6 => vec![Family::V6],
            [] => vec![Family::V4],
            some => some.to_vec(),
        }
    }

    /// The links as they are described.
    pub(super) fn links(&self) -> Links {
        let mut routes = Vec::new();
        for route in &self.routes {
            let [Some(first), Some(second)] =
                route.zones.each_ref().map(|zone| self.zone_named(zone))
            else {
                continue;
            };
            routes.push(([first, second], route.link.link()));
            if !route.one_way {
                routes.push(([second, first], route.link.link()));
            }
        }
        Links { near: self.link.link(), between: self.between.as_ref().map(Path::link), routes }
    }

    /// The cluster with links as they are when nothing fails.
    pub(super) fn by_nature(&self) -> Self {
        let mut nature = self.clone();
        let routes = nature.routes.iter_mut().map(|route| &mut route.link);
        for path in routes.chain(&mut nature.between).chain([&mut nature.link]) {
            *path = path.by_nature();
        }
        nature
    }

    /// How many zones there are.
    pub(crate) fn count_zones(&self) -> usize {
        self.zone.len().max(self.zones.into())
    }

    /// The number of the zone of this name.
    pub(super) fn zone_named(&self, name: &ZoneName) -> Option<u16> {
        let listed = self.zone.iter().position(|zone| zone.name == name.0);
        let counted = || name.0.parse().ok().filter(|number| *number < self.count_zones());
        listed.or_else(counted).map(|zone| zone as u16)
    }

    /// The names of all zones.
    pub(crate) fn zone_names(&self) -> Vec<String> {
        let listed = self.zone.iter().map(|zone| zone.name.clone());
        let counted = (0..self.zones).map(|zone| zone.to_string());
        if self.zone.is_empty() { counted.collect() } else { listed.collect() }
    }

    /// What is wrong with the number of nodes.
    pub(super) fn wrong_size(&self) -> Option<String> {
        let (nodes, most) = (self.nodes, MOST_NODES);
        let text = || {
            format!("a cluster of {nodes} nodes: cluster.nodes is 1 to {most}, write one of these")
        };
        (!(1..=most).contains(&nodes)).then(text)
    }

    /// What the engine refuses of the settings, with others on top: the keys that lead there, and
    /// what to do.
    pub(super) fn wrong_settings(
        &self,
        others: Option<&Settings>,
    ) -> Option<(Vec<String>, String)> {
        let none = Settings::default();
        let some = self.others.as_ref().map_or(&none, |some| &some.settings);
        let all = self.config(others.unwrap_or(&none)).check();
        let error = all.and_then(|()| self.config(some).check()).err()?;
        let text = error.to_string();
        let keys_of = |way: &[&str], settings: &Settings| {
            let table = toml::Table::try_from(settings).ok()?;
            let key = table.into_iter().map(|(key, _)| key).find(|key| text.contains(key))?;
            Some(way.iter().map(|key| (*key).to_owned()).chain([key]).collect())
        };
        let keys = others
            .and_then(|others| keys_of(&["baseline"], others))
            .or_else(|| keys_of(&["cluster", "others", "settings"], some))
            .or_else(|| keys_of(&["cluster", "settings"], &self.settings));
        Some((keys.unwrap_or_else(|| vec!["cluster".to_owned()]), text))
    }

    /// What is wrong with the name of what all nodes do wrong.
    #[cfg(feature = "mutants")]
    pub(super) fn wrong_mutant(&self) -> Option<String> {
        use scalesmall_core::mutants::Mutant;
        let name = self.mutant.as_ref().filter(|name| Mutant::named(name).is_none())?;
        let all = Mutant::ALL.iter().chain(Mutant::PARTS);
        let names: Vec<&str> = all.map(|mutant| mutant.name()).collect();
        Some(format!("there is no mutant \"{name}\": there are {names:?}"))
    }

    /// What is wrong with the zones: the place of the one that is, and what to do.
    pub(super) fn wrong_zone(&self) -> Option<(usize, String)> {
        let mut free = 0;
        let mut sorted: Vec<(usize, &Zone)> = self.zone.iter().enumerate().collect();
        sorted.sort_by_key(|(_, zone)| zone.nodes);
        for (place, zone) in &sorted {
            if self.zone[..*place].iter().any(|other| other.name == zone.name) {
                let text = format!("there is a zone {} already: rename one", zone.name);
                return Some((*place, text));
            }
            let ([first, last], name) = (zone.nodes, zone.name.as_str());
            let wrong = if first > last || last >= self.nodes {
                format!(
                    "zone {name} has no such nodes: write the first and the last of 0 to {}",
                    self.nodes - 1
                )
            } else if first < free {
                format!("zone {name} overlaps the one before it: let it begin at node {free}")
            } else if first > free {
                format!("nodes {free} to {} are in no zone: give them one", first - 1)
            } else {
                free = last + 1;
                continue;
            };
            return Some((*place, wrong));
        }
        let (last, _) = sorted.last().filter(|_| free < self.nodes)?;
        Some((*last, format!("nodes from {free} on are in no zone: give them one")))
    }

    /// The zone of a node.
    pub(crate) fn zone_of(&self, node: usize) -> u16 {
        let within = |zone: &Zone| (zone.nodes[0]..=zone.nodes[1]).contains(&node);
        match self.zone.iter().position(within) {
            Some(zone) => zone as u16,
            None => (node % self.zones.max(1) as usize) as u16,
        }
    }

    /// The engine's configuration, with other settings on top of the cluster's own.
    pub(super) fn config(&self, others: &Settings) -> Config {
        let mut config = self.preset.config();
        config.multicast = self.segments > 0;
        config.least_hearers = self.least_hearers.unwrap_or(config.least_hearers);
        self.settings.apply(&mut config);
        others.apply(&mut config);
        #[cfg(feature = "mutants")]
        {
            let named = |name: &String| scalesmall_core::mutants::Mutant::named(name);
            config.mutant = self.mutant.as_ref().and_then(named);
        }
        config
    }
}

/// Which nodes others know when they start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seeds {
    /// All know node 0.
    #[default]
    First,
    /// Each knows the one before it.
    Chain,
    /// All know the first three.
    Three,
    /// Nobody knows anybody.
    None,
}

/// The most nodes: what they know of each other grows with the square of their number.
const MOST_NODES: usize = 65_536;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

const fn one() -> u16 {
    1
}

const fn a_tenth_of_a_second() -> Span {
    Span(core::time::Duration::from_millis(100))
}
