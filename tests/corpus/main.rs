//! Replays the fuzzers' corpora: each file once, on the stable tool chain.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use std::fs;
use std::path::Path;

fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no files in {}", folder.display());
    for file in files {
        println!("{}", file.display());
        target(&fs::read(file).unwrap());
    }
}

#[test]
fn datagram() {
    replay("datagram", scalesmall_hostile::datagram);
}

#[test]
fn payload() {
    replay("payload", scalesmall_hostile::payload);
}

#[test]
fn mutant() {
    replay("mutant", scalesmall_hostile::mutant);
}

#[test]
fn frames() {
    replay("frames", scalesmall_hostile::frames);
}

#[test]
fn calls() {
    replay("calls", scalesmall_hostile::calls);
}

#[test]
fn member() {
    replay("member", scalesmall_hostile::member);
}

#[test]
fn recording() {
    replay("recording", scalesmall_texts::recording);
}

#[test]
fn key_text() {
    replay("key_text", scalesmall_texts::key_text);
}

#[test]
fn control() {
    replay("control", scalesmall_texts::control);
}
