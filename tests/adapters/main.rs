//! What every adapter must do, on real sockets over loopback.
//!
//! Each adapter has a module that says how it runs a node; the stories are the same for all.

mod mio;
mod stories;

/// The stories, for one adapter.
macro_rules! conforms {
    ($adapter:ident, $runs:ty) => {
        mod $adapter {
            use crate::stories;

            #[test]
            fn nodes_meet_and_part() {
                stories::nodes_meet_and_part::<$runs>();
            }

            #[test]
            fn nodes_meet_by_multicast_alone() {
                stories::nodes_meet_by_multicast_alone::<$runs>();
            }

            #[test]
            fn nodes_meet_over_ipv6() {
                stories::nodes_meet_over_ipv6::<$runs>();
            }

            #[test]
            fn a_full_burst_loses_no_wake_up() {
                stories::a_full_burst_loses_no_wake_up::<$runs>();
            }

            #[test]
            fn a_refused_port_is_not_the_end() {
                stories::a_refused_port_is_not_the_end::<$runs>();
            }

            #[test]
            fn a_wait_cut_short_loses_nothing() {
                stories::a_wait_cut_short_loses_nothing::<$runs>();
            }

            #[test]
            fn a_deadline_is_kept_without_any_datagram() {
                stories::a_deadline_is_kept_without_any_datagram::<$runs>();
            }
        }
    };
}

mod conformance {
    conforms!(mio, crate::mio::Mio);
}
