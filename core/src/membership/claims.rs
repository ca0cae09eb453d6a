//! What follows from what others say of nodes, and from what this node finds out itself.

use crate::base::{Channel, Epoch, Ix, Life, NodeId};
use crate::claims::{Claim, Locator, Standing};
use crate::config::Liveness;
use crate::membership::{Membership, Unanswered};
use crate::mutants::mutated;
use crate::out::{Out, Say};
use crate::picture::{News, Picture, Weighed, is_doubtful};
use crate::wire::{Finding, Frame};

impl Membership {
    /// A claim about any node, this one included.
    pub(crate) fn on_claim(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        from: Ix,
        claim: &Claim,
        channel: Channel,
    ) {
        if !picture.is_plausible(out, claim.life.epoch) {
            return;
        }
        let foreign = |locator: &Locator| !picture.is_locator_of(claim.life.id, locator);
        if claim.locator.as_ref().is_some_and(foreign) {
            // Another's name: nothing that its subject could object to.
            out.stats.claims_refused += 1;
            return;
        }
        if claim.life.id == picture.me().id {
            self.on_claim_about_me(picture, out, from, claim);
            return;
        }
        if let Some(ix) = picture.find(claim.life.id)
            && channel == Channel::Direct
            && picture.config.liveness == Liveness::On
            && is_doubtful(picture, ix, claim)
            && picture.weigh(ix, claim).is_gt()
        {
            // Old news perhaps, of the time of a partition: the accused is asked first.
            let to = picture.unbound(ix);
            out.say_frame(to, Frame::Claim(claim.clone()));
            let now = picture.now;
            self.watches.suspect(picture, out, ix, now);
            return;
        }
        if !self.takes_word(picture, out, from, claim, channel) {
            return;
        }
        let by = picture.id(from);
        let weighed = picture.consider(out, claim, by);
        if channel != Channel::Direct
            && let Weighed::News(News { ix, .. }) | Weighed::Known(ix) = weighed
        {
            self.returns.told(ix);
        }
        match weighed {
            Weighed::News(news) => {
                out.stats.updates_applied += 1;
                self.on_news(picture, out, news, claim);
                let others = picture.peers.places.others(news.ix).count();
                if picture.peers.places.has_moved(news.ix)
                    && !picture.peers.is_dubious(news.ix)
                    && picture.peers.places.may_try(others, picture.now)
                {
                    picture.greet_elsewhere(out, news.ix);
                }
                if news.held && channel == Channel::Direct && news.ix != from {
                    // It may not have said so, and not know that this is said of it.
                    out.say_frame(picture.bound(news.ix), Frame::Claim(claim.clone()));
                }
                self.pass_on_news(picture, out, news, from, channel);
            }
            Weighed::Known(ix) => {
                out.stats.updates_stale += 1;
                let known = picture.peers.places.said(ix);
                if claim.locator.is_some() && claim.locator != known {
                    self.contradicted(picture, out, ix, claim);
                    if ix == from && channel == Channel::Direct {
                        picture.relocate(out, ix, claim);
                    }
                }
            }
            Weighed::Beaten(ix) => {
                out.stats.updates_stale += 1;
                // Repair compares the living only, so a node that has missed an end hears of it here.
                let gone = channel == Channel::Direct && !picture.state(ix).is_living();
                if gone || picture.peers.may_tell(from, picture.now, &picture.timing) {
                    let better = picture.claim(ix);
                    out.say_frame(picture.bound(from), Frame::Claim(better));
                }
            }
            Weighed::Refused => {}
        }
    }

    /// Two nodes have heard different things of how a peer is reached in one incarnation. Each keeps its
    /// own until the peer, which is told both, puts itself above them.
    fn contradicted(&self, picture: &mut Picture, out: &mut Out, ix: Ix, claim: &Claim) {
        if picture.peers.may_tell(ix, picture.now, &picture.timing) {
            let to = picture.bound(ix);
            for said in [picture.claim(ix), claim.clone()] {
                out.say_frame(to, Frame::Claim(said));
            }
        }
    }

