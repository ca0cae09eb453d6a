//! The part of the command line by which a running node is asked.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use scalesmall_core::KeyId;
use scalesmall_driver::Seed;

use crate::arguments::{self, Offer, OpName, Part};

/// What the exit status of `ready` says.
const READY_STATUS: &str = "Exit status: 0, the node is ready; 3, it runs and is not ready, for the reason on \
    stderr; 1, no node answers; 2, the command line is wrong.";

/// What the exit status of `safe-to-stop` says.
const SAFE_STATUS: &str = "Exit status: 0, they may be stopped, as far as the node that is asked knows; 3, some keys \
    would have too few owners; 1, no node answers, or one that is named is not known; 2, the command line makes no \
    sense. Nothing is reserved: if two ask at the same time, both may hear yes. 'depart --when-covered' makes one of two \
    wait.";

/// What the exit status of `depart` says.
const DEPART_STATUS: &str = "Exit status: 0, the node has left; 3, it has left before others served all of its keys \
    (--when-covered); 1, no node answers, or it did not finish its goodbye; 2, the command line is wrong.";

/// What a running node can be asked.
#[derive(Debug, Subcommand)]
pub(crate) enum Ask {
    /// List the members of a group
    Members(MembersOptions),
    /// List all groups
    Groups(AskOptions),
    /// List everything that members have said about a group
    Topology(TopologyOptions),
    /// Show the owners of a key, best first
    Route(RouteOptions),
    /// Show which keys of a group nobody serves, and which several do
    Coverage(CoverageOptions),
    /// Say whether some nodes may be stopped: whether all keys still have enough owners without them
    #[command(after_help = SAFE_STATUS)]
    SafeToStop(SafeOptions),
    /// List the other nodes, by name
    Peers(PeersOptions),
    /// Show what the node is: its name, addresses, keys, multicast, and the settings of the engine
    Info(AskOptions),
    /// Say why a node is what it is: its last changes with the evidence, as this node and others saw them
    Why(NodeQuestion),
    /// Show the round trip between two nodes, as one of them has measured it
    Rtt(RttOptions),
    /// Show which living nodes do not reach which, by what they say themselves
    Reachability(AskOptions),
    /// Have the node forget another one that is down or has left
    Forget(NodeQuestion),
    /// Have the node contact further nodes, by address or by name
    Contact(ContactOptions),
    /// Make the node a member of a group
    Join(GroupOptions),
    /// Take the node and all of its ranges out of a group
    Leave(GroupOptions),
    /// Serve a range of keys
    Add(AddOptions),
    /// Stop serving a range of keys
    Remove(RemoveOptions),
    /// Send a message to all nodes, to a group, or to some nodes
    Send(SendOptions),
    /// Print every change as it happens, until interrupted
    Watch(WatchOptions),
    /// Show the node's counters
    Stats(AskOptions),
    /// Print all that can be watched of the node as OpenMetrics text, as option --metrics serves it
    Metrics(MetricsOptions),
    /// Say whether the node is ready: it knows its cluster and is not departing
    #[command(after_help = READY_STATUS)]
    Ready(ReadyOptions),
    /// Say that the node is about to stop: it serves on, and gets nothing new
    Drain(AskOptions),
    /// Say that the node will not stop after all
    Undrain(AskOptions),
    /// List the keys of the node, or change them
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Have the node read its configuration again, and change what can be changed while it runs
    Reload(AskOptions),
    /// Say goodbye and end the node
    #[command(after_help = DEPART_STATUS)]
    Depart(DepartOptions),
}

/// What can be done about the keys of a node. Each prints the keys as they are then.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List them: which is in use, and how many nodes hold and use each
    List(AskOptions),
    /// Have the whole cluster exchange the key in use for a new one. It goes on by itself: the new key travels
    /// under the old one, each node goes to it once all hold it, and the old one is dropped once all use the new
    /// one. Not after a leak: then 'add' a new key at each node
    Rotate(RotateOptions),
    /// Add the keys of a file, which the node has to be able to read. They never travel: bring them to each node
    Add(KeyFileOptions),
    /// Send with a key at once, though not all nodes are known to hold it
    Use(KeyChoice),
    /// Drop a key
    Drop(KeyChoice),
    /// Note that somebody else may know a key: it sends nothing and opens no other key from then on
    Leaked(KeyQuestion),
}

