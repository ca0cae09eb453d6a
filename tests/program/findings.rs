//! What a node says of itself, what it has seen of others, and what it learns from those that saw it too.

use std::time::Duration;

use serde_json::Value;

use crate::program::{Directory, Node, key_file, refusal, turn, until, until_all_see_all};

const ALONE: &[&str] = &["--bind", "127.0.0.1:0", "--no-multicast", "--preset", "local"];
const LIMIT: Duration = Duration::from_secs(30);

/// Nodes of these names that know each other.
fn nodes<const N: usize>(directory: &Directory, names: [&str; N]) -> [Node; N] {
    let mut seed = None;
    let nodes = names.map(|name| {
        let more: Vec<&str> = seed.iter().flat_map(|seed: &String| ["--seed", seed]).collect();
        let node = Node::start(directory, name, &[ALONE, &["--name", name], &more].concat());
        seed.get_or_insert_with(|| node.address.to_string());
        node
    });
    until_all_see_all(LIMIT, &nodes.each_ref());
    nodes
}

fn output(node: &Node, args: &[&str]) -> (Option<i32>, String, String) {
    let output = node.command(args).output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn names(rows: &Value) -> Vec<&str> {
    rows.as_array().expect("a list").iter().filter_map(|row| row["name"].as_str()).collect()
}

fn log(directory: &Directory, name: &str) -> String {
    std::fs::read_to_string(directory.path(&format!("{name}.log"))).expect("its log")
}

#[test]
fn a_node_tells_what_it_is_and_where_others_see_it() {
    let directory = Directory::new();
    let [cook, _waiter] = nodes(&directory, ["cook", "waiter"]);
    cook.ask(&["join", "kitchen"]);
    let info = cook.ask(&["info"]);
    let told = ["name", "cluster", "suite", "multicast", "version"].map(|key| &info[key]);
    assert_eq!(told, ["cook", "scalesmall", "authenticated", "off", env!("CARGO_PKG_VERSION")]);
    assert_eq!(info["address"], cook.address.to_string());
    assert_eq!(info["peers"], serde_json::json!({ "alive": 1 }));
    assert_eq!((&info["leaving"], &info["held_off"]), (&false.into(), &Value::Null));
    assert!(info["keys"].as_array().is_some_and(|keys| keys.contains(&info["key"])), "{info}");
    let seen = &info["seen_from"][0];
    assert_eq!((&seen["address"], &seen["by"]["name"]), (&info["address"], &"waiter".into()));
    assert!(info["uptime_ms"].as_u64().is_some_and(|uptime| uptime > 0));
    assert!(info["engine"]["silence_window"].is_string(), "{info}");
    assert_eq!(info["engine"]["limits.relays"].as_u64().map(|relays| relays > 0), Some(true));
    let (code, shown, _) = output(&cook, &["info"]);
    assert_eq!(code, Some(0));
    for part in ["cook", "by waiter", "authenticated", "engine.probe_interval", "1 alive"] {
        assert!(shown.contains(part), "{shown}");
    }
    for secret in ["keys.", "engine.seed", "secret"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn why_a_node_was_called_down_is_told_with_the_evidence_of_all_that_had_a_part_in_it() {
    let _turn = turn();
    let directory = Directory::new();
    let [cook, waiter, host, victim] = nodes(&directory, ["cook", "waiter", "host", "victim"]);
    let alive = cook.ask(&["why", "victim"]);
    assert_eq!(alive["status"], "alive");
    until(LIMIT, "all have measured their round trips to it", || {
        let measured = |node: &Node| node.try_ask(&["rtt", "victim"]).is_some();
        [&cook, &waiter, &host].into_iter().all(measured)
    });
    victim.kill();
    let down = |node: &Node| node.status_named("victim").as_deref() == Some("down");
    until(LIMIT, "it is called down", || [&cook, &waiter, &host].into_iter().all(down));
    let last =
        |changes: &Value| changes.as_array().and_then(|all| all.last()).cloned().expect("one");
    for node in [&cook, &waiter, &host] {
        let why = node.ask(&["why", "victim"]);
        let own = last(&why["changes"]);
        assert_eq!((&why["status"], &why["since"]), (&"down".into(), &own["at"]), "{why}");
        assert!(own["silent_ms"].is_u64() && own["rtt_us"].is_u64(), "{why}");
        let by = names(&own["by"]);
        assert!(!by.is_empty() && !by.contains(&"victim"), "{why}");
        let told = why["told"].as_array().expect("a list");
        assert!(!told.is_empty() && why["silent"] == serde_json::json!([]), "{why}");
        let told = told.iter().map(|told| last(&told["changes"]));
        let all: Vec<Value> = std::iter::once(own.clone()).chain(told).collect();
        assert!(all.iter().all(|change| change["to"] == "down"), "{why}");
        // A node that was told so has it from one that knows who confirmed it.
        let verdict = |change: &&Value| change["cause"] == "confirmed";
        let verdict = all.iter().find(verdict).expect("a verdict");
        assert!(names(&verdict["by"]).len() >= 2, "{why}");
    }
    let (code, shown, _) = output(&cook, &["why", "victim"]);
    assert_eq!(code, Some(0));
    for part in
        ["victim is down since ", "cook has seen, by its own clock:", "confirmed by", "round trip"]
    {
        assert!(shown.contains(part), "{shown}");
    }
    let unknown = refusal(&mut cook.command(&["why", "nobody"]));
    assert!(unknown.contains("no node 'nobody' is known"), "{unknown}");
    assert!(refusal(&mut cook.command(&["why", "cook"])).contains("ask another one"));
    // What the nodes ask each other is no message of the application, and in no log.
    for name in ["cook", "waiter", "host"] {
        assert!(!log(&directory, name).contains("scalesmall-ask"), "{}", log(&directory, name));
    }
}

/// The address of a node that died may be another one's by now: it is no evidence that the first one lives.
#[test]
fn why_names_the_node_that_has_the_address_of_one_that_is_gone() {
    let directory = Directory::new();
    let [cook, _waiter, gamma] = nodes(&directory, ["cook", "waiter", "gamma"]);
    let (seed, place) = (cook.address.to_string(), gamma.address.to_string());
    gamma.kill();
    until(LIMIT, "it is called down", || cook.status_named("gamma").as_deref() == Some("down"));
    let zeta = ["--name", "zeta", "--bind", &place, "--no-multicast", "--preset", "local"];
    let _zeta = Node::start(&directory, "zeta", &[&zeta[..], &["--seed", &seed]].concat());
    until(LIMIT, "it is known", || cook.status_named("zeta").as_deref() == Some("alive"));
    let why = cook.ask(&["why", "gamma"]);
    assert_eq!(
        (&why["replaced_by"]["name"], &why["asked"]["name"]),
        (&"zeta".into(), &"cook".into())
    );
    let (_, shown, _) = output(&cook, &["why", "gamma"]);
    assert!(shown.contains("; zeta has its address now"), "{shown}");
    assert_eq!(cook.ask(&["why", "zeta"])["replaced_by"], Value::Null);
}

#[test]
fn a_node_that_is_gone_is_forgotten_on_demand_and_why_is_still_known() {
    let directory = Directory::new();
    let [cook, waiter] = nodes(&directory, ["cook", "waiter"]);
    let refused = refusal(&mut cook.command(&["forget", "waiter"]));
    assert!(refused.contains("only nodes that are down or have left"), "{refused}");
    assert!(refusal(&mut cook.command(&["forget", "cook"])).contains("cannot forget itself"));
    let id = cook.ask(&["peers"])[0]["id"].as_str().expect("an id").to_owned();
    waiter.signal("TERM");
    assert_eq!(waiter.ended(LIMIT), Some(0));
    until(LIMIT, "it has left", || cook.status_named("waiter").as_deref() == Some("left"));
    let refused = refusal(&mut cook.command(&["send", "soup", "--to", "waiter"]));
    assert!(refused.contains("waiter is left: no message reaches it"), "{refused}");
    let mut watch = cook.watch();
    cook.ask(&["forget", "waiter"]);
    let told = watch.next();
    assert_eq!((&told["to"], &told["cause"]), (&Value::Null, &"forgotten".into()), "{told}");
    assert_eq!(cook.ask(&["peers"]), serde_json::json!([]));
    for name in ["waiter", &id] {
        let why = cook.ask(&["why", name]);
        let causes: Vec<&str> = why["changes"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|change| change["cause"].as_str())
            .collect();
        assert_eq!(causes.last_chunk(), Some(&["departed", "forgotten"]), "{why}");
        assert_eq!((&why["status"], &why["node"]["name"]), (&Value::Null, &"waiter".into()));
    }
    assert!(output(&cook, &["why", "waiter"]).1.starts_with("waiter is forgotten"));
}

#[test]
fn round_trips_are_told_between_any_two_nodes_that_answer() {
    let directory = Directory::new();
    let [cook, waiter, host] = nodes(&directory, ["cook", "waiter", "host"]);
    let measured = |from: &str, to: &str| {
        let row = cook.try_ask(&["rtt", from, to])?;
        row["rtt_us"].as_u64().filter(|us| *us > 0).map(|_| row)
    };
    until(LIMIT, "it is measured", || measured("cook", "waiter").is_some());
    assert_eq!(measured("waiter", "cook").expect("a row")["from"]["name"], "cook");
    until(LIMIT, "others have measured it", || measured("waiter", "host").is_some());
    assert_eq!(measured("waiter", "host").expect("a row")["from"]["name"], "waiter");
    let (code, shown, _) = output(&cook, &["rtt", &host.address.to_string()]);
    assert!(code == Some(0) && shown.contains("between cook and host, as cook"), "{shown}");
    assert!(refusal(&mut cook.command(&["rtt", "host", "host"])).contains("name two"));
    drop((waiter, host));
    let line = refusal(&mut cook.command(&["rtt", "waiter", "host"]));
    assert!(line.contains("neither waiter nor host answers"), "{line}");
}

#[test]
fn a_node_that_others_do_not_reach_is_named_by_each_of_them() {
    let _turn = turn();
    let directory = Directory::new();
    let [cook, waiter, host] = nodes(&directory, ["cook", "waiter", "host"]);
    let all = cook.ask(&["reachability"]);
    assert_eq!((&all["answered"], &all["living"]), (&3.into(), &3.into()), "{all}");
    assert_eq!((&all["lost"], &all["complete"]), (&serde_json::json!([]), &true.into()), "{all}");
    assert!(output(&cook, &["reachability"]).1.contains("all 3 living nodes reach each other"));
    host.signal("STOP");
    waiter.signal("STOP");
    until(LIMIT, "it is lost", || {
        let (code, row, _) = output(&cook, &["reachability", "--json"]);
        let row: Value = serde_json::from_str(&row).expect("JSON");
        let lost = row["lost"].as_array().expect("a list");
        let is_lost = |name: &str| lost.iter().any(|row| row["to"]["name"] == name);
        assert_eq!(code, Some(if lost.is_empty() { 0 } else { 3 }));
        is_lost("host") && is_lost("waiter") && row["complete"] == false
    });
    let (code, shown, why) = output(&cook, &["reachability"]);
    assert!(
        code == Some(3) && shown.contains("cook") && why.contains("is not reached"),
        "{shown}{why}"
    );
}

#[test]
fn peers_are_listed_by_name_with_since_when_and_when_they_were_heard() {
    let directory = Directory::new();
    let [cook, waiter, _host, ant] = nodes(&directory, ["cook", "waiter", "host", "ant"]);
    let peers = cook.ask(&["peers"]);
    assert_eq!(names(&peers), ["ant", "host", "waiter"]);
    let row = &peers[2];
    assert!(row["heard_ms"].as_u64().is_some_and(|ms| ms < 20_000), "{row}");
    let alive = row["since"].as_str().expect("a time").to_owned();
    let (_, shown, _) = output(&cook, &["peers"]);
    assert!(shown.contains(" ago") && shown.contains("heard"), "{shown}");
    drop((waiter, ant));
    until(LIMIT, "it is missed", || cook.status_named("waiter").as_deref() == Some("down"));
    let peers = cook.ask(&["peers"]);
    assert_eq!(names(&peers), ["ant", "host", "waiter"]);
    assert!(*peers[2]["since"].as_str().expect("a time") > *alive, "{peers}");
}

/// Both are told which address the other one's packets come from.
#[test]
fn a_warning_names_the_source_and_the_node_where_it_is_known() {
    let directory = Directory::new();
    let cook = Node::start(&directory, "cook", &[ALONE, &["--name", "cook"]].concat());
    let seed = cook.address.to_string();
    let more = ["--seed", &seed, "--cluster", "other"];
    let stranger = Node::start(&directory, "stranger", &[ALONE, &more].concat());
    let warned = format!("the last came from {}", stranger.address);
    until(LIMIT, "its address is told", || log(&directory, "cook").contains(&warned));
    assert!(!log(&directory, "cook").contains("which is the address of"));
    // The address of a node that is known: it comes back there, with another key.
    let port = crate::program::free_port();
    let bind = format!("127.0.0.1:{port}");
    let at = ["--bind", &bind, "--no-multicast", "--preset", "local", "--seed", &seed];
    let waiter = Node::start(&directory, "waiter", &[&at[..], &["--name", "waiter"]].concat());
    until_all_see_all(LIMIT, &[&cook, &waiter]);
    waiter.kill();
    // Another cluster would not be told of again so soon.
    let key = key_file(&directory, "key");
    let again = [&at[..], &["--key-file", &key]].concat();
    let _again = Node::start(&directory, "again", &again);
    let warned = format!("the last came from {bind}, which is the address of waiter");
    until(LIMIT, "the node is told", || log(&directory, "cook").contains(&warned));
}

/// The rule by which nodes are held off is the engine's; here its telling is looked at.
#[test]
fn a_node_that_is_held_off_is_told_so_with_the_time_left() {
    let _turn = turn();
    let directory = Directory::new();
    let [cook, waiter, _host] = nodes(&directory, ["cook", "waiter", "host"]);
    let status = |wanted: &str| cook.status_named("waiter").as_deref() == Some(wanted);
    let held = || waiter.ask(&["info"])["held_off"].clone();
    let mut watch = waiter.watch();
    for _ in 0..3 {
        waiter.signal("STOP");
        until(LIMIT, "it is called down", || status("down"));
        waiter.signal("CONT");
        until(LIMIT, "it is back, or held off", || status("alive") || held().is_object());
        if held().is_object() {
            break;
        }
    }
    let hold = held();
    assert_eq!(hold["reason"], "stalls", "{hold}");
    assert!(hold["left_ms"].as_u64().is_some_and(|left| left > 0), "{hold}");
    let told = loop {
        let told = watch.next();
        if told["event"] == "held_off" {
            break told;
        }
    };
    assert_eq!(told["times"], hold["times"], "{told} {hold}");
    let warned = "the others do not route to this node for";
    assert!(log(&directory, "waiter").contains(warned), "{}", log(&directory, "waiter"));
    assert!(output(&waiter, &["info"]).1.contains("held off by the others for"));
    until(LIMIT, "it is over", || held().is_null() && status("alive"));
    // It says itself why it was called down.
    let why = cook.ask(&["why", "waiter"]);
    let stalls = why["account"]["stalls"].as_array().expect("a list");
    assert!(stalls.len() >= 2, "{why}");
    assert!(stalls.iter().all(|stall| stall["lasted_ms"].as_u64() > Some(300)), "{why}");
    let (_, shown, _) = output(&cook, &["why", "waiter"]);
    assert!(
        shown.contains("waiter itself says: up for ") && shown.contains("; did not run for"),
        "{shown}"
    );
}
