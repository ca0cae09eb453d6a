//! What the engine puts out: datagrams to be, events, deadlines, counters.

mod event;
mod events;
mod message;
pub(crate) mod outbox;
mod pace;
mod stats;
mod suppressor;
mod timers;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::time::Duration;

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest as _, Sha256};

use crate::base::{Epoch, GroupName, Instant, Life, NodeId};
use crate::claims::{AttributeKind, DrainStamp, Traits};
use crate::config::Config;
use crate::topology::{Change, Changes};
use crate::wire::Frame;

pub use event::{Cause, Event, Footing, KeyCause, KeyChange, MulticastState};
pub(crate) use events::Events;
pub use message::{BroadcastError, BroadcastId, Recipients, Tag};
pub(crate) use outbox::{Intent, Outbox, Say, To};
pub(crate) use pace::Pace;
pub use stats::Stats;
pub(crate) use suppressor::Suppressor;
pub(crate) use timers::{Timers, Why};

/// What the engine puts out. All parts write it.
#[derive(Clone)]
pub(crate) struct Out {
    /// The time, for what is queued now.
    pub(crate) now: Instant,
    pub(crate) outbox: Outbox,
    pub(crate) events: Events,
    pub(crate) timers: Timers,
    pub(crate) stats: Stats,
    pub(crate) rng: ChaCha8Rng,
    /// The number of the last packet sent.
    pub(crate) packet: u64,
    /// Set once the node has left.
    pub(crate) silent: bool,
    /// Claims that wait to be broadcast, one for each node.
    pub(crate) claims: BTreeMap<NodeId, Frame>,
    /// What else waits to be broadcast, in order.
    pub(crate) news: Vec<Frame>,
    /// Groups in which this node has written, and the clock before that.
    pub(crate) written: BTreeMap<GroupName, u64>,
    /// Which attributes of this node have changed.
    pub(crate) described: BTreeSet<AttributeKind>,
    pub(crate) pace: Pace,
}

impl Hash for Out {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            now,
            outbox,
            events,
            timers,
            stats,
            rng,
            packet,
            silent,
            claims,
            news,
            written,
            described,
            pace,
        } = self;
        (now, outbox, events, timers, stats, packet, silent).hash(state);
        (claims, news, written, described, pace).hash(state);
        (rng.get_seed(), rng.get_word_pos()).hash(state);
    }
}

impl Out {
    /// Nothing waits to go out.
    pub(crate) fn new(config: &Config, id: NodeId, epoch: Epoch, now: Instant) -> Self {
        let limits = &config.limits;
        let outbox = Outbox::new(limits.outbox, config.send_rate, now);
        #[cfg(feature = "mutants")]
        let outbox = outbox.with_mutant(config.mutant);
        Self {
            now,
            outbox,
            events: Events::new(limits.events, limits.event_bytes),
            timers: Timers::default(),
            stats: Stats::default(),
            rng: seeded(&config.seed, id, epoch),
            packet: 0,
            silent: false,
            claims: BTreeMap::new(),
            news: Vec::new(),
            written: BTreeMap::new(),
            described: BTreeSet::new(),
            pace: Pace::default(),
        }
    }

    /// In a new life of this node it makes other random choices, and nothing waits to be sent.
    pub(crate) fn begin_life(&mut self, seed: &[u8; 32], life: Life) {
        self.rng = seeded(seed, life.id, life.epoch);
        self.outbox.clear();
        self.claims.clear();
        self.news.clear();
        self.written.clear();
        self.silent = false;
    }

    /// Takes over the limits of another configuration.
    pub(crate) fn set_config(&mut self, config: &Config) {
        self.outbox.set_limits(config.limits.outbox, config.send_rate);
        self.events.set_limits(config.limits.events, config.limits.event_bytes);
    }

    /// Queues something to send. What does not fit is counted; the node that needs it asks again. A
    /// silent node sends nothing.
    pub(crate) fn say(&mut self, to: To, say: Say) {
        if !self.silent && !self.outbox.push(self.now, to, say) {
            self.stats.outbox_full += 1;
        }
    }

    pub(crate) fn say_frame(&mut self, to: To, frame: Frame) {
        self.say(to, Say::Frame(frame));
    }

    /// A random number below `bound`; 0 for a bound of 0.
    pub(crate) fn random_below(&mut self, bound: usize) -> usize {
        ((u128::from(self.rng.next_u64()) * bound as u128) >> 64) as usize
    }

