//! What the program prints: exit statuses, ranges and addresses in one grammar, messages, and nothing that a
//! terminal would obey.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::program::{Directory, Node, program, refusal, run, until, until_all_see_all};

const ALONE: &[&str] = &["--bind", "127.0.0.1:0", "--no-multicast"];
const LIMIT: Duration = Duration::from_secs(20);

fn pair(directory: &Directory) -> (Node, Node) {
    let cook = Node::start(directory, "cook", &[ALONE, &["--name", "cook"]].concat());
    let seed = cook.address.to_string();
    let more = ["--name", "waiter", "--seed", &seed];
    let waiter = Node::start(directory, "waiter", &[ALONE, &more].concat());
    until_all_see_all(LIMIT, &[&cook, &waiter]);
    (cook, waiter)
}

fn output(node: &Node, args: &[&str]) -> (Option<i32>, String, String) {
    let output = node.command(args).output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_exit_status_is_what_the_help_says() {
    let directory = Directory::new();
    let (cook, _waiter) = pair(&directory);
    cook.ask(&["add", "kitchen:0-9@7000"]);
    let code = |args: &[&str]| output(&cook, args).0;
    assert_eq!(code(&["route", "kitchen", "5"]), Some(0));
    let (none, shown, why) = output(&cook, &["route", "kitchen", "10"]);
    assert_eq!(
        (none, shown.as_str(), why.as_str()),
        (Some(3), "", "scalesmall: nobody serves this key\n")
    );
    assert_eq!(output(&cook, &["route", "kitchen", "10", "--json"]).1, "[]\n");
    assert_eq!(code(&["route", "kitchen", "10", "--json"]), Some(3));
    assert_eq!(code(&["route", "hall", "10"]), Some(1));
    assert_eq!(code(&["route", "kitchen", "ten"]), Some(2));
    let help = String::from_utf8(run(&["help"]).stdout).expect("text");
    for line in
        ["  0    done", "  1    refused", "  2    the command line", "  3    the answer is no"]
    {
        assert!(help.contains(line), "{help}");
    }
    let pages = directory.path("pages");
    std::fs::create_dir(&pages).expect("a directory");
    assert!(program().arg("man").arg(&pages).status().expect("it runs").success());
    let page = std::fs::read_to_string(pages.join("scalesmall.1")).expect("a page");
    assert!(page.contains("Exit status:") && page.contains("the answer is no"), "{page}");
}

#[test]
fn ranges_and_addresses_are_written_alike_everywhere() {
    let directory = Directory::new();
    let (cook, waiter) = pair(&directory);
    waiter.ask(&["add", "kitchen:0x0-99@7000"]);
    until(LIMIT, "it is known", || cook.route("kitchen", 99) == [7000]);
    for args in [&["topology", "kitchen"][..], &["route", "kitchen", "1"]] {
        let (_, shown, _) = output(&cook, args);
        assert!(shown.contains(" 0-99"), "{shown}");
    }
    let (_, shown, _) = output(&cook, &["coverage", "kitchen"]);
    assert!(shown.contains("100-4294967295"), "{shown}");
    let refused = refusal(&mut waiter.command(&["remove", "kitchen:0-98"]));
    assert!(refused.contains("does not serve exactly 0-98"), "{refused}");
    waiter.ask(&["remove", "kitchen:0-99"]);
    for (args, form) in [
        (["add", "kitchen:0..9@7000"], "START-END"),
        (["remove", "kitchen"], "GROUP:START-END"),
        (["contact", "::1"], "[address]:port"),
        (["node", "--bind=::1"], "[::1]:29999"),
    ] {
        let line = refusal(program().args(args));
        assert!(line.contains(form), "{line}");
    }
    // An address without a port has the default one: nobody is there.
    let line = refusal(&mut cook.command(&["send", "soup", "--to", "127.0.0.1"]));
    assert!(line.contains("no node '127.0.0.1' is known"), "{line}");
    cook.ask(&["send", "soup", "--to", &waiter.address.to_string()]);
    let shown = run(&["config", "show", "--bind", "127.0.0.1", "--metrics", "[::1]"]);
    let shown = String::from_utf8(shown.stdout).expect("text");
    assert!(shown.contains("bind = \"127.0.0.1:29999\""), "{shown}");
}

#[test]
fn messages_are_shown_alike_where_they_are_sent_and_where_they_arrive() {
    let directory = Directory::new();
    let (cook, waiter) = pair(&directory);
    waiter.ask(&["join", "kitchen"]);
    until(LIMIT, "the group is known", || cook.try_ask(&["members", "kitchen"]).is_some());
    let mut watch = waiter.watch();
    let sent = cook.ask(&["send", "soup", "--group", "kitchen", "--tag", "7"]);
    let message = loop {
        let event = watch.next();
        if event["event"] == "message" {
            break event;
        }
    };
    for key in ["origin", "sequence", "group", "tag", "content", "payload"] {
        assert_eq!(sent[key], message[key], "{key}");
    }
    let told = ["group", "content", "payload"].map(|key| &message[key]);
    assert_eq!(told, ["kitchen", "soup", "736f7570"]);
    assert_eq!((&message["tag"], &message["origin"]["name"]), (&7.into(), &"cook".into()));
    let sequence = message["sequence"].as_u64().expect("a number") + 1;
    let (_, shown, _) = output(&cook, &["send", "more", "--to", "waiter"]);
    assert_eq!(shown, format!("sent to waiter: message {sequence} of cook, tag 0: more\n"));
    for (args, why) in [
        (&["send", "x", "--to", "nobody"][..], "no node 'nobody' is known"),
        (&["send", "x", "--to", "cook"], "cook is this node"),
        (&["send", "x", "--group", "hall"], "no group 'hall' is known"),
        (&["send", "x", "--tag", "1554113953"], "that of questions between nodes"),
    ] {
        let line = refusal(&mut cook.command(args));
        assert!(line.contains(why), "{line}");
    }
}

#[test]
fn nothing_that_others_write_is_obeyed_by_a_terminal() {
    let directory = Directory::new();
    let (cook, waiter) = pair(&directory);
    let evil = "\u{1b}]0;owned\u{7}\u{9b}2J";
    waiter.ask(&["add", &format!("{evil}:0-9@7000")]);
    until(LIMIT, "the group is known", || cook.route(evil, 5) == [7000]);
    let mut watch = cook.command(&["watch", "--state"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().expect("the program runs");
    let mut lines = std::io::BufReader::new(watch.stdout.take().expect("it is piped"));
    let mut told = String::new();
    let mut read_to = |part: &str| {
        while !told.contains(part) {
            let read = std::io::BufRead::read_line(&mut lines, &mut told).expect("text");
            assert!(read > 0, "{told:?}");
        }
    };
    read_to("serves 0-9");
    waiter.ask(&["send", &format!("soup{evil}")]);
    read_to("soup");
    watch.kill().expect("it can be killed");
    watch.wait().expect("it has been killed");
    let mut all = vec![told];
    for args in [
        &["groups"][..],
        &["topology", evil],
        &["members", evil],
        &["send", evil],
        &["members", "\u{1b}c"],
    ] {
        let (_, out, err) = output(&cook, args);
        all.extend([out, err]);
    }
    all.push(std::fs::read_to_string(directory.path("cook.log")).expect("its log"));
    for text in &all {
        let obeyed = |char: char| char.is_control() && char != '\n';
        assert!(!text.contains(obeyed), "{text:?}");
    }
    assert!(all.concat().contains("\\u{1b}]0;owned\\u{7}"), "{all:?}");
}

#[test]
fn a_watch_can_begin_with_what_is() {
    let directory = Directory::new();
    let (cook, waiter) = pair(&directory);
    waiter.ask(&["add", "kitchen:0-9@7000"]);
    until(LIMIT, "it is known", || cook.route("kitchen", 5) == [7000]);
    let mut command = cook.command(&["watch", "--state", "--json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the program runs");
    let lines =
        std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("piped")));
    let rows = lines.map(|line| serde_json::from_str::<Value>(&line.expect("text")).expect("JSON"));
    let rows: Vec<Value> = rows.take(3).collect();
    child.kill().expect("it can be killed");
    child.wait().expect("it has been killed");
    assert_eq!(rows[0]["event"], "watching");
    let peer = &rows[1];
    assert_eq!(
        (&peer["event"], &peer["name"], &peer["to"]),
        (&"peer".into(), &"waiter".into(), &"alive".into())
    );
    assert_eq!((&peer["from"], &peer["cause"]), (&Value::Null, &"present".into()));
    assert_eq!((&rows[2]["event"], &rows[2]["group"]), (&"item_set".into(), &"kitchen".into()));
}
