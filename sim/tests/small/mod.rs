//! A small scenario in a folder of its own, and the program that plays it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An empty folder of its own for each test.
pub(crate) fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scalesmall-sim")).args(arguments).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) const SMALL: &str = r#"
name = "small"
about = "Five nodes lose one."
seeds = 2
[cluster]
nodes = 5
[[steps]]
await = { what = "agreement", within = "5s" }
[[steps]]
crash = { nodes = 1 }
[[steps]]
await = { what = "sight", within = "20s", figure = "crash" }
[[bars]]
figure = "crash"
of = "max"
at_most = "8s"
"#;

pub(crate) fn small(folder: &Path) -> String {
    let file = folder.join("small.toml");
    fs::write(&file, SMALL).unwrap();
    file.to_str().unwrap().to_owned()
}
