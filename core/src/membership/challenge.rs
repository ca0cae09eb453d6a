//! Asking senders that have not proven themselves to say it again, bound to this node's life.

use alloc::collections::VecDeque;

use crate::base::{Arrival, Destination, Life};
use crate::out::{Out, To};
use crate::packet::Header;
use crate::picture::Picture;
use crate::wire::{Frame, challenge_len};

/// The expected number of receivers that challenge an unproven multicast sender: one that they do
/// not know, and one that they know, which may be heard for long.
const ANSWERS_TO_STRANGER: usize = 3;
const ANSWERS_TO_PEER: usize = 16;

/// Challenges are at most one in this many of all datagrams.
const CHALLENGE_SHARE: u32 = 4;

/// For how many seconds after the last challenge the challenged lives are remembered.
const SECONDS_KEPT: u64 = 20;

/// How many challenged lives are remembered.
const MOST_LIVES: usize = 256;

/// The challenges that this node has sent.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Challenges {
    /// The lives that were challenged last.
    lives: VecDeque<Life>,
    /// The second of the last challenge, and the number of challenges in it.
    second: u64,
    count: u32,
}

impl Challenges {
    /// Asks an unproven sender to say its packet again, bound to this life; never with more bytes
    /// than it has sent, and no more often than the limit allows. Only a few receivers of a
    /// multicast challenge its sender, chosen at random.
    ///
    /// `len` is the length of the sender's datagram, and `header` starts one of this node.
    pub(crate) fn challenge(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        header: impl Fn(u64) -> Header,
        sender: &Header,
        arrival: Arrival,
        len: usize,
    ) {
        let Header { sender, packet, .. } = *sender;
        let (Arrival::Unicast(source) | Arrival::Multicast(source)) = arrival;
        if let Arrival::Multicast(_) = arrival {
            let hearers = picture.ring.len() + 1;
            let known = picture.find_life(sender).is_some();
            let answers = if known { ANSWERS_TO_PEER } else { ANSWERS_TO_STRANGER };
            if out.random_below(hearers) >= answers {
                return;
            }
        }
        // By the time that the challenge goes out, the packet number may have grown by one for each
        // intent that waits.
        let waiting = out.outbox.len() as u64;
        if len < challenge_len(&header(out.packet + 1 + waiting), packet) {
            out.stats.challenges_withheld += 1;
            return;
        }
        if !self.is_allowed(picture, out) {
            return;
        }
        if self.lives.len() >= MOST_LIVES {
            self.lives.pop_front();
        }
        self.lives.push_back(sender);
        let to = To { at: Destination::Unicast(source), bound: Some(sender), node: None };
        out.say_frame(to, Frame::Challenge { packet });
    }

    /// Whether the limit allows another challenge, which is then counted.
    pub(crate) fn is_allowed(&mut self, picture: &Picture, out: &mut Out) -> bool {
        let second = picture.now.as_millis() / 1000;
        if self.second != second {
            (self.second, self.count) = (second, 0);
        }
        // What strangers provoke must not fill the queue of what peers are to get.
        let share = picture.config.send_rate.datagrams / CHALLENGE_SHARE;
        if self.count >= picture.config.limits.challenges_per_second.min(share) {
            out.stats.challenges_withheld += 1;
            return false;
        }
        self.count += 1;
        out.stats.challenges_sent += 1;
        true
    }

    /// Whether this node has challenged a life, and so is its first contact. It is asked once.
    pub(crate) fn is_answer(&mut self, life: Life) -> bool {
        let first = self.lives.iter().position(|&challenged| challenged == life);
        first.is_some_and(|at| self.lives.remove(at).is_some())
    }

    /// Forgets the challenged lives once none has been challenged for a while: they have answered
    /// by then, or never will.
    pub(crate) fn rest(&mut self, picture: &Picture) {
        let since = picture.now.as_millis() / 1000 - self.second;
        if since > SECONDS_KEPT && !self.lives.is_empty() {
            self.lives = VecDeque::new();
        }
    }
}
