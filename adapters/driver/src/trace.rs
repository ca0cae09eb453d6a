//! What is told through the crate `tracing`: a record for each event that is polled, and for what goes on
//! beside the engine. Each record names the node, as a process may run several.

use core::fmt::{self, Display, Write as _};
use std::io;
use std::net::{IpAddr, SocketAddr};

use scalesmall_core::{Destination, Epoch, Event, GroupName, MulticastState, NodeId, Status};
use tracing::{debug, error, info, warn};

/// The target of records about events, so that a program can leave them out that tells of events itself.
const EVENT: &str = "scalesmall_driver::event";

/// The name of a group as a field. Others choose it, and a line of a log must neither end within it nor have a
/// terminal do something: control characters are written out.
struct Shown<'a>(&'a GroupName);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.to_string().chars() {
            if char.is_control() {
                write!(f, "{}", char.escape_default())?;
            } else {
                f.write_char(char)?;
            }
        }
        Ok(())
    }
}

/// A node begins to run.
pub(crate) fn started(node: impl Display, epoch: Epoch, local: SocketAddr) {
    info!(%node, %epoch, %local, "the node runs");
}

/// The machine was suspended, or set back to a snapshot.
pub(crate) fn resumed(node: impl Display) {
    warn!(%node, "the machine was suspended or set back to a snapshot: the node begins a new life");
}

/// The host has other addresses, which the node takes unless it is named after the one that it had.
pub(crate) fn moved(node: impl Display, addresses: &[SocketAddr], taken: bool) {
    let addresses: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    let addresses = addresses.join(", ");
    if taken {
        info!(%node, addresses, "the host has other addresses now, and so has the node");
    } else {
        warn!(%node, addresses, "the host has other addresses now, but the node is named after the one that it had, and keeps that: give it a name, and it can move");
    }
}

/// The interface of the node is there again, or another one.
pub(crate) fn interface_is_back(node: impl Display, at: IpAddr, error: Option<io::ErrorKind>) {
    match error {
        None => {
            info!(%node, %at, "the node's interface is there again, or another one: the others are looked for")
        }
        Some(error) => {
            warn!(%node, %at, %error, "multicast cannot be set up on the node's interface; it is tried again")
        }
    }
}

/// A socket could not receive.
pub(crate) fn not_received(node: impl Display, error: &io::Error) {
    debug!(%node, %error, "a receive has failed");
}

/// A datagram could not be sent.
pub(crate) fn not_sent(node: impl Display, to: Destination, error: &io::Error) {
    match to {
        Destination::Unicast(to) => debug!(%node, %to, %error, "a datagram could not be sent"),
        _ => debug!(%node, %error, "a datagram could not be sent by multicast"),
    }
}

/// Seeds that were looked up have addresses.
pub(crate) fn looked_up(node: impl Display, contacts: usize, out_of_reach: u64) {
    debug!(%node, contacts, out_of_reach, "seeds were looked up");
}

/// The recording ends before the node does.
pub(crate) fn recording_ended(node: impl Display, why: io::ErrorKind) {
    warn!(%node, %why, "the recording has ended");
}

/// An event that the application gets now; `name` says what a node is called.
pub(crate) fn event(node: NodeId, event: &Event, name: &dyn Fn(NodeId) -> String) {
    match event {
        Event::Peer { peer, from, to, cause } => {
            let from = from.map_or("unknown", Status::name);
            let to = to.map_or("forgotten", Status::name);
            let (id, epoch, cause) = (peer.id, peer.epoch, cause.name());
            info!(target: EVENT, node = name(node), peer = name(id), %epoch, from, to, cause, "the status of a peer has changed");
        }
        Event::ItemSet { group, item } => {
            let (member, range) = (item.item.member, item.item.range);
            let (op, port) = (item.item.op, item.item.port);
            debug!(target: EVENT, node = name(node), group = %Shown(group), member = name(member), ?op, %range, port, "a member has said something about a range");
        }
        Event::ItemCleared { group, member, range } => {
            debug!(target: EVENT, node = name(node), group = %Shown(group), member = name(*member), %range, "what a member said about a range is void");
        }
        Event::OwnersChanged { group, range, member, change } => {
            let change = change.name();
            debug!(target: EVENT, node = name(node), group = %Shown(group), member = name(*member), %range, change, "a range has gained or lost an owner");
        }
        Event::Metadata { node: of, metadata } => {
            debug!(target: EVENT, node = name(node), peer = name(*of), bytes = metadata.len(), "a node has new metadata");
        }
        Event::Traits { node: of, traits } => {
            debug!(target: EVENT, node = name(node), peer = name(*of), ?traits, "a node has new traits");
        }
        Event::Draining { node: of, stamp } => {
            let draining = stamp.is_some();
            info!(target: EVENT, node = name(node), peer = name(*of), draining, "a node drains, or drains no longer");
        }
        Event::Message { origin, sequence, group, tag, payload, via } => {
            let group = group.as_ref().map(|group| tracing::field::display(Shown(group)));
            debug!(target: EVENT, node = name(node), origin = name(*origin), sequence, group, tag = tag.0, bytes = payload.len(), via = name(*via), "a message has arrived");
        }
        other => own(node, other, name),
    }
}

