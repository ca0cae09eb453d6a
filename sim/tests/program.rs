//! The program itself: files in, verdicts out.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use scalesmall_core::{Event, GroupName, KeyRange};
use scalesmall_driver::{Events, Front, GroupKeys, Handle, Settings};
use scalesmall_mio::{Node, spawn};

mod small;

use small::{SMALL, folder, run, small, text};

#[test]
fn a_scenario_ends_in_a_verdict_a_table_and_a_page() {
    let folder = folder("verdict");
    let (file, page) = (small(&folder), folder.join("page.html"));
    let ran = run(&["run", &file, "--html", page.to_str().unwrap()]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    assert!(text(&ran.stdout).contains("small passed: 5 nodes, 2 runs"));
    assert!(fs::read_to_string(page).unwrap().contains("1 of 1 scenarios passed"));
    let missed = run(&["run", &file, "--seeds", "1", "--set", "cluster.nodes=6", "--set", "x=1"]);
    assert_eq!(missed.status.code(), Some(2));
    assert!(text(&missed.stderr).contains("unknown field `x`"), "{}", text(&missed.stderr));
    let set = run(&["run", &file, "--seeds", "1", "--set", "cluster.nodes=6", "--json"]);
    assert!(text(&set.stdout).contains("\"nodes\":6"), "{}", text(&set.stdout));
    fs::write(&file, SMALL.replace("8s", "1ms")).unwrap();
    let missed = run(&["run", &file]);
    assert_eq!(missed.status.code(), Some(1));
    assert!(text(&missed.stdout).contains("MISSED"));
}

#[test]
fn a_bad_file_is_named_with_line_and_remedy() {
    let folder = folder("bad");
    let file = small(&folder);
    for (from, to, line, remedy) in [
        ("nodes = 5", "nodes = 0", "line 6", "1 to 65536"),
        ("nodes = 5", "nods = 5", "line 6", "expected one of"),
        ("nodes = 5", "nodes = 5\nlink.loss = \"2/1\"", "line 7", "at most 100%"),
        ("figure = \"crash\"\nof", "figure = \"crush\"\nof", "line 14", "there are"),
    ] {
        fs::write(&file, SMALL.replace(from, to)).unwrap();
        let ran = run(&["run", &file]);
        let said = text(&ran.stderr);
        assert_eq!(ran.status.code(), Some(2), "{said}");
        assert!(said.contains("small.toml") && said.contains(line), "{said}");
        assert!(said.contains(remedy), "{said}");
    }
}

/// What is wrong on the command line is no matter of the file, and of none of its lines.
#[test]
fn a_bad_change_is_named() {
    let folder = folder("change");
    let file = small(&folder);
    for (change, named) in [
        (["--nodes", "0"], "with --nodes 0: a cluster of 0 nodes"),
        (["--nodes", "2000000"], "1 to 65536"),
        (["--set", "cluster.nods=3"], "with --set cluster.nods=3: unknown field `nods`"),
        (["--set", "cluster.link.loss=130%"], "at most 100%"),
        (["--set", "seeds=99999999999"], "expected a whole number of 0 to 4294967295"),
        (["--set", "cluster.settings.outbox=0"], "limits.outbox must be at least"),
    ] {
        let ran = run(&["run", &file, change[0], change[1]]);
        let said = text(&ran.stderr);
        assert_eq!(ran.status.code(), Some(2), "{said}");
        assert!(said.contains("small.toml with ") && said.contains(named), "{said}");
        assert!(!said.contains("line "), "{said}");
    }
}

/// Another number of nodes, and zones that fit it, are right together.
#[test]
fn zones_are_changed_together_with_the_number_of_nodes() {
    let folder = folder("zones");
    let file = small(&folder);
    let zone = "nodes = 5\nzone = [{ name = \"all\", nodes = [0, 4] }]";
    fs::write(&file, SMALL.replace("nodes = 5", zone)).unwrap();
    for nodes in ["4", "6"] {
        let ran = run(&["run", &file, "--nodes", nodes]);
        let said = text(&ran.stderr);
        assert_eq!(ran.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("with --nodes {nodes}: ")), "{said}");
        assert!(said.contains("--set 'cluster.zone=[{ name ="), "{said}");
    }
    let zones = "cluster.zone=[{ name = \"all\", nodes = [0, 5] }]";
    let ran = run(&["run", &file, "--seeds", "1", "--nodes", "6", "--set", zones]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    assert!(text(&ran.stdout).contains("small passed: 6 nodes"), "{}", text(&ran.stdout));
}

/// The line that a failure prints makes the same run again, changes and all.
#[cfg(unix)]
#[test]
fn a_failure_is_seen_again_with_the_line_it_prints() {
    let folder = folder("again");
    let file = small(&folder);
    let changes = ["--nodes", "4", "--set", "cluster.link.loss=100%", "--set", "about=no words"];
    let ran = run(&[&["run", &file, "--seeds", "1"], &changes[..]].concat());
    let said = text(&ran.stdout);
    let again = said.lines().find_map(|line| line.strip_prefix("again: scalesmall-sim ")).unwrap();
    assert!(again.contains("--set 'about=no words'"), "{again}");
    let line = format!("{} {again}", env!("CARGO_BIN_EXE_scalesmall-sim"));
    let replayed = Command::new("sh").args(["-c", &line]).output().unwrap();
    assert_eq!(replayed.status.code(), Some(1), "{}", text(&replayed.stderr));
    let broke = |said: &str| said.lines().find(|line| line.contains("seed 1: ")).map(str::to_owned);
    assert_eq!(broke(&text(&replayed.stdout)), broke(&said));
    assert!(text(&replayed.stdout).contains(&format!("again: scalesmall-sim {again}")));
    assert!(said.contains("in step    1: await = {"), "{said}");
}

/// Hours of simulation are not lost to a file that cannot be written, or is the scenario itself.
#[test]
fn outputs_are_looked_at_before_anything_is_played() {
    let folder = folder("outputs");
    let file = small(&folder);
    let nowhere = folder.join("no/file").to_str().unwrap().to_owned();
    let results = ["results", "--folder", folder.to_str().unwrap(), "--out"];
    for arguments in [
        &["run", &file, "--html"][..],
        &["replay", &file, "--trace"],
        &["replay", &file, "--pcap"],
        &["explore", "--runs", "1", "--report"],
        &["explore", "--runs", "1", "--out"],
        &results,
    ] {
        let ran = run(&[arguments, &[&nowhere]].concat());
        let said = text(&ran.stderr);
        assert_eq!((ran.status.code(), text(&ran.stdout).as_str()), (Some(2), ""), "{said}");
        assert!(said.contains(&format!("{nowhere} cannot be written")), "{said}");
    }
    for arguments in [
        &["run", &file, "--html"][..],
        &["explore", "--runs", "1", "--report"],
        &["explore", "--runs", "1", "--out"],
        &results,
    ] {
        let ran = run(&[arguments, &["-"]].concat());
        assert_eq!((ran.status.code(), text(&ran.stdout).as_str()), (Some(2), ""));
        assert!(text(&ran.stderr).contains("- is standard output"), "{}", text(&ran.stderr));
    }
    for arguments in [&["run", &file, "--html"][..], &["replay", &file, "--trace"]] {
        let ran = run(&[arguments, &[&file]].concat());
        assert!(text(&ran.stderr).contains("is read: name another"), "{}", text(&ran.stderr));
        assert_eq!(fs::read_to_string(&file).unwrap(), SMALL);
    }
    let once = folder.join("once").to_str().unwrap().to_owned();
    let again = format!("{}/./once", folder.display());
    let ran = run(&["explore", "--runs", "1", "--report", &once, "--out", &again]);
    assert_eq!((ran.status.code(), text(&ran.stdout).as_str()), (Some(2), ""));
    assert!(text(&ran.stderr).contains("would be written twice"), "{}", text(&ran.stderr));
    let second = folder.join("second.toml").to_str().unwrap().to_owned();
    let ran = run(&["run", &file, &second]);
    assert_eq!((ran.status.code(), text(&ran.stdout).as_str()), (Some(2), ""));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing was written");
}

/// A record that ends early for want of room is not taken for a whole one.
#[cfg(target_os = "linux")]
#[test]
fn a_record_that_does_not_fit_is_told() {
    let file = small(&folder("full"));
    for record in ["--trace", "--pcap"] {
        let ran = run(&["replay", &file, record, "/dev/full"]);
        let said = text(&ran.stderr);
        assert_eq!(ran.status.code(), Some(2), "{said}");
        assert!(said.contains("/dev/full cannot be written"), "{said}");
    }
}

/// What goes to standard output is the record alone.
#[test]
fn a_record_on_standard_output_is_nothing_else() {
    let file = small(&folder("stdout"));
    let ran = run(&["replay", &file, "--trace", "-"]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    for line in text(&ran.stdout).lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
    assert!(text(&ran.stderr).contains("small passed"), "{}", text(&ran.stderr));
}

#[test]
fn what_would_play_nothing_is_refused() {
    let folder = folder("nothing");
    let file = small(&folder);
    let (seeds, report) = (folder.join("seeds"), folder.join("report"));
    fs::write(&seeds, "# none\n").unwrap();
    let shard = r#""shard":{"number":3,"of":2}"#;
    let swarm =
        r#""swarm":{"first":1,"seeds":[],"limit":1,"node_seconds":false,"nodes":2,"faults":1}"#;
    let totals = r#""totals":{"sizes":{},"node_nanos":0,"steps":0,"kinds":{}}"#;
    fs::write(&report, format!("{{{swarm},{shard},{totals},\"trace\":0,\"broken\":[]}}")).unwrap();
    let (seeds, report) = (seeds.to_str().unwrap(), report.to_str().unwrap());
    for (arguments, said) in [
        (&["explore", "--runs", "0"][..], "1.."),
        (&["explore", "--nodes", "1"], "2..=65536"),
        (&["explore", "--jobs", "0"], "1..=1024"),
        (&["explore", "--seeds", seeds], "has no seeds"),
        (&["explore", "--seeds", seeds, "--node-seconds", "5"], "cannot be used with"),
        (&["merge", &file], "no report of"),
        (&["merge", report], "with K from 1 to N"),
    ] {
        let ran = run(arguments);
        assert_eq!(ran.status.code(), Some(2), "{arguments:?}");
        assert!(text(&ran.stderr).contains(said), "{}", text(&ran.stderr));
    }
    fs::write(folder.join("copy.toml"), SMALL).unwrap();
    let ran = run(&["results", "--folder", folder.to_str().unwrap()]);
    assert!(text(&ran.stderr).contains("rename one"), "{}", text(&ran.stderr));
}

/// A file that is wrong does not hide those after it.
#[test]
fn a_list_goes_on_after_a_bad_file() {
    let folder = folder("list");
    small(&folder);
    fs::write(folder.join("bad.toml"), SMALL.replace("nodes = 5", "nodes = 0")).unwrap();
    let ran = run(&["list", folder.to_str().unwrap()]);
    assert_eq!(ran.status.code(), Some(2));
    assert!(text(&ran.stdout).contains("Five nodes lose one."), "{}", text(&ran.stdout));
    let said = text(&ran.stderr);
    assert!(said.contains("bad.toml: line 6") && said.contains("no scenarios: 1"), "{said}");
}

#[test]
fn a_page_of_results_is_written_row_by_row() {
    let folder = folder("results");
    let page = folder.join("RESULTS.md");
    small(&folder);
    fs::write(folder.join("other.toml"), SMALL.replace("\"small\"", "\"other\"")).unwrap();
    let write = |only: &[&str]| {
        let to = ["--folder", folder.to_str().unwrap(), "--out", page.to_str().unwrap()];
        run(&[&["results"], &to[..], only].concat())
    };
    assert_eq!(write(&["--seeds", "1"]).status.code(), Some(0));
    let both = fs::read_to_string(&page).unwrap();
    assert!(both.contains("| [other](scenarios/other.toml) | 5 | 1 | crash |"), "{both}");
    assert!(write(&["--only", "sm*"]).status.success());
    let again = fs::read_to_string(&page).unwrap();
    assert!(again.contains("| [other](scenarios/other.toml) | 5 | 1 | crash |"), "{again}");
    assert!(again.contains("| [small](scenarios/small.toml) | 5 | 2 | crash |"), "{again}");
    let nothing = write(&["--only", "smell"]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(text(&nothing.stderr).contains("there are: other, small"));
}

/// Words of a page change without a run, and rows do not.
#[test]
fn a_page_of_results_is_written_anew_without_playing() {
    let folder = folder("rewritten");
    let page = folder.join("RESULTS.md");
    small(&folder);
    let to = ["results", "--folder", folder.to_str().unwrap(), "--out", page.to_str().unwrap()];
    assert!(run(&to).status.success());
    let whole = fs::read_to_string(&page).unwrap();
    let rows: Vec<&str> = whole.lines().filter(|line| line.starts_with("| [small]")).collect();
    assert!(rows.len() > 3, "{whole}");
    let gone = rows[0].replace("small", "gone");
    fs::write(&page, format!("old words\n{}\n{gone}\n", rows.join("\n"))).unwrap();
    let ran = run(&[&to[..], &["--rewrite"]].concat());
    assert_eq!((ran.status.code(), text(&ran.stdout).as_str()), (Some(0), ""));
    assert_eq!(fs::read_to_string(&page).unwrap(), whole);
}

/// What is not all of it, or not of one piece, becomes no page.
#[test]
fn shards_of_results_are_joined_once_all_are_there() {
    let folder = folder("result-shards");
    small(&folder);
    let of = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let play = |shard: &str, report: &str, more: &[&str]| {
        let to = ["results", "--folder", folder.to_str().unwrap(), "--shard", shard, "--report"];
        run(&[&to[..], &[report], more].concat())
    };
    for shard in ["1", "2"] {
        let ran = play(&format!("{shard}/2"), &of(shard), &[]);
        assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    }
    assert_eq!(play("2/2", &of("other"), &["--seeds", "3"]).status.code(), Some(0));
    let merge = |files: &[&str]| run(&[&["merge", "--out", &of("page.md")], files].concat());
    let part = merge(&[&of("1")]);
    assert_eq!(part.status.code(), Some(1), "{}", text(&part.stderr));
    assert!(text(&part.stdout).contains("shards 2/2 are missing"), "{}", text(&part.stdout));
    for (files, said) in [
        ([of("1"), of("other")], "is of other results than"),
        ([of("1"), of("1")], "are the same shard"),
        ([of("1"), of("small.toml")], "not all of these are reports"),
    ] {
        let ran = merge(&[&files[0], &files[1]]);
        assert_eq!(ran.status.code(), Some(2), "{said}");
        assert!(text(&ran.stderr).contains(said), "{}", text(&ran.stderr));
    }
    assert!(!folder.join("page.md").exists());
    let nowhere = run(&["merge", &of("1"), &of("2")]);
    assert!(text(&nowhere.stderr).contains("with --out"), "{}", text(&nowhere.stderr));
    let both = merge(&[&of("2"), &of("1")]);
    assert_eq!(both.status.code(), Some(0), "{}", text(&both.stderr));
    assert!(text(&both.stdout).contains("2 runs of 2 shards"), "{}", text(&both.stdout));
    assert!(fs::read_to_string(folder.join("page.md")).unwrap().contains("| [small]"));
}

/// What two machines have seen is what one would have.
#[test]
fn shards_of_a_swarm_are_joined() {
    let folder = folder("shards");
    let explore = |arguments: &[&str]| {
        let small = ["explore", "--runs", "7", "--nodes", "4", "--faults", "2", "--all"];
        run(&[&small[..], arguments].concat())
    };
    let whole = explore(&[]);
    let file = |shard: u32| folder.join(format!("{shard}.json")).to_str().unwrap().to_owned();
    let mut worlds = 0;
    for shard in 1..=3 {
        let ran = explore(&["--shard", &format!("{shard}/3"), "--report", &file(shard)]);
        let said = text(&ran.stdout);
        worlds += said.split(' ').next().unwrap().parse::<u32>().unwrap();
    }
    assert_eq!(worlds, 7);
    let merged = run(&["merge", &file(2), &file(1), &file(3)]);
    assert_eq!(merged.status.code(), whole.status.code(), "{}", text(&merged.stderr));
    let summary = |output: &Output| {
        let said = text(&output.stdout);
        let mut lines: Vec<String> = said.lines().map(str::to_owned).collect();
        lines.retain(|line| !line.starts_with("seed"));
        lines
    };
    assert_eq!(summary(&merged), summary(&whole));
    let part = run(&["merge", &file(1), &file(3)]);
    assert_eq!(part.status.code(), Some(1));
    assert!(text(&part.stdout).contains("shards 2/3 are missing"));
    let early = explore(&["--time", "0s", "--shard", "2/3", "--report", &file(2)]);
    assert_eq!(early.status.code(), Some(1), "nothing was seen");
    let said = text(&early.stderr);
    assert!(said.contains("ended early") && said.contains("0 of 3: raise it"), "{said}");
    let early = run(&["merge", &file(1), &file(2), &file(3)]);
    assert_eq!(early.status.code(), Some(1));
    assert!(text(&early.stdout).contains("2.json: 0 of 2"), "{}", text(&early.stdout));
    let twice = run(&["merge", &file(1), &file(1)]);
    assert!(text(&twice.stderr).contains("the same shard"), "{}", text(&twice.stderr));
    let other = explore(&["--seed", "2", "--shard", "2/3", "--report", &file(2)]);
    assert!(other.status.code().is_some());
    let mixed = run(&["merge", &file(1), &file(2)]);
    assert!(text(&mixed.stderr).contains("another swarm"), "{}", text(&mixed.stderr));
}

#[test]
fn a_simulated_run_is_replayed_and_its_packets_are_lines() {
    let folder = folder("replay");
    let (file, trace) = (small(&folder), folder.join("trace"));
    let ran = run(&["replay", &file, "--seed", "7", "--trace", trace.to_str().unwrap()]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    assert!(text(&ran.stderr).contains("trace "));
    fs::write(&file, SMALL.replace("8s", "1ms")).unwrap();
    assert_eq!(run(&["replay", &file]).status.code(), Some(1), "its bar is missed");
    let lines = fs::read_to_string(trace).unwrap();
    assert!(lines.matches(r#""kind":"delivered""#).count() > 20, "{lines}");
}

/// What a shell substitutes for a command can be read once alone.
#[cfg(unix)]
#[test]
fn a_scenario_comes_through_a_pipe() {
    let file = small(&folder("pipe"));
    let line = format!("cat '{file}' | {} replay /dev/stdin", env!("CARGO_BIN_EXE_scalesmall-sim"));
    let ran = Command::new("sh").args(["-c", &line]).output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    assert!(text(&ran.stdout).contains("small passed"), "{}", text(&ran.stdout));
}

/// A user that looks for a trace at `run` is told where it is.
#[test]
fn the_help_of_run_says_how_a_run_is_recorded() {
    let said = text(&run(&["run", "--help"]).stdout);
    assert!(said.contains("replay FILE --seed N --trace F"), "{said}");
    assert!(said.contains("--pcap"), "{said}");
}

const LIMIT: Duration = Duration::from_secs(20);

fn start(settings: &Settings) -> (Handle, Events, SocketAddr) {
    let node = Node::bind(settings).unwrap();
    let id = node.my_address();
    let (handle, events, _) = spawn(node).unwrap();
    (handle, events, id)
}

fn wait_for(events: &mut Events, mut wanted: impl FnMut(&Event) -> bool) {
    let end = Instant::now() + LIMIT;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if wanted(&events.next_event_within(left).unwrap().expect("in time")) {
            return;
        }
    }
}

/// Two real nodes talk over real sockets; what one of them has recorded is run again.
#[test]
fn a_recording_of_a_real_node_is_replayed_with_its_key_alone() {
    let folder = folder("recording");
    let (recording, key) = (folder.join("recording"), folder.join("key"));
    fs::write(&key, "5a".repeat(32)).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut settings =
        Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::from_file(&key).unwrap());
    let (a, mut a_events, seed) = start(&settings);
    settings.seeds.push(seed.into());
    settings.record = Some(recording.clone());
    let (b, mut b_events, _) = start(&settings);
    let group = GroupName::try_from("kitchen").unwrap();
    let range = KeyRange::new(1, 9).unwrap();
    a.call(move |node: &mut Front| node.add_item(&group, range, 7000)).wait().unwrap().unwrap();
    wait_for(&mut b_events, |event| matches!(event, Event::ItemSet { .. }));
    b.call(Front::depart).wait().unwrap();
    wait_for(&mut b_events, |event| matches!(event, Event::Departed { .. }));
    wait_for(&mut a_events, |event| matches!(event, Event::Peer { .. }));
    drop(b);

    let (recording, key) = (recording.to_str().unwrap(), key.to_str().unwrap());
    let ran = run(&["replay", recording, "--key-file", key]);
    let said = text(&ran.stdout);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    assert!(said.contains("every answer the same"), "{said}");
    let other = run(&["replay", recording]);
    assert_eq!(other.status.code(), Some(2));
    let said = text(&other.stderr);
    assert!(said.contains("recording: ") && said.contains("made with these keys"), "{said}");
}
