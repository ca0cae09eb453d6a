//! The seeds of a node: looking names up again and again, and whom to contact then.
//!
//! A name is looked up by a thread of its own, as that may take seconds, in which the node must go on. It is
//! looked up for as long as the node runs, because what it stands for changes: nodes are replaced, and two
//! halves of a cluster that have each found somebody need to hear of each other.

use std::cell::OnceCell;
use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use scalesmall_core::{Engine, Peer, Status};

use crate::lookup::look_up;
use crate::seed::{Seed, can_reach};

/// How long to wait before a name that could not be looked up is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// The most seeds that are remembered; the oldest is forgotten for one more.
const SEEDS: usize = 64;
/// How many addresses of a name are contacted after a look-up by a node that has company. All nodes look the
/// name up, so each address has its turn; one that has none contacts all of them.
const CONTACTS: usize = 8;
/// How often to check whether a look-up is done: between these two, and more rarely the longer it takes.
const CHECK: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(500)];

/// What is known of a seed: see [`Front::seeds`](crate::Front::seeds).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeedState {
    /// Its name is being looked up for the first time.
    LookingUp,
    /// Its name could not be looked up.
    Unresolved {
        /// What the system says.
        why: String,
    },
    /// It has addresses, but none of a family that the node can reach.
    OutOfReach,
    /// At none of its addresses is a live peer.
    Silent {
        /// Its addresses that can be reached.
        addresses: Vec<SocketAddr>,
    },
    /// At one of its addresses at least is a live peer, or this node itself.
    Answers,
}

/// The seeds of a node, and the look-ups under way.
#[derive(Debug)]
pub(crate) struct Seeds {
    known: VecDeque<Known>,
    /// The address to send from.
    local: IpAddr,
    every: Duration,
}

#[derive(Debug)]
struct Known {
    seed: Seed,
    /// Addresses that can be reached.
    addresses: Vec<SocketAddr>,
    /// The seed whose turn it is to be contacted.
    turn: usize,
    last: Last,
    lookup: Option<Lookup>,
    due: Option<Instant>,
}

/// When a look-up has begun, and what comes of it.
type Lookup = (Instant, Receiver<Result<Vec<SocketAddr>, String>>);

/// How the last look-up of a name ended.
#[derive(Clone, Debug)]
enum Last {
    None,
    Failed(String),
    OutOfReach,
    Found,
}

/// What look-ups have found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Addresses to contact.
    pub(crate) addresses: Vec<SocketAddr>,
    /// How many names have addresses, but none that can be reached.
    pub(crate) out_of_reach: u64,
}

impl Seeds {
    pub(crate) fn new(seeds: &[Seed], local: IpAddr, every: Duration) -> Self {
        let mut all = Self { known: VecDeque::new(), local, every };
        for seed in seeds {
            all.add(seed.clone());
        }
        all
    }

    /// One more seed; a name is looked up at the next [`Seeds::poll`].
    pub(crate) fn add(&mut self, seed: Seed) {
        self.known.retain(|known| known.seed != seed);
        if self.known.len() >= SEEDS {
            self.known.pop_front();
        }
        let (addresses, last, due) = match &seed {
            Seed::Addr(addr) if can_reach(self.local, *addr) => (vec![*addr], Last::Found, None),
            Seed::Addr(_) => (Vec::new(), Last::OutOfReach, None),
            Seed::Name { .. } | Seed::Service(_) => (Vec::new(), Last::None, Some(Instant::now())),
        };
        self.known.push_back(Known { seed, addresses, turn: 0, last, lookup: None, due });
    }

