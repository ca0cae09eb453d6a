//! Tests of `merge`.

use super::*;
use alloc::boxed::Box;

use crate::base::Status;
use crate::topology::TopologyLimits;

fn id(port: u16) -> NodeId {
    NodeId::from_bits(port.into())
}

fn name(text: &str) -> GroupName {
    GroupName::try_from(text).unwrap()
}

fn keys(start: u32) -> KeyRange {
    KeyRange::between(start, start)
}

/// A record of node 2 with the ranges 0 to `count`, written in that order.
fn record(count: u32) -> RecordDelta {
    let mut owner = Topology::new(id(2), Epoch(7));
    for start in 0..count {
        owner.add_item(&name("g"), keys(start), 1).unwrap();
    }
    owner.delta(&name("g"), id(2), 0).unwrap()
}

fn apply(topology: &mut Topology, delta: &RecordDelta) -> Result<Applied, MergeError> {
    topology.apply(&name("g"), delta, &mut Changes::default())
}

/// What the roots of equal pictures are compared by: computed anew from all records.
fn sum(topology: &Topology) -> u64 {
    topology.records().map(|record| record.fingerprint).fold(0, u64::wrapping_add)
}

#[test]
fn what_contradicts_itself_is_refused() {
    let good = record(3);
    let empty = RecordDelta { writes: Box::default(), ..good };
    let mut bad = alloc::vec![
        RecordDelta { clock: 2, target: 2, ..good.clone() },
        RecordDelta { target: 2, ..good.clone() },
        RecordDelta { since: 1, ..good.clone() },
        RecordDelta { floor: 4, ..good.clone() },
        RecordDelta { clock: 0, target: 0, ..empty.clone() },
        RecordDelta { since: 4, ..empty },
    ];
    for change in [
        |writes: &mut [Write]| writes.swap(0, 1),
        |writes: &mut [Write]| writes[1].clock = writes[0].clock,
        |writes: &mut [Write]| writes[2].range = writes[0].range,
        |writes: &mut [Write]| writes[0].clock = 0,
    ] {
        let mut delta = good.clone();
        change(&mut delta.writes);
        bad.push(delta);
    }
    let mut collected = RecordDelta { floor: 2, ..good.clone() };
    collected.writes[1].op = Op::Remove;
    bad.push(collected);
    let mut topology = Topology::new(id(1), Epoch(1));
    for delta in &bad {
        assert_eq!(apply(&mut topology, delta), Err(MergeError::Malformed), "{delta:?}");
        assert_eq!((topology.roster.len(), topology.root()), (1, 0));
    }
    assert_eq!(apply(&mut topology, &good), Ok(Applied::Advanced { from: 0 }));
}

/// Groups find members by a table once there are many; it has to hold also those who come when
/// there are few again.
#[test]
fn a_member_has_one_record_however_many_have_come_and_gone() {
    let mut topology = Topology::new(id(1), Epoch(1));
    let write = |topology: &mut Topology, port: u16, epoch: u64, count: u32| {
        let mut owner = Topology::new(id(port), Epoch(epoch));
        for start in 0..count {
            owner.add_item(&name("g"), keys(start), port).unwrap();
        }
        apply(topology, &owner.delta(&name("g"), id(port), 0).unwrap()).unwrap();
    };
    for port in 2..30 {
        write(&mut topology, port, 1, 1);
    }
    for port in 2..25 {
        topology.forget(id(port));
    }
    for epoch in 2..4 {
        for port in 2..40 {
            write(&mut topology, port, epoch, 1);
            write(&mut topology, port, epoch, 2);
        }
        assert_eq!(topology.topology(&name("g")).count(), 2 * 38);
        assert_eq!(topology.root(), sum(&topology));
    }
}