    /// A random number.
    pub(crate) fn random(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// A random span between a half and three halves of `mean`.
    pub(crate) fn around(&mut self, mean: Duration) -> Duration {
        let nanos = u64::try_from(mean.as_nanos()).unwrap_or(u64::MAX / 2);
        let more = (u128::from(self.rng.next_u64()) * u128::from(nanos)) >> 64;
        Duration::from_nanos(nanos / 2 + more as u64)
    }

    /// A random duration with this mean and without memory, so that many nodes that begin to wait
    /// at once act at an even rate from the beginning (exponential, to within a quarter).
    pub(crate) fn memoryless(&mut self, mean: Duration) -> Duration {
        let random = u128::from(self.rng.next_u64() | 1);
        let zeros = random.leading_zeros() - u64::BITS;
        // The binary logarithm of its inverse, in 2^32nds, taken as straight between powers of two.
        let fraction = (1 << 32) - ((random << zeros) >> 31 & ((1 << 32) - 1));
        let halvings = (u128::from(zeros) << 32) + fraction;
        let nanos = mean.as_nanos().min(u128::from(u64::MAX)) * halvings / 3 * 2;
        // A deadline lies ahead.
        let least = u64::from(!mean.is_zero());
        Duration::from_nanos(u64::try_from(nanos >> 32).unwrap_or(u64::MAX).max(least))
    }

    /// Queues the events of a change of the topology.
    pub(crate) fn publish(&mut self, mut changes: Changes) {
        for change in changes.drain() {
            self.event(match change {
                Change::Set { group, item } => Event::ItemSet { group, item },
                Change::Cleared { group, member, range } => {
                    Event::ItemCleared { group, member, range }
                }
                Change::Owner { group, member, range, change } => {
                    Event::OwnersChanged { group, range, member, change }
                }
            });
        }
    }

    pub(crate) fn event(&mut self, event: Event) {
        let counter = match event {
            Event::Conflict { .. } => Some(&mut self.stats.conflicts),
            Event::Isolated => Some(&mut self.stats.isolations),
            Event::HeldOff { .. } => Some(&mut self.stats.holds),
            _ => None,
        };
        if let Some(counter) = counter {
            *counter += 1;
        }
        if self.events.push(event) {
            self.stats.events_folded += 1;
        }
    }

    /// A node has said something about itself.
    pub(crate) fn tell_of_attribute(&mut self, node: NodeId, kind: AttributeKind, bytes: &Bytes) {
        match kind {
            AttributeKind::METADATA => {
                self.event(Event::Metadata { node, metadata: bytes.clone() });
            }
            AttributeKind::TRAITS => {
                let traits = Traits::from_bytes(bytes.clone());
                self.event(Event::Traits { node, traits });
            }
            AttributeKind::DRAINING => {
                let stamp = DrainStamp::from_bytes(bytes);
                self.event(Event::Draining { node, stamp });
            }
            _ => {}
        }
    }

    pub(crate) fn event_of_new_life(&mut self, event: Event) {
        if self.events.push_new_life(event) {
            self.stats.events_folded += 1;
        }
    }

    /// How many changes wait to be broadcast: claims, news, records and attributes.
    pub(crate) fn changes_waiting(&self) -> usize {
        self.claims.len() + self.news.len() + self.written.len() + self.described.len()
    }

    /// Whether nothing waits to be broadcast but what this node has written.
    pub(crate) fn has_only_own_news(&self) -> bool {
        self.claims.is_empty() && self.news.is_empty()
    }
}

fn seeded(seed: &[u8; 32], id: NodeId, epoch: Epoch) -> ChaCha8Rng {
    let mixed = Sha256::new()
        .chain_update(seed)
        .chain_update(id.to_bits().to_be_bytes())
        .chain_update(epoch.0.to_be_bytes())
        .finalize();
    ChaCha8Rng::from_seed(mixed.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memoryless_spans_have_their_mean_from_the_first_moment_on() {
        let (_, mut out) = crate::picture::of_one();
        let spans: Vec<u128> =
            (0..10_000).map(|_| out.memoryless(Duration::from_secs(1)).as_millis()).collect();
        let share = |until| spans.iter().filter(|&&span| span < until).count();
        let mean = spans.iter().sum::<u128>() / 10_000;
        assert!((970..1_030).contains(&mean), "mean {mean} ms");
        assert!((700..1_100).contains(&share(100)), "{} of 10,000 in the first tenth", share(100));
        assert!((6_100..6_500).contains(&share(1_000)), "{} before the mean", share(1_000));
        assert_eq!(out.memoryless(Duration::ZERO), Duration::ZERO);
    }
}
