//! One copy of a batch: its receiver, what the receiver becomes responsible for, and how long and
//! how often it is tried.

use alloc::vec::Vec;
use core::time::Duration;

use crate::base::{Instant, Ix, backoff};
use crate::out::{Out, Say};
use crate::picture::Picture;
use crate::wire::Route;

/// How often a copy is repeated before its part is given to another peer.
pub(super) const TRIES_PER_PEER: u8 = 4;

/// The same if no other peer is left. At 10 % loss all seven datagrams are lost once in ten million
/// copies, and what is given up waits for a repair, seconds later.
pub(super) const TRIES_OF_LAST_PEER: u8 = 6;

/// The same for a message, which no repair would bring.
pub(super) const LASTING_TRIES: u8 = 12;

/// How often a message is repeated to a peer that may be an invention, once many datagrams to such
/// peers have gone unanswered. Nothing else is repeated then.
pub(super) const DUBIOUS_TRIES: u8 = 2;

/// The repetitions at even intervals, before the intervals double: after these, a slow or dead peer
/// is more likely than the loss of all of them.
const EVEN_TRIES: u8 = 3;

/// A batch on its way to one peer, with the part that the peer is to pass it on to.
#[derive(Clone, Debug, Hash)]
pub(super) struct Copy {
    pub(super) batch: u64,
    pub(super) to: Ix,
    /// The part less the peer itself, if it is the first of it; all of the part for an heir.
    pub(super) route: Route,
    /// The part, with the peer.
    pub(super) part: Route,
    pub(super) hops: u8,
    /// Carries claims.
    pub(super) urgent: bool,
    /// The receiver is a speaker, and nodes that it covered when the copy was begun were left out
    /// of this broadcast.
    pub(super) covering: bool,
    /// Has not been sent yet, as the peer has much to acknowledge already.
    pub(super) held: bool,
    pub(super) tries: u8,
    /// The first packet that carried it, and how many copies came before it there.
    pub(super) first: Option<(u64, u32)>,
    pub(super) due: Instant,
    /// The packets that have carried it.
    pub(super) packets: Vec<u64>,
    /// Whether the last of them was too large for a narrow path.
    pub(super) large: bool,
    pub(super) tried: Vec<Ix>,
}

impl Copy {
    pub(super) fn say(&self, id: u64) -> Say {
        Say::Relay { copy: id, urgent: self.urgent }
    }

    /// Sends it, for the first time if it was held back.
    pub(super) fn try_again(&mut self, picture: &Picture, out: &mut Out, id: u64) {
        if core::mem::take(&mut self.held) {
            self.begin(picture, out, id);
            return;
        }
        self.tries += 1;
        let pause = match self.tries.checked_sub(EVEN_TRIES) {
            None | Some(0) => wait(picture, self.to),
            Some(over) => {
                let late = picture.peers.late(self.to).unwrap_or_default();
                let first = (wait(picture, self.to) * 2).max(late + late / 4);
                backoff::after(first, over - 1, LASTING_TRIES.into())
            }
        };
        self.due = picture.now + pause.min(picture.config.max_timeout);
        out.stats.relay_retries += 1;
        out.say(picture.bound_in_turn(self.to, self.tries), self.say(id));
    }

    /// Sends it to another peer of its part, which becomes responsible for all of the part.
    pub(super) fn hand_over(&mut self, picture: &Picture, out: &mut Out, id: u64, heir: Ix) {
        self.to = heir;
        self.route = self.part.clone();
        self.covering = false;
        self.large = false;
        self.tries = 0;
        self.first = None;
        self.begin(picture, out, id);
    }

    fn begin(&mut self, picture: &Picture, out: &mut Out, id: u64) {
        self.due = picture.now + wait(picture, self.to);
        out.say(picture.bound(self.to), self.say(id));
    }
}

/// How long to wait for the acknowledgement of a peer at first.
pub(super) fn wait(picture: &Picture, ix: Ix) -> Duration {
    picture
        .peers
        .late_at_first(ix)
        .unwrap_or(picture.timing.copy_wait_unknown)
        .min(picture.config.max_timeout)
        .max(picture.timing.copy_wait)
}
