//! Whether the word of another about a node is enough, or the node itself is asked first.

use crate::base::{Channel, Ix};
use crate::claims::{Claim, Standing};
use crate::membership::{Doubt, Membership};
use crate::out::Out;
use crate::picture::Picture;

/// By how much the incarnation of a peer that lives grows at most, for all that others say: a node raises
/// it by four at most when it objects. Near the end of the numbers it would have to begin another life.
const LEAP: u32 = 1 << 10;

impl Membership {
    /// Whether a claim is taken as it is; otherwise its subject is asked first.
    ///
    /// Of a node that is not known, a claim of life is looked into if this node may have forgotten it,
    /// or has no room for all that is said. What is doubted of a peer that was heard is in the table of
    /// *Doubt* in the [protocol](crate::protocol).
    pub(crate) fn takes_word(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        from: Ix,
        claim: &Claim,
        channel: Channel,
    ) -> bool {
        if let Some(ix) = picture.find(claim.life.id) {
            let later = claim.life.epoch > picture.life(ix).epoch;
            // What comes from a node along the tree need not be its own word.
            let own = from == ix && channel == Channel::Direct;
            if own || !picture.weigh(ix, claim).is_gt() || !picture.peers.get(ix).was_heard() {
                return true;
            }
            // A node that calls another down knows its incarnation, unless it makes that up.
            let known = if later { 0 } else { picture.peers.get(ix).incarnation };
            let raised = claim.incarnation > known;
            let leaps = claim.incarnation.saturating_sub(known) > LEAP;
            let unheard = !picture.peers.is_heard(ix);
            let denied = picture.peers.falls.has_denied(ix, picture.now, &picture.timing);
            let just_heard =
                picture.peers.since_heard(ix, picture.now) < picture.config.silence_window;
            let living = picture.state(ix).is_living();
            let suspicious = match claim.standing {
                Standing::Alive => living && (leaps || later && denied),
                Standing::Down => later || living && (raised || unheard || denied || just_heard),
                Standing::Left => later || living && (raised || unheard || denied),
            };
            return !suspicious || self.hearsay.ask(picture, out, from, claim, Doubt::Accused);
        }
        if claim.standing != Standing::Alive {
            return true;
        }
        let forgotten = picture.forgotten.is_some_and(|(epoch, _)| claim.life.epoch <= epoch);
        let full = picture.topology.roster().is_full() && picture.peers.unheard() > 0;
        let doubt = if forgotten { Doubt::Forgotten } else { Doubt::NoRoom };
        !(forgotten || full) || self.hearsay.ask(picture, out, from, claim, doubt)
    }
}
