//! Tests of `index`.

use super::*;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Inserts, removes and looks up at random, and compares with a plain list.
fn compare(seed: u64, steps: usize, make: impl Fn(&mut ChaCha8Rng) -> Entry) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut index = Index::default();
    let mut model: Vec<Entry> = Vec::new();
    for step in 0..steps {
        let shrinking = step / (steps / 4) % 2 == 1;
        if rng.next_u32() % 8 < if shrinking { 6 } else { 2 } && !model.is_empty() {
            let at = rng.next_u32() as usize % model.len();
            index.remove(model.remove(at));
        } else {
            let entry = make(&mut rng);
            let key = |e: &Entry| (e.start, e.end, e.member);
            if let Err(at) = model.binary_search_by_key(&key(&entry), key) {
                model.insert(at, entry);
                index.insert(entry);
            }
        }
        if step % 16 == 0 {
            let key = if model.is_empty() || rng.next_u32() % 4 == 0 {
                rng.next_u32()
            } else {
                let entry = model[rng.next_u32() as usize % model.len()];
                if rng.next_u32() % 2 == 0 { entry.start } else { entry.end }
            };
            let mut found = Vec::new();
            index.at(key, |_, position| found.push(index.entry(position)));
            found.sort_unstable();
            let expected: Vec<_> =
                model.iter().copied().filter(|e| e.start <= key && key <= e.end).collect();
            assert_eq!(found, expected, "seed {seed}, step {step}, key {key}");
        }
    }
    assert!(index.iter().eq(model.iter().copied()), "seed {seed}");
}

#[test]
fn agrees_with_a_list_for_scattered_ranges() {
    compare(1, 20_000, |rng| {
        let start = rng.next_u32() >> 1;
        let (end, member) = (start + (rng.next_u32() >> 12), rng.next_u32() % 100);
        Entry { start, end, member, port: rng.next_u32() as u16 }
    });
}

#[test]
fn agrees_with_a_list_for_nested_and_equal_ranges() {
    compare(2, 12_000, |rng| {
        let depth = rng.next_u32() % 40;
        let start = depth * 1000;
        Entry { start, end: u32::MAX - start, member: rng.next_u32() % 300, port: 1 }
    });
    compare(3, 12_000, |rng| Entry {
        start: 0,
        end: u32::MAX,
        member: rng.next_u32() % 3000,
        port: 1,
    });
    compare(4, 12_000, |rng| {
        let (a, b) = (rng.next_u32() % 50, rng.next_u32() % 50);
        Entry { start: a.min(b), end: a.max(b), member: rng.next_u32() % 3, port: 1 }
    });
}

#[test]
fn both_ends_of_the_key_space_are_found() {
    let mut index = Index::default();
    for member in 0..100 {
        index.insert(Entry { start: 0, end: 0, member, port: 1 });
        index.insert(Entry { start: u32::MAX, end: u32::MAX, member, port: 1 });
    }
    for key in [0, u32::MAX, 1] {
        let mut found = 0;
        index.at(key, |_, _| found += 1);
        assert_eq!(found, if key == 1 { 0 } else { 100 });
    }
}

/// One range around a hundred thousand others costs a look-up one leaf more.
#[test]
fn memory_stays_below_32_bytes_a_range() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut leaves = Leaves::new(&[Entry::default()]);
    for member in 0..50_000 {
        let start = rng.next_u32();
        leaves.insert(Entry { start, end: start, member, port: 1 });
    }
    let bytes = leaves.places.len() * (size_of::<Leaf>() + 16 + size_of::<Place>() + 10);
    assert!(bytes < leaves.len * 24, "{bytes} bytes for {} ranges", leaves.len);
    let mut rising = Leaves::new(&[Entry::default()]);
    for start in 1..50_000 {
        rising.insert(Entry { start, end: start, member: 0, port: 1 });
    }
    assert!(rising.places.len() * (LEAF - 1) < rising.len + 2 * LEAF);
}
