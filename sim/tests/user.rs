//! What a user of the program meets: help, forecasts, seeds in files, captures, the examples.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use std::fs;
use std::process::{Command, Output};

mod small;

use small::{SMALL, folder, run, small, text};

/// What does not scale with the number of nodes is named, with its step.
#[test]
fn a_scenario_scaled_down_runs_or_says_what_does_not_fit() {
    let folder = folder("scaled");
    let file = small(&folder);
    fs::write(&file, SMALL.replace("crash = { nodes = 1 }", "crash = { these = [4] }")).unwrap();
    let ran = run(&["run", &file, "--nodes", "3"]);
    let said = text(&ran.stderr);
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert!(said.contains("with --nodes 3: step 2, crash.these: there is no node 4"), "{said}");
    let crash = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/crash.toml");
    let ran = run(&["run", crash, "--nodes", "12", "--seeds", "2"]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stdout));
}

/// What does not fit into memory is refused, and what takes hours is said, before anything is played.
#[test]
fn what_a_run_will_take_is_said_before_it_starts() {
    let folder = folder("forecast");
    let file = small(&folder);
    let ran = run(&["run", &file, "--nodes", "65536", "--seeds", "1"]);
    let said = text(&ran.stderr);
    assert_eq!((ran.status.code(), text(&ran.stdout).as_str()), (Some(2), ""), "{said}");
    assert!(said.contains("65536 nodes take about 1298.3 GB"), "{said}");
    assert!(said.contains("with --nodes, or all the same with --anyway"), "{said}");
    let long = SMALL.replace("crash = { nodes = 1 }", "run = \"10000h\"");
    fs::write(&file, long.replace("nodes = 5", "nodes = 100")).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_scalesmall-sim"));
    let mut started =
        program.args(["run", &file]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(started.stderr.take().unwrap()),
        &mut said,
    )
    .unwrap();
    started.kill().unwrap();
    started.wait().unwrap();
    assert!(said.contains(" hours at least: fewer --seeds or --nodes take less"), "{said}");
}

