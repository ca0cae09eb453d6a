//! What an embedder may rely on beside the behaviour of the engine: what it is built of, and that
//! its example is as short as it is said to be.

const MANIFEST: &str = include_str!("../../Cargo.toml");
const ENGINE: &str = include_str!("../../src/lib.rs");
const EVENT_LOOP: &str = include_str!("../../examples/event_loop.rs");

/// The lines of a section of the manifest.
fn section(name: &str) -> Vec<&'static str> {
    let lines = MANIFEST.lines().skip_while(|line| *line != name).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

#[test]
fn the_engine_needs_alloc_only_and_has_no_unsafe_code() {
    assert!(ENGINE.contains("\n#![no_std]\n") && ENGINE.contains("\n#![forbid(unsafe_code)]\n"));
    // The standard library is there for tests alone.
    assert_eq!(ENGINE.matches("extern crate").count(), 2);
    assert!(ENGINE.contains("extern crate alloc;\n#[cfg(test)]\nextern crate std;\n"));
    let features = section("[features]");
    let names: Vec<&str> = features.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["default", "seal", "serde", "mutants"]);
    assert!(features.contains(&"default = []"));
}

#[test]
fn the_engine_depends_on_little_and_on_no_standard_library() {
    let dependencies = section("[dependencies]");
    let names: Vec<&str> =
        dependencies.iter().filter_map(|line| line.split([' ', '.']).next()).collect();
    let known = [
        "aes",
        "aes-gcm-siv",
        "bytes",
        "hashbrown",
        "hkdf",
        "hmac",
        "polyval",
        "rand_chacha",
        "rand_core",
        "serde",
        "sha2",
        "zeroize",
    ];
    assert_eq!(names, known);
    let workspace = include_str!("../../../Cargo.toml");
    assert!(workspace.contains("bytes = { version = \"1.12\", default-features = false }"));
    for line in dependencies.iter().filter(|line| !line.ends_with(".workspace = true")) {
        assert!(line.contains("default-features = false"), "{line}");
    }
}

#[test]
fn an_event_loop_takes_less_than_80_lines() {
    assert!(EVENT_LOOP.lines().count() < 80);
}
