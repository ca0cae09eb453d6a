//! Keys are exchanged while the cluster runs.

use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::wire::{AttributeKind, Frame};
use scalesmall_core::{
    Config, Destination, Event, HeldKey, Key, KeyCause, KeyChange, KeyError, KeyId, Keyring,
    KeyringError, Status,
};
use scalesmall_hostile::{Holder, addr, config, engine_with, id, keys};

use crate::net::Net;

const SECOND: Duration = Duration::from_secs(1);

fn key(number: u8) -> Key {
    Key::authenticated([number; 32])
}

fn old() -> KeyId {
    keys().primary()
}

fn ring(net: &Net, number: u16) -> &Keyring {
    &net.engines[usize::from(number) - 1].config().keys
}

fn refused(net: &Net) -> u64 {
    let refused = |engine: &scalesmall_core::Engine| {
        engine.stats().refused_key + engine.stats().refused_forged + engine.stats().keys_refused
    };
    net.engines.iter().map(refused).sum()
}

/// Nobody was shown as anything but alive since the events were cleared.
fn nobody_was_suspected(net: &Net) {
    let accused: Vec<_> = net
        .events
        .iter()
        .filter(|(_, event)| matches!(event, Event::Peer { to, .. } if *to != Some(Status::Alive)))
        .collect();
    assert!(accused.is_empty(), "{accused:?}");
}

fn all_have_only(net: &Net, wanted: KeyId) -> bool {
    (1..=net.engines.len() as u16).all(|number| ring(net, number).ids().eq([wanted]))
}

fn all_use(net: &Net, wanted: KeyId) -> bool {
    (1..=net.engines.len() as u16).all(|number| ring(net, number).primary() == wanted)
}

#[test]
fn a_rotation_goes_by_itself_and_nothing_is_refused_for_it() {
    let mut net = Net::settled(8);
    net.events.clear();
    let new = net.on(3, |engine, now| engine.rotate_keys(now, key(1))).unwrap();
    net.run_for(SECOND);
    assert!(all_use(&net, new), "all hold it, so all use it");
    let row = net.engines[4].keys().into_iter().find(|row| row.in_use).unwrap();
    assert_eq!((row.held_by, row.used_by, row.of, row.waits_for), (8, 8, 8, None));
    assert!(row.sent > 0 && row.received > 0 && row.travels);
    net.run_for(5 * SECOND);
    assert!(all_have_only(&net, new), "the old one is gone");
    assert_eq!(refused(&net), 0);
    nobody_was_suspected(&net);
    let given = |event: &Event| {
        let by = id(3);
        *event == Event::Key { key: new, change: KeyChange::Added, cause: KeyCause::Given { by } }
    };
    assert_eq!(net.events.iter().filter(|(_, event)| given(event)).count(), 7);
    let digest = net.engines[0].digest();
    assert!(net.engines.iter().all(|engine| engine.digest() == digest));
}

/// A member says that it holds keys far above all others, which nobody could give to the others or go above.
#[test]
fn nobody_can_use_up_the_generations_of_keys() {
    for generation in [5, 33, 65, 1_000, u32::MAX] {
        let mut net = Net::settled(4);
        let mut member = Holder::new(9);
        // It does not unwrap, uses the common key, and holds that one alone.
        let [high, low] = old().to_bits().to_be_bytes();
        let [a, b, c, d] = generation.to_be_bytes();
        let bytes = Bytes::from(vec![1, high, low, 1, 0, high, low, a, b, c, d]);
        let (life, kind) = (member.life, AttributeKind::KEYS);
        let state = Frame::Attribute { life, kind, version: 1, bytes };
        let packet = member.packet(Some(net.engines[0].life()), &[state]);
        net.on(1, |engine, now| engine.handle_datagram(now, member.arrival(), &packet)).unwrap();
        // It is silent from now on.
        net.run_for(15 * SECOND);
        for number in 1..=2 {
            let new = net.on(2, |engine, now| engine.rotate_keys(now, key(number))).unwrap();
            net.run_for(7 * SECOND);
            assert!(all_use(&net, new), "generation {generation}, rotation {number}");
        }
    }
}

