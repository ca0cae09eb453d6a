//! Repair: two nodes with unequal roots find what differs and exchange just that.
//!
//! Sums over ranges of the position space are compared and split where they differ (range-based
//! set reconciliation, Meyer 2022) until a range is small enough to list. The answerer keeps no
//! state: every datagram says all that its answer needs.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use crate::context::Context;
use crate::node::Status;
use crate::outbox::Say;
use crate::repair::answer::{ask, send, send_record};
use crate::repair::snapshot::{Snapshot, Subject};
use crate::roster::Ix;
use crate::time::Instant;
use crate::timers::Why;
use crate::topology::GroupName;
use crate::wire::{Claim, Frame, Holdings, MetadataVersion, RangeSum, RecordVersion, Standing};

/// Unequal comparisons in a row before a repair starts.
const UNEQUAL: u32 = 3;

/// Into how many ranges one that differs is split.
const SPLIT: usize = 16;

/// A range with at most this many subjects on both sides is listed.
const LEAF: u64 = 16;

/// The most frames of records and claims that one datagram can cause to be sent, and the most lists
/// of it that are looked at.
const GENEROSITY: usize = 2048;
const LISTS: u32 = 2;

/// How many subjects a node sends to newcomers in a window of so many milliseconds; beyond that it
/// refers them to so many others.
const WELCOME_SUBJECTS: u64 = 8_192;
const WELCOME_WINDOW: u64 = 100;
const REFERRALS: usize = 8;

/// How long a node is a newcomer at most; how often it compares roots until it has caught up, and
/// how often it asks for everything again.
const NEWCOMER: Duration = Duration::from_secs(1);
const NEWCOMER_PINGS: Duration = Duration::from_millis(20);
const NEWCOMER_REST: Duration = Duration::from_millis(100);

/// After the return of a lost peer much may differ: for so long roots are compared this often,
/// and repairs start at once.
const REUNION: Duration = Duration::from_secs(3);
const REUNION_REST: Duration = Duration::from_millis(100);

/// Before an eager repair the own picture must not have changed for so long.
const QUIET: Duration = Duration::from_millis(60);

/// Comparisons, and the stock that answers are made from.
#[derive(Debug, Default)]
pub(crate) struct Repair {
    unequal: u32,
    since: Option<Instant>,
    last: Option<Instant>,
    company_since: Option<Instant>,
    /// This node's root when it was looked at last, and since when it has been that.
    root: (u64, Instant),
    /// How many subjects newcomers have been sent in a window of time.
    welcomed: (u64, u64),
    /// What the packet that is being taken in may still make this node send.
    budget: usize,
    lists: u32,
    caught_up: bool,
    reunion_until: Instant,
    snapshot: Snapshot,
}

impl Repair {
    /// Begins as a newcomer, who asks without patience; a node that renews knows the others.
    pub(crate) fn start(&mut self, ctx: &mut Context) {
        let caught_up = self.caught_up && ctx.ring.len() > 0;
        *self = Self { caught_up, ..Self::default() };
        if caught_up {
            self.reunion(ctx);
        }
    }

    /// A peer's root has been compared with this node's.
    pub(crate) fn compared(&mut self, ctx: &mut Context, with: Ix, equal: bool) {
        if equal {
            self.unequal = 0;
            self.since = None;
            self.settle_in(ctx);
            self.snapshot = Snapshot::default();
            return;
        }
        ctx.stats.roots_unequal += 1;
        self.unequal += 1;
        let since = *self.since.get_or_insert(ctx.now);
        let waited = ctx.now.since(since);
        let rest = if !self.caught_up {
            NEWCOMER_REST
        } else if ctx.now < self.reunion_until {
            REUNION_REST
        } else {
            ctx.config.repair_interval
        };
        let rested = self.last.is_none_or(|last| ctx.now.since(last) >= rest);
        let patient = self.unequal >= UNEQUAL && waited >= ctx.config.repair_patience;
        let quiet = self.is_quiet(ctx);
        let eager = !self.caught_up || quiet && ctx.now < self.reunion_until;
        if rested && (patient || eager) {
            self.begin(ctx, with);
        }
    }

