//! Frames: what a packet says.

use bytes::Bytes;
use core::net::SocketAddr;
use core::num::NonZeroU64;

use crate::base::{GroupName, Life, NodeId};
use crate::claims::{AttributeKind, Claim};
use crate::topology::RecordDelta;

/// One statement of a packet, decoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Frame {
    /// Asks for a [`Frame::Pong`]; carries the sender's root.
    Ping {
        /// The sender's root.
        root: u64,
    },
    /// Answers a ping.
    Pong {
        /// The packet number of the ping.
        packet: u64,
        /// The sender's root, or `None` if it equals the one in the ping. To another life of the sender's id it is the
        /// number in the ping.
        root: Option<u64>,
    },
    /// A packet that asked for it has arrived and has been applied.
    Ack {
        /// Its packet number.
        packet: u64,
    },
    /// An unbound packet of an unproven sender has arrived: "say it again, bound to my epoch",
    /// which is the one in the header of the packet that carries this frame.
    Challenge {
        /// The number of the unbound packet.
        packet: u64,
    },
    /// What is known about a node.
    Claim(Claim),
    /// Writes of one record.
    Record {
        /// The group.
        group: GroupName,
        /// The writes.
        delta: RecordDelta,
    },
    /// An attribute of a node.
    Attribute {
        /// The node that the attribute is about, in the life in which it says so.
        life: Life,
        /// What the attribute is about.
        kind: AttributeKind,
        /// Rises each time that the node sets this attribute in that life; the highest version counts.
        version: u64,
        /// The content, at most 512 bytes.
        bytes: Bytes,
    },
    /// A node expects to be slow for a while, and until then its silence is not held against it: no window of a
    /// suspicion of it ends.
    Slow {
        /// The node that will be slow.
        life: Life,
        /// For how many milliseconds, counted from the arrival of the frame; a minute at most counts.
        millis: u32,
    },
    /// An application message.
    Message(Message),
    /// The next `frames` frames are to be passed on.
    Spread(Spread),
    /// Asks the receiver to look whether a node answers.
    Verify {
        /// The suspect.
        suspect: Life,
        /// The milliseconds that are left of the window of silence.
        millis: u32,
    },
    /// A verifier's report: what has come of a [`Frame::Verify`] so far. What the accuser makes of all reports is the
    /// verdict in the sense of the glossary: the claim *down*.
    Verdict {
        /// The suspect.
        suspect: Life,
        /// What the verifier has seen.
        finding: Finding,
    },
    /// Tells a node that the sender suspects it.
    Suspicion,
    /// Asks for the writes of a record after a clock.
    Want {
        /// The group.
        group: GroupName,
        /// The record's owner.
        member: Life,
        /// The clock up to which the sender has them.
        since: u64,
    },
    /// Sums over ranges of the position space, to be compared.
    Ranges(alloc::vec::Vec<RangeSum>),
    /// Coded symbols of what the sender holds in a range of the position space.
    Coded(Coded),
    /// Asks for what the sender lacks in a range of the position space.
    Lacking(Lacking),
    /// Everything the sender holds in a range of the position space.
    Holdings(Holdings),
    /// Names nodes that hear a speaker's multicast. A node that hears it sends itself alone to the
    /// speaker. The speaker multicasts some of those that it covers from then on, in turn; with
    /// nobody listed it says that it begins to speak.
    Heard {
        /// The speaker.
        speaker: NodeId,
        /// The nodes that hear it.
        nodes: alloc::vec::Vec<NodeId>,
    },
    /// A node's packet numbers have reached this value: lower ones in unbound packets are old.
    Vouch {
        /// Whose.
        life: Life,
        /// The number.
        packet: u64,
    },
    /// The receiver's id is in use in this other life, which has just answered. Only a bound packet
    /// may say so; the receiver renews above that life.
    Duplicate {
        /// The other life's epoch.
        epoch: crate::base::Epoch,
    },
    /// Heartbeat of a speaker: says how many batches it has multicast.
    Beat {
        /// The number of the last one.
        sequence: u64,
    },
    /// The next `frames` frames are a batch that a speaker multicasts.
    Numbered {
        /// Its number, from 1.
        sequence: u64,
        /// How many frames it has.
        frames: u8,
    },
    /// Asks a speaker for the batches after a number: a negative acknowledgement.
    Missed {
        /// The number up to which the sender has all.
        since: u64,
        /// Whether the sender does not hear the speaker at all any more.
        silent: bool,
    },
    /// Fills a packet that tries how large a datagram passes.
    Padding {
        /// How many bytes, at most 65,507.
        bytes: u16,
    },
    /// Large datagrams of the receiver do not seem to arrive at the sender: it asks for small ones.
    Narrow,
    /// A packet that asked for an acknowledgement has arrived and has been applied, but messages in it
    /// above a size are not passed on: that is left to the receiver.
    TooLarge {
        /// Its packet number.
        packet: u64,
        /// The largest payload of a message that the sender passes on.
        bytes: u16,
    },
    /// A message of the receiver did not reach all, as it is too large for a path or for a node on it.
    Undelivered {
        /// Which of its messages in the life that the packet is bound to.
        sequence: u64,
        /// The largest payload that passes there.
        bytes: u16,
    },
    /// A packet of the receiver is refused, as its number has been used up in the life that this packet is
    /// bound to. A receiver that did not send the highest one, or not the one that is refused, renews.
    /// Beside a pong: nothing is refused, but the ping was overtaken, and the highest one is named twice.
    Counted {
        /// The number of the packet that is refused.
        packet: u64,
        /// The first 16 bits of its tag.
        tag: u16,
        /// The highest number that the sender has taken.
        highest: u64,
        /// The first 16 bits of the tag of that packet.
        tag_of_highest: u16,
    },
    /// Packets of the receiver come from an address that it does not say is its own.
    Seen {
        /// The address.
        at: SocketAddr,
    },
    /// The sender drains, and would count on the receiver for keys that both serve.
    Drains {
        /// The stamp with which the sender drains.
        stamp: u64,
    },
    /// The sender has noted that the receiver drains. From now on it begins to drain with a higher stamp
    /// only.
    Noted {
        /// The stamp of the receiver.
        stamp: u64,
        /// The stamp with which the sender drains itself; 0 if it does not.
        own: u64,
    },
}

