//! What a node of the simulation is: the engine, or any other protocol.

use core::net::SocketAddr;

use bytes::BytesMut;
use scalesmall_core::{
    Arrival, Destination, Epoch, Instant, Locator, NodeId, SendError, SendRate, Status,
};

use super::Sim;
use crate::check::Broken;
use crate::names::Identity;

/// A protocol that can live in the simulated network, one value per node.
///
/// The contract is the engine's: inputs with the time of the node's own clock, outputs polled
/// until they answer `None`, and after that a deadline that lies ahead. A protocol without membership
/// leaves out what has a default.
pub trait Protocol {
    /// What it reports to its embedder.
    type Event: core::fmt::Debug;

    /// Takes a datagram.
    fn handle_datagram(&mut self, now: Instant, arrival: Arrival, datagram: &[u8]);

    /// As [`Protocol::handle_datagram`]; returns whether the datagram was taken as a fresh one, of
    /// which no life takes one twice. A protocol that does not promise that answers `false`.
    ///
    /// `newest` is the last life that the sending node has begun, of those that [`Protocol::epoch`]
    /// tells.
    ///
    /// # Errors
    ///
    /// What it broke by taking the datagram.
    fn take(
        &mut self,
        now: Instant,
        arrival: Arrival,
        datagram: &[u8],
        _newest: Epoch,
    ) -> Result<bool, Broken> {
        self.handle_datagram(now, arrival, datagram);
        Ok(false)
    }

    /// Acts on deadlines that have passed.
    fn handle_timeout(&mut self, now: Instant);

    /// Learns that a datagram could not be sent.
    fn handle_send_error(&mut self, _now: Instant, _to: Destination, _error: SendError) {}

    /// Appends one datagram that is to be sent.
    #[must_use]
    fn poll_transmit(&mut self, datagram: &mut BytesMut) -> Option<Destination>;

    /// Takes one event.
    #[must_use]
    fn poll_event(&mut self) -> Option<Self::Event>;

    /// When [`Protocol::handle_timeout`] is to be called next.
    fn poll_timeout(&self) -> Option<Instant>;

    /// What an event says about a peer, if it does; a protocol without membership has nothing to say.
    fn sighting(_event: &Self::Event) -> Option<Sighting> {
        None
    }

    /// Whether an event says that others were lost, so that the queries are to be read anew.
    fn is_overflow(_event: &Self::Event) -> bool {
        false
    }

    /// Whether an event says that another node uses this one's address.
    fn is_conflict(_event: &Self::Event) -> bool {
        false
    }

    /// Tells all peers and what they are believed to be; the same as all sightings replayed.
    fn for_each_peer(&self, _tell: &mut dyn FnMut(Identity, Status)) {}

    /// The life of a peer that it knows, in a protocol that tells lives apart.
    fn life_of(&self, _peer: Identity) -> Option<Epoch> {
        None
    }

    /// Its identity, in a protocol to which an address is none.
    fn id(&self) -> Option<NodeId> {
        None
    }

    /// How many events it may report between two inputs; `None` for no limit.
    fn max_events(&self) -> Option<usize> {
        None
    }

    /// The life that it is in, if it begins new ones of its own accord.
    fn epoch(&self) -> Option<Epoch> {
        None
    }

    /// A number that is equal on nodes with equal pictures, if the protocol has one. Must be cheap.
    fn digest(&self) -> Option<u64> {
        None
    }

    /// The largest datagram that it may send, in bytes of UDP payload: what UDP carries, if it does not
    /// say less.
    fn max_datagram(&self) -> usize {
        65_507
    }

    /// The most that it may send: in each tenth of a second, by its clock, a tenth of it.
    fn send_rate(&self) -> SendRate {
        SendRate::UNBOUNDED
    }

    /// Whether a datagram spreads a change, or does nothing but acknowledge what did. It may be
    /// slow: it is asked only if [`Sim::tell_changes_apart`] was called.
    #[must_use]
    fn spreads_change(_datagram: &[u8]) -> bool {
        false
    }

    /// Why what an event says of a peer has come about: in words, with `@` for each node that is to be
    /// named, and these nodes. It is asked only while a film keeps who saw whom.
    #[must_use]
    fn cause(_event: &Self::Event) -> Option<(&'static str, [Option<Identity>; 3])> {
        None
    }

    /// Whether a datagram keeps to the format. It may be slow: it is asked only once a member has said
    /// what no engine says.
    #[must_use]
    fn is_well_formed(_datagram: &[u8]) -> bool {
        true
    }

    /// Makes contact with nodes that may be running.
    fn contact(&mut self, _now: Instant, _seeds: &[SocketAddr]) {}

    /// Learns that it is reached at other addresses from now on, the preferred one first.
    fn set_addresses(&mut self, _now: Instant, _addresses: &[SocketAddr]) {}

    /// Says goodbye.
    fn depart(&mut self, _now: Instant) {}

    /// Looks, after calls that its embedder has made through [`Sim::with`], for what they wrote that
    /// the rules have to know of.
    fn note_calls(_sim: &mut Sim<Self>, _node: usize)
    where
        Self: Sized,
    {
    }

    /// Sets up the rules of its own that every simulation of it checks.
    fn set_rules(_sim: &mut Sim<Self>)
    where
        Self: Sized,
    {
    }
}

/// What a node has come to believe about another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The other.
    pub peer: Identity,
    /// In which life of it, in a protocol that tells lives apart.
    pub life: Option<Epoch>,
    /// What it is; `None` if it is forgotten.
    pub status: Option<Status>,
}

/// How a node comes into the world; what [`Build::of`](crate::Build::of) makes a protocol from.
#[derive(Clone, Debug)]
pub struct Birth {
    /// Which node, counted from 0.
    pub node: usize,
    /// Its address, the preferred one if it has several.
    pub addr: SocketAddr,
    /// Its name and all of its addresses.
    pub locator: Locator,
    /// Its life, from its wall clock, which may have been set back.
    pub epoch: Epoch,
    /// What its clock shows.
    pub now: Instant,
    /// Its source of randomness; the same in all lives of the node.
    pub seed: [u8; 32],
}
