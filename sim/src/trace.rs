//! What happened: a rolling hash of everything, and the last records for a person to read.

use core::fmt::{self, Write};
use std::collections::VecDeque;

use scalesmall_core::{Instant, Status};

use crate::random::mix;

/// One thing that happened, as it is printed after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, in nanoseconds of the simulation.
    pub at: u64,
    /// To which node.
    pub node: usize,
    /// What.
    pub what: What,
}

/// What happened to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It handled a datagram.
    Delivered {
        /// From which node.
        from: usize,
        /// Of how many bytes.
        len: usize,
        /// Whether by multicast.
        multicast: bool,
    },
    /// Its deadline passed.
    Timeout,
    /// It sent a datagram.
    Sent {
        /// To which node; `None` for multicast.
        to: Option<usize>,
        /// Of how many bytes.
        len: usize,
    },
    /// It changed its mind about a peer.
    Believes {
        /// Which node that is; `None` if there is no such node.
        about: Option<usize>,
        /// What it is.
        status: Option<Status>,
        /// Whether that is said of a life that is over, of a node that began another one.
        former: bool,
    },
    /// It reported something else.
    Event,
    /// The simulation did something to it.
    Verb(&'static str),
}

impl Entry {
    /// Whether the same happened to the same node as in another entry.
    pub(crate) fn repeats(&self, other: &Self) -> bool {
        (self.node, self.what) == (other.node, other.what)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>14} node {:<5} ", Instant::from_nanos(self.at).to_string(), self.node)?;
        match self.what {
            What::Delivered { from, len, multicast } => {
                let how = if multicast { "by multicast " } else { "" };
                write!(f, "hears {len} bytes {how}from node {from}")
            }
            What::Timeout => f.write_str("has a deadline"),
            What::Sent { to: Some(to), len } => write!(f, "sends {len} bytes to node {to}"),
            What::Sent { to: None, len } => write!(f, "sends {len} bytes by multicast"),
            What::Believes { about, status, former } => {
                f.write_str(if status.is_some() { "believes " } else { "forgets " })?;
                match about {
                    Some(about) => write!(f, "node {about}")?,
                    None => f.write_str("a node that does not exist")?,
                }
                status.map_or(Ok(()), |status| write!(f, " {status:?}"))?;
                f.write_str(if former { ", of its former life" } else { "" })
            }
            What::Event => f.write_str("reports an event"),
            What::Verb(verb) => write!(f, "is {verb}"),
        }
    }
}

/// The rolling hash and the ring of the last entries.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    hash: u64,
    ring: VecDeque<Entry>,
}

impl Trace {
    pub(crate) fn new(seed: u64) -> Self {
        Self { hash: mix(seed), ring: VecDeque::with_capacity(KEPT) }
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    /// Remembers an entry, without hashing it.
    pub(crate) fn note(&mut self, at: u64, node: usize, what: What) {
        if self.ring.len() == KEPT {
            self.ring.pop_front();
        }
        self.ring.push_back(Entry { at, node, what });
    }

    pub(crate) fn fold(&mut self, at: u64, node: usize, content: u64) {
        self.hash = mix(self.hash.rotate_left(5) ^ at) ^ mix(content ^ (node as u64) << 40);
    }

    /// The last entries that concern one of `nodes`, oldest first; of all nodes if there are none. What
    /// repeats the entry before it does not count: all of it is returned.
    pub(crate) fn last(&self, nodes: &[usize], count: usize) -> Vec<Entry> {
        let concerned = |entry: &&Entry| {
            let other = match entry.what {
                What::Delivered { from, .. } => Some(from),
                What::Sent { to, .. } => to,
                What::Timeout | What::Believes { .. } | What::Event | What::Verb(_) => None,
            };
            nodes.is_empty()
                || nodes.contains(&entry.node)
                    && other.is_none_or(|other| nodes.len() < 2 || nodes.contains(&other))
        };
        let mut last: Vec<Entry> = Vec::new();
        let mut lines = 0;
        for entry in self.ring.iter().rev().filter(concerned) {
            lines += usize::from(!last.last().is_some_and(|later| later.repeats(entry)));
            if lines > count {
                break;
            }
            last.push(*entry);
        }
        last.reverse();
        last
    }
}

/// How many entries are kept.
pub(crate) const KEPT: usize = 8_192;

/// Hashes bytes, eight at a time.
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = bytes.len() as u64;
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
        hash = (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    let mut tail = [0; 8];
    tail[..words.remainder().len()].copy_from_slice(words.remainder());
    mix(hash.rotate_left(23) ^ u64::from_le_bytes(tail))
}

/// Hashes what a value prints for debugging, without making a string of it.
pub(crate) fn hash_debug(value: &impl fmt::Debug) -> u64 {
    let mut sink = HashSink(0x5ca1_e5a1);
    // The sink never fails, and a `Debug` that does is hashed as far as it went.
    let _ = write!(sink, "{value:?}");
    mix(sink.0)
}

struct HashSink(u64);

impl Write for HashSink {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_counts_as_one_of_the_last_entries() {
        let mut trace = Trace::new(1);
        trace.note(0, 1, What::Verb("started"));
        trace.note(1, 1, What::Timeout);
        (2..100).for_each(|at| trace.note(at, 1, What::Event));
        trace.note(100, 2, What::Event);
        trace.note(101, 1, What::Event);
        assert_eq!(trace.last(&[1], 1).len(), 99, "of node 1 nothing lies between");
        let last = trace.last(&[], 4);
        assert_eq!((last[0].what, last.len()), (What::Timeout, 101));
    }
}
