//! What an engine tells its embedder.

mod display;

use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use crate::base::{Epoch, GroupName, HoldReason, Life, NodeId, Status};
use crate::claims::{DrainStamp, Traits};
use crate::out::message::{BroadcastId, Tag};
use crate::packet::KeyId;
use crate::topology::{KeyRange, OwnerChange, TimedItem};

/// A change, with its cause. Replaying all events gives which peers there are, with their lives, statuses, metadata, traits
/// and stamps, and all items and owners, as the queries return them. Figures that change all the time are in the queries
/// alone: see [`Peer::rtt`](crate::Peer::rtt) and [`Peer::heard`](crate::Peer::heard).
///
/// Of the changes to one subject that have not been polled yet only the last is kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A peer became known, changed its status or its life, or was forgotten.
    Peer {
        /// The peer, in its present life.
        peer: Life,
        /// Its status before; `None` if it was not known.
        from: Option<Status>,
        /// Its status now; `None` if it is forgotten.
        to: Option<Status>,
        /// Why.
        cause: Cause,
    },
    /// A member of a group has said something about a range.
    ItemSet {
        /// The group.
        group: GroupName,
        /// What was said.
        item: TimedItem,
    },
    /// An item was removed: its member began a new life, collected a tombstone, or was forgotten.
    ItemCleared {
        /// The group.
        group: GroupName,
        /// The member.
        member: NodeId,
        /// The keys.
        range: KeyRange,
    },
    /// A range of a group has gained or lost an owner, or one of its owners has changed: one event for each
    /// range of the member whose part has changed, this node's own ranges included.
    ///
    /// Replayed from the beginning these events alone give the owners of every key, which are those that
    /// [`Engine::owners`](crate::Engine::owners) and [`Engine::route`](crate::Engine::route) return: after
    /// each event the member is an owner of the range or not, as [`OwnerChange::serves`] says, whatever was
    /// told before.
    ///
    /// | what you follow | events |
    /// |---|---|
    /// | the owners of keys | `OwnersChanged` |
    /// | what members have said, tombstones and members that are not present included | `ItemSet`, `ItemCleared` |
    /// | nodes, whatever they serve | `Peer`, `Draining` |
    ///
    /// Why a member is down or back is told by the `Peer` event before.
    OwnersChanged {
        /// The group.
        group: GroupName,
        /// The keys.
        range: KeyRange,
        /// The member.
        member: NodeId,
        /// What it is to the range from now on.
        change: OwnerChange,
    },
    /// A node's metadata changed; empty if it has none any more.
    Metadata {
        /// The node.
        node: NodeId,
        /// The metadata.
        metadata: Bytes,
    },
    /// A node's traits changed; [those of a node that has said nothing](Traits::default) if it has none
    /// any more.
    Traits {
        /// The node.
        node: NodeId,
        /// The traits.
        traits: Traits,
    },
    /// A node began to drain, or it drains no longer.
    Draining {
        /// The node.
        node: NodeId,
        /// Its stamp; `None` if it drains no longer.
        stamp: Option<DrainStamp>,
    },
    /// What this node does with one of its keys has changed.
    Key {
        /// The key.
        key: KeyId,
        /// What it does now.
        change: KeyChange,
        /// Why.
        cause: KeyCause,
    },
    /// A message has arrived.
    Message {
        /// The node that sent it first.
        origin: NodeId,
        /// Its number among the messages of that node's life, as in [`BroadcastId`].
        sequence: u64,
        /// The group to whose members it was sent; `None` if it was sent to all nodes, or to some.
        group: Option<GroupName>,
        /// The application's tag.
        tag: Tag,
        /// The application's bytes.
        payload: Bytes,
        /// The node from which this one got it.
        via: NodeId,
    },
    /// This node lives in a new epoch: it heard of itself from a higher one, or the embedder
    /// asked for it. Its groups and ranges have been written anew.
    Renewed {
        /// The life before.
        from: Epoch,
        /// The life that begins.
        to: Epoch,
    },
    /// Again and again others say that this node lives in an epoch that it did not begin, or that
    /// it has sent packets that it did not send, and each time it begins another life. Another node
    /// uses its id, or a holder of the key claims so: see `answered`. Two nodes with one id take turns,
    /// ever more slowly, and this event is repeated each time. A node that starts while the other one
    /// waits for long is told by that one at once, before it has renewed. Give one of them a name of its
    /// own, or end this one.
    Conflict {
        /// The epoch of the other.
        epoch: Epoch,
        /// How often in quick succession this node has renewed because of it.
        renewals: u32,
        /// How long ago the first time was.
        lasted: Duration,
        /// Where the other node was seen, or is said to be, if that is known: this node's own address
        /// if the two take turns there.
        address: Option<SocketAddr>,
        /// Whether the other node has answered a question that this one has sent to that address. If not,
        /// it may be nothing but words of others, so do not end a node for that. A node at this one's own
        /// address cannot be asked.
        answered: bool,
    },
    /// A peer is reached at another address than before, in its life or since it began another one.
    Moved {
        /// The peer.
        peer: NodeId,
        /// The address.
        to: SocketAddr,
    },
    /// A peer gets packets of this node from an address that is none of this node's: they pass a port
    /// mapping, or the host has another address that it sends from. If the addresses that this node says
    /// can be reached, all is well. Otherwise nobody takes it for a member: give it an address at which it
    /// can be reached, which may be this one, with `Engine::set_addresses`. Each address is told once, and
    /// eight at most until this node has other ones.
    SeenElsewhere {
        /// The peer.
        by: NodeId,
        /// The address that the packets come from.
        at: SocketAddr,
        /// The one that this node prefers.
        advertised: SocketAddr,
    },
    /// For a while all packets of a peer have been refused, because higher numbers of the same life
    /// are known. It was set back to a snapshot, began an epoch a second time, or another node
    /// sends packets in its name. Its engine begins a new life once it hears of that; if it does
    /// not, restart the peer in an epoch above all earlier ones. Raised at most once a minute per
    /// peer.
    Refused {
        /// The peer, in the life of the packets.
        peer: Life,
        /// The highest number that this node has taken.
        highest: u64,
        /// For how long all lower ones have been refused.
        lasted: Duration,
    },
    /// No peer is alive. Seeds are being retried; if they were names, look them up again and call
    /// `Engine::contact`. Raised again while it lasts, ever more rarely.
    Isolated,
    /// What multicast does for this node has changed. It needs no reaction: nodes that multicast
    /// does not reach always get everything by unicast.
    Multicast {
        /// What it did before.
        from: MulticastState,
        /// What it does now.
        to: MulticastState,
    },
    /// The size of the largest datagram that passes to a peer has changed. At first it is
    /// [`Config::max_datagram`](crate::Config::max_datagram).
    ///
    /// Everything that fits into smaller datagrams goes on as before. A message that does not fit
    /// does not reach the peer.
    Path {
        /// The peer.
        peer: NodeId,
        /// The size before, in bytes of UDP payload.
        from: usize,
        /// The size from now on.
        to: usize,
    },
    /// A message of this node's is too large for a path on its way, or for the configuration of a
    /// node that should pass it on: not all nodes get it. Raised once per message.
    Undelivered {
        /// What `Engine::broadcast` returned.
        message: BroadcastId,
        /// The most bytes of payload that would have passed there.
        limit: usize,
    },
    /// This node stands otherwise to its cluster than before: worse, as told at once, or better for a while.
    /// `Engine::agreement` has the figures.
    Footing {
        /// How it stood.
        from: Footing,
        /// How it stands now.
        to: Footing,
    },
    /// This node was not run for a while. It has withdrawn its suspicions.
    Stalled {
        /// How late the engine was called.
        late: Duration,
    },
    /// The others hold this node off: they know that it lives, but do not show it and do not route to it
    /// yet, as it has been silent several times recently. It knows that by the rule that they all follow.
    HeldOff {
        /// Why.
        reason: HoldReason,
        /// For how long, if nothing else happens.
        left: Duration,
    },
    /// `Engine::depart` has ended; the engine is silent now.
    Departed {
        /// How many peers have acknowledged it.
        acknowledged_by: u32,
        /// How many peers were told.
        told: u32,
    },
    /// There were more changes than the queue holds, and they have been dropped. Read the queries
    /// anew: [`Engine::peers`](crate::Engine::peers), [`Engine::topology`](crate::Engine::topology),
    /// [`Engine::owners`](crate::Engine::owners). What follows are changes since then.
    Overflow {
        /// How many changes were dropped.
        dropped: u64,
    },
}

