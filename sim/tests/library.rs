//! The library: forks, rules that begin and end, samples, filters, and calls that ask for what cannot be.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use core::time::Duration;
use std::cell::Cell;
use std::rc::Rc;

use scalesmall_core::{GroupName, KeyRange};
use scalesmall_sim::{Broken, Failure, Link, Packet, Ratio, Sim, Verdict, lan};

fn settled(seed: u64) -> Sim {
    let mut sim = Sim::new(seed).nodes(6, lan()).link(Link::lan().loss(Ratio::percent(5))).build();
    sim.run_until(Sim::converged, secs(20)).unwrap();
    sim
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A crash, and what an application says meanwhile.
fn eventful(sim: &mut Sim) {
    sim.crash(3);
    let group = GroupName::try_from("jobs").unwrap();
    sim.add_item(1, &group, KeyRange::new(0, 9).unwrap(), 80).unwrap();
    sim.run_for(secs(15)).unwrap();
    sim.restart(3);
    sim.run_for(secs(5)).unwrap();
}

#[test]
fn two_futures_of_one_moment_are_one_if_the_calls_are() {
    let mut plain = settled(5);
    eventful(&mut plain);
    let mut sim = settled(5);
    let (mut same, mut other) = (sim.fork(), sim.fork());
    // One after the other, and in turns: none hears of what becomes of the others.
    other.isolate(2);
    other.run_for(secs(30)).unwrap();
    eventful(&mut sim);
    eventful(&mut same);
    assert_eq!([sim.trace_hash(), same.trace_hash()], [plain.trace_hash(); 2]);
    assert_eq!((sim.reports(), sim.fates()), (same.reports(), same.fates()));
    assert_ne!(other.trace_hash(), plain.trace_hash());
    assert_eq!((sim.views().seen_by(2), other.views().seen_by(2)), (5, 0));
    assert!(other.node(2).unwrap().state_digest() != sim.node(2).unwrap().state_digest());
}

#[test]
fn a_fork_keeps_watches_and_rules_of_its_own() {
    let mut sim = settled(6);
    let count = Rc::new(Cell::new(0));
    let mut turns = 0;
    let counted = Rc::clone(&count);
    sim.rule(secs(1), move |_| {
        // What a closure owns is copied; what it shares is not.
        turns += 1;
        counted.set(counted.get() + 1);
        (turns > 10).then(|| (format!("{turns} turns"), vec![0]))
    });
    sim.run_for(secs(5)).unwrap();
    let mut other = sim.fork();
    let broken = |sim: &mut Sim| sim.run_for(secs(20)).unwrap_err().broken;
    assert_eq!(broken(&mut sim), Broken::Rule("11 turns".into()));
    assert_eq!(broken(&mut other), Broken::Rule("11 turns".into()));
    assert!(count.get() > 12, "{}", count.get());
}

fn rule_of(outcome: Result<(), Box<Failure>>) -> String {
    match outcome.unwrap_err().broken {
        Broken::Rule(text) => text,
        other => panic!("{other}"),
    }
}

#[test]
fn rules_begin_when_they_are_made_and_end_when_they_are_lifted() {
    let mut sim = settled(7);
    // It was so before, and the rule does not ask for that.
    sim.crash(4);
    sim.run_for(secs(10)).unwrap();
    let four = |sim: &Sim| sim.live().count() == 5;
    let always = sim.always("five live", four);
    sim.run_for(secs(5)).unwrap();
    sim.lift(always);
    sim.crash(5);
    sim.run_for(secs(10)).unwrap();
    let never = sim.never("three live", |sim: &Sim| sim.live().count() == 3);
    sim.run_for(secs(1)).unwrap();
    let mut other = sim.fork();
    sim.crash(2);
    assert_eq!(rule_of(sim.run_for(secs(1))), "three live: has come about");
    other.lift(never);
    other.always("four live", |sim: &Sim| sim.live().count() == 4);
    other.crash(2);
    assert_eq!(rule_of(other.run_for(secs(1))), "four live: is not so any more");
}

#[test]
fn what_has_to_come_about_does_in_time_or_breaks_a_rule() {
    let mut sim = settled(8);
    sim.crash(1);
    sim.eventually("all know", secs(15), Sim::all_see_all);
    let mut other = sim.fork();
    sim.run_for(secs(30)).unwrap();
    // It need not stay so.
    sim.crash(2);
    sim.run_for(secs(1)).unwrap();
    let impossible = other.eventually("seven live", secs(3), |sim: &Sim| sim.live().count() == 7);
    let began = other.now();
    let failure = other.run_for(secs(30)).unwrap_err();
    assert_eq!(failure.at, began + secs(3));
    assert_eq!(rule_of(Err(failure)), "seven live: has not come about within 3s");
    other.lift(impossible);
}

#[test]
fn samples_are_kept_drawn_and_written() {
    let mut sim = settled(9);
    let film = sim.film(Duration::from_millis(100));
    let live = sim.sample("nodes <that> live", secs(1), |sim: &Sim| sim.live().count() as u64);
    let start = sim.now().as_nanos();
    sim.run_for(Duration::from_millis(2_500)).unwrap();
    sim.crash(0);
    sim.run_for(secs(2)).unwrap();
    sim.lift(live);
    sim.run_for(secs(5)).unwrap();
    let series = sim.series();
    let values: Vec<(u64, u64)> =
        series[0].points.iter().map(|(at, value)| ((at - start) / 1_000_000_000, *value)).collect();
    assert_eq!(values, [(0, 6), (1, 6), (2, 6), (3, 5), (4, 5)]);
    let page = film.page("Six");
    assert!(page.contains("nodes &lt;that&gt; live"), "{page}");
    let line: serde_json::Value = serde_json::from_str(sim.series_as_json().trim()).unwrap();
    assert_eq!((&line["name"], &line["points"][3][1]), (&"nodes <that> live".into(), &5.into()));
}

#[test]
fn of_a_long_sample_the_greatest_values_stay() {
    let mut sim = Sim::new(1).nodes(2, lan()).build();
    let mut turn = 0_u64;
    sim.sample("peak", Duration::from_micros(100), move |_| {
        turn += 1;
        if turn == 54_321 { 9 } else { 1 }
    });
    sim.run_for(secs(10)).unwrap();
    let points = &sim.series()[0].points;
    assert!((4_000..=8_192).contains(&points.len()), "{}", points.len());
    assert_eq!(points.iter().filter(|point| point.1 == 9).count(), 1);
    assert!(points.is_sorted() && points.last().unwrap().0 > 9_990_000_000);
}

/// A call that cannot be meant is an error of the next run: no panic, and no silence.
#[test]
fn a_node_that_there_is_not_and_a_chance_above_one_are_errors() {
    type Call = fn(&mut Sim);
    let calls: [(&str, Call); 14] = [
        ("crash: there is no node 99: there are 6", |sim| sim.crash(99)),
        ("kill: there is no node 99", |sim| sim.kill(99)),
        ("restart: there is no node 99", |sim| sim.restart(99)),
        ("depart: there is no node 99", |sim| sim.depart(99)),
        ("pause: there is no node 99", |sim| sim.pause(99)),
        ("partition: there is no node 6", |sim| sim.partition(&[0, 1], &[6])),
        ("cut: there is no node 7", |sim| {
            sim.cut(&[7], &[1]);
        }),
        ("isolate: there is no node 99", |sim| sim.isolate(99)),
        ("jump: there is no node 99", |sim| sim.jump(99, 5)),
        ("skew: there is no node 99", |sim| sim.skew(99, Ratio(2, 1))),
        ("snapshot: there is no node 99", |sim| sim.snapshot(99)),
        ("lossy: a loss of 200% is no chance", |sim| {
            sim.lossy(1, Ratio::percent(200), Ratio::NEVER)
        }),
        ("set_link: a loss of 200% is no chance: write one of at most 100%", |sim| {
            sim.set_link(Link::lan().loss(Ratio::percent(200)));
        }),
        ("set_pair: a corrupt of 3/2 is no chance", |sim| {
            sim.set_pair(0, 1, Link::lan().corrupt(Ratio(3, 2)));
        }),
    ];
    for (said, call) in calls {
        let mut sim = settled(10);
        call(&mut sim);
        let failure = sim.run_for(secs(1)).unwrap_err();
        assert!(
            matches!(&failure.broken, Broken::Misuse(text) if text.starts_with(said)),
            "{failure}"
        );
    }
    let link = Link::lan().duplicate(Ratio::percent(101));
    let failure = Sim::new(1).nodes(2, lan()).link(link).build().run_for(secs(1)).unwrap_err();
    assert!(failure.to_string().contains("a duplicate of 101% is no chance"), "{failure}");
    let sim = settled(10);
    assert!(sim.node(99).is_none() && !sim.condition(99).is_up());
}

#[test]
fn filters_delay_copy_and_change_datagrams_and_have_chance_of_their_own() {
    let filtered = |filter: fn(&Packet<'_>) -> Verdict| {
        let mut sim = settled(11);
        sim.filter(filter);
        sim.run_for(secs(5)).unwrap();
        (*sim.fates(), sim.trace_hash())
    };
    let plain = filtered(|_| Verdict::Pass);
    assert_eq!(plain, filtered(|_| Verdict::Delay(Duration::ZERO)));
    // The engine refuses what was changed, and takes nothing twice.
    let changed = filtered(|packet| {
        let mut bytes = packet.bytes.to_vec();
        bytes[20] ^= 1;
        if packet.to == 1 { Verdict::Change(bytes) } else { Verdict::Pass }
    });
    let copied = filtered(|_| Verdict::Copy(Duration::from_millis(5)));
    assert!(changed.1 != plain.1 && copied.0.delivered > plain.0.delivered * 3 / 2, "{copied:?}");
    let half: fn(&Packet<'_>) -> Verdict = |packet| {
        let mut random = packet.random;
        if random.hit(Ratio(1, 2)) { Verdict::Drop } else { Verdict::Pass }
    };
    let dropped = filtered(half);
    let since = dropped.0.sent - settled(11).fates().sent;
    let share = dropped.0.filtered * 100 / since;
    assert!((40..60).contains(&share), "{share} % of {since}");
    assert_eq!(dropped, filtered(half));
}

/// A datagram that a filter delays is under way for longer by as much.
#[test]
fn a_delay_of_a_filter_comes_on_top_of_that_of_the_link() {
    let reached = |by: u64| {
        let mut sim = settled(12);
        sim.filter(move |packet| {
            let _ = packet;
            Verdict::Delay(Duration::from_millis(by))
        });
        let number = sim.tell_all(0).unwrap();
        let heard = sim.watch_for(number);
        let start = sim.now().as_nanos();
        sim.run_for(secs(2)).unwrap();
        sim.answers(heard).at.iter().flatten().map(|at| at - start).min().unwrap()
    };
    let (near, far) = (reached(0), reached(60));
    assert!(near < 5_000_000 && (60_000_000..70_000_000).contains(&far), "{near} {far}");
}
