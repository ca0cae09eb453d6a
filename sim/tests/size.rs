//! Nothing that an engine sends grows with the number of nodes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use scalesmall_sim::scenario::{Options, Scenario, play};

const STEADY: &str = r#"
name = "size"
about = "Settled nodes: what do they send?"
[cluster]
nodes = 10
start_within = "1s"
[[steps]]
await = { what = "agreement", within = "60s" }
[[steps]]
run = "10s"
[[steps]]
meter = {}
[[steps]]
run = "20s"
[[steps]]
usage = { figure = "steady" }
"#;

/// A debug build walks as far as it gets in a few seconds.
const SIZES: &[usize] =
    if cfg!(debug_assertions) { &[10, 40, 160] } else { &[10, 40, 160, 640, 2_500, 5_000] };

#[test]
fn a_settled_node_sends_as_much_in_a_large_cluster_as_in_a_small_one() {
    println!("{:>6} {:>8} {:>10}", "nodes", "largest", "per second");
    for &nodes in SIZES {
        let mut scenario: Scenario = STEADY.parse().unwrap();
        scenario.cluster.nodes = nodes;
        let played = play(&scenario, 1, Options::default());
        if let Some(failure) = played.failure {
            panic!("{failure}");
        }
        let figure = |name: &str| played.figures.0[name].values[0];
        let (largest, rate) = (figure("steady largest"), figure("steady rate"));
        println!("{nodes:>6} {largest:>6} B {rate:>8} B");
        assert!(largest <= 64, "{nodes} nodes: a datagram of {largest} bytes");
        assert!(rate <= 120, "{nodes} nodes: {rate} bytes per second and node");
    }
}