#[test]
fn the_suite_goes_from_authenticated_to_sealed_by_a_rotation() {
    let mut net = Net::settled(4);
    let new = net.on(1, |engine, now| engine.rotate_keys(now, Key::sealed([7; 32]))).unwrap();
    net.run_for(7 * SECOND);
    assert!(all_have_only(&net, new));
    assert_eq!(refused(&net), 0);
}

#[test]
fn rotations_on_both_sides_of_a_cut_end_with_one_key() {
    let mut net = Net::settled(6);
    let cut = |net: &mut Net, cut| {
        for (one, other) in (1..=3).flat_map(|one| (4..=6).map(move |other| (one, other))) {
            net.set_cut(one, other, cut);
        }
    };
    cut(&mut net, true);
    net.run_for(10 * SECOND);
    let keys = [(1, key(1)), (6, key(2))]
        .map(|(number, key)| net.on(number, |engine, now| engine.rotate_keys(now, key)).unwrap());
    net.run_for(15 * SECOND);
    assert_eq!([1, 2, 3].map(|number| ring(&net, number).primary()), [keys[0]; 3]);
    assert_eq!([4, 5, 6].map(|number| ring(&net, number).primary()), [keys[1]; 3]);
    // Those on the other side have not confirmed it.
    assert!((1..=6).all(|number| ring(&net, number).get(old()).is_some()));
    let before = refused(&net);
    cut(&mut net, false);
    net.run_for(15 * SECOND);
    assert_eq!(refused(&net), before, "no packet is refused for it");
    let highest = *keys.iter().max().unwrap();
    assert!(all_have_only(&net, highest));
}

#[test]
fn a_node_that_was_away_during_a_rotation_is_given_the_key() {
    let mut net = Net::settled(5);
    let away = |net: &mut Net, away| (1..=4).for_each(|number| net.set_cut(5, number, away));
    away(&mut net, true);
    net.run_for(10 * SECOND);
    let new = net.on(1, |engine, now| engine.rotate_keys(now, key(1))).unwrap();
    net.run_for(20 * SECOND);
    assert!((1..=4).all(|number| ring(&net, number).primary() == new));
    assert!(ring(&net, 1).get(old()).is_some(), "the node that is away has not confirmed");
    let row = net.engines[0].keys().into_iter().find(|row| row.id == new).unwrap();
    assert_eq!((row.held_by, row.of, row.waits_for), (4, 5, Some(id(5))));
    away(&mut net, false);
    net.run_for(15 * SECOND);
    assert!(all_have_only(&net, new));
    assert_eq!(refused(&net), 0);
}

/// The number and the key of each packet that went to another one since the list was cleared.
fn sent_under(net: &Net) -> Vec<(u16, Destination, KeyId)> {
    let key = |datagram: &[u8]| scalesmall_core::wire::Header::parse(datagram).unwrap().0.key;
    net.sent.iter().map(|(from, to, datagram)| (*from, *to, key(datagram))).collect()
}

/// What goes to it goes under the old key, whatever it is, until it has said that it holds the new one; among the
/// others nothing does.
#[test]
fn a_node_that_was_away_is_spoken_to_under_the_old_key_for_a_moment_and_nobody_else_is() {
    let mut net = Net::settled(5);
    (1..=4).for_each(|number| net.set_cut(5, number, true));
    net.run_for(10 * SECOND);
    let new = net.on(1, |engine, now| engine.rotate_keys(now, key(1))).unwrap();
    net.run_for(20 * SECOND);
    (1..=4).for_each(|number| net.set_cut(5, number, false));
    net.sent.clear();
    let back = net.now;
    while ring(&net, 5).primary() != new {
        net.run_for(Duration::from_millis(10));
        assert!(net.now.since(back) < 10 * SECOND, "it does not get the key");
    }
    let to_5 = Destination::Unicast(addr(5));
    let old_to_others = |net: &Net| {
        sent_under(net).iter().any(|&(from, to, key)| from != 5 && to != to_5 && key == old())
    };
    assert!(!old_to_others(&net));
    assert!(sent_under(&net).iter().any(|&(_, to, key)| to == to_5 && key == old()));
    // One round trip, and the moment that states are gathered for.
    net.run_for(Duration::from_millis(200));
    net.sent.clear();
    net.run_for(20 * SECOND);
    assert!(sent_under(&net).iter().all(|&(.., key)| key == new));
    assert!(all_have_only(&net, new));
}

