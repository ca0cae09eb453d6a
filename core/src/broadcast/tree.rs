//! The broadcast tree: batches of frames on their way to many peers. Each copy is responsible for
//! an interval of the ring and is acknowledged hop by hop.
//!
//! The sender splits the interval that it is responsible for into a few parts of equal size and
//! sends a copy to one peer in each, which does the same. A copy that is not acknowledged is sent
//! again, and then its part goes to another peer of the part. The last peer of a part is tried for
//! longer.

mod oversize;
mod retries;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::num::NonZeroU64;

use crate::base::{Instant, Ix};
use crate::broadcast::copy::{Copy, wait};
use crate::broadcast::parts::{Audience, FAN_OUT, Part, everybody_but, hop_budget, route, split};
use crate::broadcast::view::Views;
use crate::out::{Out, Why, outbox};
use crate::picture::Picture;
use crate::wire::{FirstTry, Frame, Route, Spread, is_message};

/// The most copies that go to a peer at once. More are spread over time, or the peer's window of
/// packet numbers and its socket's buffer would drop them.
const BURST: u32 = 48;

#[derive(Clone, Debug, Hash)]
struct Batch {
    frames: Vec<Frame>,
    open: u32,
}

/// A copy that needs no more care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    /// The batch that it was a copy of.
    pub(crate) batch: u64,
    /// Whether it was acknowledged; otherwise it was given up.
    pub(crate) acknowledged: bool,
}

/// All copies under way.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Relays {
    next: u64,
    batches: BTreeMap<u64, Batch>,
    copies: BTreeMap<u64, Copy>,
    /// The copies by when they are due.
    due: BTreeSet<(Instant, u64)>,
    /// When each copy went out, by packet and copy.
    sent: BTreeMap<(u64, u64), Instant>,
    /// Entries of `sent` whose copies have been closed since.
    stale: Vec<(u64, u64)>,
    /// How many copies each peer has not acknowledged.
    open: BTreeMap<Ix, u32>,
    views: Views,
}

impl Relays {
    /// The copies that nobody has acknowledged yet.
    pub(crate) fn under_way(&self) -> usize {
        self.copies.len()
    }

    /// Whether no more batches are taken.
    pub(crate) fn is_full(&self, picture: &Picture) -> bool {
        self.copies.len() >= picture.config.limits.relays as usize
    }

    /// Whether this node may send this many more messages of its own. Half of the limit is kept for
    /// what others ask it to pass on, or nodes that are all full would wait for each other.
    pub(crate) fn has_room_for(&self, picture: &Picture, batches: usize) -> bool {
        2 * (self.copies.len() + batches * FAN_OUT) <= picture.config.limits.relays as usize
    }

    /// Whether this many batches can be passed on in full, however they are split.
    pub(crate) fn has_room_for_all(&self, picture: &Picture, batches: usize) -> bool {
        self.copies.len() + 2 * FAN_OUT * batches <= picture.config.limits.relays as usize
    }

    /// Whether a batch can be passed on in full. A batch that ends here takes no room and is always
    /// taken, or hops that are all full would wait for each other.
    pub(crate) fn has_room_to_pass_on(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        from: Ix,
        spread: &Spread,
    ) -> bool {
        let room = (picture.config.limits.relays as usize).saturating_sub(self.copies.len());
        spread.hops == 0
            || self.is_idle()
            || 2 * FAN_OUT <= room
            || split(&mut self.views, picture, out, &spread.route, Some(from)).len() <= room
    }

    /// Whether any peer is left to which a batch is to be passed on.
    pub(crate) fn leads_on(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        from: Ix,
        spread: &Spread,
    ) -> bool {
        spread.hops > 0
            && !split(&mut self.views, picture, out, &spread.route, Some(from)).is_empty()
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.copies.is_empty()
    }

    /// Forgets everything under way.
    pub(crate) fn clear(&mut self) {
        let views = core::mem::take(&mut self.views);
        *self = Self { next: self.next, views, ..Self::default() };
    }

    /// Drops the views of the ring that have not been used lately.
    pub(crate) fn drop_idle_views(&mut self, picture: &Picture, out: &mut Out) {
        self.views.drop_idle(picture, out);
    }

