//! The settings of a node.

mod environment;
#[cfg(feature = "serde")]
mod patch;

#[cfg(feature = "serde")]
pub use patch::SettingsPatch;

use core::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use scalesmall_core::{
    ClusterName, ClusterNameError, Config, ConfigPatch, Locator, LocatorError, NodeName,
    NodeNameError, SendRate, Traits, TraitsError,
};

use crate::interface::{self, Choice};
use crate::key::{GroupKeys, KeyTextError};
use crate::seed::{DEFAULT_PORT, Seed, can_reach};
use crate::tape::RecordLimits;

/// How often the names of seeds are looked up if nothing else is said.
const LOOK_UP_EVERY: Duration = Duration::from_secs(30);

/// The least time between two such look-ups: name servers are shared.
const LEAST_LOOK_UP: Duration = Duration::from_secs(1);

/// The multicast group of IPv4 nodes that are given none: administratively scoped to one site (RFC 2365).
const DEFAULT_GROUP_V4: [u8; 4] = [239, 255, 92, 161];

/// The multicast group of IPv6 nodes that are given none: transient (not assigned by IANA), for one
/// link.
const DEFAULT_GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0x5ca1, 0xe5a1);

/// Which multicast group is used, and how far it reaches.
///
/// Multicast is off unless it is asked for, in the library, in [`Settings::from_env`] and in the program.
/// Most networks between data centres and most clouds do not carry it. Where a network does, every host on
/// the link gets what a node says, and with the suite *authenticated* can read it; clusters that know
/// nothing of each other refuse each other's packets all day; and a node found that way was named by nobody.
/// A cluster that wants its advantages, no seeds on one link and a change told to all by two or three
/// datagrams, says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Multicast {
    /// The group and its port.
    pub group: SocketAddr,
    /// How many routers a datagram may pass, plus one.
    pub ttl: u8,
}

impl Multicast {
    /// The default for a node at `address`: group 239.255.92.161, or ff12::5ca1:e5a1 for IPv6; port
    /// 29999; TTL 1, so it stays on one link.
    #[must_use]
    pub fn for_node(address: IpAddr) -> Self {
        let group: IpAddr = match address {
            IpAddr::V4(_) => DEFAULT_GROUP_V4.into(),
            IpAddr::V6(_) => DEFAULT_GROUP_V6.into(),
        };
        Self { group: SocketAddr::new(group, DEFAULT_PORT), ttl: 1 }
    }
}

/// Which preset of the engine's [`Config`] a node uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Preset {
    /// [`Config::lan`].
    #[default]
    Lan,
    /// [`Config::wan`].
    Wan,
    /// [`Config::local`].
    Local,
}

/// A node's name, its keys, and how it finds others.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The address to receive on. Port 0 lets the system choose one.
    pub bind: SocketAddr,
    /// The node's name, which is its identity: whatever address it has, in its next life it is the
    /// same node to the others. `None`: the text of the first address that it advertises; but if
    /// [`Settings::bind`] lets the system choose a port and there is a [`Settings::state`] file, the
    /// name in that file, or a random one that is kept there. See [Names](crate#names).
    pub name: Option<NodeName>,
    /// The addresses by which others reach the node, the preferred one first: at most 4. None: the
    /// bound one. A port of 0 stands for the bound port.
    pub advertise: Vec<SocketAddr>,
    /// The interface whose addresses the node has, and on which it uses multicast. [`Settings::bind`] is an
    /// unspecified address then, of which that of IPv6 stands for both families, or one of the interface's.
    /// What arrives on other interfaces is received as well. See [Interfaces](crate#interfaces).
    pub interface: Option<String>,
    /// Nodes to contact: 64 at most, or the first ones are forgotten.
    pub seeds: Vec<Seed>,
    /// How often the names among the seeds are looked up, for as long as the node runs; 30 s. The nodes of a
    /// cluster do not all do so at the same time: each waits for three to five quarters of this.
    pub look_up_every: Duration,
    /// The cluster's name.
    pub cluster: ClusterName,
    /// The keys, each with its suite: one protects what is sent, all open what arrives.
    pub keys: GroupKeys,
    /// The multicast group, if multicast is used.
    pub multicast: Option<Multicast>,
    /// The preset of the engine's time-outs and intervals.
    pub preset: Preset,
    /// The most that is sent per second. `None`: what the preset says.
    pub send_rate: Option<SendRate>,
    /// What else differs from the preset: intervals, time-outs, limits. It counts more than the fields above,
    /// and [`Config::check`] says whether the engine will take it.
    pub engine: ConfigPatch,
    /// What the node says about itself that others choose by, from its first packet on.
    pub traits: Traits,
    /// A file in which to keep what the node has to know after it was killed: see
    /// [State](crate#state). It is made if it does not exist; its directory must.
    pub state: Option<PathBuf>,
    /// A file to record every engine call in. Holds datagrams, never keys. The recordings of earlier lives
    /// move on to FILE.1, FILE.2 and so on; any other file there is refused. It is written by a thread of its
    /// own. If it is full or cannot be written, the recording ends, and
    /// [`Front::recording_error`](crate::Front::recording_error) tells.
    pub record: Option<PathBuf>,
    /// How many recordings are kept, and how large each may become.
    pub record_limits: RecordLimits,
}