    /// There is somebody to learn from: a newcomer asks soon.
    pub(crate) fn company(&mut self, ctx: &mut Context) {
        if !self.caught_up && self.company_since.is_none() {
            self.company_since = Some(ctx.now);
            ctx.timers.set(Why::Repair, Some(ctx.now + Duration::from_millis(1)));
        }
    }

    /// Whether the picture is no longer a newcomer's: others know this node, and it them.
    pub(crate) fn has_caught_up(&self) -> bool {
        self.caught_up
    }

    /// The newcomer is one no longer. Of those who came at the same time it may have missed some.
    fn settle_in(&mut self, ctx: &mut Context) {
        if !self.caught_up {
            self.caught_up = true;
            self.reunion(ctx);
            ctx.flush_soon();
        }
    }

    /// A lost peer is back: what was missed on either side is looked for at once.
    pub(crate) fn reunion(&mut self, ctx: &mut Context) {
        self.reunion_until = ctx.now + REUNION;
        let wait = ctx.around(REUNION_REST / 2);
        ctx.timers.hasten(Why::Repair, ctx.now + wait);
    }

    /// A newcomer asks somebody for everything, until a root was found equal; at a reunion roots
    /// are compared.
    pub(crate) fn on_timer(&mut self, ctx: &mut Context) {
        if ctx.ring.len() == 0 {
            return;
        }
        let at = ctx.random_below(ctx.ring.len());
        let with = ctx.ring.at(at);
        if !self.caught_up {
            if self.last.is_none() {
                self.begin(ctx, with);
            }
            // Where something changes all the time, roots may never be found equal.
            if self.company_since.is_some_and(|since| ctx.now.since(since) >= NEWCOMER) {
                self.settle_in(ctx);
            }
            ctx.say(ctx.bound(with), Say::Ping);
            let wait = ctx.around(NEWCOMER_PINGS);
            ctx.timers.set(Why::Repair, Some(ctx.now + wait));
        } else if ctx.now < self.reunion_until {
            ctx.say(ctx.bound(with), Say::Ping);
            let wait = ctx.around(REUNION_REST);
            ctx.timers.set(Why::Repair, Some(ctx.now + wait));
        }
    }

    /// A packet begins: it has a budget of its own for what it makes this node send.
    pub(crate) fn begin_packet(&mut self) {
        self.budget = GENEROSITY;
        self.lists = 0;
    }

    /// Whether one more list of the packet is looked at.
    pub(crate) fn takes_list(&mut self) -> bool {
        self.lists += 1;
        self.lists <= LISTS
    }

    /// Sends a peer the writes of a record after a clock.
    pub(crate) fn on_want(
        &mut self,
        ctx: &mut Context,
        from: Ix,
        group: &GroupName,
        member: Ix,
        since: u64,
    ) {
        send_record(ctx, from, group, member, since, &mut self.budget);
    }

    /// Answers the sums that a peer has sent.
    pub(crate) fn on_ranges(&mut self, ctx: &mut Context, from: Ix, ranges: &[RangeSum]) {
        self.take_stock(ctx);
        if !self.caught_up
            && let Some(all) = ranges.iter().find(|range| is_everything(range))
        {
            // The end of what this newcomer has asked for. Much less than that is a referral to
            // others; a little less was lost on the way and is seen later.
            let held = self.snapshot.sum(0, u64::MAX).count;
            if held >= all.count / 4 * 3 {
                self.settle_in(ctx);
            } else {
                self.last = None;
                ctx.timers.set(Why::Repair, Some(ctx.now + Duration::from_millis(1)));
            }
            return;
        }
        let mut questions = Vec::new();
        for theirs in ranges {
            let mine = self.snapshot.sum(theirs.from, theirs.to);
            if (mine.sum, mine.count) == (theirs.sum, theirs.count) {
                continue;
            }
            if theirs.count == 0 {
                if is_everything(theirs) {
                    self.welcome(ctx, from);
                    questions.push(mine);
                } else {
                    self.give(ctx, from, theirs);
                }
            } else if mine.count == 0 {
                questions.push(mine);
            } else if mine.count <= LEAF || theirs.count <= LEAF && mine.count <= 4 * LEAF {
                self.list(ctx, from, mine);
            } else {
                questions.extend(self.snapshot.split(theirs.from, theirs.to, SPLIT));
            }
        }
        ask(ctx, from, &questions);
    }

