//! A node that breaks a rule ends the run, with the rule, the place and the line that plays it again.

use super::*;

#[test]
fn a_deadline_left_behind_is_a_broken_rule() {
    let mut sim = settled(14, 2);
    sim.with(1, |beacon, _| beacon.stuck = true);
    let failure = sim.run_for(secs(1)).unwrap_err();
    assert!(matches!(failure.broken, Broken::DeadlineNotAhead { .. }));
    assert_eq!((failure.seed, failure.nodes.as_slice()), (14, &[1][..]));
    assert!(!failure.records.is_empty());
    let text = failure.to_string();
    assert!(text.contains("seed 14") && text.contains("again: "), "{text}");
}

#[test]
fn a_datagram_too_large_is_a_broken_rule() {
    let mut sim = beacons(15, 130).build();
    let failure = sim.run_for(secs(3)).unwrap_err();
    assert!(matches!(failure.broken, Broken::DatagramTooLarge { limit: 600, .. }), "{failure}");
}

#[test]
fn more_than_the_rate_is_a_broken_rule() {
    let mut sim = settled(15, 2);
    let beat = (Destination::Unicast(sim.addr(0)), Vec::new());
    sim.with(1, |beacon, _| beacon.out.extend(vec![beat.clone(); 190]));
    sim.run_for(millis(200)).unwrap();
    sim.with(1, |beacon, _| beacon.out.extend(vec![beat; 201]));
    let failure = sim.run_for(secs(1)).unwrap_err();
    let rate = SendRate::new(10_000_000, 2_000);
    assert_eq!(failure.broken, Broken::TooMuchSent { bytes: 0, datagrams: 201, rate });
}

#[test]
fn a_false_down_without_faults_is_a_broken_rule() {
    let slow = Link::new(Delay::Constant(SILENCE + secs(1)));
    let mut sim = settled(16, 3);
    sim.set_link(slow);
    let failure = sim.run_for(secs(5)).unwrap_err();
    assert!(matches!(failure.broken, Broken::FalseDown { .. }), "{failure}");
}

#[test]
fn a_lie_about_the_picture_is_a_broken_rule() {
    let mut sim = settled(17, 3);
    sim.with(0, |beacon, now| {
        for peer in beacon.heard.values_mut() {
            *peer = (now, false);
        }
        beacon.next_beat = Instant::MAX;
    });
    sim.filter(|_| Verdict::Drop);
    let failure = sim.run_for(secs(1)).unwrap_err();
    assert!(matches!(failure.broken, Broken::ReplayDiffers { .. }), "{failure}");
}

#[test]
fn rules_of_a_scenario_are_checked_as_time_passes() {
    let mut sim = settled(18, 3);
    sim.rule(millis(10), |sim| {
        let late = sim.now() > Instant::from_millis(4_000);
        late.then(|| ("it is late".to_owned(), vec![1]))
    });
    let failure = sim.run_for(secs(9)).unwrap_err();
    assert_eq!(failure.broken, Broken::Rule("it is late".to_owned()));
    assert!(failure.at < Instant::from_millis(4_300));
}

#[test]
fn what_is_not_reached_says_so() {
    let mut sim = settled(19, 3);
    let failure = sim.run_until(|_| false, secs(1)).unwrap_err();
    assert_eq!(failure.broken, Broken::NotReached { limit: secs(1) });
}
