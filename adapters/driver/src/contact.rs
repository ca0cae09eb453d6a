//! Coming and going: what becomes of contacting a cluster, and of a goodbye.

use core::fmt;
use std::time::{Duration, Instant};

use scalesmall_core::seal::OpenError;
use scalesmall_core::wire::{Header, WireError};
use scalesmall_core::{DatagramError, Epoch, Event, Key, KeyId, Keyring, Life, Suite};

use crate::call_error::CallError;

/// The most calls that wait for the cluster.
const WAITING: usize = 256;

/// For how long a node with a name of its own, once it is in, waits for another one of that name to object: that
/// one has to hear of this node, and each of the two waits a moment before it begins another life.
const OBJECTION: Duration = Duration::from_secs(5);

/// What has come of contacting a cluster.
///
/// A node that refuses packets never answers them, so a node that is refused cannot be told why. All but
/// [`Contact::In`] are told from packets that arrived here meanwhile, such as multicasts of the others and their
/// own attempts to contact this node. That is a hint, not a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Contact {
    /// This node is in: others are alive, and know it.
    In {
        /// How many others are alive as far as this node knows by now.
        peers: usize,
    },
    /// Packets arrive under a key that this node does not have.
    WrongKey,
    /// Packets of another cluster arrive.
    WrongCluster,
    /// Packets arrive under a secret that this node has, but for another suite. A build that does not have that
    /// suite takes it for another key.
    WrongSuite,
    /// Packets of a version arrive that this node does not speak.
    WrongVersion,
    /// Another node uses the name of this one: this one was made to begin another life meanwhile. So is a node
    /// without a state file whose clock has been set back since its last life.
    NameInUse,
    /// Nothing arrives that would tell more.
    NobodyAnswers,
}

impl Contact {
    /// Whether this node is in.
    #[must_use]
    pub const fn is_in(self) -> bool {
        matches!(self, Self::In { .. })
    }
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::In { peers: 1 } => return f.write_str("in the cluster, with one other node"),
            Self::In { peers } => return write!(f, "in the cluster, with {peers} other nodes"),
            Self::WrongKey => {
                "nobody lets this node in, and packets arrive under another key: give all nodes the same one"
            }
            Self::WrongCluster => {
                "nobody lets this node in, and packets of another cluster arrive: give all nodes the same \
                 cluster name"
            }
            Self::WrongSuite => {
                "nobody lets this node in, and packets arrive under its secret for another suite: give all \
                 nodes the same key, suite included"
            }
            Self::WrongVersion => {
                "nobody lets this node in, and packets of another version arrive: run versions that \
                 understand each other"
            }
            Self::NameInUse => "another node has the same name: give each a name of its own",
            Self::NobodyAnswers => {
                "nobody answers: see whether the seeds are right and run, and whether they have the same \
                 key and cluster name"
            }
        })
    }
}

/// How a goodbye has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Goodbye {
    /// How many peers have acknowledged it.
    pub acknowledged_by: u32,
    /// How many peers were told.
    pub told: u32,
}

impl fmt::Display for Goodbye {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "left; {} of {} acknowledged it", self.acknowledged_by, self.told)
    }
}

/// Where an answer goes.
pub(crate) struct Answer<R> {
    give: Box<dyn FnOnce(Result<R, CallError>) + Send>,
    is_awaited: Box<dyn Fn() -> bool + Send>,
}

impl<R> Answer<R> {
    /// One that is given by `give`, as long as `is_awaited` says that the caller has not gone.
    pub(crate) fn new(
        give: impl FnOnce(Result<R, CallError>) + Send + 'static,
        is_awaited: impl Fn() -> bool + Send + 'static,
    ) -> Self {
        Self { give: Box::new(give), is_awaited: Box::new(is_awaited) }
    }

    fn give(self, result: Result<R, CallError>) {
        (self.give)(result);
    }

    fn is_awaited(&self) -> bool {
        (self.is_awaited)()
    }
}

/// What is waited for by calls that end later.
#[derive(Default)]
pub(crate) struct Waiting {
    contacts: Vec<Contacting>,
    goodbyes: Vec<(Epoch, Answer<Goodbye>)>,
    /// How this node has departed, in the life that it did.
    departed: Option<(Epoch, Goodbye)>,
    /// How often this node has begun a life of its own accord.
    renewals: u32,
    /// The keys that have a secret of this node, but another suite.
    twins: Vec<KeyId>,
}

/// A wait for the cluster, and what has been heard since it began.
struct Contacting {
    until: Instant,
    /// Of the life that this node has begun by itself.
    life: (Epoch, u32),
    /// How long to wait for objections.
    objection: Duration,
    /// Since when this node is in.
    since: Option<Instant>,
    conflict: bool,
    /// Refused packets: by key, cluster, suite, and version.
    refused: [u32; 4],
    answer: Answer<Contact>,
}

impl Contacting {
    /// What a wait that is over has shown; `None` if it goes on.
    fn ended(&mut self, now: Instant, life: (Epoch, u32), peers: usize) -> Option<Contact> {
        // One that begins another life, without having been asked for it here, has heard of itself.
        let objected = self.life.1 == life.1 && self.life.0 != life.0;
        self.life = life;
        self.conflict |= objected;
        if peers > 0 {
            let since = *self.since.get_or_insert(now);
            if self.conflict {
                return Some(Contact::NameInUse);
            }
            let over = now.saturating_duration_since(since) >= self.objection || now >= self.until;
            return over.then_some(Contact::In { peers });
        }
        self.since = None;
        if now < self.until {
            return None;
        }
        if self.conflict {
            return Some(Contact::NameInUse);
        }
        const MEANING: [Contact; 4] =
            [Contact::WrongKey, Contact::WrongCluster, Contact::WrongSuite, Contact::WrongVersion];
        let heard = self.refused.into_iter().zip(MEANING).rev().max_by_key(|(count, _)| *count);
        Some(heard.filter(|(count, _)| *count > 0).map_or(Contact::NobodyAnswers, |(_, of)| of))
    }
}

