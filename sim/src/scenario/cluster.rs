//! The nodes of a scenario, and the links between them.

use serde::{Deserialize, Serialize};

use scalesmall_core::{Config, SendRate};

use super::value::possible;
use super::{Chance, Span};
use crate::build::{lan, local, wan};
use crate::link::{Delay, Link};
use crate::network::Links;
use crate::random::Ratio;

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
    /// Whom they know when they start.
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
    /// What all nodes do wrong on purpose.
    #[cfg(feature = "mutants")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutant: Option<String>,
    /// The last so many are not started, until a step does.
    #[serde(default)]
    pub asleep: usize,
    /// Whether each node serves a range of its own before it contacts anybody, at the start and after
    /// each restart.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub serve: bool,
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

/// Nodes with settings of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Others {
    /// Which, counted from 0.
    pub these: Vec<usize>,
    /// Their settings, on top of those of all.
    pub settings: Settings,
}

/// Nodes that are near to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// What it is called.
    pub name: String,
    /// Its first and its last node.
    pub nodes: [usize; 2],
}

/// The links between the nodes of two zones, both ways.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The zones, counted from 0.
    pub zones: [u16; 2],
    /// The links.
    pub link: Path,
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

    /// The links as they are described.
    pub(super) fn links(&self) -> Links {
        let routes = self.routes.iter().map(|route| (route.zones, route.link.link()));
        Links {
            near: self.link.link(),
            between: self.between.as_ref().map(Path::link),
            routes: routes.collect(),
        }
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
    pub(super) fn count_zones(&self) -> usize {
        self.zone.len().max(self.zones.into())
    }

    /// What is wrong with the number of nodes.
    pub(super) fn wrong_size(&self) -> Option<String> {
        let (nodes, most) = (self.nodes, MOST_NODES);
        let text = || format!("a cluster of {nodes} nodes: cluster.nodes is 1 to {most}");
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
    pub(super) fn zone_of(&self, node: usize) -> u16 {
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

/// Fields of the engine's configuration; what is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `Config::max_datagram`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_datagram: Option<usize>,
    /// `Config::probe_interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe_interval: Option<Span>,
    /// `Config::min_timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_timeout: Option<Span>,
    /// `Config::max_timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_timeout: Option<Span>,
    /// `Config::silence_window`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silence_window: Option<Span>,
    /// `Config::verifiers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifiers: Option<u8>,
    /// `Config::retry_interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_interval: Option<Span>,
    /// `Config::repair_patience`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair_patience: Option<Span>,
    /// `Config::tombstone_ttl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tombstone_ttl: Option<Span>,
    /// `Config::forget_after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forget_after: Option<Span>,
    /// `Config::repair_interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair_interval: Option<Span>,
    /// Bytes of `Config::send_rate`; a datagram is allowed for each 240 of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_rate: Option<u32>,
    /// `Limits::nodes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_nodes: Option<u32>,
    /// `Limits::groups`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_groups: Option<u32>,
    /// `Limits::ranges`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_ranges: Option<u32>,
    /// `Limits::ranges_per_record`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranges_per_record: Option<u32>,
    /// `Limits::message_origins`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_origins: Option<u32>,
    /// `Limits::outbox`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbox: Option<u32>,
    /// `Limits::relays`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relays: Option<u32>,
    /// `Limits::piggyback`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub piggyback: Option<u32>,
    /// `Limits::inquiries`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inquiries: Option<u32>,
    /// `Limits::session_keys`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_keys: Option<u32>,
}

impl Settings {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether any limit differs from the preset.
    pub(crate) const fn has_tight_limits(&self) -> bool {
        self.outbox.is_some()
            || self.relays.is_some()
            || self.piggyback.is_some()
            || self.inquiries.is_some()
            || self.session_keys.is_some()
    }

    /// The durations of a preset.
    pub(crate) fn of_preset(preset: Preset) -> Self {
        let config = preset.config();
        Self {
            probe_interval: Some(Span(config.probe_interval)),
            min_timeout: Some(Span(config.min_timeout)),
            max_timeout: Some(Span(config.max_timeout)),
            silence_window: Some(Span(config.silence_window)),
            retry_interval: Some(Span(config.retry_interval)),
            repair_patience: Some(Span(config.repair_patience)),
            repair_interval: Some(Span(config.repair_interval)),
            ..Self::default()
        }
    }

    fn apply(&self, config: &mut Config) {
        let spans = [
            (self.probe_interval, &mut config.probe_interval),
            (self.min_timeout, &mut config.min_timeout),
            (self.max_timeout, &mut config.max_timeout),
            (self.silence_window, &mut config.silence_window),
            (self.retry_interval, &mut config.retry_interval),
            (self.repair_patience, &mut config.repair_patience),
            (self.tombstone_ttl, &mut config.tombstone_ttl),
            (self.forget_after, &mut config.forget_after),
            (self.repair_interval, &mut config.repair_interval),
        ];
        for (span, field) in spans {
            if let Some(span) = span {
                *field = span.0;
            }
        }
        let limits = [
            (self.limit_nodes, &mut config.limits.nodes),
            (self.limit_groups, &mut config.limits.groups),
            (self.limit_ranges, &mut config.limits.ranges),
            (self.ranges_per_record, &mut config.limits.ranges_per_record),
            (self.message_origins, &mut config.limits.message_origins),
            (self.outbox, &mut config.limits.outbox),
            (self.relays, &mut config.limits.relays),
            (self.piggyback, &mut config.limits.piggyback),
            (self.inquiries, &mut config.limits.inquiries),
            (self.session_keys, &mut config.limits.session_keys),
        ];
        for (limit, field) in limits {
            *field = limit.unwrap_or(*field);
        }
        config.max_datagram = self.max_datagram.unwrap_or(config.max_datagram);
        if let Some(verifiers) = self.verifiers {
            config.verifiers = verifiers;
        }
        if let Some(bytes) = self.send_rate {
            config.send_rate = SendRate::new(bytes, bytes / 240);
        }
    }
}

/// A preset of the engine's configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// `Config::lan`.
    #[default]
    Lan,
    /// `Config::wan`.
    Wan,
    /// `Config::local`.
    Local,
}

impl Preset {
    fn config(self) -> Config {
        match self {
            Self::Lan => lan(),
            Self::Wan => wan(),
            Self::Local => local(),
        }
    }
}

/// Whom nodes know when they start.
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

/// A link, as a file describes it. What is left out is as in [`Link::lan`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Path {
    /// Least and most delay, as likely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<[Span; 2]>,
    /// Median of a log-normal delay; in place of `delay`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median: Option<Span>,
    /// Its standard deviation, in doublings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub octaves: Option<Chance>,
    /// Chance that a datagram is lost.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "possible")]
    pub loss: Option<Chance>,
    /// Losses in bursts, in place of `loss`: the chances to enter and to leave one, and of a loss
    /// within.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "possible")]
    pub bursts: Option<[Chance; 3]>,
    /// Chance that a datagram arrives twice.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "possible")]
    pub duplicate: Option<Chance>,
    /// Chance that a datagram is held back for up to 20 ms.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "possible")]
    pub reorder: Option<Chance>,
    /// Chance that bits flip.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "possible")]
    pub corrupt: Option<Chance>,
    /// Chance that somebody captures a datagram, and sends it again within half a minute.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "possible")]
    pub replay: Option<Chance>,
    /// Largest datagram, in bytes of UDP payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<usize>,
    /// Bytes per second, and bytes that may wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<[u64; 2]>,
}

