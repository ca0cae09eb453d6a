use super::*;
use crate::base::Hash;
use alloc::collections::{BTreeMap, BTreeSet};
use quickcheck::{QuickCheck, TestResult, quickcheck};

fn node(number: u16) -> NodeId {
    NodeId::from_bits(number.into())
}

fn group() -> GroupName {
    GroupName::try_from("shards").unwrap()
}

fn candidates(nodes: impl IntoIterator<Item = u16>) -> Vec<Candidate> {
    nodes.into_iter().map(|number| Candidate::new(node(number))).collect()
}

fn placement(slots: u32) -> Placement {
    Placement::new(Slots::new(slots).unwrap())
}

fn loads(plan: &Plan) -> BTreeMap<NodeId, usize> {
    let mut loads = BTreeMap::new();
    for slot in 0..plan.slots().count() {
        for owner in plan.owners(slot) {
            *loads.entry(owner).or_default() += 1;
        }
    }
    loads
}

/// How many owners one plan has that another has not.
fn moved(from: &Plan, to: &Plan) -> usize {
    let new = |slot| {
        let before: BTreeSet<NodeId> = from.owners(slot).collect();
        to.owners(slot).filter(|owner| !before.contains(owner)).count()
    };
    (0..from.slots().count()).map(new).sum()
}

quickcheck! {
    fn the_same_picture_gives_the_same_plan(nodes: Vec<u16>, replicas: u8, turn: usize) -> bool {
        let nodes: Vec<u16> = nodes.into_iter().take(20).collect();
        let mut list = candidates(nodes.clone());
        let placement = placement(97).with_replicas(usize::from(replicas % 5));
        let plan = placement.plan(&group(), &list);
        let middle = turn % list.len().max(1);
        list.rotate_left(middle);
        list.extend(candidates(nodes));
        placement.plan(&group(), &list) == plan
    }

    fn each_slot_has_its_owners_and_nobody_more_than_the_bound(
        weights: Vec<u16>, replicas: u8, load: u16
    ) -> TestResult {
        let list: Vec<Candidate> = (0..12).zip(weights)
            .map(|(number, weight)| Candidate { weight: 1 + weight % 8, ..Candidate::new(node(number)) })
            .collect();
        if list.is_empty() {
            return TestResult::discard();
        }
        let replicas = 1 + usize::from(replicas % 3);
        let load = 110 + load % 100;
        let placement = placement(300).with_replicas(replicas).with_load(load);
        let plan = placement.plan(&group(), &list);
        let width = replicas.min(list.len());
        let whole = (0..300).all(|slot| {
            let owners: BTreeSet<NodeId> = plan.owners(slot).collect();
            owners.len() == width
        });
        let total: u32 = list.iter().map(|it| u32::from(it.weight)).sum();
        let loads = loads(&plan);
        // Replicas go before the bound: a node of great weight cannot serve a slot twice.
        let bounded = list.iter().all(|it| {
            let share = 300 * width as u32 * u32::from(load) * u32::from(it.weight);
            let load = loads.get(&it.node).copied().unwrap_or(0);
            load <= share.div_ceil(100 * total) as usize
        });
        TestResult::from_bool(plan.replicas() == width && whole && (bounded || width > 1))
    }
}

#[test]
fn weights_are_kept() {
    let list: Vec<Candidate> = (0..4)
        .map(|number| Candidate { weight: number + 1, ..Candidate::new(node(number)) })
        .collect();
    let plan = placement(10_000).with_load(1_000).plan(&group(), &list);
    for (number, load) in loads(&plan).into_values().enumerate() {
        let share = 1_000 * (number + 1);
        assert!(load.abs_diff(share) < share / 10, "{load} of {share}");
    }
}

/// What counts is the ratio of weights, however large they are.
#[test]
fn a_common_factor_of_all_weights_changes_nothing() {
    let with = |factor: u16| {
        let weigh = |number: u16| Candidate {
            weight: factor * (1 + number % 8),
            ..Candidate::new(node(number))
        };
        let list: Vec<Candidate> = (0..10).map(weigh).collect();
        placement(1_000).plan(&group(), &list)
    };
    assert_eq!(with(1), with(8_000));
}

#[test]
fn a_candidate_without_weight_gets_nothing() {
    let mut list = candidates(0..4);
    list[2].weight = 0;
    let plan = placement(100).plan(&group(), &list);
    assert_eq!(plan.slots_of(node(2)).count(), 0);
    list.remove(2);
    assert_eq!(placement(100).plan(&group(), &list), plan);
    for candidate in &mut list {
        candidate.weight = 0;
    }
    let nobody = placement(100).plan(&group(), &list);
    assert_eq!((nobody.replicas(), nobody.owners(5).count()), (0, 0));
    assert_eq!(nobody.slots_of(node(0)).count(), 0);
}

#[test]
fn replicas_lie_in_different_zones() {
    let list: Vec<Candidate> = (0..9)
        .map(|number| Candidate { zone: u32::from(number % 3), ..Candidate::new(node(number)) })
        .collect();
    let plan = placement(3_000).with_replicas(3).plan(&group(), &list);
    let zone = |owner: NodeId| list.iter().find(|it| it.node == owner).unwrap().zone;
    let apart = |&slot: &u32| plan.owners(slot).map(zone).collect::<BTreeSet<_>>().len() == 3;
    assert_eq!((0..3_000).filter(apart).count(), 3_000);
    // With two zones for three replicas each slot still has three owners, in both zones.
    let two: Vec<Candidate> =
        list.iter().map(|it| Candidate { zone: it.zone % 2, ..*it }).collect();
    let plan = placement(3_000).with_replicas(3).plan(&group(), &two);
    for slot in 0..3_000 {
        let zones =
            plan.owners(slot).map(|owner| two.iter().find(|it| it.node == owner).unwrap().zone);
        assert_eq!(zones.collect::<BTreeSet<_>>().len(), 2);
        assert_eq!(plan.owners(slot).count(), 3);
    }
}

/// What has to move when a node comes or goes is what it gets or had. Where nodes have a hundred slots
/// each, few are at their bound and displace others.
#[test]
fn moves_are_at_most_six_fifths_of_the_least() {
    fn law(seed: u64, nodes: u16, replicas: u8, zones: bool) -> TestResult {
        let (nodes, replicas) = (4 + nodes % 61, 1 + usize::from(replicas % 3));
        let candidate = |number: u16| {
            let node = NodeId::from_bits(Hash::new([1, 2], seed).word(number.into()).finish());
            Candidate {
                zone: if zones { u32::from(number % 4) } else { 0 },
                ..Candidate::new(node)
            }
        };
        let all: Vec<Candidate> = (0..nodes).map(candidate).collect();
        let placement = placement(8_192).with_replicas(replicas);
        let (with, without) = (placement.plan(&group(), &all), placement.plan(&group(), &all[1..]));
        let least = loads(&with)[&all[0].node];
        let (leaves, joins) = (moved(&with, &without), moved(&without, &with));
        let few = |moved| least <= moved && 5 * moved <= 6 * least;
        TestResult::from_bool(few(leaves) && few(joins))
    }
    QuickCheck::new().tests(20).quickcheck(law as fn(u64, u16, u8, bool) -> TestResult);
}
