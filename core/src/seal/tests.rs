use bytes::BytesMut;

use super::*;
use crate::base::{Epoch, Life, NodeId};
use crate::packet::Header;
use crate::wire::{Frame, Writer};

const ME: Life = Life { id: NodeId::from_bits(7), epoch: Epoch(77) };

const SUITES: &[Suite] = &[
    Suite::Authenticated,
    #[cfg(feature = "seal")]
    Suite::Sealed,
];

fn sender(port: u16) -> Life {
    Life { id: NodeId::from_bits(port.into()), epoch: Epoch(5) }
}

fn keys() -> Keyring {
    Keyring::new(KeyId(1), Key::from([3; 32]))
}

fn cluster(name: &str) -> ClusterName {
    ClusterName::try_from(name).unwrap()
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
    for &suite in SUITES {
        let sealer = Sealer::new(&keys(), &cluster("a"), suite, sender(1));
        let mut opener = Opener::new(&keys(), &cluster("a"), suite, 4);
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
    for &suite in SUITES {
        let sealer = Sealer::new(&keys(), &cluster("a"), suite, sender(1));
        let mut opener = Opener::new(&keys(), &cluster("a"), suite, 4);
        for receiver in [None, Some(ME)] {
            let mut packet = packet(&sealer, 1, receiver);
            packet[1] ^= 0x02;
            assert_eq!(opened(&mut opener, &packet), Err(OpenError::Forged));
        }
    }
}

#[test]
fn another_key_cluster_or_sender_is_told_apart() {
    for &suite in SUITES {
        let mut opener = Opener::new(&keys(), &cluster("a"), suite, 4);
        let from = |keys: &Keyring, name: &str| {
            packet(&Sealer::new(keys, &cluster(name), suite, sender(1)), 1, None)
        };
        let other = Keyring::new(KeyId(1), Key::from([4; 32]));
        assert_eq!(opened(&mut opener, &from(&other, "a")), Err(OpenError::Forged));
        assert_eq!(opened(&mut opener, &from(&keys(), "b")), Err(OpenError::WrongCluster));
        let other = Keyring::new(KeyId(2), Key::from([3; 32]));
        let unknown = OpenError::UnknownKey { key: KeyId(2) };
        assert_eq!(opened(&mut opener, &from(&other, "a")), Err(unknown));
        let mut posing = from(&keys(), "a");
        posing[10] ^= 1;
        assert_eq!(opened(&mut opener, &posing), Err(OpenError::Forged));
    }
}

/// The tag of a cluster is short, so two names may share one: their keys still differ.
#[test]
fn clusters_whose_tags_collide_have_different_keys() {
    let name = cluster("0");
    let twin = (1..1_000_000)
        .map(|number| cluster(&alloc::format!("{number}")))
        .find(|other| other.tag() == name.tag())
        .unwrap();
    let sealer = Sealer::new(&keys(), &twin, Suite::Authenticated, sender(1));
    let mut opener = Opener::new(&keys(), &name, Suite::Authenticated, 4);
    assert_eq!(opened(&mut opener, &packet(&sealer, 1, None)), Err(OpenError::Forged));
}

#[cfg(feature = "seal")]
#[test]
fn a_packet_of_the_other_suite_is_refused() {
    for (sends, takes) in
        [(Suite::Authenticated, Suite::Sealed), (Suite::Sealed, Suite::Authenticated)]
    {
        let sealer = Sealer::new(&keys(), &cluster("a"), sends, sender(1));
        let mut opener = Opener::new(&keys(), &cluster("a"), takes, 4);
        let mut packet = packet(&sealer, 1, None);
        assert_eq!(opened(&mut opener, &packet), Err(OpenError::WrongSuite));
        packet[1] ^= 0x04;
        assert_eq!(opened(&mut opener, &packet), Err(OpenError::Forged));
    }
}

#[cfg(feature = "seal")]
#[test]
fn a_sealed_packet_does_not_show_its_frames() {
    let frames = |suite| {
        let sealer = Sealer::new(&keys(), &cluster("a"), suite, sender(1));
        let packet = packet(&sealer, u64::MAX, None);
        let (_, header) = Header::parse(&packet).unwrap();
        packet[header..header + 9].to_vec()
    };
    assert_eq!(frames(Suite::Authenticated)[1..], [0xff; 8]);
    assert_ne!(frames(Suite::Sealed)[1..], [0xff; 8]);
}

#[test]
fn a_ring_of_two_keys_hears_senders_of_both() {
    for &suite in SUITES {
        let mut both = keys();
        both.insert(KeyId(2), Key::from([4; 32]));
        let mut opener = Opener::new(&both, &cluster("a"), suite, 4);
        for key in [KeyId(1), KeyId(2), KeyId(1)] {
            both.set_primary(key).unwrap();
            let sealer = Sealer::new(&both, &cluster("a"), suite, sender(1));
            assert_eq!(opened(&mut opener, &packet(&sealer, 1, None)), Ok(9));
        }
    }
}

#[test]
fn more_senders_than_are_kept_are_all_heard() {
    for &suite in SUITES {
        for kept in [0, 1, 3, 16, 64] {
            let mut opener = Opener::new(&keys(), &cluster("a"), suite, kept);
            for port in (0..200).chain(0..200) {
                let sealer = Sealer::new(&keys(), &cluster("a"), suite, sender(port));
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
    for &suite in SUITES {
        let sealer = Sealer::new(&keys(), &cluster("a"), suite, sender(1));
        let mut opener = Opener::new(&keys(), &cluster("a"), suite, 4);
        for len in 0..40 {
            let short = alloc::vec![0; len];
            assert_eq!(opener.open(&sealer.header(1), &short, ME), Err(OpenError::Forged));
        }
    }
}
