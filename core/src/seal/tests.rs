use bytes::BytesMut;

use super::*;
use crate::base::{Epoch, Life, Liveness, NodeId};
use crate::packet::Header;
use crate::wire::{Frame, Writer};

const ME: Life = Life { id: NodeId::from_bits(7), epoch: Epoch(77) };

fn sender(port: u16) -> Life {
    Life { id: NodeId::from_bits(port.into()), epoch: Epoch(5) }
}

/// Rings of one key, in each suite.
fn rings() -> impl Iterator<Item = Keyring> {
    Suite::ALL.iter().map(|&suite| Keyring::new(Key::new(suite, [3; 32])))
}

fn cluster(name: &str) -> ClusterName {
    ClusterName::try_from(name).unwrap()
}

fn sealer(keys: &Keyring, name: &str, sender: Life) -> Sealer {
    Sealer::new(keys, &cluster(name), Liveness::On, sender)
}

fn opener(keys: &Keyring, senders: u32) -> Opener {
    Opener::new(keys, &cluster("a"), Liveness::On, senders)
}

fn packet(sealer: &Sealer, number: u64, receiver: Option<Life>) -> BytesMut {
    let mut writer = Writer::default();
    writer.begin(sealer.header(number), 1_200);
    writer.push(&Frame::Ping { root: number }).unwrap();
    let mut out = BytesMut::new();
    writer.finish(sealer, receiver, &mut out);
    out
}

fn opened(opener: &mut Opener, packet: &[u8]) -> Result<usize, OpenError> {
    let (header, _) = Header::parse(packet).unwrap();
    opener.open(&header, packet, ME).map(<[u8]>::len)
}

#[test]
fn a_packet_bound_to_another_life_is_forged() {
    for keys in rings() {
        let (sealer, mut opener) = (sealer(&keys, "a", sender(1)), opener(&keys, 4));
        assert_eq!(opened(&mut opener, &packet(&sealer, 1, Some(ME))), Ok(9));
        assert_eq!(opened(&mut opener, &packet(&sealer, 2, None)), Ok(9));
        let stale = packet(&sealer, 3, Some(Life { epoch: Epoch(76), ..ME }));
        assert_eq!(opened(&mut opener, &stale), Err(OpenError::Forged));
        // An equal epoch of another node.
        let other = packet(&sealer, 4, Some(Life { id: NodeId::from_bits(8), ..ME }));
        assert_eq!(opened(&mut opener, &other), Err(OpenError::Forged));
    }
}

#[test]
fn a_bound_packet_cannot_be_passed_off_as_unbound_nor_the_reverse() {
    for keys in rings() {
        let (sealer, mut opener) = (sealer(&keys, "a", sender(1)), opener(&keys, 4));
        for receiver in [None, Some(ME)] {
            let mut packet = packet(&sealer, 1, receiver);
            packet[1] ^= 0x02;
            assert_eq!(opened(&mut opener, &packet), Err(OpenError::Forged));
        }
    }
}

#[test]
fn another_key_cluster_or_sender_is_told_apart() {
    for keys in rings() {
        let mut opener = opener(&keys, 4);
        let from = |keys: &Keyring, name: &str| packet(&sealer(keys, name, sender(1)), 1, None);
        let other = Keyring::new(Key::authenticated([4; 32]));
        let unknown = OpenError::UnknownKey { key: other.primary() };
        assert_eq!(opened(&mut opener, &from(&other, "a")), Err(unknown));
        assert_eq!(opened(&mut opener, &from(&keys, "b")), Err(OpenError::WrongCluster));
        let mut posing = from(&keys, "a");
        posing[10] ^= 1;
        assert_eq!(opened(&mut opener, &posing), Err(OpenError::Forged));
    }
}

/// The tag of a cluster is short, so two names may share one: their keys still differ.
#[test]
fn clusters_whose_tags_collide_have_different_keys() {
    let tag = |name: &str| cluster(name).tag(Liveness::On);
    let twin = (1..1_000_000)
        .map(|number| alloc::format!("{number}"))
        .find(|other| tag(other) == tag("a"))
        .unwrap();
    let keys = Keyring::new(Key::authenticated([3; 32]));
    let sealer = sealer(&keys, &twin, sender(1));
    assert_eq!(opened(&mut opener(&keys, 4), &packet(&sealer, 1, None)), Err(OpenError::Forged));
}

