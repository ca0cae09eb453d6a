//! From what state a scenario starts what it measures.

use crate::scenario::{Goal, Scenario, Step};

/// What is waited for, and for how long, before the first step that does something.
pub(super) fn begun(scenario: &Scenario) -> String {
    let mut words = Vec::new();
    for step in &scenario.steps {
        match step {
            Step::Await(goal) => words.push(
                match goal.what {
                    Goal::Sight => "all see all",
                    Goal::Agreement => "all agree",
                    Goal::OneKey
                    | Goal::Shown
                    | Goal::Heard
                    | Goal::Split
                    | Goal::Conflict
                    | Goal::Located
                    | Goal::Shared
                    | Goal::ToldOfHold => {
                        break;
                    }
                }
                .to_owned(),
            ),
            Step::Run(span) => words.push(format!("{span} pass")),
            Step::Meter(_)
            | Step::Count(_)
            | Step::Usage(_)
            | Step::NoteOwners(_)
            | Step::NoteSlots(_) => {}
            Step::ForbidFalseDown(_) | Step::ForbidHidden(_) | Step::Join(_) => {}
            _ => break,
        }
    }
    match words.as_slice() {
        [] => "begun with the start of the nodes".to_owned(),
        words => format!("begun after {}", words.join(", then ")),
    }
}
