//! A server: sockets around what it [stores and decides](super::shards).
//!
//! A request is a line on a connection of its own. Clients send `put KEY VALUE` and `get KEY`, and are told `ok`,
//! `value VALUE`, `none`, or `again` if they are to ask again. Servers send each other `write` and `copy`.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, BufRead as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant as Clock};

use scalesmall_core::{Epoch, Event, Fence, Instant, NodeId, Recipients, Tag};
use scalesmall_smol::{Bytes, Node, Settings};
use smol::Timer;
use smol::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use smol::net::{TcpListener, TcpStream};

use super::client::exchange;
use super::shards::{Copied, Do, Shards, Version, Write, group, slots};

const HANDOVERS: Tag = Tag(1);
const TURN: Duration = Duration::from_millis(20);

/// What the node and the connections share: what is stored, and where other servers answer.
struct State {
    shards: Shards,
    servers: BTreeMap<NodeId, SocketAddr>,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<State>>, Clock, NodeId);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(self.1.elapsed().as_nanos() as u64)
    }
}

/// Runs a server until something fails, or until it has drained after a line on its input.
pub(crate) async fn serve(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind((settings.bind.ip(), 0)).await?;
    let port = listener.local_addr()?.port();
    let mut node = Node::bind(settings)?;
    println!("server {} {}", node.my_address(), node.id());
    node.set_metadata(Bytes::copy_from_slice(&port.to_be_bytes()))?;
    let shards = Shards::new(node.id(), node.epoch());
    let state = State { shards, servers: BTreeMap::new() };
    let shared = Shared(Arc::new(Mutex::new(state)), Clock::now(), node.id());
    smol::spawn(listen(listener, shared.clone())).detach();
    let drain = smol::unblock(|| io::stdin().lock().lines().next().is_some());
    let mut drain = Box::pin(drain);
    let (mut joined, mut told) = (false, Clock::now());
    loop {
        // Before it knows the others it would take all slots.
        let knows = settings.seeds.is_empty() || node.engine().has_caught_up();
        if !joined && knows {
            node.join(&group())?;
            joined = true;
        } else if !joined && told.elapsed() >= Duration::from_secs(3) {
            eprintln!("none of the seeds has answered yet: {:?}", settings.seeds);
            told = Clock::now();
        }
        if joined {
            tend(&mut node, &shared, port)?;
        }
        let left = node.engine().peer(node.id()).is_some_and(|me| me.draining.is_some());
        if left && shared.lock().shards.handover.held().next().is_none() {
            node.depart();
            while !matches!(node.next_event().await?, Event::Departed { .. }) {}
            return Ok(());
        }
        let event = async { node.next_event().await.map(Some) };
        let timer = async {
            Timer::after(TURN).await;
            Ok(None)
        };
        if let Some(Event::Message { origin, tag: HANDOVERS, payload, .. }) =
            smol::future::or(event, timer).await?
        {
            // Others may send under that tag what is no message of a hand-over.
            let _ = shared.lock().shards.handover.handle_message(origin, &payload);
        }
        if !left && smol::future::poll_once(&mut drain).await == Some(true) {
            node.set_draining(true);
        }
    }
}

/// Does what is to be done now.
fn tend(node: &mut Node, shared: &Shared, port: u16) -> Result<(), Box<dyn Error>> {
    let mut state = shared.lock();
    state.servers.clear();
    for peer in node.peers() {
        if let Ok(port) = <[u8; 2]>::try_from(&*peer.metadata) {
            let at = SocketAddr::new(peer.address.ip(), u16::from_be_bytes(port));
            state.servers.insert(peer.id, at);
        }
    }
    state.shards.look(shared.now(), node.engine());
    while let Some(job) = state.shards.poll() {
        let range = |slot| slots().range(slot).expect("a plan has slots of its own only");
        match job {
            Do::Copy(slot, from) => {
                let at = state.servers.get(&from).copied();
                let right = state.shards.fence(slot).map_or((0, 0), |it| (it.epoch.0, it.clock));
                let request = format!("copy {slot} {} {} {}\n", shared.2, right.0, right.1);
                smol::spawn(copy(shared.clone(), slot, from, at, request)).detach();
            }
            Do::Serve(slot) => {
                node.add_item(&group(), range(slot), port)?;
                if !state.shards.serves(slot, node.engine()) {
                    node.remove_item(&group(), range(slot), port)?;
                }
            }
            Do::Withdraw(slot) => {
                node.remove_item(&group(), range(slot), port)?;
            }
        }
    }
    while let Some((to, message)) = state.shards.handover.poll_message(400) {
        // What cannot be sent is offered again.
        let _ = node.broadcast(Recipients::Nodes(&[to]), HANDOVERS, message);
    }
    Ok(())
}

