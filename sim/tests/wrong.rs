//! Files that are no scenarios, and what is said of each: the line, what is wrong, and what to write.
//!
//! Beside each `NAME.toml` in `tests/wrong` lies `NAME.txt` with the message, for a person to review.
//! With `REWRITE=1` in the environment the messages are written anew.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use std::fs;
use std::path::{Path, PathBuf};

use scalesmall_sim::scenario::Scenario;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|end| end == "toml")).collect();
    files.sort();
    files
}

#[test]
fn each_wrong_file_is_refused_with_the_message_beside_it() {
    let mut differ = Vec::new();
    for file in files() {
        let read = fs::read_to_string(&file).unwrap().parse::<Scenario>();
        let said = match read {
            Ok(_) => "accepted\n".to_owned(),
            Err(error) => format!("{error}\n"),
        };
        let beside = file.with_extension("txt");
        if std::env::var_os("REWRITE").is_some() {
            fs::write(&beside, &said).unwrap();
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if said != expected {
            differ.push(format!("{}:\n{said}instead of\n{expected}", file.display()));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// A message without a line or without a remedy leaves the reader alone.
#[test]
fn each_message_names_a_line_and_says_what_to_write() {
    let files = files();
    assert!(files.len() > 40, "{} files", files.len());
    for file in files {
        let said = fs::read_to_string(file.with_extension("txt")).unwrap();
        assert!(said.contains("line "), "{}: {said}", file.display());
        let remedies = [
            "write",
            "written",
            "give",
            "leave",
            "lower",
            "raise",
            "use",
            "list",
            "name",
            "there are",
            "put",
            "expected",
            "did you mean",
            "move",
            "shorten",
            "begin",
            "repeat",
            "rename",
            "the last is",
            "describe",
        ];
        assert!(remedies.iter().any(|word| said.contains(word)), "{}: {said}", file.display());
    }
}
