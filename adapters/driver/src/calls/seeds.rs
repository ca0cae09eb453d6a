//! The seeds of a node: looked up, and contacted.

use std::net::SocketAddr;

use super::Front;
use crate::discovery::{Met, SeedState, is_alone};
use crate::seed::{Seed, can_reach};
#[cfg(feature = "tracing")]
use crate::trace;

impl Front {
    /// Contacts further nodes, at any time. Addresses of a family that the socket cannot reach are
    /// left out and counted in [`DriverStats::seeds_out_of_reach`](crate::DriverStats::seeds_out_of_reach).
    pub fn contact(&mut self, seeds: &[SocketAddr]) {
        let local = self.local.ip();
        let reached = |addr: &SocketAddr| can_reach(local, *addr);
        let within: Vec<SocketAddr> = seeds.iter().copied().filter(reached).collect();
        self.driver_stats.seeds_out_of_reach +=
            u64::try_from(seeds.len() - within.len()).unwrap_or(u64::MAX);
        if !within.is_empty() {
            let now = self.clock.now();
            self.engine.contact(now, &within);
        }
    }

    /// Adds seeds to those of the settings. Addresses are contacted at once, and names are looked up for as
    /// long as the node runs. 64 seeds are remembered; the oldest is forgotten for one more.
    pub fn add_seeds(&mut self, seeds: &[Seed]) {
        for seed in seeds {
            self.seeds.add(seed.clone());
            if let Seed::Addr(addr) = seed {
                self.contact(&[*addr]);
            }
        }
    }

    /// The seeds, and what is known of each: whether its name could be looked up, and whether anybody
    /// answers. A seed that answers to another node's question alone counts once it is a live peer here.
    pub fn seeds(&self) -> impl Iterator<Item = (&Seed, SeedState)> {
        let met = Met::new(self.engine.engine());
        self.seeds.states(move |addr| met.at(addr))
    }

    /// Contacts the peers of the last life.
    pub(crate) fn contact_kept(&mut self) {
        let kept = self.keeper.as_ref().map_or(&[][..], |keeper| &keeper.peers);
        let local = self.local.ip();
        // The node may have another address than in its last life.
        let kept: Vec<SocketAddr> =
            kept.iter().copied().filter(|addr| can_reach(local, *addr)).collect();
        self.contact(&kept);
    }

    /// Looks up the names that are due, and contacts what was found.
    pub(crate) fn look_up(&mut self) {
        let engine = self.engine.engine();
        let met = Met::new(engine);
        let found = self.seeds.poll(|addr| met.at(addr), || is_alone(engine));
        if let Some(found) = found {
            self.driver_stats.seeds_out_of_reach += found.out_of_reach;
            #[cfg(feature = "tracing")]
            trace::looked_up(self.my_name(), found.addresses.len(), found.out_of_reach);
            self.contact(&found.addresses);
        }
    }
}