/// The page on scenario files, and the help of each verb, are where a user looks for them.
#[test]
fn help_is_there_for_files_and_verbs() {
    let page = text(&run(&["help", "scenarios"]).stdout);
    assert_eq!(page, scalesmall_sim::scenario::files::PAGE);
    assert_eq!(text(&run(&["help", "run"]).stdout), text(&run(&["run", "--help"]).stdout));
    let unknown = run(&["help", "scenario"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("no help on scenario: there is scenarios, run,"));
    assert!(text(&run(&["run", "--help"]).stdout).contains("help scenarios"));
}

/// A file has the seed that it is to be played with, in `run` and in `replay`.
#[test]
fn a_file_is_played_with_the_seed_that_it_names() {
    let folder = folder("seed");
    let file = small(&folder);
    fs::write(&file, SMALL.replace("seeds = 2", "seed = 77\nseeds = 1")).unwrap();
    let ran = text(&run(&["run", &file, "--json"]).stdout);
    assert!(ran.contains("\"seed\":77") && !ran.contains("\"seed\":78"), "{ran}");
    let trace = |arguments: &[&str]| {
        let said = text(&run(&[&["replay", &file], arguments].concat()).stderr);
        said.lines().find(|line| line.starts_with("trace ")).unwrap().to_owned()
    };
    assert_eq!(trace(&[]), trace(&["--seed", "77"]));
    assert_ne!(trace(&[]), trace(&["--seed", "78"]));
}

/// A capture and a trace are written of one run, and multicasts are multicasts in both.
#[test]
fn a_capture_and_a_trace_are_of_one_run_and_show_its_multicasts() {
    for (ipv6, header, group) in [
        ("", 20, &[224, 1, 1, 1][..]),
        ("\nipv6 = true", 40, &[0xff, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x5c, 0xa1, 0xe5, 0xa1]),
    ] {
        let folder = folder(&format!("both{header}"));
        let file = small(&folder);
        let segment = format!("nodes = 5\nsegments = 1\nleast_hearers = 3{ipv6}");
        fs::write(&file, SMALL.replace("nodes = 5", &segment)).unwrap();
        let (pcap, trace) = (folder.join("run.pcap"), folder.join("run.jsonl"));
        let (to_pcap, to_trace) = (pcap.to_str().unwrap(), trace.to_str().unwrap());
        let ran = run(&["replay", &file, "--pcap", to_pcap, "--trace", to_trace]);
        assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
        let lines = fs::read_to_string(&trace).unwrap();
        let sent = lines.lines().filter(|line| line.contains("\"hearers\"")).count();
        let (bytes, mut at, mut multicasts, mut all) = (fs::read(&pcap).unwrap(), 0, 0, 0);
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        while at < bytes.len() {
            // An enhanced packet block of pcapng.
            if word(at) == 6 {
                let packet = &bytes[at + 28..at + 28 + word(at + 20) as usize];
                let to = &packet[header - group.len()..header];
                let port = u16::from_be_bytes(packet[header + 2..header + 4].try_into().unwrap());
                multicasts += usize::from(to == group && port == 29_999);
                all += 1;
            }
            at += word(at + 4) as usize;
        }
        let unicasts = lines.lines().filter(|line| line.contains("\"kind\":\"delivered\"")).count();
        assert!(sent > 0 && multicasts == sent, "{multicasts} of {sent} multicasts");
        assert!(all > multicasts && all < unicasts + sent, "{all} packets");
        let twice = run(&["replay", &file, "--pcap", to_pcap, "--trace", to_pcap]);
        assert!(text(&twice.stderr).contains("would be written twice"), "{}", text(&twice.stderr));
    }
}

/// The commands of an example of the documentation for GNU parallel: the first that says this.
#[cfg(unix)]
fn example(of: &str) -> String {
    let blocks = include_str!("../src/lib.rs").split("```console");
    let block = blocks.map(|block| block.split("```").next().unwrap());
    let block = block.into_iter().find(|block| block.contains("$ parallel") && block.contains(of));
    let lines = block.unwrap().lines().map(|line| {
        let line = line.trim_start_matches("//!").trim();
        line.strip_prefix("$ ").unwrap_or(line)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Runs an example on this machine alone: with GNU parallel where that is installed, else with a stand-in
/// that runs the same commands.
#[cfg(unix)]
fn run_example(folder: &std::path::Path, example: &str) -> Output {
    use std::os::unix::fs::PermissionsExt;

    fs::write(folder.join("hosts"), ":\n").unwrap();
    let bin = folder.join("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_scalesmall-sim"), bin.join("scalesmall-sim"))
        .unwrap();
    let found = Command::new("sh").args(["-c", "command -v parallel"]).output().unwrap();
    if !found.status.success() {
        let stand_in = bin.join("parallel");
        fs::write(&stand_in, STAND_IN).unwrap();
        fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-ec", example]).current_dir(folder).env("PATH", path).output().unwrap()
}

/// The example for a swarm, with fewer and smaller worlds.
#[cfg(unix)]
#[test]
fn the_example_for_gnu_parallel_comes_to_what_one_machine_does() {
    let example = example("explore");
    assert!(
        example.contains("--runs 100000") && example.contains("merge swarm-*.json"),
        "{example}"
    );
    let small =
        example.replace("--runs 100000", "--runs 7 --nodes 4 --faults 2").replace("64", "3");
    let ran = run_example(&folder("parallel"), &small);
    assert_eq!(ran.status.code(), Some(0), "{}{}", text(&ran.stdout), text(&ran.stderr));
    let whole = run(&["explore", "--runs", "7", "--nodes", "4", "--faults", "2", "--all"]);
    let trace = |output: &Output| {
        let said = text(&output.stdout);
        said.lines().rev().find(|line| line.starts_with("trace ")).unwrap().to_owned()
    };
    assert_eq!(trace(&ran), trace(&whole));
}

/// The example for the results, with two small scenarios, one of them a grid.
#[cfg(unix)]
#[test]
fn the_example_for_the_results_comes_to_the_page_of_one_machine() {
    let folder = folder("parallel-results");
    let scenarios = folder.join("sim/scenarios");
    fs::create_dir_all(&scenarios).unwrap();
    small(&scenarios);
    let grid = SMALL
        .replace("\"small\"", "\"crash\"")
        .replace("[cluster]", "[grid]\n\"cluster.nodes\" = [3, 5]\n[cluster]");
    fs::write(scenarios.join("crash.toml"), grid).unwrap();
    let ran = run_example(&folder, &example("results").replace("64", "3"));
    assert_eq!(ran.status.code(), Some(0), "{}{}", text(&ran.stdout), text(&ran.stderr));
    let merged = fs::read_to_string(folder.join("sim/RESULTS.md")).unwrap();
    let page = folder.join("one.md");
    let arguments = ["--folder", scenarios.to_str().unwrap(), "--out", page.to_str().unwrap()];
    assert_eq!(run(&[&["results"], &arguments[..]].concat()).status.code(), Some(0));
    assert_eq!(merged, fs::read_to_string(page).unwrap());
    assert!(merged.contains("| [crash](scenarios/crash.toml) | 3 to 5 | 4 |"), "{merged}");
}

/// Runs a command for each argument after `:::`, on this machine.
#[cfg(unix)]
const STAND_IN: &str = r#"#!/bin/sh -e
while :; do case "$1" in --sshloginfile|--basefile|--return) shift 2;; --cleanup) shift;; *) break;; esac; done
command=
while [ "$1" != ":::" ]; do command="$command $1"; shift; done
shift
for argument in "$@"; do sh -c "$(echo "$command" | sed "s/{}/$argument/g")"; done
"#;
