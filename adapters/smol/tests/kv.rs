//! The key-value service of `examples/kv` through kills and joins: five servers, each a process,
//! 10,000 keys, nothing lost, and no key routed to a dead server for longer than it takes to find
//! that it is dead.

#[path = "../examples/kv/main.rs"]
mod kv;

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kv::client::Client;
use kv::slots::Slot;
use scalesmall_core::{ClusterName, NodeId};
use scalesmall_smol::CallError;
use smol::{Task, Timer};

const KEYS: usize = 10_000;

/// How long a key may be routed to a dead server: half of the times, and ever.
const USUALLY: Duration = Duration::from_millis(3_500);
const EVER: Duration = Duration::from_millis(7_500);

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1).as_deref() {
        Some("serve") => kv::main(),
        _ => smol::block_on(story()),
    }
}

async fn story() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("kv");
    // Of a run before.
    let _ = std::fs::remove_dir_all(&directory);
    let mut servers = vec![Server::start(&directory, &[])?];
    let seed = servers[0].address;
    for _ in 1..5 {
        servers.push(Server::start(&directory, &[seed])?);
    }
    let mut client = Client::start(seed)?;
    settle(&client, &servers).await?;

    let mut spans = Vec::new();
    let key = |number: usize| format!("key-{number}");
    for number in 0..KEYS {
        match number {
            2_000 | 4_500 | 7_000 => {
                let watched = servers.remove(number % servers.len()).kill()?;
                spans.push(forgotten(&client, watched));
            }
            3_000 | 5_500 | 8_000 => {
                let seeds: Vec<_> = servers.iter().map(|server| server.address).collect();
                servers.push(Server::start(&directory, &seeds)?);
            }
            _ => {}
        }
        client.put(&key(number), &format!("value-{number}")).await?;
        // Something that was written long ago, perhaps by a server that is dead by now.
        let old = number * 7_919 % (number + 1);
        assert_eq!(client.get(&key(old)).await?, Some(format!("value-{old}")), "key {old}");
    }
    settle(&client, &servers).await?;
    for number in 0..KEYS {
        let value = client.get(&key(number)).await?;
        assert_eq!(value, Some(format!("value-{number}")), "key {number}");
    }
    assert_eq!(client.get("never-written").await?, None);

    let mut measured = Vec::new();
    for span in spans {
        measured.push(span.await?);
    }
    measured.sort_unstable();
    println!("{KEYS} keys kept; dead servers were routed to for {measured:.1?}");
    assert!(measured[measured.len() / 2] <= USUALLY);
    assert!(measured.iter().all(|span| *span <= EVER));
    Ok(())
}

/// Waits until each slot is served by just one of the servers.
async fn settle(client: &Client, servers: &[Server]) -> Result<(), Box<dyn Error>> {
    let limit = Instant::now() + Duration::from_secs(30);
    loop {
        let mut owners = Vec::new();
        for slot in Slot::all() {
            owners.push(client.routes.owners(slot.start()).await?);
        }
        let lives = |id: NodeId| servers.iter().any(|it| it.id() == id);
        if owners.iter().all(|owners| matches!(owners[..], [(only, _)] if lives(only))) {
            return Ok(());
        }
        assert!(Instant::now() < limit, "not settled: {owners:?}");
        Timer::after(Duration::from_millis(50)).await;
    }
}

/// How long any key is routed to a server that has just been killed.
fn forgotten(client: &Client, dead: NodeId) -> Task<Result<Duration, CallError>> {
    let routes = client.routes.clone();
    let killed = Instant::now();
    smol::spawn(async move {
        loop {
            let mut routed = false;
            for slot in Slot::all() {
                let owners = routes.owners(slot.start()).await?;
                routed |= owners.iter().any(|(owner, _)| *owner == dead);
            }
            if !routed {
                return Ok(killed.elapsed());
            }
            Timer::after(Duration::from_millis(10)).await;
        }
    })
}

/// A server in a process of its own, which is killed when this is dropped.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(directory: &Path, seeds: &[SocketAddr]) -> Result<Self, Box<dyn Error>> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["serve".as_ref(), directory.as_os_str(), "127.0.0.1:0".as_ref()])
            .args(seeds.iter().map(ToString::to_string))
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let hello = lines.next().ok_or("the server has ended")??;
        let address = hello.strip_prefix("server ").ok_or("the server says who it is")?.parse()?;
        // So that it can say more.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { process, address })
    }

    /// Its identity: it has no other name than its address.
    fn id(&self) -> NodeId {
        let cluster = ClusterName::try_from("scalesmall").expect("it has 1 to 255 bytes");
        cluster.node_at(self.address)
    }

    fn kill(mut self) -> std::io::Result<NodeId> {
        self.process.kill()?;
        Ok(self.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
