//! How large datagrams to a peer may be: packetization layer path MTU discovery (RFC 8899).
//!
//! Nothing is kept of a peer to which datagrams of [`Config::max_datagram`](crate::Config) pass, and
//! nothing is sent to find that out. A **search** begins with a suspicion: a few large datagrams in a
//! row that the peer did not acknowledge, a repair that nobody answers, or the peer's own word that
//! large ones do not arrive ([`Frame::Narrow`](crate::wire::Frame::Narrow)). From then on datagrams to
//! that peer have 508 bytes, which every path carries (RFC 8899, 4.3: black-hole detection), while
//! padded pings look for more, step by step down from the size that is in doubt. Each goes out with a
//! small one beside it: a size is refuted only if small pings were answered meanwhile and it was not, so
//! that loss is not mistaken for size. A size that passes ends the search.
//!
//! A peer to which less passes has an entry in a small table, is named in an event, and is tried with
//! the next larger size after a while, then ever more rarely (RFC 8899, 5.2: search phase). A node that
//! finds several peers in a row to be behind narrow paths takes its own path for narrow: the smaller size
//! then holds for all peers that have no entry of their own.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use crate::context::Context;
use crate::event::Event;
use crate::mutants::mutated;
use crate::node::Status;
use crate::outbox::Say;
use crate::roster::Ix;
use crate::time::Instant;
use crate::timers::Why;

/// The size that every path carries: what IPv4 has to carry in one piece, less the longest headers of
/// IP and UDP. A peer to which not even this passes is out of reach.
pub(crate) const BASE: usize = 508;

/// The sizes that are tried between [`BASE`] and `Config::max_datagram`: for a tunnel in a tunnel, the
/// default, a common Ethernet with and without a tunnel, jumbo frames, and loopback.
const STEPS: [usize; 9] = [700, 900, 1_200, 1_440, 2_800, 4_000, 8_900, 16_000, 32_000];

/// This many large datagrams in a row that a peer has not acknowledged are a suspicion.
const LOSSES: u8 = 3;

/// How often a size that passed until now is tried before it is refuted, and a smaller or a larger one.
/// With 30 % loss each way, one try in two fails by itself.
const TRIES_IN_DOUBT: u8 = 8;
const TRIES: u8 = 3;

/// How many answers to small pings are needed to refute a size, and how often they are waited for.
const SMALL_ANSWERS: u8 = 2;
const MOST_TRIES: u8 = 12;

/// This many narrow paths in a row, with no large datagram acknowledged in between, are this node's own.
const STREAK: u8 = 3;

/// The most searches at a time that begin with a suspicion: where much is lost or little may be sent,
/// many peers seem to be behind narrow paths at once, and padded pings would take what rate there is.
const SEARCHES: usize = 4;

/// The most peers whose paths are known to be narrow, and the most suspected.
const PEERS: usize = 256;
const SUSPECTS: usize = 64;

/// The first larger size is tried after this many probe intervals; after twice as many each time that it
/// does not pass, up to 2^6 times as many: some ten minutes on a LAN (RFC 8899, 5.1.1).
const RAISE_INTERVALS: u32 = 10;
const MOST_DOUBLINGS: u32 = 6;

/// What is known of the path to a peer.
#[derive(Debug)]
struct Path {
    /// The largest datagram that is sent.
    size: usize,
    /// The largest that may pass: what cannot be divided is sent up to this size.
    ceiling: usize,
    /// The size that the embedder was told last.
    told: usize,
    search: Option<Search>,
    /// When a larger size is tried, or the entry is given up if there is none.
    next: Instant,
    /// How often a larger size did not pass.
    failures: u32,
}

/// Tries of one size.
#[derive(Debug)]
struct Search {
    /// The peer that is asked.
    with: Ix,
    size: usize,
    upwards: bool,
    most: u8,
    tries: u8,
    /// Small pings that only ask whether the peer is there.
    calls: u8,
    /// Answers to small pings.
    small: u8,
    /// The padded pings.
    packets: Vec<u64>,
    due: Instant,
}

/// Large datagrams that a peer has not acknowledged.
#[derive(Debug)]
struct Suspect {
    losses: u8,
    /// The last of them: several copies may share one.
    packet: u64,
}

/// The peers to which less than the largest datagram passes, or is thought to.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    /// By peer; under this node itself, what holds for all that are not in the table.
    known: BTreeMap<Ix, Path>,
    suspects: BTreeMap<Ix, Suspect>,
    /// How many paths in a row were found to be narrow.
    streak: u8,
}