impl Path {
    fn slowest(&self) -> core::time::Duration {
        match (self.delay, self.median) {
            (Some([_, most]), _) => most.0,
            (_, Some(median)) => 4 * median.0,
            _ => core::time::Duration::from_millis(2),
        }
    }

    /// What a link is like when nothing fails: how long it takes, and what fits.
    pub(super) fn by_nature(&self) -> Self {
        let (delay, median, octaves, mtu) = (self.delay, self.median, self.octaves, self.mtu);
        Self { delay, median, octaves, mtu, ..Self::default() }
    }

    /// The link that is described.
    #[must_use]
    pub fn link(&self) -> Link {
        let mut link = Link::lan();
        if let Some([least, most]) = self.delay {
            link = link.delay(Delay::Uniform(least.0, most.0));
        }
        if let Some(median) = self.median {
            let octaves = self.octaves.map_or(Ratio(1, 3), |octaves| octaves.0);
            link = link.delay(Delay::LogNormal { median: median.0, octaves });
        }
        if let Some(loss) = self.loss {
            link = link.loss(loss.0);
        }
        if let Some([enter, exit, loss]) = self.bursts {
            link = link.burst_loss(enter.0, exit.0, loss.0);
        }
        if let Some(chance) = self.duplicate {
            link = link.duplicate(chance.0);
        }
        if let Some(chance) = self.reorder {
            link = link.reorder(chance.0, core::time::Duration::from_millis(20));
        }
        if let Some(chance) = self.corrupt {
            link = link.corrupt(chance.0);
        }
        if let Some(chance) = self.replay {
            link = link.replayed(chance.0, core::time::Duration::from_secs(30));
        }
        if let Some(bytes) = self.mtu {
            link = link.mtu(bytes);
        }
        if let Some([rate, queue]) = self.bandwidth {
            link = link.bandwidth(rate, queue);
        }
        link
    }
}

/// The most nodes: what they know of each other grows with the square of their number.
const MOST_NODES: usize = 65_536;

const fn one() -> u16 {
    1
}

const fn a_tenth_of_a_second() -> Span {
    Span(core::time::Duration::from_millis(100))
}
