//! What a user of the original expects, call by call, and what was changed on purpose.

use scalesmall_core::{
    Epoch, GroupName, GroupNameError, KeyRange, KeyRangeError, NodeId, Op, Topology,
};

fn id(port: u16) -> NodeId {
    NodeId::from_bits(port.into())
}

fn node(port: u16) -> Topology {
    Topology::new(id(port), Epoch(1))
}

fn name(text: &str) -> GroupName {
    GroupName::try_from(text).unwrap()
}

fn keys(start: u32, end: u32) -> KeyRange {
    KeyRange::new(start, end).unwrap()
}

/// What a node lists: member's port, op, start, end, port and clock of each item.
fn listed(node: &Topology, group: &GroupName) -> Vec<(u16, Op, u32, u32, u16, u64)> {
    let row = |timed: scalesmall_core::TimedItem| {
        let item = timed.item;
        let (start, end) = (item.range.start(), item.range.end());
        (item.member.to_bits() as u16, item.op, start, end, item.port, timed.clock)
    };
    node.topology(group).map(row).collect()
}

fn send(from: &Topology, to: &mut Topology, group: &GroupName) {
    let changes = to.merge(group, &from.export(group).unwrap());
    assert_eq!(changes.refused(), []);
}

const MAX: u32 = u32::MAX;

#[test]
fn an_unknown_group_is_empty() {
    let a = node(1);
    let g = name("g");
    assert_eq!(a.members(&g).count() + a.topology(&g).count() + a.groups().count(), 0);
    assert_eq!(a.export(&g), None);
}

#[test]
fn who_joins_alone_is_the_only_member() {
    let (mut a, g) = (node(1), name("g"));
    a.join(&g).unwrap();
    assert_eq!(a.members(&g).collect::<Vec<_>>(), [id(1)]);
    assert_eq!(a.groups().chain(a.my_groups()).collect::<Vec<_>>(), [&g, &g]);
    assert_eq!(listed(&a, &g), [(1, Op::Get, 0, MAX, 0, 1)]);
}

#[test]
fn who_leaves_is_no_member_but_the_group_stays_known() {
    let (mut a, g) = (node(1), name("g"));
    a.join(&g).unwrap();
    a.leave(&g).unwrap();
    assert_eq!(a.members(&g).count(), 0);
    assert_eq!(a.my_groups().count(), 0);
    assert_eq!(a.groups().collect::<Vec<_>>(), [&g]);
}

#[test]
fn adding_is_an_implicit_join_without_a_get() {
    let (mut a, g) = (node(1), name("g"));
    let written = a.add_item(&g, keys(1, 2), 3).unwrap();
    assert_eq!((written.clock, written.epoch), (1, Epoch(1)));
    assert_eq!(a.members(&g).collect::<Vec<_>>(), [id(1)]);
    assert_eq!(a.my_groups().collect::<Vec<_>>(), [&g]);
    a.join(&g).unwrap();
    assert_eq!(listed(&a, &g), [(1, Op::Get, 0, MAX, 0, 2), (1, Op::Add, 1, 2, 3, 1)]);
}

#[test]
fn each_tombstone_of_leave_takes_a_clock_of_its_own() {
    let (mut a, g) = (node(1), name("g"));
    a.join(&g).unwrap();
    a.add_item(&g, keys(5, 6), 7).unwrap();
    a.add_item(&g, keys(1, 2), 3).unwrap();
    a.leave(&g).unwrap();
    let expected =
        [(1, Op::Remove, 0, MAX, 0, 4), (1, Op::Remove, 1, 2, 3, 5), (1, Op::Remove, 5, 6, 7, 6)];
    assert_eq!(listed(&a, &g), expected);
}

#[test]
fn leaving_twice_renews_the_full_range_only() {
    let (mut a, g) = (node(1), name("g"));
    a.add_item(&g, keys(1, 2), 3).unwrap();
    a.leave(&g).unwrap();
    a.leave(&g).unwrap();
    assert_eq!(listed(&a, &g), [(1, Op::Remove, 0, MAX, 0, 4), (1, Op::Remove, 1, 2, 3, 3)]);
}

