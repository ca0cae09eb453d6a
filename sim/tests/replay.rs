//! `scalesmall-sim replay`: what it takes of a scenario, and what of a recording.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An empty folder of its own for each test.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn replay(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_scalesmall-sim"));
    program.env_remove("GROUP_MANAGER_KEY").arg("replay").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

const SCENARIO: &str = "name = \"two\"\n[cluster]\nnodes = 2\n[[steps]]\nrun = \"1s\"\n";

/// Of a node that has the published key.
const RECORDING: &str = "scalesmall-recording 3 - 127.0.0.1:7000 1 0 lan authenticated 0 false \
     1000000 4000 6b 0707070707070707070707070707070707070707070707070707070707070707\n\
     5 join 6a\n6 timeout\n";

/// What has no use is not passed over in silence.
#[test]
fn arguments_without_a_use_are_refused() {
    let folder = folder("uses");
    let scenario = written(&folder, "two.toml", SCENARIO);
    let recording = written(&folder, "recording", RECORDING);
    for (arguments, said) in [
        (
            &[&scenario, "--key-file", "group.key"][..],
            "is a scenario: it is replayed without --key-file",
        ),
        (&[&scenario, "--key-id", "0"], "without --key-id"),
        (&[&scenario, "--accept-key", "1=old.key"], "without --accept-key"),
        (&[&scenario, "--faults", "3"], "without --faults"),
        (&[&recording, "--seed", "4"], "is a recording: it is replayed without --seed"),
        (&[&recording, "--faults", "3"], "without --faults"),
        (&[&recording, "--nodes", "3"], "without --nodes"),
        (&["--key-file", "group.key"], "--key-file"),
        (&["--nodes", "1"], "with --nodes 1: the most nodes of a random scenario are 2 to 65536"),
        (&["--nodes", "70000"], "are 2 to 65536"),
    ] {
        let ran = replay(arguments);
        assert_eq!(ran.status.code(), Some(2), "{arguments:?}");
        assert!(text(&ran.stderr).contains(said), "{}", text(&ran.stderr));
    }
}

#[test]
fn a_recording_that_is_not_whole_has_failed() {
    let folder = folder("cut");
    let whole = replay(&[&written(&folder, "whole", RECORDING)]);
    assert_eq!(whole.status.code(), Some(0), "{}", text(&whole.stderr));
    assert!(text(&whole.stdout).contains("2 calls replayed"), "{}", text(&whole.stdout));
    let cut = replay(&[&written(&folder, "cut", &RECORDING[..RECORDING.len() - 3])]);
    assert_eq!(cut.status.code(), Some(1));
    assert!(text(&cut.stdout).contains("1 calls replayed"), "{}", text(&cut.stdout));
    assert!(
        text(&cut.stderr).contains("line 3, the last one, is cut off"),
        "{}",
        text(&cut.stderr)
    );
    let blank = replay(&[&written(&folder, "blank", &RECORDING.replace("join 6a", "join 6a 6b"))]);
    assert_eq!(blank.status.code(), Some(2));
    assert!(text(&blank.stderr).contains("line 2 of the recording is no call"));
}
