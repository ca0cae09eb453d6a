//! A small sharded key-value service on the engine's placement: what group membership is for.
//!
//! The key space is cut into slots, and each has two servers, in different zones if there are. A server takes the
//! slots that are planned for it: it gets a copy from one that has it, says that it serves it, and only then
//! another one lets go. [Clients](client) are nodes too, of no group: they know at any time whom to ask. There is
//! no leader, no proxy, no shared disk, and no list of servers to maintain.
//!
//! **What holds.** A client that was told `ok` reads that value, or a later one, whatever servers join, drain,
//! restart or are killed, as long as the next one is killed when each slot has two servers again. A write whose
//! client was not told `ok` may be stored or not.
//!
//! **What does not.** Nobody is asked who is right. On two sides of a cut each side makes up its own two servers of
//! each slot, and both accept writes of the same key. When the cut heals they compare what they have: of each key
//! the value that has been written more often stays, and the other one is lost although a client was told `ok`. Keys
//! that one side alone has written keep what it has written. Where that must not happen, ask a consensus service.
//!
//! Start servers, each with a zone, an address, and the addresses of earlier ones, and use and kill them as you
//! like. A line on its input has a server drain and end.
//!
//! ```text
//! cargo run -p scalesmall-smol --example kv-smol -- serve east 127.0.0.1:4000
//! cargo run -p scalesmall-smol --example kv-smol -- serve west 127.0.0.1:4001 127.0.0.1:4000
//! cargo run -p scalesmall-smol --example kv-smol -- put 127.0.0.1:4000 colour green
//! cargo run -p scalesmall-smol --example kv-smol -- get 127.0.0.1:4001 colour
//! ```

pub(crate) mod client;
pub(crate) mod server;
pub(crate) mod shards;

use std::error::Error;

use client::Client;
use scalesmall_core::Traits;
use scalesmall_smol::{GroupKeys, Preset, Settings};

const USAGE: &str = "serve ZONE ADDRESS [SEED...] | put SEED KEY VALUE | get SEED KEY";

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    smol::block_on(async {
        match arguments[..] {
            ["serve", zone, address, ref seeds @ ..] => {
                let mut settings = Settings::new(address.parse()?, GroupKeys::published());
                settings.preset = Preset::Local;
                settings.seeds = seeds.iter().map(|seed| seed.parse()).collect::<Result<_, _>>()?;
                settings.traits = Traits::default().with_zone(zone)?;
                server::serve(&settings).await
            }
            ["put", seed, key, value] => {
                Client::start(seed.parse()?).await?.0.put(key, value).await
            }
            ["get", seed, key] => {
                let value = Client::start(seed.parse()?).await?.0.get(key).await?;
                println!("{}", value.as_deref().unwrap_or("(nothing)"));
                Ok(())
            }
            _ => Err(USAGE.into()),
        }
    })
}
