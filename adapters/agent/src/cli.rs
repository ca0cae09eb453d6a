//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use scalesmall_core::{ClusterName, NodeName};
use scalesmall_driver::Seed;

use crate::arguments::{self, Offer, TagOf};
use crate::log_lines::LogOptions;
use crate::questions::{Ask, SuiteName};
use crate::runtime::Runtime;

/// Group membership without a leader: which node serves which keys, and which nodes are alive.
#[derive(Debug, Parser)]
#[command(name = "scalesmall", version, disable_help_subcommand = false, after_help = STATUSES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the exit status of the program says.
const STATUSES: &str = "\
Exit status:
  0    done; of a question, yes
  1    refused, or failed: the line on stderr says why and what to do
  2    the command line is wrong
  3    the answer is no: 'route' has no owner, 'ready' is not ready, 'rtt' was not measured yet, 'reachability' has
       found a node that another one does not reach, 'safe-to-stop' has found keys that would have too few owners,
       'depart --when-covered' had to leave before others served all
  70   the program itself failed: its log says why
  130  'demo' was interrupted

A node is named by its name, its id, or its address. An address is IP:PORT, an IPv6 address in brackets; without a
port it is 29999. A range is START-END, both ends included, in decimal or after 0x in hexadecimal.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what the program can do, with real nodes on this host; ends by itself
    Demo(DemoOptions),
    /// Run a node
    Node(Box<NodeOptions>),
    /// Make a key: 64 hexadecimal digits, in a file that only its owner can read
    Keygen(KeygenOptions),
    /// Check a configuration, or show what counts in it
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a script that completes commands and options in a shell
    Completions(CompletionsOptions),
    /// Write the manual pages
    Man(ManOptions),
    /// Run a recording again and check every result of the engine
    Replay(ReplayOptions),
    #[command(flatten)]
    Ask(Ask),
}

/// What can be done with a configuration. Both take the options of 'scalesmall node'.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say all that is wrong with a configuration, each with its place and what to do
    Check(Box<NodeOptions>),
    /// Show all keys with their values, and where each value comes from: a file that means the same
    Show(Box<ShowOptions>),
}

#[derive(Args, Debug)]
pub(crate) struct ShowOptions {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) node: NodeOptions,
}

#[derive(Args, Debug)]
pub(crate) struct CompletionsOptions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub(crate) struct ManOptions {
    /// The directory, which must exist
    pub(crate) directory: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct KeygenOptions {
    /// Where to put the key; must not exist. Without it, the key is printed
    pub(crate) file: Option<PathBuf>,
    /// How packets are protected with it
    #[arg(long, default_value = "authenticated")]
    pub(crate) suite: SuiteName,
}

#[derive(Args, Debug)]
pub(crate) struct ReplayOptions {
    /// The recording
    pub(crate) recording: PathBuf,
    #[command(flatten)]
    pub(crate) key: KeyOptions,
}

#[derive(Args, Debug)]
pub(crate) struct DemoOptions {
    /// How many nodes; 4 to 32
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(4..=32))]
    pub(crate) nodes: u16,
}