impl Context {
    /// The largest datagram that is sent to a peer; for this node itself, to one of which nothing is
    /// known, and by multicast.
    pub(crate) fn datagram(&self, to: Ix) -> usize {
        self.path(to).map_or(self.config.max_datagram, |path| path.size)
    }

    /// The largest datagram that passes to a peer, as the embedder was told.
    pub(crate) fn datagram_known(&self, to: Ix) -> usize {
        self.path(to).map_or(self.config.max_datagram, |path| path.told)
    }

    /// The largest datagram that may pass to a peer.
    pub(crate) fn widest(&self, to: Ix) -> usize {
        self.path(to).map_or(self.config.max_datagram, |path| path.ceiling)
    }

    fn path(&self, to: Ix) -> Option<&Path> {
        if self.paths.known.is_empty() || mutated!(self.config, SizeKept) {
            return None;
        }
        self.paths.known.get(&to).or_else(|| self.paths.known.get(&Ix::ME))
    }

    /// A peer has not acknowledged a datagram in time.
    pub(crate) fn datagram_lost(&mut self, to: Ix, packet: u64) {
        let suspects = &mut self.paths.suspects;
        if suspects.len() >= SUSPECTS && !suspects.contains_key(&to) {
            suspects.pop_first();
        }
        let suspect = suspects.entry(to).or_insert(Suspect { losses: 0, packet: 0 });
        if suspect.packet != packet {
            *suspect = Suspect { losses: suspect.losses + 1, packet };
        }
        if suspect.losses >= LOSSES {
            suspects.remove(&to);
            self.doubt_path(to);
        }
    }

    /// A peer has acknowledged a large datagram.
    pub(crate) fn datagram_passed(&mut self, to: Ix) {
        self.paths.streak = 0;
        if !self.paths.suspects.is_empty() {
            self.paths.suspects.remove(&to);
        }
    }

    /// A peer says that large datagrams do not seem to arrive: looked into unless it was of late.
    pub(crate) fn path_said_narrow(&mut self, from: Ix) {
        let wide = self.config.max_datagram;
        let cooling = |path: &Path| path.size == wide && self.now < path.next;
        if !self.paths.known.get(&from).is_some_and(cooling) {
            self.doubt_path(from);
        }
    }

    /// Begins to look for the size that passes to a peer, unless it has begun.
    pub(crate) fn doubt_path(&mut self, to: Ix) {
        let size = self.datagram(to);
        if size <= BASE || self.status(to) != Status::Alive || mutated!(self.config, SizeKept) {
            return;
        }
        let known = self.paths.known.get(&to);
        let told = known.map_or(size, |path| path.told);
        if known.and_then(|path| path.search.as_ref()).is_some_and(|search| !search.upwards) {
            return;
        }
        let searching = self.paths.known.values().filter(|path| path.search.is_some()).count();
        if searching >= SEARCHES {
            return;
        }
        if known.is_none() && self.paths.known.len() >= PEERS {
            let wide = self.config.max_datagram;
            let idle = self.paths.known.iter().find(|(_, path)| path.size == wide);
            let Some(idle) = idle.map(|(&ix, _)| ix) else { return };
            self.paths.known.remove(&idle);
        }
        let path = Path {
            size: BASE,
            ceiling: size,
            told,
            search: Some(self.search(to, size, false, TRIES_IN_DOUBT)),
            next: Instant::MAX,
            failures: 0,
        };
        self.paths.known.insert(to, path);
        self.say(self.bound(to), Say::Ping);
        self.arm_paths();
    }

    fn search(&self, with: Ix, size: usize, upwards: bool, most: u8) -> Search {
        let due = self.now + self.answer_wait(with, 0);
        Search { with, size, upwards, most, tries: 0, calls: 0, small: 0, packets: Vec::new(), due }
    }

    /// How long the answer to a try is waited for: twice as long as one that is late, as it may be
    /// large; a little longer each time, in case the round trip has grown.
    fn answer_wait(&self, with: Ix, tries: u8) -> Duration {
        let least = self.config.min_timeout / SHARE_OF_TIMEOUT;
        let late = self.peers.late(with).map_or(self.config.max_timeout, |late| 2 * late);
        let wait = late.max(least);
        (wait + wait / 4 * u32::from(tries)).min(self.config.max_timeout)
    }

    /// A padded ping has gone out.
    pub(crate) fn padded_ping_sent(&mut self, to: Ix, packet: u64) {
        let mut searches = self.paths.known.values_mut().filter_map(|path| path.search.as_mut());
        if let Some(search) = searches.find(|search| search.with == to && search.tries > 0) {
            search.packets.push(packet);
        }
        self.stats.path_probes_sent += 1;
    }

