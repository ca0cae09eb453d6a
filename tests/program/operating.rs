//! The page about operating: every command in it runs, in its order, and every warning of the program is in it.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;

use crate::program::{Directory, program};

const PAGE: &str = include_str!("../../adapters/agent/src/operating.md");

/// The blocks of the page in this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let block = |rest: &'static str| rest.split("```").next().expect("a first part");
    PAGE.split(fence.as_str()).skip(1).map(block).collect()
}

/// The first digits of ports that nobody uses: one more digit makes a port of them.
pub(crate) fn free_ports() -> String {
    let is_free = |port: u16| {
        UdpSocket::bind(("127.0.0.1", port)).is_ok()
            && TcpListener::bind(("127.0.0.1", port)).is_ok()
    };
    let first = 2_000 + u16::try_from(std::process::id() % 1_000).expect("a small number");
    let mut digits = first..3_200;
    let free = digits.find(|digits| (1..=5).all(|last| is_free(digits * 10 + last)));
    free.expect("five ports").to_string()
}

fn exists(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().is_ok()
}

#[test]
fn every_command_of_the_page_does_what_it_says() {
    let directory = Directory::new();
    let digits = free_ports();
    let here = |text: &str| {
        let text = text.replace("127.0.0.1:2999", &format!("127.0.0.1:{digits}"));
        text.replace("127.0.0.1:946", &format!("127.0.0.1:{digits}"))
    };
    for file in blocks("toml") {
        let name = file.lines().next().and_then(|line| line.strip_prefix("# ")).expect("its name");
        fs::write(directory.path(name), here(file)).expect("it is written");
    }
    let mut script = String::from(
        "set -eu\ntrap 'for f in node-*.pid; do kill -KILL $(cat $f) 2> /dev/null || true; done' EXIT\n",
    );
    let mut commands = 0;
    for line in blocks("console").into_iter().flat_map(str::lines) {
        let command = line.strip_prefix("$ ").expect("a command");
        if command.starts_with("curl ") && !exists("curl") {
            println!("skipped: {command}");
            continue;
        }
        script += &format!("echo '+++ {commands}'\n{}\n", here(command));
        commands += 1;
    }
    assert!(commands > 25, "{script}");
    fs::write(directory.path("script"), &script).expect("it is written");
    let binary = Path::new(env!("CARGO_BIN_EXE_scalesmall")).parent().expect("a directory");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("timeout");
    command.args(["120", "sh", "script"]).current_dir(directory.path(""));
    command.env("PATH", format!("{}:{path}", binary.display()));
    for (name, _) in program().get_envs() {
        command.env_remove(name);
    }
    let output = command.output().expect("sh runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let log = fs::read_to_string(directory.path("node-1.log")).unwrap_or_default();
    assert!(output.status.success(), "{script}\n{told}\n{errors}\n{log}");
    for part in [
        "status 3: nobody serves it",
        "1000-4294967295",
        "sent to node-2: message ",
        " of node-1, tag 0: soup is ready",
        "scalesmall_peers{status=\"alive\"} 4",
        "node-2 is alive since ",
        "all 5 living nodes reach each other",
        "node-5 is down since ",
        "confirmed by node-",
        "node-5 is forgotten",
        "changed: preset",
        "the node has left",
    ] {
        assert!(told.contains(part), "{part}\n{told}\n{errors}");
    }
    // Two exchanges: no key is in use in the end that was so in the beginning.
    let used = |line: &&str| line.contains("in use") && line.contains(" of ");
    let keys: Vec<&str> = told.lines().filter(used).filter_map(|line| line.get(1..5)).collect();
    let [first, .., last] = keys[..] else { panic!("{told}") };
    assert!(first != last && told.contains("leaked"), "{told}");
    let node_2 = fs::read_to_string(directory.path("node-2.log")).expect("its log");
    // It may read the file only after the next change of it.
    let reread = |line: &str| line.contains("SIGHUP: changed: ") && line.contains("preset");
    assert!(node_2.lines().any(reread), "{node_2}");
    // By command it is in the log as well, and a node that goes down is a warning.
    let has = |level: &str, part: &str| {
        log.lines().any(|line| line.contains(level) && line.contains(part))
    };
    assert!(has("INFO", "reload: changed: preset"), "{log}");
    assert!(has("WARN", "node-5 suspect -> down") && !log.contains("scalesmall_agent"), "{log}");
    let down = |log: &str| log.lines().filter(|line| line.contains("-> down")).count();
    assert_eq!(down(&log), 1, "only node-5 was called down: {log}");
}

/// The fixed parts of the sentences that sources log as warnings or errors.
fn warnings(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (code, _) = source.split_once("#[cfg(test)]").unwrap_or((source, ""));
    for macro_name in ["tracing::warn!(", "tracing::error!("] {
        for rest in code.split(macro_name).skip(1) {
            let literal = rest.trim_start().strip_prefix('"').expect("a sentence comes first");
            let literal = literal.split('"').next().expect("a first part");
            let sentence: Vec<&str> = literal.split(['\\', '\n']).map(str::trim).collect();
            let sentence = sentence.join(" ");
            let fixed = sentence.split(['{', '}']).step_by(2).max_by_key(|part| part.len());
            let mark = |char: char| !char.is_alphanumeric();
            found.extend(fixed.map(|part| part.trim_matches(mark).to_owned()));
        }
    }
    found
}

#[test]
fn every_warning_of_the_program_has_a_row_in_the_page() {
    let (_, table) = PAGE.split_once("# Every warning").expect("the table");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    for entry in fs::read_dir(sources).expect("the sources") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|kind| kind == "rs") {
            all.extend(warnings(&fs::read_to_string(path).expect("text")));
        }
    }
    // What is not there belongs to faults, seeds and changes, whose sentences are elsewhere.
    let fixed: Vec<&String> = all.iter().filter(|part| part.len() >= 8).collect();
    assert!(fixed.len() >= 12, "{all:?}");
    for part in fixed {
        let begins: Vec<&str> = part.split(' ').filter(|word| !word.is_empty()).take(4).collect();
        let begins = begins.join(" ");
        let begins = begins.trim_end_matches([':', ';', ',']);
        assert!(table.contains(begins), "{begins:?} is not in the table: {part:?}");
    }
}
