//! A switch that does not pass multicast on: its hosts say so, and go on by unicast.

use std::time::Duration;

use scalesmall_core::MulticastState::{self, Silent, Working};
use scalesmall_core::{Event, GroupName, KeyRange};
use scalesmall_driver::Multicast;

use crate::adapter::Adapter;
use crate::namespace::Namespace;
use crate::running::{Running, settings, turn, until, until_all_see_all, until_event};

const SOON: Duration = Duration::from_secs(5);

/// 24 beacons make silence: so it is noticed in about a second, and a busy machine is no block.
const BEACON: Duration = Duration::from_millis(50);
const NOTICED: Duration = Duration::from_secs(20);

const HOSTS: [u32; 3] = [1, 2, 3];

/// A switch with hosts, and whether it floods multicast to each.
struct Switch {
    bridge: Namespace,
    hosts: Vec<Namespace>,
}

impl Switch {
    fn new() -> Option<Self> {
        let bridge = Namespace::new()?;
        bridge.ip("link add bridge type bridge mcast_snooping 0");
        bridge.ip("link set bridge up");
        let mut hosts = Vec::new();
        for host in HOSTS {
            let place = Namespace::new()?;
            let name = &place.name;
            bridge.ip(&format!("link add port{host} type veth peer name wire netns {name}"));
            bridge.ip(&format!("link set port{host} master bridge up"));
            place.ip("link set lo up");
            place.ip(&format!("addr add 10.97.0.{host}/24 dev wire"));
            place.ip("link set wire up");
            hosts.push(place);
        }
        Some(Self { bridge, hosts })
    }

    fn flood(&self, hosts: &[u32], how: &str) {
        for host in hosts {
            self.bridge.ip(&format!("link set port{host} type bridge_slave mcast_flood {how}"));
        }
    }

    /// A node on each host, the first of which the others know.
    fn nodes<A: Adapter>(&self) -> Vec<Running> {
        let mut nodes: Vec<Running> = Vec::new();
        for (host, place) in HOSTS.into_iter().zip(&self.hosts) {
            let seeds: Vec<_> = nodes.iter().map(|node| node.address).take(1).collect();
            let mut settings = settings(&format!("10.97.0.{host}:29999"), &seeds);
            settings.multicast = Some(Multicast::for_node(settings.bind.ip()));
            let mut node = place.enter(|| A::bind(&settings).expect("the node starts"));
            let mut config = settings.config([host as u8; 32]);
            config.beacon_interval = BEACON;
            node.set_config(config).expect("it makes sense");
            nodes.push(Running::run::<A>(node));
        }
        nodes
    }
}

/// Waits until a node says what multicast does for it; it must say nothing else of it before.
#[track_caller]
fn until_told(node: &mut Running, expected: MulticastState) {
    until_event(node, NOTICED, |event| match event {
        Event::Multicast { to, .. } => {
            assert_eq!(*to, expected);
            true
        }
        _ => false,
    });
}

/// What `node` has to say so far is nothing about multicast.
#[track_caller]
fn nothing_told(node: &mut Running) {
    while let Some(event) = node.events.next_event_within(Duration::ZERO).expect("the node runs") {
        assert!(!matches!(event, Event::Multicast { .. }), "{event:?}");
    }
}

fn state(node: &Running) -> Option<MulticastState> {
    node.call(|node| node.multicast())
}

/// Has each node serve a range, and waits until all route to it.
#[track_caller]
fn all_reach_all(nodes: &[Running], turn: u32) {
    let group = GroupName::try_from("kitchen").expect("a name");
    let first = |node: usize| turn * 100 + node as u32 * 10;
    for (number, node) in nodes.iter().enumerate() {
        let range = KeyRange::new(first(number), first(number) + 9).expect("a range");
        let (group, port) = (group.clone(), 7000 + number as u16);
        node.call(move |node| node.add_item(&group, range, port)).expect("room for it");
    }
    until(SOON, "all route to all", || {
        nodes.iter().all(|node| {
            (0..nodes.len())
                .all(|number| node.route(&group, first(number)) == [7000 + number as u16])
        })
    });
}

pub(crate) fn a_node_whose_multicast_is_blocked_says_so_and_uses_unicast<A: Adapter>() {
    let _turn = turn();
    let Some(switch) = Switch::new() else { return };
    let mut nodes = switch.nodes::<A>();
    until_all_see_all(SOON, &nodes.iter().collect::<Vec<_>>());
    assert!(nodes.iter().all(|node| state(node) == Some(Working)));

    // To one of them multicast is not passed on.
    switch.flood(&[3], "off");
    until_told(&mut nodes[2], Silent);
    assert_eq!(nodes.iter().map(state).collect::<Vec<_>>(), [Working, Working, Silent].map(Some));
    all_reach_all(&nodes, 1);
    switch.flood(&[3], "on");
    until_told(&mut nodes[2], Working);
    nodes.iter_mut().for_each(nothing_told);

    // Then to none, and again to all.
    switch.flood(&HOSTS, "off");
    nodes.iter_mut().for_each(|node| until_told(node, Silent));
    all_reach_all(&nodes, 2);
    switch.flood(&HOSTS, "on");
    nodes.iter_mut().for_each(|node| until_told(node, Working));
    all_reach_all(&nodes, 3);
    nodes.iter_mut().for_each(nothing_told);
}