    /// Compares what a peer lists with what this node holds; sends what the peer lacks, asks for
    /// what this node lacks. Claims have been taken in already.
    pub(crate) fn on_holdings(&mut self, ctx: &mut Context, from: Ix, theirs: &Holdings) {
        self.take_stock(ctx);
        let to = ctx.bound(from);
        let mut listed = BTreeSet::new();
        for claim in &theirs.claims {
            if let Some(ix) = ctx.find(claim.life.id) {
                listed.insert(Subject::Peer(ix));
                if ctx.weigh(ix, claim).is_lt() {
                    let claim = ctx.claim(ix);
                    ctx.say_frame(to, Frame::Claim(claim));
                }
            }
        }
        for RecordVersion { group, member, clock } in &theirs.records {
            let Some(ix) = ctx.find(member.id) else {
                let member = *member;
                ctx.say_frame(to, Frame::Want { group: group.clone(), member, since: 0 });
                continue;
            };
            listed.insert(Subject::Record(group.clone(), ix));
            let epoch = ctx.life(ix).epoch;
            let have = ctx.topology.clock_of(group, ix).unwrap_or(0);
            if member.epoch == epoch && *clock > have && ix != Ix::ME {
                let member = *member;
                ctx.say_frame(to, Frame::Want { group: group.clone(), member, since: have });
            } else if member.epoch < epoch || *clock < have {
                let since = if member.epoch < epoch { 0 } else { *clock };
                send_record(ctx, from, group, ix, since, &mut self.budget);
            }
        }
        let mut wanted = Vec::new();
        for version in &theirs.metadata {
            let Some(ix) = ctx.find(version.life.id) else {
                continue;
            };
            listed.insert(Subject::Metadata(ix));
            let have = ctx.metadata.version(ix);
            if ctx.life(ix) == version.life && have < version.version && !theirs.answer {
                wanted.push(MetadataVersion { life: version.life, version: have });
            } else if have > version.version {
                ctx.say_frame(to, ctx.metadata.frame(ctx.life(ix), ix));
            }
        }
        if !wanted.is_empty() {
            let (from, to_position) = (theirs.from, theirs.to);
            let answer = Holdings {
                from,
                to: to_position,
                answer: true,
                claims: Vec::new(),
                records: Vec::new(),
                metadata: wanted,
            };
            ctx.say_frame(to, Frame::Holdings(answer));
        }
        if !theirs.answer {
            let mine: Vec<Subject> =
                self.snapshot.subjects(theirs.from, theirs.to).take(GENEROSITY).cloned().collect();
            for subject in mine.into_iter().filter(|subject| !listed.contains(subject)) {
                send(ctx, from, &subject, &mut self.budget);
            }
        }
    }

    /// Whether nothing has changed for a while: while news pours in, roots differ all the time.
    fn is_quiet(&mut self, ctx: &Context) -> bool {
        let root = ctx.root();
        if self.root.0 != root {
            self.root = (root, ctx.now);
        }
        ctx.now.since(self.root.1) >= QUIET
    }