/// The names of the same secrets in the other suites.
fn twins(keys: &Keyring) -> Vec<KeyId> {
    let twin = |key: &Key, suite: Suite| Key::new(suite, *key.expose_secret()).id();
    let of = |key: &'_ Key| {
        let others = Suite::ALL.iter().filter(|suite| **suite != key.suite());
        others.map(|suite| twin(key, *suite)).collect::<Vec<_>>()
    };
    keys.keys().flat_map(|held| of(&held.key)).collect()
}

impl Waiting {
    /// Answers once this node is in, or at `until`. Another one may have its name if it is `named`.
    pub(crate) fn contact(
        &mut self,
        until: Instant,
        epoch: Epoch,
        named: bool,
        keys: &Keyring,
        answer: Answer<Contact>,
    ) {
        if self.contacts.len() >= WAITING {
            // Those that gave up have left theirs behind.
            self.contacts.retain(|contact| contact.answer.is_awaited());
        }
        if self.contacts.len() >= WAITING {
            return answer.give(Err(CallError::Busy));
        }
        let life = (epoch, self.renewals);
        self.twins = twins(keys);
        let objection = if named { OBJECTION } else { Duration::ZERO };
        let (since, conflict, refused) = (None, false, [0; 4]);
        self.contacts.push(Contacting { until, life, objection, since, conflict, refused, answer });
    }

    /// Answers once this node has departed from this life.
    pub(crate) fn goodbye(&mut self, epoch: Epoch, answer: Answer<Goodbye>) {
        if self.goodbyes.len() >= WAITING {
            self.goodbyes.retain(|(_, answer)| answer.is_awaited());
        }
        match self.departed {
            Some((departed, goodbye)) if departed == epoch => answer.give(Ok(goodbye)),
            _ if self.goodbyes.len() >= WAITING => answer.give(Err(CallError::Busy)),
            _ => self.goodbyes.push((epoch, answer)),
        }
    }

    /// Whether the end of a departure is awaited.
    pub(crate) fn is_departing(&self) -> bool {
        !self.goodbyes.is_empty()
    }

    /// This node begins another life of its own accord.
    pub(crate) fn renewed(&mut self) {
        self.renewals = self.renewals.wrapping_add(1);
    }

    pub(crate) fn hear(&mut self, event: &Event, epoch: Epoch) {
        match *event {
            Event::Departed { acknowledged_by, told } => {
                let goodbye = Goodbye { acknowledged_by, told };
                self.departed = Some((epoch, goodbye));
                for (_, answer) in self.goodbyes.extract_if(.., |(of, _)| *of == epoch) {
                    answer.give(Ok(goodbye));
                }
            }
            Event::Conflict { .. } => {
                self.contacts.iter_mut().for_each(|contact| contact.conflict = true);
            }
            _ => {}
        }
    }

    /// A datagram was refused.
    pub(crate) fn refused(&mut self, error: DatagramError, datagram: &[u8], me: Life) {
        if self.contacts.is_empty() {
            return;
        }
        let kind = match error {
            DatagramError::Sealed(OpenError::UnknownKey { key }) if self.twins.contains(&key) => 2,
            DatagramError::Sealed(OpenError::UnknownKey { .. } | OpenError::Forged) => 0,
            DatagramError::Sealed(OpenError::WrongCluster) => 1,
            DatagramError::Wire(WireError::UnknownVersion { .. }) => 3,
            DatagramError::Own => {
                // This node's own packets come back by multicast.
                let other = Header::parse(datagram).is_ok_and(|(header, _)| header.sender != me);
                self.contacts.iter_mut().for_each(|contact| contact.conflict |= other);
                return;
            }
            _ => return,
        };
        for contact in &mut self.contacts {
            contact.refused[kind] = contact.refused[kind].saturating_add(1);
        }
    }

    /// Answers the waits that are over. `peers` counts those that are alive.
    pub(crate) fn look(&mut self, epoch: Epoch, peers: impl FnOnce() -> usize) {
        // A goodbye of an earlier life has been cut off.
        for (_, answer) in self.goodbyes.extract_if(.., |(of, _)| *of != epoch) {
            answer.give(Err(CallError::Renewed));
        }
        if self.contacts.is_empty() {
            return;
        }
        let (now, peers, life) = (Instant::now(), peers(), (epoch, self.renewals));
        let mut place = 0;
        while let Some(contact) = self.contacts.get_mut(place) {
            match contact.ended(now, life, peers) {
                Some(ended) => self.contacts.swap_remove(place).answer.give(Ok(ended)),
                None => place += 1,
            }
        }
    }

    /// When to look again, if nothing happens before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let due = |contact: &Contacting| {
            contact
                .since
                .map_or(contact.until, |since| contact.until.min(since + contact.objection))
        };
        self.contacts.iter().map(due).min()
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting")
            .field("contacts", &self.contacts.len())
            .field("goodbyes", &self.goodbyes.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
