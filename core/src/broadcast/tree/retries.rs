//! Copies that were not acknowledged in time: they are sent again, and then their parts are handed over.

use alloc::vec::Vec;

use super::{Closed, Relays, leave};
use crate::base::Instant;
use crate::base::growth::KEPT;
use crate::broadcast::copy::{DUBIOUS_TRIES, LASTING_TRIES, TRIES_OF_LAST_PEER, TRIES_PER_PEER};
use crate::broadcast::parts::{Audience, heir};
use crate::mutants::mutated;
use crate::out::Out;
use crate::picture::Picture;
use crate::wire::{Frame, Route, is_message};

/// The most peers to which a part is handed in turn, and the most for a part with a message, which
/// nothing else would bring: in a cluster half of which is dead, sixteen dead peers in a row happen
/// once in 65,536 times.
const HANDOVERS: usize = 3;
const LASTING_HANDOVERS: usize = 16;

impl Relays {
    /// Sends again what was not acknowledged in time, and hands over the parts of silent peers.
    /// Returns the copies that were given up, and the frames that some node may have missed.
    pub(crate) fn on_timer(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
    ) -> (Vec<Closed>, Vec<Frame>) {
        let due = self.take_due(picture.now);
        let (mut closed, mut missed, mut rescues) = (Vec::new(), Vec::new(), Vec::new());
        let held_up = [false, true]
            .map(|urgent| out.outbox.is_held(picture.now, picture.config.max_datagram, urgent));
        // All at once, or a deadline would come for each.
        let held = picture.timing.copy_held.as_millis() as u64;
        let held_until = Instant::from_millis((picture.now.as_millis() / held + 2) * held);
        for &id in &due {
            let Some(copy) = self.copies.get_mut(&id) else {
                continue;
            };
            if held_up[usize::from(copy.urgent)] {
                // It may not have gone out yet, and another one would only add to what waits.
                copy.due = held_until;
                continue;
            }
            if let Some(&packet) = copy.packets.last().filter(|_| copy.large) {
                picture.datagram_lost(out, copy.to, packet);
            }
            if mutated!(picture.config, RelayOnce) && !copy.held {
                closed.extend(self.close(id, false));
                continue;
            }
            picture.peers.note_unanswered(copy.to);
            let batch = self.batches.get(&copy.batch);
            let lasting = batch.is_some_and(|batch| batch.frames.iter().any(is_message));
            let (dubious, shunned) =
                (picture.peers.is_dubious(copy.to), picture.peers.is_shunned(copy.to));
            let tries_if_dubious = match (picture.peers.trusts_strangers(), lasting) {
                _ if shunned => 0,
                (true, _) => TRIES_PER_PEER,
                // No repair brings a message.
                (false, true) => DUBIOUS_TRIES,
                (false, false) => 0,
            };
            let lost =
                dubious && copy.tries >= tries_if_dubious || !picture.state(copy.to).is_reachable();
            if (lost || copy.tries + 1 == TRIES_PER_PEER)
                && core::mem::take(&mut copy.covering)
                && !mutated!(picture.config, RescueOff)
                && let Route::Ring { group, .. } = &copy.part
                && let Some(batch) = self.batches.get(&copy.batch)
            {
                // The nodes that it covers must not wait for it.
                let audience = group.clone().map_or(Audience::All, Audience::Group);
                rescues.push((batch.frames.clone(), audience));
                picture.covers.void(copy.to);
            }
            if copy.tries < TRIES_PER_PEER && !lost {
                copy.try_again(picture, out, id);
                continue;
            }
            copy.tried.push(copy.to);
            let (peers, tries) = if lasting {
                (LASTING_HANDOVERS, LASTING_TRIES)
            } else {
                (HANDOVERS, TRIES_OF_LAST_PEER)
            };
            let mut next = (copy.tried.len() < peers)
                .then(|| heir(&mut self.views, picture, out, &copy.part, &copy.tried))
                .flatten();
            if shunned || dubious && matches!(copy.part, Route::Listed(_)) {
                // A part of nothing but inventions would draw a copy for each of them.
                next = next.filter(|&ix| !picture.peers.is_dubious(ix));
            }
            if next.is_none() && !lost && copy.tries < tries {
                copy.tried.pop();
                copy.try_again(picture, out, id);
                continue;
            }
            out.stats.relay_handovers += 1;
            if let Some(batch) = batch {
                missed.extend_from_slice(&batch.frames);
            }
            if let Some(next) = next {
                leave(&mut self.open, copy.to);
                *self.open.entry(next).or_default() += 1;
                copy.hand_over(picture, out, id, next);
            } else {
                closed.extend(self.close(id, false));
            }
        }
        let open = due.into_iter().filter_map(|id| Some((self.copies.get(&id)?.due, id)));
        self.due.extend(open);
        for (frames, audience) in rescues {
            self.originate_to_each(picture, out, frames, audience);
        }
        // What no copy waits for any more can no longer be acknowledged.
        for sent in self.stale.drain(..) {
            self.sent.remove(&sent);
        }
        self.stale.shrink_to(KEPT);
        self.arm(out);
        (closed, missed)
    }

    /// Takes the copies that are due out of the queue, in the order in which they were begun.
    fn take_due(&mut self, now: Instant) -> Vec<u64> {
        let mut due = Vec::new();
        while let Some(&(at, id)) = self.due.first().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, id));
            due.push(id);
        }
        due.sort_unstable();
        due
    }
}
