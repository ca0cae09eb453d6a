//! What a node knows of how it stands to its cluster.

use scalesmall_core::Footing;
use scalesmall_sim::{Delay, Link, Sim, wan};

use super::*;

fn footing(sim: &Sim, node: usize) -> Footing {
    sim.node(node).unwrap().agreement().footing
}

/// Clusters are cut in two parts, of which one is smaller. All nodes of that know it
/// within 4 s in the median and 6 s at worst, and as long as the cut lasts; most nodes of the larger part do
/// not think so of themselves once it has settled.
#[test]
fn a_minority_knows_that_it_is_one() -> Outcome {
    let mut times = Vec::new();
    let cuts = [(3, 1), (5, 2), (8, 3), (16, 5), (16, 7), (24, 8), (48, 15), (48, 23), (100, 30)];
    for (seed, (nodes, few)) in (300..).zip(cuts) {
        let mut sim = settled(seed, nodes)?;
        sim.run_for(secs(15))?;
        assert!((0..nodes).all(|node| footing(&sim, node) == Footing::Agreed), "of {nodes}");
        let (small, large): (Vec<usize>, Vec<usize>) = (0..nodes).partition(|node| *node < few);
        sim.partition(&small, &large);
        let begun = sim.now();
        let mut open = small.clone();
        while !open.is_empty() {
            sim.run_for(millis(100))?;
            let passed = sim.now().as_nanos() - begun.as_nanos();
            open.retain(|&node| {
                let knows = footing(&sim, node) == Footing::Minority;
                times.extend(knows.then_some(passed / 1_000_000));
                !knows
            });
            assert!(passed <= 6_000_000_000, "{open:?} of {nodes} do not know it");
        }
        sim.run_for(secs(40))?;
        assert!(small.iter().all(|&node| footing(&sim, node) == Footing::Minority));
        assert!(large.iter().all(|&node| footing(&sim, node) == Footing::Agreed), "of {nodes}");
        sim.heal();
        sim.run_for(secs(40))?;
        assert!((0..nodes).all(|node| footing(&sim, node) == Footing::Agreed), "of {nodes}");
    }
    times.sort_unstable();
    let median = times[times.len() / 2];
    println!(
        "minority known after {median} ms in the median, {} ms at worst",
        times[times.len() - 1]
    );
    assert!(median <= 4_000, "{median} ms in the median");
    Ok(())
}

/// At 400 ms one way and ten changes a second nobody in a healthy cluster thinks worse of it than that there
/// was nobody to compare with lately, 99 of 100 answers are that all agree, and each says by how much the node
/// may be behind.
#[test]
fn a_far_and_busy_cluster_agrees_with_its_lag() -> Outcome {
    let link = Link::lan().delay(Delay::Constant(millis(400)));
    let mut sim = configured(310, 16, wan()).link(link).build();
    sim.run_until(Sim::converged, secs(60))?;
    sim.run_for(secs(20))?;
    let (mut asked, mut agreed, mut lags) = (0, 0, Vec::new());
    for change in 0..600u32 {
        let node = change as usize % 16;
        let keys = range(change * 10, change * 10 + 9);
        sim.add_item(node, &group(), keys, 80).unwrap();
        sim.run_for(millis(100))?;
        if change < 150 || change % 10 != 0 {
            continue;
        }
        for node in 0..16 {
            let agreement = sim.node(node).unwrap().agreement();
            asked += 1;
            assert!(agreement.footing >= Footing::Unknown, "node {node}: {agreement:?}");
            agreed += u32::from(agreement.footing == Footing::Agreed);
            lags.push(agreement.lag);
        }
    }
    lags.sort_unstable();
    println!(
        "{agreed} of {asked} agree, lag {:?} in the median, {:?} at worst",
        lags[lags.len() / 2],
        lags[lags.len() - 1]
    );
    assert!(agreed * 100 >= asked * 99, "{agreed} of {asked}");
    assert!(lags[lags.len() / 2] >= millis(300) && lags[lags.len() - 1] <= secs(2), "{lags:?}");
    Ok(())
}
