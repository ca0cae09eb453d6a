//! The queue of things to come: a calendar ring, with a heap for what is far away.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Holds items by the time at which they are due; of those due at once, the first pushed is the
/// first popped.
///
/// A ring of buckets of 262,144 ns holds the next 2.1 seconds; a bucket is sorted when time reaches
/// it (R. Brown, "Calendar queues", 1988). What lies further ahead waits in a heap.
#[derive(Clone, Debug)]
pub struct Queue<T> {
    /// What is due in the bucket that time has reached, latest first.
    open: Vec<Entry<T>>,
    ring: Vec<Vec<Entry<T>>>,
    /// One bit for each bucket of the ring that is not empty.
    occupied: Vec<u64>,
    far: BinaryHeap<Reverse<Entry<T>>>,
    bucket: u64,
    pushed: u64,
    len: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Queue<T> {
    /// An empty queue at time zero.
    #[must_use]
    pub fn new() -> Self {
        Self {
            open: Vec::new(),
            ring: (0..BUCKETS).map(|_| Vec::new()).collect(),
            occupied: vec![0; BUCKETS / 64],
            far: BinaryHeap::new(),
            bucket: 0,
            pushed: 0,
            len: 0,
        }
    }

    /// How many items wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an item due at `time`, in nanoseconds. A time that is over counts as the present.
    pub fn push(&mut self, time: u64, item: T) {
        let entry = Entry { time, order: self.pushed, item };
        self.pushed += 1;
        self.len += 1;
        let bucket = time >> BUCKET_BITS;
        if bucket <= self.bucket {
            let place = self.open.partition_point(|other| *other > entry);
            self.open.insert(place, entry);
        } else if bucket < self.bucket + BUCKETS as u64 {
            self.file(bucket, entry);
        } else {
            self.far.push(Reverse(entry));
        }
    }

    /// Takes the earliest item if it is due at `limit` or before, with its time.
    #[must_use]
    pub fn pop(&mut self, limit: u64) -> Option<(u64, T)> {
        while self.open.is_empty() {
            if self.len == 0 {
                return None;
            }
            let next = self.next_bucket();
            if next > limit >> BUCKET_BITS {
                return None;
            }
            self.advance(next);
        }
        if self.open.last().is_some_and(|entry| entry.time > limit) {
            return None;
        }
        let entry = self.open.pop()?;
        self.len -= 1;
        Some((entry.time, entry.item))
    }

    fn file(&mut self, bucket: u64, entry: Entry<T>) {
        let slot = bucket as usize % BUCKETS;
        self.ring[slot].push(entry);
        self.occupied[slot / 64] |= 1 << (slot % 64);
    }

    /// The first bucket after the present one that holds something. The queue is not empty.
    fn next_bucket(&self) -> u64 {
        let first = (self.bucket as usize + 1) % BUCKETS;
        for step in 0..=self.occupied.len() {
            let word = (first / 64 + step) % self.occupied.len();
            let mut bits = self.occupied[word];
            if step == 0 {
                bits &= u64::MAX << (first % 64);
            } else if step == self.occupied.len() {
                bits &= !(u64::MAX << (first % 64));
            }
            if bits != 0 {
                let slot = word * 64 + bits.trailing_zeros() as usize;
                let ahead = (slot + BUCKETS - first) % BUCKETS;
                return self.bucket + 1 + ahead as u64;
            }
        }
        self.far.peek().map_or(u64::MAX, |Reverse(entry)| entry.time >> BUCKET_BITS)
    }

    fn advance(&mut self, bucket: u64) {
        self.bucket = bucket;
        while let Some(Reverse(entry)) = self.far.peek() {
            let at = entry.time >> BUCKET_BITS;
            if at >= bucket + BUCKETS as u64 {
                break;
            }
            if let Some(Reverse(entry)) = self.far.pop() {
                self.file(at, entry);
            }
        }
        let slot = bucket as usize % BUCKETS;
        // A burst passes through all buckets; none is to keep the room for one.
        if self.open.capacity() > KEPT {
            self.open = Vec::new();
        }
        std::mem::swap(&mut self.open, &mut self.ring[slot]);
        self.occupied[slot / 64] &= !(1 << (slot % 64));
        self.open.sort_unstable_by(|a, b| b.cmp(a));
    }
}

#[derive(Clone, Debug)]
struct Entry<T> {
    time: u64,
    order: u64,
    item: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.time, self.order).cmp(&(other.time, other.order))
    }
}

const BUCKET_BITS: u32 = 18;
const BUCKETS: usize = 1 << 13;
/// So much room an empty bucket keeps.
const KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Compared with a list that is searched for its least entry each time.
    #[test]
    fn pops_in_order_of_time_and_then_of_pushing() {
        let mut random = Random::new(1);
        let mut queue = Queue::new();
        let mut model: Vec<(u64, u64)> = Vec::new();
        let mut now = 0;
        let mut pushed = 0;
        for _ in 0..20_000 {
            if random.below(5) < 3 {
                let span = [0, 1_000, 2_000_000, 3_000_000_000, 90_000_000_000];
                let reach = span[random.below(5) as usize];
                let time = now + random.below(reach + 1);
                queue.push(time, pushed);
                model.push((time, pushed));
                pushed += 1;
            } else {
                let limit = now + random.below(40_000_000);
                let due = model.iter().copied().min().filter(|(time, _)| *time <= limit);
                assert_eq!(queue.pop(limit), due);
                if let Some(first) = due {
                    model.retain(|entry| *entry != first);
                    now = first.0;
                }
            }
            assert_eq!(queue.len(), model.len());
        }
        while let Some(entry) = queue.pop(u64::MAX) {
            let first = model.iter().copied().min().unwrap();
            assert_eq!(entry, first);
            model.retain(|other| *other != first);
        }
        assert!(model.is_empty() && queue.is_empty());
    }

    #[test]
    fn what_is_late_comes_at_once() {
        let mut queue = Queue::new();
        queue.push(10_000_000_000, 'b');
        assert_eq!(queue.pop(u64::MAX), Some((10_000_000_000, 'b')));
        queue.push(5, 'a');
        assert_eq!(queue.pop(4), None);
        assert_eq!(queue.pop(5), Some((5, 'a')));
    }
}
