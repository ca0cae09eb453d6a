//! Copies that are too large for their peers: divided, or sent to the other peers of their parts.

use alloc::vec::Vec;

use super::{Batch, Relays};
use crate::base::Ix;
use crate::broadcast::parts::{Audience, Part, split, without};
use crate::out::Out;
use crate::picture::Picture;
use crate::wire::{Frame, Message, Route};

impl Relays {
    /// Sends batches in place of a copy that does not fit into a datagram for its peer.
    pub(crate) fn divide(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        copy: u64,
        batches: Vec<Vec<Frame>>,
    ) {
        let Some(whole) = self.copies.get(&copy) else { return };
        let (to, hops, urgent) = (whole.to, whole.hops, whole.urgent);
        let (route, part) = (whole.route.clone(), whole.part.clone());
        self.close(copy, true);
        for frames in batches {
            let batch = self.next;
            self.next += 1;
            let part = Part { to, route: route.clone(), part: part.clone() };
            if self.enter(picture, out, batch, urgent, part, hops) {
                self.batches.insert(batch, Batch { frames, open: 1 });
            }
        }
    }

    /// The messages that a copy carries.
    pub(crate) fn messages_of(&self, copy: u64) -> Vec<Message> {
        let batch = self.copies.get(&copy).and_then(|copy| self.batches.get(&copy.batch));
        let frames = batch.map_or(&[][..], |batch| &batch.frames).iter();
        let message = |frame: &Frame| match frame {
            Frame::Message(message) => Some(message.clone()),
            _ => None,
        };
        frames.filter_map(message).collect()
    }

    /// The copies in a packet whose messages are larger than what a peer passes on.
    pub(crate) fn too_large_in(&self, by: Ix, packet: u64, room: usize) -> Vec<u64> {
        let carried = self.sent.range((packet, 0)..=(packet, u64::MAX)).map(|(&(_, copy), _)| copy);
        let its = carried.filter(|copy| self.copies.get(copy).is_some_and(|open| open.to == by));
        its.filter(|&copy| self.messages_of(copy).iter().any(|it| it.payload.len() > room))
            .collect()
    }

    /// Sends to the other peers of a copy's part what its peer does not pass on. Returns whether
    /// there was room for all.
    pub(crate) fn serve_rest(&mut self, picture: &mut Picture, out: &mut Out, copy: u64) -> bool {
        let Some(open) = self.copies.get(&copy) else { return true };
        let (to, hops, batch) = (open.to, open.hops, open.batch);
        let rest = without(picture, &open.part, to);
        let Some(frames) = self.batches.get(&batch).map(|batch| batch.frames.clone()) else {
            return true;
        };
        let covering = match &open.part {
            Route::Ring { group, .. } if open.covering => Some(group.clone()),
            Route::Ring { .. } | Route::Listed(_) => None,
        };
        self.close(copy, true);
        let mut complete = true;
        if let Some(group) = covering {
            // It does not multicast this either, so the nodes that it covers are sent a copy.
            let audience = group.map_or(Audience::All, Audience::Group);
            picture.covers.void(to);
            self.originate_to_each(picture, out, frames.clone(), audience);
        }
        for route in rest {
            let parts = split(&mut self.views, picture, out, &route, Some(to));
            let count = parts.len();
            let (_, sent) = self.send(picture, out, frames.clone(), parts, hops);
            complete &= sent as usize == count;
        }
        complete
    }
}
