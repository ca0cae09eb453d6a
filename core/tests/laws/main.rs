//! Laws of the topology, over arbitrary histories of three nodes and two groups with collection,
//! restarts, new lives, forgetting, late copies, and deltas in pieces that are lost or repeated.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod history;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use history::{DishonestHistory, GROUPS, History, NODES, id, keys};
use quickcheck::{Gen, QuickCheck, Testable};
use scalesmall_core::{Epoch, GroupRecords, NodeId, Op, RecordDelta, Topology};
use world::World;

fn check(law: impl Testable) {
    QuickCheck::new().rng(Gen::new(256)).tests(400).quickcheck(law);
}

/// An observer that has heard nothing, under an id of its own.
fn observer() -> Topology {
    Topology::new(id(NODES), Epoch(1))
}

#[test]
fn epoch_and_clock_determine_the_content_of_a_record() {
    fn law(history: History) {
        type Version = (usize, NodeId, Epoch, u64);
        let mut seen: BTreeMap<Version, RecordDelta> = BTreeMap::new();
        World::play(&history, |world| {
            for node in &world.nodes {
                for ((group, member), record) in world.picture(node) {
                    let version = (group, member, record.epoch, record.clock);
                    let first = seen.entry(version).or_insert_with(|| record.clone());
                    assert_eq!(*first, record);
                }
            }
        });
    }
    check(law as fn(History));
}

#[test]
fn replayed_changes_equal_the_queries() {
    fn law(history: DishonestHistory) {
        World::play(&history.0, |world| {
            for node in 0..NODES {
                assert_eq!(world.replayed(node), world.listing(node));
            }
        });
    }
    check(law as fn(DishonestHistory));
}

/// Replayed from empty, the changes give the owners of every key.
#[test]
fn replayed_changes_give_the_owners() {
    fn law(history: DishonestHistory) {
        World::play(&history.0, |world| {
            for node in 0..NODES {
                let [owners, replayed] = world.owners(node);
                assert_eq!(owners, replayed);
                let queried: BTreeSet<_> = world
                    .groups
                    .iter()
                    .flat_map(|group| {
                        let owners = world.nodes[node].owners(group);
                        owners.map(move |it| (group.clone(), it.range, it.member))
                    })
                    .collect();
                assert_eq!(queried, replayed.into_keys().collect());
            }
        });
    }
    check(law as fn(DishonestHistory));
}

#[test]
fn the_routes_of_a_picture_are_its_added_items() {
    fn law(history: History) {
        let world = World::play(&history, |_| {});
        for (node, name) in
            world.nodes.iter().flat_map(|n| world.groups.iter().map(move |g| (n, g)))
        {
            for key in [0, 5, 7, 9, 10, 14, 15, 19, 20, u32::MAX] {
                let owners = node.owners(name).filter(|it| it.range.contains(key));
                let owners: BTreeSet<_> = owners.map(|o| (o.member, o.range, o.port)).collect();
                let routed: BTreeSet<_> =
                    node.route(name, key).map(|o| (o.member, o.range, o.port)).collect();
                assert_eq!(routed, owners);
                let items = node.topology_of(name, Op::Add).map(|timed| timed.item);
                let present = |member| world.is_shown(node.id(), member);
                let listed = items.filter(|item| item.range.contains(key) && present(item.member));
                assert_eq!(routed, listed.map(|i| (i.member, i.range, i.port)).collect());
            }
        }
    }
    check(law as fn(History));
}

/// Merges exports in the order of `order` (numbers modulo what there is, so with repetitions and
/// gaps), then all of them from the first to the last.
fn merged(world: &World, order: &[u8], backwards: bool) -> Topology {
    let mut topology = observer();
    let snapshots = &world.snapshots;
    let some = order.iter().filter(|_| !snapshots.is_empty());
    let some = some.map(|at| &snapshots[usize::from(*at) % snapshots.len()]);
    for (group, records) in some {
        topology.merge(&world.groups[*group], records);
    }
    let mut all: Vec<_> = snapshots.iter().collect();
    if backwards {
        all.reverse();
    }
    for (group, records) in all {
        assert_eq!(topology.merge(&world.groups[*group], records).refused(), []);
    }
    topology
}

#[test]
fn merge_is_commutative_and_idempotent() {
    fn law(history: History, order: Vec<u8>) {
        let world = World::play(&history, |_| {});
        let straight = merged(&world, &[], false);
        let shuffled = merged(&world, &order, true);
        assert_eq!(world.picture(&straight), world.picture(&shuffled));
    }
    check(law as fn(History, Vec<u8>));
}

#[test]
fn merge_is_associative() {
    fn law(history: History, cut: u8) {
        let mut world = World::play(&history, |_| {});
        let whole = merged(&world, &[], false);
        let cut = usize::from(cut) % (world.snapshots.len() + 1);
        let rest = world.snapshots.split_off(cut);
        let mut left = merged(&world, &[], false);
        world.snapshots = rest;
        let right = merged(&world, &[], true);
        for name in &world.groups {
            if let Some(records) = right.export(name) {
                left.merge(name, &records);
            }
        }
        assert_eq!(world.picture(&left), world.picture(&whole));
    }
    check(law as fn(History, u8));
}

