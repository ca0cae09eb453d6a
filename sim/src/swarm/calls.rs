//! What applications call while things fail.

use super::faults::RANGES;
use crate::random::{Random, Ratio};
use crate::scenario::{Serve, Span, Step, Tell, Whom};

/// Has applications call nodes among the steps of a scenario, without moving what these draw.
pub(super) fn mingle(random: &mut Random, steps: &mut Vec<Step>) {
    serve_at_once(random, steps);
    if random.hit(Ratio(1, 2)) {
        for _ in 0..random.between(1, 6) {
            let place = random.between(1, steps.len() as u64) as usize;
            tell(random, place, steps);
        }
    }
}

/// Messages, of which nothing is promised while things fail; at times right after a node has left
/// the group, so that others still hold it for a member.
fn tell(random: &mut Random, place: usize, steps: &mut Vec<Step>) {
    let tell = Tell { blackout: Span::default(), within: Span::default() };
    steps.insert(place, Step::Tell(tell));
    let leaver = random.below(MOST_LEAVERS) as usize;
    // What concerns those picked last is to go on doing so.
    let picked = matches!(
        steps.get(place + 1),
        Some(Step::WallClock(_) | Step::Restart(_) | Step::Serve(_))
    );
    if random.hit(Ratio(1, 3)) && !picked {
        steps.insert(place, Step::Leave(Whom::these([leaver])));
    }
}

/// Some of those who start with a wrong clock serve ranges at once: before they learn of their last
/// life, which is later than this one, so that they have to begin another one with these.
fn serve_at_once(random: &mut Random, steps: &mut Vec<Step>) {
    let mut place = 0;
    while place < steps.len() {
        let before = place.checked_sub(1).and_then(|before| steps.get(before));
        let starts =
            matches!((before, &steps[place]), (Some(Step::WallClock(_)), Step::Restart(_)));
        place += 1;
        if !starts || random.hit(Ratio(1, 4)) {
            continue;
        }
        for _ in 0..random.between(1, 3) {
            let range = random.below(RANGES) as u32;
            let over = Span::default();
            let whom = Whom::default();
            steps.insert(place, Step::Serve(Serve { whom, picked: true, range, over }));
        }
    }
}

/// How many nodes, the first ones, may leave right before a message.
const MOST_LEAVERS: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swarm::{Bounds, sample};

    fn is_mingled(step: &Step) -> bool {
        match step {
            Step::Tell(tell) => tell.within == Span::default(),
            Step::Leave(whom) => whom.these.is_some(),
            Step::Serve(serve) => serve.picked,
            _ => false,
        }
    }

    #[test]
    fn calls_come_between_the_other_steps_and_leave_these_as_they_are() {
        let mut counts = [0; 3];
        for seed in 0..300 {
            let mut plain = sample(seed, &Bounds::default()).steps;
            plain.retain(|step| !is_mingled(step));
            let mut steps = plain.clone();
            mingle(&mut Random::new(seed), &mut steps);
            for (place, step) in steps.iter().enumerate().filter(|(_, step)| is_mingled(step)) {
                match step {
                    Step::Tell(_) => counts[0] += 1,
                    Step::Leave(_) => {
                        counts[1] += 1;
                        assert!(is_mingled(&steps[place + 1]), "{steps:?}");
                    }
                    _ => counts[2] += 1,
                }
            }
            steps.retain(|step| !is_mingled(step));
            assert_eq!(steps, plain);
        }
        assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
    }
}
