//! What a scenario does to the ways between nodes.

use super::Player;
use crate::scenario::step::{RelinkZone, Step};

impl Player {
    pub(super) fn cut(&mut self, step: &Step) {
        match step {
            Step::Split(whom) => {
                let (inside, outside) = self.sides(whom);
                self.sim.partition(&inside, &outside);
            }
            Step::Parts(parts) => self.split_into(parts.count),
            Step::Between(between) => {
                let share = |percent: usize| (self.sim.len() * percent).div_ceil(100);
                let (left, right) = (share(between.percent), share(between.and));
                let mut nodes: Vec<usize> = (0..self.sim.len()).collect();
                self.random.shuffle(&mut nodes);
                let (left, rest) = nodes.split_at(left.min(nodes.len()));
                let right = &rest[..right.min(rest.len())];
                self.sim.partition(left, right);
                self.picked = left.to_vec();
            }
            Step::Cut(cut) => {
                let (from, _) = self.sides(&cut.from);
                let mut to = self.others();
                if !cut.to.is_last() {
                    self.pick(&cut.to, |_, node| !from.contains(&node));
                    to = core::mem::replace(&mut self.picked, from.clone());
                }
                let mut stop = |from: &[usize], to: &[usize]| match cut.family {
                    Some(family) => self.sim.cut_family(from, to, family),
                    None => self.sim.cut(from, to),
                };
                stop(&from, &to);
                if cut.both_ways {
                    stop(&to, &from);
                }
                self.cut_to = to;
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
                let (inside, outside) = self.sides(&flap.whom);
                self.sim.flap(&outside, &inside, flap.on.0, flap.off.0);
            }
            Step::MuteMulticast(whom) => {
                let (inside, outside) = self.sides(whom);
                self.sim.cut_multicast(&inside, &outside);
            }
            Step::DeafenMulticast(whom) => {
                let (inside, outside) = self.sides(whom);
                self.sim.cut_multicast(&outside, &inside);
            }
            Step::FlapMulticast(flap) => {
                let (inside, outside) = self.sides(&flap.whom);
                self.sim.flap_multicast(&outside, &inside, flap.on.0, flap.off.0);
            }
            Step::Heal(_) => self.sim.heal(),
            Step::Narrow(narrow) => {
                let nodes = if narrow.whom.is_last() {
                    (0..self.sim.len()).collect()
                } else {
                    self.sides(&narrow.whom).0
                };
                for node in nodes {
                    self.sim.narrow(node, narrow.mtu);
                }
            }
            Step::Relink(path) => self.sim.set_link(path.link()),
            Step::RelinkZone(relink) => self.relink_zone(relink),
            _ => {}
        }
    }

    fn relink_zone(&mut self, relink: &RelinkZone) {
        let Some(zone) = self.nature.zone_named(&relink.zone) else { return };
        let to = relink.to.as_ref().and_then(|name| self.nature.zone_named(name));
        let zones = 0..self.nature.count_zones() as u16;
        for other in zones.filter(|other| to.map_or(*other != zone, |to| *other == to)) {
            self.sim.set_zone_link(zone, other, relink.link.link());
            if !relink.one_way {
                self.sim.set_zone_link(other, zone, relink.link.link());
            }
        }
    }

    /// Cuts the cluster into equal parts.
    fn split_into(&mut self, count: usize) {
        let mut nodes: Vec<usize> = (0..self.sim.len()).collect();
        self.random.shuffle(&mut nodes);
        let parts: Vec<&[usize]> = nodes.chunks(nodes.len().div_ceil(count.max(1))).collect();
        for (number, part) in parts.iter().enumerate() {
            for other in &parts[number + 1..] {
                self.sim.partition(part, other);
            }
        }
        self.picked = parts.first().map_or_else(Vec::new, |part| part.to_vec());
    }
}
