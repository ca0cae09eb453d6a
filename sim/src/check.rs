//! Rules that must never be broken, and how a broken one is reported.

use core::fmt;
use core::time::Duration;

use scalesmall_core::{Epoch, Instant, SendRate, Status};

use crate::trace::{Entry, KEPT};

/// What is broken, and the nodes concerned; nothing if all is well.
pub(crate) type Verdict = Option<(Broken, Vec<usize>)>;

/// Which rule was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// A datagram is larger than the node's configuration allows.
    DatagramTooLarge {
        /// Its bytes of UDP payload.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// A node sent a datagram that breaks the format.
    IllFormed {
        /// Its bytes of UDP payload.
        len: usize,
    },
    /// More was sent in a tenth of a second than the node's configuration allows.
    TooMuchSent {
        /// Bytes of UDP payload.
        bytes: u32,
        /// Datagrams.
        datagrams: u32,
        /// What is allowed in a second.
        rate: SendRate,
    },
    /// After all output was taken, the deadline did not lie ahead.
    DeadlineNotAhead {
        /// The deadline, by the node's clock.
        deadline: Instant,
        /// What the node's clock showed.
        now: Instant,
    },
    /// One input made a node send without end.
    Runaway {
        /// How many datagrams had been taken.
        datagrams: u32,
    },
    /// A node that was up was called down, where nothing gave reason to.
    FalseDown {
        /// The node.
        about: usize,
    },
    /// A node that was up was called unreachable, where nothing gave reason to.
    Hidden {
        /// The node.
        about: usize,
    },
    /// What a node's events add up to is not what its queries return.
    ReplayDiffers {
        /// The peer.
        about: usize,
        /// What the events say.
        events: Option<Status>,
        /// What the queries say.
        queries: Option<Status>,
    },
    /// What was waited for did not happen.
    NotReached {
        /// How long it was waited for.
        limit: Duration,
    },
    /// A node is seen that has not run for long.
    DeadSeen {
        /// How long that was waited for.
        limit: Duration,
        /// The nodes.
        nodes: Vec<usize>,
    },
    /// A law about what nodes show.
    Law {
        /// Which.
        law: Law,
        /// What was seen.
        what: String,
    },
    /// A node took a datagram as a fresh one that it had taken before.
    TakenTwice {
        /// Which node had sent it.
        from: usize,
        /// Its bytes of UDP payload.
        len: usize,
    },
    /// A process took a repeated datagram as a fresh one that was sent before it began.
    TakenLate {
        /// Which node had sent it.
        from: usize,
        /// Its bytes of UDP payload.
        len: usize,
    },
    /// A node took a packet of a life of which it knew that it is over.
    StaleLife {
        /// The life that sent it.
        life: Epoch,
        /// The life that was known.
        known: Epoch,
    },
    /// A message has not reached everybody within reach.
    MessageMissed {
        /// How long it was waited for.
        limit: Duration,
        /// By whom it was missed.
        by: Vec<usize>,
    },
    /// A rule of the scenario.
    Rule(String),
    /// A call of the simulation asked for what cannot be: a node that there is not, a chance above one.
    Misuse(String),
}