#[test]
fn a_gap_names_the_clock_to_ask_for() {
    let whole = record(4);
    let mut topology = Topology::new(id(1), Epoch(1));
    let mut first = whole.clone();
    let second = first.split_off(2).unwrap();
    assert_eq!(apply(&mut topology, &second), Ok(Applied::Gap { have: 0 }));
    assert_eq!(apply(&mut topology, &first), Ok(Applied::Staged { have: 2 }));
    assert_eq!(topology.topology(&name("g")).count(), 0, "half a record is not shown");
    assert_eq!(apply(&mut topology, &second), Ok(Applied::Advanced { from: 0 }));
    assert_eq!(apply(&mut topology, &first), Ok(Applied::Known { have: 4 }));
    assert_eq!(topology.delta(&name("g"), id(2), 0), Some(whole));
}

#[test]
fn a_piece_in_between_leaves_the_clock_to_go_on_from() {
    let mut pieces = alloc::vec![record(6)];
    while let Some(rest) = pieces.last_mut().and_then(|piece| piece.split_off(2)) {
        pieces.push(rest);
    }
    let mut topology = Topology::new(id(1), Epoch(1));
    assert_eq!(apply(&mut topology, &pieces[0]), Ok(Applied::Staged { have: 2 }));
    assert_eq!(apply(&mut topology, &pieces[2]), Ok(Applied::Gap { have: 2 }));
    // Who is asked for the rest may know more than who sent the first piece.
    let rest = RecordDelta { since: 2, ..pieces_after(2, 8) };
    assert_eq!(apply(&mut topology, &rest), Ok(Applied::Advanced { from: 0 }));
    assert_eq!(topology.delta(&name("g"), id(2), 0), Some(record(8)));
}

/// The first pieces hold a range whose removal the later ones, by then collected, do not tell.
#[test]
fn pieces_from_before_a_collection_are_not_continued_by_those_from_after() {
    let mut owner = Topology::new(id(2), Epoch(7));
    for start in 0..4 {
        owner.add_item(&name("g"), keys(start), 1).unwrap();
    }
    let mut before = owner.delta(&name("g"), id(2), 0).unwrap();
    let _later = before.split_off(2);
    owner.remove_item(&name("g"), keys(0), 1).unwrap();
    owner.collect(&name("g"), 5).unwrap();
    let mut first = owner.delta(&name("g"), id(2), 0).unwrap();
    let second = first.split_off(1).unwrap();
    assert_eq!((first.clock, second.since, second.floor), (2, 2, 5));

    let mut topology = Topology::new(id(1), Epoch(1));
    assert_eq!(apply(&mut topology, &before), Ok(Applied::Staged { have: 2 }));
    assert_eq!(apply(&mut topology, &second), Ok(Applied::Gap { have: 0 }));
    assert_eq!(apply(&mut topology, &first), Ok(Applied::Staged { have: 2 }));
    assert_eq!(apply(&mut topology, &second), Ok(Applied::Advanced { from: 0 }));
    assert!(topology.topology(&name("g")).eq(owner.topology(&name("g"))));
}

fn pieces_after(since: usize, count: u32) -> RecordDelta {
    record(count).split_off(since).unwrap()
}

#[test]
fn only_so_many_unfinished_deltas_are_kept() {
    let limits = TopologyLimits { stages: 2, ..TopologyLimits::default() };
    let mut topology = Topology::with_limits(id(1), Epoch(1), limits);
    let mut first = record(4);
    let rest = first.split_off(2).unwrap();
    let mut changes = Changes::default();
    for group in ["a", "b", "c"] {
        let applied = topology.apply(&name(group), &first, &mut changes);
        assert_eq!(applied, Ok(Applied::Staged { have: 2 }));
    }
    let applied = topology.apply(&name("a"), &rest, &mut changes);
    assert_eq!(applied, Ok(Applied::Gap { have: 0 }), "the oldest gave way");
    let applied = topology.apply(&name("c"), &rest, &mut changes);
    assert_eq!(applied, Ok(Applied::Advanced { from: 0 }));
}

