//! `scalesmall-sim replay`: what it takes of a scenario, and what of a recording.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use scalesmall_driver::GroupKeys;

/// An empty folder of its own for each test.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn replay(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_scalesmall-sim"));
    program.env_remove("GROUP_MANAGER_KEY").arg("replay").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

const SCENARIO: &str = "name = \"two\"\n[cluster]\nnodes = 2\n[[steps]]\nrun = \"1s\"\n";

/// Of a node that has the published key.
fn recording() -> String {
    let key = GroupKeys::published().ring().primary();
    format!(
        "scalesmall-recording 4 - 127.0.0.1:7000 1 0 lan {key}:0 false 1000000 4000 6b {}\n\
         5 join 6a\n6 timeout\n",
        "07".repeat(32)
    )
}

/// What has no use is not passed over in silence.
#[test]
fn arguments_without_a_use_are_refused() {
    let folder = folder("uses");
    let scenario = written(&folder, "two.toml", SCENARIO);
    let recording = written(&folder, "recording", &recording());
    for (arguments, said) in [
        (
            &[&scenario, "--key-file", "group.key"][..],
            "is a scenario: it is replayed without --key-file",
        ),
        (&[&scenario, "--faults", "3"], "without --faults"),
        (&[&recording, "--seed", "4"], "is a recording: it is replayed without --seed"),
        (&[&recording, "--faults", "3"], "without --faults"),
        (&[&recording, "--nodes", "3"], "without --nodes"),
        (&["--key-file", "group.key"], "--key-file"),
        (&["--nodes", "1"], "with --nodes 1: the most nodes of a random scenario are 2 to 65536"),
        (&["--nodes", "70000"], "are 2 to 65536"),
    ] {
        let ran = replay(arguments);
        assert_eq!(ran.status.code(), Some(2), "{arguments:?}");
        assert!(text(&ran.stderr).contains(said), "{}", text(&ran.stderr));
    }
}

#[test]
fn a_recording_that_is_not_whole_has_failed() {
    let folder = folder("cut");
    let whole = replay(&[&written(&folder, "whole", &recording())]);
    assert_eq!(whole.status.code(), Some(0), "{}", text(&whole.stderr));
    assert!(text(&whole.stdout).contains("2 calls replayed"), "{}", text(&whole.stdout));
    let cut = replay(&[&written(&folder, "cut", &recording()[..recording().len() - 3])]);
    assert_eq!(cut.status.code(), Some(1));
    assert!(text(&cut.stdout).contains("1 calls replayed"), "{}", text(&cut.stdout));
    assert!(
        text(&cut.stderr).contains("line 3, the last one, is cut off"),
        "{}",
        text(&cut.stderr)
    );
    let blank =
        replay(&[&written(&folder, "blank", &recording().replace("join 6a", "join 6a 6b"))]);
    assert_eq!(blank.status.code(), Some(2));
    assert!(text(&blank.stderr).contains("line 2 of the recording is no call"));
}