#[test]
fn joining_again_does_not_bring_the_ranges_back() {
    let (mut a, g) = (node(1), name("g"));
    a.add_item(&g, keys(1, 2), 3).unwrap();
    a.leave(&g).unwrap();
    a.join(&g).unwrap();
    assert_eq!(listed(&a, &g), [(1, Op::Get, 0, MAX, 0, 4), (1, Op::Remove, 1, 2, 3, 3)]);
}

#[test]
fn leaving_a_group_never_joined_makes_it_known_to_all() {
    let (mut a, mut b, g) = (node(1), node(2), name("g"));
    a.leave(&g).unwrap();
    send(&a, &mut b, &g);
    assert_eq!(b.groups().collect::<Vec<_>>(), [&g]);
    assert_eq!(b.members(&g).count(), 0);
}

#[test]
fn removing_what_was_never_added_is_legal() {
    let (mut a, g) = (node(1), name("g"));
    a.remove_item(&g, keys(1, 2), 3).unwrap();
    assert_eq!(listed(&a, &g), [(1, Op::Remove, 1, 2, 3, 1)]);
    assert_eq!(a.members(&g).count(), 0);
}

#[test]
fn removal_takes_exactly_one_key() {
    let (mut a, g) = (node(1), name("g"));
    a.add_item(&g, keys(1, 10), 3).unwrap();
    a.remove_item(&g, keys(1, 5), 3).unwrap();
    assert_eq!(listed(&a, &g), [(1, Op::Remove, 1, 5, 3, 2), (1, Op::Add, 1, 10, 3, 1)]);
    assert_eq!(a.route(&g, 3).count(), 1);
}

#[test]
fn the_full_range_is_one_key_for_get_and_add() {
    let (mut a, g) = (node(1), name("g"));
    a.join(&g).unwrap();
    a.add_item(&g, KeyRange::FULL, 80).unwrap();
    assert_eq!(listed(&a, &g), [(1, Op::Add, 0, MAX, 80, 2)]);
    a.join(&g).unwrap();
    assert_eq!(listed(&a, &g), [(1, Op::Get, 0, MAX, 0, 3)]);
    assert_eq!(a.route(&g, 3).count(), 0);
    a.remove_item(&g, KeyRange::FULL, 0).unwrap();
    assert_eq!(a.members(&g).count(), 0);
}

#[test]
fn a_new_port_takes_the_place_of_the_old_one() {
    let (mut a, mut b, g) = (node(1), node(2), name("g"));
    a.add_item(&g, keys(1, 2), 3).unwrap();
    send(&a, &mut b, &g);
    a.add_item(&g, keys(1, 2), 4).unwrap();
    send(&a, &mut b, &g);
    assert_eq!(listed(&b, &g), [(1, Op::Add, 1, 2, 4, 2)]);
    assert_eq!(b.route(&g, 1).map(|owner| owner.port).collect::<Vec<_>>(), [4]);
}

#[test]
fn arguments_out_of_range_cannot_be_expressed() {
    assert_eq!(KeyRange::new(2, 1), Err(KeyRangeError { start: 2, end: 1 }));
    assert!(keys(7, 7).contains(7));
    assert_eq!(GroupName::try_from(""), Err(GroupNameError::Empty));
    let long = [b'x'; 256];
    assert_eq!(GroupName::try_from(&long[..]), Err(GroupNameError::TooLong { len: 256 }));
    assert!(GroupName::try_from(&long[..255]).is_ok());
    assert!(GroupName::try_from(&[0xff, 0][..]).is_ok());
}

#[test]
fn a_node_in_no_group_holds_all_groups() {
    let (mut a, mut b, mut c, g) = (node(1), node(2), node(3), name("g"));
    a.join(&g).unwrap();
    send(&a, &mut b, &g);
    send(&b, &mut c, &g);
    assert_eq!(c.members(&g).collect::<Vec<_>>(), [id(1)]);
    assert_eq!(c.my_groups().count(), 0);
}

