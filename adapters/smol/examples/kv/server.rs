//! A server: holds the slots that are due to it, and answers for them.
//!
//! Clients send lines, `put KEY VALUE` and `get KEY`; the answers are `ok`, `value VALUE`, `none`,
//! and `moved` where another server is to be asked.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scalesmall_core::KeyRange;
use scalesmall_driver::{GroupKeys, Preset, Settings};
use scalesmall_smol::Node;
use smol::Timer;
use smol::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use smol::net::{TcpListener, TcpStream};
use smol::stream::StreamExt as _;

use super::slots::{Slot, group};
use super::store::Store;

/// How long a newcomer with seeds listens before it takes what seems to be nobody's.
const PATIENCE: Duration = Duration::from_secs(3);

/// Runs a server until something fails.
pub(crate) async fn serve(
    directory: &Path,
    address: SocketAddr,
    seeds: Vec<SocketAddr>,
) -> Result<(), Box<dyn Error>> {
    let store = Arc::new(Store::new(directory)?);
    let listener = TcpListener::bind((address.ip(), 0)).await?;
    let port = listener.local_addr()?.port();
    smol::spawn(listen(listener, Arc::clone(&store))).detach();

    let mut settings = Settings::new(address, GroupKeys::published());
    settings.preset = Preset::Local;
    settings.seeds.extend(seeds.into_iter().map(Into::into));
    let mut node = Node::bind(&settings)?;
    println!("server {}", node.my_name());
    if !settings.seeds.is_empty() {
        meet(&mut node).await?;
    }
    node.join(&group())?;
    loop {
        tend(&mut node, &store, port)?;
        node.next_event().await?;
    }
}

/// Waits until the node knows what its seeds know.
async fn meet(node: &mut Node) -> Result<(), Box<dyn Error>> {
    let until = Instant::now() + PATIENCE;
    let alone = |node: &Node| node.coverage(&group()).gaps == [KeyRange::FULL];
    while alone(node) && Instant::now() < until {
        let event = async { node.next_event().await.map(drop) };
        let timeout = async {
            Timer::at(until).await;
            Ok(())
        };
        smol::future::or(event, timeout).await?;
    }
    Ok(())
}

/// Takes the slots that are due to this server, and gives up those that others are due and hold.
fn tend(node: &mut Node, store: &Store, port: u16) -> Result<(), Box<dyn Error>> {
    let group = group();
    let me = node.id();
    let gaps = node.coverage(&group).gaps;
    for slot in Slot::all() {
        let Some(due) = slot.due_to(node.members(&group)) else { continue };
        let is_held_by_due = node.route(&group, slot.start()).any(|owner| owner.member == due);
        if due == me && !store.holds(slot) {
            let is_gap = gaps.iter().any(|gap| gap.contains(slot.start()));
            println!("takes {slot}{}", if is_gap { ", which nobody serves" } else { "" });
            // Read before clients are sent here.
            store.open(slot)?;
            node.add_item(&group, slot.range(), port)?;
        } else if due != me && store.holds(slot) && is_held_by_due {
            let due = node.name(due).map_or_else(|| due.to_string(), |name| name.to_string());
            println!("leaves {slot} to {due}");
            node.remove_item(&group, slot.range(), port)?;
            store.close(slot);
        }
    }
    Ok(())
}

async fn listen(listener: TcpListener, store: Arc<Store>) {
    let mut incoming = listener.incoming();
    while let Some(Ok(stream)) = incoming.next().await {
        // Whatever fails concerns this client alone, who tries again.
        smol::spawn(answer(stream, Arc::clone(&store))).detach();
    }
}

async fn answer(mut stream: TcpStream, store: Arc<Store>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.clone()).lines();
    while let Some(line) = lines.next().await {
        let line = line?;
        let reply = match line.split(' ').collect::<Vec<_>>()[..] {
            ["put", key, value] => store.put(key, value)?.map(|()| "ok".to_owned()),
            ["get", key] => store.get(key)?.map(|found| match found {
                Some(value) => format!("value {value}"),
                None => "none".to_owned(),
            }),
            _ => Some("what?".to_owned()),
        };
        let reply = reply.as_deref().unwrap_or("moved");
        stream.write_all(format!("{reply}\n").as_bytes()).await?;
    }
    Ok(())
}
