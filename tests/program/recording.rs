//! Recordings: replayed, moved on by the next start, ended when they are full.

use std::fs;
use std::time::Duration;

use crate::program::{Directory, Node, refusal, run, text, until};

const ALONE: &[&str] = &["--bind", "127.0.0.1:0", "--no-multicast"];
const LIMIT: Duration = Duration::from_secs(20);

/// Replays a recording; returns whether its last line is whole.
#[track_caller]
fn replay(recording: &str) -> bool {
    let output = run(&["replay", recording]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{recording}: {errors}");
    errors.is_empty()
}

/// What a recording says of the group that a node joins in this life, in hexadecimal digits.
fn joined(life: u32) -> String {
    let digits =
        format!("life{life}").bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("join {digits}")
}

#[test]
fn each_start_begins_a_recording_and_some_earlier_ones_are_kept() {
    let directory = Directory::new();
    let file = text(&directory.path("tape"));
    let more = [ALONE, &["--record", &file, "--record-files", "3"]].concat();
    for life in 0..4 {
        let node = Node::start(&directory, "a", &more);
        node.ask(&["join", &format!("life{life}")]);
        if life % 2 == 0 {
            // What a thread of its own has not written yet would be lost.
            let recorded =
                || fs::read_to_string(&file).is_ok_and(|text| text.contains(&joined(life)));
            until(LIMIT, "it is recorded", recorded);
            node.kill();
        } else {
            node.signal("TERM");
            assert_eq!(node.ended(LIMIT), Some(0));
        }
    }
    let places = [file.clone(), format!("{file}.1"), format!("{file}.2")];
    for (life, place) in [3, 2, 1].iter().zip(&places) {
        // A kill may cut the last line off.
        assert!(replay(place) || life % 2 == 0, "{place} is cut off");
        let recording = fs::read_to_string(place).expect("a recording");
        assert!(recording.contains(&joined(*life)), "{place} is of another life");
    }
    assert!(!directory.path("tape.3").exists());
}

#[test]
fn a_file_that_is_no_recording_is_refused_and_stays() {
    let directory = Directory::new();
    let file = directory.path("notes");
    fs::write(&file, "precious").expect("a file");
    let mut command = crate::program::program();
    command.arg("node").args(ALONE).arg("--record").arg(&file);
    command.arg("--socket").arg(directory.path("a.sock"));
    let line = refusal(&mut command);
    assert!(line.contains("is no recording and stays as it is"), "{line}");
    assert_eq!(fs::read(&file).expect("a file"), b"precious");
}

#[test]
fn a_recording_ends_at_its_size_and_the_node_goes_on() {
    let directory = Directory::new();
    let file = text(&directory.path("tape"));
    let more = [ALONE, &["--record", &file, "--record-size", "20000"]].concat();
    let node = Node::start(&directory, "a", &more);
    until(LIMIT, "it is full", || node.counter("recording_errors") == 1);
    let log = || fs::read_to_string(directory.path("a.log")).expect("its log");
    until(LIMIT, "it is told", || log().contains("--record-size"));
    let len = fs::metadata(&file).expect("a recording").len();
    assert!((10_000..=20_000).contains(&len), "{len} bytes");
    replay(&file);
    assert_eq!(node.ask(&["peers"]), serde_json::json!([]));
}