    /// A peer has answered a ping.
    pub(crate) fn path_answered(&mut self, by: Ix, packet: u64) {
        let mut passed = None;
        for (&of, path) in &mut self.paths.known {
            let Some(search) = path.search.as_mut().filter(|search| search.with == by) else {
                continue;
            };
            if search.packets.contains(&packet) {
                passed = Some(of);
            } else {
                search.small = search.small.saturating_add(1);
                if search.tries == 0 {
                    // The peer is there: now the size.
                    search.due = self.now;
                    self.timers.hasten(Why::Path, self.now);
                }
            }
        }
        if let Some(of) = passed {
            self.size_passed(of);
            self.arm_paths();
        }
    }

    /// Tries again, or decides, what is due.
    pub(crate) fn on_path_timer(&mut self) {
        let now = self.now;
        let due = |path: &Path| path.search.as_ref().map_or(path.next, |search| search.due) <= now;
        let known = self.paths.known.iter();
        let due: Vec<Ix> = known.filter(|(_, path)| due(path)).map(|(&ix, _)| ix).collect();
        for of in due {
            match self.paths.known.get_mut(&of).map(|path| path.search.take()) {
                Some(Some(search)) => self.go_on(of, search),
                Some(None) => self.try_larger(of),
                None => {}
            }
        }
        self.arm_paths();
    }

    fn go_on(&mut self, of: Ix, mut search: Search) {
        let with = search.with;
        let there = search.small > 0;
        if there && search.tries >= search.most && search.small >= SMALL_ANSWERS {
            return self.size_refuted(of, &search);
        }
        let spent = search.calls >= TRIES_IN_DOUBT || search.tries >= MOST_TRIES;
        if spent || self.status(with) != Status::Alive {
            return self.inconclusive(of);
        }
        if self.outbox.is_held(self.now, self.config.max_datagram, false) {
            // What is sent now would wait, and seem to be lost.
            search.due = self.now + self.answer_wait(with, MOST_TRIES);
            if let Some(path) = self.paths.known.get_mut(&of) {
                path.search = Some(search);
            }
            return;
        }
        let asked = if there { &mut search.tries } else { &mut search.calls };
        *asked += 1;
        search.due = self.now + self.answer_wait(with, search.tries + search.calls);
        let (to, size) = (self.bound(with), search.size);
        if let Some(path) = self.paths.known.get_mut(&of) {
            path.search = Some(search);
        }
        self.say(to, Say::Ping);
        if there {
            self.say(to, Say::PaddedPing { size });
        }
    }

    /// Nothing was heard of the peer: it is gone, or nothing at all passes.
    fn inconclusive(&mut self, of: Ix) {
        let wide = self.config.max_datagram;
        let rest = self.config.probe_interval;
        let Some(path) = self.paths.known.get_mut(&of) else { return };
        if path.told < wide {
            (path.size, path.ceiling) = (path.told, path.told);
            path.next = self.now + raise_after(rest, path.failures);
        } else {
            self.paths.known.remove(&of);
        }
    }

    fn size_refuted(&mut self, of: Ix, search: &Search) {
        let Some(path) = self.paths.known.get_mut(&of) else { return };
        if search.upwards {
            path.failures += 1;
            path.next = self.now + raise_after(self.config.probe_interval, path.failures);
            return;
        }
        let smaller = STEPS.iter().rev().copied().find(|&step| step < search.size);
        path.ceiling = smaller.unwrap_or(BASE);
        match smaller {
            Some(size) => {
                let mut next = self.search(search.with, size, false, TRIES);
                // That the peer is there is known.
                next.small = 1;
                next.due = self.now;
                if let Some(path) = self.paths.known.get_mut(&of) {
                    path.search = Some(next);
                }
            }
            None => self.conclude(of, BASE),
        }
    }

    fn size_passed(&mut self, of: Ix) {
        let Some(path) = self.paths.known.get_mut(&of) else { return };
        let Some(search) = path.search.take() else { return };
        self.paths.suspects.remove(&search.with);
        if search.upwards {
            path.failures = 0;
        }
        self.conclude(of, search.size);
    }

