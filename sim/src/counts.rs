//! Counts: what has been done to nodes and links, and what has become of datagrams.

macro_rules! counts {
    ($(#[doc = $about:literal])+ $type:ident { $($(#[doc = $doc:literal])+ $name:ident,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $type {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl $type {
            /// Every count with its name, in the order of the documentation.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($name), self.$name)),+].into_iter()
            }

            /// Adds others, count by count.
            pub const fn add(&mut self, others: &Self) {
                $(self.$name += others.$name;)+
            }
        }
    };
}

counts! {
    /// How many datagrams met which fate. One can meet several.
    Fates {
        /// Put on a link, each receiver of a multicast counted.
        sent,
        /// Handed to a node.
        delivered,
        /// Lost on a link, each by itself.
        lost,
        /// Lost on a link in a burst.
        lost_in_burst,
        /// Stopped by a cut.
        cut,
        /// Stopped by a filter.
        filtered,
        /// Larger than the link's MTU.
        too_large,
        /// Had to wait for others on a link with a limited rate.
        queued,
        /// Dropped by a full queue of a link.
        queue_full,
        /// Dropped by a full socket buffer.
        buffer_full,
        /// Delivered twice.
        duplicated,
        /// Held back, so that later ones overtook it.
        reordered,
        /// Delivered with flipped bits.
        corrupted,
        /// Captured, and sent again by somebody else later.
        replayed,
        /// Sent from one zone to another.
        between_zones,
        /// Sent to one of the hearers of a multicast.
        multicast,
        /// Addressed to nobody, or to a node that was not running.
        nobody,
        /// Addressed to a family of which the sender has no address.
        no_route,
        /// Waited in the socket buffer of a node that ended.
        discarded,
    }
}

counts! {
    /// How often nodes and the network were made to fail, by kind.
    Faults {
        /// Hosts that vanished.
        crashed,
        /// Processes that ended.
        killed,
        /// Nodes that were started in a new life.
        restarted,
        /// Nodes that said goodbye.
        departed,
        /// Nodes that were stopped, and caught up at once.
        paused_at_once,
        /// Nodes that were stopped, and drained what had piled up.
        paused_drained,
        /// Nodes whose input and output was held.
        starved,
        /// Monotonic clocks that were made to run fast or slow.
        skewed,
        /// Monotonic clocks that were set forward or back.
        jumped,
        /// Wall clocks that were set.
        wall_clocks,
        /// Nodes that were made to take datagrams slowly.
        slowed,
        /// Cuts of some nodes from all others, both ways.
        cut_both_ways,
        /// Cuts in one direction.
        cut_one_way,
        /// Cuts between two sets of nodes that others still see both of.
        cut_partially,
        /// Cuts that come and go.
        cut_flapping,
        /// Nodes that were made to lose datagrams.
        lossy,
        /// Nodes whose links were made to carry only small datagrams.
        narrowed,
        /// Packets that said what no engine says.
        forged,
        /// Nodes that were set back to a snapshot.
        set_back,
        /// Nodes beside which a second copy was started.
        copied,
        /// Nodes that got other addresses.
        readdressed,
        /// Addresses that nothing came to or went out from any more.
        closed,
    }
}
