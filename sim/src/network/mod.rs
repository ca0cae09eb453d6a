//! Who reaches whom: links, zones, segments, cuts and filters.

mod cut;
mod filter;

use core::fmt;
use core::net::SocketAddr;
use std::collections::{BTreeMap, HashMap};

pub(crate) use cut::Cut;
use filter::{Filter, Told};
pub use filter::{Packet, Verdict};

use crate::counts::Fates;
use crate::link::{Fate, Link, Path, nanos};
use crate::random::{Random, Ratio, mix};

/// Names a filter, a cut, a rule or a sample, to lift it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule(u64);

pub(crate) struct Network {
    random: Random,
    link: Link,
    /// Link of datagrams between two zones.
    between_zones: Option<Link>,
    zone_links: BTreeMap<(u16, u16), Link>,
    zones: Vec<u16>,
    pairs: BTreeMap<(usize, usize), Link>,
    /// Chance of loss on the way out of and into single nodes.
    lossy: BTreeMap<usize, (Ratio, Ratio)>,
    /// The largest datagram on the links of single nodes.
    narrow: BTreeMap<usize, usize>,
    segments: Vec<Option<u16>>,
    paths: HashMap<(usize, usize), Path>,
    cuts: Vec<Cut>,
    filters: Vec<(Rule, Box<dyn Filter>)>,
    rules: u64,
    pub(crate) fates: Fates,
}

/// The links within a zone, between zones, and from some of them to others.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    pub(crate) near: Link,
    pub(crate) between: Option<Link>,
    pub(crate) routes: Vec<([u16; 2], Link)>,
}

impl Links {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Link> {
        let routes = self.routes.iter().map(|(_, link)| link);
        core::iter::once(&self.near).chain(&self.between).chain(routes)
    }
}

/// The largest datagram that every path of IPv4 carries (RFC 791), in bytes of UDP payload.
const LEAST_MTU: usize = 508;

impl Network {
    pub(crate) fn new(random: Random, nodes: usize, link: Link) -> Self {
        Self {
            random,
            link,
            between_zones: None,
            zone_links: BTreeMap::new(),
            zones: vec![0; nodes],
            pairs: BTreeMap::new(),
            lossy: BTreeMap::new(),
            narrow: BTreeMap::new(),
            segments: vec![None; nodes],
            paths: HashMap::new(),
            cuts: Vec::new(),
            filters: Vec::new(),
            rules: 0,
            fates: Fates::default(),
        }
    }

    /// The same network for a fork of the simulation.
    pub(crate) fn copied(&self) -> Self {
        Self {
            random: self.random,
            link: self.link.clone(),
            between_zones: self.between_zones.clone(),
            zone_links: self.zone_links.clone(),
            zones: self.zones.clone(),
            pairs: self.pairs.clone(),
            lossy: self.lossy.clone(),
            narrow: self.narrow.clone(),
            segments: self.segments.clone(),
            paths: self.paths.clone(),
            cuts: self.cuts.clone(),
            filters: self.filters.iter().map(|(rule, filter)| (*rule, filter.copied())).collect(),
            rules: self.rules,
            fates: self.fates,
        }
    }

    /// The zone of each node.
    pub(crate) fn zones(&self) -> &[u16] {
        &self.zones
    }

    pub(crate) fn set_zones(&mut self, zones: Vec<u16>, between: Link) {
        self.zones = zones;
        self.between_zones = Some(between);
    }

    pub(crate) fn set_zone_link(&mut self, from: u16, to: u16, link: Link) {
        self.zone_links.insert((from, to), link);
    }

    pub(crate) fn set_segments(&mut self, segments: Vec<Option<u16>>) {
        self.segments = segments;
    }

    pub(crate) fn set_link(&mut self, link: Link) {
        self.link = link;
        self.between_zones = None;
        self.zone_links.clear();
    }

    pub(crate) fn set_pair(&mut self, from: usize, to: usize, link: Link) {
        self.paths.remove(&(from, to));
        self.pairs.insert((from, to), link);
    }

    pub(crate) fn set_lossy(&mut self, node: usize, out: Ratio, into: Ratio) {
        if out.is_never() && into.is_never() {
            self.lossy.remove(&node);
        } else {
            self.lossy.insert(node, (out, into));
        }
    }

    pub(crate) fn set_narrow(&mut self, node: usize, mtu: Option<usize>) {
        match mtu {
            Some(mtu) => self.narrow.insert(node, mtu),
            None => self.narrow.remove(&node),
        };
    }

