//! The key-value service of `examples/kv`: each server a process, killed, drained and started as often as its page
//! allows. All that clients were told to be stored is read back.
//!
//! `KV_SECONDS` says how long each of two runs takes; in the second one servers that were killed are started again
//! under their old names.

#[path = "../examples/kv/main.rs"]
mod kv;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kv::client::{Client, exchange};
use kv::shards::{COPIES, place, slots};
use scalesmall_core::NodeId;
use smol::Timer;

const SERVERS: usize = 5;
/// The longest without an owner: a crash is known that soon in all but one of a hundred cases.
const EVER: Duration = Duration::from_millis(4_800);

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return kv::main();
    }
    let seconds = std::env::var("KV_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    smol::block_on(async {
        story(Duration::from_secs(seconds), false).await?;
        story(Duration::from_secs(seconds), true).await
    })
}

/// The servers that are up, by identity; those that drain count until they have ended.
type Up = Arc<Mutex<BTreeSet<NodeId>>>;

async fn story(lasts: Duration, same_names: bool) -> Result<(), Box<dyn Error>> {
    let up = Up::default();
    let first = Server::start(0, "127.0.0.1:0".parse()?, &[], &up)?;
    let mut servers = vec![first];
    for number in 1..SERVERS {
        servers.push(Server::start(number, "127.0.0.1:0".parse()?, &[servers[0].address], &up)?);
    }
    let (client, _events) = Client::start(servers[0].address).await?;
    settle(&client, &servers).await?;
    let ends = Arc::new(AtomicBool::new(false));
    let watcher = smol::spawn(watch(client.clone(), Arc::clone(&up), Arc::clone(&ends)));
    let writer = smol::spawn(write(client.clone(), Arc::clone(&ends)));

    let (mut killed, mut drained) = (0, 0);
    let until = Instant::now() + lasts;
    let mut turn = 0;
    while Instant::now() < until {
        turn += 1;
        let gone = servers.remove(turn * 7 % servers.len());
        let (number, address) = (gone.number, gone.address);
        if turn % 2 == 0 && !same_names {
            gone.drain(&up)?;
            drained += 1;
        } else {
            gone.kill(&up)?;
            killed += 1;
        }
        let seeds: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
        // A name is an address here, unless it is given.
        let at = if same_names { address } else { "127.0.0.1:0".parse()? };
        servers.push(Server::start(number, at, &seeds, &up)?);
        settle(&client, &servers).await?;
    }
    ends.store(true, Ordering::Relaxed);
    let (written, slowest) = writer.await?;
    let longest = watcher.await?;
    for (key, value) in &written {
        assert_eq!(client.get(key).await?, Some(value.to_string()), "{key}");
    }
    assert_eq!(client.get("never-written").await?, None);
    println!(
        "{killed} killed, {drained} drained{}: {} keys of {} read back; longest without an owner {longest:.1?}, \
         for a write {slowest:.1?}",
        if same_names { ", started again under their names" } else { "" },
        written.len(),
        written.values().sum::<u64>(),
    );
    assert!(killed > 0 && longest <= EVER, "{longest:?}");
    Ok(())
}

/// Writes values that count up, one key after the other, until told to end: the last of each that was stored, and
/// how long the slowest took.
async fn write(
    client: Client,
    ends: Arc<AtomicBool>,
) -> Result<(BTreeMap<String, u64>, Duration), Failed> {
    let (mut written, mut slowest) = (BTreeMap::new(), Duration::ZERO);
    for number in 0.. {
        if ends.load(Ordering::Relaxed) {
            break;
        }
        let key = format!("key-{}", number * 7_919 % 500);
        let value = written.get(&key).map_or(1, |value| value + 1);
        let begun = Instant::now();
        client.put(&key, &value.to_string()).await.map_err(|error| error.to_string())?;
        slowest = slowest.max(begun.elapsed());
        written.insert(key, value);
    }
    Ok((written, slowest))
}

type Failed = String;

/// Looks whether each slot has a server that is up, as a client sees it, and returns for how long one had none.
async fn watch(client: Client, up: Up, ends: Arc<AtomicBool>) -> Result<Duration, Failed> {
    let (mut without, mut longest) = (BTreeMap::new(), Duration::ZERO);
    while !ends.load(Ordering::Relaxed) {
        for slot in 0..slots().count() {
            let start = slots().range(slot).map_or(0, |range| range.start());
            let owners = client.owners(start).await.map_err(|error| error.to_string())?;
            let up = up.lock().map_err(|error| error.to_string())?;
            if owners.iter().any(|(owner, _)| up.contains(owner)) {
                without.remove(&slot);
            } else {
                let since: &mut Instant = without.entry(slot).or_insert_with(Instant::now);
                longest = longest.max(since.elapsed());
            }
        }
        Timer::after(Duration::from_millis(5)).await;
    }
    Ok(longest)
}

/// Waits until each slot is served by two of the servers, and by nobody else.
async fn settle(client: &Client, servers: &[Server]) -> Result<(), Box<dyn Error>> {
    let limit = Instant::now() + Duration::from_secs(30);
    loop {
        let mut settled = true;
        for slot in 0..slots().count() {
            let start = slots().range(slot).map_or(0, |range| range.start());
            let owners = client.owners(start).await?;
            let lives = |id: NodeId| servers.iter().any(|server| server.id == id);
            settled &= owners.len() == COPIES && owners.iter().all(|(owner, _)| lives(*owner));
            // One that has started again under its name may be seen as it was before.
            for (_, at) in owners {
                let key = (0..)
                    .map(|number| format!("probe-{number}"))
                    .find(|key| slots().of(place(key)) == slot);
                let request = format!("get {}\n", key.expect("there are enough"));
                settled =
                    settled && exchange(at, request).await.is_ok_and(|answer| answer != "again\n");
            }
        }
        if settled {
            return Ok(());
        }
        assert!(Instant::now() < limit, "not settled");
        Timer::after(Duration::from_millis(50)).await;
    }
}

/// A server in a process of its own, which is killed when this is dropped.
struct Server {
    process: Child,
    number: usize,
    address: SocketAddr,
    id: NodeId,
}

impl Server {
    fn start(
        number: usize,
        address: SocketAddr,
        seeds: &[SocketAddr],
        up: &Up,
    ) -> Result<Self, Box<dyn Error>> {
        let zone = ["east", "west"][number % 2];
        let mut process = Command::new(std::env::current_exe()?)
            .args(["serve", zone, &address.to_string()])
            .args(seeds.iter().map(ToString::to_string))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let hello = lines.next().ok_or("the server has ended")??;
        let words: Vec<&str> = hello.split(' ').collect();
        let ["server", address, id] = words[..] else { return Err(hello.into()) };
        let (address, id) = (address.parse()?, id.parse()?);
        up.lock().map_err(|error| error.to_string())?.insert(id);
        Ok(Self { process, number, address, id })
    }

    fn kill(mut self, up: &Up) -> Result<(), Box<dyn Error>> {
        up.lock().map_err(|error| error.to_string())?.remove(&self.id);
        self.process.kill()?;
        Ok(())
    }

    /// Has it give away what it has, and waits until it has ended.
    fn drain(mut self, up: &Up) -> Result<(), Box<dyn Error>> {
        let mut input = self.process.stdin.take().expect("it is piped");
        input.write_all(b"drain\n")?;
        assert!(self.process.wait()?.success(), "it has not ended well");
        up.lock().map_err(|error| error.to_string())?.remove(&self.id);
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