#[test]
fn members_and_items_are_sorted() {
    let (mut c, g) = (node(3), name("g"));
    for port in [9, 2, 30, 4] {
        let mut other = node(port);
        other.add_item(&g, keys(5, 6), 1).unwrap();
        other.join(&g).unwrap();
        send(&other, &mut c, &g);
    }
    assert_eq!(c.members(&g).map(NodeId::to_bits).collect::<Vec<_>>(), [2, 4, 9, 30]);
    let rows: Vec<_> = listed(&c, &g).iter().map(|row| (row.0, row.2)).collect();
    assert_eq!(rows, [(2, 0), (2, 5), (4, 0), (4, 5), (9, 0), (9, 5), (30, 0), (30, 5)]);
}

/// The original's old tombstone undid the new join everywhere, the node itself included.
#[test]
fn a_restarted_node_that_joins_is_a_member_at_once() {
    let (mut a, mut b, g) = (node(1), node(2), name("g"));
    for _ in 0..3 {
        a.join(&g).unwrap();
        a.leave(&g).unwrap();
    }
    send(&a, &mut b, &g);
    let mut a = Topology::new(id(1), Epoch(2));
    a.join(&g).unwrap();
    send(&b, &mut a, &g);
    assert_eq!(listed(&a, &g), [(1, Op::Get, 0, MAX, 0, 1)]);
    send(&a, &mut b, &g);
    assert_eq!(listed(&b, &g), [(1, Op::Get, 0, MAX, 0, 1)]);
}

/// In the original the old port won, even at the node itself.
#[test]
fn a_restarted_node_that_moves_its_service_is_found_there() {
    let (mut a, mut b, g) = (node(1), node(2), name("g"));
    let other = name("other");
    a.add_item(&other, keys(0, 9), 1).unwrap();
    for port in 700..709 {
        a.add_item(&g, keys(1, 10), port).unwrap();
    }
    send(&a, &mut b, &g);
    send(&a, &mut b, &other);
    let mut a = Topology::new(id(1), Epoch(2));
    a.add_item(&g, keys(1, 10), 5).unwrap();
    send(&a, &mut b, &g);
    assert_eq!(b.route(&g, 1).map(|owner| owner.port).collect::<Vec<_>>(), [5]);
    assert_eq!(b.route(&other, 1).count(), 0, "the old life is void in all groups");
}

/// In the original the last copy to arrive won, and two crossing ones were swapped.
#[test]
fn two_lives_that_cross_on_the_way_end_alike() {
    let (mut old, mut b, mut c, g) = (node(1), node(2), node(3), name("g"));
    old.add_item(&g, keys(1, 2), 10).unwrap();
    let mut new = Topology::new(id(1), Epoch(2));
    new.add_item(&g, keys(1, 2), 20).unwrap();
    send(&old, &mut b, &g);
    send(&new, &mut c, &g);
    let (from_b, from_c) = (b.export(&g).unwrap(), c.export(&g).unwrap());
    b.merge(&g, &from_c);
    c.merge(&g, &from_b);
    assert_eq!(listed(&b, &g), [(1, Op::Add, 1, 2, 20, 1)]);
    assert_eq!(listed(&b, &g), listed(&c, &g));
}

/// In the original a foreign write about oneself was taken over.
#[test]
fn a_foreign_claim_is_not_taken_over_and_is_answered_away() {
    let (mut a, mut b, g) = (node(1), node(2), name("g"));
    a.add_item(&g, keys(1, 2), 3).unwrap();
    let mut impostor = node(1);
    for port in 50..60 {
        impostor.add_item(&g, keys(5, 6), port).unwrap();
    }
    send(&impostor, &mut b, &g);
    send(&impostor, &mut a, &g);
    assert_eq!(listed(&a, &g), [(1, Op::Add, 1, 2, 3, 1)]);
    a.defend();
    send(&a, &mut b, &g);
    assert_eq!(listed(&b, &g), [(1, Op::Add, 1, 2, 3, 1)]);
    assert_eq!(b.route(&g, 5).count(), 0);
    let written = a.add_item(&g, keys(8, 9), 3).unwrap();
    assert_eq!(written.clock, 12, "ten claimed, one answer");
}