    /// Something new is known of a peer.
    pub(crate) fn on_news(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        news: News,
        claim: &Claim,
    ) {
        self.watches.drop(picture, out, news.ix);
        match claim.standing {
            Standing::Alive => {
                self.comeback.located(picture, news.ix);
                match news.before {
                    None => self.probes.admit(out, news.ix),
                    Some((state, _)) if !state.is_present() => {
                        self.probes.readmit(out, news.ix);
                    }
                    Some(_) => {}
                }
                picture.company(out);
                if news.before.is_some_and(|(state, _)| state.is_missing()) {
                    self.reunion(picture, out);
                }
            }
            Standing::Down => {
                if let Some(until) = self.watches.note_verified(picture, news.ix) {
                    self.probes.hurry(picture, out, until);
                }
                self.comeback.lost(picture, out);
                picture.expect_expiry(out);
            }
            Standing::Left => {
                self.comeback.lost(picture, out);
                picture.expect_expiry(out);
            }
        }
    }

    /// A lost peer is back: others may be, and much may have been missed.
    pub(crate) fn reunion(&mut self, picture: &mut Picture, out: &mut Out) {
        picture.reunion(out);
        self.comeback.reunion(picture, out);
    }

    /// Tells everybody of news that came to this node alone: a life that begins, from the node
    /// itself, and, if nobody else does so first, the return of one that was lost.
    pub(crate) fn pass_on_news(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        news: News,
        from: Ix,
        channel: Channel,
    ) {
        let born = news.ix == from && news.before.is_none_or(|(_, new_life)| new_life);
        let back = news.before.is_some_and(|(state, _)| state.is_shown_gone());
        if channel != Channel::Direct {
            return;
        }
        if born {
            picture.tell_all_of(out, news.ix);
        } else if back {
            self.returns.note(picture, out, news.ix);
        }
    }

    /// A claim about this node, which alone knows better.
    pub(crate) fn on_claim_about_me(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        from: Ix,
        claim: &Claim,
    ) {
        let me = picture.claim(Ix::ME);
        if claim.life.epoch > me.life.epoch {
            let said = claim.locator.as_ref().and_then(|locator| locator.addresses().next());
            self.renewal.rival = said.or(self.renewal.rival);
            self.renewal.claimed(picture, out, claim.life.epoch);
            return;
        }
        let theirs = (claim.life.epoch, claim.incarnation, claim.standing);
        let mine = (me.life.epoch, me.incarnation, me.standing);
        let same = claim.locator == me.locator;
        if theirs == mine && same || self.departure.is_running() {
            return;
        }
        if theirs > mine || theirs == mine && claim.locator.is_some() {
            let (window, peers) = (picture.config.silence_window, picture.ring.len());
            let plea = picture.health.plea(window, peers, picture.now);
            out.stats.refutations += 1;
            if theirs > mine {
                picture.health.worse();
            }
            if !mutated!(picture.config, IncarnationKept)
                && !picture.object(out, claim.incarnation, plea)
            {
                // Nothing beats this in the present life.
                self.renewal.claimed(picture, out, Epoch(me.life.epoch.0.saturating_add(1)));
                return;
            }
            picture.tell_all_of(out, Ix::ME);
        }
        let to = picture.bound(from);
        let better = picture.claim(Ix::ME);
        out.say_frame(to, Frame::Claim(better));
    }

    /// What was said of a peer counts now, as the peer has been asked and is silent.
    pub(crate) fn on_silence(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        claim: &Claim,
        by: NodeId,
    ) {
        if let Weighed::News(news) = picture.consider(out, claim, by) {
            self.on_news(picture, out, news, claim);
        }
    }

    /// Nobody has answered a probe.
    pub(crate) fn on_unanswered(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        unanswered: Unanswered,
    ) {
        if picture.peers.should_answer(unanswered.ix) {
            picture.health.probed(false, picture.now);
        }
        if picture.config.liveness == Liveness::On && picture.health.trusts_silence(picture.now) {
            self.watches.suspect(picture, out, unanswered.ix, unanswered.since);
        }
    }

    /// This node has found a peer to be down: everybody is told, the accused first.
    pub(crate) fn on_verdict(&mut self, picture: &mut Picture, out: &mut Out, claim: &Claim) {
        let me = picture.me().id;
        if let Weighed::News(news) = picture.consider(out, claim, me) {
            self.on_news(picture, out, news, claim);
            if !picture.peers.is_dubious(news.ix) {
                let to = picture.unbound(news.ix);
                out.say_frame(to, Frame::Claim(claim.clone()));
            }
            picture.tell_all(out, Frame::Claim(claim.clone()));
        }
    }

