//! A rejected datagram changes a counter and nothing else; each reason has its own counter.

use std::time::Duration;

use scalesmall_core::seal::OpenError;
use scalesmall_core::wire::{Frame, Header, Message, Standing, TAG_LEN, WireError};
use scalesmall_core::{
    Arrival, ClusterName, DatagramError, Destination, Engine, Epoch, Event, Key, Keyring, Life,
    Liveness, Suite, Tag,
};
use scalesmall_hostile::{
    EPOCH, Holder, START, addr, claim, cluster, config, drain, engine, engine_with, id, keys,
    keys_of, receiver,
};

use crate::calls::picture;

/// Hands a datagram to one of two engines that are alike, and sees to it that they stay alike but
/// for one counter, for as long as it takes for every deadline to have come.
fn only_counts(
    counter: &str,
    expected: DatagramError,
    mut make: impl FnMut(&mut Engine, &mut Holder) -> Vec<u8>,
) {
    let mut twins = [engine(1), engine(1)];
    let mut holders = [Holder::new(2), Holder::new(2)];
    let datagrams: Vec<Vec<u8>> = twins
        .iter_mut()
        .zip(&mut holders)
        .map(|(engine, holder)| {
            holder.introduce(engine);
            let datagram = make(engine, holder);
            let _ = drain(engine);
            datagram
        })
        .collect();
    assert_eq!(datagrams[0], datagrams[1]);
    let [mut hit, mut spared] = twins;
    let refused = hit.handle_datagram(START, Arrival::Unicast(addr(2)), &datagrams[0]);
    assert_eq!(refused, Err(expected), "{counter}");
    assert_counts(&hit, &spared, counter, datagrams[0].len() as u64);
    let mut now = START;
    while now < START + Duration::from_secs(20) {
        assert_eq!(picture(&hit), picture(&spared), "{counter}");
        assert_eq!(drain(&mut hit), drain(&mut spared), "{counter}");
        now = hit.poll_timeout().unwrap();
        hit.handle_timeout(now);
        spared.handle_timeout(now);
    }
    assert_counts(&hit, &spared, counter, datagrams[0].len() as u64);
}

fn assert_counts(hit: &Engine, spared: &Engine, counter: &str, bytes: u64) {
    let mut seen = false;
    for ((name, more), (_, less)) in hit.stats().iter().zip(spared.stats().iter()) {
        seen |= name == counter;
        let expected = match name {
            "datagrams_received" => 1,
            "bytes_received" => bytes,
            name if name == counter => 1,
            _ => 0,
        };
        assert_eq!(more - less, expected, "{name}");
    }
    assert!(seen, "there is no counter {counter}");
}

fn ping() -> [Frame; 1] {
    [Frame::Ping { root: 1 }]
}

fn stranger(keys: &Keyring, cluster: &str) -> Vec<u8> {
    let life = Life { id: id(3), epoch: EPOCH };
    let cluster = ClusterName::try_from(cluster).unwrap();
    Holder::of(life, keys, &cluster).packet(Some(receiver()), &ping())
}

#[test]
fn a_foreign_datagram_only_counts() {
    let foreign = DatagramError::Wire(WireError::Foreign);
    only_counts("refused_foreign", foreign, |_, _| b"GET / HTTP/1.1\r\n\r\n".to_vec());
}

#[test]
fn an_unknown_version_only_counts() {
    let error = DatagramError::Wire(WireError::UnknownVersion { version: 9 });
    only_counts("refused_version", error, |_, holder| {
        let mut packet = holder.packet(Some(receiver()), &ping());
        packet[0] = 0xa9;
        packet
    });
}

#[test]
fn an_oversized_datagram_only_counts() {
    let error = DatagramError::Wire(WireError::Oversized);
    only_counts("refused_oversized", error, |_, _| vec![0xa1; 65_508]);
}

#[test]
fn a_truncated_datagram_only_counts() {
    let error = DatagramError::Wire(WireError::Truncated);
    only_counts("refused_truncated", error, |_, holder| {
        holder.packet(Some(receiver()), &ping())[..24].to_vec()
    });
}

#[test]
fn a_malformed_header_only_counts() {
    let error = DatagramError::Wire(WireError::Malformed);
    only_counts("refused_malformed", error, |_, holder| {
        let mut packet = holder.packet(Some(receiver()), &ping());
        packet[1] |= 0x80;
        packet
    });
}