    /// The seeds that need no look-up.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let addr = |known: &Known| match known.seed {
            Seed::Addr(addr) => Some(addr),
            Seed::Name { .. } | Seed::Service(_) => None,
        };
        self.known.iter().filter_map(addr).collect()
    }

    /// Looks all names up soon: at once, but not again within a few seconds.
    pub(crate) fn hasten(&mut self) {
        let soon = Instant::now() + RETRY;
        for known in &mut self.known {
            known.due = known.due.map(|due| due.min(soon));
        }
    }

    /// Begins the look-ups that are due, and takes in those that are done. `is_met` says whether there is a
    /// live peer at an address, and `alone` whether the node has no company.
    pub(crate) fn poll(
        &mut self,
        is_met: impl Fn(SocketAddr) -> bool,
        alone: impl Fn() -> bool,
    ) -> Option<Found> {
        let mut all: Option<Found> = None;
        for known in &mut self.known {
            let every = self.every;
            let Some(ended) = known.poll(self.local, every) else { continue };
            let found = all.get_or_insert_default();
            found.out_of_reach += u64::from(matches!(ended, Last::OutOfReach));
            if matches!(ended, Last::Found) {
                let most = if alone() { SEEDS } else { CONTACTS };
                found.addresses.extend(known.next(most, &is_met));
            }
        }
        all
    }

    /// When to poll again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let at = |known: &Known| match &known.lookup {
            Some((since, _)) => {
                let [least, most] = CHECK;
                Some(Instant::now() + (since.elapsed() / 4).clamp(least, most))
            }
            None => known.due,
        };
        self.known.iter().filter_map(at).min()
    }

    /// All seeds, and what is known of each.
    pub(crate) fn states(
        &self,
        is_met: impl Fn(SocketAddr) -> bool,
    ) -> impl Iterator<Item = (&Seed, SeedState)> {
        self.known.iter().map(move |known| {
            let state = match &known.last {
                _ if known.addresses.iter().any(|addr| is_met(*addr)) => SeedState::Answers,
                Last::None => SeedState::LookingUp,
                Last::Failed(why) => SeedState::Unresolved { why: why.clone() },
                Last::OutOfReach => SeedState::OutOfReach,
                Last::Found => SeedState::Silent { addresses: known.addresses.clone() },
            };
            (&known.seed, state)
        })
    }
}

impl Known {
    /// Begins a look-up that is due; returns how one has ended.
    fn poll(&mut self, local: IpAddr, every: Duration) -> Option<&Last> {
        if self.lookup.is_none() && self.due.is_some_and(|due| due <= Instant::now()) {
            self.lookup = self.begin();
            if self.lookup.is_none() {
                self.due = Some(Instant::now() + RETRY);
            }
        }
        let (_, lookup) = self.lookup.as_ref()?;
        let found = match lookup.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err("the look-up has failed".to_owned()),
            Ok(found) => found,
        };
        self.lookup = None;
        let pause = if found.is_ok() { around(every) } else { every.min(RETRY) };
        self.due = Some(Instant::now() + pause);
        self.last = match found {
            Err(why) => Last::Failed(why),
            Ok(found) => {
                let any = !found.is_empty();
                self.addresses = found.into_iter().filter(|to| can_reach(local, *to)).collect();
                match self.addresses.is_empty() {
                    false => Last::Found,
                    true if any => Last::OutOfReach,
                    true => Last::Failed("it has no address".to_owned()),
                }
            }
        };
        Some(&self.last)
    }

    fn begin(&self) -> Option<Lookup> {
        let seed = self.seed.clone();
        let (done, lookup) = sync_channel(1);
        // The node may be gone when it is done; then the result is dropped.
        let look_up = move || drop(done.send(look_up(&seed)));
        Builder::new().name("scalesmall-seed".to_owned()).spawn(look_up).ok()?;
        Some((Instant::now(), lookup))
    }

    /// The next addresses at which there is no live peer.
    fn next(&mut self, most: usize, is_met: &impl Fn(SocketAddr) -> bool) -> Vec<SocketAddr> {
        let turn = self.turn % self.addresses.len().max(1);
        let (before, from) = self.addresses.split_at(turn);
        let unmet = from.iter().chain(before).copied().filter(|addr| !is_met(*addr));
        self.turn = turn + most;
        unmet.take(most).collect()
    }
}

/// The addresses at which there is a live peer, or this node itself; listed once they are needed.
pub(crate) struct Met<'a> {
    engine: &'a Engine,
    addresses: OnceCell<BTreeSet<SocketAddr>>,
}

impl<'a> Met<'a> {
    pub(crate) const fn new(engine: &'a Engine) -> Self {
        Self { engine, addresses: OnceCell::new() }
    }

    pub(crate) fn at(&self, addr: SocketAddr) -> bool {
        self.addresses.get_or_init(|| self.list()).contains(&plain(addr))
    }

    fn list(&self) -> BTreeSet<SocketAddr> {
        let me = self.engine.peer(self.engine.id());
        let present = self.engine.peers().filter(is_present).chain(me);
        let addresses = present.flat_map(|peer| peer.addresses.into_iter().chain([peer.address]));
        let seeds = self.engine.seeds().filter(|(_, met)| *met).map(|(seed, _)| seed);
        addresses.chain(seeds).map(plain).collect()
    }
}

