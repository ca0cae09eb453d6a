//! Nodes with names: several addresses, families, and others from one moment to the next.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use core::time::Duration;

use scalesmall_sim::scenario::{Options, Played, Scenario, play};
use scalesmall_sim::{Build, Failure, Family, Sim, lan};

type Outcome = Result<(), Box<Failure>>;

fn settled(
    nodes: usize,
    build: impl FnOnce(Build<scalesmall_core::Engine>) -> Build<scalesmall_core::Engine>,
) -> Sim {
    let mut sim = build(Sim::new(5).nodes(nodes, lan()).named().seeds(|_| vec![0, 1])).build();
    sim.run_until(Sim::converged, Duration::from_secs(5)).unwrap();
    sim.run_for(Duration::from_secs(2)).unwrap();
    sim.forbid_hidden();
    sim
}

fn at(sim: &Sim, by: usize, about: usize) -> core::net::SocketAddr {
    sim.node(by).unwrap().peer(sim.id(about)).unwrap().address
}

fn all_send_there(sim: &Sim, about: usize) -> bool {
    sim.live().filter(|by| *by != about).all(|by| at(sim, by, about) == sim.addr(about))
}

#[test]
fn names_have_twelve_bytes_and_identities_do_not_follow_addresses() -> Outcome {
    let mut sim = settled(4, |build| build);
    let id = sim.id(2);
    assert_eq!(sim.node(0).unwrap().name(id).unwrap().as_str(), "node-0000002");
    let new = sim.fresh_addresses(&[Family::V4]);
    sim.readdress(2, &new, Duration::ZERO);
    sim.run_until(|sim| all_send_there(sim, 2), Duration::from_secs(1))?;
    assert_eq!((sim.id(2), sim.addr(2), sim.node_of(new[0])), (id, new[0], Some(2)));
    sim.run_for(Duration::from_secs(20))
}

/// The network brings nothing to the old address from the moment on that the new one is there, although
/// the process notices only later.
#[test]
fn what_is_sent_to_an_old_address_comes_to_nobody() -> Outcome {
    let mut sim = settled(4, |build| build);
    let (old, before) = (sim.addr(3), sim.fates().nobody);
    let new = sim.fresh_addresses(&[Family::V4]);
    sim.readdress(3, &new, Duration::from_secs(1));
    sim.run_for(Duration::from_millis(900))?;
    assert_eq!((at(&sim, 0, 3), sim.node_of(old)), (old, None));
    assert!(sim.fates().nobody > before);
    sim.run_until(|sim| all_send_there(sim, 3), Duration::from_secs(2))?;
    sim.run_for(Duration::from_secs(20))
}

/// What is under way to an address reaches the node that has it by then.
#[test]
fn nodes_that_swap_their_addresses_are_found_again() -> Outcome {
    let mut sim = settled(6, |build| build);
    let old = [2, 3, 4].map(|node| sim.addr(node));
    sim.allow_hidden();
    sim.swap_addresses(&[2, 3, 4], Duration::ZERO);
    assert_eq!([4, 2, 3].map(|node| sim.addr(node)), old);
    sim.run_until(
        |sim| sim.converged() && [2, 3, 4].iter().all(|node| all_send_there(sim, *node)),
        Duration::from_secs(20),
    )?;
    Ok(())
}

#[test]
fn a_node_that_restarts_elsewhere_keeps_its_name() -> Outcome {
    let mut sim = settled(5, |build| build);
    let id = sim.id(4);
    sim.allow_hidden();
    sim.crash(4);
    let new = sim.fresh_addresses(&[Family::V6, Family::V4]);
    sim.readdress(4, &new, Duration::ZERO);
    sim.run_for(Duration::from_secs(1))?;
    sim.restart(4);
    sim.run_until(Sim::converged, Duration::from_secs(5))?;
    let peer = sim.node(0).unwrap().peer(id).unwrap();
    assert_eq!(peer.addresses, new);
    // The others have no address of the family that it prefers.
    assert_eq!(peer.address, new[1]);
    Ok(())
}

/// A node that sends to a family of which it has no address is told so, and nothing leaves it.
#[test]
fn families_are_apart() -> Outcome {
    let both = |node| if node == 3 { vec![Family::V4] } else { vec![Family::V6, Family::V4] };
    let mut sim = settled(4, move |build| build.addresses(both));
    assert!(sim.addr(0).is_ipv6());
    assert_eq!([at(&sim, 3, 0), at(&sim, 0, 3)], [sim.names().addresses(0)[1], sim.addr(3)]);
    let old = sim.fates().no_route;
    let v6 = sim.addr(0);
    sim.with(3, |engine, now| engine.contact(now, &[v6]));
    sim.run_for(Duration::from_millis(100))?;
    assert!(sim.fates().no_route > old);
    sim.run_for(Duration::from_secs(20))
}

