//! Which roots are explained, and what that says of the footing.

use super::*;

fn seconds(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn found(agreements: &Agreements) -> Vec<Found> {
    agreements.samples.iter().map(|sample| sample.found).collect()
}

/// Roots 0, 1, 11, 111 at the seconds 0, 1, 2, 3.
fn three_changes() -> Agreements {
    let mut agreements = Agreements::default();
    for (second, root) in [(0, 0), (1, 1), (2, 11), (3, 111)] {
        agreements.note(root, seconds(second));
    }
    agreements
}

/// What is found of this root at this second, at once and in the end.
fn finds(agreements: &mut Agreements, root: u64, second: u64) -> [Option<u64>; 2] {
    agreements.compared(Ix::of(1), Some(root), seconds(second));
    let lag = |agreements: &Agreements| match agreements.samples[0].found {
        Found::Agrees(lag) => Some(lag.as_secs()),
        Found::Open { .. } => None,
    };
    let at_once = lag(agreements);
    agreements.review(seconds(second));
    [at_once, lag(agreements)]
}

#[test]
fn a_root_of_its_own_past_is_behind_by_the_time_since() {
    let mut agreements = three_changes();
    for (root, lag) in [(111, 0), (11, 7), (1, 8), (0, 9)] {
        assert_eq!(finds(&mut agreements, root, 10), [Some(lag); 2]);
    }
    assert_eq!(finds(&mut agreements, 11, 14), [None, None], "eleven seconds are too long");
}

#[test]
fn a_root_with_some_of_the_last_changes_lacks_the_others() {
    let mut agreements = three_changes();
    // The last change without the one before, that one alone, and the first and the last.
    for (root, lag) in [(101, 8), (10, 9), (101, 8), (110, 9)] {
        assert_eq!(finds(&mut agreements, root, 10), [None, Some(lag)], "{root}");
    }
    assert_eq!(finds(&mut agreements, 77, 10), [None, None]);
}

#[test]
fn a_root_with_changes_that_come_later_was_ahead() {
    let mut agreements = three_changes();
    assert_eq!(finds(&mut agreements, 51_111, 4), [None, None]);
    agreements.note(1_111, seconds(5));
    agreements.review(seconds(5));
    assert!(matches!(found(&agreements)[..], [Found::Open { .. }]));
    agreements.note(51_111, seconds(6));
    agreements.review(seconds(7));
    assert_eq!(found(&agreements), [Found::Agrees(Duration::from_secs(2))]);
}

/// Of sixteen changes around a comparison a peer may have had any.
#[test]
fn every_choice_of_sixteen_changes_is_found() {
    let mut agreements = Agreements::default();
    let mut change = 1u64;
    let mut root = 0;
    agreements.note(root, Instant::ZERO);
    let mut changes = Vec::new();
    for number in 0..BEFORE + AFTER {
        change = change.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number as u64;
        changes.push(change);
        root = change.wrapping_add(root);
        agreements.note(root, Instant::from_millis(100 * (number as u64 + 1)));
    }
    let at = Instant::from_millis(100 * BEFORE as u64 + 50);
    let around = agreements.around(at).expect("it is remembered");
    for had in (0u32..1 << (BEFORE + AFTER)).step_by(97) {
        let chosen = changes.iter().enumerate().filter(|(place, _)| had >> place & 1 == 1);
        let sum = chosen.fold(0u64, |sum, (_, change)| sum.wrapping_add(*change));
        let lag = explain(sum, &around, at).expect("it is a sum of these");
        let lacks = (!had & ((1 << BEFORE) - 1)).trailing_zeros() as usize;
        let ahead = (had >> BEFORE).checked_ilog2().map_or(0, |last| 100 * u64::from(last) + 50);
        let behind = if lacks < BEFORE { 100 * (BEFORE - lacks) as u64 - 50 } else { 0 };
        assert_eq!(lag.as_millis() as u64, ahead.max(behind), "{had:b}");
        assert_eq!(explain(sum ^ 1, &around, at), None);
    }
}

#[test]
fn roots_and_comparisons_are_bounded_and_grow_old() {
    let mut agreements = Agreements::default();
    for number in 0..1_000 {
        agreements.note(number, seconds(number));
        agreements.compared(Ix::of(number as u32 + 1), None, seconds(number));
    }
    assert_eq!((agreements.roots.len(), agreements.samples.len()), (ROOTS, SAMPLES));
    agreements.review(seconds(1_000));
    assert_eq!(agreements.samples.len(), 20);
    agreements.forget(Ix::of(1_000));
    assert_eq!(agreements.samples.len(), 19);
}

/// A node that has slept does not take a peer for apart because of that.
#[test]
fn time_in_which_a_node_slept_does_not_count_against_a_root() {
    for slept in [false, true] {
        let (mut picture, _) = crate::picture::of_one();
        picture.now = seconds(1);
        picture.note_root();
        picture.now = seconds(10);
        picture.agreements.compared(Ix::of(1), Some(77), picture.now);
        picture.now = seconds(22);
        if slept {
            picture.agreements.slept(Duration::from_secs(12));
        }
        let expected = if slept { Footing::Unknown } else { Footing::Apart };
        assert_eq!(picture.agreement().footing, expected);
    }
}

/// What a peer had while the last of many changes were still on their way to it says nothing of it now.
#[test]
fn a_root_of_soon_after_the_last_change_does_not_count_for_long() {
    let (mut picture, _) = crate::picture::of_one();
    picture.now = seconds(1);
    picture.note_root();
    for (peer, at) in [(1, 2), (2, 5), (3, 12)] {
        picture.now = seconds(at);
        picture.agreements.compared(Ix::of(peer), Some(77), picture.now);
    }
    picture.now = seconds(21);
    assert_eq!((picture.agreement().compared, picture.agreement().footing), (0, Footing::Unknown));
    picture.now = seconds(23);
    assert_eq!((picture.agreement().compared, picture.agreement().footing), (1, Footing::Apart));
}

#[test]
fn a_root_that_stays_unknown_is_apart_in_the_end() {
    let (mut picture, mut out) = crate::picture::of_one();
    picture.now = seconds(1);
    picture.tell_footing(&mut out);
    assert_eq!(picture.agreement().footing, Footing::Unknown);
    for second in 2..20 {
        picture.now = seconds(second);
        picture.agreements.compared(Ix::of(1), Some(77), picture.now);
        picture.tell_footing(&mut out);
        let apart = second > 12;
        let expected = if apart { Footing::Apart } else { Footing::Unknown };
        assert_eq!(picture.agreement().footing, expected, "after {second} s");
    }
    let told = Event::Footing { from: Footing::Unknown, to: Footing::Apart };
    assert_eq!(out.events.pop(), Some(told));
    let root = picture.root();
    for second in 20..26 {
        picture.now = seconds(second);
        picture.agreements.compared(Ix::of(1), Some(root), picture.now);
        picture.tell_footing(&mut out);
    }
    let told = Event::Footing { from: Footing::Apart, to: Footing::Agreed };
    assert_eq!((out.events.pop(), out.events.pop()), (Some(told), None));
}
