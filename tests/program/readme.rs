//! The README: its first cluster comes up, and what its other commands name is there. Its Rust blocks are compiled
//! with the adapter for mio.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::operating::free_ports;
use crate::program::{Directory, program};

const PAGE: &str = include_str!("../../README.md");

/// The blocks of commands, each with the lines that are printed.
fn blocks() -> Vec<&'static str> {
    let block = |rest: &'static str| rest.split("```").next().expect("a first part");
    PAGE.split("```console\n").skip(1).map(block).collect()
}

#[test]
fn the_first_cluster_comes_up_as_it_is_shown() {
    let directory = Directory::new();
    let block = blocks().into_iter().find(|block| block.contains("keygen")).expect("a cluster");
    let block = block.replace("127.0.0.1:2999", &format!("127.0.0.1:{}", free_ports()));
    let (commands, printed): (Vec<&str>, Vec<&str>) =
        block.lines().partition(|line| line.starts_with("$ "));
    let commands: Vec<&str> = commands.iter().map(|line| &line[2..]).collect();
    assert!(commands.len() > 5 && printed.len() == 2, "{block}");
    let script = format!(
        "set -eu\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n{}\n",
        commands.join("\n")
    );
    fs::write(directory.path("script"), &script).expect("it is written");
    let binary = Path::new(env!("CARGO_BIN_EXE_scalesmall")).parent().expect("a directory");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("timeout");
    command.args(["60", "bash", "script"]).current_dir(directory.path(""));
    command.env("PATH", format!("{}:{path}", binary.display()));
    for (name, _) in program().get_envs() {
        command.env_remove(name);
    }
    let output = command.output().expect("bash runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{script}\n{told}\n{errors}");
    for line in printed {
        assert!(told.lines().any(|said| said.trim() == line.trim()), "{line}\n{told}\n{errors}");
    }
}

#[test]
fn what_the_other_commands_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = |path: String| fs::read_to_string(root.join(path)).unwrap_or_default();
    let manifests: Vec<String> =
        ["core", "sim", "adapters/mio", "adapters/smol", "adapters/tokio", "adapters/async-std"]
            .map(|folder| text(format!("{folder}/Cargo.toml")))
            .into();
    let mut seen = 0;
    let of_cargo =
        blocks().into_iter().flat_map(str::lines).filter_map(|line| line.strip_prefix("$ cargo "));
    for line in
        of_cargo.chain(PAGE.split("`cargo ").skip(1).filter_map(|rest| rest.split('`').next()))
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            let is_named =
                || manifests.iter().any(|text| text.contains(&format!("name = \"{}\"", pair[1])));
            let is_there = match pair[0] {
                "-p" | "--bench" => is_named(),
                "--example" => {
                    is_named() || root.join(format!("sim/examples/{}.rs", pair[1])).exists()
                }
                "--path" | "run" if pair[1].contains('/') => root.join(pair[1]).exists(),
                _ => continue,
            };
            assert!(is_there, "{line}");
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen}");
    assert!(PAGE.lines().count() <= 200, "{} lines", PAGE.lines().count());
}
