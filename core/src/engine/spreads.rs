//! Frames that are to be passed on: applied here, and sent to others as their sender asked.

use alloc::vec::Vec;

use super::Engine;
use super::oversize::message_room;
use crate::base::{Channel, Ix};
use crate::broadcast::CopyId;
use crate::mutants::mutated;
use crate::packet::Header;
use crate::wire::{Frame, Route, Spread, is_message};

/// What became of frames that were to be passed on.
pub(super) enum Took {
    /// They are applied and passed on.
    All,
    /// There is no room: they are to come again.
    Nothing,
    /// They are applied, but not passed on: this node passes on messages of up to this many bytes.
    ForItself { most: usize },
}

impl Engine {
    /// The most bytes of a message that this node passes on, if a frame is a message with more.
    pub(super) fn room_exceeded(&self, frame: &Frame) -> Option<usize> {
        let Frame::Message(message) = frame else { return None };
        let room = message_room(self.picture.widest(Ix::ME), message);
        (message.payload.len() > room).then_some(room)
    }

    /// Frames that are to be passed on, once, and that concern this node too. Returns what became
    /// of them: a message that there is no room to pass on is to come again, and one that is too
    /// large for this node's datagrams is passed on by the sender.
    pub(super) fn on_spread(
        &mut self,
        header: &Header,
        from: Ix,
        spread: &Spread,
        place: u32,
        batch: Vec<Frame>,
    ) -> Took {
        let copy = CopyId::of(header, spread, place);
        let is_late = header.packet < self.picture.peers.highest(from);
        let is_known = (is_late || spread.first_try.is_some())
            && self.broadcast.taken.has(&copy)
            && !mutated!(self.picture.config, TakenOff);
        if let Some(most) = batch.iter().filter_map(|frame| self.room_exceeded(frame)).min()
            && (self.segment.has_duty(self.picture.now)
                || self.broadcast.relays.leads_on(&self.picture, &mut self.out, from, spread))
        {
            self.apply_spread(header, from, spread, &batch);
            return Took::ForItself { most };
        }
        if !is_known
            && batch.iter().any(is_message)
            && !self.broadcast.relays.has_room_to_pass_on(
                &self.picture,
                &mut self.out,
                from,
                spread,
            )
        {
            self.out.stats.messages_refused += 1;
            return Took::Nothing;
        }
        let before = self.picture.root();
        self.apply_spread(header, from, spread, &batch);
        // Several nodes may announce one newcomer: the second time it is no news.
        if batch.iter().any(is_message) || self.picture.root() != before {
            self.out.pace.count(&self.picture.timing, self.picture.now, batch.len() as u64);
        }
        if is_known {
            return Took::All;
        }
        if let Some(batch) =
            self.broadcast.gather(&self.picture, &mut self.out, spread, copy, batch)
        {
            self.serve_spread(from, spread, &batch);
            self.broadcast.pass_on(&self.picture, &mut self.out, from, spread, copy, batch);
        }
        Took::All
    }

    /// Applies what concerns this node. A message to a list is for those on it: a node that passes it on may
    /// not be.
    fn apply_spread(&mut self, header: &Header, from: Ix, spread: &Spread, batch: &[Frame]) {
        let me = self.picture.me().id;
        let meant = !matches!(&spread.route, Route::Listed(nodes) if !nodes.contains(&me));
        for frame in batch.iter().filter(|frame| meant || !is_message(frame)) {
            self.on_frame(header, from, frame.clone(), Channel::Spread);
        }
    }
}