/// An event that is about the node itself.
fn own(node: NodeId, event: &Event, name: &dyn Fn(NodeId) -> String) {
    match event {
        Event::Renewed { from, to } => {
            info!(target: EVENT, node = name(node), %from, %to, "the node lives in a new epoch")
        }
        Event::Conflict { epoch, renewals, lasted, address, answered } => {
            let (seconds, address) = (lasted.as_secs(), address.map(tracing::field::display));
            error!(target: EVENT, node = name(node), %epoch, renewals, seconds, address, answered, "another node seems to have this node's identity");
        }
        Event::Moved { peer, to } => {
            info!(target: EVENT, node = name(node), peer = name(*peer), %to, "a peer is reached at another address");
        }
        Event::SeenElsewhere { by, at, advertised } => {
            warn!(target: EVENT, node = name(node), by = name(*by), %at, %advertised, "a peer sees this node at an address that it does not advertise");
        }
        Event::Refused { peer, highest, lasted } => {
            let (id, epoch, seconds) = (peer.id, peer.epoch, lasted.as_secs());
            warn!(target: EVENT, node = name(node), peer = name(id), %epoch, highest, seconds, "all packets of a peer are refused as old");
        }
        Event::Isolated => {
            warn!(target: EVENT, node = name(node), "nobody answers; seeds are being retried")
        }
        Event::Multicast { from, to: MulticastState::Working } => {
            info!(target: EVENT, node = name(node), from = from.name(), "multicast works");
        }
        Event::Multicast { from, to } => {
            let (from, to) = (from.name(), to.name());
            warn!(target: EVENT, node = name(node), from, to, "multicast is of no use to this node");
        }
        Event::Key { key, change, cause } => {
            info!(target: EVENT, node = name(node), %key, ?change, ?cause, "what the node does with a key has changed");
        }
        Event::Footing { from, to } => {
            let (from, to) = (from.name(), to.name());
            info!(target: EVENT, node = name(node), from, to, "this node stands otherwise to its cluster");
        }
        Event::Path { peer, from, to } if to < from => {
            warn!(target: EVENT, node = name(node), peer = name(*peer), from, to, "smaller datagrams pass to a peer than before");
        }
        Event::Path { peer, from, to } => {
            info!(target: EVENT, node = name(node), peer = name(*peer), from, to, "larger datagrams pass to a peer than before");
        }
        Event::Undelivered { message, limit } => {
            let sequence = message.sequence;
            warn!(target: EVENT, node = name(node), sequence, limit, "a message was too large for some node");
        }
        Event::Stalled { late } => {
            let milliseconds = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
            warn!(target: EVENT, node = name(node), milliseconds, "this node was not run for a while");
        }
        Event::HeldOff { reason, left } => {
            let seconds = left.as_secs();
            warn!(target: EVENT, node = name(node), %reason, seconds, "the others do not route to this node for a while");
        }
        Event::Departed { acknowledged_by, told } => {
            info!(target: EVENT, node = name(node), acknowledged_by, told, "this node has left");
        }
        Event::Overflow { dropped } => {
            warn!(target: EVENT, node = name(node), dropped, "changes were dropped: list anew")
        }
        other => {
            debug!(target: EVENT, node = name(node), event = ?other, "an event of a later version")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::UdpSocket;
    use std::sync::{Arc, Mutex};

    use crate::{GroupKeys, Node, Settings};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// The name of a group is one that would end the line, or have a terminal obey, if it were written as it is.
    #[test]
    fn each_event_is_a_record_that_names_the_node() {
        let lines = Lines::default();
        let writer = lines.clone();
        let told = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::DEBUG);
        let told = told.with_writer(move || writer.clone());
        let name = tracing::subscriber::with_default(told.finish(), || {
            let settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
            let mut node: Node<UdpSocket> = Node::start(&settings, Ok).unwrap();
            node.join(&"a\u{9b}b\nc".parse().unwrap()).unwrap();
            node.renew().unwrap();
            node.depart();
            while node.poll_event().is_some() {}
            node.my_name()
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        for expected in ["the node runs", "the node lives in a new epoch", "this node has left"] {
            let told = |line: &&str| line.contains(expected) && line.contains(name.as_str());
            assert_eq!(text.lines().filter(told).count(), 1, "{expected}: {text}");
        }
        assert!(text.contains(r"group=a\u{9b}b\nc ") && !text.contains('\u{9b}'), "{text:?}");
    }
}