impl Settings {
    /// A node at `bind`, in cluster `scalesmall`, without seeds and without multicast.
    #[must_use]
    pub fn new(bind: SocketAddr, keys: GroupKeys) -> Self {
        Self {
            bind,
            name: None,
            advertise: Vec::new(),
            interface: None,
            seeds: Vec::new(),
            look_up_every: LOOK_UP_EVERY,
            cluster: ClusterName::try_from("scalesmall").expect("it has 1 to 255 bytes"),
            keys,
            multicast: None,
            preset: Preset::default(),
            send_rate: None,
            engine: ConfigPatch::default(),
            traits: Traits::default(),
            state: None,
            record: None,
            record_limits: RecordLimits::default(),
        }
    }

    /// The address by which others will know the host: the first one advertised, the bound one, or
    /// else the first of the host, or of the interface, that others can reach.
    ///
    /// # Errors
    ///
    /// [`SettingsError::NoAddress`], [`SettingsError::NoInterface`] or [`SettingsError::Interfaces`].
    pub fn host(&self) -> Result<IpAddr, SettingsError> {
        Ok(self.hosts(false)?[0])
    }

    /// The same, with all of them if it may have `several`; at least one.
    fn hosts(&self, several: bool) -> Result<Vec<IpAddr>, SettingsError> {
        let (bind, interface) = (self.bind.ip(), self.interface.as_deref());
        let list =
            || interface::list().map_err(|error| SettingsError::Interfaces { kind: error.kind() });
        if let Some(name) = interface.filter(|_| !bind.is_unspecified())
            && !list()?.iter().any(|found| found.ip == bind && found.name == name)
        {
            return Err(SettingsError::InterfaceAndAddress { bind });
        }
        if !self.advertise.is_empty() {
            return Ok(self.advertise.iter().map(SocketAddr::ip).collect());
        }
        if !bind.is_unspecified() {
            return Ok(vec![bind]);
        }
        let host = list()?;
        let chosen = Choice { bind, interface, several }.of(&host, &[]);
        match (chosen.is_empty(), interface) {
            (true, Some(_)) => Err(SettingsError::NoInterface),
            (true, None) => Err(SettingsError::NoAddress),
            (false, _) => Ok(chosen),
        }
    }

    /// Whether the node has the addresses of its host, whatever these are.
    pub(crate) fn follows_host(&self) -> bool {
        self.advertise.is_empty() && self.bind.ip().is_unspecified()
    }

    /// The addresses by which others reach the node once it is bound to `port`; one if it may not have
    /// `several`.
    ///
    /// # Errors
    ///
    /// Those of [`Settings::host`].
    fn addresses(&self, port: u16, several: bool) -> Result<Vec<SocketAddr>, SettingsError> {
        if self.advertise.is_empty() {
            let hosts = self.hosts(several)?.into_iter();
            return Ok(hosts.map(|host| SocketAddr::new(host, port)).collect());
        }
        let bound = |addr: &SocketAddr| match addr.port() {
            0 => SocketAddr::new(addr.ip(), port),
            _ => *addr,
        };
        Ok(self.advertise.iter().map(bound).collect())
    }

    /// A node's name and where it is reached, once it is bound to `port`. A node that has no name is
    /// named after its first address.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Advertise`], and those of [`Settings::host`].
    pub(crate) fn locator(
        &self,
        name: Option<NodeName>,
        port: u16,
    ) -> Result<Locator, SettingsError> {
        let addresses = self.addresses(port, name.is_some())?;
        let name = name.or_else(|| addresses.first().map(|&addr| NodeName::of_address(addr)));
        let Some(name) = name else {
            return Err(SettingsError::Advertise(LocatorError::Count { count: 0 }));
        };
        Locator::new(name, &addresses).map_err(SettingsError::Advertise)
    }

    /// Whether the address of the node may be another one in each life, as the system chooses its
    /// port.
    pub(crate) fn wanders(&self) -> bool {
        self.bind.port() == 0 && self.advertise.first().is_none_or(|addr| addr.port() == 0)
    }

