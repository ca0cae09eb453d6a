//! Who reaches whom: links, zones, segments, cuts and filters.

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, HashMap};

use crate::link::{Fate, Link, Path, nanos};
use crate::random::{Random, Ratio, mix};
use crate::tally::Fates;

/// A datagram that is about to be put on a link.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The simulation's time, in nanoseconds.
    pub at: u64,
    /// The sending node.
    pub from: usize,
    /// The receiving node.
    pub to: usize,
    /// Whether it goes to a multicast group.
    pub multicast: bool,
    /// The UDP payload.
    pub bytes: &'a [u8],
}

/// What a filter does to a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Leaves it to the other filters and the link.
    Pass,
    /// Loses it.
    Drop,
    /// Delivers it after this time, whatever the link says.
    Deliver(Duration),
}

/// Names a filter or a cut, to lift it again.
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
    filters: Vec<(Rule, Filter)>,
    rules: u64,
    pub(crate) fates: Fates,
}

/// The links within a zone, between zones, and between some of them.
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

type Filter = Box<dyn FnMut(&Packet<'_>) -> Verdict>;

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
        for ([first, second], link) in &links.routes {
            self.zone_links.insert((*first, *second), link.clone());
            self.zone_links.insert((*second, *first), link.clone());
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

    pub(crate) fn add_filter(&mut self, filter: Filter) -> Rule {
        let rule = self.next_rule();
        self.filters.push((rule, filter));
        rule
    }

    const fn next_rule(&mut self) -> Rule {
        self.rules += 1;
        Rule(self.rules)
    }

    pub(crate) fn lift(&mut self, rule: Rule) {
        self.cuts.retain(|cut| cut.rule != rule);
        self.filters.retain(|(other, _)| *other != rule);
    }

    pub(crate) fn lift_cuts(&mut self) {
        self.cuts.clear();
        self.lossy.clear();
    }

    /// Whether a unicast datagram sent now would meet a cut.
    pub(crate) fn is_cut(&self, now: u64, from: usize, to: usize) -> bool {
        self.cuts.iter().any(|cut| !cut.multicast && cut.stops(now, from, to))
    }

    fn link_between(&self, from: usize, to: usize) -> &Link {
        if !self.pairs.is_empty()
            && let Some(link) = self.pairs.get(&(from, to))
        {
            return link;
        }
        let (here, there) = (self.zones[from], self.zones[to]);
        if here != there {
            if let Some(link) = self.zone_links.get(&(here, there)) {
                return link;
            }
            if let Some(link) = &self.between_zones {
                return link;
            }
        }
        &self.link
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
        let stops = |cut: &Cut| {
            (packet.multicast || !cut.multicast) && cut.stops(packet.at, packet.from, packet.to)
        };
        if self.cuts.iter().any(stops) {
            self.fates.cut += 1;
            return lost;
        }
        for (_, filter) in &mut self.filters {
            match filter(packet) {
                Verdict::Pass => {}
                Verdict::Drop => {
                    self.fates.filtered += 1;
                    return lost;
                }
                Verdict::Deliver(delay) => {
                    return Carried { first: Some(nanos(delay)), ..Carried::default() };
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
            },
            // A datagram may be captured elsewhere than where it gets lost.
            Fate::Lost => Carried { replay: link.replay(&mut random), ..lost },
            Fate::TooLarge | Fate::QueueFull => lost,
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
        carried
    }
}

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
}

/// Stops datagrams from some nodes to others, always or on a schedule.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    rule: Rule,
    from: NodeSet,
    to: NodeSet,
    since: u64,
    /// Time in force and time at rest, alternating, in nanoseconds; `None` for always.
    flapping: Option<(u64, u64)>,
    /// Whether only multicasts are stopped.
    multicast: bool,
}

impl Cut {
    pub(crate) fn new(from: &[usize], to: &[usize], since: u64) -> Self {
        let (from, to) = (NodeSet::new(from), NodeSet::new(to));
        Self { rule: Rule(0), from, to, since, flapping: None, multicast: false }
    }

    pub(crate) fn flapping(mut self, on: Duration, off: Duration) -> Self {
        self.flapping = Some((nanos(on), nanos(off)));
        self
    }

    /// Stops multicasts alone.
    pub(crate) fn of_multicast(mut self) -> Self {
        self.multicast = true;
        self
    }

    fn stops(&self, now: u64, from: usize, to: usize) -> bool {
        let in_force = self.flapping.is_none_or(|(on, off)| {
            now.saturating_sub(self.since) % on.saturating_add(off).max(1) < on
        });
        in_force && self.from.contains(from) && self.to.contains(to)
    }
}

#[derive(Clone, Debug)]
struct NodeSet(Vec<u64>);

impl NodeSet {
    fn new(nodes: &[usize]) -> Self {
        let words = nodes.iter().max().map_or(0, |most| most / 64 + 1);
        let mut bits = vec![0; words];
        for node in nodes {
            bits[node / 64] |= 1 << (node % 64);
        }
        Self(bits)
    }

    fn contains(&self, node: usize) -> bool {
        self.0.get(node / 64).is_some_and(|word| word >> (node % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(link: Link) -> Network {
        Network::new(Random::new(1), 4, link)
    }

    fn packet(from: usize, to: usize, at: u64) -> Packet<'static> {
        Packet { at, from, to, multicast: false, bytes: &[0; 50] }
    }

    #[test]
    fn a_cut_stops_one_direction_until_it_is_lifted() {
        let mut network = network(Link::lan());
        let rule = network.add_cut(Cut::new(&[0], &[1, 2], 0));
        assert_eq!(network.carry(&packet(0, 1, 5), 0), Carried::default());
        assert!(network.carry(&packet(1, 0, 5), 0).first.is_some());
        assert!(network.carry(&packet(0, 3, 5), 0).first.is_some());
        network.lift(rule);
        assert!(network.carry(&packet(0, 1, 5), 0).first.is_some());
        assert_eq!(network.fates.cut, 1);
    }

    #[test]
    fn a_cut_of_multicast_lets_unicast_pass() {
        let mut network = network(Link::lan());
        network.add_cut(Cut::new(&[0], &[1], 0).of_multicast());
        let to_all = Packet { multicast: true, ..packet(0, 1, 5) };
        assert_eq!(network.carry(&to_all, 0), Carried::default());
        assert!(network.carry(&packet(0, 1, 5), 1).first.is_some());
        assert!(!network.is_cut(5, 0, 1));
    }

    #[test]
    fn a_flapping_cut_follows_its_schedule() {
        let mut network = network(Link::lan());
        let (on, off) = (Duration::from_nanos(10), Duration::from_nanos(5));
        network.add_cut(Cut::new(&[0], &[1], 100).flapping(on, off));
        let open = |at| !network.is_cut(at, 0, 1);
        assert_eq!([open(100), open(109), open(110), open(115)], [false, false, true, false]);
    }

    #[test]
    fn the_first_filter_that_does_not_pass_decides() {
        let mut network = network(Link::lan());
        network.add_filter(Box::new(|packet| {
            if packet.to == 2 { Verdict::Deliver(Duration::from_nanos(7)) } else { Verdict::Pass }
        }));
        network.add_filter(Box::new(|_| Verdict::Drop));
        assert_eq!(network.carry(&packet(0, 2, 0), 0).first, Some(7));
        assert_eq!(network.carry(&packet(0, 1, 0), 0).first, None);
    }

    #[test]
    fn pairs_go_before_zones_and_zones_before_the_default() {
        let constant = |ns| Link::new(crate::Delay::Constant(Duration::from_nanos(ns)));
        let mut network = network(constant(1));
        network.set_zones(vec![0, 0, 1, 2], constant(2));
        network.set_zone_link(0, 2, constant(3));
        network.set_pair(0, 1, constant(4));
        let mut delay = |from, to| network.carry(&packet(from, to, 0), 0).first;
        assert_eq!(delay(1, 0), Some(1));
        assert_eq!(delay(0, 2), Some(2));
        assert_eq!(delay(0, 3), Some(3));
        assert_eq!(delay(3, 0), Some(2));
        assert_eq!(delay(0, 1), Some(4));
    }

    #[test]
    fn a_narrow_node_loses_what_is_large_both_ways() {
        let mut network = network(Link::lan());
        network.set_narrow(1, Some(508));
        let mut passes = |from, to, len| {
            let bytes = &[0; 600][..len];
            network.carry(&Packet { bytes, ..packet(from, to, 0) }, 0).first.is_some()
        };
        assert_eq!([passes(0, 1, 509), passes(1, 0, 509)], [false; 2]);
        assert_eq!([passes(0, 1, 508), passes(1, 0, 508), passes(0, 2, 600)], [true; 3]);
        assert!(network.carries_small() && !network.is_faultless());
        network.set_narrow(1, None);
        assert!(network.is_faultless());
    }

    #[test]
    fn a_lossy_node_loses_in_its_own_direction_only() {
        let mut network = network(Link::lan());
        network.set_lossy(0, Ratio::ONE, Ratio::NEVER);
        assert_eq!(network.carry(&packet(0, 1, 0), 0).first, None);
        assert!(network.carry(&packet(1, 0, 0), 0).first.is_some());
    }

    #[test]
    fn what_happens_to_a_datagram_does_not_depend_on_others() {
        let link = Link::wan().loss(Ratio::percent(30));
        let mut quiet = network(link.clone());
        let mut busy = network(link);
        for at in 0..200 {
            busy.carry(&packet(2, 3, at), 0);
            busy.carry(&packet(0, 3, at), 1);
            assert_eq!(quiet.carry(&packet(0, 1, at), 0), busy.carry(&packet(0, 1, at), 0));
        }
    }
}