async fn copy(shared: Shared, slot: u32, from: NodeId, at: Option<SocketAddr>, request: String) {
    let answer = match at {
        Some(at) => exchange(at, request).await.unwrap_or_default(),
        None => String::new(),
    };
    shared.lock().shards.copied(slot, from, read(&answer));
}

/// Reads a copy. A server that dies may have said a part.
fn read(answer: &str) -> Option<Copied> {
    let lines: Vec<&str> = answer.lines().collect();
    let (last, lines) = lines.split_last()?;
    let ["end", seen, serves] = last.split(' ').collect::<Vec<_>>()[..] else { return None };
    let values = lines.iter().map(|line| value(line)).collect::<Option<_>>()?;
    Some(Copied { values, seen: seen.parse().ok()?, serves: serves.parse().ok()? })
}

fn value(line: &str) -> Option<(String, (Version, String))> {
    let [key, count, by, value] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
    Some((key.to_owned(), ((count.parse().ok()?, by.parse().ok()?), value.to_owned())))
}

async fn listen(listener: TcpListener, shared: Shared) {
    while let Ok((stream, _)) = listener.accept().await {
        // Whatever fails concerns this request alone, which is sent again.
        smol::spawn(answer(stream, shared.clone())).detach();
    }
}

async fn answer(mut stream: TcpStream, shared: Shared) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream.clone()).read_line(&mut line).await?;
    let reply = match line.trim_end().split(' ').collect::<Vec<_>>()[..] {
        ["put", key, value] => put(&shared, key, value).await,
        ["get", key] => shared.lock().shards.get(key).map(|value| match value {
            Some(value) => format!("value {value}\n"),
            None => "none\n".to_owned(),
        }),
        ["copy", slot, to, epoch, clock] => [slot, epoch, clock]
            .iter()
            .map(|word| word.parse().ok())
            .collect::<Option<Vec<u64>>>()
            .zip(to.parse().ok())
            .and_then(|(numbers, to)| {
                let fence = Fence { epoch: Epoch(numbers[1]), clock: numbers[2] };
                let Copied { values, seen, serves } =
                    shared.lock().shards.copy(numbers[0] as u32, to, Some(fence))?;
                let line = |(key, ((count, by), value))| format!("{key} {count} {by} {value}\n");
                let values: String = values.into_iter().map(line).collect();
                Some(values + &format!("end {seen} {serves}\n"))
            }),
        ["write", ref words @ ..] => written(words)
            .filter(|write| shared.lock().shards.write(write.clone()))
            .map(|_| "ok\n".to_owned()),
        _ => None,
    };
    stream.write_all(reply.as_deref().unwrap_or("again\n").as_bytes()).await
}

/// Takes a client's write, and has all other owners take it.
async fn put(shared: &Shared, key: &str, value: &str) -> Option<String> {
    let (write, servers) = {
        let mut state = shared.lock();
        (state.shards.put(key, value)?, state.servers.clone())
    };
    let Write { version: (count, me), fence: Fence { epoch, clock }, ref owners, .. } = write;
    let all: Vec<String> = owners.iter().map(ToString::to_string).collect();
    let line = format!("write {key} {value} {count} {me} {} {clock} {}\n", epoch.0, all.join(","));
    let mut tasks = Vec::new();
    for owner in owners.iter().filter(|owner| **owner != me) {
        tasks.push(smol::spawn(exchange(*servers.get(owner)?, line.clone())));
    }
    for task in tasks {
        task.await.ok().filter(|answer| answer == "ok\n")?;
    }
    Some("ok\n".to_owned())
}

fn written(words: &[&str]) -> Option<Write> {
    let [key, value, count, by, epoch, clock, owners] = *words else { return None };
    Some(Write {
        key: key.to_owned(),
        value: value.to_owned(),
        version: (count.parse().ok()?, by.parse().ok()?),
        fence: Fence { epoch: Epoch(epoch.parse().ok()?), clock: clock.parse().ok()? },
        owners: owners.split(',').map(|owner| owner.parse().ok()).collect::<Option<_>>()?,
    })
}