#[derive(Args, Debug)]
pub(crate) struct RotateOptions {
    /// How packets are protected with the new key [default: as with the one in use]
    #[arg(long)]
    pub(crate) suite: Option<SuiteName>,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct KeyFileOptions {
    /// The file, as of the option --key-file of 'scalesmall node'
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct KeyQuestion {
    /// The id of the key: four hexadecimal digits
    #[arg(value_name = "ID")]
    pub(crate) key: KeyId,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct KeyChoice {
    #[command(flatten)]
    pub(crate) question: KeyQuestion,
    /// Do so though a node would hear nothing from this one, or could not come back with its old key
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct AskOptions {
    /// The node's control socket [default: as for 'scalesmall node']
    #[arg(long, env = "SCALESMALL_SOCKET", hide_env_values = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct GroupOptions {
    /// The group: 1 to 255 bytes
    #[arg(value_parser = arguments::group)]
    pub(crate) group: String,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct MembersOptions {
    /// The group: 1 to 255 bytes
    #[arg(value_parser = arguments::group)]
    pub(crate) group: String,
    #[command(flatten)]
    pub(crate) only: OnlyOptions,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct PeersOptions {
    #[command(flatten)]
    pub(crate) only: OnlyOptions,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct OnlyOptions {
    /// Only nodes that have this tag, with this value if there is one; may be repeated, all have to hold
    #[arg(long, value_parser = arguments::wanted_tag, value_name = "KEY[=VALUE]")]
    pub(crate) tag: Vec<String>,
    /// Only nodes of this zone
    #[arg(long, value_parser = arguments::zone, value_name = "ZONE")]
    pub(crate) zone: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct ContactOptions {
    /// An address or a name, as for the option --seed of 'scalesmall node'
    #[arg(required = true, value_name = "HOST[:PORT]")]
    pub(crate) seeds: Vec<Seed>,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct TopologyOptions {
    /// The group: 1 to 255 bytes
    #[arg(value_parser = arguments::group)]
    pub(crate) group: String,
    /// Only what is said with this operation
    #[arg(long)]
    pub(crate) op: Option<OpName>,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct RouteOptions {
    /// The group: 1 to 255 bytes
    #[arg(value_parser = arguments::group)]
    pub(crate) group: String,
    /// The key: 0 to 4294967295, or in hexadecimal after 0x
    #[arg(value_parser = arguments::key)]
    pub(crate) key: u32,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct CoverageOptions {
    /// The group: 1 to 255 bytes
    #[arg(value_parser = arguments::group)]
    pub(crate) group: String,
    /// As it would be if the node of this name, address or id stopped, or with zone=ZONE all nodes of a zone; may
    /// be repeated
    #[arg(long, value_parser = arguments::node_or_zone, value_name = "NODE")]
    pub(crate) without: Vec<String>,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct SafeOptions {
    /// The nodes that are to stop, each by name, address or id; zone=ZONE for all nodes of a zone
    #[arg(required = true, value_parser = arguments::node_or_zone, value_name = "NODE|zone=ZONE")]
    pub(crate) nodes: Vec<String>,
    /// How many owners each key has to have without them. Keys that have fewer now already do not count, unless
    /// they would have still fewer
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) copies: usize,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct DepartOptions {
    /// Drain first, until others serve all keys that this node serves, or for this long
    #[arg(long, value_name = "TIME", value_parser = arguments::duration)]
    pub(crate) when_covered: Option<Duration>,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct AddOptions {
    /// The group, the range, and the port of the service, as for the option --serve of 'scalesmall node'
    #[arg(value_name = "GROUP:START-END@PORT")]
    pub(crate) offer: Offer,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct RemoveOptions {
    /// The group and the range
    #[arg(value_name = "GROUP:START-END")]
    pub(crate) part: Part,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct NodeQuestion {
    /// The name, address or id of the other node
    #[arg(value_parser = arguments::node)]
    pub(crate) node: String,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct RttOptions {
    /// The name, address or id of a node
    #[arg(value_parser = arguments::node)]
    pub(crate) one: String,
    /// The other node, named in the same way [default: the node that is asked]
    #[arg(value_parser = arguments::node)]
    pub(crate) other: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct WatchOptions {
    /// Begin with what is: all peers, ranges, and what nodes say about themselves. A change at that moment may be printed twice
    #[arg(long)]
    pub(crate) state: bool,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct SendOptions {
    /// The message
    pub(crate) text: String,
    /// To the members of this group; without this and --to, to all
    #[arg(long, value_parser = arguments::group, conflicts_with = "to")]
    pub(crate) group: Option<String>,
    /// To the node of this name, address or id; may be repeated
    #[arg(long, value_parser = arguments::node, value_name = "NODE")]
    pub(crate) to: Vec<String>,
    /// A number that tells messages apart
    #[arg(long, default_value_t = 0)]
    pub(crate) tag: u32,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Args, Debug)]
pub(crate) struct MetricsOptions {
    /// The node's control socket
    #[arg(long, env = "SCALESMALL_SOCKET", hide_env_values = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ReadyOptions {
    /// How many other nodes it must see alive
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) min_peers: usize,
    /// Ask again until it is ready, or for this long
    #[arg(long, value_name = "TIME", value_parser = arguments::duration)]
    pub(crate) wait: Option<Duration>,
    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SuiteName {
    /// Packets can be read but not forged
    Authenticated,
    /// Packets are encrypted
    Sealed,
}

impl SuiteName {
    /// The word for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Authenticated => "authenticated",
            Self::Sealed => "sealed",
        }
    }
}
