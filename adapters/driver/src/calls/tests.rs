use std::net::UdpSocket;
use std::time::{Duration, Instant, SystemTime};

use scalesmall_core::{Cause, ClusterName, Epoch, ForgetError, Status};

use crate::{GroupKeys, Node, Settings};

fn node() -> Node<UdpSocket> {
    let settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
    Node::start(&settings, Ok).unwrap()
}

#[test]
fn each_life_lies_above_the_one_before() {
    let mut node = node();
    for absurd in [None, Some(Epoch(u64::MAX)), None, None] {
        let before = node.epoch();
        match absurd {
            Some(epoch) => {
                let now = node.clock.now();
                node.engine.renew(now, epoch);
            }
            None => node.renew().unwrap(),
        }
        assert!(node.epoch() > before);
    }
}

#[test]
fn changes_are_kept_with_their_evidence_until_the_node_is_forgotten_and_beyond() {
    let mut settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
    let mut one = node();
    settings.seeds.push(one.my_address().into());
    let mut other: Node<UdpSocket> = Node::start(&settings, Ok).unwrap();
    let id = other.id();
    let begun = SystemTime::now();
    let limit = Instant::now() + Duration::from_secs(20);
    let mut status = |wanted, other: &mut Node<UdpSocket>| {
        while one.peer(id).map(|peer| peer.status) != wanted {
            let _ = (one.pump().unwrap(), other.pump().unwrap());
            assert!(Instant::now() < limit, "not yet {wanted:?}");
        }
        while one.poll_event().is_some() {}
        (one.since(id), one.forget(id))
    };
    let (since, refused) = status(Some(Status::Alive), &mut other);
    assert!(since.is_some_and(|since| since >= begun));
    assert_eq!(refused, Err(ForgetError::Living { status: Status::Alive }));
    other.depart();
    assert_eq!(status(Some(Status::Left), &mut other).1, Ok(()));
    assert_eq!(status(None, &mut other), (None, Err(ForgetError::Unknown)));
    let told: Vec<_> = one.transitions(id).collect();
    let steps: Vec<_> = told.iter().map(|change| (change.from, change.to)).collect();
    let (alive, left) = (Some(Status::Alive), Some(Status::Left));
    assert_eq!(steps, [(None, alive), (alive, left), (left, None)]);
    assert_eq!(told[2].cause, Cause::Forgotten);
    assert!(told[1].silent_for.is_some_and(|silent| silent < Duration::from_secs(5)));
    assert_eq!((told[2].silent_for, told[0].stall), (None, None));
}

#[test]
fn a_refused_packet_is_remembered_by_where_it_came_from() {
    let mut node = node();
    let mut settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
    settings.cluster = ClusterName::try_from("another").unwrap();
    settings.seeds.push(node.my_address().into());
    let mut stranger: Node<UdpSocket> = Node::start(&settings, Ok).unwrap();
    let limit = Instant::now() + Duration::from_secs(20);
    while node.stats().refused_cluster == 0 {
        let _ = (node.pump().unwrap(), stranger.pump().unwrap());
        assert!(Instant::now() < limit, "nothing is refused");
    }
    assert_eq!(node.refused_from("refused_cluster"), Some(stranger.my_address()));
    assert_eq!(node.refused_from("refused_key"), None);
}

#[test]
fn addresses_of_the_other_family_are_left_out_and_counted() {
    let mut node = node();
    node.contact(&["[::1]:5".parse().unwrap(), "127.0.0.1:5".parse().unwrap()]);
    assert_eq!(node.driver_stats().seeds_out_of_reach, 1);
    let _ = node.pump().unwrap();
    assert_eq!(node.driver_stats().send_errors, 0);
    assert!(node.stats().datagrams_sent > 0);
}
