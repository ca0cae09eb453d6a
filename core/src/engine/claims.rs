//! What follows from claims and verdicts.

use super::Engine;
use crate::base::{Channel, Epoch, Ix, NodeId, Status};
use crate::claims::{Claim, Standing};
use crate::config::Liveness;
use crate::membership::{Doubt, Unanswered};
use crate::mutants::mutated;
use crate::out::Say;
use crate::picture::{News, Weighed};
use crate::wire::Frame;

/// By how much the incarnation of a peer that lives grows at most, for all that others say: a node raises
/// it by four at most when it objects. Near the end of the numbers it would have to begin another life.
const LEAP: u32 = 1 << 10;

impl Engine {
    /// A claim about any node, this one included.
    pub(super) fn on_claim(&mut self, from: Ix, claim: &Claim, channel: Channel) {
        if !self.picture.is_plausible(&mut self.out, claim.life.epoch) {
            return;
        }
        if claim.life.id == self.picture.me().id {
            self.on_claim_about_me(from, claim);
            return;
        }
        if let Some(ix) = self.picture.find(claim.life.id)
            && channel == Channel::Direct
            && self.picture.config.liveness == Liveness::On
            && crate::picture::is_doubtful(&self.picture, ix, claim)
            && self.picture.weigh(ix, claim).is_gt()
        {
            // Old news perhaps, of the time of a partition: the accused is asked first.
            let to = self.picture.unbound(ix);
            self.out.say_frame(to, Frame::Claim(*claim));
            let now = self.picture.now;
            self.watches.suspect(&mut self.picture, &mut self.out, ix, now);
            return;
        }
        if !self.takes_word(from, claim, channel) {
            return;
        }
        let by = self.picture.id(from);
        let weighed = self.picture.consider(&mut self.out, claim, by);
        if channel != Channel::Direct
            && let Weighed::News(News { ix, .. }) | Weighed::Known(ix) = weighed
        {
            self.returns.told(ix);
        }
        match weighed {
            Weighed::News(news) => {
                self.out.stats.updates_applied += 1;
                self.on_news(news, claim);
                if news.held && channel == Channel::Direct && news.ix != from {
                    // It may not have said so, and not know that this is said of it.
                    self.out.say_frame(self.picture.bound(news.ix), Frame::Claim(*claim));
                }
                self.pass_on_news(news, from, channel);
            }
            Weighed::Known(_) => self.out.stats.updates_stale += 1,
            Weighed::Beaten(ix) => {
                self.out.stats.updates_stale += 1;
                // Repair compares the living only, so a node that has missed an end hears of it here.
                let gone = channel == Channel::Direct && !self.picture.is_living(ix);
                if gone || self.picture.peers.may_tell(from, self.picture.now, &self.picture.timing)
                {
                    let better = self.picture.claim(ix);
                    self.out.say_frame(self.picture.bound(from), Frame::Claim(better));
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
        if let Some(ix) = self.picture.find(claim.life.id) {
            let later = claim.life.epoch > self.picture.life(ix).epoch;
            // What comes from a node along the tree need not be its own word.
            let own = from == ix && channel == Channel::Direct;
            if own
                || !self.picture.weigh(ix, claim).is_gt()
                || !self.picture.peers.get(ix).was_heard()
            {
                return true;
            }
            // A node that calls another down knows its incarnation, unless it makes that up.
            let known = if later { 0 } else { self.picture.peers.get(ix).incarnation };
            let raised = claim.incarnation > known;
            let leaps = claim.incarnation.saturating_sub(known) > LEAP;
            let unheard = !self.picture.peers.is_heard(ix);
            let denied =
                self.picture.peers.falls.has_denied(ix, self.picture.now, &self.picture.timing);
            let just_heard = self.picture.peers.since_heard(ix, self.picture.now)
                < self.picture.config.silence_window;
            let living = self.picture.is_living(ix);
            let suspicious = match claim.standing {
                Standing::Alive => living && (leaps || later && denied),
                Standing::Down => later || living && (raised || unheard || denied || just_heard),
                Standing::Left => later || living && (raised || unheard || denied),
            };
            return !suspicious
                || self.hearsay.ask(&self.picture, &mut self.out, from, claim, Doubt::Denied);
        }
        if claim.standing != Standing::Alive {
            return true;
        }
        let forgotten = self.picture.forgotten.is_some_and(|(epoch, _)| claim.life.epoch <= epoch);
        let full = self.picture.topology.roster().is_full() && self.picture.peers.unheard() > 0;
        let doubt = if forgotten { Doubt::Forgotten } else { Doubt::NoRoom };
        !(forgotten || full) || self.hearsay.ask(&self.picture, &mut self.out, from, claim, doubt)
    }

    /// Something new is known of a peer.
    pub(super) fn on_news(&mut self, news: News, claim: &Claim) {
        self.watches.drop(&self.picture, &mut self.out, news.ix);
        match claim.standing {
            Standing::Alive => {
                match news.before {
                    None => self.probes.admit(&mut self.out, news.ix),
                    Some((status, _)) if !status.is_present() => {
                        self.probes.readmit(&mut self.out, news.ix);
                    }
                    Some(_) => {}
                }
                self.picture.company(&mut self.out);
                if matches!(news.before, Some((Status::Down | Status::Unreachable, _))) {
                    self.reunion();
                }
            }
            Standing::Down => {
                if let Some(until) = self.watches.note_verified(&self.picture, news.ix) {
                    self.probes.hurry(&self.picture, &mut self.out, until);
                }
                self.comeback.lost(&self.picture, &mut self.out);
                self.tombstones.expect_expiry(&self.picture, &mut self.out);
            }
            Standing::Left => {
                self.comeback.lost(&self.picture, &mut self.out);
                self.tombstones.expect_expiry(&self.picture, &mut self.out);
            }
        }
    }

    /// A lost peer is back: others may be, and much may have been missed.
    fn reunion(&mut self) {
        self.picture.reunion(&mut self.out);
        self.comeback.reunion(&self.picture, &mut self.out);
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
            self.picture.tell_all_of(&mut self.out, news.ix);
        } else if back {
            self.returns.note(&self.picture, &mut self.out, news.ix);
        }
    }

    /// A claim about this node, which alone knows better.
    fn on_claim_about_me(&mut self, from: Ix, claim: &Claim) {
        let me = self.picture.claim(Ix::ME);
        if claim.life.epoch > me.life.epoch {
            self.renewal.claimed(&self.picture, &mut self.out, claim.life.epoch);
            return;
        }
        let theirs = (claim.life.epoch, claim.incarnation, claim.standing);
        let mine = (me.life.epoch, me.incarnation, me.standing);
        if theirs == mine || self.departure.is_running() {
            return;
        }
        if theirs > mine {
            let (window, peers) = (self.picture.config.silence_window, self.picture.ring.len());
            let plea = self.picture.health.plea(window, peers, self.picture.now);
            self.out.stats.refutations += 1;
            self.picture.health.worse();
            if !mutated!(self.picture.config, IncarnationKept)
                && !self.picture.object(&mut self.out, claim.incarnation, plea)
            {
                // Nothing beats this in the present life.
                self.renewal.claimed(
                    &self.picture,
                    &mut self.out,
                    Epoch(me.life.epoch.0.saturating_add(1)),
                );
                return;
            }
            self.picture.tell_all_of(&mut self.out, Ix::ME);
        }
        let to = self.picture.bound(from);
        let better = self.picture.claim(Ix::ME);
        self.out.say_frame(to, Frame::Claim(better));
    }

    /// What was said of a peer counts now, as the peer has been asked and is silent.
    pub(super) fn on_silence(&mut self, claim: &Claim, by: NodeId) {
        if let Weighed::News(news) = self.picture.consider(&mut self.out, claim, by) {
            self.on_news(news, claim);
        }
    }

    /// Nobody has answered a probe.
    pub(super) fn on_unanswered(&mut self, unanswered: Unanswered) {
        if self.picture.peers.should_answer(unanswered.ix) {
            self.picture.health.probed(false, self.picture.now);
        }
        if self.picture.config.liveness == Liveness::On
            && self.picture.health.trusts_silence(self.picture.now)
        {
            self.watches.suspect(&mut self.picture, &mut self.out, unanswered.ix, unanswered.since);
        }
    }

    /// This node has found a peer to be down: everybody is told, the accused first.
    pub(super) fn on_verdict(&mut self, claim: &Claim) {
        let me = self.picture.me().id;
        if let Weighed::News(news) = self.picture.consider(&mut self.out, claim, me) {
            self.on_news(news, claim);
            if !self.picture.peers.is_dubious(news.ix) {
                let to = self.picture.unbound(news.ix);
                self.out.say_frame(to, Frame::Claim(*claim));
            }
            self.picture.tell_all(&mut self.out, Frame::Claim(*claim));
        }
    }

    /// Somebody has answered a ping of this node's, which is not cut off then.
    pub(super) fn note_answer(&mut self) {
        let (window, peers) = (self.picture.config.silence_window, self.picture.ring.len());
        self.picture.health.answered(window, peers, self.picture.now);
        if self.probes.take_completed() {
            self.picture.health.probed(true, self.picture.now);
        }
    }

    /// A peer has answered something of this node's own: it lives.
    pub(super) fn on_sign_of_life(&mut self, ix: Ix) {
        self.note_answer();
        self.hearsay.answered(self.picture.id(ix));
        self.renewal.answered(&self.picture, &mut self.out, ix);
        match self.picture.status(ix) {
            Status::Alive | Status::Suspect | Status::Unreachable => {
                let lost = self.picture.status(ix) == Status::Unreachable;
                self.watches.answered(&mut self.picture, &mut self.out, ix);
                if lost {
                    self.reunion();
                }
            }
            // Shown as down, but alive and probed like others.
            Status::Down if self.picture.peers.falls.is_held(ix) => {
                self.watches.answered(&mut self.picture, &mut self.out, ix);
            }
            Status::Down | Status::Left => {}
        }
    }

    /// A peer that is in doubt has sent something: it is told that others have given it up, so
    /// that it can object, or asked for a sign of life.
    pub(super) fn follow_up_doubt(&mut self, ix: Ix) {
        let status = self.picture.status(ix);
        let held = self.picture.peers.falls.is_held(ix);
        if status == Status::Alive
            || held
            || !self.picture.peers.may_tell(ix, self.picture.now, &self.picture.timing)
        {
            return;
        }
        let to = self.picture.bound(ix);
        match status {
            Status::Down | Status::Left => {
                let claim = self.picture.claim(ix);
                self.out.say_frame(to, Frame::Claim(claim));
            }
            Status::Alive | Status::Suspect | Status::Unreachable => self.out.say(to, Say::Ping),
        }
    }
}
