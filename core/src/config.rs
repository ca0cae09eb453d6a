//! The settings: [`Config`] with its presets, and why they may be refused.

mod limits;
mod partial;
mod patch;
mod room;
#[cfg(feature = "serde")]
mod span;

pub use crate::base::Liveness;
pub use limits::{Limits, LimitsPatch};
pub use patch::{ConfigPatch, SendRatePatch};

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use crate::base::{Epoch, SendRate};
use crate::seal::{ClusterName, Keyring};
use crate::topology::DownMembers;

/// How an engine behaves. Start from a preset, change fields, and pass it to `Engine::new`.
///
/// The fields can be changed while the engine runs by `Engine::set_config`, except the cluster.
#[derive(Clone, Debug, Hash)]
#[non_exhaustive]
pub struct Config {
    /// Seed of all random choices, mixed with the node's id and epoch. Take it from the operating
    /// system in production; a fixed seed makes a run repeatable.
    pub seed: [u8; 32],
    /// The cluster's name. Packets of another cluster are refused.
    pub cluster: ClusterName,
    /// The keys, each with its suite. One of them protects what is sent; all are accepted.
    pub keys: Keyring,
    /// The largest datagram sent, in bytes of UDP payload; 512 to 65,507. A peer to which it does
    /// not pass is sent smaller ones: see [`Event::Path`](crate::Event::Path).
    ///
    /// Nodes may differ, for example while it is changed node by node. Each receives datagrams of
    /// any size. The limit for a message is the size of its origin. If a node on the way has only
    /// smaller datagrams, the node before it sends the message to the rest of that part, at the
    /// cost of one copy for each small node. If that cannot be done,
    /// [`Event::Undelivered`](crate::Event::Undelivered) tells the origin the size that would have
    /// passed.
    pub max_datagram: usize,
    /// The most that is sent, in bytes and in datagrams. The rest waits; liveness goes before all
    /// else.
    pub send_rate: SendRate,
    /// Whether the engine watches its peers; the same on all nodes of the cluster.
    pub liveness: Liveness,
    /// Whether members that are down, left or unreachable are shown.
    pub down_members: DownMembers,
    /// Time between two probes of a node. Each peer is probed about once in this time by some node,
    /// and at least once in twice this time if the node half-way round the ring from it lives.
    pub probe_interval: Duration,
    /// The least time to wait for an answer before the probe is sent again, whatever the round
    /// trips were so far. The second try waits twice as long, up to [`Config::max_timeout`]; a
    /// third try without an answer is a suspicion. As the window runs from the first try on, a
    /// short time makes no verdict come sooner, and only sends more datagrams to peers that stand
    /// still.
    pub min_timeout: Duration,
    /// How long to wait for the answer to a probe while nothing has been measured. It is also the longest such wait,
    /// whatever has been measured, as long as this node is in good health; one that is not waits for up to nine times
    /// that, but never for more than half of [`Config::silence_window`].
    pub max_timeout: Duration,
    /// How long a peer must be silent to this node to be called down, counted from the first ping that it does not
    /// answer. Verifiers ping it for the last half of that, those that are asked late for the last quarter.
    pub silence_window: Duration,
    /// How many peers are asked to verify a suspicion once half of the window has passed in
    /// silence; 0 to 8. Five more are asked when about a quarter of the window is left, or earlier if round trips are
    /// long. With 0 nobody is asked at all, so this node calls nobody down: a silent peer is unreachable to it.
    pub verifiers: u8,
    /// How long a change may wait for others, to go out together with them.
    pub coalesce: Duration,
    /// The whole cluster together makes about one attempt in this time to reach each down peer, and
    /// about four to reach each seed that is not a live peer; one node makes at most one.
    pub retry_interval: Duration,
    /// How long roots must have differed before a node begins a repair.
    pub repair_patience: Duration,
    /// Least time between two repairs that this node starts.
    pub repair_interval: Duration,
    /// How long a tombstone is kept by its owner.
    pub tombstone_ttl: Duration,
    /// How long a node that is down or has left is remembered and, if it is down, retried. It is five
    /// minutes at most if it was shown and no packet of it ever came, while most others were heard:
    /// it may be made up. A gone node is no part of
    /// the digest, so nodes may have different values. What
    /// others say of a gone node that is not known here is ignored once it is older than half of this.
    pub forget_after: Duration,
    /// Whether multicast is used. The embedder must then provide it.
    pub multicast: bool,
    /// How many nodes a segment needs so that one of them speaks for it, and the others need no
    /// unicast copies. The speaker sends a heartbeat every 2.5 s while there is nothing to say, two
    /// or three after each change, and lists all of its hearers once in 30 s. A change then costs
    /// two or three multicasts and a few unicast datagrams; without a speaker it costs two unicast
    /// datagrams per node.
    pub least_hearers: u32,
    /// Time between two beacons on multicast.
    pub beacon_interval: Duration,
    /// How long `depart` waits for acknowledgements.
    pub depart_timeout: Duration,
    /// Bounds of tables and queues.
    pub limits: Limits,
    /// The fault that the engine makes on purpose.
    #[cfg(feature = "mutants")]
    #[doc(hidden)]
    pub mutant: Option<crate::mutants::Mutant>,
}

