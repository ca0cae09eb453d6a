//! Which nodes live: SWIM with Lifeguard's health, verifiers instead of gossiped suspicion, and
//! a retry of the lost that ends only when they are forgotten.
//!
//! | file | what it decides |
//! |---|---|
//! | `probe` | which peer is pinged next, and when an answer is late |
//! | `survey` | whether this node still hears most of the others, as soon as one is silent |
//! | `suspicion`, `watch` | the suspects: all of them, and one of them; who verifies, and the conclusion |
//! | `claims` | what follows from a claim, a verdict, a silence, a sign of life |
//! | `word`, `hearsay` | whether the word of another is enough; asking the accused first |
//! | `challenge`, `asked` | asking strangers to prove that they are heard live; asking them how they are named, and whether they are where they say |
//! | `comeback`, `returns` | retrying the lost, and telling all that one of them is back |
//! | `renewal`, `numbers` | when this node begins a new life; whether its own packet numbers are refused |
//! | `draining` | which other owners this node may count on when it drains |
//! | `evidence` | what the application has found out about peers by its own traffic |
//! | `departure` | when this node may stop after it has said that it leaves |
//!
//! Nodes that are gone are forgotten by `repair::tombstones`.

mod asked;
mod challenge;
mod claims;
mod comeback;
mod departure;
mod draining;
mod evidence;
mod hearsay;
mod numbers;
mod probe;
mod renewal;
mod returns;
mod survey;
mod suspicion;
mod watch;
mod word;

use crate::base::{Epoch, Ix};
use crate::out::{Out, Why};
use crate::picture::Picture;
use asked::Asking;
use challenge::Challenges;
use comeback::Comeback;
use departure::Departure;
use draining::Draining;
use evidence::Failed;
use hearsay::{Doubt, Hearsay};
use numbers::Numbers;
use probe::{Probes, Unanswered};
use renewal::Renewal;
use returns::Returns;
use suspicion::Watches;

/// The parts that find out which nodes live, and see to it that this one counts among them.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Membership {
    pub(crate) asking: Asking,
    pub(crate) challenges: Challenges,
    pub(crate) probes: Probes,
    pub(crate) watches: Watches,
    pub(crate) comeback: Comeback,
    pub(crate) hearsay: Hearsay,
    pub(crate) renewal: Renewal,
    pub(crate) numbers: Numbers,
    pub(crate) returns: Returns,
    pub(crate) departure: Departure,
    pub(crate) draining: Draining,
    failed: Failed,
}

impl Membership {
    /// A life begins.
    pub(crate) fn start(&mut self, picture: &mut Picture, out: &mut Out) {
        // A suspect that nothing watches any more would stay one for ever.
        self.watches.void(picture, out);
        self.watches = Watches::default();
        self.renewal.start();
        self.numbers.start();
        self.departure = Departure::default();
        self.draining.start(picture, out);
        self.probes.start(picture, out);
        self.comeback.start(picture, out);
        self.hearsay.clear();
        self.returns.clear();
        self.failed.clear();
    }

    /// What was asked has not been sent, or this node was asleep when the answers came.
    pub(crate) fn void(&mut self, picture: &mut Picture, out: &mut Out) {
        self.watches.void(picture, out);
        self.probes.void(out);
    }

    /// A deadline of one of the parts is due. Returns the epoch in which this node has to begin anew, if
    /// that is due.
    pub(crate) fn on_deadline(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        why: Why,
    ) -> Option<Epoch> {
        match why {
            Why::Probe => {
                for unanswered in self.probes.on_timer(picture, out) {
                    self.on_unanswered(picture, out, unanswered);
                }
            }
            Why::Watch => {
                for claim in &self.watches.on_timer(picture, out) {
                    self.on_verdict(picture, out, claim);
                }
                if self.watches.take_silent() {
                    self.probes.silent(picture, out);
                }
            }
            Why::Hearsay => {
                for (claim, by) in self.hearsay.on_timer(picture, out) {
                    self.on_silence(picture, out, &claim, by);
                }
            }
            Why::Comeback => {
                for lost in self.comeback.on_timer(picture, out) {
                    self.probes.try_by_relay(picture, out, lost);
                }
            }
            Why::Return => self.returns.on_timer(picture, out),
            Why::Departure => self.departure.on_timer(out),
            Why::Draining => self.draining.on_timer(picture, out),
            Why::Renewal => return self.renewal.on_timer(picture, out),
            _ => {}
        }
        None
    }

    /// Forgets a node that is leaving the table.
    pub(crate) fn forget(&mut self, picture: &Picture, out: &mut Out, ix: Ix) {
        self.probes.forget(ix);
        self.watches.forget(picture, out, ix);
        self.numbers.forget(ix);
        self.draining.forget(ix);
        self.failed.retain(|&(failed, _)| failed != ix);
        self.returns.told(ix);
    }
}
