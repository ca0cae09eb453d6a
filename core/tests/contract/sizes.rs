//! A holder of the key that says untrue things about sizes: what it draws, and whom it harms.

use std::time::Duration;

use bytes::Bytes;
use scalesmall_core::wire::{Decoder, Frame, Header, Route, Spread, TAG_LEN, WireError};
use scalesmall_core::{Arrival, DatagramError, Destination, Event, Recipients, Tag};
use scalesmall_hostile::{Holder, addr, id, receiver};

use crate::net::Net;

/// Answers all pings, padded ones only if it is told to, and acknowledges with whatever it likes.
struct Liar {
    holder: Holder,
    seen: usize,
    large: bool,
    ack: fn(u64) -> Frame,
    /// The bytes that it has sent, and those that came to it.
    said: usize,
    drawn: usize,
}

impl Liar {
    fn new(net: &Net, ack: fn(u64) -> Frame) -> Self {
        let seen = net.sent.len();
        Self { holder: Holder::new(99), seen, large: false, ack, said: 0, drawn: 0 }
    }

    fn deliver(&mut self, net: &mut Net, to: u16, arrival: Arrival, packet: &[u8]) {
        self.said += packet.len();
        net.on(to, |engine, now| engine.handle_datagram(now, arrival, packet)).unwrap();
    }

    fn say(&mut self, net: &mut Net, to: u16, frames: &[Frame]) {
        let receiver = net.engines[usize::from(to) - 1].life();
        let packet = self.holder.packet(Some(receiver), frames);
        self.deliver(net, to, self.holder.arrival(), &packet);
    }

    /// Lets time pass, and answers what has come.
    fn live(&mut self, net: &mut Net, span: Duration) {
        let end = net.now + span;
        while net.now < end {
            net.run_for(Duration::from_millis(5));
            while let Some((by, to, datagram)) = net.sent.get(self.seen).cloned() {
                self.seen += 1;
                if to != Destination::Unicast(addr(99)) {
                    continue;
                }
                self.drawn += datagram.len();
                let (header, start) = Header::parse(&datagram).unwrap();
                let mut frames = Vec::new();
                let payload = &datagram[start..datagram.len() - TAG_LEN];
                Decoder::new().decode(header.sender, payload, &mut frames).unwrap();
                let padded = frames.iter().any(|frame| matches!(frame, Frame::Padding { .. }));
                let pinged = frames.iter().any(|frame| matches!(frame, Frame::Ping { .. }));
                let mut answer = Vec::new();
                if pinged && (self.large || !padded) {
                    answer.push(Frame::Pong { packet: header.packet, root: None });
                }
                if header.ack {
                    answer.push((self.ack)(header.packet));
                }
                if !answer.is_empty() {
                    self.say(net, by, &answer);
                }
            }
        }
    }
}

const TENTH: Duration = Duration::from_millis(100);

fn honest(packet: u64) -> Frame {
    Frame::Ack { packet }
}

fn datagrams(net: &Net) -> Vec<usize> {
    [2, 3].map(|peer| net.engines[0].peer(id(peer)).unwrap().datagram).to_vec()
}

fn told(net: &Net, since: usize, kind: fn(&Event) -> bool) -> usize {
    net.events[since..].iter().filter(|(_, event)| kind(event)).count()
}

fn of_paths(event: &Event) -> bool {
    matches!(event, Event::Path { .. })
}

fn of_messages(event: &Event) -> bool {
    matches!(event, Event::Message { .. })
}

fn of_the_undelivered(event: &Event) -> bool {
    matches!(event, Event::Undelivered { .. })
}

/// Ten times a second it asks for small datagrams, and answers no large ones: it gets small ones, all
/// others large ones, and it draws less than twenty times what it says. It is given large ones again when
/// it takes them.
#[test]
fn a_peer_that_always_asks_for_small_datagrams_harms_itself_alone() {
    let mut net = Net::settled(3);
    let since = net.events.len();
    let mut liar = Liar::new(&net, honest);
    for _ in 0..600 {
        liar.say(&mut net, 1, &[Frame::Narrow]);
        liar.live(&mut net, TENTH);
        assert_eq!(datagrams(&net), [1_200; 2]);
    }
    assert_eq!(net.engines[0].peer(id(99)).unwrap().datagram, 508);
    assert_eq!(told(&net, since, of_paths), 1);
    assert!(liar.drawn < 20 * liar.said, "{} for {}", liar.drawn, liar.said);
    liar.large = true;
    liar.live(&mut net, Duration::from_secs(120));
    assert_eq!(net.engines[0].peer(id(99)).unwrap().datagram, 1_200);
}

