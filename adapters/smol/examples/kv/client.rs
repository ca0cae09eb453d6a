//! A client: a node of no group, which routes by key and asks again where that has changed.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use scalesmall_core::NodeId;
use scalesmall_smol::{CallError, Events, Front, GroupKeys, Handle, Node, Preset, Settings, spawn};
use smol::Timer;
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use smol::net::TcpStream;

use super::shards::{group, place};

/// How long a client tries, how long it waits for an answer, and before it asks again.
const PATIENCE: Duration = Duration::from_secs(30);
const ANSWER: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);

/// Sends a request on a connection of its own, and returns all that is said until that ends.
pub(crate) async fn exchange(server: SocketAddr, request: String) -> io::Result<String> {
    let answer = async {
        let mut stream = TcpStream::connect(server).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    };
    let timeout = async {
        Timer::after(ANSWER).await;
        Err(io::ErrorKind::TimedOut.into())
    };
    smol::future::or(answer, timeout).await
}

/// Asks the servers of a key.
#[derive(Clone)]
pub(crate) struct Client(Handle);

impl Client {
    /// A client that learns of the servers from one of them, and says so if it does not answer. The node runs
    /// until the client and its events are dropped.
    pub(crate) async fn start(seed: SocketAddr) -> Result<(Self, Events), Box<dyn Error>> {
        let mut settings = Settings::new((seed.ip(), 0).into(), GroupKeys::published());
        settings.preset = Preset::Local;
        settings.seeds.push(seed.into());
        let (handle, events, _) = spawn(Node::bind(&settings)?)?;
        let contact = handle.contacted(Duration::from_secs(3)).await?;
        if !contact.is_in() {
            return Err(format!("{seed}: {contact}").into());
        }
        Ok((Self(handle), events))
    }

    /// The servers to ask for a place in the key space, best first, and where they answer.
    pub(crate) async fn owners(&self, place: u32) -> Result<Vec<(NodeId, SocketAddr)>, CallError> {
        let owners = move |node: &mut Front| {
            let owners = node.route(&group(), place);
            owners.filter_map(|owner| Some((owner.member, node.endpoint(&owner)?))).collect()
        };
        self.0.call(owners).await
    }

    pub(crate) async fn put(&self, key: &str, value: &str) -> Result<(), Box<dyn Error>> {
        self.ask(key, format!("put {key} {value}\n"), |answer| (answer == "ok\n").then_some(()))
            .await
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<String>, Box<dyn Error>> {
        let value = |answer: &str| match answer.trim_end().split_once(' ') {
            Some(("value", value)) => Some(Some(value.to_owned())),
            _ => (answer == "none\n").then_some(None),
        };
        self.ask(key, format!("get {key}\n"), value).await
    }

    /// The first answer that is one. A server that was killed, or has given the slot away, has none: another one
    /// has, or the route changes soon.
    async fn ask<T>(
        &self,
        key: &str,
        request: String,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Box<dyn Error>> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            for (_, server) in self.owners(place(key)).await? {
                let answer = exchange(server, request.clone()).await.unwrap_or_default();
                if let Some(answer) = read(&answer) {
                    return Ok(answer);
                }
            }
            Timer::after(PAUSE).await;
        }
        Err(format!("nobody has answered for {key}").into())
    }
}
