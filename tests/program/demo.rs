//! The demo keeps its promises.

use std::time::{Duration, Instant};

use crate::program::{run, turn};

#[test]
fn the_demo_ends_by_itself_with_every_promise_kept() {
    let _turn = turn();
    let begun = Instant::now();
    let output = run(&["demo"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("7 of 7 promises kept"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(45));
}