    fn begin(&mut self, ctx: &mut Context, with: Ix) {
        ctx.stats.repairs += 1;
        self.unequal = 0;
        self.since = None;
        self.last = Some(ctx.now);
        self.take_stock(ctx);
        if self.caught_up {
            ask(ctx, with, &self.snapshot.split(0, u64::MAX, SPLIT));
        } else {
            // A newcomer holds next to nothing: one range, answered with everything in it.
            self.budget = GENEROSITY;
            let everything = self.snapshot.sum(0, u64::MAX);
            self.give(ctx, with, &everything);
            ask(ctx, with, &[RangeSum { from: 0, to: u64::MAX, sum: 0, count: 0 }]);
        }
    }

    fn take_stock(&mut self, ctx: &Context) {
        if !self.snapshot.is_current(ctx.root()) {
            self.snapshot = Snapshot::take(ctx);
        }
    }

    /// Sends a newcomer everything, or the names of a few others if there are too many newcomers.
    fn welcome(&mut self, ctx: &mut Context, to: Ix) {
        let window = ctx.now.as_millis() / WELCOME_WINDOW;
        if self.welcomed.0 != window {
            self.welcomed = (window, 0);
        }
        let everything = self.snapshot.sum(0, u64::MAX);
        self.welcomed.1 += everything.count;
        if self.welcomed.1 <= WELCOME_SUBJECTS || everything.count <= 2 * REFERRALS as u64 {
            self.give(ctx, to, &everything);
            return;
        }
        for ix in ctx.random_alive(REFERRALS, to) {
            send(ctx, to, &Subject::Peer(ix), &mut self.budget);
        }
    }

    /// Sends everything in a range.
    fn give(&mut self, ctx: &mut Context, to: Ix, range: &RangeSum) {
        for subject in self.snapshot.subjects(range.from, range.to) {
            if self.budget == 0 || ctx.outbox.is_full() {
                ctx.stats.answers_withheld += 1;
                return;
            }
            send(ctx, to, subject, &mut self.budget);
        }
    }

    /// Lists what lies in a range, in as many datagrams as it takes.
    fn list(&self, ctx: &mut Context, to: Ix, range: RangeSum) {
        let mut holdings = Holdings {
            from: range.from,
            to: range.to,
            answer: false,
            claims: Vec::new(),
            records: Vec::new(),
            metadata: Vec::new(),
        };
        let mut cost = 64;
        for subject in self.snapshot.subjects(range.from, range.to) {
            match subject {
                Subject::Peer(ix) => {
                    let claim = ctx.claim(*ix);
                    cost += crate::wire::claim_cost(&claim);
                    holdings.claims.push(claim);
                }
                Subject::Metadata(ix) => {
                    let version =
                        MetadataVersion { life: ctx.life(*ix), version: ctx.metadata.version(*ix) };
                    cost += crate::wire::metadata_version_cost(&version);
                    holdings.metadata.push(version);
                }
                Subject::Record(group, ix) => {
                    let clock = ctx.topology.clock_of(group, *ix).unwrap_or(0);
                    let member = ctx.life(*ix);
                    let version = RecordVersion { group: group.clone(), member, clock };
                    cost += crate::wire::record_version_cost(&version);
                    holdings.records.push(version);
                }
            }
        }
        if cost > ctx.config.max_datagram - crate::wire::OVERHEAD && range.count > 1 {
            for half in self.snapshot.split(range.from, range.to, 2) {
                if half.count < range.count {
                    self.list(ctx, to, half);
                }
            }
        } else {
            ctx.say_frame(ctx.bound(to), Frame::Holdings(holdings));
        }
    }
}

/// Whether a sum is that of all there is.
fn is_everything(range: &RangeSum) -> bool {
    (range.from, range.to) == (0, u64::MAX)
}

/// Whether a claim that a repair brought is to be checked with the node itself before it counts:
/// it says that a node is down which this node sees alive, and may be old news.
pub(crate) fn is_doubtful(ctx: &Context, ix: Ix, claim: &Claim) -> bool {
    claim.standing == Standing::Down
        && claim.life.epoch == ctx.life(ix).epoch
        && ctx.status(ix) == Status::Alive
}