    /// Somebody has answered a ping of this node's, which is not cut off then.
    pub(crate) fn note_answer(&mut self, picture: &mut Picture) {
        let (window, peers) = (picture.config.silence_window, picture.ring.len());
        picture.health.answered(window, peers, picture.now);
        if self.probes.take_completed() {
            picture.health.probed(true, picture.now);
        }
    }

    /// A peer has answered something of this node's own: it lives.
    pub(crate) fn on_sign_of_life(&mut self, picture: &mut Picture, out: &mut Out, ix: Ix) {
        self.renewal.answered(picture, out, ix);
        self.on_living(picture, out, ix);
    }

    /// A peer lives, in whatever life.
    pub(super) fn on_living(&mut self, picture: &mut Picture, out: &mut Out, ix: Ix) {
        self.note_answer(picture);
        self.hearsay.answered(picture.id(ix));
        let state = picture.state(ix);
        if state.is_living() {
            self.watches.answered(picture, out, ix);
        }
        if state.is_unreachable() {
            self.reunion(picture, out);
        }
    }

    /// A peer that is in doubt has sent something: it is told that others have given it up, so
    /// that it can object, or asked for a sign of life.
    pub(crate) fn follow_up_doubt(&self, picture: &mut Picture, out: &mut Out, ix: Ix) {
        let state = picture.state(ix);
        if !state.is_in_doubt() || !picture.peers.may_tell(ix, picture.now, &picture.timing) {
            return;
        }
        let to = picture.bound(ix);
        if state.is_living() {
            out.say(to, Say::Ping);
        } else {
            out.say_frame(to, Frame::Claim(picture.claim(ix)));
        }
    }

    pub(crate) fn on_verify(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        from: Ix,
        suspect: Life,
        millis: u32,
    ) {
        let looks = |&ix: &Ix| ix != Ix::ME && ix != from && picture.is_direct(ix);
        let Some(ix) = picture.find_life(suspect).filter(looks) else {
            return;
        };
        let claim = picture.claim(ix);
        if picture.state(ix).is_living() {
            self.watches.verify(picture, out, from, ix, millis);
        } else if u128::from(picture.peers.since_turn(ix, picture.now))
            >= picture.timing.tell_again.as_millis()
        {
            // A verdict that has just been reached is on its way to everybody, and names the
            // accuser.
            out.say_frame(picture.bound(from), Frame::Claim(claim));
        }
    }

    pub(crate) fn on_finding(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        from: Ix,
        suspect: Life,
        finding: Finding,
    ) {
        let Some(ix) = picture.find_life(suspect) else { return };
        let answers = finding == Finding::Answers;
        if answers && !picture.is_direct(ix) && self.probes.vouched(out, ix, from) {
            self.on_vouched(picture, out, ix, from);
        }
        if let Some(until) = self.watches.reported(picture, out, from, ix, finding) {
            self.probes.hurry(picture, out, until);
        }
    }

    /// A relay has probed a peer that packets of this node do not reach: it lives.
    fn on_vouched(&mut self, picture: &mut Picture, out: &mut Out, ix: Ix, by: Ix) {
        picture.peers.vouched_for(ix, picture.now);
        self.hearsay.answered(picture.id(ix));
        let state = picture.state(ix);
        if state.is_living() {
            self.watches.vouched(picture, out, ix, by);
        }
        if state.is_unreachable() {
            self.reunion(picture, out);
        }
    }

    /// A known node has said something in a life, which is known from here on. Returns whether it is
    /// the node's present life. Of a node that is not known nothing is taken before its claim, which
    /// says how it is reached.
    pub(crate) fn hear_of(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        from: Ix,
        life: Life,
        channel: Channel,
    ) -> bool {
        let known = picture.find(life.id).map(|ix| picture.life(ix).epoch);
        if let Some(epoch) = known.filter(|&epoch| epoch >= life.epoch) {
            return epoch == life.epoch;
        }
        if !picture.is_plausible(out, life.epoch) || known.is_none() {
            return false;
        }
        let claim = Claim::of_birth(life, None);
        if !self.takes_word(picture, out, from, &claim, channel) {
            return false;
        }
        let by = picture.id(from);
        match picture.consider(out, &claim, by) {
            Weighed::News(news) => {
                self.on_news(picture, out, news, &claim);
                self.pass_on_news(picture, out, news, from, channel);
                true
            }
            Weighed::Known(_) | Weighed::Beaten(_) | Weighed::Refused => false,
        }
    }
}
