//! The demo keeps its promises.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Directory, program, run, turn};

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

#[test]
fn a_demo_that_is_interrupted_leaves_neither_files_nor_nodes() {
    let _turn = turn();
    let directory = Directory::new();
    let place = directory.path("tmp");
    std::fs::create_dir(&place).expect("a directory");
    let mut command = program();
    command.arg("demo").env("TMPDIR", &place).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut demo = command.spawn().expect("the program runs");
    let out = BufReader::new(demo.stdout.take().expect("it is piped"));
    let mut nodes = Vec::new();
    for line in out.lines() {
        let line = line.expect("text");
        if let Some((_, process)) = line.split_once(", process ") {
            nodes.push(process.to_owned());
        }
        if line.contains("SIGKILL") {
            let sent = Command::new("kill").args(["-INT", &demo.id().to_string()]).status();
            assert!(sent.expect("kill runs").success());
        }
    }
    let ended = demo.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(130));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "scalesmall: interrupted\n");
    let left = std::fs::read_dir(&place).expect("a directory").count();
    assert_eq!((left, nodes.len()), (0, 5));
    assert!(nodes.iter().all(|node| !Path::new("/proc").join(node).exists()));
}