/// With one of two addresses dead nobody is suspected: the other is used.
#[test]
fn an_address_that_is_closed_is_gone_round() -> Outcome {
    let mut sim = settled(5, |build| build.addresses(|_| vec![Family::V4, Family::V4]));
    let closed = sim.addr(2);
    let rule = sim.close(&[closed]);
    sim.run_for(Duration::from_secs(30))?;
    for by in [0, 1, 3, 4] {
        assert_eq!(at(&sim, by, 2), sim.names().addresses(2)[1]);
    }
    sim.lift(rule);
    sim.cut_family(&[0], &[1], Family::V6);
    sim.run_for(Duration::from_secs(5))
}

#[test]
fn calls_that_ask_for_what_cannot_be_end_the_run() {
    let misuse = |call: fn(&mut Sim)| {
        let mut sim = settled(3, |build| build);
        call(&mut sim);
        sim.run_for(Duration::from_secs(1)).unwrap_err().to_string()
    };
    let taken = misuse(|sim| sim.readdress(1, &[sim.addr(2)], Duration::ZERO));
    assert!(taken.contains("another node's"), "{taken}");
    let none = misuse(|sim| sim.readdress(1, &[], Duration::ZERO));
    assert!(none.contains("1 to 4 different addresses"), "{none}");
    let mut plain = Sim::new(1).nodes(2, lan()).build();
    let new = plain.fresh_addresses(&[Family::V4]);
    plain.readdress(0, &new, Duration::ZERO);
    let kept = plain.run_for(Duration::from_secs(1)).unwrap_err().to_string();
    assert!(kept.contains("keep them"), "{kept}");
    let several = |_| vec![Family::V4, Family::V6];
    let mut sim = Sim::new(1).nodes(2, lan()).addresses(several).build();
    let unnamed = sim.run_for(Duration::from_secs(1)).unwrap_err().to_string();
    assert!(unnamed.contains("several and no name"), "{unnamed}");
}

fn played(steps: &str) -> Played {
    let file = format!(
        r#"
        name = "moves"
        [cluster]
        nodes = 8
        names = true
        seeds = "three"
        owners = 3
        addresses = ["v4", "v6"]
        homes = [{{ these = [7], addresses = ["v6"] }}]
        [[steps]]
        await = {{ what = "agreement", within = "10s" }}
        [[steps]]
        note_owners = {{}}
        {steps}
        [[steps]]
        await = {{ what = "agreement", within = "20s" }}
        [[steps]]
        count = {{ what = "first_owners_moved", figure = "moved" }}
        "#
    );
    let scenario: Scenario = file.parse().unwrap_or_else(|error| panic!("{error}"));
    play(&scenario, 3, Options::default())
}

#[test]
fn steps_of_a_file_move_nodes_and_keys_stay() {
    for steps in [
        "[[steps]]\nreaddress = { nodes = 2 }\n[[steps]]\nawait = { what = \"located\", within = \"20s\", figure = \"there\" }",
        "[[steps]]\nreaddress = { these = [1, 2, 3], swap = true, late = \"500ms\" }\n[[steps]]\nrun = \"20s\"",
        "[[steps]]\ncrash = { these = [4] }\n[[steps]]\nreaddress = { addresses = [\"v6\"] }\n[[steps]]\nrestart = {}\n[[steps]]\nawait = { what = \"located\", within = \"20s\", figure = \"there\" }",
        "[[steps]]\nclose = { these = [5], address = 0 }\n[[steps]]\nrun = \"20s\"\n[[steps]]\nheal = {}",
        "[[steps]]\ncut = { from = { these = [1] }, to = {}, family = \"v4\", both_ways = true }\n[[steps]]\nrun = \"20s\"",
    ] {
        let played = played(steps);
        assert!(played.failure.is_none(), "{steps}: {:?}", played.failure);
        assert_eq!(played.figures.0["moved"].values, [0], "{steps}");
    }
    // A node that is gone leaves its keys to others.
    let gone = played(
        "[[steps]]\ncrash = { these = [4] }\n[[steps]]\nawait = { what = \"sight\", within = \"20s\" }",
    );
    assert!(gone.figures.0["moved"].values[0] > 500, "{:?}", gone.figures.0["moved"]);
}