#[test]
fn another_clusters_name_only_counts() {
    let error = DatagramError::Sealed(OpenError::WrongCluster);
    only_counts("refused_cluster", error, |_, _| stranger(&keys(), "elsewhere"));
}

#[test]
fn an_unknown_key_only_counts() {
    let other = Keyring::new(Key::authenticated([8; 32]));
    let error = DatagramError::Sealed(OpenError::UnknownKey { key: other.primary() });
    only_counts("refused_key", error, |_, _| stranger(&other, "contract"));
}

#[test]
fn an_altered_packet_only_counts() {
    let error = DatagramError::Sealed(OpenError::Forged);
    only_counts("refused_forged", error, |_, _| {
        let mut altered = stranger(&keys(), "contract");
        let last = altered.len() - 1;
        altered[last] ^= 1;
        altered
    });
}

/// The suite is part of the key, so the same secret in the other suite is another key.
#[test]
fn the_same_secret_in_the_other_suite_is_an_unknown_key() {
    let other = keys_of(Suite::Sealed);
    let error = DatagramError::Sealed(OpenError::UnknownKey { key: other.primary() });
    only_counts("refused_key", error, |_, _| stranger(&other, "contract"));
}

#[test]
fn nodes_that_differ_in_liveness_do_not_talk() {
    let mut config = config();
    config.liveness = Liveness::Off;
    let mut other = engine_with(2, config);
    other.contact(START, &[addr(1)]);
    let said = drain(&mut other).datagrams.remove(0).1;
    let error = DatagramError::Sealed(OpenError::WrongCluster);
    only_counts("refused_cluster", error, |_, _| said.clone());
}

#[test]
fn a_replayed_packet_only_counts() {
    only_counts("refused_replayed", DatagramError::Replayed, |engine, holder| {
        let packet = holder.packet(Some(receiver()), &ping());
        engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
        packet
    });
}

/// Its sender may have been set back, and is told so; nothing else changes.
#[test]
fn a_packet_too_old_to_tell_counts_and_is_answered_once() {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    let late = holder.numbered(2_000, Some(receiver()), &[]);
    engine.handle_datagram(START, holder.arrival(), &late).unwrap();
    let _ = drain(&mut engine);
    let before = picture(&engine);
    for number in [36, 36, 37] {
        let old = holder.numbered(number, Some(receiver()), &ping());
        let refused = engine.handle_datagram(START, holder.arrival(), &old);
        assert_eq!(refused, Err(DatagramError::TooOld));
        let said = drain(&mut engine);
        let answers = usize::from(engine.stats().refused_old == 1);
        assert_eq!((said.datagrams.len(), said.events), (answers, Vec::new()));
    }
    assert_eq!((picture(&engine), engine.stats().refused_old), (before, 3));
}

/// Somebody may be using the id, and a node that is overtaken while nothing reaches it says nothing that is
/// bound: the later life is asked for an answer and the earlier one told of it, once for the time in
/// which both can show themselves, however often the packet comes.
#[test]
fn a_packet_of_a_former_life_is_looked_into_once() {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let picture_before = picture(&engine);
    let _ = drain(&mut engine);
    let life = Life { id: id(2), epoch: Epoch(EPOCH.0 - 1) };
    let mut former = Holder::of(life, &keys(), &cluster());
    let source = Arrival::Unicast(addr(7));
    for turn in 0..100 {
        // One that says nothing of itself would not get more than it has sent.
        let short = former.packet(None, &ping());
        assert_eq!(
            engine.handle_datagram(START, Arrival::Unicast(addr(8)), &short),
            Err(DatagramError::StaleLife)
        );
        let said = drain(&mut engine).datagrams;
        assert!(said.iter().all(|(_, datagram)| datagram.len() <= short.len()));
        let greeting = [Frame::Claim(claim(life, 0, Standing::Alive)), Frame::Ping { root: 1 }];
        let packet = former.packet(None, &greeting);
        let refused = engine.handle_datagram(START, source, &packet);
        assert_eq!(refused, Err(DatagramError::StaleLife));
        let said = drain(&mut engine).datagrams;
        let to: Vec<Destination> = said.iter().map(|(to, _)| *to).collect();
        let both = [Destination::Unicast(addr(2)), Destination::Unicast(addr(7))];
        assert_eq!(to, if turn == 0 { &both[..] } else { &[] }, "packet {turn}");
    }
    assert_eq!(engine.stats().refused_stale_life, 200);
    assert_eq!(picture(&engine), picture_before);
}