/// Somebody has the old key, which nobody has marked as leaked, and takes part with it while it is accepted. It has
/// the old one accepted for as long, and moves nobody else back to it.
#[test]
fn one_that_stays_with_the_old_key_does_not_bring_the_others_back_to_it() {
    let mut net = Net::settled(5);
    (1..=4).for_each(|number| net.set_cut(5, number, true));
    net.run_for(10 * SECOND);
    let new = net.on(1, |engine, now| engine.rotate_keys(now, key(1))).unwrap();
    net.run_for(20 * SECOND);
    (1..=4).for_each(|number| net.set_cut(5, number, false));
    for _ in 0..100 {
        // It takes no key, and says that the old one is the latest.
        net.on(5, |engine, now| {
            let mut config = engine.config().clone();
            let only = keys().keys().next().unwrap().key.clone();
            let raised = engine.config().keys.highest().generation.min(1_000) + 40;
            config.keys = Keyring::of(HeldKey::by_hand(only, raised));
            engine.set_config(now, config).unwrap();
        });
        net.run_for(Duration::from_millis(200));
        assert!((1..=4).all(|number| ring(&net, number).primary() == new));
    }
    let at_1 = net.engines[0].keys().into_iter().find(|row| row.id == new).unwrap();
    assert_eq!((at_1.held_by, at_1.waits_for), (4, Some(id(5))), "it is named");
    let to_5 = Destination::Unicast(addr(5));
    net.sent.clear();
    net.run_for(10 * SECOND);
    let sent = sent_under(&net);
    assert!(sent.iter().all(|&(from, to, key)| from == 5 || to == to_5 || key == new));
    // Marked as leaked it ends at once, and for good.
    for number in 1..=4 {
        net.on(number, |engine, now| engine.mark_leaked(now, old())).unwrap();
        net.on(number, |engine, now| engine.drop_key(now, old(), true)).unwrap();
    }
    net.sent.clear();
    net.run_for(10 * SECOND);
    assert!(sent_under(&net).iter().all(|&(from, _, key)| from == 5 || key == new));
    let back = keys().keys().next().unwrap().key.clone();
    let back = net.on(2, |engine, now| engine.add_key(now, back));
    assert_eq!(back, Err(KeyError::Retired { key: old(), in_use: new, leaked: true }));
}

/// Each node gives a key that is brought by hand its own place, and hears of those of the others.
#[test]
fn keys_that_are_brought_in_another_order_to_each_node_end_with_one_in_use() {
    let mut net = Net::settled(4);
    for number in 1..=4 {
        let order = if number % 2 == 0 { [1, 2] } else { [2, 1] };
        for secret in order {
            net.on(number, |engine, now| engine.add_key(now, key(secret))).unwrap();
        }
    }
    net.run_for(10 * SECOND);
    let used = ring(&net, 1).primary();
    assert!([key(1).id(), key(2).id()].contains(&used) && all_have_only(&net, used));
    assert_eq!(refused(&net), 0);
}

/// It has restarted with both keys and knows of nobody; who needs the old one it cannot know.
#[test]
fn a_node_that_restarts_alone_keeps_the_old_key_for_those_that_it_has_not_heard_yet() {
    let mut net = Net::settled(2);
    net.set_cut(1, 2, true);
    net.run_for(10 * SECOND);
    let new = net.on(1, |engine, now| engine.rotate_keys(now, key(1))).unwrap();
    net.on(1, |engine, now| engine.use_key(now, new, true)).unwrap();
    let mut kept = config();
    kept.keys = ring(&net, 1).clone();
    assert_eq!(kept.keys.primary(), new);
    net.engines[0] = engine_with(1, kept);
    net.run_for(60 * SECOND);
    assert!(ring(&net, 1).get(old()).is_some());
    net.set_cut(1, 2, false);
    net.on(1, |engine, now| engine.contact(now, &[addr(2)]));
    net.run_for(15 * SECOND);
    assert!(all_have_only(&net, new));
}

