//! What follows from claims and verdicts.

use super::Engine;
use crate::base::{Epoch, Ix, NodeId, Status};
use crate::claims::{Claim, Standing};
use crate::config::Liveness;
use crate::membership::{Doubt, Unanswered};
use crate::mutants::mutated;
use crate::out::Say;
use crate::picture::{News, Weighed};
use crate::wire::Frame;

/// How a claim came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    /// By the broadcast tree: everybody else gets it too.
    Spread,
    /// By multicast: everybody else gets it too, at the same time.
    Multicast,
    /// In a packet to this node alone.
    Direct,
}

/// By how much the incarnation of a peer that lives grows at most, for all that others say: a node raises
/// it by four at most when it objects. Near the end of the numbers it would have to begin another life.
const LEAP: u32 = 1 << 10;

impl Engine {
    /// A claim about any node, this one included.
    pub(super) fn on_claim(&mut self, from: Ix, claim: &Claim, channel: Channel) {
        if !self.ctx.picture.is_plausible(&mut self.ctx.out, claim.life.epoch) {
            return;
        }
        if claim.life.id == self.ctx.picture.me().id {
            self.on_claim_about_me(from, claim);
            return;
        }
        if let Some(ix) = self.ctx.picture.find(claim.life.id)
            && channel == Channel::Direct
            && self.ctx.picture.config.liveness == Liveness::On
            && crate::picture::is_doubtful(&self.ctx.picture, ix, claim)
            && self.ctx.picture.weigh(ix, claim).is_gt()
        {
            // Old news perhaps, of the time of a partition: the accused is asked first.
            let to = self.ctx.picture.unbound(ix);
            self.ctx.out.say_frame(to, Frame::Claim(*claim));
            let now = self.ctx.picture.now;
            self.watches.suspect(&mut self.ctx.picture, &mut self.ctx.out, ix, now);
            return;
        }
        if !self.takes_word(from, claim, channel) {
            return;
        }
        let by = self.ctx.picture.id(from);
        let weighed = self.ctx.picture.consider(&mut self.ctx.out, claim, by);
        if channel != Channel::Direct
            && let Weighed::News(News { ix, .. }) | Weighed::Known(ix) = weighed
        {
            self.returns.told(ix);
        }
        match weighed {
            Weighed::News(news) => {
                self.ctx.out.stats.updates_applied += 1;
                self.on_news(news, claim);
                if news.held && channel == Channel::Direct && news.ix != from {
                    // It may not have said so, and not know that this is said of it.
                    self.ctx.out.say_frame(self.ctx.picture.bound(news.ix), Frame::Claim(*claim));
                }
                self.pass_on_news(news, from, channel);
            }
            Weighed::Known(_) => self.ctx.out.stats.updates_stale += 1,
            Weighed::Beaten(ix) => {
                self.ctx.out.stats.updates_stale += 1;
                // Repair compares the living only, so a node that has missed an end hears of it here.
                let gone = channel == Channel::Direct && !self.ctx.picture.is_living(ix);
                if gone
                    || self.ctx.picture.peers.may_tell(
                        from,
                        self.ctx.picture.now,
                        &self.ctx.picture.timing,
                    )
                {
                    let better = self.ctx.picture.claim(ix);
                    self.ctx.out.say_frame(self.ctx.picture.bound(from), Frame::Claim(better));
                }
            }
            Weighed::Refused => {}
        }
    }

