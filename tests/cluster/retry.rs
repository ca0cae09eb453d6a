//! How often those that are lost are tried.

use std::cell::RefCell;
use std::rc::Rc;

use scalesmall_sim::{Millis, Sim, Verdict};

use super::*;

/// From now on, how many datagrams are sent to each node.
fn count_datagrams(sim: &mut Sim) -> Rc<RefCell<Vec<u64>>> {
    let counts = Rc::new(RefCell::new(vec![0; sim.len()]));
    let tally = Rc::clone(&counts);
    sim.filter(move |packet| {
        tally.borrow_mut()[packet.to] += 1;
        Verdict::Pass
    });
    counts
}

/// One of the two seeds that 100 nodes are configured with is never there, and 20 others die. In a
/// minute 80 nodes together try the seed some 120 times, though there are dead peers, and each of
/// these some 30 times, though there is a dead seed.
#[test]
fn a_dead_address_is_not_stormed() -> Outcome {
    let mut sim = cluster(120, 100).seeds(|_| vec![0, 99]).asleep(&[99]).build();
    sim.run_until(Sim::converged, secs(5))?;
    sim.run_for(secs(2))?;
    let counts = count_datagrams(&mut sim);
    sim.run_for(secs(60))?;
    let seed = counts.borrow()[99];
    assert!((80..160).contains(&seed), "{seed} while nobody else is lost");
    for victim in 60..80 {
        sim.crash(victim);
    }
    sim.run_until(Sim::all_see_all, secs(30))?;
    // Not even in the first moments.
    for span in [4, 60] {
        counts.borrow_mut().fill(0);
        sim.run_for(secs(span))?;
        let seed = counts.borrow()[99];
        let peers: u64 = counts.borrow()[60..80].iter().sum();
        assert!((span - 4..span * 3 + 10).contains(&seed), "{seed} to the seed in {span} s");
        assert!((span * 5..span * 15).contains(&peers), "{peers} to dead peers in {span} s");
    }
    Ok(())
}

/// What is sent to a node is lost for 70 ms, once to each of twelve nodes while another one serves a new
/// range. Six copies in a row are lost then, and the next one brings the range: nobody waits for a repair.
#[test]
fn six_copies_lost_in_a_row_make_no_repair() -> Outcome {
    let mut sim = settled(101, 12)?;
    for victim in 1..12 {
        let (start, id, served) = (sim.now().as_nanos(), sim.id(0), own_range(victim));
        let done = sim.watch(move |_, engine| shows(engine, id, served));
        let others: Vec<usize> = (0..12).filter(|&node| node != victim).collect();
        let cut = sim.cut(&others, &[victim]);
        sim.add_item(0, &group(), served, 80).unwrap();
        sim.run_for(millis(70))?;
        sim.lift(cut);
        sim.run_until(|sim| sim.answers(done).count == 12, secs(10))?;
        let took = sim.answers(done).after(start).max();
        assert!(took <= 130_000_000, "{victim} was served after {}", Millis(took));
        sim.run_for(secs(2))?;
    }
    Ok(())
}

/// A newcomer that is not heard for 350 ms tries again within 100 ms.
#[test]
fn a_newcomer_that_was_not_heard_tries_again_soon() -> Outcome {
    let mut sim = settled(102, 4)?;
    sim.crash(3);
    sim.run_until(Sim::all_see_all, secs(10))?;
    let cut = sim.cut(&[3], &[0, 1, 2]);
    sim.restart(3);
    sim.run_for(millis(350))?;
    sim.lift(cut);
    sim.run_until(Sim::converged, millis(200))?;
    Ok(())
}