/// It asks for small datagrams and then takes large ones, and so again: a search in ten seconds at most.
#[test]
fn a_peer_that_changes_its_mind_starts_few_searches() {
    let mut net = Net::settled(3);
    let since = net.events.len();
    let before = net.engines[0].stats().path_probes_sent;
    let mut liar = Liar::new(&net, honest);
    for tenth in 0..1_200 {
        liar.large = tenth % 20 >= 10;
        liar.say(&mut net, 1, &[Frame::Narrow]);
        liar.live(&mut net, TENTH);
        assert_eq!(datagrams(&net), [1_200; 2]);
    }
    let (events, probes) =
        (told(&net, since, of_paths), net.engines[0].stats().path_probes_sent - before);
    assert!(events <= 60, "{events} events in 120 s");
    assert!(probes <= 12 * 30, "{probes} padded pings in 120 s");
    assert!(liar.drawn < 20 * liar.said, "{} for {}", liar.drawn, liar.said);
}

/// What is about one path, packet or life counts in a bound packet to one node alone, and goes no further.
#[test]
fn what_is_said_of_sizes_elsewhere_is_ignored_or_refused() {
    let route = Route::Ring { from: 0, until: 0, group: None, covered: false };
    let spread = Frame::Spread(Spread { route, hops: 20, frames: 1, first_try: None });
    let mut net = Net::settled(8);
    let mut liar = Liar::new(&net, honest);
    liar.say(&mut net, 1, &[]);
    liar.live(&mut net, Duration::from_secs(1));
    let payload = Bytes::from_static(b"of which reports are untrue");
    net.on(1, |engine, now| engine.broadcast(now, Recipients::All, Tag(1), payload)).unwrap();
    liar.live(&mut net, TENTH);
    let (since, relayed) = (net.events.len(), net.engines[0].stats().relayed);
    for number in 1..=100 {
        for frame in [
            Frame::Narrow,
            Frame::TooLarge { packet: number, bytes: 0 },
            Frame::TooLarge { packet: number, bytes: u16::MAX },
            Frame::Undelivered { sequence: 1, bytes: 7 },
            Frame::Padding { bytes: 1_000 },
        ] {
            let alone = std::slice::from_ref(&frame);
            let numbered = Frame::Numbered { sequence: number, frames: 1 };
            let unbound = liar.holder.packet(None, alone);
            liar.deliver(&mut net, 1, liar.holder.arrival(), &unbound);
            let multicast = liar.holder.packet(None, alone);
            liar.deliver(&mut net, 1, Arrival::Multicast(addr(99)), &multicast);
            for head in [&numbered, &spread] {
                let smuggled = liar.holder.smuggled(receiver(), head, &frame).unwrap();
                let arrival = liar.holder.arrival();
                let taken =
                    net.on(1, |engine, now| engine.handle_datagram(now, arrival, &smuggled));
                assert_eq!(taken, Err(DatagramError::Wire(WireError::Malformed)));
            }
        }
        liar.live(&mut net, TENTH);
    }
    let stats = net.engines[0].stats();
    assert_eq!((stats.path_probes_sent, stats.relayed), (0, relayed));
    assert_eq!(told(&net, since, of_paths) + told(&net, since, of_the_undelivered), 0);
    // Bound and alone, the same report counts.
    liar.say(&mut net, 1, &[Frame::Undelivered { sequence: 1, bytes: 7 }]);
    assert_eq!(told(&net, since, of_the_undelivered), 1);
}

/// It never passes a message on, and says that all are too large, or that they are not: the others get
/// what they get without it where it says so, and nobody is flooded.
#[test]
fn a_hop_that_calls_every_message_too_large_keeps_nothing_from_the_others() {
    let acks: [fn(u64) -> Frame; 2] = [
        |packet| Frame::TooLarge { packet, bytes: 0 },
        // Nothing is left to its sender: the word of a hop that takes a part and drops it.
        |packet| Frame::TooLarge { packet, bytes: u16::MAX },
    ];
    for (ack, all) in acks.into_iter().zip([true, false]) {
        let mut net = Net::settled(8);
        let mut liar = Liar::new(&net, ack);
        for to in 1..=8 {
            liar.say(&mut net, to, &[]);
        }
        liar.live(&mut net, Duration::from_secs(5));
        let (since, sent) = (net.events.len(), net.sent.len());
        for number in 0..100_u64 {
            let payload = Bytes::from(vec![7; 200]);
            let by = (number % 8 + 1) as u16;
            let to = Recipients::All;
            net.on(by, |engine, now| engine.broadcast(now, to, Tag(1), payload)).unwrap();
            for old in 0..10 {
                liar.say(&mut net, by, &[Frame::TooLarge { packet: number + old, bytes: 0 }]);
            }
            liar.live(&mut net, TENTH);
        }
        let delivered = told(&net, since, of_messages);
        assert!(delivered <= 700 && (!all || delivered == 700), "{delivered}");
        assert_eq!(told(&net, since, of_the_undelivered), 0);
        assert_eq!(told(&net, since, of_paths), 0);
        let datagrams = net.sent.len() - sent;
        assert!(datagrams < 100 * 40, "{datagrams} datagrams for 100 messages");
        assert!(liar.drawn < 20 * liar.said, "{} for {}", liar.drawn, liar.said);
    }
}
