//! A client: a node of no group, which routes by key and asks again where that has changed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use scalesmall_core::NodeId;
use scalesmall_driver::{Front, GroupKeys, Preset, Settings};
use scalesmall_smol::{CallError, Handle, Node};
use smol::Timer;
use smol::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use smol::net::TcpStream;

use super::slots::{group, place};

/// How long a client tries.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it waits for an answer, and before it asks again.
const ANSWER: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);

/// Who serves what, as a node knows it that goes on listening until this is dropped.
#[derive(Clone)]
pub(crate) struct Routes(Handle);

impl Routes {
    /// The servers to ask for a place in the key space, best first, as this moment's picture has
    /// it, and where they answer. There are several while a slot is handed over, and none until a
    /// gap is filled.
    pub(crate) async fn owners(&self, place: u32) -> Result<Vec<(NodeId, SocketAddr)>, CallError> {
        let owners = move |node: &mut Front| {
            let (group, node) = (group(), &*node);
            let owners = node.route(&group, place);
            owners.filter_map(|owner| Some((owner.member, node.endpoint(&owner)?))).collect()
        };
        self.0.call(owners).await
    }
}

/// Asks whoever serves a key.
pub(crate) struct Client {
    pub(crate) routes: Routes,
    connections: HashMap<SocketAddr, BufReader<TcpStream>>,
}

impl Client {
    /// A client that learns of the servers from one of them.
    pub(crate) fn start(seed: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let own = SocketAddr::new(seed.ip(), 0);
        let mut settings = Settings::new(own, GroupKeys::published());
        settings.preset = Preset::Local;
        settings.seeds.push(seed.into());
        let mut node = Node::bind(&settings)?;
        let routes = Routes(node.handle());
        let run = async move {
            while node.has_handles() {
                node.turn().await?;
                while node.poll_event().is_some() {}
            }
            Ok::<_, io::Error>(())
        };
        smol::spawn(run).detach();
        Ok(Self { routes, connections: HashMap::new() })
    }

    pub(crate) async fn put(&mut self, key: &str, value: &str) -> Result<(), Box<dyn Error>> {
        match &*self.ask(key, &format!("put {key} {value}\n")).await? {
            "ok" => Ok(()),
            other => Err(other.into()),
        }
    }

    pub(crate) async fn get(&mut self, key: &str) -> Result<Option<String>, Box<dyn Error>> {
        let answer = self.ask(key, &format!("get {key}\n")).await?;
        match answer.strip_prefix("value ") {
            Some(value) => Ok(Some(value.to_owned())),
            None if answer == "none" => Ok(None),
            None => Err(answer.into()),
        }
    }

    /// The first answer to a request that is not `moved`.
    async fn ask(&mut self, key: &str, request: &str) -> Result<String, Box<dyn Error>> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(&(_, server)) = self.routes.owners(place(key)).await?.first() {
                match self.exchange(server, request).await {
                    Ok(answer) if answer != "moved" => return Ok(answer),
                    Ok(_) => {}
                    // It was killed perhaps: if so, the route changes soon.
                    Err(_) => drop(self.connections.remove(&server)),
                }
            }
            Timer::after(PAUSE).await;
        }
        Err(format!("nobody has answered for {key}").into())
    }

    async fn exchange(&mut self, server: SocketAddr, request: &str) -> io::Result<String> {
        let answer = async {
            let stream = match self.connections.entry(server) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(BufReader::new(TcpStream::connect(server).await?)),
            };
            stream.get_mut().write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            match stream.read_line(&mut answer).await? {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                _ => Ok(answer.trim_end().to_owned()),
            }
        };
        let timeout = async {
            Timer::after(ANSWER).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        smol::future::or(answer, timeout).await
    }
}
