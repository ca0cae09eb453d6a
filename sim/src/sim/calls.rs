//! Calls of engines, noted for the rules that look for what nodes were told to say.

use bytes::Bytes;
use scalesmall_core::{
    BroadcastError, Engine, Event, GroupError, GroupName, Instant, KeyRange, NodeId, Op,
    Recipients, Tag, TimedItem,
};

use super::{Sim, Watch};
use crate::written::{Meant, TOLD, Told, own_items};

impl Sim<Engine> {
    /// Lets a node join a group.
    ///
    /// # Errors
    ///
    /// As the engine's call.
    pub fn join(&mut self, node: usize, group: &GroupName) -> Result<(), GroupError> {
        self.tell(node, |engine, now| engine.join(now, group))?;
        self.told(node).join(group);
        Ok(())
    }

    /// Lets a node leave a group.
    ///
    /// # Errors
    ///
    /// As the engine's call.
    pub fn leave(&mut self, node: usize, group: &GroupName) -> Result<(), GroupError> {
        self.tell(node, |engine, now| engine.leave(now, group))?;
        let at = self.written_by(node);
        self.told(node).leave(group, at);
        Ok(())
    }

    /// Lets a node serve a range.
    ///
    /// # Errors
    ///
    /// As the engine's call.
    pub fn add_item(
        &mut self,
        node: usize,
        group: &GroupName,
        range: KeyRange,
        port: u16,
    ) -> Result<TimedItem, GroupError> {
        self.written.add(node, group, range, port);
        let item = self.tell(node, |engine, now| engine.add_item(now, group, range, port))?;
        self.told(node).add(group, range, port);
        Ok(item)
    }

    /// Lets a node serve a range no longer.
    ///
    /// # Errors
    ///
    /// As the engine's call.
    pub fn remove_item(
        &mut self,
        node: usize,
        group: &GroupName,
        range: KeyRange,
        port: u16,
    ) -> Result<TimedItem, GroupError> {
        let item = self.tell(node, |engine, now| engine.remove_item(now, group, range, port))?;
        let at = self.written_by(node);
        self.told(node).remove(group, range, at);
        Ok(item)
    }

    /// Lets a node send a message to all, with a number of its own, which is answered.
    ///
    /// # Errors
    ///
    /// As the engine's call.
    pub fn tell_all(&mut self, node: usize) -> Result<u64, BroadcastError> {
        self.tell_those(node, &Meant::All)
    }

    /// Lets a node send a message to those that it is meant for, as [`Sim::tell_all`] does.
    pub(crate) fn tell_those(&mut self, node: usize, to: &Meant) -> Result<u64, BroadcastError> {
        let number = self.written.send(node, to.clone());
        let payload = Bytes::copy_from_slice(&number.to_le_bytes());
        let listed: Vec<NodeId> = match to {
            Meant::All | Meant::Group(_) => Vec::new(),
            Meant::Listed(nodes) => nodes.iter().map(|node| self.id(*node)).collect(),
        };
        let recipients = match to {
            Meant::All => Recipients::All,
            Meant::Group(group) => Recipients::Group(group),
            Meant::Listed(_) => Recipients::Nodes(&listed),
        };
        self.tell(node, |engine, now| {
            engine.broadcast(now, recipients, Tag(TOLD), payload).map(|_| number)
        })
    }

    /// Waits, at each node, for a message that [`Sim::tell_all`] has numbered.
    pub fn watch_for(&mut self, number: u64) -> Watch {
        self.watch_events(move |_, event| match event {
            Event::Message { tag, payload, .. } => {
                tag.0 == TOLD && payload.as_ref() == number.to_le_bytes()
            }
            _ => false,
        })
    }

    /// What the present process of a node was told.
    pub(crate) fn told(&mut self, node: usize) -> &mut Told {
        self.written.told_mut(node, self.lives[node])
    }

    /// By when, by a node's own clock, it has written what it was just told to. It may count time
    /// ahead of a clock that was set back, but its next deadline lies beyond that.
    pub(super) fn written_by(&self, node: usize) -> Instant {
        let deadline = self.node(node).and_then(Engine::poll_timeout);
        deadline.unwrap_or_default().max(self.local(node))
    }

    /// Takes what a node says of itself for what it was told: it was called without the simulation
    /// seeing what for.
    pub(crate) fn take_its_word(&mut self, node: usize) {
        let Some(engine) = self.node(node) else { return };
        let own: Vec<_> = own_items(engine).filter(|(_, (op, _))| *op != Op::Remove).collect();
        for ((group, range), (op, port)) in &own {
            if *op == Op::Add {
                self.written.add(node, group, *range, *port);
            }
        }
        let told = self.told(node);
        told.items = own.into_iter().collect();
        told.removed.clear();
    }
}
