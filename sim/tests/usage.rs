//! What passes between two zones, as a figure.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use scalesmall_sim::scenario::{Options, Scenario, play};

fn figures(cluster: &str, steps: &str) -> impl Fn(&str) -> u64 {
    let text = format!(
        "name = \"usage\"\n[cluster]\n{cluster}\nbetween = {{ delay = [\"5ms\", \"9ms\"] }}\n\
         [[steps]]\nawait = {{ what = \"agreement\", within = \"9s\" }}\n{steps}"
    );
    let scenario: Scenario = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    let played = play(&scenario, 1, Options::default());
    assert!(played.failure.is_none(), "{:?}", played.failure);
    move |figure| played.figures.0[figure].values[0]
}

const METERED: &str = "[[steps]]\nmeter = {}\n[[steps]]\nrun = \"10s\"\n\
                       [[steps]]\nusage = { figure = \"all\" }\n";

/// Of two nodes, one in each zone, all that is sent passes between the zones.
#[test]
fn all_that_two_nodes_send_passes_between_their_zones() {
    let steps = METERED.to_owned()
        + "[[steps]]\nusage = { between = [\"1\", \"0\"], figure = \"across\" }\n";
    let value = figures("nodes = 2\nzones = 2", &steps);
    assert_eq!(value("across datagrams"), value("all unicasts in all"));
    // Those of a node in the mean are rounded down.
    assert!((0..2).contains(&(value("across bytes") - 2 * value("all bytes"))));
    assert_eq!(value("across rate"), value("across bytes") / 10);
}

/// The parts of three zones come to less than the whole, which is also sent within zones.
#[test]
fn what_stays_within_a_zone_is_not_counted() {
    let pair = |one: &str, other: &str| {
        format!(
            "[[steps]]\nusage = {{ between = [\"{one}\", \"{other}\"], figure = \"{one}{other}\" }}\n"
        )
    };
    let steps = METERED.to_owned()
        + &pair("a", "b")
        + &pair("b", "c")
        + &pair("c", "a")
        + "[[steps]]\nsplit = { zone = \"c\" }\n[[steps]]\nmeter = {}\n[[steps]]\nrun = \"1s\"\n"
        + "[[steps]]\nusage = { between = [\"a\", \"c\"], figure = \"lost\" }\n";
    let zones = "nodes = 9\nzone = [{ name = \"a\", nodes = \"0..=2\" }, \
                 { name = \"b\", nodes = \"3..=5\" }, { name = \"c\", nodes = \"6..=8\" }]";
    let value = figures(zones, &steps);
    let parts = ["ab datagrams", "bc datagrams", "ca datagrams"].map(&value);
    assert!(parts.iter().all(|part| *part > 0), "{parts:?}");
    assert!(parts.iter().sum::<u64>() < value("all unicasts in all"), "{parts:?}");
    assert!(value("lost datagrams") > 0, "what is cut was sent");
}
