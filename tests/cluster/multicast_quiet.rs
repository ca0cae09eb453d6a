//! What goes wrong with a segment while nothing is said, and an update that follows: the beats of the
//! speaker are rare by then.

use scalesmall_sim::Sim;

use super::multicast::{NOTICED, segment, speaker, spoken_for, wait};
use super::*;

const NODES: usize = 60;

fn all() -> Vec<usize> {
    (0..NODES).collect()
}

/// A segment that has been quiet for half a minute, and its speaker.
fn quiet(seed: u64) -> Result<(Sim, usize), Box<Failure>> {
    let mut sim = segment(seed, NODES, spoken_for())?;
    let speaker = speaker(&mut sim)?;
    sim.run_for(secs(30))?;
    Ok((sim, speaker))
}

/// Some nodes other than the speaker.
fn others(speaker: usize, count: usize) -> Vec<usize> {
    (1..=count).map(|turn| (speaker + turn) % NODES).collect()
}

/// A quiet segment costs a multicast in 2.5 s, and a word of each hearer in 20 s.
#[test]
fn a_quiet_segment_says_little() -> Outcome {
    let (mut sim, _) = quiet(110)?;
    let meter = sim.meter();
    sim.run_for(secs(60))?;
    let with = sim.since(&meter);
    assert!((20..=30).contains(&with.total_multicasts), "{}", with.total_multicasts);
    let mut sim = segment(110, NODES, lan())?;
    let meter = sim.meter();
    sim.run_for(secs(60))?;
    let without = sim.since(&meter);
    let received = (with.total_received, without.total_received);
    assert!(10 * received.0 <= 13 * received.1, "{received:?}");
    let calls = (with.total_timer_calls, without.total_timer_calls);
    assert!(10 * calls.0 <= 13 * calls.1, "{calls:?}");
    Ok(())
}

/// The first update after a long quiet, of which some lose every copy but the last, or all of them:
/// the beat after 28 ms repeats it, and the one after 280 ms tells that there was one.
#[test]
fn the_last_batch_is_lost_after_a_long_quiet() -> Outcome {
    for (lost, within) in [(20, 60), (100, 360)] {
        let (mut sim, speaker) = quiet(111)?;
        let some = others(speaker, 6);
        for (turn, node) in [(0, speaker), (1, (speaker + 30) % NODES)] {
            let (id, start) = (sim.id(node), sim.now().as_nanos());
            let deaf = sim.cut_multicast(&all(), &some);
            let shown = sim.watch(move |_, engine| shows(engine, id, range(turn, turn)));
            sim.add_item(node, &group(), range(turn, turn), 80).unwrap();
            sim.run_for(millis(lost))?;
            assert!(sim.answers(shown).count < NODES, "some have lost it");
            sim.lift(deaf);
            sim.run_until(|sim| sim.answers(shown).count == NODES, secs(5))?;
            let last = sim.answers(shown).after(start).max();
            assert!(last <= within * 1_000_000, "{} after {lost} ms", scalesmall_sim::Millis(last));
            sim.run_for(secs(30))?;
        }
    }
    Ok(())
}

/// The speaker dies while nothing is said, and an update of a node that nobody hears by multicast
/// follows at once, or when some have noticed: its copy to the speaker is not acknowledged, so each
/// of those whom the speaker covered is sent one.
#[test]
fn the_speaker_dies_while_quiet() -> Outcome {
    for after in [0, 1_000, 2_700] {
        let (mut sim, speaker) = quiet(112)?;
        let mute = others(speaker, 1);
        sim.cut_multicast(&mute, &all());
        sim.crash(speaker);
        sim.run_for(millis(after))?;
        let waited = wait(&mut sim, mute[0], 1)?;
        assert!(waited <= millis(250), "{waited:?}, {after} ms after the crash");
    }
    Ok(())
}

/// One hearer goes deaf while nothing is said. The next update reaches it when it next compares roots
/// with anybody, the next message as soon as it misses a beat, and the ones after that at once, by
/// unicast.
#[test]
fn multicast_breaks_for_one_hearer_while_quiet() -> Outcome {
    for message in [false, true] {
        let (mut sim, speaker) = quiet(113)?;
        let (deaf, origin) = (others(speaker, 1), (speaker + 20) % NODES);
        sim.cut_multicast(&all(), &deaf);
        let first = if message { NOTICED } else { secs(1) };
        for (turn, most) in [first, millis(110), millis(110)].into_iter().enumerate() {
            let waited = if message {
                let told = sim.tell_all(origin).unwrap();
                let heard = sim.watch_for(told);
                sim.run_until(move |sim| sim.answers(heard).count >= NODES - 1, secs(30))?
            } else {
                wait(&mut sim, origin, turn as u32)?
            };
            assert!(waited <= most, "{waited:?} at turn {turn}");
        }
    }
    Ok(())
}