#[test]
fn a_clock_jumps_by_no_more_than_2_to_the_32() {
    let mut topology = Topology::new(id(1), Epoch(1));
    let mut delta = record(1);
    for (clock, expected) in [
        (CLOCK_STEP + 1, Err(MergeError::ClockJump)),
        (u64::MAX, Err(MergeError::ClockJump)),
        (CLOCK_STEP, Ok(Applied::Advanced { from: 0 })),
        (2 * CLOCK_STEP + 1, Err(MergeError::ClockJump)),
    ] {
        delta.writes[0].clock = clock;
        delta = RecordDelta { clock, target: clock, ..delta };
        assert_eq!(apply(&mut topology, &delta), expected);
    }
}

#[test]
fn limits_are_named_and_change_nothing() {
    let small = TopologyLimits {
        members: 3,
        groups: 2,
        items_per_record: 3,
        items: 5,
        ..Default::default()
    };
    let mut topology = Topology::with_limits(id(1), Epoch(1), small);
    let mut changes = Changes::default();
    let mut merge = |group: &str, member: u16, count: u32| {
        let delta = RecordDelta { member: id(member), ..record(count) };
        let applied = topology.apply(&name(group), &delta, &mut changes);
        assert_eq!(topology.root(), sum(&topology));
        applied
    };
    let new = Ok(Applied::Advanced { from: 0 });
    assert_eq!(merge("g", 2, 4), Err(MergeError::TooManyItems { limit: 3 }));
    assert_eq!(merge("g", 2, 3), new);
    assert_eq!(merge("h", 3, 3), Err(MergeError::TopologyFull { limit: 5 }));
    assert_eq!(merge("h", 3, 2), new);
    assert_eq!(merge("i", 2, 1), Err(MergeError::TooManyGroups { limit: 2 }));
    let own = topology.add_item(&name("h"), keys(0), 1).map(|timed| timed.clock);
    assert_eq!(own, Err(crate::topology::limits::GroupError::TopologyFull { limit: 5 }));
    let own = topology.join(&name("i")).map(|changes| changes.len());
    assert_eq!(own, Err(crate::topology::limits::GroupError::TooManyGroups { limit: 2 }));
    topology.forget(id(2));
    topology.set_status(id(4), Status::Down);
    let delta = RecordDelta { member: id(5), ..record(1) };
    assert_eq!(apply(&mut topology, &delta), Err(MergeError::TooManyMembers { limit: 3 }));
}

#[test]
fn a_higher_epoch_voids_all_groups_and_a_lower_one_is_stale() {
    let mut topology = Topology::new(id(1), Epoch(1));
    let mut changes = Changes::default();
    for group in ["a", "b"] {
        topology.apply(&name(group), &record(2), &mut changes).unwrap();
    }
    let next = RecordDelta { epoch: Epoch(8), ..record(1) };
    let applied = topology.apply(&name("a"), &next, &mut changes);
    assert_eq!(applied, Ok(Applied::Advanced { from: 0 }));
    assert_eq!(topology.groups().collect::<Vec<_>>(), [&name("a")]);
    let applied = topology.apply(&name("b"), &record(2), &mut changes);
    assert_eq!(applied, Ok(Applied::Stale { epoch: Epoch(8) }));
    assert_eq!(topology.root(), sum(&topology));
}

#[test]
fn the_retired_are_listed_but_not_passed_on() {
    let mut topology = Topology::new(id(1), Epoch(1));
    topology.join(&name("g")).unwrap();
    let alone = topology.root();
    apply(&mut topology, &record(2)).unwrap();
    let both = topology.root();
    let ix = topology.roster.find(id(2)).unwrap();
    for _ in 0..2 {
        topology.retire(ix);
        assert_eq!((topology.root(), sum(&topology)), (alone, alone));
    }
    assert_eq!(topology.topology(&name("g")).count(), 3);
    assert_eq!(topology.export(&name("g")).unwrap().records.len(), 1);
    for _ in 0..2 {
        topology.revive(ix);
        assert_eq!((topology.root(), sum(&topology)), (both, both));
    }
    topology.retire(ix);
    topology.forget(id(2));
    assert_eq!((topology.root(), topology.items), (alone, 1));
    topology.forget(id(1));
    assert_eq!(topology.root(), alone, "a node does not forget itself");
}