macro_rules! laws {
    ($($(#[doc = $doc:literal])+ $law:ident: $name:literal, $text:literal;)+) => {
        /// A law about what nodes show of each other.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Law {
            $($(#[doc = $doc])+ $law,)+
        }

        impl Law {
            /// In a word or two.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$law => $name),+ }
            }

            const fn text(self) -> &'static str {
                match self { $(Self::$law => $text),+ }
            }
        }
    };
}

laws! {
    /// No item is shown that its member never wrote.
    NeverWritten: "never written", "an item is shown that its member never wrote";
    /// Of itself a node shows what it was told to serve, and nothing else.
    NotAsTold: "not as told", "what a node shows of itself is not what it was told to serve";
    /// A node collects its tombstones once they are old enough.
    TombstoneKept: "tombstone kept", "a tombstone is not collected by its owner when it is due";
    /// A write of one clock is the same everywhere.
    ClockNamesTwo: "clock names two", "one clock names different writes";
    /// What was seen replaced or removed is never shown again.
    Unseen: "removal unseen", "an item is shown again that had been replaced or removed";
    /// Nodes with equal digests hold equal pictures.
    EqualDigests: "equal digests", "digests are equal and pictures are not";
    /// Item events add up to what the queries return.
    ItemsReplay: "item replay", "the events of items do not add up to what the queries return";
    /// Events of owners add up to what the queries return.
    OwnersReplay: "owner replay",
        "the events of owners do not add up to what the queries return";
    /// Events of metadata add up to what the queries return.
    MetadataReplay: "metadata replay",
        "the events of metadata do not add up to what the queries return";
    /// Members, routes and coverage are those of a scan of all items.
    QueriesDiffer: "queries differ", "a query returns something else than items and statuses say";
    /// Each event of a peer goes on where the one before has ended.
    History: "history", "an event of a peer does not go on where the last one ended";
    /// Nobody hears of itself as of a peer.
    HeardOfItself: "heard of itself", "a node reports itself as a peer";
    /// Nobody believes in a life that was never led.
    NeverLived: "never lived", "a life is believed in that was never led";
    /// Lives and incarnations never go back at an observer.
    EvidenceShrank: "evidence shrank", "what was known of a node has gone back";
    /// Only a node itself raises its incarnation.
    RaisedByAnother: "raised by another", "an incarnation is above what its node has reached";
    /// Tables keep their limits.
    BeyondLimit: "beyond a limit", "a table has grown beyond its limit";
    /// No message is delivered that its origin never sent.
    MessageNeverSent: "message never sent", "a message is delivered that its origin never sent";
    /// No message is delivered to a node that it was not meant for.
    MessageAstray: "message astray",
        "a message is delivered to a node that it was not meant for";
    /// Few repairs are begun for differences that repairs cannot remove.
    RepairInVain: "repair in vain", "repairs that move nothing are begun again and again";
    /// No message is delivered twice.
    MessageTwice: "message twice", "a message is delivered a second time";
}

impl Law {
    /// Whether a member that lies can have it look broken: it says what others have written, lived and
    /// sent.
    pub(crate) const fn trusts_members(self) -> bool {
        matches!(
            self,
            Self::NeverWritten
                | Self::ClockNamesTwo
                | Self::EqualDigests
                | Self::Unseen
                | Self::NeverLived
                | Self::EvidenceShrank
                | Self::RaisedByAnother
                | Self::MessageNeverSent
        )
    }
}

impl Broken {
    /// The check that was not passed, in a word or two. Failures of one kind have one name.
    #[must_use]
    pub const fn check(&self) -> &'static str {
        match self {
            Self::DatagramTooLarge { .. } => "datagram size",
            Self::IllFormed { .. } => "format",
            Self::TooMuchSent { .. } => "send rate",
            Self::DeadlineNotAhead { .. } => "deadline ahead",
            Self::Runaway { .. } => "runaway",
            Self::FalseDown { .. } => "false down",
            Self::Hidden { .. } => "hidden",
            Self::ReplayDiffers { .. } => "peer replay",
            Self::NotReached { .. } => "liveness",
            Self::DeadSeen { .. } => "dead seen",
            Self::Law { law, .. } => law.name(),
            Self::TakenTwice { .. } => "taken twice",
            Self::TakenLate { .. } => "taken late",
            Self::StaleLife { .. } => "stale life",
            Self::MessageMissed { .. } => "message missed",
            Self::Rule(_) => "rule",
            Self::Misuse(_) => "misuse",
        }
    }

    /// Whether the same rule is broken by the same measure. Which nodes it is about may differ.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::DatagramTooLarge { limit: one, .. },
                Self::DatagramTooLarge { limit: another, .. },
            ) => one == another,
            (Self::TooMuchSent { rate: one, .. }, Self::TooMuchSent { rate: another, .. }) => {
                one == another
            }
            (Self::NotReached { limit: one }, Self::NotReached { limit: another })
            | (Self::DeadSeen { limit: one, .. }, Self::DeadSeen { limit: another, .. })
            | (
                Self::MessageMissed { limit: one, .. },
                Self::MessageMissed { limit: another, .. },
            ) => one == another,
            (Self::Rule(one), Self::Rule(another)) | (Self::Misuse(one), Self::Misuse(another)) => {
                one == another
            }
            _ => self.check() == other.check(),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IllFormed { len } => {
                write!(f, "a datagram of {len} bytes is sent that breaks the format")
            }
            Self::DatagramTooLarge { len, limit } => {
                write!(f, "a datagram of {len} bytes, though at most {limit} are allowed")
            }
            Self::TooMuchSent { bytes, datagrams, rate } => {
                let (most, count) = (rate.bytes / 10, rate.datagrams / 10);
                write!(
                    f,
                    "{bytes} bytes in {datagrams} datagrams within a tenth of a second, though at \
                     most {most} in {count} are allowed"
                )
            }
            Self::DeadlineNotAhead { deadline, now } => {
                write!(f, "all output is taken, but the deadline {deadline} is not after {now}")
            }
            Self::Runaway { datagrams } => {
                write!(f, "{datagrams} datagrams for one input, and no end of it")
            }
            Self::FalseDown { about } => {
                write!(f, "node {about} is called down, though it runs and nothing is wrong")
            }
            Self::Hidden { about } => write!(
                f,
                "node {about} is called unreachable, though it runs and nothing keeps it apart"
            ),
            Self::ReplayDiffers { about, events, queries } => {
                write!(f, "of node {about} the events say {events:?}, the queries {queries:?}")
            }
            Self::NotReached { limit } => {
                write!(f, "not reached within {limit:?}")
            }
            Self::DeadSeen { limit, nodes } => {
                write!(f, "nodes {} do not run, and are still seen after {limit:?}", list(nodes))
            }
            Self::Law { law, what } => write!(f, "{}: {what}", law.text()),
            Self::TakenTwice { from, len } => {
                write!(f, "a datagram of {len} bytes from node {from} is taken a second time")
            }
            Self::TakenLate { from, len } => write!(
                f,
                "a repeated datagram of {len} bytes from node {from} is taken by a process that began \
                 after it was sent"
            ),
            Self::StaleLife { life, known } => {
                write!(f, "a packet of life {life} is taken, though life {known} is known")
            }
            Self::MessageMissed { limit, by } => {
                write!(f, "a message has not come to nodes {} within {limit:?}", list(by))
            }
            Self::Rule(text) | Self::Misuse(text) => f.write_str(text),
        }
    }
}

