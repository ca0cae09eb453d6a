//! The probe cycle: one peer each interval, in turn the one half-way round the ring and one of all
//! in random order (SWIM 4.3).
//!
//! A peer that is probed at random alone goes unprobed for 4.6 intervals in one case of 100. With one that
//! is sure to look every other interval it is 2, for as many probes. The next on the ring would do
//! as well for that, but what a broadcast misses it misses together, and probes compare roots.
//!
//! A peer with which this node shares no address family is probed by a relay, a node with addresses of
//! all families, which is asked to verify it.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use crate::base::{Address, Destination, Instant, Ix};
use crate::membership::survey::Survey;
use crate::mutants::mutated;
use crate::out::{Out, Say, Why};
use crate::picture::Picture;
use crate::wire::Frame;

/// How often a probe is sent before it counts as unanswered. At 10 % loss one try fails in five.
///
/// The second wait is twice the first, which is no back-off. A peer that stands still for a moment is soon back, and the
/// window runs from the first try: haste would gain nothing but more to answer for a slow peer. After
/// the last try the wait is short again. A suspicion costs nobody but the suspect anything until half
/// of the window is over, and at 30 % loss two of three end with one of the pings that are sent before
/// that, where verifiers would have to be asked otherwise.
const TRIES_PER_PROBE: u8 = 3;

/// How many peers from the one half-way round the ring on are looked at for one that lives.
const LOOKED_AT_ACROSS: usize = 16;

/// Among many that may be made up a node probes the one of this many, drawn from those it has heard, that has
/// been silent for the longest: one drawn alone may be missed for half a minute.
const SILENT_OF: usize = 3;

/// How many times as often as usual a node probes during a mass crash. Twice would leave the last
/// of 50 unprobed for 4 s in the mean.
const HASTE_FACTOR: u32 = 4;

/// The most probes that wait for their answers.
const MOST_RUNNING: usize = 16;

/// A peer that is being probed.
#[derive(Clone, Copy, Debug, Hash)]
struct Probe {
    ix: Ix,
    tries: u8,
    since: Instant,
    due: Instant,
}

/// The probe cycle, and all pings that may still be answered.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Probes {
    order: Vec<Ix>,
    /// Whether the last probe went half-way round the ring.
    across: bool,
    /// The peer that is not to be the one across, and until when.
    detour: Option<(Ix, Instant)>,
    running: Vec<Probe>,
    next_round: Instant,
    haste_until: Instant,
    /// Whether a probe has been answered since that was asked.
    completed: bool,
    pings: BTreeMap<u64, Sent>,
    /// The peers that others were asked to probe, with those that were asked, and when.
    asked: Vec<(Ix, Ix, Instant)>,
    survey: Survey,
}

/// A ping that may still be answered.
#[derive(Clone, Copy, Debug, Hash)]
struct Sent {
    to: Ix,
    at: Instant,
    /// The address that it went to, if that is not the one in use.
    elsewhere: Option<Address>,
}

/// A probe that nobody answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unanswered {
    /// The peer that did not answer.
    pub(crate) ix: Ix,
    /// When it was asked first.
    pub(crate) since: Instant,
}

impl Probes {
    /// Begins the cycle at a random phase.
    pub(crate) fn start(&mut self, picture: &Picture, out: &mut Out) {
        *self = Self::default();
        let interval = picture.config.probe_interval;
        self.next_round = picture.now + out.around(interval).saturating_sub(interval / 2);
        out.timers.set(Why::Probe, Some(self.next_round));
    }

    /// Gives a peer that has just been admitted a random place in what is left of the cycle.
    pub(crate) fn admit(&mut self, out: &mut Out, ix: Ix) {
        let at = out.random_below(self.order.len() + 1);
        crate::base::growth::push(&mut self.order, ix);
        let last = self.order.len() - 1;
        self.order.swap(at, last);
    }

    /// The same for a peer that was lost for a while.
    pub(crate) fn readmit(&mut self, out: &mut Out, ix: Ix) {
        if !self.order.contains(&ix) {
            self.admit(out, ix);
        }
    }

    /// Probes more often for a while: many are dying.
    pub(crate) fn hurry(&mut self, picture: &Picture, out: &mut Out, until: Instant) {
        self.haste_until = until;
        let soon = picture.now + out.around(picture.config.probe_interval / HASTE_FACTOR);
        self.next_round = self.next_round.min(soon);
        self.arm(out);
    }

    /// Probes a peer out of its turn. Returns whether that begins now.
    pub(crate) fn begin(&mut self, picture: &Picture, out: &mut Out, ix: Ix) -> bool {
        let begins = self.fits(picture, ix) && self.running.len() < MOST_RUNNING;
        if begins {
            out.stats.probes_sent += 1;
            let now = picture.now;
            self.ask(picture, out, Probe { ix, tries: 1, since: now, due: now });
            self.arm(out);
        }
        begins
    }