    /// The seeds that are addresses of a family that cannot be reached from [`Settings::bind`]: a
    /// node leaves them out.
    pub fn seeds_out_of_reach(&self) -> impl Iterator<Item = SocketAddr> + use<'_> {
        let beyond = |seed: &Seed| match seed {
            Seed::Addr(addr) if !can_reach(self.bind.ip(), *addr) => Some(*addr),
            _ => None,
        };
        self.seeds.iter().filter_map(beyond)
    }

    /// Checks what can be checked without touching the network.
    ///
    /// # Errors
    ///
    /// The first [`SettingsError`] found.
    pub fn check(&self) -> Result<(), SettingsError> {
        // Any port will do where the system is to choose one.
        let port = if self.bind.port() == 0 { u16::MAX } else { self.bind.port() };
        let locator = self.locator(self.name.clone(), port)?;
        let mut hosts = locator.addresses().map(|addr| addr.ip()).chain([self.bind.ip()]);
        let local = hosts.all(|host| host.is_loopback());
        if !local && self.keys.has_published() {
            return Err(SettingsError::PublishedKey);
        }
        if !self.seeds.is_empty() && self.seeds_out_of_reach().count() == self.seeds.len() {
            return Err(SettingsError::SeedsOutOfReach { bind: self.bind.ip() });
        }
        if self.look_up_every < LEAST_LOOK_UP {
            return Err(SettingsError::LookUpEvery { every: self.look_up_every });
        }
        let (len, limit) = (self.traits.len(), self.config([0; 32]).attribute_limit());
        if len > limit as usize {
            return Err(SettingsError::Traits(TraitsError::TooLong { len, limit }));
        }
        match self.multicast {
            Some(multicast) if !multicast.group.ip().is_multicast() => {
                Err(SettingsError::NotMulticast)
            }
            _ => Ok(()),
        }
    }

    /// The engine's configuration.
    #[must_use]
    pub fn config(&self, seed: [u8; 32]) -> Config {
        let preset = match self.preset {
            Preset::Lan => Config::lan,
            Preset::Wan => Config::wan,
            Preset::Local => Config::local,
        };
        let mut config = preset(seed, self.cluster.clone(), self.keys.ring().clone());
        config.send_rate = self.send_rate.unwrap_or(config.send_rate);
        config.multicast = self.multicast.is_some();
        self.engine.apply(&mut config);
        config
    }
}

/// Why settings are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsError {
    /// An environment variable holds something else than it should.
    Variable {
        /// The variable.
        name: &'static str,
        /// What it should hold.
        wanted: &'static str,
    },
    /// The cluster's name is empty or too long.
    Cluster(ClusterNameError),
    /// The node's name is none.
    Name(NodeNameError),
    /// `GROUP_MANAGER_KEY` holds no key.
    KeyText(KeyTextError),
    /// The published key on an address that others can reach.
    PublishedKey,
    /// All seeds are addresses of a family that cannot be reached from the bound address.
    SeedsOutOfReach {
        /// The bound address.
        bind: IpAddr,
    },
    /// Names would be looked up too often.
    LookUpEvery {
        /// The time between two look-ups.
        every: Duration,
    },
    /// The traits are too long, or hold what others cannot read.
    Traits(TraitsError),
    /// The multicast group is not a multicast address.
    NotMulticast,
    /// Others cannot reach the node at what it advertises.
    Advertise(LocatorError),
    /// The host has no address that others can reach.
    NoAddress,
    /// The interface that is named is not there, or has no address of a family that the node can use.
    NoInterface,
    /// An interface is named that does not have the bound address.
    InterfaceAndAddress {
        /// The bound address.
        bind: IpAddr,
    },
    /// The host's interfaces cannot be listed.
    Interfaces {
        /// Why.
        kind: io::ErrorKind,
    },
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name, wanted } => write!(f, "{name} must be {wanted}"),
            Self::Cluster(error) => error.fmt(f),
            Self::Name(error) => error.fmt(f),
            Self::KeyText(error) => write!(f, "GROUP_MANAGER_KEY: {error}"),
            Self::PublishedKey => f.write_str(
                "the published default key protects nothing and works on loopback only: \
                 make a key (scalesmall keygen FILE) and give it to all nodes",
            ),
            Self::SeedsOutOfReach { bind } => write!(
                f,
                "no seed can be reached from {bind}, as they are of the other address family: \
                 give a seed of its family, or bind an address of theirs"
            ),
            Self::LookUpEvery { every } => write!(
                f,
                "look-up interval is {every:?}; at least {LEAST_LOOK_UP:?} is allowed"
            ),
            Self::Traits(error) => error.fmt(f),
            Self::NotMulticast => f.write_str(
                "the multicast group must be a multicast address, such as 239.255.0.1 or ff12::1",
            ),
            Self::Advertise(error) => error.fmt(f),
            Self::NoAddress => f.write_str(
                "this host has no address that others can reach: give the one to use \
                 (GROUP_MANAGER_ADDRESS or the address to bind)",
            ),
            Self::NoInterface => f.write_str(
                "the interface that is named is not there, or has no address that the node can use: name \
                 one that has (and bind [::] if its addresses are IPv6)",
            ),
            Self::InterfaceAndAddress { bind } => write!(
                f,
                "the interface that is named does not have the address {bind}: bind 0.0.0.0 or [::], and \
                 the node has the addresses of the interface"
            ),
            Self::Interfaces { kind } => {
                write!(f, "this host's interfaces cannot be listed ({kind}): give an address")
            }
        }
    }
}

impl core::error::Error for SettingsError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Cluster(error) => Some(error),
            Self::Name(error) => Some(error),
            Self::KeyText(error) => Some(error),
            Self::Traits(error) => Some(error),
            Self::Advertise(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
