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
        self.relays.rest();
        self.joined.expire(&self.ctx.picture);
        self.forget_challenges();
        growth::rest(&mut self.intents);
        growth::rest(&mut self.frames);
        let ctx = &mut self.ctx;
        ctx.out.outbox.rest();
        ctx.out.events.rest();
        ctx.picture.peers.rest(ctx.picture.now, ctx.picture.timing.wide_idle);
        ctx.picture.peers.falls.rest(ctx.picture.now, &ctx.picture.timing);
    }
}