#[test]
fn an_implausible_epoch_only_counts() {
    for bound in [None, Some(receiver())] {
        only_counts("epochs_refused", DatagramError::ImplausibleEpoch, |_, _| {
            let life = Life { id: id(2), epoch: Epoch(u64::MAX) };
            Holder::of(life, &keys(), &cluster()).packet(bound, &ping())
        });
    }
}

#[test]
fn an_own_packet_that_comes_back_only_counts() {
    only_counts("refused_own", DatagramError::Own, |_, _| Holder::new(1).packet(None, &ping()));
}

#[test]
fn a_full_table_of_nodes_only_counts() {
    let mut config = config();
    config.limits.nodes = 2;
    let mut engine = engine_with(1, config);
    Holder::new(2).introduce(&mut engine);
    let before = (picture(&engine), engine.stats().clone());
    let mut third = Holder::new(3);
    let packet = third.packet(Some(receiver()), &ping());
    let refused = engine.handle_datagram(START, third.arrival(), &packet);
    assert_eq!(refused, Err(DatagramError::Full));
    assert_eq!(picture(&engine), before.0);
    let grown: Vec<&str> = differing(&before.1, engine.stats());
    assert_eq!(grown, ["datagrams_received", "bytes_received", "refused_full"]);
}

fn differing(before: &scalesmall_core::Stats, after: &scalesmall_core::Stats) -> Vec<&'static str> {
    let pairs = before.iter().zip(after.iter());
    pairs.filter(|((_, less), (_, more))| less != more).map(|((name, _), _)| name).collect()
}

#[test]
fn a_silent_engine_only_counts() {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    engine.depart(START);
    let _ = drain(&mut engine);
    let before = (picture(&engine), engine.stats().clone());
    let packet = holder.packet(Some(receiver()), &ping());
    let refused = engine.handle_datagram(START, holder.arrival(), &packet);
    assert_eq!(refused, Err(DatagramError::Silent));
    assert_eq!(picture(&engine), before.0);
    let grown = differing(&before.1, engine.stats());
    assert_eq!(grown, ["datagrams_received", "bytes_received", "refused_silent"]);
}

/// The exception: an unproven sender is challenged, once, as the rate allows.
#[test]
fn an_unproven_sender_counts_and_is_challenged() {
    let mut engine = engine(1);
    let _ = drain(&mut engine);
    let before = engine.stats().clone();
    let digest = engine.digest();
    let mut holder = Holder::new(2);
    let packet = holder.packet(None, &ping());
    let refused = engine.handle_datagram(START, holder.arrival(), &packet);
    assert_eq!(refused, Err(DatagramError::Unproven));
    let grown = differing(&before, engine.stats());
    assert_eq!(
        grown,
        ["datagrams_received", "bytes_received", "refused_unproven", "challenges_sent"]
    );
    assert_eq!((engine.digest(), engine.peers().count()), (digest, 0));
    let outputs = drain(&mut engine);
    assert_eq!((outputs.datagrams.len(), outputs.events.len()), (1, 0));
    assert!(outputs.datagrams[0].1.len() <= packet.len());
}

/// The last frame of a packet breaks a rule: the first is not applied either.
#[test]
fn all_frames_are_validated_before_any_is_applied() {
    let mut engine = engine(1);
    let mut holder = Holder::new(2);
    holder.introduce(&mut engine);
    let origin = holder.life;
    let message = |sequence| {
        let payload = bytes::Bytes::from_static(b"first");
        Frame::Message(Message { origin, sequence, tag: 1, group: None, payload })
    };
    let whole = holder.packet(Some(receiver()), &[message(1), message(2)]);
    let (_, start) = Header::parse(&whole).unwrap();
    // A frame type that does not exist, behind two good frames.
    let payload = [&whole[start..whole.len() - TAG_LEN], &[0x0f]].concat();
    let broken = holder.raw(receiver(), &payload);
    let refused = engine.handle_datagram(START, holder.arrival(), &broken);
    assert_eq!(refused, Err(DatagramError::Wire(WireError::Malformed)));
    assert_eq!(drain(&mut engine).events, []);
    let good = holder.raw(receiver(), &payload[..payload.len() - 1]);
    engine.handle_datagram(START, holder.arrival(), &good).unwrap();
    let messages = drain(&mut engine).events;
    assert_eq!(messages.len(), 2);
    assert!(matches!(&messages[0], Event::Message { tag: Tag(1), .. }));
}
