//! A ring always has a key to send with, and remembers what has gone.

use super::*;
use alloc::format;

fn key(number: u8) -> Key {
    Key::authenticated([number; 32])
}

fn ring() -> Keyring {
    Keyring::new(key(9))
}

#[test]
fn keys_are_exchanged_without_a_gap() {
    let mut ring = ring();
    let id = ring.insert(key(4)).unwrap();
    assert_eq!(ring.primary(), key(9).id());
    ring.set_primary(id).unwrap();
    ring.remove(key(9).id()).unwrap();
    assert_eq!(ring.ids().collect::<Vec<_>>(), [key(4).id()]);
    assert_eq!(ring.primary_key().key.expose_secret(), &[4; 32]);
    assert_eq!(ring.primary_key().generation, 1);
    let retired = RetiredKey::new(key(9).fingerprint(), false);
    assert_eq!((ring.retired_as(&key(9)), ring.retired_as(&key(4))), (Some(retired), None));
}

#[test]
fn what_was_replaced_or_has_leaked_is_remembered_in_the_next_ring() {
    let mut former = ring();
    let (old, new) = (key(9).id(), former.insert(key(4)).unwrap());
    former.set_primary(new).unwrap();
    assert!(former.get(old).is_some_and(|held| held.replaced));
    let leaked = former.insert(key(5)).unwrap();
    former.mark_leaked(leaked).unwrap();
    former.insert(key(6)).unwrap();
    let mut next = Keyring::new(key(7));
    next.inherit(&former);
    let retired: Vec<_> =
        [9, 4, 5, 6].map(|it| next.retired_as(&key(it)).map(|it| it.leaked)).into();
    assert_eq!(retired, [Some(false), Some(false), Some(true), None]);
    // What the next ring holds is not gone, and keeps its mark.
    let mut next = Keyring::new(key(7));
    next.hold(HeldKey::by_hand(key(5), 0)).unwrap();
    next.inherit(&former);
    assert!(next.retired_as(&key(5)).is_none() && next.get(leaked).is_some_and(|it| it.leaked));
    let held = next.remember(RetiredKey::new(key(7).fingerprint(), false));
    assert_eq!(held, Err(KeyringError::Held { id: key(7).id() }));
}

#[test]
fn a_ring_is_never_without_its_primary_key() {
    let mut ring = ring();
    let (own, other) = (key(9).id(), key(4).id());
    assert_eq!(ring.remove(own), Err(KeyringError::Primary { id: own }));
    assert_eq!(ring.remove(other), Err(KeyringError::Unknown { id: other }));
    assert_eq!(ring.set_primary(other), Err(KeyringError::Unknown { id: other }));
    assert_eq!(ring.mark_leaked(own), Err(KeyringError::Last { id: own }));
    assert_eq!(ring.insert(key(9)), Ok(own));
    assert_eq!(ring.ids().count(), 1);
}

#[test]
fn a_leaked_key_is_accepted_and_sends_nothing() {
    let mut ring = ring();
    let (old, new) = (key(9).id(), ring.insert(key(4)).unwrap());
    ring.mark_leaked(old).unwrap();
    assert_eq!(ring.primary(), new);
    assert_eq!(ring.set_primary(old), Err(KeyringError::Leaked { id: old }));
    assert!(ring.get(old).is_some_and(|held| held.leaked));
}

#[test]
fn a_ring_has_room_for_eight_keys_and_none_with_the_id_of_another() {
    let mut ring = ring();
    for number in 10..17 {
        ring.insert(key(number)).unwrap();
    }
    assert_eq!(ring.insert(key(17)), Err(KeyringError::Full));
    let secret = |number: u32| {
        let mut secret = [0; 32];
        secret[..4].copy_from_slice(&number.to_be_bytes());
        Key::authenticated(secret)
    };
    let twin = (0..).map(secret).find(|twin| twin.id() == key(9).id()).unwrap();
    assert_eq!(ring.insert(twin), Err(KeyringError::SameId { id: key(9).id() }));
}

#[test]
fn printing_a_ring_shows_no_secret() {
    let shown = format!("{:?}", ring());
    assert!(shown.contains(&format!("Key(authenticated {})", key(9).id())), "{shown}");
    assert!(!shown.contains("9, 9, 9"), "{shown}");
}