impl Frame {
    /// Whether the frame says something to everybody. Only such frames travel inside a spread or a
    /// numbered batch.
    #[must_use]
    pub const fn is_for_all(&self) -> bool {
        matches!(
            self,
            Self::Claim(_)
                | Self::Record { .. }
                | Self::Attribute { .. }
                | Self::Slow { .. }
                | Self::Message(_)
                | Self::Heard { .. }
                | Self::Vouch { .. }
        )
    }
}

/// What a verifier has found out about a suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Finding {
    /// The verifier has begun to look: it can be counted on.
    Looking = 0,
    /// The suspect has answered the verifier.
    Answers = 1,
    /// The suspect has not answered the verifier in the whole window.
    Silent = 2,
}

/// An application message on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    /// The node that sent it first.
    pub origin: Life,
    /// Its sequence number in that life, starting at 1.
    pub sequence: u64,
    /// The application's tag.
    pub tag: u32,
    /// The group it is meant for; `None` for everybody or for the nodes that a
    /// [`Route::Listed`] names.
    pub group: Option<GroupName>,
    /// The application's bytes.
    pub payload: Bytes,
}

/// How the frames that follow are to be passed on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Spread {
    /// To whom.
    pub route: Route,
    /// How many more hops are allowed.
    pub hops: u8,
    /// How many of the frames that follow this is about.
    pub frames: u8,
    /// In a repeated try the first one, so that a receiver which has seen that, or another
    /// repetition of it, does not pass the frames on twice.
    pub first_try: Option<FirstTry>,
}

/// Where a copy was tried first, told from a repeated try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FirstTry {
    /// How far this packet's number lies above that of the first try.
    pub packets_ago: NonZeroU64,
    /// How many [`Spread`]s came before it in that packet.
    pub place: u32,
}

/// The nodes that a receiver is to pass frames on to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// Those whose ring position `p` has `p - from < until - from` (wrapping); all if
    /// `from == until`.
    Ring {
        /// First position.
        from: u32,
        /// Position after the last one.
        until: u32,
        /// Only members of this group.
        group: Option<GroupName>,
        /// Whether those whom a speaker looks after are meant too.
        covered: bool,
    },
    /// These. A receiver that is not one of them passes the frames on to them.
    Listed(alloc::vec::Vec<NodeId>),
}

/// The first coded symbols of what a node holds in a range of positions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Coded {
    /// The first position.
    pub from: u64,
    /// The last position.
    pub to: u64,
    /// How much the sender holds there.
    pub count: u64,
    /// The symbols, from the first on.
    pub cells: alloc::vec::Vec<u64>,
}

/// What a node has found to lack in a range of positions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lacking {
    /// The first position.
    pub from: u64,
    /// The last position.
    pub to: u64,
    /// The first 40 bits of each fingerprint.
    pub elements: alloc::vec::Vec<u64>,
}

/// The sum over a range of the position space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RangeSum {
    /// First position.
    pub from: u64,
    /// Last position, included.
    pub to: u64,
    /// The wrapping sum of the fingerprints of all that lies in the range.
    pub sum: u64,
    /// How many subjects lie in it.
    pub count: u64,
}

/// What the sender holds in a range of the position space.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Holdings {
    /// First position.
    pub from: u64,
    /// Last position, included.
    pub to: u64,
    /// The list answers a list of the receiver, which must not answer it with another list.
    pub answer: bool,
    /// Nodes and what is known of them.
    pub claims: alloc::vec::Vec<Claim>,
    /// Records and how far the sender has them.
    pub records: alloc::vec::Vec<RecordVersion>,
    /// Attributes and which versions of them the sender has.
    pub attributes: alloc::vec::Vec<AttributeVersion>,
}

/// How far a record is held.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordVersion {
    /// The group.
    pub group: GroupName,
    /// The owner.
    pub member: Life,
    /// The clock up to which it is held.
    pub clock: u64,
}

/// Which version of an attribute is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttributeVersion {
    /// The owner.
    pub life: Life,
    /// Which attribute.
    pub kind: AttributeKind,
    /// The version.
    pub version: u64,
    /// The low 32 bits of its fingerprint, as two nodes may hold different bytes under one version.
    pub sum: u32,
}

/// Whether a frame is lost for good if it does not come by the tree.
pub(crate) const fn is_message(frame: &Frame) -> bool {
    matches!(frame, Frame::Message(_))
}
