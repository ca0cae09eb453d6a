//! The bounds of what grows.

use super::ConfigError;
use super::partial::patch;
use crate::topology::TopologyLimits;

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $ty:ty = $default:expr, $least:expr;)+) => {
        /// The bounds of everything that can grow, in one place.
        ///
        /// What would exceed a bound is refused, with an error or a counter that names it.
        ///
        /// The living come before the gone. What gives way when a table is full:
        ///
        /// | table | gives way first | then | never |
        /// |---|---|---|---|
        /// | `nodes` | the gone that this node never heard, the newest first | the gone, longest first; for a node that has proven itself, those that live by hearsay alone, the newest first | a node that lives and was heard |
        /// | `groups` | groups in which only the gone have records, unchanged for longest first | groups in which nothing is left but tombstones, likewise | groups in which a living node is |
        /// | `ranges` | records of the gone, of groups unchanged for longest first | records with nothing but tombstones, likewise | what a living node serves |
        /// | `ranges_per_record` | all tombstones of the record | | what its owner serves |
        /// | `claims`, `staged_records` | the last claim; the oldest stage | | |
        /// | `message_origins` | those that do not live, stalest first | the stalest | |
        /// | `session_keys` | the key in the place of a sender that is heard twice in a row | | a key in use for one that is forged |
        /// | wide windows | the one used longest ago | | |
        /// | `events`, `event_bytes` | changes are folded | | messages: refused, and come again |
        /// | `outbox`, `relays`, `piggyback` | the newest is left to repair, or comes again | | liveness for anything else |
        /// | `seeds` | the oldest | | |
        /// | `inquiries` | requests of others; announcements of slowness | | |
        ///
        /// What gives way is no part of the [digest](crate::Engine::digest), so nodes with
        /// different limits have nothing to repair as long as each has room for the living nodes
        /// and what they serve. Without that room repairs move nothing, and back off to one a
        /// minute.
        ///
        /// Some bounds are fixed, because there is no reason to choose them:
        ///
        /// | what | bound | beyond |
        /// |---|---|---|
        /// | packets of one sender that overtake each other | 64, of 32 senders 1,024 | refused and counted |
        /// | frames, bytes of a packet, bytes of metadata | 1,024, 65,507, 512, by the [format](crate::wire) | refused and counted |
        /// | listed recipients of a message | 1,024 | `BroadcastError` |
        /// | challenged lives | the last 256 | this node does not announce the oldest |
        /// | probes that wait for an answer | 16 | no more are begun |
        /// | verifiers of a suspicion, askers of a watch | 16 | no more are asked, or told |
        /// | pings and pongs that overtake a long queue | 1,024, 4 to one node | dropped and counted |
        /// | frames that a packet makes a repair send | 2,048, of 2 lists or sets of symbols | left to the next repair |
        /// | ids that two lives contend for | 16 | checked when heard of again |
        /// | removals that wait for their collection | 4,096 | those of one group share a collection |
        /// | batches that a speaker keeps for hearers that miss them | the last 128 | left to repair |
        /// | speakers known, speakers followed | 64, 4 | the one heard of longest ago is forgotten; not followed |
        /// | multicast neighbours that are counted | 8 | more are treated as many |
        /// | hearers of a speaker | 8,192 | more are served by unicast |
        /// | gaps and returns that wait for others | 256 each | left to repair; told at once |
        /// | peers with narrow paths, suspected of one | 256, 64 | the path is not looked into |
        /// | unknown nodes that are asked whether they live | 64 | not believed until claimed again |
        /// | differences that repairs have not removed | 64 | the oldest is tried as if it were new |
        /// | own messages for which non-delivery is reported | the last 1,024 | not reported |
        /// | changes since the index of a repair was built | 4,096 | it is built anew |
        ///
        /// Everything else that grows has at most one entry for each node, group or range.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: $ty,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        patch! {
            /// Some fields of [`Limits`].
            LimitsPatch of Limits {
                values { $($name: $ty),+ }
                spans {}
                patches {}
                without {}
            }
        }

        impl Limits {
            pub(super) fn check(&self) -> Result<(), ConfigError> {
                $(if self.$name < $least {
                    return Err(ConfigError::LimitTooLow {
                        limit: stringify!($name),
                        least: $least as u64,
                    });
                })+
                Ok(())
            }
        }
    };
}

