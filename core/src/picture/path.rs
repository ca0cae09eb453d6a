//! How large datagrams to a peer may be: packetization layer path MTU discovery (RFC 8899).
//!
//! As long as datagrams of [`Config::max_datagram`](crate::Config) pass to a peer, nothing is kept
//! about its path and nothing is sent to test it. A **search** begins with a suspicion: a few large
//! datagrams in a row that the peer did not acknowledge, a repair that nobody answers, or the
//! peer's own word that large ones do not arrive ([`Frame::Narrow`](crate::wire::Frame::Narrow)).
//! From then on datagrams to that peer have 508 bytes, which every path carries (RFC 8899, 4.3:
//! black-hole detection), while padded pings look for a larger size, step by step down from the
//! size that is in doubt. Each goes out with a small ping beside it: a size is refuted only if
//! small pings were answered in the meantime and padded ones were not, so that loss is not mistaken
//! for size. A size that passes ends the search.
//!
//! A peer to which less passes has an entry in a small table and is named in an event. The next
//! larger size is tried after a while, then ever more rarely (RFC 8899, 5.2: search phase). A node
//! that finds several peers in a row behind narrow paths concludes that its own path is narrow: the
//! smaller size then holds for all peers that have no entry of their own.

mod search;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use self::search::{Search, TRIES_IN_DOUBT};
use crate::base::{Instant, Ix, backoff};
use crate::mutants::mutated;
use crate::out::{Event, Out, Say, Why};
use crate::picture::Picture;
use crate::timing::Timing;

/// The size that every path carries: what IPv4 must be able to deliver, less the longest headers of
/// IP and UDP. A peer to which not even this passes is out of reach.
pub(crate) const BASE: usize = 508;

/// The sizes that are tried between [`BASE`] and `Config::max_datagram`: for a tunnel in a tunnel, the
/// default, a common Ethernet with and without a tunnel, jumbo frames, and loopback.
const STEPS: [usize; 9] = [700, 900, 1_200, 1_440, 2_800, 4_000, 8_900, 16_000, 32_000];

/// This many large datagrams in a row that a peer has not acknowledged are a suspicion.
const LOSSES_TO_SUSPECT: u8 = 3;

/// This many narrow paths in a row, with no large datagram acknowledged in between, are this node's own.
const STREAK_OF_OWN_PATH: u8 = 3;

/// The most searches at a time that a suspicion begins: with much loss or a low send rate many
/// peers seem to be behind narrow paths at once, and padded pings would use up the rate.
const MOST_SEARCHES: usize = 4;

/// The most peers with paths that are known to be narrow, and with paths that are suspected.
const MOST_PEERS: usize = 256;
const MOST_SUSPECTS: usize = 64;

/// The pause before a larger size is tried doubles each time that the size does not pass, this many
/// times at most.
const MOST_DOUBLINGS: u32 = 6;

/// What is known of the path to a peer.
#[derive(Clone, Debug, Hash)]
struct Path {
    /// The largest datagram that is sent.
    size: usize,
    /// The largest datagram that may pass: what cannot be divided is sent up to this size.
    ceiling: usize,
    /// The size that the embedder was told last.
    told: usize,
    search: Option<Search>,
    /// When a larger size is tried, or the entry is dropped if there is none.
    next: Instant,
    /// How often a larger size did not pass.
    failures: u32,
}

impl Path {
    /// How long the size stays as it is.
    fn rest(&self, timing: &Timing) -> Duration {
        backoff::after(timing.path_raise, self.failures, MOST_DOUBLINGS)
    }
}

/// Large datagrams that a peer has not acknowledged.
#[derive(Clone, Debug, Hash)]
struct Suspect {
    losses: u8,
    /// The last packet among them: several copies may share one.
    packet: u64,
}

/// The peers to which less than the largest datagram passes, or is thought to.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Paths {
    /// By peer; the entry of this node itself holds for all peers that are not in the table.
    known: BTreeMap<Ix, Path>,
    suspects: BTreeMap<Ix, Suspect>,
    /// How many paths in a row were found to be narrow.
    streak: u8,
}

impl Picture {
    /// The largest datagram that is sent to a peer; for this node itself: to an unknown node, and
    /// by multicast.
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
    pub(crate) fn datagram_lost(&mut self, out: &mut Out, to: Ix, packet: u64) {
        let suspects = &mut self.paths.suspects;
        if suspects.len() >= MOST_SUSPECTS && !suspects.contains_key(&to) {
            suspects.pop_first();
        }
        let suspect = suspects.entry(to).or_insert(Suspect { losses: 0, packet: 0 });
        if suspect.packet != packet {
            *suspect = Suspect { losses: suspect.losses + 1, packet };
        }
        if suspect.losses >= LOSSES_TO_SUSPECT {
            suspects.remove(&to);
            self.doubt_path(out, to);
        }
    }

    /// A peer has acknowledged a large datagram.
    pub(crate) fn datagram_passed(&mut self, to: Ix) {
        self.paths.streak = 0;
        if !self.paths.suspects.is_empty() {
            self.paths.suspects.remove(&to);
        }
    }

    /// A peer says that large datagrams do not seem to arrive: begins a search, unless one has just
    /// ended.
    pub(crate) fn path_said_narrow(&mut self, out: &mut Out, from: Ix) {
        let wide = self.config.max_datagram;
        let cooling = |path: &Path| path.size == wide && self.now < path.next;
        if !self.paths.known.get(&from).is_some_and(cooling) {
            self.doubt_path(out, from);
        }
    }

