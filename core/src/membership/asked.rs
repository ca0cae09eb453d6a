//! Senders that are asked something at an address that nobody has proven yet: how they are named, and
//! whether they can be reached where they say. Each life is asked ever more rarely.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::base::{Address, Destination, Instant, Life, backoff};
use crate::claims::Locator;
use crate::picture::Picture;

/// The most lives that are remembered. If more are asked at a time, the first one may be asked sooner
/// than it should; all of them share the limit of challenges.
const MOST_LIVES: usize = 256;

/// The most doublings of the wait before a life is asked again: up to a minute.
const MOST_DOUBLINGS: u32 = 9;

/// The most packets to strangers that are remembered.
const MOST_GREETED: usize = 128;

/// The most addresses at which this node is seen that are told to the embedder.
const MOST_SEEN: usize = 8;

/// A life that was asked.
#[derive(Clone, Debug, Hash)]
struct Asked {
    life: Life,
    times: u32,
    next: Instant,
    /// What it has said of its name and addresses, and the last ping that went to one of these.
    said: Option<Locator>,
    ping: Option<(u64, Address)>,
}

/// The lives that were asked, and what others have said of this node's own address.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Asking {
    lives: VecDeque<Asked>,
    /// The last unbound packets of this node to nobody it knows, with where they went unless that was to
    /// everybody.
    greeted: VecDeque<(u64, Option<Address>)>,
    /// The addresses, none of them its own, at which others have seen this node.
    seen: Vec<Address>,
}

impl Asking {
    /// Whether a life may be asked now; returns how often it was asked before.
    pub(crate) fn may_ask(&mut self, picture: &Picture, life: Life) -> Option<u32> {
        let (now, first) = (picture.now, picture.timing.first_contact);
        if let Some(asked) = self.lives.iter_mut().find(|asked| asked.life == life) {
            if asked.next > now {
                return None;
            }
            let times = asked.times;
            asked.times = times.saturating_add(1);
            asked.next = now + backoff::after(first, asked.times, MOST_DOUBLINGS);
            return Some(times);
        }
        if self.lives.len() >= MOST_LIVES {
            self.lives.pop_front();
        }
        self.lives.push_back(Asked { life, times: 0, next: now + first, said: None, ping: None });
        Some(0)
    }

    /// A life that has just been asked has said how it is named and reached.
    pub(crate) fn note(&mut self, life: Life, said: &Locator) {
        if let Some(asked) = self.lives.iter_mut().find(|asked| asked.life == life) {
            asked.said = Some(said.clone());
        }
    }

    /// What a life that was asked has said of its name and addresses.
    pub(crate) fn said(&self, life: Life) -> Option<Locator> {
        self.lives.iter().find(|asked| asked.life == life)?.said.clone()
    }

    /// An unbound packet of this number has gone to nobody that this node knows.
    pub(crate) fn greeted(&mut self, packet: u64, at: Destination) {
        let at = match at {
            Destination::Unicast(at) => Some(at.into()),
            Destination::Multicast => None,
        };
        if self.greeted.len() >= MOST_GREETED {
            self.greeted.pop_front();
        }
        self.greeted.push_back((packet, at));
    }

    /// Whether this node has lately sent the packet of a number to a stranger at an address.
    pub(crate) fn has_greeted(&self, packet: u64, at: SocketAddr) -> bool {
        let at = Address::from(at);
        let mut greeted = self.greeted.iter();
        greeted.any(|&(sent, to)| sent == packet && to.is_none_or(|to| to == at))
    }

    /// A ping of this number has gone to a sender that is not known, at an address.
    pub(crate) fn pinged(&mut self, life: Life, packet: u64, at: SocketAddr) {
        if let Some(asked) = self.lives.iter_mut().find(|asked| asked.life == life) {
            asked.ping = Some((packet, at.into()));
        }
    }

    /// The address at which a sender has got the ping of a number.
    pub(crate) fn pinged_at(&self, life: Life, packet: u64) -> Option<Address> {
        let asked = self.lives.iter().find(|asked| asked.life == life)?;
        asked.ping.filter(|&(last, _)| last == packet).map(|(_, at)| at)
    }

    /// Forgets those that have not been asked for a while.
    pub(crate) fn rest(&mut self, picture: &Picture) {
        let longest = backoff::after(picture.timing.first_contact, MOST_DOUBLINGS, MOST_DOUBLINGS);
        self.lives.retain(|asked| picture.now.since(asked.next) <= longest);
        if self.lives.is_empty() {
            (self.lives, self.greeted) = (VecDeque::new(), VecDeque::new());
        }
    }

    /// Another node sees this one at an address that is none of its own. Returns whether that is news.
    pub(crate) fn is_seen(&mut self, at: SocketAddr) -> bool {
        let at = Address::from(at);
        let new = self.seen.len() < MOST_SEEN && !self.seen.contains(&at);
        if new {
            self.seen.push(at);
        }
        new
    }

    /// This node has other addresses now.
    pub(crate) fn moved(&mut self) {
        self.seen = Vec::new();
    }
}
