//! Memory that bursts leave behind, given back at the pace of the probes.

use super::Engine;
use crate::base::growth;

impl Engine {
    /// Gives back the memory of bursts that are over: otherwise empty queues would keep the memory
    /// of a start of a thousand nodes for ever. What is in use every second is too little to be
    /// touched.
    pub(super) fn rest(&mut self) {
        self.opener.rest();
        self.decoder.rest();
        self.writer.rest();
        self.broadcast.rest(&self.picture);
        self.membership.challenges.rest(&self.picture);
        self.membership.asking.rest(&self.picture);
        growth::rest(&mut self.intents);
        growth::rest(&mut self.frames);
        self.out.outbox.rest();
        self.out.events.rest();
        self.picture.peers.rest(self.picture.now, self.picture.timing.wide_idle);
        self.picture.peers.falls.rest(self.picture.now, &self.picture.timing);
    }
}
