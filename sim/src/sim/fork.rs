//! Two futures from one moment.

use std::cell::RefCell;
use std::rc::Rc;

use super::Sim;
use super::protocol::Protocol;
use crate::view_changes::AllSights;

impl<P: Protocol + Clone> Sim<P> {
    /// A second simulation that stands where this one does: the same calls lead both to the same
    /// [trace hash](Sim::trace_hash), and other calls show what else would have come of this moment.
    ///
    /// Nodes, datagrams under way, time, cuts, rules, samples and what they have kept are copied, what
    /// closures hold among them. What closures share, such as an `Rc`, they go on sharing, and so do
    /// those that make nodes. A [`Tap`](crate::Tap) and a [`Film`](crate::Film) stay with this one.
    ///
    /// ```
    /// use core::time::Duration;
    /// use scalesmall_sim::{Sim, lan};
    ///
    /// let mut sim = Sim::new(7).nodes(5, lan()).build();
    /// sim.run_for(Duration::from_secs(3))?;
    /// let mut other = sim.fork();
    /// other.crash(2);
    /// sim.run_for(Duration::from_secs(10))?;
    /// other.run_for(Duration::from_secs(10))?;
    /// assert_eq!((sim.views().seen_by(2), other.views().seen_by(2)), (4, 0));
    /// # Ok::<(), Box<scalesmall_sim::Failure>>(())
    /// ```
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            seed: self.seed,
            random: self.random,
            now: self.now,
            queue: self.queue.clone(),
            nodes: self.nodes.clone(),
            network: self.network.copied(),
            views: self.views.clone(),
            trace: self.trace.clone(),
            make: Rc::clone(&self.make),
            born: self.born.clone(),
            seeds: self.seeds.clone(),
            lives: self.lives.clone(),
            application: None,
            names: self.names.clone(),
            unborn: self.unborn,
            calm: self.calm,
            apart: self.apart,
            passed: self.passed.clone(),
            forbidden: self.forbidden,
            reports: self.reports.clone(),
            watches: self.watches.clone(),
            rules: self.rules.copied(),
            laws: self.laws.as_ref().map(|laws| laws.copied()),
            series: Rc::new(RefCell::new(self.series.borrow().clone())),
            parameters: self.parameters.clone(),
            rerun: self.rerun.clone(),
            tap: None,
            traced: false,
            sights: AllSights::default(),
            written: self.written.clone(),
            datagrams: self.datagrams.clone(),
            faults: self.faults,
            pictures: self.pictures.clone(),
            pictures_agreed_at: self.pictures_agreed_at,
            lied: self.lied,
            failure: self.failure.clone(),
            buffer: self.buffer.clone(),
            steps: self.steps,
            next_replay: self.next_replay,
            snapshots: self.snapshots.clone(),
            twins: self.twins.clone(),
            conflict_at: self.conflict_at,
        }
    }
}