impl Config {
    /// For nodes on one local network: all know of a crash after 3.1 s in the median, and
    /// after 4.5 s in 99 of 100 cases.
    #[must_use]
    pub fn lan(seed: [u8; 32], cluster: ClusterName, keys: Keyring) -> Self {
        Self {
            seed,
            cluster,
            keys,
            max_datagram: 1200,
            send_rate: SendRate::new(5_000_000, 50_000),
            liveness: Liveness::On,
            down_members: DownMembers::Hide,
            probe_interval: Duration::from_secs(1),
            min_timeout: Duration::from_millis(250),
            max_timeout: Duration::from_millis(500),
            silence_window: Duration::from_millis(2500),
            verifiers: 3,
            coalesce: Duration::from_millis(2),
            retry_interval: Duration::from_secs(2),
            repair_patience: Duration::from_millis(500),
            repair_interval: Duration::from_secs(2),
            tombstone_ttl: Duration::from_secs(3600),
            forget_after: Duration::from_secs(72 * 3600),
            multicast: false,
            least_hearers: 96,
            beacon_interval: Duration::from_secs(2),
            depart_timeout: Duration::from_secs(1),
            limits: Limits::default(),
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }

    /// For nodes in several places: waits longer, probes less often.
    #[must_use]
    pub fn wan(seed: [u8; 32], cluster: ClusterName, keys: Keyring) -> Self {
        Self {
            probe_interval: Duration::from_secs(3),
            min_timeout: Duration::from_millis(800),
            max_timeout: Duration::from_secs(2),
            silence_window: Duration::from_secs(8),
            retry_interval: Duration::from_secs(5),
            repair_patience: Duration::from_secs(3),
            repair_interval: Duration::from_secs(5),
            depart_timeout: Duration::from_secs(3),
            send_rate: SendRate::new(1_000_000, 10_000),
            ..Self::lan(seed, cluster, keys)
        }
    }

    /// For nodes on one host: short waits.
    #[must_use]
    pub fn local(seed: [u8; 32], cluster: ClusterName, keys: Keyring) -> Self {
        Self {
            probe_interval: Duration::from_millis(500),
            min_timeout: Duration::from_millis(150),
            max_timeout: Duration::from_millis(300),
            silence_window: Duration::from_millis(1500),
            retry_interval: Duration::from_secs(1),
            ..Self::lan(seed, cluster, keys)
        }
    }

    /// Checks that the fields are consistent.
    ///
    /// # Errors
    ///
    /// The first [`ConfigError`] found.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !(512..=65_507).contains(&self.max_datagram) {
            return Err(ConfigError::MaxDatagram { bytes: self.max_datagram });
        }
        let least = SendRate::least(self.max_datagram);
        if self.send_rate.bytes < least.bytes || self.send_rate.datagrams < least.datagrams {
            return Err(ConfigError::SendRate { least });
        }
        if self.verifiers > 8 {
            return Err(ConfigError::Verifiers { count: self.verifiers });
        }
        let spans = [
            ("probe_interval", self.probe_interval),
            ("min_timeout", self.min_timeout),
            ("silence_window", self.silence_window),
            ("retry_interval", self.retry_interval),
            ("repair_patience", self.repair_patience),
            ("repair_interval", self.repair_interval),
            ("depart_timeout", self.depart_timeout),
            ("beacon_interval", self.beacon_interval),
            ("forget_after", self.forget_after),
        ];
        for (field, span) in spans {
            if span < Duration::from_millis(1) {
                return Err(ConfigError::TooShort { field });
            }
        }
        let more = [
            ("max_timeout", self.max_timeout),
            ("coalesce", self.coalesce),
            ("tombstone_ttl", self.tombstone_ttl),
        ];
        for (field, span) in spans.into_iter().chain(more) {
            if span > LONGEST {
                return Err(ConfigError::TooLong { field });
            }
        }
        if self.min_timeout > self.max_timeout || self.max_timeout > self.silence_window {
            return Err(ConfigError::TimeoutOrder);
        }
        self.limits.check()
    }
}

