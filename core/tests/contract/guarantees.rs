//! The table of guarantees names tests that exist.

use std::fs;
use std::path::Path;

const TABLE: &str = include_str!("../../src/guarantees.md");

#[test]
fn each_promise_names_tests_that_exist() {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [engine.join("tests"), engine.join("../tests")];
    let mut rows = 0;
    for row in TABLE.lines().skip(2) {
        let proofs = row.trim_end_matches('|').rsplit(" | ").next().unwrap();
        let (mut named, mut source) = (0, String::new());
        for word in proofs.split('`').skip(1).step_by(2) {
            if word.ends_with(".rs") {
                let file =
                    folders.iter().map(|folder| folder.join(word)).find(|file| file.exists());
                source = fs::read_to_string(file.unwrap()).unwrap();
            } else {
                assert!(source.contains(&format!("\nfn {word}(")), "there is no test {word}");
                named += 1;
            }
        }
        assert!(named > 0, "nothing proves: {row}");
        rows += 1;
    }
    assert!(rows >= 7, "{rows} rows");
}
