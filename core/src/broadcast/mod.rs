//! How changes and messages reach everybody.
//!
//! | file | what it decides |
//! |---|---|
//! | `tree`, `copy` | which copies are under way, and when one is sent again or handed over |
//! | `parts`, `view` | how a route is split, and which peers it leads to |
//! | `gather` | to which node news is entrusted while there is much of it |
//! | `taken` | whether a copy was passed on before |
//! | `piggyback` | what rides along because some node may have missed it |
//! | `messages` | whether a message was delivered before |
//! | `joined` | which members of a group others may not know yet |

mod copy;
mod gather;
mod joined;
mod messages;
mod parts;
mod piggyback;
#[cfg(test)]
mod specified;
mod taken;
mod tree;
mod view;

use alloc::vec::Vec;

use crate::base::Ix;
use crate::mutants::mutated;
use crate::out::Out;
use crate::picture::Picture;
use crate::wire::{Frame, Spread};
use joined::Joined;
use messages::Messages;
use piggyback::Piggyback;
use taken::Taken;
use tree::{Closed, Relays};

pub(crate) use gather::gatherer;
pub(crate) use messages::{Claimed, Novelty};
pub(crate) use parts::{Audience, FAN_OUT};
pub(crate) use taken::CopyId;

/// The parts that bring changes and messages to everybody.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Broadcast {
    pub(crate) relays: Relays,
    pub(crate) taken: Taken,
    pub(crate) piggyback: Piggyback,
    pub(crate) messages: Messages,
    pub(crate) joined: Joined,
}

impl Broadcast {
    /// A life begins.
    pub(crate) fn start(&mut self) {
        self.relays.clear();
        self.taken = Taken::default();
        self.piggyback.clear();
        self.messages.renew();
    }

    /// A copy may have waited long enough. Returns the copies that were given up.
    pub(crate) fn on_deadline(&mut self, picture: &mut Picture, out: &mut Out) -> Vec<Closed> {
        let (closed, missed) = self.relays.on_timer(picture, out);
        self.ride_along(picture, out, missed);
        closed
    }

    /// Sends a batch of news to everybody, or entrusts it to a gatherer.
    pub(crate) fn send_news(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        batch: Vec<Frame>,
        gatherer: Option<Ix>,
    ) {
        if !self.relays.has_room_for_all(picture, 1) || mutated!(picture.config, TreeOff) {
            self.ride_along(picture, out, batch);
        } else if let Some(gatherer) = gatherer {
            self.relays.entrust(picture, out, batch, gatherer);
        } else {
            self.relays.originate(picture, out, batch, Audience::All);
        }
    }

    /// Sends frames to everybody together with this node's own news, if they are entrusted to it.
    /// Returns them if they are not.
    pub(crate) fn gather(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        spread: &Spread,
        copy: CopyId,
        batch: Vec<Frame>,
    ) -> Option<Vec<Frame>> {
        if !Relays::is_entrusted(picture, spread) {
            return Some(batch);
        }
        self.taken.note(copy);
        out.pace.gather();
        for frame in batch {
            picture.tell_all(out, frame);
        }
        None
    }

    /// Passes frames on as their sender asked.
    pub(crate) fn pass_on(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        from: Ix,
        spread: &Spread,
        copy: CopyId,
        batch: Vec<Frame>,
    ) {
        let (copies, missed) = self.relays.pass_on(picture, out, from, spread, batch);
        if copies > 0 {
            self.taken.note(copy);
        }
        self.ride_along(picture, out, missed);
    }

    fn ride_along(&mut self, picture: &Picture, out: &mut Out, frames: Vec<Frame>) {
        for frame in frames {
            self.piggyback.board(picture, out, frame);
        }
    }

    /// Gives back what a burst has left behind.
    pub(crate) fn rest(&mut self, picture: &Picture) {
        self.relays.rest();
        self.joined.expire(picture);
    }

    /// Forgets a node that is leaving the table.
    pub(crate) fn forget(&mut self, ix: Ix) {
        self.relays.forget(ix);
        self.joined.forget(ix);
    }
}
