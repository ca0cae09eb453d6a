use std::sync::mpsc::{Receiver, channel};

use scalesmall_core::NodeId;

use super::*;

const EPOCH: Epoch = Epoch(7);

fn answer<R: Send + 'static>() -> (Answer<R>, Receiver<Result<R, CallError>>) {
    let (told, answer) = channel();
    (Answer::new(move |result| told.send(result).unwrap(), || true), answer)
}

fn contact(
    waiting: &mut Waiting,
    limit: Duration,
    named: bool,
) -> Receiver<Result<Contact, CallError>> {
    let (told, answer) = answer();
    let keys = Keyring::new(Key::authenticated([7; Key::LEN]));
    waiting.contact(Instant::now() + limit, EPOCH, named, &keys, told);
    answer
}

const ME: Life = Life { id: NodeId::from_bits(1), epoch: EPOCH };

#[test]
fn what_arrives_most_is_told_once_the_wait_is_over() {
    let unknown = |key: Key| DatagramError::Sealed(OpenError::UnknownKey { key: key.id() });
    let other_key = unknown(Key::authenticated([8; Key::LEN]));
    const FORGED: DatagramError = DatagramError::Sealed(OpenError::Forged);
    const CLUSTER: DatagramError = DatagramError::Sealed(OpenError::WrongCluster);
    #[cfg(feature = "seal")]
    let other_suite = (unknown(Key::sealed([7; Key::LEN])), Contact::WrongSuite);
    #[cfg(not(feature = "seal"))]
    let other_suite = (other_key, Contact::WrongKey);
    const VERSION: DatagramError = DatagramError::Wire(WireError::UnknownVersion { version: 9 });
    let cases: [(&[DatagramError], Contact); 7] = [
        (&[], Contact::NobodyAnswers),
        (&[DatagramError::Replayed, DatagramError::Full], Contact::NobodyAnswers),
        (&[other_key], Contact::WrongKey),
        (&[CLUSTER, FORGED, other_key], Contact::WrongKey),
        (&[other_key, CLUSTER, CLUSTER], Contact::WrongCluster),
        (&[other_suite.0], other_suite.1),
        (&[VERSION], Contact::WrongVersion),
    ];
    for (refused, meaning) in cases {
        let mut waiting = Waiting::default();
        let late = contact(&mut waiting, Duration::from_secs(60), false);
        let ended = contact(&mut waiting, Duration::ZERO, false);
        for error in refused {
            waiting.refused(*error, &[], ME);
        }
        waiting.look(EPOCH, || 0);
        assert_eq!(ended.try_recv(), Ok(Ok(meaning)), "{refused:?}");
        assert!(late.try_recv().is_err());
        waiting.look(EPOCH, || 3);
        assert_eq!(late.try_recv(), Ok(Ok(Contact::In { peers: 3 })));
    }
}

#[test]
fn a_life_that_this_node_did_not_begin_by_itself_tells_of_a_namesake() {
    let mut waiting = Waiting::default();
    let named = contact(&mut waiting, Duration::from_secs(60), true);
    waiting.look(EPOCH, || 1);
    assert!(named.try_recv().is_err(), "there may be objections");
    assert!(waiting.deadline().is_some_and(|at| at <= Instant::now() + OBJECTION));
    // This one it has begun by itself.
    waiting.renewed();
    waiting.look(Epoch(8), || 1);
    assert!(named.try_recv().is_err());
    waiting.look(Epoch(9), || 1);
    assert_eq!(named.try_recv(), Ok(Ok(Contact::NameInUse)));

    let lasted = Duration::ZERO;
    let conflict =
        Event::Conflict { epoch: EPOCH, renewals: 3, lasted, address: None, answered: true };
    let alone = contact(&mut waiting, Duration::ZERO, false);
    waiting.hear(&conflict, EPOCH);
    waiting.look(EPOCH, || 0);
    assert_eq!(alone.try_recv(), Ok(Ok(Contact::NameInUse)));
}

#[test]
fn a_goodbye_is_answered_in_its_life_or_cut_off() {
    let mut waiting = Waiting::default();
    let (told, said) = answer();
    waiting.goodbye(EPOCH, told);
    assert!(waiting.is_departing());
    waiting.hear(&Event::Departed { acknowledged_by: 1, told: 2 }, EPOCH);
    let goodbye = Goodbye { acknowledged_by: 1, told: 2 };
    assert_eq!(said.try_recv(), Ok(Ok(goodbye)));
    assert!(!waiting.is_departing());

    let (told, again) = answer();
    waiting.goodbye(EPOCH, told);
    assert_eq!(again.try_recv(), Ok(Ok(goodbye)));
    let (told, cut_off) = answer();
    waiting.goodbye(Epoch(8), told);
    waiting.look(Epoch(8), || 0);
    assert!(cut_off.try_recv().is_err());
    waiting.look(Epoch(9), || 0);
    assert_eq!(cut_off.try_recv(), Ok(Err(CallError::Renewed)));
}

#[test]
fn no_more_wait_than_there_is_room_for() {
    let mut waiting = Waiting::default();
    let kept: Vec<_> = (0..WAITING).map(|_| contact(&mut waiting, Duration::ZERO, false)).collect();
    let refused = contact(&mut waiting, Duration::ZERO, false);
    assert_eq!(refused.try_recv(), Ok(Err(CallError::Busy)));
    waiting.look(EPOCH, || 0);
    assert!(kept.iter().all(|one| one.try_recv() == Ok(Ok(Contact::NobodyAnswers))));
    assert!(waiting.deadline().is_none());
}
