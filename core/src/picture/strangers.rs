//! How far this node trusts peers of which no packet has ever come: they may be inventions.

use core::time::Duration;

use crate::base::Instant;

/// How many datagrams to strangers may go unanswered before all of these are in doubt. A quarter of it
/// comes back with each that is heard.
const CREDIT: u8 = 8;

/// A node that has heard this many peers is in a large cluster, where most pairs meet late.
const MANY: usize = 16;

/// A node that has heard fewer peers than this may be about to learn of all the others.
const FEW: usize = 2;

/// A node knows most of those that are present if it has heard this many times as many as not.
const MOST: usize = 2;

/// Those that are known by what others say alone, among all peers.
#[derive(Clone, Debug, Hash)]
pub(super) struct Strangers {
    /// How many there are.
    count: usize,
    /// How many of them are present.
    present: usize,
    /// How many peers are present that have been heard.
    heard: usize,
    /// For how many more unanswered datagrams strangers are trusted.
    credit: u8,
    /// Since when this node has heard most of those that are present, if it does.
    settled: Option<Instant>,
    /// Whether many have become known since that were never heard, and few of them have been heard yet.
    flooded: bool,
}

impl Strangers {
    pub(super) const fn new() -> Self {
        Self { count: 0, present: 0, heard: 0, credit: CREDIT, settled: None, flooded: false }
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// A node becomes known by what others say.
    pub(super) const fn enter(&mut self) {
        self.count += 1;
    }

    /// Forgets a stranger that is no longer present.
    pub(super) const fn leave(&mut self) {
        self.count -= 1;
    }

    /// The first packet of a stranger has come.
    pub(super) fn meet(&mut self, is_present: bool, now: Instant) {
        self.count -= 1;
        if is_present {
            self.present -= 1;
            self.heard += 1;
        }
        self.credit = (self.credit + CREDIT / 4).min(CREDIT);
        self.follow_settled(now);
    }

    /// Whether a peer is present may have changed. This node is settled once it has heard most of the
    /// others for a while.
    pub(super) fn follow(
        &mut self,
        is_stranger: bool,
        (was, is): (bool, bool),
        now: Instant,
        settled_for: Duration,
    ) {
        let count = if is_stranger { &mut self.present } else { &mut self.heard };
        *count = *count + usize::from(is) - usize::from(was);
        let since = self.settled.map(|since| now.since(since)).unwrap_or_default();
        if is_stranger && is && !was && !self.knows_most() && since >= settled_for {
            // Clusters seldom grow like that: some of the new ones are to be heard first.
            (self.credit, self.flooded) = (0, true);
        }
        self.follow_settled(now);
    }

    /// A stranger has left a datagram unanswered.
    pub(super) const fn note_unanswered(&mut self) {
        self.credit = self.credit.saturating_sub(1);
    }

    /// Whether they may be inventions: this node has heard most of the others, or they have left its
    /// datagrams unanswered.
    pub(super) const fn are_dubious(&self) -> bool {
        self.knows_most() || self.credit == 0
    }

    /// Whether few of this node's datagrams to them have gone unanswered lately.
    pub(super) const fn are_trusted(&self) -> bool {
        self.credit > 0
    }

    /// Whether this node has heard of many all at once, after it had heard most of the others.
    pub(super) const fn are_shunned(&self) -> bool {
        self.flooded
    }

    /// Whether one that was heard is to be preferred for probes and as a verifier: they are shunned, or have
    /// left this node's datagrams unanswered.
    pub(super) const fn come_last(&self) -> bool {
        self.flooded || self.credit == 0
    }

    /// Whether their silence tells this node something of itself: others like them have answered, or the
    /// cluster is so large that most are heard late.
    pub(super) const fn should_answer(&self) -> bool {
        self.credit > 0 || self.heard >= MANY
    }

    const fn knows_most(&self) -> bool {
        self.present * MOST <= self.heard
    }

    /// Notes whether this node has heard most of the others.
    fn follow_settled(&mut self, now: Instant) {
        if self.knows_most() {
            if core::mem::take(&mut self.flooded) {
                self.credit = CREDIT;
            }
            if self.heard >= FEW {
                self.settled.get_or_insert(now);
            } else {
                self.settled = None;
            }
        } else if !self.flooded {
            self.settled = None;
        }
        self.flooded &= self.credit < CREDIT;
    }
}
