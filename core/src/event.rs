//! What an engine tells its embedder.

use core::time::Duration;

use bytes::Bytes;

use crate::message::{BroadcastId, Tag};
use crate::node::{Epoch, HoldReason, Life, NodeId, Status};
use crate::topology::{GroupName, KeyRange, TimedItem};

/// A change, with its cause. Replaying all events gives what the queries answer.
///
/// Of changes to one subject that nobody has polled yet only the last is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A peer became known, changed its status or its life, or was forgotten.
    Peer {
        /// Whom it is about, in the life that it is in.
        peer: Life,
        /// What it was; `None` if it was not known.
        from: Option<Status>,
        /// What it is; `None` if it is forgotten.
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
    /// What a member said about a range is void: it began a new life, collected a tombstone, or
    /// was forgotten.
    ItemCleared {
        /// The group.
        group: GroupName,
        /// Who had said it.
        member: NodeId,
        /// About which keys.
        range: KeyRange,
    },
    /// A node's metadata changed; empty if it has none any more.
    Metadata {
        /// Whose.
        node: NodeId,
        /// The metadata.
        metadata: Bytes,
    },
    /// A message has arrived.
    Message {
        /// Who sent it first.
        origin: NodeId,
        /// The application's tag.
        tag: Tag,
        /// The application's bytes.
        payload: Bytes,
        /// The node from which this one has it.
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
    /// Time and again this node is said to live in an epoch that it did not begin, or to have sent packets
    /// that it did not send, and begins another life: another node uses its id, or a member that holds
    /// the key says so. The two take turns, ever more
    /// slowly, and this event is repeated each time. Give one of them an address of its own; or
    /// end this one.
    Conflict {
        /// The epoch of the other.
        epoch: Epoch,
        /// How often this node has renewed for it, one time soon after the other.
        renewals: u32,
        /// How long ago it was the first time.
        lasted: Duration,
    },
    /// For a while all packets of a peer have been refused, as higher numbers of the same life are known.
    /// It was set back to a snapshot, began an epoch a second time, or another writes in its name: its
    /// own engine begins a new life once it hears of it. A peer that does not is to be restarted in
    /// an epoch above all earlier ones. Told at most once a minute of each peer.
    Refused {
        /// Whose packets, in which life.
        peer: Life,
        /// The highest number that this node has taken.
        highest: u64,
        /// For how long all others have been refused.
        lasted: Duration,
    },
    /// Nobody answers: no peer is alive. Seeds are being retried; if they were names, look them
    /// up again and call `Engine::contact`. While it lasts this is said again, ever more rarely.
    Isolated,
    /// What multicast does for this node has changed. It needs no answer: whoever multicast does not
    /// reach is told everything by unicast, always.
    Multicast {
        /// What it did.
        from: MulticastState,
        /// What it does.
        to: MulticastState,
    },
    /// The largest datagram that passes to a peer is another one than before. At first it is
    /// [`Config::max_datagram`](crate::Config::max_datagram).
    ///
    /// What a smaller one still carries goes on as before. A message that is too large for it does
    /// not reach the peer.
    Path {
        /// To whom.
        peer: NodeId,
        /// The size before, in bytes of UDP payload.
        from: usize,
        /// The size from now on.
        to: usize,
    },
    /// A message of this node's is too large for a path on its way, or for the configuration of a node
    /// that was to pass it on: not all get it. Told once of each message.
    Undelivered {
        /// What `Engine::broadcast` returned.
        message: BroadcastId,
        /// The most bytes of payload that would have passed there.
        limit: usize,
    },
    /// This node was not run for a while. Suspicions that it formed meanwhile are void.
    Stalled {
        /// How late the engine was called.
        late: Duration,
    },
    /// The others hold this node off: they know that it lives, but do not show it and do not route to it
    /// yet, as it has been silent several times of late. It knows that by the rule that they all follow.
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
    /// More changes than the queue holds: these have been dropped. Read the queries anew.
    Overflow {
        /// How many changes were dropped.
        dropped: u64,
    },
}

/// What multicast does for a node, as far as the node can tell; it begins with *working*.
///
/// It cannot tell why: multicast may be blocked, or nobody else may be there to hear it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MulticastState {
    /// Others are heard by it, or have said that they hear this node.
    #[default]
    Working,
    /// There are live peers, but none of them has been heard by it for long: about 24
    /// [`Config::beacon_interval`](crate::Config::beacon_interval), and up to 64 times as long for a
    /// node that has been told so often. This node sends and gets everything by unicast.
    ///
    /// It is so for a node that is alone in its segment as well.
    Silent,
    /// Others are heard by it, but this node tried to speak for its segment and none of them said
    /// that it hears it, or all have ceased to hear it: it is blocked one way. What this node says
    /// goes by unicast. Only nodes that try know this: those of a segment without another speaker,
    /// in a cluster of [`Config::least_hearers`](crate::Config::least_hearers) at least.
    Unheard,
}

/// Why a peer's status changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// It sent a fresh packet to this node.
    Heard,
    /// A peer told so.
    Told {
        /// Which.
        by: NodeId,
    },
    /// It has not answered this node's probe.
    Unanswered,
    /// It answered this node.
    Answered,
    /// A verifier has an answer from it, though this node has none.
    AnsweredOther {
        /// The verifier.
        verifier: NodeId,
    },
    /// It was silent for the whole window, to the accuser and to those who confirmed.
    Confirmed {
        /// Who suspected it and gave the verdict.
        accuser: NodeId,
        /// Who looked as well.
        confirmed_by: [Option<NodeId>; 2],
    },
    /// It was silent for the whole window, and nobody was there to be asked.
    NobodyToAsk,
    /// It was silent for the whole window, and so were most of those that were asked to look, or all:
    /// this node may be cut off itself.
    VerifiersSilent,
    /// It refuted what was said about it.
    Refuted,
    /// It said that it goes.
    Departed,
    /// It began a new life.
    NewLife,
    /// It was down or gone for [`Config::forget_after`](crate::Config::forget_after), or has made room
    /// for one that lives: see [`Limits`](crate::Limits).
    Expired,
    /// It had gone down several times of late, and has now been clean for long enough.
    Steady,
    /// This node had slept: it withdraws the accusation.
    OwnStall,
}