#[test]
fn deltas_in_any_split_equal_the_whole() {
    fn law(history: History, sizes: Vec<u8>, order: Vec<u8>) {
        let world = World::play(&history, |_| {});
        for to in 0..NODES {
            for from in 0..NODES {
                for name in &world.groups {
                    // An observer with what `to` holds of others hears of what `from` holds.
                    let mut held = observer();
                    let old = world.nodes[to].export(name).unwrap_or_default();
                    held.merge(name, &old);
                    let mut whole = observer();
                    whole.merge(name, &old);
                    let records = world.nodes[from].export(name).unwrap_or_default().records;
                    for record in records {
                        let lacked = lacked_by(&held, &world.nodes[from], name, &record);
                        let Some(delta) = lacked else { continue };
                        whole.merge(name, &GroupRecords { records: vec![delta.clone()] });
                        in_pieces(&mut held, name, delta, &sizes, &order);
                    }
                    assert_eq!(world.picture(&held), world.picture(&whole));
                }
            }
        }
    }
    check(law as fn(History, Vec<u8>, Vec<u8>));
}

fn lacked_by(
    held: &Topology,
    from: &Topology,
    name: &scalesmall_core::GroupName,
    record: &RecordDelta,
) -> Option<RecordDelta> {
    let old = held.delta(name, record.member, 0);
    match old {
        Some(old) if old.epoch == record.epoch => from.delta(name, record.member, old.clock),
        Some(old) if old.epoch > record.epoch => None,
        _ => from.delta(name, record.member, 0),
    }
}

/// Delivers a delta in pieces of the given sizes: first some of them in any order, then all.
fn in_pieces(
    to: &mut Topology,
    name: &scalesmall_core::GroupName,
    delta: RecordDelta,
    sizes: &[u8],
    order: &[u8],
) {
    let mut sizes = sizes.iter().cycle();
    let mut pieces = Vec::new();
    let mut next = Some(delta);
    while let Some(mut piece) = next.take() {
        let size = sizes.next().map_or(1, |size| usize::from(*size) % 4 + 1);
        next = piece.split_off(size);
        pieces.push(piece);
    }
    let before: Vec<_> = to.topology(name).collect();
    let scattered = order.iter().map(|at| &pieces[usize::from(*at) % pieces.len()]);
    let mut applied = false;
    for piece in scattered.chain(&pieces) {
        let changes = to.merge(name, &GroupRecords { records: vec![piece.clone()] });
        applied |= piece.is_last() && changes.refused().is_empty();
        let voided = to.delta(name, piece.member, 0).is_none_or(|held| held.epoch < piece.epoch);
        if !applied && !voided {
            let unchanged = to.topology(name).filter(|t| t.item.member != piece.member);
            let others = before.iter().copied().filter(|t| t.item.member != piece.member);
            assert!(unchanged.eq(others), "pieces touch no other member");
        }
    }
    assert!(applied, "all pieces in order are the whole");
}

#[test]
fn what_the_owner_has_removed_and_collected_never_returns() {
    fn law(history: History, order: Vec<u8>) {
        let world = World::play(&history, |_| {});
        let mut topology = merged(&world, &order, false);
        for (node, owner) in world.nodes.iter().enumerate() {
            let life = scalesmall_core::Life { id: id(node), epoch: owner.epoch() };
            topology.hear(life).unwrap();
            for name in &world.groups {
                if let Some(records) = owner.export(name) {
                    topology.merge(name, &records);
                }
            }
        }
        for (group, records) in &world.snapshots {
            topology.merge(&world.groups[*group], records);
        }
        for (node, owner) in world.nodes.iter().enumerate() {
            for name in &world.groups {
                let own = owner.delta(name, id(node), 0);
                assert_eq!(topology.delta(name, id(node), 0), own, "every copy is the owner's");
            }
        }
    }
    check(law as fn(History, Vec<u8>));
}

#[test]
fn all_come_to_agree_with_the_owners_whatever_was_said_about_them() {
    fn law(history: DishonestHistory) {
        let mut world = World::play(&history.0, |_| {});
        world.settle();
        let own: Vec<_> = (0..NODES).map(|node| items_of(&world, node, node)).collect();
        for at in 0..NODES {
            for (node, own) in own.iter().enumerate() {
                assert_eq!(items_of(&world, at, node), *own);
                assert!(own.iter().all(|(_, _, port)| *port != 666), "a lie was taken over");
            }
        }
    }
    check(law as fn(DishonestHistory));
}

fn items_of(world: &World, at: usize, member: usize) -> Vec<(Op, usize, u16)> {
    let items = (0..GROUPS).flat_map(|group| {
        let items = world.nodes[at].topology(&world.groups[group]).map(|timed| timed.item);
        items.filter(move |item| item.member == id(member)).map(move |item| (group, item))
    });
    let row = |(group, item): (usize, scalesmall_core::Item)| {
        let number = (0..7).find(|number| keys(*number) == item.range).unwrap();
        (item.op, group * 8 + usize::from(number), item.port)
    };
    items.map(row).collect()
}