    /// A peer has been heard otherwise: its probe has found what it looked for.
    pub(crate) fn spare(&mut self, out: &mut Out, ix: Ix) {
        self.survey.answered(ix);
        if self.is_running(ix) {
            self.running.retain(|probe| probe.ix != ix);
            self.completed = true;
            self.arm(out);
        }
    }

    /// Forgets the running probes: this node was asleep when the answers came.
    pub(crate) fn void(&mut self, out: &mut Out) {
        self.running.clear();
        self.survey.void();
        self.arm(out);
    }

    /// Retries, gives up or begins a probe, whatever is due.
    pub(crate) fn on_timer(&mut self, picture: &mut Picture, out: &mut Out) -> Vec<Unanswered> {
        let mut unanswered = Vec::new();
        for probe in
            self.running.extract_if(.., |probe| probe.due <= picture.now).collect::<Vec<_>>()
        {
            if !picture.is_watchable(probe.ix) {
                // More is known of it by now, or it is being watched.
            } else if probe.tries < TRIES_PER_PROBE && !picture.peers.is_dubious(probe.ix) {
                self.survey.begin(picture, out);
                self.ask(picture, out, Probe { tries: probe.tries + 1, ..probe });
            } else {
                if self.next_across(picture) == Some(probe.ix)
                    && !mutated!(picture.config, DetourOff)
                {
                    self.detour = Some((probe.ix, picture.now + picture.timing.detour));
                }
                out.stats.probes_unanswered += 1;
                picture.peers.note_unanswered(probe.ix);
                unanswered.push(Unanswered { ix: probe.ix, since: probe.since });
            }
        }
        self.survey.on_timer(picture, out);
        if self.next_round <= picture.now {
            // Not stretched by poor health: after a mass crash verifiers are missing too.
            let mut interval = picture.config.probe_interval;
            if picture.now < self.haste_until {
                interval /= HASTE_FACTOR;
            }
            self.next_round = picture.now + interval;
            if self.running.len() < MOST_RUNNING
                && let Some(ix) = self.next_target(picture, out)
            {
                self.begin(picture, out, ix);
            }
        }
        self.arm(out);
        unanswered
    }

    /// Notes that ping number `packet` has been sent to an address of a peer.
    pub(crate) fn sent(&mut self, picture: &Picture, packet: u64, to: Ix, addr: Destination) {
        let elsewhere = match addr {
            Destination::Unicast(addr) if addr != picture.peers.places.address(to) => {
                Some(addr.into())
            }
            Destination::Unicast(_) | Destination::Multicast => None,
        };
        while let Some(oldest) = self.pings.first_entry() {
            let stale = picture.now.since(oldest.get().at) > picture.timing.ping_memory;
            if !stale && self.pings.len() < picture.config.limits.inquiries as usize {
                break;
            }
            self.pings.pop_first();
        }
        self.pings.insert(packet, Sent { to, at: picture.now, elsewhere });
    }

    /// Whether ping number `packet` has gone to a peer and has not been answered.
    pub(crate) fn awaits(&self, packet: u64, by: Ix) -> bool {
        self.pings.get(&packet).is_some_and(|sent| sent.to == by)
    }

    /// A peer that was asked to probe another has got an answer. Returns whether it was asked.
    pub(crate) fn vouched(&mut self, out: &mut Out, of: Ix, by: Ix) -> bool {
        let before = self.asked.len();
        self.asked.retain(|&(asked, relay, _)| (asked, relay) != (of, by));
        if self.asked.len() == before {
            return false;
        }
        self.asked.retain(|&(asked, ..)| asked != of);
        self.running.retain(|probe| probe.ix != of);
        self.arm(out);
        true
    }

    /// A peer that this node was asked to verify does not answer it either.
    pub(crate) fn silent(&mut self, picture: &Picture, out: &mut Out) {
        self.survey.begin(picture, out);
        self.arm(out);
    }

    /// Takes in an answer; returns whether it answers a ping of this node to that peer.
    pub(crate) fn answered(
        &mut self,
        picture: &mut Picture,
        out: &mut Out,
        packet: u64,
        by: Ix,
    ) -> bool {
        let Some(&Sent { to, at, elsewhere }) = self.pings.get(&packet) else {
            return false;
        };
        if to != by {
            return false;
        }
        self.pings.remove(&packet);
        if picture.peers.places.others(by).next().is_some() {
            if let Some(addr) = elsewhere {
                picture.place(out, by, |places| places.answered(by, addr));
            }
            // The first answer says which way is the best.
            let same = self.pings.values_mut().filter(|sent| sent.to == by);
            same.for_each(|sent| sent.elsewhere = None);
        }
        let round_trip = picture.now.since(at);
        picture.peers.sample(by, round_trip);
        picture.note_answer(at);
        // The way to it works: what was lost before was lost by chance.
        self.detour.take_if(|(other, _)| *other == by);
        self.spare(out, by);
        true
    }

    /// Whether a probe has been answered since this was called last.
    pub(crate) fn take_completed(&mut self) -> bool {
        core::mem::take(&mut self.completed)
    }