/// What a node does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyChange {
    /// It holds it, and accepts what is protected with it.
    Added,
    /// It sends with it.
    InUse,
    /// It holds it no longer.
    Dropped,
    /// It does not send with it any more, as somebody else may know it.
    Leaked,
}

/// Why a node changed what it does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyCause {
    /// The embedder has asked for it.
    Asked,
    /// A member has made it, or passed it on, wrapped under a key that this node held.
    Given {
        /// The member.
        by: NodeId,
    },
    /// All living nodes hold it.
    HeldByAll,
    /// All nodes that are not forgotten use a higher one.
    Replaced,
}

/// What multicast does for a node, as far as the node can tell; it begins with *working*.
///
/// It cannot tell why: multicast may be blocked, or nobody else may be there to hear it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MulticastState {
    /// This node hears others by it, or others have said that they hear this node.
    #[default]
    Working,
    /// There are live peers, but this node has heard none of them by it for long: about 24
    /// [`Config::beacon_interval`](crate::Config::beacon_interval), and up to 64 times as long if
    /// this happens often. This node sends and gets everything by unicast.
    ///
    /// A node that is alone in its segment is in this state as well.
    Silent,
    /// This node hears others by it, but when it tried to speak for its segment none of them said
    /// that it hears this node, or all have stopped hearing it: multicast is blocked in one
    /// direction. This node sends by unicast. Only nodes that try know this: nodes of a segment
    /// without another speaker, in a cluster of at least
    /// [`Config::least_hearers`](crate::Config::least_hearers).
    Unheard,
}

