//! The page on platforms names every source that depends on the operating system, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../../adapters/driver/src/platforms.md");

/// What a source contains that depends on the system.
const MARKS: [&str; 7] =
    ["cfg(unix", "io::unix", "cfg(windows", "cfg!(unix", "cfg!(windows", "target_os", "std::os::"];

/// The sources and folders that the first column names.
fn named() -> BTreeSet<&'static str> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    rows.flat_map(|cell| cell.trim_end_matches('`').split("`, `")).collect()
}

/// All sources below a folder.
fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn the_page_on_platforms_names_all_sources_that_depend_on_the_system() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = Vec::new();
    for part in ["core/src", "sim/src"] {
        sources(&repository.join(part), &mut all);
    }
    for adapter in ["driver", "mio", "smol", "tokio", "async-std", "agent"] {
        sources(&repository.join("adapters").join(adapter).join("src"), &mut all);
    }
    let depends = |file: &&PathBuf| {
        let text = fs::read_to_string(file).expect("a text");
        MARKS.iter().any(|mark| text.contains(mark))
    };
    let mut unused = named();
    assert!(unused.len() > 5, "the table is not read: {unused:?}");
    for file in all.iter().filter(depends) {
        let file =
            file.strip_prefix(&repository).expect("a source").to_str().expect("a plain name");
        let row = named().into_iter().find(|row| file.starts_with(row));
        let row = row.unwrap_or_else(|| panic!("{file} depends on the system: say so on the page"));
        unused.remove(row);
    }
    assert!(
        unused.is_empty(),
        "on the page, but without anything that depends on the system: {unused:?}"
    );
}