#[test]
fn equal_pictures_have_equal_roots_by_whatever_way() {
    let (mut a, mut b) = (Topology::new(id(1), Epoch(1)), Topology::new(id(3), Epoch(1)));
    apply(&mut a, &record(5)).unwrap();
    for piece in [record(2), record(3), record(5)] {
        apply(&mut b, &piece).unwrap();
        assert_eq!(b.root(), sum(&b));
    }
    assert_eq!(a.root(), b.root());
    apply(&mut b, &record(6)).unwrap();
    assert_ne!(a.root(), b.root());
}

/// What a record of node 2 says at a clock, by one write for each of some ranges.
fn content(said: &[(u8, u8, u8)], clock: u64) -> RecordDelta {
    let mut owner = Topology::new(id(2), Epoch(7));
    for &(start, op, port) in said {
        let range = keys(u32::from(start % 8));
        match op % 3 {
            0 => owner.add_item(&name("g"), range, u16::from(port % 4) + 1).map(|_| ()),
            1 => owner.remove_item(&name("g"), range, 1).map(|_| ()),
            _ => owner.join(&name("g")).map(|_| ()),
        }
        .unwrap();
    }
    let mut delta = owner.delta(&name("g"), id(2), 0).unwrap();
    (delta.clock, delta.target) = (clock, clock);
    delta
}

quickcheck::quickcheck! {
    /// Two copies of a record have one fingerprint if what is served in them is the same, write by write, and
    /// only then; tombstones do not count.
    fn fingerprints_cover_what_is_served(one: Vec<(u8, u8, u8)>, other: Vec<(u8, u8, u8)>) -> bool {
        if one.is_empty() || other.is_empty() {
            return true;
        }
        let copies = [&one, &other].map(|said| {
            let mut holder = Topology::new(id(9), Epoch(1));
            apply(&mut holder, &content(said, 1_000)).unwrap();
            holder
        });
        let served = |topology: &Topology| -> Vec<_> {
            topology.topology(&name("g")).filter(|it| it.item.op != Op::Remove).collect()
        };
        let equal = served(&copies[0]) == served(&copies[1]);
        (copies[0].root() == copies[1].root()) == equal
    }

    /// The way to a record does not show in its fingerprint.
    fn fingerprints_do_not_depend_on_the_way(said: Vec<(u8, u8, u8)>) -> bool {
        let mut owner = Topology::new(id(2), Epoch(7));
        let mut follower = Topology::new(id(9), Epoch(1));
        for (start, op, port) in said {
            let range = keys(u32::from(start % 8));
            match op % 5 {
                0 | 1 => drop(owner.add_item(&name("g"), range, port.into()).unwrap()),
                2 => drop(owner.remove_item(&name("g"), range, 1).unwrap()),
                3 => drop(owner.join(&name("g")).unwrap()),
                _ => drop(owner.collect(&name("g"), port.into()).unwrap()),
            }
            let have = follower.roster.find(id(2)).and_then(|ix| follower.clock_of(&name("g"), ix));
            if let Some(delta) = owner.delta(&name("g"), id(2), have.unwrap_or(0)) {
                apply(&mut follower, &delta).unwrap();
            }
            let mut newcomer = Topology::new(id(8), Epoch(1));
            if let Some(all) = owner.export(&name("g")) {
                newcomer.merge(&name("g"), &all);
            }
            let roots = [owner.root(), follower.root(), newcomer.root()];
            if roots != [sum(&newcomer); 3] {
                return false;
            }
        }
        true
    }
}