/// How a node stands to its cluster, from the worst to the best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Footing {
    /// It hears no more than half of the nodes that have not left, itself included, or too few of those that
    /// it asked to verify a silence have reported: it may be on the smaller side of a cut. What the
    /// other side does it does not know.
    Minority,
    /// It hears most of the nodes, and more than a quarter of those that it has compared itself with
    /// recently hold something else, for longer than changes take to spread.
    Apart,
    /// It hears most of the nodes, and has compared itself with none of them recently, as it has just
    /// begun or is alone.
    #[default]
    Unknown,
    /// It hears most of the nodes, and they hold what it holds, except changes that are on their way.
    Agreed,
}

/// Why a peer's status changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// It sent a fresh packet to this node.
    Heard,
    /// Another peer told this node.
    Told {
        /// That peer.
        by: NodeId,
    },
    /// It left a probe of this node's unanswered, all three tries of it; so this node suspects it. Or another node has
    /// told this one alone that the peer is down, and this node suspects it in order to find out.
    Unanswered,
    /// It answered this node.
    Answered,
    /// It answered a verifier, though not this node.
    AnsweredOther {
        /// The verifier.
        verifier: NodeId,
    },
    /// It was silent for the whole window, to the accuser and to the verifiers that confirmed.
    Confirmed {
        /// The node that suspected it and reached the verdict.
        accuser: NodeId,
        /// The verifiers that confirmed it.
        confirmed_by: [Option<NodeId>; 2],
    },
    /// It was silent for the whole window, and there was nobody to ask.
    NobodyToAsk,
    /// It was silent for the whole window, and so were most or all of the verifiers: this node may
    /// be cut off itself.
    VerifiersSilent,
    /// It refuted what was said about it.
    Refuted,
    /// It said that it leaves.
    Departed,
    /// It began a new life.
    NewLife,
    /// It was down or had left for [`Config::forget_after`](crate::Config::forget_after), or has made
    /// room for a living node: see [`Limits`](crate::Limits).
    Expired,
    /// It lives, but says itself that it was cut off or stood still, and did so before recently: it is held
    /// off for a while.
    HeldOff,
    /// It had gone down several times lately, and has now been up for long enough.
    Steady,
    /// This node had slept, and withdraws its suspicion.
    OwnStall,
    /// It was gone, and [`Engine::forget`](crate::Engine::forget) was called.
    Forgotten,
}