    /// Whether a claim is taken as it is. What another says of the life of a node that is not known is
    /// looked into first if this node may have forgotten it, or has no room for all that is said; and so is
    /// the end of a life that this node has not heard, a raised incarnation, and what is said of a peer that
    /// has denied the like of late, or that this node has heard itself within a window.
    pub(super) fn takes_word(&mut self, from: Ix, claim: &Claim, channel: Channel) -> bool {
        let ctx = &mut self.ctx;
        if let Some(ix) = ctx.picture.find(claim.life.id) {
            let later = claim.life.epoch > ctx.picture.life(ix).epoch;
            // What comes from a node along the tree need not be its own word.
            let own = from == ix && channel == Channel::Direct;
            if own
                || !ctx.picture.weigh(ix, claim).is_gt()
                || !ctx.picture.peers.get(ix).was_heard()
            {
                return true;
            }
            // A node that calls another down knows its incarnation, unless it makes that up.
            let known = if later { 0 } else { ctx.picture.peers.get(ix).incarnation };
            let raised = claim.incarnation > known;
            let leaps = claim.incarnation.saturating_sub(known) > LEAP;
            let unheard = !ctx.picture.peers.is_heard(ix);
            let denied =
                ctx.picture.peers.falls.has_denied(ix, ctx.picture.now, &ctx.picture.timing);
            let just_heard = ctx.picture.peers.since_heard(ix, ctx.picture.now)
                < ctx.picture.config.silence_window;
            let living = ctx.picture.is_living(ix);
            let suspicious = match claim.standing {
                Standing::Alive => living && (leaps || later && denied),
                Standing::Down => later || living && (raised || unheard || denied || just_heard),
                Standing::Left => later || living && (raised || unheard || denied),
            };
            return !suspicious
                || self.hearsay.ask(&ctx.picture, &mut ctx.out, from, claim, Doubt::Denied);
        }
        if claim.standing != Standing::Alive {
            return true;
        }
        let forgotten =
            self.ctx.picture.forgotten.is_some_and(|(epoch, _)| claim.life.epoch <= epoch);
        let full =
            self.ctx.picture.topology.roster().is_full() && self.ctx.picture.peers.unheard() > 0;
        let doubt = if forgotten { Doubt::Forgotten } else { Doubt::NoRoom };
        !(forgotten || full)
            || self.hearsay.ask(&self.ctx.picture, &mut self.ctx.out, from, claim, doubt)
    }

    /// Something new is known of a peer.
    pub(super) fn on_news(&mut self, news: News, claim: &Claim) {
        let ctx = &mut self.ctx;
        self.watches.drop(&ctx.picture, &mut ctx.out, news.ix);
        match claim.standing {
            Standing::Alive => {
                match news.before {
                    None => self.probes.admit(&mut ctx.out, news.ix),
                    Some((status, _)) if !status.is_present() => {
                        self.probes.readmit(&mut ctx.out, news.ix);
                    }
                    Some(_) => {}
                }
                self.repair.company(&ctx.picture, &mut ctx.out);
                if matches!(news.before, Some((Status::Down | Status::Unreachable, _))) {
                    self.reunion();
                }
            }
            Standing::Down => {
                if let Some(until) = self.watches.note_verified(&ctx.picture, news.ix) {
                    self.probes.hurry(&ctx.picture, &mut ctx.out, until);
                }
                self.comeback.lost(&ctx.picture, &mut ctx.out);
                self.tombstones.expect_expiry(&ctx.picture, &mut ctx.out);
            }
            Standing::Left => {
                self.comeback.lost(&ctx.picture, &mut ctx.out);
                self.tombstones.expect_expiry(&ctx.picture, &mut ctx.out);
            }
        }
    }

    /// A lost peer is back: others may be, and much may have been missed.
    fn reunion(&mut self) {
        self.repair.reunion(&self.ctx.picture, &mut self.ctx.out);
        self.comeback.reunion(&self.ctx.picture, &mut self.ctx.out);
    }

    /// Tells everybody of news that came to this node alone: a life that begins, from the node
    /// itself, and, if nobody else does so first, the return of one that was lost.
    pub(super) fn pass_on_news(&mut self, news: News, from: Ix, channel: Channel) {
        let born = news.ix == from && news.before.is_none_or(|(_, new_life)| new_life);
        let back = matches!(news.before, Some((Status::Down | Status::Left, _)));
        if channel != Channel::Direct {
            return;
        }
        if born {
            self.ctx.picture.tell_all_of(&mut self.ctx.out, news.ix);
        } else if back {
            self.returns.note(&self.ctx.picture, &mut self.ctx.out, news.ix);
        }
    }

    /// A claim about this node, which alone knows better.
    fn on_claim_about_me(&mut self, from: Ix, claim: &Claim) {
        let me = self.ctx.picture.claim(Ix::ME);
        if claim.life.epoch > me.life.epoch {
            self.renewal.claimed(&self.ctx.picture, &mut self.ctx.out, claim.life.epoch);
            return;
        }
        let theirs = (claim.life.epoch, claim.incarnation, claim.standing);
        let mine = (me.life.epoch, me.incarnation, me.standing);
        if theirs == mine || self.departure.is_running() {
            return;
        }
        if theirs > mine {
            let (window, peers) =
                (self.ctx.picture.config.silence_window, self.ctx.picture.ring.len());
            let plea = self.health.plea(window, peers, self.ctx.picture.now);
            self.ctx.out.stats.refutations += 1;
            self.health.worse();
            if !mutated!(self.ctx.picture.config, IncarnationKept)
                && !self.ctx.picture.object(&mut self.ctx.out, claim.incarnation, plea)
            {
                // Nothing beats this in the present life.
                self.renewal.claimed(
                    &self.ctx.picture,
                    &mut self.ctx.out,
                    Epoch(me.life.epoch.0.saturating_add(1)),
                );
                return;
            }
            self.ctx.picture.tell_all_of(&mut self.ctx.out, Ix::ME);
        }
        let to = self.ctx.picture.bound(from);
        let better = self.ctx.picture.claim(Ix::ME);
        self.ctx.out.say_frame(to, Frame::Claim(better));
    }