/// One secret makes two keys, which know nothing of each other: what is written in one suite is nothing in the
/// other, whatever the header says.
#[cfg(feature = "seal")]
#[test]
fn a_downgrade_cannot_be_expressed() {
    for (sends, takes) in
        [(Suite::Authenticated, Suite::Sealed), (Suite::Sealed, Suite::Authenticated)]
    {
        let [sends, takes] = [sends, takes].map(|suite| Keyring::new(Key::new(suite, [3; 32])));
        let mut opener = opener(&takes, 4);
        let mut packet = packet(&sealer(&sends, "a", sender(1)), 1, None);
        let unknown = OpenError::UnknownKey { key: sends.primary() };
        assert_eq!(opened(&mut opener, &packet), Err(unknown));
        packet[2..4].copy_from_slice(&takes.primary().to_bits().to_be_bytes());
        assert_eq!(opened(&mut opener, &packet), Err(OpenError::Forged));
    }
}

#[cfg(feature = "seal")]
#[test]
fn a_sealed_packet_does_not_show_its_frames() {
    let frames = |suite| {
        let keys = Keyring::new(Key::new(suite, [3; 32]));
        let packet = packet(&sealer(&keys, "a", sender(1)), u64::MAX, None);
        let (_, header) = Header::parse(&packet).unwrap();
        packet[header..header + 9].to_vec()
    };
    assert_eq!(frames(Suite::Authenticated)[1..], [0xff; 8]);
    assert_ne!(frames(Suite::Sealed)[1..], [0xff; 8]);
}

/// A machine that was set back uses a number twice: its packets say as little as if it had not.
#[cfg(feature = "seal")]
#[test]
fn two_sealed_packets_with_one_number_have_nothing_in_common() {
    let keys = Keyring::new(Key::sealed([3; 32]));
    let sealer = sealer(&keys, "a", sender(1));
    let frames = |root| {
        let mut writer = Writer::default();
        writer.begin(sealer.header(1), 1_200);
        writer.push_all(&[Frame::Ping { root }, Frame::Padding { bytes: 900 }]).unwrap();
        let mut out = BytesMut::new();
        writer.finish(&sealer, None, &mut out);
        let (_, header) = Header::parse(&out).unwrap();
        out[header..].to_vec()
    };
    let (one, other) = (frames(1), frames(2));
    let equal = one.iter().zip(&other).filter(|(a, b)| a == b).count();
    assert!(equal < 30, "{equal} bytes of {} are equal", one.len());
    // What is said again is seen to be the same, and nothing else.
    assert_eq!(frames(1), one);
}

#[test]
fn a_ring_of_two_keys_hears_senders_of_both_whatever_their_suites() {
    for mut both in rings() {
        let first = both.primary();
        for &suite in Suite::ALL {
            both.insert(Key::new(suite, [4; 32])).unwrap();
        }
        let mut opener = opener(&both, 4);
        let ids: alloc::vec::Vec<KeyId> = both.ids().chain([first]).collect();
        for id in ids {
            both.set_primary(id).unwrap();
            let sealer = sealer(&both, "a", sender(1));
            assert_eq!(opened(&mut opener, &packet(&sealer, 1, None)), Ok(9));
        }
    }
}

#[test]
fn more_senders_than_are_kept_are_all_heard() {
    for keys in rings() {
        for kept in [0, 1, 3, 16, 64] {
            let mut opener = opener(&keys, kept);
            for port in (0..200).chain(0..200) {
                let sealer = sealer(&keys, "a", sender(port));
                assert_eq!(opened(&mut opener, &packet(&sealer, 1, Some(ME))), Ok(9));
                let mut forged = packet(&sealer, 1, Some(ME));
                let last = forged.len() - 1;
                forged[last] ^= 1;
                assert_eq!(opened(&mut opener, &forged), Err(OpenError::Forged));
            }
        }
    }
}

/// A header that was not read from the packet at hand is an error of the caller, not a panic.
#[test]
fn a_packet_shorter_than_its_header_is_forged() {
    for keys in rings() {
        let (sealer, mut opener) = (sealer(&keys, "a", sender(1)), opener(&keys, 4));
        for len in 0..40 {
            let short = alloc::vec![0; len];
            assert_eq!(opener.open(&sealer.header(1), &short, ME), Err(OpenError::Forged));
        }
    }
}
