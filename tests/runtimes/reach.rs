//! How far multicast goes, and through which interface: seen on the wire.

use std::io::Read as _;
use std::time::{Duration, Instant};

use scalesmall_driver::Multicast;
use socket2::{Domain, Protocol, Socket, Type};

use crate::adapter::Adapter;
use crate::namespace::Namespace;
use crate::running::{Running, settings, turn};

const GROUP: [u8; 4] = [224, 1, 1, 1];

/// Everything that arrives on any interface of this namespace, link headers included.
fn tap() -> Socket {
    const ALL: u16 = 0x0003_u16.to_be();
    let tap = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(ALL))));
    let tap = tap.expect("a packet socket");
    tap.set_read_timeout(Some(Duration::from_millis(50))).expect("a time-out");
    tap
}

/// The TTL of the first IPv4 UDP datagram to the group that the tap sees within `limit`.
fn next_ttl(tap: &Socket, limit: Duration) -> Option<u8> {
    const UDP: u8 = 17;
    let end = Instant::now() + limit;
    let mut frame = [0; 2048];
    while Instant::now() < end {
        let mut tap = tap;
        let Ok(len) = tap.read(&mut frame) else { continue };
        // An Ethernet header of 14 bytes, its last two the protocol; then the IPv4 header.
        if len > 34 && frame[12..14] == [8, 0] && frame[23] == UDP && frame[30..34] == GROUP {
            return Some(frame[22]);
        }
    }
    None
}

pub(crate) fn multicast_keeps_its_ttl_and_its_interface<A: Adapter>() {
    let _turn = turn();
    let Some(host) = Namespace::new() else { return };
    let Some(first) = Namespace::new() else { return };
    let Some(second) = Namespace::new() else { return };
    host.ip("link set lo up");
    for (number, other) in [(1, &first), (2, &second)] {
        let name = &other.name;
        host.ip(&format!("link add link{number} type veth peer name wire netns {name}"));
        host.ip(&format!("addr add 10.98.{number}.1/24 dev link{number}"));
        host.ip(&format!("link set link{number} up"));
        other.ip("link set wire up");
    }
    // Whatever does not choose goes through the first.
    host.ip("route add 224.0.0.0/4 dev link1");
    let first_tap = first.enter(tap);
    let second_tap = second.enter(tap);
    for ttl in [1, 7] {
        let mut settings = settings("10.98.2.1:0", &[]);
        let mut multicast = Multicast::for_node(GROUP.into());
        (multicast.group, multicast.ttl) = ((GROUP, 29_999).into(), ttl);
        settings.multicast = Some(multicast);
        let node = host.enter(|| A::bind(&settings).expect("the node starts"));
        let _node = Running::run::<A>(node);
        assert_eq!(next_ttl(&second_tap, Duration::from_secs(5)), Some(ttl));
    }
    assert_eq!(next_ttl(&first_tap, Duration::from_millis(200)), None);
}
