//! Conformance of the adapters: one set of stories, told on every runtime over real sockets.
//!
//! | module | subject |
//! |---|---|
//! | `adapter` | what a story needs of a runtime, and those that give it |
//! | `running` | a node on a thread of its own, and waiting with a deadline |
//! | `stories` | meet, lose, return, depart; families and addresses; handles |
//! | `spawned` | nodes on threads of their own: calls, events as a stream, contact and goodbye |
//! | `spawning` | what these need of a runtime |
//! | `waits` | bursts, cancelled waits, no room to send: nothing is lost |
//! | `errors` | everything that an operating system says about a socket |
//! | `misuse` | calls that panic, tasks that share a node, runtimes that end, floods |
//! | `namespace` | hosts of one's own: network namespaces |
//! | `blocked` | multicast that a switch does not pass on |
//! | `reach` | how far multicast goes, and through which interface |

mod adapter;
mod blocked;
mod errors;
mod misuse;
mod namespace;
mod reach;
mod running;
mod spawned;
mod spawning;
mod stories;
mod waits;

/// Tells every story on one runtime.
macro_rules! on {
    ($($runtime:ident $adapter:ty { $($module:ident { $($story:ident)+ })+ })+) => {$(
        mod $runtime {$($(
            #[test]
            fn $story() {
                crate::$module::$story::<$adapter>();
            }
        )+)+}
    )+};
}

macro_rules! on_all {
    ($stories:tt) => {
        on! {
            mio crate::adapter::Mio $stories
            mio_poll crate::adapter::MioPoll $stories
            smol crate::adapter::Smol $stories
            async_std crate::adapter::AsyncStd $stories
            tokio crate::adapter::Tokio $stories
            tokio_thread crate::adapter::TokioThread $stories
        }
    };
}

on_all! {{
    stories {
        nodes_meet_lose_one_regain_it_and_let_one_go
        a_node_with_a_name_returns_as_itself_at_another_port
        two_nodes_of_a_host_find_each_other_by_multicast
        two_ipv6_nodes_of_a_host_find_each_other_by_multicast
        a_node_on_all_addresses_is_known_by_the_advertised_one
        ipv6_nodes_meet
        a_node_on_both_families_meets_nodes_of_each
        what_a_node_says_about_itself_reaches_the_others
        a_handle_reaches_a_waiting_node_at_once
        a_handle_says_when_its_node_is_no_more
    }
    waits {
        a_deadline_is_kept_without_any_datagram
        a_burst_loses_no_wake_up
        a_cancelled_wait_loses_nothing
        a_datagram_without_room_is_kept
    }
    errors {
        sends_that_the_system_refuses_are_counted_and_survived
    }
    misuse {
        a_call_that_panics_ends_its_node_and_all_are_told
        two_tasks_take_turns_at_one_node
        a_flood_of_forged_packets_keeps_nothing_from_a_sealed_node
    }
    reach {
        multicast_keeps_its_ttl_and_its_interface
    }
    blocked {
        a_node_whose_multicast_is_blocked_says_so_and_uses_unicast
    }
}}

macro_rules! on_spawned {
    ($stories:tt) => {
        on! {
            mio_spawned crate::adapter::Mio $stories
            smol_spawned crate::adapter::Smol $stories
            async_std_spawned crate::adapter::AsyncStd $stories
            tokio_spawned crate::adapter::Tokio $stories
        }
    };
}

on_spawned! {{
    spawned {
        calls_reach_the_node_and_others_hear_of_them
        the_last_handle_that_goes_ends_the_thread_and_the_events
        a_reader_that_lags_gets_every_message_when_it_reads
        a_wait_for_an_event_that_is_dropped_loses_none
        a_goodbye_ends_though_nobody_reads_events_and_though_it_was_dropped
        a_call_that_panics_ends_the_thread_and_all_are_told
        a_contact_ends_with_what_has_come_of_it
        a_name_in_use_is_told
    }
}}