    /// A search has ended.
    fn conclude(&mut self, of: Ix, size: usize) {
        let wide = self.config.max_datagram;
        let Some(path) = self.paths.known.get_mut(&of) else { return };
        let (from, larger) = (path.told, size > path.told);
        (path.size, path.ceiling, path.told) = (size, size, size);
        let rest = raise_after(self.config.probe_interval, path.failures);
        // What has just become wider may be wider still.
        path.next = if larger && size < wide { self.now } else { self.now + rest };
        if size == from {
            return;
        }
        if larger {
            self.stats.paths_widened += 1;
            self.paths.streak = 0;
        } else {
            self.stats.paths_narrowed += 1;
            self.paths.streak = self.paths.streak.saturating_add(1);
        }
        if of == Ix::ME {
            self.tell_path_of_all(from, size);
            if size == wide {
                self.paths.known.remove(&of);
            }
            return;
        }
        let peer = self.id(of);
        self.event(Event::Path { peer, from, to: size });
        let narrow = self.paths.known.values().filter(|path| path.told < wide).count();
        let own = narrow.min(self.paths.streak.into()) >= STREAK.into();
        if own && !self.paths.known.contains_key(&Ix::ME) {
            self.take_for_own(size);
        }
    }

    /// So many paths are narrow that it must be this node's own: the size holds for all.
    fn take_for_own(&mut self, size: usize) {
        let wide = self.config.max_datagram;
        let next = self.now + raise_after(self.config.probe_interval, 0);
        let own = Path { size, ceiling: size, told: size, search: None, next, failures: 0 };
        self.tell_path_of_all(wide, size);
        self.paths.known.insert(Ix::ME, own);
        // Searches that would find the same.
        let same = |path: &Path| path.search.is_some() || path.size >= size;
        let own = |ix: Ix| ix == Ix::ME;
        let done: Vec<Ix> = self
            .paths
            .known
            .iter()
            .filter(|&(&ix, path)| !own(ix) && same(path))
            .map(|(&ix, _)| ix)
            .collect();
        for ix in done {
            self.paths.known.remove(&ix);
        }
    }

    /// Names all peers that have no entry of their own.
    fn tell_path_of_all(&mut self, from: usize, to: usize) {
        let peers: Vec<Ix> = self.topology.roster().iter().collect();
        for ix in peers {
            let told = self.paths.known.get(&ix).map_or(from, |path| path.told);
            if ix != Ix::ME && told == from && self.is_reachable(ix) {
                let peer = self.id(ix);
                self.event(Event::Path { peer, from, to });
            }
        }
    }

    fn try_larger(&mut self, of: Ix) {
        let wide = self.config.max_datagram;
        let Some(path) = self.paths.known.get(&of) else { return };
        if path.size >= wide {
            self.paths.known.remove(&of);
            return;
        }
        let size = STEPS.iter().copied().find(|&step| step > path.size).unwrap_or(wide).min(wide);
        let rest = raise_after(self.config.probe_interval, path.failures);
        let with = if of == Ix::ME { self.random_alive(1, of).pop() } else { Some(of) };
        let with = with.filter(|&with| self.status(with) == Status::Alive);
        let search = with.map(|with| self.search(with, size, true, TRIES));
        let Some(path) = self.paths.known.get_mut(&of) else { return };
        path.next = self.now + rest;
        path.search = search;
        if let Some(with) = with {
            self.say(self.bound(with), Say::Ping);
        }
    }

    fn arm_paths(&mut self) {
        let known = self.paths.known.values();
        let due = known.map(|path| path.search.as_ref().map_or(path.next, |search| search.due));
        let due = due.min().filter(|&at| at < Instant::MAX);
        self.timers.set(Why::Path, due.map(|at| at.max(self.now + LEAST_PAUSE)));
    }
}

impl Paths {
    /// Forgets a peer that is leaving the table.
    pub(crate) fn forget(&mut self, ix: Ix) {
        self.known.remove(&ix);
        self.suspects.remove(&ix);
        for path in self.known.values_mut() {
            path.search.take_if(|search| search.with == ix);
        }
    }

    /// Begins anew with other sizes.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The packet numbers begin anew: what was asked will not be answered.
    pub(crate) fn renumber(&mut self, now: Instant) {
        self.suspects.clear();
        for path in self.known.values_mut() {
            if path.search.take().is_some() {
                path.next = now;
            }
        }
    }
}

/// A try is waited for at least as long as this part of [`Config::min_timeout`](crate::Config).
const SHARE_OF_TIMEOUT: u32 = 32;

/// A deadline lies ahead.
const LEAST_PAUSE: Duration = Duration::from_nanos(1);

/// After how long a larger size is tried that has failed this often.
fn raise_after(probe_interval: Duration, failures: u32) -> Duration {
    probe_interval * RAISE_INTERVALS * (1 << failures.min(MOST_DOUBLINGS))
}
