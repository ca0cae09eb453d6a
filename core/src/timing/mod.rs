//! One clockwork: every duration of the engine, derived from the configuration, in one table.
//!
//! A wait for an answer follows the round trips: the column *with round trips* says where a
//! measured round trip makes a wait longer than its row. *Late* is the time after which the answer
//! of a peer is late: its smoothed round trip plus four deviations (Jacobson, SIGCOMM 1988).
//! *Usually late* is the same over all peers.

pub(crate) mod segment;

use core::time::Duration;
#[cfg(test)]
use std::vec::Vec;

use crate::config::Config;

macro_rules! timing {
    ($(
        $(#[doc = $why:literal])+
        $name:ident = |$config:ident| $formula:expr, $round_trips:literal;
    )+) => {
        /// The durations in force, each derived from the configuration.
        #[derive(Clone, Debug, Hash)]
        pub(crate) struct Timing {
            $($(#[doc = $why])+ pub(crate) $name: Duration,)+
        }

        impl Timing {
            /// Derives all durations.
            pub(crate) fn new(config: &Config) -> Self {
                let timing = Self { $($name: { let $config = config; $formula },)+ };
                timing.assert_order(config);
                timing
            }

            /// The table: name, value, formula, what round trips do to it, reason.
            #[cfg(test)]
            fn rows(&self) -> Vec<(&'static str, Duration, &'static str, &'static str, &'static str)> {
                std::vec![$(
                    (
                        stringify!($name),
                        self.$name,
                        stringify!($formula),
                        $round_trips,
                        concat!($($why),+),
                    ),
                )+]
            }
        }
    };
}

timing! {
    /// The first wait before a watched peer is pinged again; it doubles. Several fit in the half
    /// window that verifiers look for.
    first_gap = |c| (c.min_timeout * 2 / 5).min(c.silence_window / 8), "";
    /// The longest wait between two pings of a watched peer. With it the accuser has pinged a suspect eleven times when
    /// the window ends: thrice by the probe, once with the suspicion, and once as it ends.
    longest_gap = |c| (c.silence_window / 8).max(c.min_timeout * 2 / 5), "";
    /// The same in a cluster of eight or less, where few or none can be asked to look: 22 pings in all
    /// have to fail. At 30 % loss that is one window of 2.7 million, with eleven one of 1,600
    /// (*small-loss*).
    small_gap = |c| c.silence_window / 32, "";
    /// How long a verifier that is known to look is left alone before it is asked again: its report
    /// may be lost.
    word_again = |c| c.silence_window / 4, "at least late";
    /// How long the accuser waits for missing reports after each reminder, the first of which it sends when the window
    /// ends. A report is asked for and comes back, so a wait shorter than that round trip never
    /// sees it (*wan grid*: with 100 ms whatever the round trip, a crash at 400 ms one way is known
    /// after 78 s, or never).
    report_wait = |c| c.min_timeout * 2 / 5, "at least late, of the slowest verifier that is missing; at most the longest time-out or usually late";
    /// How long before the end of the window the second group of verifiers is asked: in a partial
    /// partition the first may all be on the accuser's side. They need a round trip to be asked and
    /// to report, and another to ping the suspect.
    last_look = |c| c.silence_window * 6 / 25, "at least twice usually late, at most half of the window";
    /// How long a verifier remembers what it found. It covers all reminders.
    report_memory = |c| c.silence_window * 4 / 5, "";
    /// The span in which verified suspects count as one mass crash.
    mass_span = |c| c.probe_interval * 2, "";
    /// How long a mass crash makes a node probe more often: four windows, until the last of the dead
    /// has been probed and judged (*mass-crash*).
    mass_haste = |c| c.silence_window * 4, "";
    /// How much longer a node that was called late watches a suspect before it concludes.
    own_stall_wait = |c| c.max_timeout, "";
    /// How long after a failed probe the peer is not the antipodal target again unless it answers: a
    /// path that is broken would raise a suspicion every other interval.
    detour = |c| c.probe_interval * 60, "";
    /// How long a node that has asked many whether they hear it, and has found that most do, asks nobody
    /// after the next silence; it doubles.
    survey_rest = |c| c.probe_interval / 2, "";
    /// The longest such rest: where datagrams are lost all the time, a survey is not to cost more than a
    /// twentieth of the probes.
    survey_longest = |c| c.probe_interval * 300, "";
    /// How long the answer to a ping is recognised.
    ping_memory = |c| c.silence_window * 4, "";
    /// How long pings may wait in the outbox before they are void: what has not been sent cannot have
    /// been answered.
    unsent_too_long = |c| c.silence_window / 16, "";
    /// Being called this much later than asked for is a stall, and a clock that shows this much less
    /// than before was set back. It measures this host, not the network.
    stall = |_c| Duration::from_millis(100), "";
    /// The longest that silence does not count after a stall: answers may wait in the socket.
    stall_longest = |_c| Duration::from_secs(1), "";
    /// The longest that a peer's announced slowness is honoured.
    slowest = |_c| Duration::from_secs(60), "";
    /// Least time between two claims that a peer is told about itself: its refutation takes a round
    /// trip.
    tell_again = |c| c.min_timeout * 4 / 5, "";
    /// A peer that goes down again within this time flaps. Policy, not network (*flip-flop*).
    flap_memory = |_c| Duration::from_secs(5 * 60), "";
    /// How long a flapping peer is held off the second time; it doubles. Longer than a window, so that
    /// a peer that flaps in step with it does not come back.
    first_hold = |c| Duration::from_secs(30).max(c.silence_window * 4).min(HOLDABLE), "";
    /// The longest hold.
    longest_hold = |c| Duration::from_secs(5 * 60).max(c.silence_window * 4).min(HOLDABLE), "";
    /// How long a peer is held off that has stood still, by its own account, for the second time. It does
    /// not grow: such a peer is well as soon as it runs, and each further stall begins the hold anew.
    stall_hold = |c| c.silence_window * 2, "";
    /// Within this time after a fall the peer does not fall again, whatever is said of it.
    fall_apart = |c| c.silence_window / 2, "";
    /// Within this time after a fall the peer's objection takes it back: it was made up by another. The
    /// peer itself remembers for longer than that how it has been.
    fall_undone = |c| c.silence_window, "";
    /// How long a peer that was called down by mistake is asked before that is believed again. Policy, not
    /// network.
    denial_memory = |_c| Duration::from_secs(120), "";
    /// The least time that such a peer has to answer.
    denial_wait = |c| c.min_timeout / 4, "at least late";
    /// How long a gone node is remembered if it was shown but never heard, while most others were heard: it
    /// may be an invention. Policy, not network.
    stranger_memory = |_c| Duration::from_secs(300), "";
    /// How long a node has to have heard most of the others before a crowd of strangers, of which it learns
    /// all at once, is taken for inventions until some of them are heard.
    settled_for = |c| c.probe_interval * 10, "";
    /// The time after a stall in which the next one adds to it.
    stall_memory = |c| c.silence_window, "";
    /// The end of a hold in which a peer is watched at least.
    least_watched = |c| Duration::from_secs(60).max(c.silence_window * 8), "";

    /// The first waits of a node that knows nobody before it tries its seeds again; after six of them
    /// they double up to the retry interval.
    first_contact = |_c| Duration::from_millis(100), "";
    /// The longest such wait until the node counts as isolated: while a cluster starts, the seed
    /// may be up in a moment.
    contact_longest = |c| (c.min_timeout * 8 / 5).max(Duration::from_millis(100)), "";
    /// How long a node is alone before it raises [`Event::Isolated`](crate::Event::Isolated).
    isolated_after = |c| c.probe_interval * 3, "";
    /// The longest pause before it does so again; the first is as long as the row above, and each
    /// is twice the one before.
    isolated_longest = |c| Duration::from_secs(60).max(c.probe_interval * 3), "";
    /// The longest mean wait of one node between two attempts to reach the lost.
    longest_retry = |_c| Duration::from_secs(24 * 3600), "";
    /// The pause between two groups of unreachable peers that a sweep asks. It bounds a rate.
    sweep_step = |_c| Duration::from_millis(20), "";
    /// The pause before those that did not answer a sweep are asked again.
    sweep_pause = |c| c.min_timeout * 6 / 5, "";
    /// How long a second holder of an id has to show itself: two round trips from a third node.
    renewal_wait = |c| c.min_timeout * 4, "";
    /// The least time between two packets that tell a peer that its packets are refused. It bounds
    /// a rate.
    refusal_again = |_c| Duration::from_secs(1), "";
    /// How long all packets of a peer are refused before the embedder is told: one that hears that it is
    /// refused renews in half of this time.
    refusal_told = |c| c.min_timeout * 8, "";
    /// The least time between two such events about one peer.
    refusal_told_again = |_c| Duration::from_secs(60), "";
    /// How long it is remembered that a node in which others believe did not answer this one:
    /// a peer that names it again is told so, and the node is not asked again. Policy, not network.
    hearsay_memory = |_c| Duration::from_secs(60), "";
    /// The longest rest after a repair that has moved nothing; the rest doubles each time, from the
    /// interval of repairs on. A difference that nobody can mend is no reason to ask all day.
    futile_longest = |c| Duration::from_secs(60).max(c.repair_interval), "";
    /// The least time between two rounds of housekeeping, and how often it looks at peers that are held off.
    housekeeping = |_c| Duration::from_secs(1), "";

    /// The longest that a node is a newcomer. It asks, gets its answer and compares roots twice in
    /// that time.
    newcomer_longest = |_c| Duration::from_secs(1), "at least four times usually late";
    /// How often a newcomer compares roots until it has caught up.
    newcomer_ping = |_c| Duration::from_millis(20), "at least a quarter of usually late";
    /// How long a newcomer waits for an answer to its question for everything before it asks again: an
    /// answer may be large (*bootstrap*).
    newcomer_rest = |_c| Duration::from_millis(100), "at least usually late";
    /// How long after the return of a lost peer roots are compared often, and repairs start at once.
    reunion = |_c| Duration::from_secs(3), "at least eight times usually late";
    /// How often they are compared then.
    reunion_rest = |_c| Duration::from_millis(100), "at least usually late";
    /// How long this node's own picture must have been still before an eager repair: what is on its
    /// way is not missing.
    still = |_c| Duration::from_millis(60), "at least usually late";
    /// The same while there is much news, which is gathered and comes in batches: until two of them
    /// are late (*bootstrap-serving*).
    still_between = |_c| Duration::from_millis(250), "at least usually late";
    /// A newcomer asks for everything this soon after it has met somebody. Several causes in one
    /// packet make one repair.
    repair_soon = |_c| Duration::from_millis(1), "";
    /// An index from which repairs are answered is kept for this long per entry while it is not
    /// used: to rebuild it costs less.
    index_each = |_c| Duration::from_micros(10), "";
    /// It is kept for at least this long.
    index_least = |_c| Duration::from_millis(50), "";

    /// How long a copy waits for its acknowledgement before it is sent again, at least: the time that a busy receiver
    /// takes. The way there and back is in the column before. The first four times that a copy is sent it waits
    /// equally long, and from the fifth on twice as long each time.
    copy_wait = |_c| Duration::from_millis(8), "at least late, or usually late if that is sooner, but in no case less than five quarters of the peer's mean round trip; from the fifth time on at least five quarters of late";
    /// The wait for an acknowledgement while nothing at all is known of round trips.
    copy_wait_unknown = |c| c.min_timeout * 2 / 25, "";
    /// How long a copy is left alone while the send rate holds output back. It bounds work, not
    /// waiting.
    copy_held = |_c| Duration::from_millis(20), "";
    /// How long a peer must have been known to take a part of the broadcast tree before others: a
    /// newcomer does not know its cluster yet. Twice as long as a node is a newcomer.
    settled = |_c| Duration::from_secs(2), "at least eight times usually late";
    /// The mean wait of a node that alone has heard of a return, for another to tell it (SRM).
    return_wait = |c| c.min_timeout / 4, "";
    /// The span over which news is counted; 30 pieces in it are much, and are gathered. It bounds a
    /// rate, at most 60 trees a second, and no wait: the news of others comes at the same rate over
    /// any round trip, only later.
    news_span = |_c| Duration::from_millis(500), "";
    /// Four pieces of news within this time count as if they had kept coming at that rate for a
    /// span: in a storm there is much news long before a span is over.
    news_instant = |_c| Duration::from_millis(10), "";
    /// How long a gatherer of much news waits for more. It bounds a rate, ten trees a second.
    news_hold = |_c| Duration::from_millis(100), "";
    /// The same while there is very much news, or while all nodes are new and very much is to be
    /// expected: a packet is full sooner.
    news_short_hold = |_c| Duration::from_millis(60), "";
    /// How long a member counts as having just joined a group: hops of the tree that do not know of
    /// it yet leave it out. Each hop waits for less than the longest time-out, and within eight of
    /// them all have heard of it, by the tree or by a repair.
    join_memory = |c| c.max_timeout * 8, "";
    /// A view of the ring that no route has used for this long is dropped. It bounds memory.
    view_idle = |_c| Duration::from_secs(1), "";
    /// A wide window of packet numbers is dropped if it has not been used for this long: packets do
    /// not overtake each other by more.
    wide_idle = |c| c.max_timeout, "";

    /// The least wait for the answer to a padded ping, which finds out whether its size passes. It
    /// covers what a busy receiver takes.
    path_answer = |c| c.min_timeout / 32, "at least twice late, and a quarter more with each try";
    /// How long the size for a peer stays as it is before a larger one is tried; it doubles each
    /// time that the larger one does not pass, up to 64 times as long: some ten minutes on a LAN
    /// (RFC 8899, 5.1.1).
    path_raise = |c| c.probe_interval * 10, "";
}

/// The longest hold that 32 bits of milliseconds, which wrap, can tell from one that is over.
const HOLDABLE: Duration = Duration::from_secs(20 * 24 * 3600);

impl Timing {
    /// States how the durations relate. Each line is a promise that some code relies on.
    fn assert_order(&self, config: &Config) {
        debug_assert!(self.first_gap <= self.longest_gap, "pings get rarer");
        debug_assert!(self.last_look <= config.silence_window / 2, "the second group comes later");
        debug_assert!(self.report_memory >= self.report_wait, "a reminder finds an answer");
        debug_assert!(self.ping_memory >= config.silence_window, "any answer in a window counts");
        let outlasts = self.first_hold > config.silence_window || self.first_hold == HOLDABLE;
        debug_assert!(outlasts, "a hold outlasts a verdict");
        debug_assert!(self.first_contact <= self.contact_longest, "contacts get rarer");
        debug_assert!(self.first_hold <= self.longest_hold, "holds grow");
        debug_assert!(
            self.fall_undone < config.silence_window * 2,
            "a peer that has fallen says so again while its objection would take it back"
        );
        debug_assert!(self.settled >= self.newcomer_longest, "a settled peer has caught up");
        debug_assert!(self.news_span >= self.news_hold, "what is gathered is still counted");
        debug_assert!(
            self.news_hold >= self.news_short_hold,
            "the more news, the shorter the wait"
        );
        debug_assert!(self.news_span >= self.news_instant, "an instant is a part of a span");
        debug_assert!(self.path_answer < config.max_timeout, "a try outlasts the least wait");
        debug_assert!(
            self.refusal_told >= 2 * self.renewal_wait,
            "a renewal comes before the alarm"
        );
        debug_assert!(self.reunion >= self.reunion_rest, "roots are compared at a reunion");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::of_one;
    use std::format;
    use std::string::String;

    /// The table that the crate documentation shows.
    fn table() -> String {
        let lan = of_one().0.config;
        let (seed, cluster, keys) = (lan.seed, lan.cluster.clone(), lan.keys.clone());
        let wan = Timing::new(&Config::wan(seed, cluster, keys));
        let mut table = String::from(
            "| duration | LAN | WAN | formula | with round trips | reason |\n|---|--:|--:|---|---|---|\n",
        );
        for ((name, lan, formula, round_trips, why), (_, wan, ..)) in
            Timing::new(&lan).rows().into_iter().zip(wan.rows())
        {
            let formula: String = formula.split_whitespace().collect::<Vec<_>>().join(" ");
            let formula = formula.replace("c.", "").replace("Duration::from_", "");
            let why = why.trim().replace("[`", "`").replace("`](crate::Event::Isolated)", "`");
            table += &format!(
                "| `{name}` | {lan:?} | {wan:?} | `{formula}` | {round_trips} | {why} |\n"
            );
        }
        table += "\nOf a multicast segment, where both sides must expect the same:\n\n";
        table += "| duration | everywhere | reason |\n|---|--:|---|\n";
        for (name, value, why) in segment::rows() {
            let (name, why) =
                (name.to_lowercase(), why.trim().replace("[`", "`").replace("`]", "`"));
            table += &format!("| `{name}` | {value:?} | {why} |\n");
        }
        table
    }

    #[test]
    fn the_documentation_shows_the_table_in_force() {
        let (table, shown) = (table(), include_str!("table.md"));
        assert!(table == shown, "core/src/timing/table.md must read:\n{table}");
    }

    #[test]
    fn the_protocol_page_names_durations_that_exist() {
        let lan = Timing::new(&of_one().0.config);
        let names: Vec<String> = lan.rows().into_iter().map(|(name, ..)| name.into()).collect();
        let segment = segment::rows().into_iter().map(|(name, ..)| name.to_lowercase());
        let known: Vec<String> = names.into_iter().chain(segment).collect();
        let is_name = |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        // Words between backticks, but not those of links.
        let words: Vec<&str> = include_str!("../protocol.md").split('`').collect();
        let pairs =
            words.chunks_exact(2).filter(|pair| !pair[0].ends_with('[') && is_name(pair[1]));
        let named: Vec<&str> = pairs.map(|pair| pair[1]).collect();
        for name in &named {
            assert!(known.iter().any(|known| known == name), "there is no duration {name}");
        }
        assert!(named.len() > 40, "{} names", named.len());
    }

    #[test]
    fn no_preset_breaks_the_order() {
        let lan = of_one().0.config;
        let (seed, cluster, keys) = (lan.seed, lan.cluster, lan.keys);
        let presets = [Config::lan, Config::wan, Config::local];
        for preset in presets {
            // `Timing::new` asserts it.
            Timing::new(&preset(seed, cluster.clone(), keys.clone()));
        }
    }

    #[test]
    fn no_configuration_that_is_taken_breaks_the_order() {
        let spans = [1, 10, 250, 10_000, 40 * 24 * 3_600_000].map(Duration::from_millis);
        let mut config = of_one().0.config;
        let mut taken = 0;
        for probe_interval in spans {
            for min_timeout in spans {
                for max_timeout in spans {
                    for silence_window in spans {
                        config.probe_interval = probe_interval;
                        (config.min_timeout, config.max_timeout) = (min_timeout, max_timeout);
                        config.silence_window = silence_window;
                        if config.check().is_ok() {
                            Timing::new(&config);
                            taken += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(taken, 5 * 35);
    }
}
