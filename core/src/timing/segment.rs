//! The durations of a segment: when a speaker sends heartbeats, what its hearers expect, and how
//! long leases and registrations hold.
//!
//! Both sides derive the schedule of the beats from these, so they are constants of the protocol and
//! not settings. A segment is one link, so they need not follow the round trips of a cluster; what a
//! single node waits for an answer does follow the round trip that it has measured.

use core::time::Duration;

macro_rules! durations {
    ($($(#[doc = $why:literal])+ pub(crate) const $name:ident: Duration = $value:expr;)+) => {
        $($(#[doc = $why])+ pub(crate) const $name: Duration = $value;)+

        /// The table: name, value, reason.
        #[cfg(test)]
        pub(super) fn rows() -> std::vec::Vec<(&'static str, Duration, &'static str)> {
            std::vec![$((stringify!($name), $name, concat!($($why),+)),)+]
        }
    };
}

durations! {
    /// The first beat (heartbeat) after a batch, which repeats the batch: later than nearly all
    /// hearers have it, and soon enough for one that has lost every earlier copy to show it within
    /// 60 ms.
    pub(crate) const BEAT: Duration = Duration::from_millis(28);

    /// The pause between two beats while there is nothing to say. Each beat wakes every hearer,
    /// which is woken some three times a second in any case. A break of multicast goes unnoticed
    /// for no longer than this and [`SLACK`].
    pub(crate) const QUIET_BEAT: Duration = Duration::from_millis(2_500);

    /// The pause between the beats of a speaker that finds out whether enough nodes hear it.
    pub(crate) const TRIAL_BEAT: Duration = Duration::from_millis(400);

    /// A beat is late if it is later than expected by this and a sixteenth of the pause: two of the
    /// shortest pauses, for a speaker that is scheduled late, and the drift of the pause itself.
    pub(crate) const SLACK: Duration = Duration::from_millis(2 * BEAT.as_millis() as u64 + 2);

    /// The first copy of a batch that a hearer gets may come this much later than the batch,
    /// because an earlier copy was lost. So it expects the next beat as if the batch were older by
    /// this.
    pub(crate) const LAST_COPY: Duration = Duration::from_millis(12);

    /// Hearers that all expect the same beat spread their questions over this time and a sixteenth
    /// of the pause: if the speaker is merely late, its beat comes before most of them are asked.
    pub(crate) const SPREAD_OUT: Duration = Duration::from_millis(4);

    /// When multicast has stopped working for a hearer in a quiet time, the hearer has what it
    /// missed within this time: the latest it asks, and the trip of an answer.
    pub(crate) const NOTICED: Duration = Duration::from_secs(3);

    /// A speaker of which nothing was heard for this time has stopped: two beats in a row were
    /// lost, and asking did not help.
    pub(crate) const PRESENT: Duration = Duration::from_secs(7);

    /// How long a hearer that has missed two beats waits to hear the speaker again, if it answers.
    /// The question makes the speaker beat after 28 and 280 ms.
    pub(crate) const RETURN: Duration = Duration::from_millis(600);

    /// A missing batch is asked for after about this long, as it may merely be late.
    pub(crate) const ASK_AFTER: Duration = Duration::from_millis(6);

    /// A missing batch is asked for again after this long at first, and at least a round trip.
    pub(crate) const ASK_AGAIN: Duration = Duration::from_millis(10);

    /// How long a speaker must be heard before a hearer registers with it: doubled each time that
    /// the speaker is lost, up to the longest.
    pub(crate) const HOLD: Duration = Duration::from_secs(1);

    /// The longest time that a speaker that was lost must be heard before a hearer registers again.
    pub(crate) const LONGEST_HOLD: Duration = Duration::from_secs(64);

    /// A hearer tells the speaker that it hears it (its word) this often, in the mean.
    pub(crate) const WORD_EVERY: Duration = Duration::from_secs(20);

    /// A speaker believes the word of a hearer for this long, so several may be lost.
    pub(crate) const WORD: Duration = Duration::from_secs(80);

    /// For this long after its word a hearer expects that the speaker covers it, even if it has
    /// seen no list.
    pub(crate) const SAID: Duration = Duration::from_secs(50);

    /// A speaker lists all of its hearers once in this time. With 1,024 hearers that is one list
    /// with each quiet beat.
    pub(crate) const ROUND: Duration = Duration::from_secs(30);

    /// How long a listing holds (the lease): two lists may be lost.
    pub(crate) const PROMISE: Duration = Duration::from_secs(75);

    /// A speaker keeps a promise for this much longer than it gave it, because the list was on its
    /// way, perhaps through another speaker, and was taken in late.
    pub(crate) const GRACE: Duration = Duration::from_secs(10);

    /// A speaker does not pass on a list that may have waited in its socket's buffer for longer
    /// than this.
    pub(crate) const PROMPT: Duration = Duration::from_secs(8);

    /// New hearers are listed this soon: others may have registered by then.
    pub(crate) const FIRST_LIST: Duration = Duration::from_millis(60);

    /// How long a new speaker has to find enough hearers.
    pub(crate) const TRIAL: Duration = Duration::from_secs(12);

    /// A speaker that has not found enough hearers rests for at least this long.
    pub(crate) const REST: Duration = Duration::from_secs(60);

    /// The least time until a node looks again whether a speaker is needed.
    pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(2);

    /// When a node has begun to speak, no other does for this long.
    pub(crate) const WAIT_AND_SEE: Duration = Duration::from_secs(1);

    /// How long most hearers may be cut off from a speaker before it stops: it may have stood still
    /// for a moment.
    pub(crate) const MUTE: Duration = Duration::from_secs(5);

    /// How long a node counts as a speaker though nothing is heard of it: a speaker of another
    /// segment is known by its lists.
    pub(crate) const SPEAKER_TTL: Duration = Duration::from_secs(100);

    /// A node is not answered more often than this.
    pub(crate) const ANSWERS: Duration = Duration::from_millis(8);

    /// Questions of a silent hearer within this time are one question, repeated. One that comes
    /// later, but not much later than a second beat was due, says that it has missed two beats.
    pub(crate) const BOUT: Duration = Duration::from_millis(400);

    /// A question that comes later than the bout, but not later than this, says that two beats were missed.
    pub(crate) const SECOND_DOUBT: Duration = Duration::from_millis(3_500);

    /// A batch is repeated after this long if nobody else has multicast it here: otherwise hearers
    /// that have lost only the numbered copy would ask for it. The first beat repeats it once more.
    pub(crate) const AGAIN: Duration = Duration::from_millis(8);

    /// A batch this young may still be under way, or about to be repeated: no beat names it yet.
    pub(crate) const UNDER_WAY: Duration = Duration::from_millis(25);

    /// A hearer that asks this long after a batch was multicast again has missed that copy as well.
    pub(crate) const ANSWERED: Duration = Duration::from_millis(12);

    /// Most of those that miss a batch ask for it within this time, if another one came shortly before it.
    pub(crate) const ASKED: Duration = Duration::from_millis(600);

    /// The same after a quiet time, as a break of multicast is then noticed by the next quiet beat alone.
    pub(crate) const ASKED_AFTER_QUIET: Duration = Duration::from_millis(3_200);

    /// A batch that comes again by another path within this time is not multicast again.
    pub(crate) const MEMORY: Duration = Duration::from_secs(5);

    /// How long, in the mean, a node waits for a write that a multicast has shown to be missing:
    /// all others may miss it too, and one of them asks (SRM).
    pub(crate) const GAP: Duration = Duration::from_millis(40);

    /// The first beacon is due after this time in the mean.
    pub(crate) const FIRST_BEACON: Duration = Duration::from_millis(100);

    /// When a speaker is lost, no node tries to take its place before this.
    pub(crate) const SUCCESSION: Duration = Duration::from_millis(400);
}

/// Each beat comes when the batch is ten times as old as at the beat before: 28 ms, 280 ms, then
/// every [`QUIET_BEAT`]. Each beat in between would be one more multicast per update. Where many
/// hearers ask for beats that they have missed, it comes at twice the age: more than a few lose all
/// three copies.
const GROWTH: u32 = 9;

const LOSSY_GROWTH: u32 = 1;

/// Losses are many if more than one hearer in this many asks between two quiet beats: three in a
/// hundred.
const LOSSY_SHARE: usize = 32;

const SLACK_SHARE: u32 = 16;

const SPREAD_SHARE: u32 = 16;

const _: () = {
    assert!(BEAT.as_millis() < QUIET_BEAT.as_millis());
    // A hearer that is covered hears the next list before the promise has run out.
    assert!(PROMISE.as_millis() >= 2 * ROUND.as_millis() + 2 * QUIET_BEAT.as_millis());
    // A promise that is taken in as late as possible is still kept.
    assert!(GRACE.as_millis() > PROMPT.as_millis());
    // A hearer repeats its word before it stops expecting to be covered, and several times before
    // the speaker forgets it; and a speaker that gives way beats for as long as others may count on
    // it.
    assert!(2 * SAID.as_millis() >= 3 * WORD_EVERY.as_millis());
    assert!(WORD.as_millis() >= 4 * WORD_EVERY.as_millis());
    assert!(SAID.as_millis() < PROMISE.as_millis());
    // Two lost beats are no reason for another node to begin to speak.
    assert!(PRESENT.as_millis() > 2 * late(QUIET_BEAT).as_millis() + RETURN.as_millis());
    // The beats that a question brings come before the hearer gives up.
    let second = (GROWTH + 1) * BEAT.as_millis() as u32;
    let asked =
        3 * (QUIET_BEAT.as_millis() as u32 / SPREAD_SHARE + SPREAD_OUT.as_millis() as u32) / 2;
    assert!(RETURN.as_millis() as u32 > asked + second + SLACK.as_millis() as u32);
    // A trial lasts for several words, each a hold and a half after the first beat at the latest.
    assert!(TRIAL.as_millis() > 4 * (HOLD.as_millis() + TRIAL_BEAT.as_millis()));
    // The second doubt of a hearer comes in time to be taken for one, and that of one that has heard
    // a beat in between does not.
    assert!(SECOND_DOUBT.as_millis() > late(QUIET_BEAT).as_millis() + asked as u128);
    assert!(SECOND_DOUBT.as_millis() + (asked as u128) < 2 * QUIET_BEAT.as_millis());
    assert!(BOUT.as_millis() < QUIET_BEAT.as_millis());
    assert!(MUTE.as_millis() > QUIET_BEAT.as_millis());
    assert!(SPEAKER_TTL.as_millis() >= 3 * ROUND.as_millis());
    assert!(AGAIN.as_millis() < UNDER_WAY.as_millis() && UNDER_WAY.as_millis() < BEAT.as_millis());
    assert!(ASKED_AFTER_QUIET.as_millis() > NOTICED.as_millis());
};

/// The pause of a speaker after a beat at this age of the last batch.
pub(crate) fn pause(age: Duration, lossy: bool) -> Duration {
    let growth = if lossy { LOSSY_GROWTH } else { GROWTH };
    let grown = if age < BEAT { BEAT } else { age.saturating_mul(growth) };
    grown.min(QUIET_BEAT)
}

/// The same as a hearer expects it at most: it may have heard of the batch late, and after the batch
/// itself the beat that repeats it may be lost.
pub(crate) fn expected(age: Duration) -> Duration {
    pause(age.max(BEAT) + LAST_COPY, false)
}

/// Whether this many questions between two quiet beats show that losses are many.
pub(crate) fn is_lossy(questions: usize, hearers: usize) -> bool {
    questions * LOSSY_SHARE > hearers
}

/// How long a hearer waits for the next beat, which it expects after a pause, before it asks.
pub(crate) const fn late(pause: Duration) -> Duration {
    let nanos = pause.as_nanos() as u64;
    Duration::from_nanos(nanos + nanos / SLACK_SHARE as u64 + SLACK.as_nanos() as u64)
}

/// How long after the first doubt a hearer that was answered doubts again.
pub(crate) fn second_look(pause: Duration) -> Duration {
    late(pause).max(BOUT + BOUT / 4)
}

/// Whether a question of a silent hearer, this long after its last one, says that it has missed two
/// beats; `None` if it repeats the last one.
pub(crate) fn is_second(after: Duration) -> Option<bool> {
    (after > BOUT).then_some(after <= SECOND_DOUBT)
}

/// Over how long, in the mean, hearers that expect a beat after a pause spread their questions.
pub(crate) fn spread_out(pause: Duration) -> Duration {
    SPREAD_OUT + pause / SPREAD_SHARE
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn beats_are_rarer_the_longer_there_was_nothing_to_say() {
        let mut age = Duration::ZERO;
        let beats: Vec<u128> = (0..5)
            .map(|_| {
                age += pause(age, false);
                age.as_millis()
            })
            .collect();
        assert_eq!(beats, [28, 280, 2_780, 5_280, 7_780]);
    }

    #[test]
    fn no_beat_is_late_to_a_hearer_that_took_a_later_copy() {
        for heard in [0, 4, 8, 12].map(Duration::from_millis) {
            let mut age = BEAT;
            for _ in 0..4 {
                let next = pause(age, false);
                assert!(late(expected(age.saturating_sub(heard))) > next, "{age:?}");
                age += next;
            }
        }
    }

    #[test]
    fn a_break_is_noticed_in_time() {
        let latest = late(QUIET_BEAT) + spread_out(QUIET_BEAT) * 3 / 2;
        assert!(latest < NOTICED, "{latest:?}");
    }
}
