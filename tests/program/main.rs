//! The real program: processes, sockets, signals, files.
//!
//! | module | subject |
//! |---|---|
//! | `cluster` | nodes meet, serve, die, return, depart |
//! | `configuration` | files, variables and options; what is told of faults |
//! | `discovery` | names that are looked up again, seeds that are told of, contacts at run time |
//! | `duplicate` | two nodes with one name |
//! | `edges` | wrong input, and what is lying about |
//! | `demo` | the demo keeps its promises, and cleans up |
//! | `diagnosis` | what is set up wrongly is told |
//! | `findings` | what a node says of itself and of others: info, why, round trips, who reaches whom |
//! | `logging` | what is logged: levels, the variable, text and JSON |
//! | `manual` | completions, manual pages, a client of the control protocol in Python |
//! | `multicast` | hosts on one link, and one behind a router |
//! | `moves` | hosts whose addresses and interfaces change, and names and addresses that are used twice |
//! | `names` | nodes are known by their names, wherever they are |
//! | `network` | hosts that a test makes for itself |
//! | `operating` | every command and every warning of the page about operating |
//! | `optional` | what cannot stop a node: its log, its clients, files, signals |
//! | `program` | running the program |
//! | `readme` | the commands of the README |
//! | `recording` | recordings: replayed, moved on, ended |
//! | `refused` | datagrams that must change nothing |
//! | `reload` | reading the configuration again in a running node |
//! | `runtimes` | nodes of every runtime in one cluster |
//! | `service` | what a service manager is told, and the files that describe services |
//! | `shown` | what is printed: exit statuses, ranges and addresses, messages, and nothing that a terminal obeys |
//! | `soak` | thirty nodes that are disturbed for as long as one likes; on demand |
//! | `state` | what a node knows again after it was killed |
//! | `traits` | what nodes say about themselves: zone, weight, tags, and that they drain |
//! | `watching` | figures, health, and scrapers that are slow, silent or many |

mod cluster;
mod configuration;
mod demo;
mod diagnosis;
mod discovery;
mod duplicate;
mod edges;
mod findings;
mod keys;
mod logging;
mod manual;
mod moves;
mod multicast;
mod names;
mod network;
mod operating;
mod optional;
mod program;
mod readme;
mod recording;
mod refused;
mod reload;
mod runtimes;
mod service;
mod shown;
mod soak;
mod state;
mod traits;
mod watching;
