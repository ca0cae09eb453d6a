//! Nothing is allocated from a length that a datagram claims.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use scalesmall_core::wire::{Frame, MAX_FRAMES};
use scalesmall_hostile::{Holder, START, Source, any_frames, engine, receiver};

/// The system's allocator, which counts for each thread what it holds and the most it has held.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // Threads that are ending have no counters any more.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

#[expect(unsafe_code, reason = "an allocator is unsafe by its trait; all is left to the system's")]
// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(at, layout) }
    }
}

/// The most bytes that are held in addition while a call runs.
fn peak_of(call: impl FnOnce()) -> usize {
    let before = HELD.get();
    PEAK.set(before);
    call();
    (PEAK.get() - before) as usize
}

/// The most that an engine holds for a packet, beyond what it keeps.
fn peak_of_payload(payload: &[u8]) -> usize {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let packet = holder.raw(receiver(), payload);
    peak_of(|| {
        let _ = engine.handle_datagram(START, holder.arrival(), &packet);
    })
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[test]
fn lengths_that_are_not_there_allocate_nothing() {
    for claimed in [1 << 10, 1 << 20, 1 << 32, 1 << 50, u64::MAX] {
        let length = varint(claimed);
        for kind in 0x10..=0x30 {
            // A frame, or a table, that says it is longer than the packet.
            let peak = peak_of_payload(&[&[kind], &length[..]].concat());
            assert!(peak < 4_096, "type {kind:#x} of {claimed} bytes: {peak} bytes");
        }
        // A list that says it has more elements than there are bytes.
        let body = [&[0; 16][..], &[0], &length, &[0; 64]].concat();
        let holdings = [&[0x1d], &varint(body.len() as u64)[..], &body].concat();
        let peak = peak_of_payload(&holdings);
        assert!(peak < 8_192, "a list of {claimed}: {peak} bytes");
    }
}

/// 40 bytes for each byte of a payload and the frames themselves, as the format promises, and as
/// much again for what is kept and said because of it.
#[test]
fn what_a_packet_takes_follows_from_its_length() {
    let mut state: u64 = 1;
    for _ in 0..300 {
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(400)
        .collect();
        let frames = any_frames(&mut Source::new(&bytes));
        let mut engine = engine(1);
        let mut holder = Holder::new(2);
        holder.introduce(&mut engine);
        let packet = holder.packet(Some(receiver()), &frames);
        let most = 2 * (40 * packet.len() + MAX_FRAMES.min(packet.len()) * size_of::<Frame>());
        let peak = peak_of(|| {
            let _ = engine.handle_datagram(START, holder.arrival(), &packet);
        });
        assert!(peak <= most + 16_384, "{peak} bytes for {} bytes", packet.len());
    }
}