    /// What was said of a peer counts now, as the peer has been asked and is silent.
    pub(super) fn on_silence(&mut self, claim: &Claim, by: NodeId) {
        if let Weighed::News(news) = self.ctx.picture.consider(&mut self.ctx.out, claim, by) {
            self.on_news(news, claim);
        }
    }

    /// Nobody has answered a probe.
    pub(super) fn on_unanswered(&mut self, unanswered: Unanswered) {
        if self.ctx.picture.peers.should_answer(unanswered.ix) {
            self.health.probed(false, self.ctx.picture.now);
        }
        if self.ctx.picture.config.liveness == Liveness::On
            && self.health.trusts_silence(self.ctx.picture.now)
        {
            self.watches.suspect(
                &mut self.ctx.picture,
                &mut self.ctx.out,
                unanswered.ix,
                unanswered.since,
            );
        }
    }

    /// This node has found a peer to be down: everybody is told, the accused first.
    pub(super) fn on_verdict(&mut self, claim: &Claim) {
        let me = self.ctx.picture.me().id;
        if let Weighed::News(news) = self.ctx.picture.consider(&mut self.ctx.out, claim, me) {
            self.on_news(news, claim);
            if !self.ctx.picture.peers.is_dubious(news.ix) {
                let to = self.ctx.picture.unbound(news.ix);
                self.ctx.out.say_frame(to, Frame::Claim(*claim));
            }
            self.ctx.picture.tell_all(&mut self.ctx.out, Frame::Claim(*claim));
        }
    }

    /// Somebody has answered a ping of this node's, which is not cut off then.
    pub(super) fn note_answer(&mut self) {
        let (window, peers) = (self.ctx.picture.config.silence_window, self.ctx.picture.ring.len());
        self.health.answered(window, peers, self.ctx.picture.now);
        if self.probes.take_completed() {
            self.health.probed(true, self.ctx.picture.now);
        }
    }

    /// A peer has answered something of this node's own: it lives.
    pub(super) fn on_sign_of_life(&mut self, ix: Ix) {
        self.note_answer();
        self.hearsay.answered(self.ctx.picture.id(ix));
        self.renewal.answered(&self.ctx.picture, &mut self.ctx.out, ix);
        match self.ctx.picture.status(ix) {
            Status::Alive | Status::Suspect | Status::Unreachable => {
                let lost = self.ctx.picture.status(ix) == Status::Unreachable;
                self.watches.answered(&mut self.ctx.picture, &mut self.ctx.out, ix);
                if lost {
                    self.reunion();
                }
            }
            // Shown as down, but alive and probed like others.
            Status::Down if self.ctx.picture.peers.falls.is_held(ix) => {
                self.watches.answered(&mut self.ctx.picture, &mut self.ctx.out, ix);
            }
            Status::Down | Status::Left => {}
        }
    }

    /// A peer that is in doubt has sent something: it is told that others have given it up, so
    /// that it can object, or asked for a sign of life.
    pub(super) fn follow_up_doubt(&mut self, ix: Ix) {
        let status = self.ctx.picture.status(ix);
        let held = self.ctx.picture.peers.falls.is_held(ix);
        if status == Status::Alive
            || held
            || !self.ctx.picture.peers.may_tell(ix, self.ctx.picture.now, &self.ctx.picture.timing)
        {
            return;
        }
        let to = self.ctx.picture.bound(ix);
        match status {
            Status::Down | Status::Left => {
                let claim = self.ctx.picture.claim(ix);
                self.ctx.out.say_frame(to, Frame::Claim(claim));
            }
            Status::Alive | Status::Suspect | Status::Unreachable => {
                self.ctx.out.say(to, Say::Ping)
            }
        }
    }
}
