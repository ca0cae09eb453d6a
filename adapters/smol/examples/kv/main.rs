//! A small sharded key-value service: what group membership with key ranges is for.
//!
//! The key space is cut into [slots](slots). Each server takes those that are due to it among the
//! servers that live, and says so by adding their ranges to a group; it gives one up when a newcomer
//! that it is due to has taken it. Where a server was killed [coverage](server) shows a gap, and the
//! server that is next in line fills it. [Clients](client) are nodes too, of no group: they know at
//! any time whom to ask, and hear of every change as it happens. There is no leader, no proxy, and
//! no list of servers to maintain.
//!
//! What is stored lies in [logs](store), one for each slot, in a directory that all servers share as
//! they would a network file system.
//!
//! Start servers, each with the address of any earlier one, then use and kill them as you like:
//!
//! ```text
//! cargo run -p scalesmall-smol --example kv-smol -- serve /tmp/kv 127.0.0.1:4000
//! cargo run -p scalesmall-smol --example kv-smol -- serve /tmp/kv 127.0.0.1:4001 127.0.0.1:4000
//! cargo run -p scalesmall-smol --example kv-smol -- put 127.0.0.1:4000 colour green
//! cargo run -p scalesmall-smol --example kv-smol -- get 127.0.0.1:4001 colour
//! ```

pub(crate) mod client;
pub(crate) mod server;
pub(crate) mod slots;
pub(crate) mod store;

use std::error::Error;

use client::Client;

const USAGE: &str = "serve DIRECTORY ADDRESS [SEED...] | put SEED KEY VALUE | get SEED KEY";

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    smol::block_on(async {
        match arguments[..] {
            ["serve", directory, address, ref seeds @ ..] => {
                let seeds = seeds.iter().map(|seed| seed.parse()).collect::<Result<_, _>>()?;
                server::serve(directory.as_ref(), address.parse()?, seeds).await
            }
            ["put", seed, key, value] => Client::start(seed.parse()?)?.put(key, value).await,
            ["get", seed, key] => {
                let value = Client::start(seed.parse()?)?.get(key).await?;
                println!("{}", value.as_deref().unwrap_or("(nothing)"));
                Ok(())
            }
            _ => Err(USAGE.into()),
        }
    })
}