    /// Forgets a peer that is leaving the table.
    pub(crate) fn forget(&mut self, ix: Ix) {
        self.order.retain(|&other| other != ix);
        self.pings.retain(|_, sent| sent.to != ix);
        self.running.retain(|probe| probe.ix != ix);
        self.survey.forget(ix);
        self.asked.retain(|&(of, by, _)| of != ix && by != ix);
        self.detour.take_if(|(other, _)| *other == ix);
    }

    /// The first try is bound, the others are not: the peer may have begun a new life. Each goes through
    /// another relay if the peer is out of reach.
    fn ask(&mut self, picture: &Picture, out: &mut Out, probe: Probe) {
        let (least, most) = (picture.config.min_timeout, picture.config.max_timeout);
        let late = picture.peers.late(probe.ix).map_or(most, |late| late.max(least));
        let times = if probe.tries == 2 { 2 } else { 1 };
        let wait = (late * times).min(most) * picture.health.factor();
        let wait = wait.min(picture.config.silence_window / 2);
        if !picture.is_direct(probe.ix) {
            self.ask_relay(picture, out, probe.ix, wait);
        } else if probe.tries == 1 {
            out.say(picture.bound(probe.ix), Say::Ping);
        } else {
            picture.greet_everywhere(out, probe.ix);
        }
        self.running.push(Probe { due: picture.now + wait, ..probe });
    }

    /// Has a relay try an unreachable peer that packets of this node do not reach.
    pub(crate) fn try_by_relay(&mut self, picture: &Picture, out: &mut Out, ix: Ix) {
        let wait = picture.config.max_timeout.min(picture.config.silence_window / 2);
        self.ask_relay(picture, out, ix, wait);
    }

    /// Has a relay probe a peer that packets of this node do not reach.
    fn ask_relay(&mut self, picture: &Picture, out: &mut Out, ix: Ix, wait: Duration) {
        let (now, memory) = (picture.now, picture.timing.ping_memory);
        self.asked.retain(|&(.., at)| now.since(at) <= memory);
        let asked: Vec<Ix> =
            self.asked.iter().filter(|(of, ..)| *of == ix).map(|(_, by, _)| *by).collect();
        let other = picture.relay(out, &asked);
        if let Some(relay) = other.or_else(|| picture.relay(out, &[])) {
            if !asked.contains(&relay) {
                self.asked.push((ix, relay, now));
            }
            let millis = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
            let verify = Frame::Verify { suspect: picture.life(ix), millis };
            out.say_frame(picture.bound(relay), verify);
        }
    }

    fn next_target(&mut self, picture: &Picture, out: &mut Out) -> Option<Ix> {
        self.across = !self.across;
        let next = if self.across { self.next_across(picture) } else { None };
        let heard = |ix| picture.peers.get(ix).was_heard();
        if self.across && picture.peers.prefers_heard() && !next.is_some_and(heard) {
            // However many are made up, every other probe goes to one that is not.
            let fits = |ix| heard(ix) && self.fits(picture, ix);
            let known = picture.random_alive(out, SILENT_OF, fits).into_iter();
            let silent = known.max_by_key(|&ix| picture.peers.since_heard(ix, picture.now));
            return silent.or(next).or_else(|| self.next_in_order(picture, out));
        }
        next.or_else(|| self.next_in_order(picture, out))
    }

    /// The first peer from the one half-way round the ring on that nothing is held against.
    fn next_across(&self, picture: &Picture) -> Option<Ix> {
        let mut peers = picture.ring.opposite(picture.position(Ix::ME)).take(LOOKED_AT_ACROSS);
        let shunned =
            |ix| self.detour.is_some_and(|(other, until)| ix == other && picture.now < until);
        peers.find(|&ix| picture.state(ix).is_alive() && !self.is_running(ix) && !shunned(ix))
    }

    /// The next of all in random order, in a new one when all have had their turn.
    fn next_in_order(&mut self, picture: &Picture, out: &mut Out) -> Option<Ix> {
        while let Some(ix) = self.order.pop() {
            if self.fits(picture, ix) {
                return Some(ix);
            }
        }
        let mut order = core::mem::take(&mut self.order);
        let peers = picture.topology.roster().iter();
        order.extend(peers.filter(|&ix| ix != Ix::ME && self.fits(picture, ix)));
        for last in (1..order.len()).rev() {
            let other = out.random_below(last + 1);
            order.swap(last, other);
        }
        self.order = order;
        self.order.pop()
    }

    fn fits(&self, picture: &Picture, ix: Ix) -> bool {
        // With nobody to ask nothing better than unreachable comes of it.
        let hopeless = picture.state(ix).is_unreachable() && picture.ring.len() == 0;
        picture.is_watchable(ix) && !hopeless && !self.is_running(ix)
    }

    fn is_running(&self, ix: Ix) -> bool {
        self.running.iter().any(|probe| probe.ix == ix)
    }

    fn arm(&self, out: &mut Out) {
        let dues = self.running.iter().map(|probe| probe.due).chain(self.survey.due());
        let due = dues.fold(self.next_round, Instant::min);
        out.timers.set(Why::Probe, Some(due));
    }
}
