//! Nodes that get other addresses, and addresses that nothing comes to any more.

use core::net::SocketAddr;
use core::time::Duration;

use super::protocol::Protocol;
use super::{Sim, Step};
use crate::addresses::{Family, NETWORKS};
use crate::check::Broken;
use crate::link::nanos;
use crate::network::{Cut, Rule};
use crate::node::Condition;
use crate::trace::What;

impl<P: Protocol> Sim<P> {
    /// Addresses of these families that no node has had.
    #[must_use]
    pub fn fresh_addresses(&mut self, families: &[Family]) -> Vec<SocketAddr> {
        self.names.fresh(families)
    }

    /// Gives a node other addresses, 1 to 4, the preferred one first. From this moment on the network
    /// brings it what is sent there, and what is sent to its old ones to nobody. A process that runs is
    /// told `noticed_after` later, one that stands still when it goes on, and one that is to start begins
    /// with them.
    ///
    /// ```
    /// use core::time::Duration;
    /// use scalesmall_sim::{Family, Sim, lan};
    ///
    /// let mut sim = Sim::new(7).nodes(5, lan()).named().build();
    /// sim.run_for(Duration::from_secs(3))?;
    /// let new = sim.fresh_addresses(&[Family::V4]);
    /// sim.forbid_hidden();
    /// sim.readdress(2, &new, Duration::ZERO);
    /// sim.run_for(Duration::from_secs(1))?;
    /// let peer = sim.node(0).and_then(|engine| engine.peer(sim.id(2)));
    /// assert_eq!(peer.map(|peer| peer.address), Some(new[0]));
    /// # Ok::<(), Box<scalesmall_sim::Failure>>(())
    /// ```
    ///
    /// Nodes need names for that ([`Build::named`](crate::Build::named)), and no address may be another
    /// node's; otherwise the next run fails with [`Broken::Misuse`].
    pub fn readdress(&mut self, node: usize, addresses: &[SocketAddr], noticed_after: Duration) {
        if !self.has("readdress", &[node]) {
            return;
        }
        let holder = |addr: &SocketAddr| self.names.find((*addr).into());
        let taken = addresses.iter().find(|addr| holder(addr).is_some_and(|other| other != node));
        let twice = (1..addresses.len()).any(|at| addresses[..at].contains(&addresses[at]));
        let wrong = if !self.names.are_given() {
            Some(
                "nodes that are named after their addresses keep them: build with names".to_owned(),
            )
        } else if !(1..=NETWORKS).contains(&addresses.len()) || twice {
            Some(format!("a node has 1 to {NETWORKS} different addresses, not {addresses:?}"))
        } else {
            taken.map(|addr| format!("{addr} is another node's: swap them, or take a fresh one"))
        };
        if let Some(wrong) = wrong {
            return self.fail(Broken::Misuse(format!("readdress: {wrong}")), &[node]);
        }
        self.names.assign(node, addresses);
        self.note_moved(node, noticed_after);
    }

    /// Gives each of some nodes the addresses of the next one, and the last those of the first.
    pub fn swap_addresses(&mut self, nodes: &[usize], noticed_after: Duration) {
        if !self.has("swap_addresses", nodes) {
            return;
        }
        if !self.names.are_given() {
            let text = "swap_addresses: nodes that are named after their addresses keep them";
            return self.fail(Broken::Misuse(text.to_owned()), nodes);
        }
        let mut addresses: Vec<Vec<SocketAddr>> =
            nodes.iter().map(|node| self.names.addresses(*node).to_vec()).collect();
        addresses.rotate_left(1.min(nodes.len()));
        for (&node, addresses) in nodes.iter().zip(&addresses) {
            self.names.assign(node, addresses);
        }
        for &node in nodes {
            self.note_moved(node, noticed_after);
        }
    }

    fn note_moved(&mut self, node: usize, noticed_after: Duration) {
        self.calm = false;
        self.faults.readdressed += 1;
        self.trace.note(self.now, node, What::Verb("moved"));
        if let Some(tap) = &mut self.tap {
            tap.moved(self.now, node, &self.names);
        }
        self.nodes[node].moved = true;
        if noticed_after.is_zero() {
            self.notice_addresses(node);
        } else {
            let at = self.now.saturating_add(nanos(noticed_after));
            self.queue.push(at, Step::Notice(node as u32));
        }
    }

    /// A process learns which addresses its host has, if it does not know.
    pub(super) fn notice_addresses(&mut self, node: usize) {
        let slot = &mut self.nodes[node];
        let awake = matches!(slot.condition, Condition::Running | Condition::Starved);
        if awake && core::mem::take(&mut slot.moved) {
            let addresses = self.names.addresses(node).to_vec();
            self.tell(node, |protocol, now| protocol.set_addresses(now, &addresses));
        }
    }

    /// Loses what comes from some addresses, and what goes to them.
    pub fn close(&mut self, addresses: &[SocketAddr]) -> Rule {
        self.faults.closed += addresses.len() as u64;
        let all: Vec<usize> = (0..self.len()).collect();
        self.add_cut(Cut::new(&all, &all, self.now).of_addresses(addresses))
    }

    /// Stops datagrams from and to addresses of one family, in one direction only.
    pub fn cut_family(&mut self, from: &[usize], to: &[usize], family: Family) -> Rule {
        self.has("cut_family", &[from, to].concat());
        self.faults.cut_one_way += 1;
        self.add_cut(Cut::new(from, to, self.now).of_family(family))
    }
}
