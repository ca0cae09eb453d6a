//! What is set up wrongly is told: a sentence in the log and under the counters.

use std::time::Duration;

use crate::program::{Directory, Node, free_port, key_file, until};

const ALONE: &[&str] = &["--bind", "127.0.0.1:0", "--no-multicast"];
const LIMIT: Duration = Duration::from_secs(20);

fn log(directory: &Directory, name: &str) -> String {
    std::fs::read_to_string(directory.path(&format!("{name}.log"))).expect("its log")
}

#[test]
fn another_key_or_cluster_is_told_in_the_log_and_under_the_counters() {
    let directory = Directory::new();
    let key = key_file(&directory, "key");
    let cases: [(&str, &[&str], &str); 2] = [
        ("refused_key", &["--key-file", &key], "give the same keys to all"),
        ("refused_cluster", &["--cluster", "other"], "--cluster"),
    ];
    for (counter, difference, remedy) in cases {
        let node = Node::start(&directory, counter, ALONE);
        let seed = node.address.to_string();
        let other = [ALONE, &["--seed", &seed], difference].concat();
        let _other = Node::start(&directory, "other", &other);
        let warnings = || log(&directory, counter).matches(counter).count();
        until(LIMIT, counter, || warnings() > 0);
        let told = log(&directory, counter);
        assert!(told.contains(remedy), "{told}");
        let refused = node.counter(counter);
        until(LIMIT, "the next one is refused", || node.counter(counter) > refused);
        assert_eq!(warnings(), 1, "{}", log(&directory, counter));
        let shown = node.command(&["stats"]).output().expect("the program runs");
        let shown = String::from_utf8(shown.stdout).expect("text");
        assert!(shown.contains(remedy), "{shown}");
    }
}

#[test]
fn nothing_is_told_of_nodes_that_agree_even_when_one_restarts() {
    let directory = Directory::new();
    let a = Node::start(&directory, "a", ALONE);
    let seed = a.address.to_string();
    let bind = format!("127.0.0.1:{}", free_port());
    let more = ["--bind", &bind, "--no-multicast", "--seed", &seed];
    for _ in 0..2 {
        let b = Node::start(&directory, "b", &more);
        until(LIMIT, "they meet", || b.status_of(a.address).as_deref() == Some("alive"));
        b.kill();
    }
    let b = Node::start(&directory, "b", &more);
    until(LIMIT, "they meet", || b.status_of(a.address).as_deref() == Some("alive"));
    let sent = b.counter("probes_sent");
    until(LIMIT, "time for some looks", || b.counter("probes_sent") > sent + 12);
    for name in ["a", "b"] {
        assert!(!log(&directory, name).contains("refused_"), "{}", log(&directory, name));
    }
}

#[test]
fn seeds_of_the_other_address_family_are_named_and_left_out() {
    let directory = Directory::new();
    let a = Node::start(&directory, "a", ALONE);
    let seed = a.address.to_string();
    let more = ["--seed", &seed, "--seed", "[::1]:5"];
    let b = Node::start(&directory, "b", &[ALONE, &more].concat());
    until(LIMIT, "b meets a", || b.status_of(a.address).as_deref() == Some("alive"));
    assert_eq!(b.counter("seeds_out_of_reach"), 1);
    until(LIMIT, "it is named", || log(&directory, "b").contains("seed [::1]:5 is left out"));
    assert_eq!(a.counter("seeds_out_of_reach"), 0);
}

/// The file may grow to some kilobytes, as on a disk that is full.
#[cfg(target_os = "linux")]
#[test]
fn a_recording_that_ends_early_is_told_with_its_file_and_the_remedy() {
    let directory = Directory::new();
    let recording = crate::program::text(&directory.path("recording"));
    let mut limited = std::process::Command::new("sh");
    let limit = "ulimit -f 16; exec \"$0\" \"$@\"";
    limited.args(["-c", limit, env!("CARGO_BIN_EXE_scalesmall")]);
    let more = [ALONE, &["--record", &recording]].concat();
    let node = Node::start_by(limited, &directory, "a", &more);
    assert_eq!(node.counter("recording_errors"), 0);
    // Each question is some lines of the recording.
    until(LIMIT, "the file is full", || node.counter("recording_errors") == 1);
    until(LIMIT, "it is told", || log(&directory, "a").contains("recording_errors"));
    let told = log(&directory, "a");
    assert!(told.contains(&format!("--record {recording}: file too large")), "{told}");
    assert!(told.contains("make room"), "{told}");
    let shown = node.command(&["stats"]).output().expect("the program runs");
    assert!(String::from_utf8_lossy(&shown.stdout).contains("make room"));
}
