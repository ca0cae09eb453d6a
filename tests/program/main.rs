//! The real program: processes, sockets, signals, files.
//!
//! | module | subject |
//! |---|---|
//! | `cluster` | nodes meet, serve, die, return, depart |
//! | `edges` | wrong input, and what is lying about |
//! | `demo` | the demo keeps its promises |
//! | `program` | running the program |
//! | `refused` | datagrams that must change nothing |

mod cluster;
mod demo;
mod edges;
mod program;
mod refused;