/// Two of four forget the one that is away, and so drop the old key. It comes back with that one alone.
#[test]
fn a_node_that_some_have_forgotten_is_given_the_key_by_the_others() {
    let mut net = Net::settled(5);
    (1..=4).for_each(|number| net.set_cut(5, number, true));
    net.run_for(10 * SECOND);
    let new = net.on(1, |engine, now| engine.rotate_keys(now, key(1))).unwrap();
    net.run_for(5 * SECOND);
    for forgetful in [1, 2] {
        net.on(forgetful, |engine, now| engine.forget(now, id(5))).unwrap();
    }
    net.run_for(5 * SECOND);
    let has_old = |net: &Net, number| ring(net, number).get(old()).is_some();
    assert_eq!([1, 2, 3, 4].map(|number| has_old(&net, number)), [false, false, true, true]);

    net.engines[4] = engine_with(5, config());
    (1..=4).for_each(|number| net.set_cut(5, number, false));
    net.on(5, |engine, now| engine.contact(now, &[addr(1), addr(3)]));
    net.run_for(15 * SECOND);
    assert!(all_have_only(&net, new));
    let digest = net.engines[0].digest();
    assert!(net.engines.iter().all(|engine| engine.digest() == digest));
}

/// It would count as the newest one, and part the nodes that have it from the others for good.
#[test]
fn a_key_that_was_replaced_does_not_come_back() {
    let mut net = Net::settled(3);
    let first = || keys().keys().next().unwrap().key.clone();
    let new = net.on(1, |engine, now| engine.rotate_keys(now, key(1))).unwrap();
    net.run_for(10 * SECOND);
    assert!(all_have_only(&net, new));
    let back = net.on(2, |engine, now| engine.add_key(now, first()));
    assert_eq!(back, Err(KeyError::Retired { key: old(), in_use: new, leaked: false }));
    net.on(3, |engine, now| engine.add_key(now, key(1))).unwrap();
    net.run_for(SECOND);
    assert!(all_have_only(&net, new));
    // One that was never in use may be dropped and brought again.
    let other = net.on(2, |engine, now| engine.add_key(now, key(2))).unwrap();
    net.on(2, |engine, now| engine.drop_key(now, other, true)).unwrap();
    net.on(2, |engine, now| engine.add_key(now, key(2))).unwrap();
}

#[test]
fn all_hold_the_only_key_before_anybody_says_so() {
    let net = Net::settled(3);
    let row = net.engines[0].keys()[0];
    assert_eq!((row.held_by, row.used_by, row.of, row.waits_for), (3, 3, 3, None));
}

#[test]
fn one_that_begins_a_rotation_and_dies_is_not_needed() {
    let mut net = Net::settled(5);
    // It reaches one other node only.
    (1..=3).for_each(|number| net.set_cut(5, number, true));
    let new = net.on(5, |engine, now| engine.rotate_keys(now, key(1))).unwrap();
    net.run_for(Duration::from_millis(20));
    net.set_cut(5, 4, true);
    net.run_for(20 * SECOND);
    assert!((1..=4).all(|number| ring(&net, number).primary() == new));
}

#[test]
fn a_key_brought_by_hand_never_travels_and_counts_once_all_hold_it() {
    let mut net = Net::settled(3);
    for number in [1, 2] {
        net.on(number, |engine, now| engine.add_key(now, key(1))).unwrap();
    }
    net.run_for(5 * SECOND);
    assert!(ring(&net, 3).get(key(1).id()).is_none() && all_use(&net, old()));
    let row = net.engines[0].keys().into_iter().find(|row| row.id == key(1).id()).unwrap();
    assert_eq!((row.held_by, row.of, row.waits_for), (2, 3, Some(id(3))));
    net.on(3, |engine, now| engine.add_key(now, key(1))).unwrap();
    net.run_for(SECOND);
    assert!(all_use(&net, key(1).id()));
}

