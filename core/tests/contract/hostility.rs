//! Input never makes the engine panic, no matter who authenticated it; no datagram exceeds `max_datagram`.
//!
//! The functions under test check the rest of the contract as they go: deadlines ahead, headers
//! whole, frames well formed.

use quickcheck::{Arbitrary as _, Gen};
use scalesmall_core::Arrival;
use scalesmall_hostile::{
    addr, calls, config, datagram, drain, engine, frames, mutant, payload, rounds,
};

use crate::net::Net;

/// Tries a function with random bytes; a failure is made as short as it gets.
fn check(tests: u64, size: usize, target: fn(&[u8])) {
    fn property(bytes: Vec<u8>, target: fn(&[u8])) -> bool {
        std::panic::catch_unwind(|| target(&bytes)).is_ok()
    }
    let mut random = Gen::new(size);
    for _ in 0..rounds(tests) {
        let bytes = Vec::arbitrary(&mut random);
        if property(bytes.clone(), target) {
            continue;
        }
        let mut shortest = bytes;
        while let Some(shorter) = shortest.shrink().find(|bytes| !property(bytes.clone(), target)) {
            shortest = shorter;
        }
        panic!("a contract is broken by {shortest:?}");
    }
}

#[test]
fn arbitrary_bytes_are_refused() {
    check(400, 1_500, datagram);
}

#[test]
fn altered_packets_are_refused() {
    check(400, 400, mutant);
}

#[test]
fn authentic_bytes_never_panic_the_engine() {
    check(1_000, 300, payload);
}

#[test]
fn frames_of_a_holder_of_the_key_never_panic_the_engine() {
    check(400, 1_200, frames);
}

#[test]
fn calls_in_any_order_never_panic_the_engine() {
    check(300, 1_200, calls);
}

/// Every datagram of a real run, cut at every byte and with every byte altered.
#[test]
fn every_truncation_and_every_flip_of_real_datagrams_is_refused() {
    let mut net = Net::settled(4);
    for number in 1..=4_u16 {
        net.on(number, |engine, now| {
            for start in 0..u32::from(number) * 5 {
                engine.add_item(now, &crate::group("a"), crate::range(start, start), 80).unwrap();
            }
        });
    }
    net.run_for(std::time::Duration::from_secs(2));
    let mut longest: Vec<&Vec<u8>> = net.sent.iter().map(|(_, _, datagram)| datagram).collect();
    longest.sort_by_key(|datagram| std::cmp::Reverse(datagram.len()));
    longest.dedup_by_key(|datagram| datagram.len());
    assert!(longest.len() > 10, "{}", longest.len());
    let mut fresh = engine(1);
    let digest = fresh.digest();
    let refused = |engine: &mut scalesmall_core::Engine, datagram: &[u8]| {
        let taken = engine.handle_datagram(net.now, Arrival::Unicast(addr(2)), datagram);
        assert!(taken.is_err(), "{datagram:?}");
    };
    for datagram in longest.into_iter().take(30) {
        for cut in 0..datagram.len() {
            refused(&mut fresh, &datagram[..cut]);
            let mut altered = datagram.clone();
            altered[cut] ^= 0x10;
            refused(&mut fresh, &altered);
        }
    }
    assert_eq!(fresh.digest(), digest);
    let _ = drain(&mut fresh);
}

#[test]
fn no_datagram_exceeds_the_configured_size() {
    for size in [512, 700, 1_200, 9_000] {
        let mut config = config();
        config.max_datagram = size;
        config.multicast = true;
        let mut net = Net::with(5, &config);
        net.meet();
        for number in 1..=5_u16 {
            net.on(number, |engine, now| {
                for start in 0..400 {
                    let group = crate::group(if start % 2 == 0 { "even" } else { "odd" });
                    let range = crate::range(start * 10, start * 10 + 9);
                    engine.add_item(now, &group, range, number).unwrap();
                }
                let most = engine.set_metadata(now, vec![3; 512].into());
                assert_eq!(most.is_ok(), size > 650, "{size}");
            });
        }
        net.run_for(std::time::Duration::from_secs(10));
        let digest = net.engines[0].digest();
        assert!(net.engines.iter().all(|engine| engine.digest() == digest));
        let largest = net.sent.iter().map(|(_, _, datagram)| datagram.len()).max().unwrap();
        assert!((size * 3 / 4..=size).contains(&largest), "{largest} of {size}");
    }
}
