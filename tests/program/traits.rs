//! What nodes say about themselves: zone, weight, tags, and that they drain.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::{Directory, Node, program, refusal, run, text, until, until_all_see_all};

const ALONE: &[&str] = &["--bind", "127.0.0.1:0", "--no-multicast"];
const LIMIT: Duration = Duration::from_secs(20);

/// The names in a list of nodes.
fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(|row| row["name"].as_str()).collect()
}

/// A node, and two that know it: the database `b` in zone east, and the cache `c` in zone west.
fn three(directory: &Directory) -> [Node; 3] {
    let start = |name: &str, more: &[&str]| {
        Node::start(directory, name, &[ALONE, &["--name", name], more].concat())
    };
    let a = start("a", &[]);
    let seed = a.address.to_string();
    let here = ["--seed", seed.as_str(), "--join", "kitchen"];
    let with = |more: &[&'static str]| [&here, more].concat();
    let b = start("b", &with(&["--zone", "east", "--tag", "role=db", "--tag", "rack=7"]));
    let c = start("c", &with(&["--zone", "west", "--tag", "role=cache", "--weight", "3"]));
    until_all_see_all(LIMIT, &[&a, &b, &c]);
    until(LIMIT, "all is told", || names(&a.ask(&["peers", "--tag", "role"])).len() == 2);
    until(LIMIT, "both are members", || {
        names(&a.try_ask(&["members", "kitchen"]).unwrap_or_default()).len() == 2
    });
    [a, b, c]
}

#[test]
fn nodes_are_listed_by_what_they_say_about_themselves() {
    let directory = Directory::new();
    let [a, b, c] = three(&directory);
    let peers = |args: &[&str]| a.ask(&[&["peers"], args].concat());
    let [east, west] = ["east", "west"].map(|zone| peers(&["--zone", zone]));
    assert_eq!((names(&east), names(&west)), (vec!["b"], vec!["c"]));
    assert_eq!(west[0]["weight"], 3);
    let row = &east[0];
    assert_eq!((&row["zone"], &row["weight"]), (&json!("east"), &json!(1)));
    assert_eq!(row["tags"], json!({"role": "db", "rack": "7"}));
    for (args, found) in [
        (&["--tag", "role"][..], &["b", "c"][..]),
        (&["--tag", "role=db"], &["b"]),
        (&["--tag", "role", "--zone", "west"], &["c"]),
        (&["--tag", "role=db", "--tag", "rack=8"], &[]),
        (&[], &["b", "c"]),
    ] {
        assert_eq!(names(&peers(args)), found, "{args:?}");
        let members = a.ask(&[&["members", "kitchen"], args].concat());
        let mut members = names(&members);
        members.sort_unstable();
        assert_eq!(members, found, "{args:?}");
    }

    let printed = |node: &Node, args: &[&str]| {
        let output = node.command(args).output().expect("the program runs");
        String::from_utf8(output.stdout).expect("text")
    };
    let table = printed(&a, &["peers"]);
    let head = table.lines().next().expect("a head");
    assert!(head.contains("zone") && head.contains("weight") && head.contains("tags"), "{head}");
    assert!(!head.contains("draining"), "nobody drains: {head}");
    assert!(table.contains("rack=7 role=db"), "{table}");
    // To b the others are a, which says nothing, and c.
    let bare = printed(&b, &["peers", "--tag", "nothing"]);
    assert_eq!(bare, "no peers\n");
    drop(c);
    let info = b.ask(&["info"]);
    assert_eq!((&info["zone"], &info["draining"]), (&json!("east"), &json!(false)));
}

#[test]
fn others_see_that_a_node_drains_and_that_it_does_not_after_all() {
    let directory = Directory::new();
    let [a, b, _c] = three(&directory);
    let mut watch = a.watch();
    let draining = || a.ask(&["peers", "--zone", "east"])[0]["draining"].as_bool();
    assert_eq!(draining(), Some(false));
    for (command, drains) in [("drain", true), ("undrain", false)] {
        let nothing_missing = json!({"safe": true, "copies": 1, "missing": []});
        assert_eq!(b.ask(&[command]), if drains { nothing_missing } else { json!({}) });
        until(LIMIT, command, || draining() == Some(drains));
        assert_eq!(b.ask(&["info"])["draining"], drains);
        let mut event = watch.next();
        while event["event"] != "draining" {
            event = watch.next();
        }
        assert_eq!((&event["draining"], &event["node"]["name"]), (&json!(drains), &json!("b")));
    }
    // One that drains is alive, and says so to those that come later.
    assert_eq!(b.ask(&["drain"])["safe"], json!(true));
    until(LIMIT, "it drains", || draining() == Some(true));
    assert_eq!(a.status_named("b").as_deref(), Some("alive"));
    let output = a.command(&["peers"]).output().expect("the program runs");
    let head = String::from_utf8(output.stdout).expect("text");
    assert!(head.lines().next().is_some_and(|head| head.contains("draining")), "{head}");
    let mut state = a.command(&["watch", "--state", "--json"]);
    let mut child = state.stdout(std::process::Stdio::piped()).spawn().expect("the program runs");
    let lines = std::io::BufReader::new(child.stdout.take().expect("it is piped"));
    let events = std::io::BufRead::lines(lines).map_while(Result::ok);
    let events = events.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let is_said = |event: &Value| {
        ["traits", "draining"].iter().any(|kind| event["event"] == *kind)
            && event["node"]["name"] == "b"
    };
    let said: Vec<Value> = events.filter(is_said).take(2).collect();
    child.kill().and_then(|()| child.wait()).expect("it has been killed");
    assert_eq!((&said[0]["zone"], &said[1]["draining"]), (&json!("east"), &json!(true)));
}

#[test]
fn a_node_that_a_signal_ends_drains_first_and_a_second_signal_cuts_that_short() {
    let directory = Directory::new();
    let a = Node::start(&directory, "a", ALONE);
    let seed = a.address.to_string();
    let start = |name: &str, limit: &str, part: &str| {
        let more = ["--seed", &seed, "--name", name, "--drain", limit, "--serve", part];
        let node = Node::start(&directory, name, &[ALONE, &more].concat());
        until(LIMIT, "they meet", || a.status_named(name).as_deref() == Some("alive"));
        node
    };
    let drains = |name: &str| {
        let peers = a.ask(&["peers"]);
        let rows = peers.as_array().into_iter().flatten();
        rows.clone().any(|row| row["name"] == name && row["draining"] == true)
    };
    let (short, long) =
        (start("short", "2s", "hall:0-9@7000"), start("long", "1h", "hall:0-19@7000"));
    // Nobody else serves what long serves; it can go as soon as another one does.
    long.signal("TERM");
    until(LIMIT, "it drains", || drains("long"));
    assert_eq!(a.status_named("long").as_deref(), Some("alive"));
    long.signal("TERM");
    assert_eq!(long.ended(LIMIT), Some(0));
    until(LIMIT, "it has left", || a.status_named("long").as_deref() == Some("left"));
    let log = std::fs::read_to_string(directory.path("long.log")).expect("its log");
    assert!(log.contains("the drain was cut short"), "{log}");

    // Now nobody else serves what short serves.
    let begun = Instant::now();
    short.signal("TERM");
    until(LIMIT, "it drains", || drains("short"));
    assert_eq!(short.ended(LIMIT), Some(0));
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    until(LIMIT, "it has left", || a.status_named("short").as_deref() == Some("left"));
    let log = std::fs::read_to_string(directory.path("short.log")).expect("its log");
    assert!(log.contains("others do not serve all"), "{log}");

    let last = start("last", "1h", "hall:0-9@7000");
    last.signal("TERM");
    until(LIMIT, "it drains", || drains("last"));
    a.ask(&["add", "hall:0-9@7001"]);
    assert_eq!(last.ended(LIMIT), Some(0));
    let log = std::fs::read_to_string(directory.path("last.log")).expect("its log");
    assert!(!log.contains("others do not serve"), "{log}");
}

/// The nodes of [`three`], of which `b` serves 0 to 99, and `c` 50 to 199.
fn serving(directory: &Directory) -> [Node; 3] {
    let nodes = three(directory);
    nodes[1].ask(&["add", "kitchen:0-99@7000"]);
    nodes[2].ask(&["add", "kitchen:50-199@7001"]);
    until(LIMIT, "both serve", || {
        nodes[0].route("kitchen", 0) == [7000] && nodes[0].route("kitchen", 199) == [7001]
    });
    nodes
}

#[test]
fn a_node_says_whether_others_may_be_stopped_and_what_would_be_missing() {
    let directory = Directory::new();
    let [a, b, c] = serving(&directory);
    let ask = |args: &[&str]| {
        let mut command = a.command(&[&["safe-to-stop"], args].concat());
        let output = command.arg("--json").output().expect("the program runs");
        let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (output.status.code(), value["missing"].clone())
    };
    let row = |start: u32, end: u32, owners: u32, left: u32| json!({"group": "kitchen", "start": start, "end": end, "owners": owners, "left": left});
    assert_eq!(ask(&["a"]), (Some(0), json!([])));
    assert_eq!(ask(&["b"]), (Some(3), json!([row(0, 49, 1, 0)])));
    assert_eq!(ask(&["zone=west"]), (Some(3), json!([row(100, 199, 1, 0)])));
    let two = json!([row(0, 49, 1, 0), row(50, 99, 2, 1)]);
    assert_eq!(ask(&["b", "--copies", "2"]), (Some(3), two));
    let both = json!([row(0, 49, 1, 0), row(50, 99, 2, 0), row(100, 199, 1, 0)]);
    assert_eq!(ask(&["zone=east", "c"]), (Some(3), both));
    let line = refusal(&mut a.command(&["safe-to-stop", "zone=north"]));
    assert!(line.contains("no node of zone 'north' is known"), "{line}");

    let printed = a.command(&["safe-to-stop", "b"]).output().expect("the program runs");
    let (out, err) = (printed.stdout, printed.stderr);
    let (out, err) = (String::from_utf8(out).expect("text"), String::from_utf8(err).expect("text"));
    let cells: Vec<&str> = out.lines().nth(1).unwrap_or_default().split_whitespace().collect();
    assert_eq!(cells, ["kitchen", "0-49", "1", "0"], "{out}");
    assert_eq!(err, "scalesmall: no: some keys would have fewer than one owner\n");

    let without = a.ask(&["coverage", "kitchen", "--without", "b"]);
    let gaps = json!([{"start": 0, "end": 49}, {"start": 200, "end": u32::MAX}]);
    assert_eq!(without, json!({"gaps": gaps, "overlaps": []}));
    let now = a.ask(&["coverage", "kitchen"]);
    assert_eq!(now["overlaps"], json!([{"start": 50, "end": 99, "owners": 2}]));
    c.ask(&["add", "kitchen:0-49@7001"]);
    until(LIMIT, "b may stop", || ask(&["b"]) == (Some(0), json!([])));
    drop(b);
}

#[test]
fn a_node_departs_once_others_serve_its_keys_or_says_which_are_left_alone() {
    let directory = Directory::new();
    let [a, b, c] = serving(&directory);
    let depart = |node: &Node, limit: &str| {
        let mut command = node.command(&["depart", "--when-covered", limit, "--json"]);
        command.stdout(std::process::Stdio::piped()).spawn().expect("the program runs")
    };
    let row = |name: &str| {
        let peers = a.ask(&["peers"]);
        peers.as_array().into_iter().flatten().find(|row| row["name"] == name).cloned()
    };
    let waiting = depart(&b, "1h");
    until(LIMIT, "b drains", || row("b").is_some_and(|row| row["draining"] == true));
    assert_eq!(a.status_named("b").as_deref(), Some("alive"));
    c.ask(&["add", "kitchen:0-49@7001"]);
    let done = waiting.wait_with_output().expect("it ends");
    let told: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!((done.status.code(), &told["uncovered"]), (Some(0), &json!([])), "{told}");
    assert_eq!(b.ended(LIMIT), Some(0));
    until(LIMIT, "b has left", || a.status_named("b").as_deref() == Some("left"));

    let done = depart(&c, "300ms").wait_with_output().expect("it ends");
    let told: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(done.status.code(), Some(3), "{told}");
    assert_eq!(told["uncovered"][0]["left"], 0, "{told}");
    assert_eq!(c.ended(LIMIT), Some(0));
}

#[test]
fn a_reload_changes_what_a_node_says_about_itself() {
    let directory = Directory::new();
    let a = Node::start(&directory, "a", ALONE);
    let path = directory.path("b.toml");
    let head = format!("bind = \"127.0.0.1:0\"\nname = \"b\"\nseed = [\"{}\"]\n", a.address);
    let write = |said: &str| std::fs::write(&path, head.clone() + said).expect("it is written");
    write("zone = \"east\"\ntag = [\"role=db\"]\n");
    let tape = text(&directory.path("tape"));
    let b = Node::start(&directory, "b", &["--config", &text(&path), "--record", &tape]);
    let said = || {
        let row = a.ask(&["peers"])[0].clone();
        (row["zone"].clone(), row["weight"].clone(), row["tags"].clone())
    };
    until(LIMIT, "it is told", || said() == (json!("east"), json!(1), json!({"role": "db"})));
    write("weight = 5\ntag = [\"role=cache\", \"note=a,b\"]\n");
    let changed = json!({"changed": ["zone", "weight", "tag"], "restart": [], "failed": []});
    assert_eq!(b.ask(&["reload"]), changed);
    let tags = json!({"role": "cache", "note": "a,b"});
    until(LIMIT, "it is told", || said() == (json!(null), json!(5), tags.clone()));

    // What a recording holds of it is done again.
    assert_eq!(b.ask(&["drain"])["missing"], json!([]));
    b.signal("TERM");
    assert_eq!(b.ended(LIMIT), Some(0));
    let recording = std::fs::read_to_string(&tape).expect("a recording");
    assert_eq!(recording.matches(" set_traits ").count(), 2, "{recording}");
    assert!(recording.contains(" set_draining true"), "{recording}");
    assert!(run(&["replay", &tape]).status.success());
}

#[test]
fn what_others_could_not_read_is_refused_with_its_place() {
    let directory = Directory::new();
    let path = text(&directory.path("node.toml"));
    let head = "bind = \"127.0.0.1:0\"\n";
    for (said, told) in [
        (
            "zone = \"\"",
            "node.toml:2: '' is no value of 'zone': a zone or the key of a tag is empty",
        ),
        ("weight = 0", "node.toml:2: '0' is no value of 'weight': a weight of 0; at least 1"),
        ("tag = [\"role\"]", "node.toml:2: 'role' is no value of 'tag': write it as KEY=VALUE"),
        ("tag = [\"a=1\", \"a=2\"]", "node.toml:2: tag 'a' has two values"),
        (
            "tag = [\"a=1\"]\nengine.limits.metadata = 4",
            "node.toml:2: traits of 5 bytes; at most 4",
        ),
        (
            "drain = \"soon\"",
            "node.toml:2: 'soon' is no value of 'drain': write a number and its unit",
        ),
    ] {
        std::fs::write(&path, format!("{head}{said}\n")).expect("it is written");
        let line = refusal(program().args(["config", "check", "--config", &path]));
        assert!(line.contains(told), "{line}");
    }
}