#[test]
fn a_leaked_key_is_not_used_and_wraps_nothing() {
    let mut net = Net::settled(3);
    let last = net.on(1, |engine, now| engine.mark_leaked(now, old()));
    assert_eq!(last, Err(KeyError::Ring(KeyringError::Last { id: old() })));
    for number in 1..=3 {
        net.on(number, |engine, now| engine.add_key(now, key(1))).unwrap();
        net.on(number, |engine, now| engine.mark_leaked(now, old())).unwrap();
    }
    net.run_for(SECOND);
    let back = net.on(2, |engine, now| engine.use_key(now, old(), true));
    assert_eq!(back, Err(KeyError::Lower { in_use: key(1).id() }));
    net.sent.clear();
    net.run_for(10 * SECOND);
    let under = |datagram: &[u8]| scalesmall_core::wire::Header::parse(datagram).unwrap().0.key;
    assert!(net.sent.iter().all(|(_, _, datagram)| under(datagram) == key(1).id()));
    // A node that has the leaked key and nothing else is not let in, and gets no other key.
    let outsider: Config = config();
    net.engines.push(engine_with(4, outsider));
    net.on(4, |engine, now| engine.contact(now, &[addr(1)]));
    net.run_for(10 * SECOND);
    assert!(ring(&net, 4).ids().eq([old()]));
}

#[test]
fn refusals_say_why_and_change_nothing() {
    let mut net = Net::settled(3);
    let unknown = key(9).id();
    let absent = Err(KeyError::Ring(KeyringError::Unknown { id: unknown }));
    assert_eq!(net.on(1, |engine, now| engine.use_key(now, unknown, true)), absent);
    assert_eq!(net.on(1, |engine, now| engine.drop_key(now, unknown, false)), absent);
    assert_eq!(net.on(1, |engine, now| engine.mark_leaked(now, unknown)), absent);
    let primary = Err(KeyError::Ring(KeyringError::Primary { id: old() }));
    assert_eq!(net.on(1, |engine, now| engine.drop_key(now, old(), true)), primary);
    let new = net.on(1, |engine, now| engine.rotate_keys(now, key(1))).unwrap();
    let twice = net.on(1, |engine, now| engine.rotate_keys(now, key(2)));
    assert_eq!(twice, Err(KeyError::UnderWay { key: new, node: None }));
    let early = net.on(1, |engine, now| engine.use_key(now, new, false));
    assert!(matches!(early, Err(KeyError::NotAll { key, .. }) if key == new));
    let needed = net.on(1, |engine, now| engine.drop_key(now, new, false));
    assert!(matches!(needed, Err(KeyError::NotAll { .. })));
    assert_eq!(ring(&net, 1).ids().count(), 2);
    assert_eq!(ring(&net, 1).primary(), old());
}

/// A member can make the others take a key of its choice, as it could rotate by rights: they say by whom it was
/// given, and none of them loses the key that it had while somebody needs it.
#[test]
fn a_member_that_makes_up_keys_does_not_fill_the_rings() {
    let mut net = Net::settled(4);
    // It hears of nothing, so nothing stops it.
    net.cut.extend((1..=3).map(|number| (number, 4)));
    for number in 101..=120 {
        net.on(4, |engine, now| {
            let mut config = engine.config().clone();
            config.keys = keys();
            engine.set_config(now, config).unwrap();
            engine.rotate_keys(now, key(number)).unwrap();
        });
        net.run_for(Duration::from_millis(60));
    }
    net.run_for(SECOND);
    for (one, other) in [(1, 2), (2, 3), (3, 1)] {
        let peer = net.engines[one - 1].peer(id(other)).unwrap();
        assert_eq!(peer.status, Status::Alive);
    }
    assert!((1..=3).all(|number| ring(&net, number).ids().count() < Keyring::MOST));
    assert!(net.events.iter().any(|(number, event)| {
        let given = KeyCause::Given { by: id(4) };
        *number == 1 && matches!(event, Event::Key { cause, .. } if *cause == given)
    }));
}