/// An address without the scope that is its own host's alone.
fn plain(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

/// Whether no other node is present.
pub(crate) fn is_alone(engine: &Engine) -> bool {
    !engine.peers().any(|peer| is_present(&peer))
}

const fn is_present(peer: &Peer) -> bool {
    matches!(peer.status, Status::Alive | Status::Suspect)
}

/// A time around `span`, between three and five quarters of it, so that the nodes of a cluster do not ask
/// their name server all at once.
fn around(span: Duration) -> Duration {
    let mut random = [0];
    // Without random bytes, all wait for the least time.
    let _ = getrandom::fill(&mut random);
    span * 3 / 4 + span * u32::from(random[0]) / 512
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const EVERY: Duration = Duration::from_secs(30);

    fn seeds(texts: &[&str], local: IpAddr) -> Seeds {
        let seeds: Vec<Seed> = texts.iter().map(|text| text.parse().unwrap()).collect();
        Seeds::new(&seeds, local, EVERY)
    }

    fn found(seeds: &mut Seeds) -> Found {
        let limit = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(found) = seeds.poll(|_| false, || true) {
                return found;
            }
            assert!(seeds.deadline().is_some() && Instant::now() < limit);
            std::thread::yield_now();
        }
    }

    #[test]
    fn names_are_looked_up_aside_again_and_again_and_addresses_at_once() {
        let mut seeds = seeds(&["127.0.0.1:7", "localhost:9"], Ipv4Addr::LOCALHOST.into());
        assert_eq!(seeds.addresses(), ["127.0.0.1:7".parse().unwrap()]);
        let first = found(&mut seeds);
        assert_eq!(
            (first.out_of_reach, first.addresses),
            (0, vec!["127.0.0.1:9".parse().unwrap()])
        );
        let due = seeds.deadline().unwrap().saturating_duration_since(Instant::now());
        assert!(due > EVERY / 2 && due <= EVERY * 5 / 4, "{due:?}");
        seeds.hasten();
        assert!(seeds.deadline().unwrap() <= Instant::now() + RETRY);
    }

    #[test]
    fn a_name_is_out_of_reach_only_if_all_of_its_addresses_are() {
        let mut known = seeds(&["localhost:9"], Ipv6Addr::LOCALHOST.into());
        let v4: SocketAddr = "10.0.0.1:9".parse().unwrap();
        let v6: SocketAddr = "[fd00::1]:9".parse().unwrap();
        for (addresses, expected) in [
            (vec![v4, v6], SeedState::Silent { addresses: vec![v6] }),
            (vec![v4], SeedState::OutOfReach),
            (vec![], SeedState::Unresolved { why: "it has no address".to_owned() }),
        ] {
            let (done, lookup) = sync_channel(1);
            done.send(Ok(addresses)).unwrap();
            known.known[0].lookup = Some((Instant::now(), lookup));
            let found = known.poll(|_| false, || true).unwrap();
            assert_eq!(found.out_of_reach, u64::from(expected == SeedState::OutOfReach));
            assert_eq!(known.states(|_| false).next().unwrap().1, expected);
        }
    }

    #[test]
    fn in_company_a_few_addresses_that_are_not_met_are_contacted_at_a_time() {
        let mut seeds = seeds(&["many:1"], Ipv4Addr::LOCALHOST.into());
        let address = |number: u8| SocketAddr::from(([127, 0, 0, number], 1));
        let all: Vec<SocketAddr> = (1..=20).map(address).collect();
        let is_met = |addr: SocketAddr| addr == address(3);
        let mut contacted = Vec::new();
        for _ in 0..3 {
            let (done, lookup) = sync_channel(1);
            done.send(Ok(all.clone())).unwrap();
            seeds.known[0].lookup = Some((Instant::now(), lookup));
            let found = seeds.poll(is_met, || false).unwrap().addresses;
            assert!(found.len() <= CONTACTS && !found.contains(&address(3)));
            contacted.extend(found);
        }
        contacted.sort_unstable();
        contacted.dedup();
        assert_eq!(contacted.len(), all.len() - 1);
        assert_eq!(seeds.states(is_met).next().unwrap().1, SeedState::Answers);
    }

    #[test]
    fn the_oldest_seed_is_forgotten_for_one_too_many_and_none_is_kept_twice() {
        let mut seeds = seeds(&["127.0.0.1:1", "127.0.0.1:1"], Ipv4Addr::LOCALHOST.into());
        assert_eq!(seeds.addresses().len(), 1);
        for port in 2..=65 {
            seeds.add(SocketAddr::from(([127, 0, 0, 1], port)).into());
        }
        assert_eq!(seeds.addresses().len(), SEEDS);
        assert_eq!(seeds.addresses()[0].port(), 2);
    }
}