    pub(crate) fn set_links(&mut self, links: &Links) {
        self.link = links.near.clone();
        self.between_zones.clone_from(&links.between);
        self.zone_links.clear();
        for ([from, to], link) in &links.routes {
            self.zone_links.insert((*from, *to), link.clone());
        }
    }

    /// The nodes that hear a multicast of `from`, itself not among them.
    pub(crate) fn hearers(&self, from: usize) -> impl Iterator<Item = usize> + use<'_> {
        let segment = self.segments[from];
        let others = self.segments.iter().enumerate();
        others
            .filter(move |(node, other)| segment.is_some() && **other == segment && *node != from)
            .map(|(node, _)| node)
    }

    pub(crate) fn is_faultless(&self) -> bool {
        self.narrow.is_empty() && self.each_link(Link::is_faultless)
    }

    /// Whether each datagram arrives that fits into the smallest that any path has to carry.
    pub(crate) fn carries_small(&self) -> bool {
        self.narrow.values().all(|mtu| *mtu >= LEAST_MTU)
            && self.each_link(|link| link.carries(LEAST_MTU))
    }

    fn each_link(&self, fits: impl Fn(&Link) -> bool) -> bool {
        fits(&self.link)
            && self.between_zones.as_ref().is_none_or(&fits)
            && self.zone_links.values().all(&fits)
            && self.pairs.values().all(&fits)
            && self.lossy.is_empty()
            && self.cuts.is_empty()
            && self.filters.is_empty()
    }

    pub(crate) fn add_cut(&mut self, mut cut: Cut) -> Rule {
        cut.rule = self.next_rule();
        let rule = cut.rule;
        self.cuts.push(cut);
        rule
    }

    pub(crate) fn add_filter(
        &mut self,
        filter: impl FnMut(&Packet<'_>) -> Verdict + Clone + 'static,
    ) -> Rule {
        let rule = self.next_rule();
        self.filters.push((rule, Box::new(filter)));
        rule
    }

    pub(crate) const fn next_rule(&mut self) -> Rule {
        self.rules += 1;
        Rule(self.rules)
    }

    pub(crate) fn lift(&mut self, rule: Rule) {
        self.cuts.retain(|cut| cut.rule != rule);
        self.filters.retain(|(other, _)| *other != rule);
    }

    /// The zone of a node.
    pub(crate) fn zone_of(&self, node: usize) -> u16 {
        self.zones.get(node).copied().unwrap_or_default()
    }

    pub(crate) fn has_cuts(&self) -> bool {
        !self.cuts.is_empty() || !self.lossy.is_empty()
    }

    pub(crate) fn lift_cuts(&mut self) {
        self.cuts.clear();
        self.lossy.clear();
    }

    /// Whether a unicast datagram sent now would meet a cut, whatever addresses it goes from and to.
    pub(crate) fn is_cut(&self, now: u64, from: usize, to: usize) -> bool {
        let whole = |cut: &&Cut| !cut.multicast && cut.is_whole();
        self.cuts.iter().filter(whole).any(|cut| cut.stops(now, from, to))
    }

    /// Whether a unicast datagram sent now would meet no cut on its way from one address to another.
    pub(crate) fn is_open(
        &self,
        now: u64,
        (from, source): (usize, SocketAddr),
        (to, target): (usize, SocketAddr),
    ) -> bool {
        let stops =
            |cut: &Cut| !cut.multicast && cut.concerns(source, target) && cut.stops(now, from, to);
        !self.cuts.iter().any(stops)
    }

    fn link_between(&self, from: usize, to: usize) -> &Link {
        if !self.pairs.is_empty()
            && let Some(link) = self.pairs.get(&(from, to))
        {
            return link;
        }
        let (here, there) = (self.zones[from], self.zones[to]);
        if !self.zone_links.is_empty()
            && let Some(link) = self.zone_links.get(&(here, there))
        {
            return link;
        }
        match &self.between_zones {
            Some(link) if here != there => link,
            _ => &self.link,
        }
    }

    /// Decides what becomes of a datagram.
    ///
    /// Draws come from a stream of their own for each (sender, receiver, time, place in the
    /// sender's output), so traffic between other nodes never shifts them.
    pub(crate) fn carry(&mut self, packet: &Packet<'_>, place: u32) -> Carried {
        self.fates.sent += 1;
        self.fates.multicast += u64::from(packet.multicast);
        self.fates.between_zones += u64::from(self.zones[packet.from] != self.zones[packet.to]);
        let lost = Carried::default();
        if self.cuts.iter().any(|cut| cut.stops_packet(packet)) {
            self.fates.cut += 1;
            return lost;
        }
        let mut told = Told::default();
        for (_, filter) in &mut self.filters {
            match filter.judge(packet) {
                Verdict::Pass => {}
                Verdict::Delay(by) => told.delay = told.delay.saturating_add(nanos(by)),
                Verdict::Copy(after) => told.copies.push(nanos(after)),
                Verdict::Change(bytes) => told.bytes = Some(bytes),
                Verdict::Drop => {
                    self.fates.filtered += 1;
                    return lost;
                }
                Verdict::Deliver(delay) => {
                    let first = Some(nanos(delay));
                    return told.applied(Carried { first, ..Carried::default() });
                }
            }
        }
        let pair = (packet.from as u64) << 32 | packet.to as u64;
        let mut random =
            self.random.fork(mix(pair) ^ packet.at.rotate_left(20) ^ u64::from(place) << 1);
        if !self.lossy.is_empty() {
            let out = self.lossy.get(&packet.from).is_some_and(|chance| random.hit(chance.0));
            let into = self.lossy.get(&packet.to).is_some_and(|chance| random.hit(chance.1));
            if out || into {
                self.fates.lost += 1;
                return lost;
            }
        }
        if !self.narrow.is_empty() {
            let ends = [packet.from, packet.to];
            let mtu = ends.iter().filter_map(|node| self.narrow.get(node)).min();
            if mtu.is_some_and(|mtu| packet.bytes.len() > *mtu) {
                self.fates.too_large += 1;
                return lost;
            }
        }
        let link = self.link_between(packet.from, packet.to);
        let mut path = Path::default();
        let remembers = link.has_memory();
        if remembers {
            path = self.paths.get(&(packet.from, packet.to)).copied().unwrap_or_default();
        }
        let fate = link.fate(packet.at, packet.bytes.len(), &mut path, &mut random);
        let carried = match fate {
            Fate::Arrives(delay) => Carried {
                first: Some(delay),
                second: link.second_copy(packet.at, &mut random),
                flips: link.flips(packet.bytes.len(), &mut random),
                replay: link.replay(&mut random),
                ..Carried::default()
            },
            // A datagram may be captured elsewhere than where it gets lost.
            Fate::Lost => Carried { replay: link.replay(&mut random), ..Carried::default() },
            Fate::TooLarge | Fate::QueueFull => Carried::default(),
        };
        let in_bursts = link.loses_in_bursts();
        if remembers {
            self.paths.insert((packet.from, packet.to), path);
        }
        let fates = &mut self.fates;
        fates.replayed += u64::from(carried.replay.is_some());
        match fate {
            Fate::Lost if in_bursts => fates.lost_in_burst += 1,
            Fate::Lost => fates.lost += 1,
            Fate::TooLarge => fates.too_large += 1,
            Fate::QueueFull => fates.queue_full += 1,
            Fate::Arrives(_) => {
                fates.duplicated += u64::from(carried.second.is_some());
                fates.corrupted += u64::from(carried.flips.is_some());
                fates.reordered += u64::from(path.held_back());
                fates.queued += u64::from(path.has_waited());
            }
        }
        told.applied(carried)
    }

    /// The chance that filters are given with a datagram.
    pub(crate) const fn for_filters(&self, number: u64, to: usize) -> Random {
        self.random.fork(FOR_FILTERS).fork(number).fork(to as u64)
    }
}

/// A purpose for which the chance of the network is forked.
const FOR_FILTERS: u64 = 0xf117e2;

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("link", &self.link)
            .field("cuts", &self.cuts.len())
            .field("filters", &self.filters.len())
            .field("fates", &self.fates)
            .finish_non_exhaustive()
    }
}

/// What becomes of a datagram: the delays of its copies, that of one that somebody else sends
/// again, and the bits that flip in the first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) first: Option<u64>,
    pub(crate) second: Option<u64>,
    pub(crate) flips: Option<Vec<usize>>,
    pub(crate) replay: Option<u64>,
    /// The delays of copies that filters have made, and the bytes that they have put in place of the
    /// datagram's.
    pub(crate) copies: Vec<u64>,
    pub(crate) bytes: Option<Vec<u8>>,
}

#[cfg(test)]
mod tests;
