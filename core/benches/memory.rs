//! Bytes that a topology allocates for each (member, group, range), counted by the allocator.
//!
//! `cargo bench -p scalesmall-core --bench memory`
#![allow(unsafe_code, reason = "a global allocator that counts cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use scalesmall_core::{Epoch, GroupName, KeyRange, Life, NodeId, Topology};

/// The bars, in bytes.
const PER_RANGE: f64 = 64.0;
const PER_NODE: f64 = 96.0;

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

/// What the common allocators hand out for a request: multiples of 16 with 8 bytes of their own.
fn footprint(layout: Layout) -> usize {
    (layout.size() + 8).next_multiple_of(16).max(32)
}

// SAFETY: everything is passed on to the system's allocator; only sizes are counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(footprint(layout), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(footprint(layout), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    println!("bytes as an allocator with 8 bytes of overhead and 16-byte steps spends them");
    for members in [1_000, 7_000, 7_200, 8_192, 50_000] {
        ranges(members, 1, 1);
    }
    ranges(1_000, 1, 100);
    ranges(1_000, 100, 1);
    ranges(10, 2_000, 1);
    ranges(8_192, 1, 0);
}

/// `each` ranges of each of `members` in each of `groups`. Members are counted apart; with no
/// ranges they join only.
fn ranges(members: u32, groups: u32, each: u32) {
    let names: Vec<_> = (0..groups)
        .map(|number| GroupName::try_from(format!("group {number:04}").as_str()).expect("is short"))
        .collect();
    let records: Vec<_> = (0..members).map(|member| exports(member, &names, each)).collect();
    let start = LIVE.load(Ordering::Relaxed);
    let mut topology = Topology::new(id(members), Epoch(1));
    for member in 0..members {
        topology.hear(Life { id: id(member), epoch: Epoch(1) }).expect("within limits");
    }
    let nodes = LIVE.load(Ordering::Relaxed) - start;
    for records in &records {
        for (name, records) in names.iter().zip(records) {
            assert_eq!(topology.merge(name, records).refused(), []);
        }
    }
    let all = LIVE.load(Ordering::Relaxed) - start - nodes;
    let (per_node, count) = (nodes as f64 / f64::from(members), members * groups * each.max(1));
    let per_range = all as f64 / f64::from(count);
    println!(
        "{members:>6} members x {groups:>4} groups x {each:>3} ranges: {per_range:>6.1} a range, {:.2} of \
         {PER_RANGE}; {per_node:.1} a node, {:.2} of {PER_NODE}",
        per_range / PER_RANGE,
        per_node / PER_NODE,
    );
}

fn exports(member: u32, names: &[GroupName], each: u32) -> Vec<scalesmall_core::GroupRecords> {
    let mut topology = Topology::new(id(member), Epoch(1));
    let export = |name: &GroupName| {
        if each == 0 {
            topology.join(name).expect("within limits");
        }
        for number in 0..each {
            let start = (member + number * 7_919).wrapping_mul(0x9e37_79b9);
            let range = KeyRange::new(start, start.saturating_add(1 << 16)).expect("rises");
            topology.add_item(name, range, 80).expect("within limits");
        }
        topology.export(name).expect("is known")
    };
    names.iter().map(export).collect()
}

fn id(number: u32) -> NodeId {
    NodeId::from_bits(number.into())
}
