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
//! | `logging` | what is logged: levels, the variable, text and JSON |
//! | `manual` | completions, manual pages, a client of the control protocol in Python |
//! | `multicast` | hosts on one link, and one behind a router |
//! | `moves` | hosts whose addresses and interfaces change, and names and addresses that are used twice |
//! | `names` | nodes are known by their names, wherever they are |
//! | `network` | hosts that a test makes for itself |
//! | `optional` | what cannot stop a node: its log, its clients, files, signals |
//! | `program` | running the program |
//! | `recording` | recordings: replayed, moved on, ended |
//! | `refused` | datagrams that must change nothing |
//! | `reload` | reading the configuration again in a running node |
//! | `runtimes` | nodes of every runtime in one cluster |
//! | `service` | what a service manager is told, and the files that describe services |
//! | `soak` | thirty nodes that are disturbed for as long as one likes; on demand |
//! | `state` | what a node knows again after it was killed |
//! | `watching` | figures, health, and scrapers that are slow, silent or many |

mod cluster;
mod configuration;
mod demo;
mod diagnosis;
mod discovery;
mod duplicate;
mod edges;
mod logging;
mod manual;
mod moves;
mod multicast;
mod names;
mod network;
mod optional;
mod program;
mod recording;
mod refused;
mod reload;
mod runtimes;
mod service;
mod soak;
mod state;
mod watching;