    /// Sends frames that fit in one packet to an audience. Returns the batch and the number of its
    /// copies.
    pub(crate) fn originate(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        frames: Vec<Frame>,
        audience: Audience,
    ) -> (u64, u32) {
        self.send_along(picture, out, frames, route(picture, audience, false))
    }

    /// The same, to peers that a speaker covers as well.
    pub(crate) fn originate_to_each(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        frames: Vec<Frame>,
        audience: Audience,
    ) -> (u64, u32) {
        self.send_along(picture, out, frames, route(picture, audience, true))
    }

    fn send_along(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        frames: Vec<Frame>,
        route: Route,
    ) -> (u64, u32) {
        let parts = split(&mut self.views, picture, out, &route, None);
        self.send(picture, out, frames, parts, hop_budget(picture))
    }

    /// Has another node send frames that fit in one packet to everybody, together with other news
    /// that it has gathered.
    pub(crate) fn entrust(&mut self, picture: &Picture, out: &mut Out, frames: Vec<Frame>, to: Ix) {
        let hops = hop_budget(picture);
        let route = everybody_but(picture.position(to));
        let batch = self.next;
        self.next += 1;
        let part = Part { to, part: route.clone(), route };
        let urgent = frames.iter().any(outbox::is_urgent);
        if self.enter(picture, out, batch, urgent, part, hops) {
            self.batches.insert(batch, Batch { frames, open: 1 });
        }
    }

    /// Whether a route leads to everybody but this node, which says that the frames are entrusted
    /// to it.
    pub(crate) fn is_entrusted(picture: &Picture, spread: &Spread) -> bool {
        spread.route == everybody_but(picture.position(Ix::ME))
    }

    /// Passes frames on as the peer that they came from asked. Returns the number of peers, and the
    /// frames if there was not room for all copies.
    pub(crate) fn pass_on(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        from: Ix,
        spread: &Spread,
        frames: Vec<Frame>,
    ) -> (usize, Vec<Frame>) {
        let Some(hops) = spread.hops.checked_sub(1) else { return (0, Vec::new()) };
        out.stats.relayed += frames.len() as u64;
        let parts = split(&mut self.views, picture, out, &spread.route, Some(from));
        let count = parts.len();
        let room = (picture.config.limits.relays as usize).saturating_sub(self.copies.len());
        let missed = if count > room { frames.clone() } else { Vec::new() };
        self.send(picture, out, frames, parts, hops);
        (count, missed)
    }

    /// What a copy says, unless it has been closed meanwhile.
    pub(crate) fn read(&self, copy: u64, packet: u64) -> Option<(Ix, Frame, &[Frame])> {
        let copy = self.copies.get(&copy)?;
        let frames = &self.batches.get(&copy.batch)?.frames;
        let spread = Spread {
            route: copy.route.clone(),
            hops: copy.hops,
            frames: u8::try_from(frames.len()).unwrap_or(u8::MAX),
            first_try: copy.first.and_then(|(first, place)| {
                let packets_ago = NonZeroU64::new(packet.saturating_sub(first))?;
                Some(FirstTry { packets_ago, place })
            }),
        };
        Some((copy.to, Frame::Spread(spread), frames))
    }

    /// Notes the packet in which a copy went out, and how many copies came before it there.
    pub(crate) fn sent(&mut self, copy: u64, packet: u64, place: u32, large: bool, now: Instant) {
        if let Some(open) = self.copies.get_mut(&copy) {
            open.large = large;
            open.first.get_or_insert((packet, place));
            open.packets.push(packet);
            self.sent.insert((packet, copy), now);
        }
    }

    /// A peer has acknowledged a packet, and so all copies in it.
    pub(crate) fn acknowledged(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        by: Ix,
        packet: u64,
    ) -> Vec<Closed> {
        let mut closed = Vec::new();
        let carried = self.sent.range((packet, 0)..=(packet, u64::MAX));
        // But not copies that have been handed to another peer since.
        let its = |copy: &u64| self.copies.get(copy).is_none_or(|open| open.to == by);
        let copies: Vec<(u64, Instant)> =
            carried.map(|(&(_, copy), &at)| (copy, at)).filter(|(copy, _)| its(copy)).collect();
        for (copy, at) in copies {
            self.sent.remove(&(packet, copy));
            picture.peers.sample(by, picture.now.since(at));
            picture.note_answer(at);
            let whole = |open: &Copy| open.large && open.packets.last() == Some(&packet);
            if self.copies.get(&copy).is_some_and(whole) {
                picture.datagram_passed(by);
            }
            closed.extend(self.close(copy, true));
        }
        if self.copies.is_empty() {
            out.timers.set(Why::Relay, None);
        }
        closed
    }