limits! {
    /// Nodes known, this one included. Beyond: gone nodes make room for living ones; then claims
    /// about further nodes are refused and counted. More than 16,777,216 (2²⁴) are taken as that.
    nodes: u32 = 65_536, 2;
    /// Groups known. Beyond: groups without members make room; then `GroupError`, and records of
    /// others are refused and counted.
    groups: u32 = 65_536, 1;
    /// Ranges of one member in one group, tombstones included. Beyond: tombstones make room; then
    /// `GroupError`.
    ranges_per_record: u32 = 16_384, 1;
    /// Ranges of all members in all groups, tombstones included. Beyond: what gone nodes have
    /// served makes room; then `GroupError`, and records of others are refused and counted.
    ranges: u32 = 4_194_304, 1;
    /// Groups in which false records of this node wait for its correction. Beyond: it corrects them
    /// when it hears of them again.
    claims: u32 = 1_024, 1;
    /// Records of which pieces are kept aside until the last piece is there. Beyond: the oldest is
    /// dropped.
    staged_records: u32 = 64, 1;
    /// Bytes of metadata; at most 512. Beyond: `MetadataError`.
    metadata: u32 = 512, 1;
    /// Events waiting to be polled. Beyond: changes are folded into `Event::Overflow`, messages
    /// are refused unacknowledged.
    events: u32 = 16_384, 16;
    /// Bytes of messages and metadata in events waiting to be polled. Beyond: as for `events`. A packet
    /// that finds none waiting is always taken.
    event_bytes: u32 = 16_777_216, 1_024;
    /// Frames of liveness that wait to be sent, other frames that wait, and changes that wait to be
    /// broadcast together: this many of each. Beyond: answers are dropped and counted, what needs
    /// an acknowledgement is tried again later, and changes are left to repair.
    outbox: u32 = 8_192, 64;
    /// Copies of batches on their way to other nodes, about four for each batch. Beyond: messages
    /// of others are refused unacknowledged and come again, changes fall back to piggyback and
    /// repair. This node's own messages are accepted while less than half of the limit is used;
    /// beyond: `BroadcastError`. A list of recipients is divided into packets of at most 24, and
    /// each of them needs room for four copies.
    relays: u32 = 4_096, 16;
    /// Changes waiting to ride along in packets that go out anyway. Beyond: left to repair and counted.
    piggyback: u32 = 4_096, 1;
    /// Seeds remembered. Beyond: the oldest are dropped.
    seeds: u32 = 64, 1;
    /// Challenges sent per second; at most a quarter of [`SendRate::datagrams`](crate::SendRate::datagrams).
    challenges_per_second: u32 = 4_096, 1;
    /// Origins whose messages are remembered to suppress duplicates. Beyond: the stalest is
    /// forgotten, origins that do not live first.
    message_origins: u32 = 4_096, 1;
    /// Suspects that are watched, on this node's own account or for others, and pings that wait for
    /// an answer. Beyond: requests are declined. As many peers that have announced to be slow are remembered; what
    /// others announce beyond that is ignored and not counted, except by a suspicion that is running.
    inquiries: u32 = 512, 8;
    /// Receiving keys kept derived, a performance bound only.
    session_keys: u32 = 256, 1;
}

impl From<&Limits> for TopologyLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            members: limits.nodes as usize,
            groups: limits.groups as usize,
            items_per_record: limits.ranges_per_record as usize,
            items: limits.ranges as usize,
            stages: limits.staged_records as usize,
            claims: limits.claims as usize,
        }
    }
}
