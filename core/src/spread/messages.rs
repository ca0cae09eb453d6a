//! Application messages: numbered by their origin, delivered once.

use alloc::collections::BTreeMap;

use crate::node::{Epoch, Life, NodeId};
use crate::seal::{Freshness, Window};

#[derive(Debug)]
struct Origin {
    epoch: Epoch,
    window: Window,
    touched: u64,
}

/// What has been sent and delivered.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    sequence: u64,
    touches: u64,
    origins: BTreeMap<NodeId, Origin>,
}

impl Messages {
    /// The number of this node's next message.
    pub(crate) fn number(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Begins to count anew in a new life.
    pub(crate) fn renew(&mut self) {
        self.sequence = 0;
    }

    /// Whether a message has not been delivered yet, as far as is remembered: the last 64 numbers
    /// of each origin's present life.
    pub(crate) fn is_new(&self, origin: Life, sequence: u64) -> bool {
        match self.origins.get(&origin.id) {
            Some(known) if known.epoch == origin.epoch => {
                known.window.check(sequence) == Freshness::Fresh
            }
            Some(known) => known.epoch < origin.epoch,
            None => true,
        }
    }

    /// Remembers that a message has been delivered; of too many origins the stalest is forgotten.
    pub(crate) fn delivered(&mut self, origin: Life, sequence: u64, limit: u32) {
        self.touches += 1;
        let fresh = || Origin { epoch: origin.epoch, window: Window::default(), touched: 0 };
        let known = self.origins.entry(origin.id).or_insert_with(fresh);
        if known.epoch < origin.epoch {
            *known = fresh();
        }
        known.window.mark(sequence);
        known.touched = self.touches;
        if self.origins.len() > limit as usize {
            let stalest = self.origins.iter().min_by_key(|(_, origin)| origin.touched);
            if let Some((&stalest, _)) = stalest {
                self.origins.remove(&stalest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::SocketAddr;

    fn life(port: u16, epoch: u64) -> Life {
        let id = NodeId::from(SocketAddr::from(([10, 0, 0, 1], port)));
        Life { id, epoch: Epoch(epoch) }
    }

    #[test]
    fn once_each_and_none_of_an_earlier_life() {
        let mut messages = Messages::default();
        assert!(messages.is_new(life(1, 5), 1));
        messages.delivered(life(1, 5), 1, 10);
        assert!(!messages.is_new(life(1, 5), 1));
        assert!(messages.is_new(life(1, 5), 2));
        assert!(!messages.is_new(life(1, 4), 9));
        assert!(messages.is_new(life(1, 6), 1));
    }

    #[test]
    fn the_stalest_origin_is_forgotten() {
        let mut messages = Messages::default();
        for port in 0..3 {
            messages.delivered(life(port, 1), 1, 2);
        }
        assert!(messages.is_new(life(0, 1), 1));
        assert!(!messages.is_new(life(2, 1), 1));
    }
}
