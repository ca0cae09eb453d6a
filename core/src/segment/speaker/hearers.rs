//! Those that hear this speaker: they say so, and are listed to all.

use alloc::vec::Vec;

use super::{Listener, Speaker};
use crate::base::{Instant, Ix};
use crate::out::Out;
use crate::picture::Picture;
use crate::segment::multicast::EVERYBODY;
use crate::timing::segment::{FIRST_LIST, GRACE, PROMISE, ROUND, WORD};
use crate::wire::{Frame, OVERHEAD};

/// The most hearers.
const MOST_HEARERS: usize = 8192;

/// The most bytes of an entry of a list in IPv4 and in IPv6: an id and an index; and of a vouch: an
/// epoch, another index and a number.
const ENTRY_BYTES: usize = 11;
const VOUCH_BYTES: usize = 18;

/// A hearer is vouched for in its first `FIRST_VOUCHES` lists, and then in every `VOUCH_EVERY`-th: the
/// nodes that were there know it by then.
const FIRST_VOUCHES: u32 = 2;
const VOUCH_EVERY: u32 = 4;

impl Speaker {
    /// A node says that it hears this one.
    pub(crate) fn on_heard_by(&mut self, picture: &Picture, out: &mut Out, from: Ix) {
        let room = self.hearers.len() < MOST_HEARERS && !self.ending;
        if !self.speaks() || !room && !self.hearers.contains_key(&from) {
            return;
        }
        let (epoch, said) = (picture.life(from).epoch, picture.now);
        if picture.datagram(from) >= picture.datagram(Ix::ME) {
            self.cut_off.remove(&from);
        }
        let known = self.hearers.get_mut(&from).filter(|hearer| hearer.epoch == epoch);
        let listed = known.is_some_and(|hearer| {
            (hearer.said, hearer.doubted) = (said, None);
            hearer.promised.is_some()
        });
        if listed {
            return;
        }
        let hearer =
            Listener { epoch, said, promised: None, listings: 0, answered: None, doubted: None };
        if self.hearers.insert(from, hearer).is_none() {
            self.turns.push_front(from);
        }
        let soon = picture.now + FIRST_LIST;
        self.next_list = self.next_list.min(soon);
        if self.serves(picture) {
            self.hasten(out, soon);
        }
    }

    /// Lists the next hearers, to the segment and to the speakers of other segments.
    pub(super) fn list(&mut self, picture: &mut Picture, out: &mut Out) {
        let me = picture.me().id;
        let mut room = picture.datagram(Ix::ME).saturating_sub(OVERHEAD + 24);
        let (mut nodes, mut vouches) = (Vec::new(), Vec::new());
        let mut left = self.turns.len();
        while left > 0 && room >= ENTRY_BYTES + VOUCH_BYTES {
            left -= 1;
            let Some(ix) = self.turns.pop_front() else { break };
            if !self.keep(picture, ix) {
                continue;
            }
            self.turns.push_back(ix);
            // What is multicast for all may be too large for it.
            let narrow = picture.datagram(ix) < picture.datagram(Ix::ME);
            if narrow && self.is_promised(ix, picture.now) {
                self.cut_off.insert(ix);
            }
            if narrow || self.cut_off.contains(&ix) {
                continue;
            }
            let promise = picture.now + PROMISE + GRACE;
            if let Some(hearer) = self.hearers.get_mut(&ix) {
                hearer.promised = Some(promise);
                self.promised = Some(promise);
                picture.note_cover(ix, Ix::ME);
                let life = picture.life(ix);
                nodes.push(life.id);
                room -= ENTRY_BYTES;
                // Once it is known to all, only newcomers need it: not all in the same list.
                let turn =
                    hearer.listings.wrapping_add(ix.index() as u32).is_multiple_of(VOUCH_EVERY);
                if hearer.listings < FIRST_VOUCHES || turn {
                    let packet = picture.peers.highest(ix);
                    vouches.push(Frame::Vouch { life, packet });
                    room -= VOUCH_BYTES;
                }
                hearer.listings = hearer.listings.wrapping_add(1);
            }
        }
        let done = self.turns.len().saturating_sub(left).max(1) as u32;
        let listed = |ix| self.hearers.get(ix).is_some_and(|hearer| hearer.promised.is_some());
        self.next_list = picture.now
            + if self.turns.front().is_none_or(listed) {
                (ROUND * done / (self.hearers.len() as u32).max(done)).max(FIRST_LIST)
            } else {
                FIRST_LIST
            };
        if nodes.is_empty() {
            return;
        }
        let heard = Frame::Heard { speaker: me, nodes };
        for other in picture.speakers() {
            out.say_frame(picture.bound(other), heard.clone());
        }
        // First the vouches, which name lives: the list then needs no entries of its own in the
        // packet.
        for vouch in vouches {
            out.say_frame(EVERYBODY, vouch);
        }
        out.say_frame(EVERYBODY, heard);
    }

    /// Whether a hearer stays one: it has lately said that it hears, or there is a promise to keep.
    fn keep(&mut self, picture: &Picture, ix: Ix) -> bool {
        let Some(hearer) = self.hearers.get(&ix) else { return false };
        // One that is merely under suspicion may still hear this node, and no other speaker.
        let same = hearer.epoch == picture.life(ix).epoch && picture.state(ix).is_present();
        let promised = hearer.promised.is_some_and(|until| until > picture.now);
        let word = picture.now.since(hearer.said) <= WORD;
        if same && promised && !word {
            self.cut_off.insert(ix);
        }
        let stays = same && (word || promised);
        if !stays {
            self.drop(ix);
        }
        stays
    }

    fn is_promised(&self, ix: Ix, now: Instant) -> bool {
        let promised = self.hearers.get(&ix).and_then(|hearer| hearer.promised);
        promised.is_some_and(|until| until > now)
    }

    pub(super) fn drop(&mut self, ix: Ix) {
        self.hearers.remove(&ix);
        self.cut_off.remove(&ix);
    }
}
