//! What a hop of the broadcast tree is asked to pass on it passes on once.

use std::num::NonZeroU64;
use std::time::Duration;

use quickcheck::quickcheck;
use scalesmall_core::Status;
use scalesmall_core::wire::{FirstTry, Frame, Route, Spread, Standing};
use scalesmall_hostile::{Holder, START, drain, engine, id, life};

use crate::net::Net;
use crate::{group, range};

/// The packets in which two copies may come: both tried first in the packet `FIRST`, then repeated
/// together or each for itself.
const FIRST: u64 = 100;

fn claim() -> Frame {
    Frame::Claim(scalesmall_hostile::claim(life(9), 0, Standing::Alive))
}

/// A copy of this many frames, for one other node, that was tried first at a place of `FIRST`.
fn copy(packet: u64, place: u32, frames: u8) -> Vec<Frame> {
    let first_try =
        NonZeroU64::new(packet - FIRST).map(|packets_ago| FirstTry { packets_ago, place });
    let route = Route::Listed(vec![id(2)]);
    let mut all = vec![Frame::Spread(Spread { route, hops: 4, frames, first_try })];
    all.extend((0..frames).map(|_| claim()));
    all
}

quickcheck! {
    /// Two copies share a packet at first. Whichever packets that carry them come, in whatever
    /// order: each copy that has come in one of them is passed on, once.
    fn each_copy_is_passed_on_once(come: Vec<u8>) -> bool {
        let mut engine = engine(1);
        let mut sender = Holder::new(3);
        Holder::new(2).introduce(&mut engine);
        sender.introduce(&mut engine);
        let mut expected = [0_u64; 2];
        for step in come {
            let packet = FIRST + u64::from(step % 32);
            // The first two bits say which of the copies are repeated in a packet.
            let carries = if packet == FIRST { 3 } else { 1 + packet % 3 };
            let mut frames = Vec::new();
            for (place, weight) in [(0, 1), (1, 2)] {
                if carries & (1 << place) != 0 {
                    frames.extend(copy(packet, place, weight));
                    expected[place as usize] = weight.into();
                }
            }
            let datagram = sender.numbered(packet, Some(engine.life()), &frames);
            let _ = engine.handle_datagram(START, sender.arrival(), &datagram);
            let _ = drain(&mut engine);
        }
        engine.stats().relayed == expected.iter().sum::<u64>()
    }
}

/// Two that have never heard each other, among nodes that have all met the others: a change that is lost
/// on its way between the two is said again at once, and does not wait for a repair.
#[test]
fn a_lost_change_is_repeated_to_a_peer_that_was_never_heard() {
    let mut net = Net::new(5);
    for other in [1, 3, 4, 5] {
        net.set_cut(2, other, other == 5);
    }
    net.meet();
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.engines[1].peers().filter(|peer| peer.status == Status::Alive).count(), 4);

    net.on(2, |engine, now| engine.add_item(now, &group("a"), range(1, 2), 80)).unwrap();
    net.run_for(Duration::from_millis(5));
    net.set_cut(2, 5, false);
    net.run_for(Duration::from_millis(100));
    for engine in &net.engines {
        assert_eq!(engine.route(&group("a"), 1).count(), 1, "{:?}", engine.id());
    }
}
