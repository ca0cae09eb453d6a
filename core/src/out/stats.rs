//! Counters: what has happened, and what has been refused.

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Counters since the engine was made. They only grow.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl Stats {
            /// Every counter with its name, in the order of the documentation.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($name), self.$name)),+].into_iter()
            }

            /// What each counter counts: its documentation as text, in the order of
            /// [`iter`](Self::iter).
            pub const HELP: [&'static str; [$(stringify!($name)),+].len()] =
                [$(concat!($($doc),+)),+];
        }
    };
}

counters! {
    /// Datagrams handed in.
    datagrams_received,
    /// Bytes of the datagrams handed in.
    bytes_received,
    /// Datagrams handed out.
    datagrams_sent,
    /// Bytes of the datagrams handed out.
    bytes_sent,
    /// Refused: the first byte is not one of ours.
    refused_foreign,
    /// Refused: ours, but of a version that this engine does not speak.
    refused_version,
    /// Refused: of another cluster, or of a node with another setting of liveness.
    refused_cluster,
    /// Refused: protected by a key that is not in the ring.
    refused_key,
    /// Keys that others offered and that this node did not take: they did not open, or broke a rule.
    keys_refused,
    /// Refused: authentication failed: altered, or bound to another life of this node.
    refused_forged,
    /// Refused: shorter than the smallest packet.
    refused_truncated,
    /// Refused: longer than the largest datagram that is taken.
    refused_oversized,
    /// Refused: authentic, but not well formed.
    refused_malformed,
    /// Refused: a packet number that has been seen.
    refused_replayed,
    /// Refused: a packet number too old to tell.
    refused_old,
    /// Refused: of a life of the sender that is over.
    refused_stale_life,
    /// Refused: this node's own packet came back, as multicast loop-back does.
    refused_own,
    /// Refused: unbound and from a sender that has not proven itself; challenged if the rate allows.
    refused_unproven,
    /// Refused: this node has departed.
    refused_silent,
    /// Refused: the table of nodes is full.
    refused_full,
    /// Challenges sent.
    challenges_sent,
    /// Multicast datagrams handed out.
    multicasts_sent,
    /// Sends that the network refused.
    send_errors,
    /// Probes sent.
    probes_sent,
    /// Probes that were not answered in time.
    probes_unanswered,
    /// Suspicions formed.
    suspicions,
    /// Suspicions that ended because the suspect answered.
    suspicions_cleared,
    /// Verdicts *down* that this node reached.
    verdicts_down,
    /// Times this node had to refute a claim about itself.
    refutations,
    /// Times this node found that it had slept or been starved.
    stalls,
    /// Times that this node found that another one uses its name.
    conflicts,
    /// Times that this node told that nobody answers it.
    isolations,
    /// Times that the others began to hold this node off.
    holds,
    /// Changes passed on in the broadcast tree.
    relayed,
    /// Copies sent again because the hop did not acknowledge.
    relay_retries,
    /// Intervals of the tree handed over to another peer, or given up.
    relay_handovers,
    /// Updates that told nothing new.
    updates_stale,
    /// Updates that told something new.
    updates_applied,
    /// Record deltas with a gap to what is held; the writes between are asked for.
    gaps,
    /// Record deltas refused: a clock that leaps, a limit, or contradictory bounds.
    deltas_refused,
    /// Attributes refused: their node has said something of too many kinds that this version does not
    /// know.
    attributes_refused,
    /// Claims refused because a limit is reached.
    claims_refused,
    /// Lives not believed, because their epochs lie implausibly far ahead.
    epochs_refused,
    /// Comparisons of roots that differed.
    roots_unequal,
    /// Repair sessions begun.
    repairs,
    /// Padded pings sent, which find out how large a datagram passes.
    path_probes_sent,
    /// Times that the size for a peer went down.
    paths_narrowed,
    /// Times that the size for a peer went up.
    paths_widened,
    /// Messages delivered to the application; of the program `scalesmall` also those by which nodes answer
    /// the questions of operators (`why`, `rtt`, `reachability`, `keys list`).
    messages_delivered,
    /// Messages suppressed because they had been delivered.
    messages_duplicate,
    /// Messages not delivered because too many later ones of their origin had come, or because the
    /// sequence number jumped implausibly.
    messages_unknown_age,
    /// Messages refused unacknowledged because the event queue was full, or because there was no room
    /// to pass them on.
    messages_refused,
    /// Messages of this node's that were too large for some node.
    messages_undelivered,
    /// Times the event queue was full and its changes were dropped: what is held has to be listed anew.
    events_folded,
    /// Changes to be broadcast that found no room: left to repair.
    changes_left_to_repair,
    /// Frames dropped because the queue of output was full; the node that needs them asks again.
    /// The limit is `engine.limits.outbox`.
    outbox_full,
    /// Frames dropped because they do not fit, even alone, into a datagram that passes to the
    /// receiver, or because they break a rule of the format, such as that for the length of an attribute.
    frames_too_large,
    /// Packets dropped because this node and the receiver have no addresses of one family.
    packets_out_of_family,
    /// Changes to be broadcast that were dropped because each does not fit into a packet even
    /// alone.
    changes_too_large,
    /// Copies for the broadcast tree not begun because too many were under way. The
    /// limit is `engine.limits.relays`.
    copies_full,
    /// Challenges not sent: the rate is used up, or the packet was too short to be answered by one. The
    /// limit is `engine.limits.challenges_per_second`.
    challenges_withheld,
    /// Suspects not watched because too many were being watched. The limit is
    /// `engine.limits.inquiries`.
    watches_refused,
    /// Lists and coded symbols not looked at because their packet had brought two already.
    lists_ignored,
    /// Answers to a repair that stopped because one packet may not make this node send more.
    repair_withheld,
}
