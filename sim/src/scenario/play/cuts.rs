//! What a scenario does to the ways between nodes.

use super::Player;
use crate::scenario::step::{Step, Whom};

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
            Step::MuteMulticast(whom) => {
                let (inside, outside) = self.sides(whom);
                self.sim.cut_multicast(&inside, &outside);
            }
            Step::DeafenMulticast(whom) => {
                let (inside, outside) = self.sides(whom);
                self.sim.cut_multicast(&outside, &inside);
            }
            Step::FlapMulticast(flap) => {
                let whom = Whom { nodes: Some(flap.nodes), ..Whom::default() };
                let (inside, outside) = self.sides(&whom);
                self.sim.flap_multicast(&outside, &inside, flap.on.0, flap.off.0);
            }
            Step::Heal(_) => self.sim.heal(),
            Step::Narrow(narrow) => {
                let nodes = match narrow.nodes {
                    Some(_) => self.sides(&Whom { nodes: narrow.nodes, ..Whom::default() }).0,
                    None => (0..self.sim.len()).collect(),
                };
                for node in nodes {
                    self.sim.narrow(node, narrow.mtu);
                }
            }
            Step::Relink(path) => self.sim.set_link(path.link()),
            _ => {}
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