    /// Gives back the tables while no copy is under way; an empty one keeps a leaf.
    pub(crate) fn rest(&mut self) {
        if self.is_idle() && self.sent.is_empty() {
            self.clear();
        }
    }

    /// Forgets a peer that is leaving the table.
    pub(crate) fn forget(&mut self, ix: Ix) {
        let gone: Vec<u64> =
            self.copies.iter().filter(|(_, copy)| copy.to == ix).map(|(&id, _)| id).collect();
        for id in gone {
            self.close(id, false);
        }
        for copy in self.copies.values_mut() {
            copy.tried.retain(|&tried| tried != ix);
        }
    }

    fn send(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        frames: Vec<Frame>,
        parts: Vec<Part>,
        hops: u8,
    ) -> (u64, u32) {
        let batch = self.next;
        self.next += 1;
        let urgent = frames.iter().any(outbox::is_urgent);
        let lasting = frames.iter().any(is_message);
        let mut open = 0;
        for part in parts {
            if !lasting && picture.peers.is_shunned(part.to) {
                // A repair brings what the peers of the part miss, if they exist.
                continue;
            }
            if !self.enter(picture, out, batch, urgent, part, hops) {
                break;
            }
            open += 1;
        }
        if open > 0 {
            self.batches.insert(batch, Batch { frames, open });
        }
        (batch, open)
    }

    /// Begins to send a copy of a batch to the peer of a part, if there is room.
    fn enter(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        batch: u64,
        urgent: bool,
        part: Part,
        hops: u8,
    ) -> bool {
        if self.is_full(picture) {
            out.stats.copies_full += 1;
            return false;
        }
        let id = self.next;
        self.next += 1;
        let Part { to, route, part } = part;
        let (packets, tried) = (Vec::new(), Vec::new());
        let open = self.open.entry(to).or_default();
        let queued = *open / BURST;
        *open += 1;
        let held = queued > 0;
        let due = picture.now + wait(picture, to) * if held { queued } else { 1 };
        let spoken_for = matches!(part, Route::Ring { covered: false, .. });
        let covering = spoken_for && picture.covers.is_speaker(to, picture.now);
        let copy = Copy {
            batch,
            to,
            route,
            part,
            hops,
            urgent,
            covering,
            held,
            tries: 0,
            first: None,
            due,
            packets,
            large: false,
            tried,
        };
        let say = copy.say(id);
        self.copies.insert(id, copy);
        self.due.insert((due, id));
        if !held {
            out.say(picture.bound(to), say);
        }
        out.timers.hasten(Why::Relay, due);
        true
    }

    fn close(&mut self, copy: u64, acknowledged: bool) -> Option<Closed> {
        let id = copy;
        let copy = self.copies.remove(&id)?;
        self.due.remove(&(copy.due, id));
        let sent = copy.packets.iter().map(|&packet| (packet, id));
        self.stale.extend(sent.filter(|sent| self.sent.contains_key(sent)));
        leave(&mut self.open, copy.to);
        let batch = self.batches.get_mut(&copy.batch)?;
        batch.open -= 1;
        if batch.open == 0 {
            self.batches.remove(&copy.batch);
        }
        Some(Closed { batch: copy.batch, acknowledged })
    }

    fn arm(&self, out: &mut Out) {
        out.timers.set(Why::Relay, self.due.first().map(|&(at, _)| at));
    }
}

/// One copy fewer waits for a peer's acknowledgement.
fn leave(open: &mut BTreeMap<Ix, u32>, peer: Ix) {
    if let Some(count) = open.get_mut(&peer) {
        *count -= 1;
        if *count == 0 {
            open.remove(&peer);
        }
    }
}