/// Two lives of one node and one of another: three recordings, on one page, side by side.
#[test]
fn several_recordings_are_drawn_on_one_page() {
    let folder = folder("several");
    let of = |name: &str, addr: &str, second: u64| {
        let life = (1_767_225_600_000 + second * 1_000) << 22;
        let head = recording().replace("127.0.0.1:7000 1 0", &format!("{addr} {life} 77"));
        written(&folder, name, &(head + "3000000077 timeout\n"))
    };
    let (a, b, c) = (
        of("a.rec", "127.0.0.1:7000", 0),
        of("b.rec", "127.0.0.1:7001", 2),
        of("c.rec", "127.0.0.1:7000", 4),
    );
    let file = folder.join("all.html");
    let ran = replay(&[&a, &b, &c, "--html", file.to_str().unwrap()]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    assert_eq!(text(&ran.stdout).matches("3 calls replayed").count(), 3, "{}", text(&ran.stdout));
    let page = fs::read_to_string(&file).unwrap();
    assert!(page.contains("<h1>3 recordings</h1>"), "{page}");
    assert!(page.contains("data-start=\"0\" data-end=\"7000\""), "{page}");
    let record = page.split("<script type=\"application/json\">").nth(1).unwrap();
    let record: serde_json::Value =
        serde_json::from_str(record.split("</script>").next().unwrap()).unwrap();
    assert_eq!(record["names"], serde_json::json!(["127.0.0.1:7000", "127.0.0.1:7001"]));
    let films = |place: usize| record["of"][place][2].clone();
    assert_eq!(films(0), serde_json::json!([[0.0, 3000.0], [4000.0, 7000.0]]));
    assert_eq!(films(1), serde_json::json!([[2000.0, 5000.0]]));

    let scenario = written(&folder, "two.toml", SCENARIO);
    for arguments in [[&a, &scenario], [&scenario, &a]] {
        let mixed = replay(&arguments.map(String::as_str));
        assert_eq!(mixed.status.code(), Some(2));
        let said = text(&mixed.stderr);
        assert!(said.contains("two.toml is a scenario: replay scenarios one at a time"), "{said}");
    }
    let over = replay(&[&a, &b, "--html", &b]);
    assert!(text(&over.stderr).contains("is read: name another"), "{}", text(&over.stderr));
}

#[test]
fn a_replayed_scenario_is_drawn_if_it_is_asked_for() {
    let folder = folder("drawn");
    let scenario = written(&folder, "two.toml", SCENARIO);
    let file = folder.join("two.html");
    let ran = replay(&[&scenario, "--seed", "5", "--html", file.to_str().unwrap()]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    let page = fs::read_to_string(&file).unwrap();
    assert!(
        page.contains("<h3>seed 5</h3>") && page.contains("two.toml --seed 5</code>"),
        "{page}"
    );
}

/// Of a grid one point is played, which is named with the way to another one.
#[test]
fn a_replay_of_a_grid_names_the_point_that_it_plays() {
    let folder = folder("grid-point");
    let grid = "name = \"grid\"\n[grid]\n\"cluster.nodes\" = [2, 3]\n\
                \"cluster.link.loss\" = [\"0%\", \"10%\"]\n[cluster]\nnodes = 4\n[[steps]]\nrun = \"1s\"\n\
                [[steps]]\nsplit = { these = [0] }\n[[steps]]\nawait = { what = \"split\", within = \"1ms\" }\n";
    let file = written(&folder, "grid.toml", grid);
    let first = replay(&[&file]);
    let (said, table) = (text(&first.stderr), text(&first.stdout));
    assert!(
        said.contains(
            "at loss 0%, nodes 2, the first of 4 points of the grid: another is chosen with"
        ) && said.contains("--set cluster.link.loss= --set cluster.nodes="),
        "{said}"
    );
    assert!(table.starts_with("grid at loss 0%, nodes 2 FAILED: 2 nodes"), "{table}");
    assert!(table.contains("--set cluster.link.loss=0% --set cluster.nodes=2"), "{table}");
    let one = ["--set", "cluster.link.loss=10%"];
    let part = replay(&[&[file.as_str()][..], &one].concat());
    assert!(text(&part.stderr).contains("the first of 2 points"), "{}", text(&part.stderr));
    assert!(text(&part.stdout).starts_with("grid at loss 10%, nodes 2 FAILED"));
    let chosen = replay(&[&[file.as_str(), "--nodes", "3"][..], &one].concat());
    assert!(!text(&chosen.stderr).contains("points"), "{}", text(&chosen.stderr));
    assert!(text(&chosen.stdout).starts_with("grid at loss 10%, nodes 3 FAILED: 3 nodes"));
}

#[test]
fn a_recording_that_is_named_twice_is_refused() {
    let folder = folder("twice");
    let [one, copy] = ["one", "copy"].map(|name| written(&folder, name, &recording()));
    for other in [&one, &copy] {
        let twice = replay(&[&one, other]);
        let said = text(&twice.stderr);
        assert_eq!(twice.status.code(), Some(2), "{said}");
        assert!(
            said.contains("the same recording as") && said.contains("name each once"),
            "{said}"
        );
    }
}

#[test]
fn how_much_is_checked_is_said_and_changes_nothing() {
    let folder = folder("checks");
    let file = written(&folder, "two.toml", SCENARIO);
    let run = |checks: &[&str], more: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_scalesmall-sim"));
        let ran =
            program.args(["run", &file, "--seeds", "1"]).args(checks).args(more).output().unwrap();
        text(&ran.stdout) + &text(&ran.stderr)
    };
    assert!(!run(&[], &[]).contains("checks"));
    let hash = |lines: &str| {
        let value = lines.split("\"hash\":\"").nth(1).unwrap();
        value[..16].to_owned()
    };
    let whole = run(&["--checks", "all"], &["--json"]);
    for checks in ["light", "none"] {
        let arguments = ["--checks", checks];
        let table = run(&arguments, &[]);
        assert!(table.contains(&format!("2 nodes, 1 run, checks {checks}. ")), "{table}");
        let lines = run(&arguments, &["--json"]);
        assert!(lines.contains(&format!("\"checks\":\"{checks}\"")), "{lines}");
        assert_eq!(hash(&lines), hash(&whole));
    }
    assert!(run(&["--checks", "few"], &[]).contains("checks are all, light or none"));
}