/// A broken rule, with all that is needed to see it again.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which rule.
    pub broken: Broken,
    /// The seed of the run.
    pub seed: u64,
    /// When, in the simulation's time.
    pub at: Instant,
    /// The nodes concerned; none if it is about all.
    pub nodes: Vec<usize>,
    /// What was waited for, if that has not come about; empty otherwise.
    pub goal: String,
    /// In what way that has not come about, in a word or two; empty if it is not known.
    pub lack: &'static str,
    /// The nodes concerned and the reasons, as far as they are known: lines, each with its name.
    pub why: Vec<(&'static str, String)>,
    /// What the run was set up with, by name.
    pub parameters: Vec<(String, String)>,
    /// How matters stood: pairs that disagree, pictures that differ.
    pub state: String,
    /// The last things that happened to the nodes concerned.
    pub records: Vec<Entry>,
    /// The line that runs it again.
    pub rerun: String,
}

impl Failure {
    /// What is broken, in one line, with what was waited for.
    #[must_use]
    pub fn summary(&self) -> String {
        let colon = if self.goal.is_empty() { "" } else { ": " };
        format!("{}{colon}{}", self.broken, self.goal)
    }

    /// Whether another run has failed in the same way: the same rule was broken by the same measure, and
    /// if something was waited for, the same was, and was lacking in the same way.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.broken.is_like(&other.broken) && (&self.goal, self.lack) == (&other.goal, other.lack)
    }
}

/// Nodes as a person wants to read them: the first few, and how many more there are.
pub(crate) fn list(nodes: &[usize]) -> String {
    let (first, more) = nodes.split_at(nodes.len().min(MOST_LISTED));
    let first: Vec<String> = first.iter().map(usize::to_string).collect();
    match more.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// How many nodes are listed one by one.
const MOST_LISTED: usize = 8;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "broken at {} with seed {}: {}", self.at, self.seed, self.summary())?;
        for (name, line) in &self.why {
            writeln!(f, "  {name:<10} {line}")?;
        }
        if !self.nodes.is_empty() {
            writeln!(f, "  log of     nodes {}", list(&self.nodes))?;
        }
        for (name, value) in &self.parameters {
            writeln!(f, "  {name:<10} {value}")?;
        }
        writeln!(f, "  state      {}", self.state)?;
        for burst in self.records.chunk_by(Entry::repeats) {
            let [first, .., last] = burst else {
                burst.iter().try_for_each(|record| writeln!(f, "  {record}"))?;
                continue;
            };
            let until = Instant::from_nanos(last.at);
            writeln!(f, "  {first}, {} times until {until}", burst.len())?;
        }
        if self.records.is_empty() {
            writeln!(f, "  of these nodes nothing is among the last {KEPT} things that happened")?;
        }
        write!(f, "again: {}", self.rerun)
    }
}

impl fmt::Debug for Failure {
    /// The same as for display, so that a test which unwraps shows what a person wants to read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

impl core::error::Error for Failure {}