/// The longest duration that can be set: the age of a status is kept in 32 bits of milliseconds.
const LONGEST: Duration = Duration::from_secs(40 * 24 * 3600);

/// Why a configuration is refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// This node's metadata or traits do not fit into a datagram of [`Config::max_datagram`].
    AttributeTooLong {
        /// The bytes that it has.
        len: usize,
        /// The most that [`Config::max_datagram`] has room for.
        limit: usize,
    },
    /// [`Config::max_datagram`] lies outside 512 to 65,507 bytes.
    MaxDatagram {
        /// What was given.
        bytes: usize,
    },
    /// [`Config::send_rate`] is too low for datagrams as large as [`Config::max_datagram`].
    SendRate {
        /// The least of both figures.
        least: SendRate,
    },
    /// [`Config::verifiers`] lies above 8.
    Verifiers {
        /// What was given.
        count: u8,
    },
    /// A time span is shorter than a millisecond.
    TooShort {
        /// The field.
        field: &'static str,
    },
    /// A time span is longer than 40 days.
    TooLong {
        /// The field.
        field: &'static str,
    },
    /// Not `min_timeout <= max_timeout <= silence_window`.
    TimeoutOrder,
    /// A field of [`Limits`] is too low to work with.
    LimitTooLow {
        /// The field.
        limit: &'static str,
        /// The least value.
        least: u64,
    },
    /// The cluster of a running engine cannot change.
    ClusterFixed,
    /// Nobody can send to an address of the node: it is unspecified or multicast, or has no port.
    NotAddressable {
        /// The address.
        addr: SocketAddr,
    },
    /// The epoch lies so far ahead that no room is left for later lives.
    EpochTooHigh {
        /// The latest one to begin with.
        latest: Epoch,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AttributeTooLong { len, limit } => write!(
                f,
                "max_datagram has room for {limit} bytes of metadata or traits, and this node has {len}: shorten \
                 it first"
            ),
            Self::MaxDatagram { bytes } => {
                write!(f, "max_datagram is {bytes} bytes; it must be 512 to 65507")
            }
            Self::SendRate { least: SendRate { bytes, datagrams } } => write!(
                f,
                "send_rate must be at least {bytes} bytes and {datagrams} datagrams per second \
                 with this max_datagram"
            ),
            Self::Verifiers { count } => write!(f, "verifiers is {count}; it must be 0 to 8"),
            Self::TooShort { field } => {
                write!(f, "{field} is too short; it must be at least a millisecond")
            }
            Self::TooLong { field } => write!(f, "{field} is too long; it must be at most 40 days"),
            Self::TimeoutOrder => {
                f.write_str("min_timeout <= max_timeout <= silence_window must hold")
            }
            Self::LimitTooLow { limit, least } => {
                write!(f, "limits.{limit} must be at least {least}")
            }
            Self::ClusterFixed => {
                f.write_str("the cluster of a running engine cannot change: make a new engine")
            }
            Self::NotAddressable { addr } => write!(
                f,
                "{addr} is not an address that others can send to: advertise one that is neither \
                 unspecified nor multicast, with a port"
            ),
            Self::EpochTooHigh { latest } => {
                write!(
                    f,
                    "the epoch is too high; it must be at most {latest} (in 2077): set the clock"
                )
            }
        }
    }
}

impl core::error::Error for ConfigError {}