#[derive(Args, Debug)]
pub(crate) struct KeyOptions {
    /// The file that holds the keys (lines of 64 hexadecimal digits, after 'sealed' if packets are to be
    /// encrypted; the first protects what is sent, all are accepted; mode 600); without it, the variable
    /// GROUP_MANAGER_KEY counts, then the published key, which works on loopback only
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PresetName {
    /// For one local network
    Lan,
    /// For several places
    Wan,
    /// For one host
    Local,
}

/// Said after the options of a node.
const ELSEWHERE: &str = "Each option may also be set in the file, with _ for - in its name, and by a variable: \
    --look-up-every is look_up_every in the file and SCALESMALL_LOOK_UP_EVERY in the environment. An option \
    counts more than a variable, and a variable more than the file. --verbose=false and the like undo what \
    the file says.";

#[derive(Args, Debug)]
#[command(after_help = ELSEWHERE)]
pub(crate) struct NodeOptions {
    /// Read what is not given here from this file, in TOML [default: SCALESMALL_CONFIG, or no file]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The address to receive on; port 0 for any [default: GROUP_MANAGER_ADDRESS and _PORT, or
    /// this host's first address and 29999]
    #[arg(long, value_parser = arguments::address, value_name = "ADDRESS")]
    pub(crate) bind: Option<SocketAddr>,
    /// The interface whose addresses the node has, all of them, up to 4, and on which it uses multicast. Its
    /// addresses may change while the node runs. It binds 0.0.0.0, or [::] with --bind [::]:PORT, so that
    /// it has IPv6 addresses as well
    #[arg(long, value_name = "INTERFACE")]
    pub(crate) interface: Option<String>,
    /// The name of the node, which is its identity: wherever it starts again, it is the same node to the
    /// others. 1 to 63 bytes without control characters [default: GROUP_MANAGER_NAME, or the text of the
    /// address at which others reach it; with port 0 and --state, a random name that the file keeps]
    #[arg(long, value_parser = arguments::node_name, value_name = "NAME")]
    pub(crate) name: Option<NodeName>,
    /// Where others reach the node; may be given up to 4 times, the preferred address first [default: where
    /// it receives; if that is 0.0.0.0 or [::], the addresses that the host has while the node runs]
    #[arg(long, value_parser = arguments::address, value_name = "ADDRESS")]
    pub(crate) advertise: Vec<SocketAddr>,
    /// A node to contact: an address; a name, whose addresses all count; or _service._udp.domain, whose SRV
    /// records have the ports. The port is 29999 if none is given. May be repeated; one that cannot be looked
    /// up or does not answer is in the log
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) seed: Vec<Seed>,
    /// How often the names of seeds are looked up, for as long as the node runs
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = arguments::duration)]
    pub(crate) look_up_every: Duration,
    /// Use multicast, and end if this host cannot. Without this, --multicast-group, --multicast-ttl and
    /// their variables no multicast is used; with one of them a host that cannot goes on without
    #[arg(long, conflicts_with = "no_multicast")]
    pub(crate) multicast: bool,
    /// Use no multicast, whatever the variables say
    #[arg(long, conflicts_with_all = ["multicast_group", "multicast_ttl"])]
    pub(crate) no_multicast: bool,
    /// The multicast group [default: GROUP_MANAGER_MULTICAST_ADDRESS and _PORT, or 239.255.92.161:29999;
    /// for IPv6 ff12::5ca1:e5a1 and the same port]
    #[arg(long, value_parser = arguments::address, value_name = "ADDRESS")]
    pub(crate) multicast_group: Option<SocketAddr>,
    /// How many routers multicast may pass, plus one [default: GROUP_MANAGER_MULTICAST_TTL or 1]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) multicast_ttl: Option<u8>,
    /// A group to join; may be repeated
    #[arg(long, value_parser = arguments::group, value_name = "GROUP")]
    pub(crate) join: Vec<String>,
    /// A range to serve; may be repeated
    #[arg(long, value_name = "GROUP:START-END@PORT")]
    pub(crate) serve: Vec<Offer>,
    /// The zone in which the node stands: nodes of one zone are expected to fail together
    #[arg(long, value_parser = arguments::zone, value_name = "ZONE")]
    pub(crate) zone: Option<String>,
    /// How much the node carries, compared with others; 1 to 65535
    #[arg(long, value_parser = arguments::weight, default_value = "1", value_name = "NUMBER")]
    pub(crate) weight: u16,
    /// Anything else that the node says about itself, for others to choose by; may be repeated. The keys,
    /// values and the zone have room in 'engine.limits.metadata' together
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) tag: Vec<TagOf>,
    /// When a signal ends the node, say first that it drains, so that it gets nothing new, and go on serving until
    /// others serve all of its keys, or for this long. A second signal cuts that short [default: say goodbye at
    /// once]
    #[arg(long, value_name = "TIME", value_parser = arguments::duration)]
    pub(crate) drain: Option<Duration>,
    /// The runtime that moves the node's datagrams; others see no difference
    #[arg(long, value_enum, default_value_t)]
    pub(crate) runtime: Runtime,
    #[command(flatten)]
    pub(crate) key: KeyOptions,
    /// The cluster: nodes of another one are refused
    #[arg(long, value_parser = arguments::cluster, default_value = "scalesmall", value_name = "NAME")]
    pub(crate) cluster: ClusterName,
    /// The time-outs and intervals of the node
    #[arg(long, default_value = "lan")]
    pub(crate) preset: PresetName,
    /// What differs from the preset: an interval, a time-out or a limit, such as probe_interval=2s or
    /// limits.nodes=1000; may be repeated. 'scalesmall config show' lists them all
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) engine: Vec<String>,
    /// The most bytes sent per second, liveness before all else [default: 5000000, wan 1000000]
    #[arg(long, value_name = "BYTES")]
    pub(crate) send_rate: Option<u32>,
    /// The control socket on which to answer [default: /run/scalesmall/scalesmall.sock for root, or
    /// scalesmall.sock in /run/user/UID or else in /tmp/scalesmall-UID]
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// End when another node uses this one's name and has answered this one. Without this the node says
    /// so in its log, and the two take turns, ever more slowly
    #[arg(long)]
    pub(crate) exit_on_conflict: bool,
    /// Keep in this file what the node has to know after it was killed: its name, the last epoch that it
    /// used, and up to 48 peers, which it contacts when it starts again. Each node needs a file of its own
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Record every engine call in this file, for 'scalesmall replay'; it holds datagrams, but no key. The
    /// recordings of earlier starts move on to FILE.1, FILE.2 and so on
    ///
    /// Among 30 nodes at rest a recording grows by 0.9 kB per second, which is 80 MB a day. It takes about
    /// twice the bytes of every datagram that arrives, and 70 for each that is sent. A thread of its own
    /// writes it; if the disk is slower than that for long, the recording ends, and the log says so.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// How many recordings are kept, the one under way included
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) record_files: u32,
    /// The most bytes of one recording, which then ends: a replay has to begin where the node began
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30)]
    pub(crate) record_size: u64,
    /// Serve at this address, by HTTP, what can be watched of the node: /metrics in OpenMetrics text, /ready
    /// (with ?min_peers=NUMBER if it must see others alive) and /live. Everyone who can reach the address
    /// can read it, so choose a loopback address, or one of a network for administration
    #[arg(long, value_parser = arguments::address, value_name = "ADDRESS")]
    pub(crate) metrics: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) log: LogOptions,
}