    /// Begins to look for the size that passes to a peer, unless it has begun.
    pub(crate) fn doubt_path(&mut self, out: &mut Out, to: Ix) {
        let size = self.datagram(to);
        if size <= BASE || !self.state(to).is_alive() || mutated!(self.config, SizeKept) {
            return;
        }
        let known = self.paths.known.get(&to);
        let told = known.map_or(size, |path| path.told);
        if known.and_then(|path| path.search.as_ref()).is_some_and(|search| !search.upwards) {
            return;
        }
        let searching = self.paths.known.values().filter(|path| path.search.is_some()).count();
        if searching >= MOST_SEARCHES {
            return;
        }
        if known.is_none() && self.paths.known.len() >= MOST_PEERS {
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
        out.say(self.bound(to), Say::Ping);
        self.arm_paths(out);
    }

    /// Tries again, or decides, what is due.
    pub(crate) fn on_path_timer(&mut self, out: &mut Out) {
        let now = self.now;
        let due = |path: &Path| path.search.as_ref().map_or(path.next, |search| search.due) <= now;
        let known = self.paths.known.iter();
        let due: Vec<Ix> = known.filter(|(_, path)| due(path)).map(|(&ix, _)| ix).collect();
        for of in due {
            match self.paths.known.get_mut(&of).map(|path| path.search.take()) {
                Some(Some(search)) => self.go_on(out, of, search),
                Some(None) => self.try_larger(out, of),
                None => {}
            }
        }
        self.arm_paths(out);
    }

    /// A search has ended.
    fn conclude(&mut self, out: &mut Out, of: Ix, size: usize) {
        let wide = self.config.max_datagram;
        let Some(path) = self.paths.known.get_mut(&of) else { return };
        let (from, larger) = (path.told, size > path.told);
        (path.size, path.ceiling, path.told) = (size, size, size);
        let rest = path.rest(&self.timing);
        // A path that has just become wider may be wider still.
        path.next = if larger && size < wide { self.now } else { self.now + rest };
        if size == from {
            return;
        }
        if larger {
            out.stats.paths_widened += 1;
            self.paths.streak = 0;
        } else {
            out.stats.paths_narrowed += 1;
            self.paths.streak = self.paths.streak.saturating_add(1);
        }
        if of == Ix::ME {
            self.tell_path_of_all(out, from, size);
            if size == wide {
                self.paths.known.remove(&of);
            }
            return;
        }
        let peer = self.id(of);
        out.event(Event::Path { peer, from, to: size });
        let narrow = self.paths.known.values().filter(|path| path.told < wide).count();
        let own = narrow.min(self.paths.streak.into()) >= STREAK_OF_OWN_PATH.into();
        if own && !self.paths.known.contains_key(&Ix::ME) {
            self.take_for_own(out, size);
        }
    }

    /// Several paths in a row are narrow, so this node's own path must be: the size holds for all.
    fn take_for_own(&mut self, out: &mut Out, size: usize) {
        let wide = self.config.max_datagram;
        let next = self.now + self.timing.path_raise;
        let own = Path { size, ceiling: size, told: size, search: None, next, failures: 0 };
        self.tell_path_of_all(out, wide, size);
        self.paths.known.insert(Ix::ME, own);
        // Entries and searches that would say the same are dropped, if their peers were reported
        // like all others.
        let told = |path: &Path| path.told == wide || path.told == size;
        let same = |path: &Path| told(path) && (path.search.is_some() || path.size >= size);
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

    /// Reports the size for a peer that is new, or was an exception, if this node's own path is
    /// narrow.
    pub(crate) fn tell_path_of_new(&self, out: &mut Out, ix: Ix) {
        let (from, to) = (self.config.max_datagram, self.datagram_known(ix));
        if from != to && ix != Ix::ME {
            let peer = self.id(ix);
            out.event(Event::Path { peer, from, to });
        }
    }

    /// Reports the size for all peers that have no entry of their own.
    fn tell_path_of_all(&self, out: &mut Out, from: usize, to: usize) {
        let peers: Vec<Ix> = self.topology.roster().iter().collect();
        for ix in peers {
            let told = self.paths.known.get(&ix).map_or(from, |path| path.told);
            if ix != Ix::ME && told == from {
                let peer = self.id(ix);
                out.event(Event::Path { peer, from, to });
            }
        }
    }

    /// Begins anew with another largest datagram: which sizes pass is found out again.
    pub(crate) fn forget_paths(&mut self, out: &mut Out, wide: usize) {
        let known = !self.paths.known.is_empty();
        let peers = self.topology.roster().iter().filter(|&ix| known && ix != Ix::ME);
        let told = peers.map(|ix| (ix, self.datagram_known(ix)));
        let told: Vec<(Ix, usize)> =
            told.filter(|&(_, from)| from != self.config.max_datagram).collect();
        for (ix, from) in told {
            let peer = self.id(ix);
            out.event(Event::Path { peer, from, to: wide });
        }
        self.paths = Paths::default();
        out.timers.set(Why::Path, None);
    }

    pub(crate) fn arm_paths(&self, out: &mut Out) {
        let known = self.paths.known.values();
        let due = known.map(|path| path.search.as_ref().map_or(path.next, |search| search.due));
        let due = due.min().filter(|&at| at < Instant::MAX);
        out.timers.set(Why::Path, due.map(|at| at.max(self.now + LEAST_PAUSE)));
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

    /// Packet numbers begin anew, and open pings will not be answered: searches end where they
    /// began.
    pub(crate) fn renumber(&mut self, now: Instant, wide: usize) {
        self.suspects.clear();
        self.known.retain(|_, path| path.told != wide);
        for path in self.known.values_mut() {
            if path.search.take().is_some() {
                (path.size, path.ceiling, path.next) = (path.told, path.told, now);
            }
        }
    }
}

/// A deadline lies ahead.
const LEAST_PAUSE: Duration = Duration::from_nanos(1);
