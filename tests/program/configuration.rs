//! The configuration: files, variables and options, and what is told of faults.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{
    Directory, Node, key_file, program, refusal, run, text, until, until_all_see_all,
};

const LIMIT: Duration = Duration::from_secs(20);

fn file(directory: &Directory, name: &str, content: &str) -> String {
    let path = directory.path(name);
    std::fs::write(&path, content).expect("it is written");
    text(&path)
}

/// What `config show` says of a key: the value, and where it comes from.
#[track_caller]
fn shown(command: &mut Command, key: &str) -> (Value, String) {
    let output = command.output().expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {errors}");
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let row = rows.iter().find(|row| row["key"] == key);
    let row = row.unwrap_or_else(|| panic!("{key} is not shown"));
    (row["value"].clone(), row["from"].as_str().expect("a place").to_owned())
}

/// The options that the help of `node` lists, without those that have no place in a file.
fn options() -> Vec<String> {
    let help = String::from_utf8(run(&["node", "--help"]).stdout).expect("text");
    let option = |line: &str| {
        let rest = line.trim_start().split("--").nth(1)?;
        let begins = line.trim_start().starts_with('-') && line.len() - line.trim_start().len() < 8;
        let end = rest.find(|c: char| c != '-' && !c.is_ascii_lowercase()).unwrap_or(rest.len());
        begins.then(|| rest[..end].to_owned())
    };
    let all = help.lines().filter_map(option).collect::<Vec<_>>();
    assert!(all.contains(&"bind".to_owned()) && all.contains(&"verbose".to_owned()), "{all:?}");
    all.into_iter().filter(|option| !["config", "help"].contains(&option.as_str())).collect()
}

/// How a value is written for an option in a file, in a variable and after the option, and how it is shown:
/// three values, so that it shows which one counts.
fn samples(directory: &Directory) -> Vec<(&'static str, [String; 3])> {
    let keys = ["k1", "k2", "k3"].map(|name| key_file(directory, name));
    let list = |all: [&str; 3]| all.map(str::to_owned);
    vec![
        ("bind", list(["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"])),
        ("name", list(["web-1", "web-2", "web-3"])),
        ("interface", list(["lo", "lo", "lo"])),
        ("advertise", list(["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"])),
        ("seed", list(["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"])),
        ("look-up-every", list(["41s", "42s", "43s"])),
        ("multicast", list(["true", "false", "true"])),
        ("no-multicast", list(["true", "false", "true"])),
        ("multicast-group", list(["239.0.0.1:5", "239.0.0.2:5", "239.0.0.3:5"])),
        ("multicast-ttl", list(["4", "5", "6"])),
        ("join", list(["a", "b", "c"])),
        ("serve", list(["a:0-1@1", "b:0-1@1", "c:0-1@1"])),
        ("zone", list(["a", "b", "c"])),
        ("weight", list(["2", "3", "4"])),
        ("tag", list(["a=b", "b=c", "c=d"])),
        ("drain", list(["1s", "2s", "3s"])),
        ("runtime", list(["smol", "tokio", "async-std"])),
        ("key-file", keys),
        ("cluster", list(["one", "two", "three"])),
        ("preset", list(["wan", "local", "lan"])),
        ("engine", list(["verifiers=4", "verifiers=5", "verifiers=6"])),
        ("send-rate", list(["100000", "200000", "300000"])),
        ("socket", list(["/a", "/b", "/c"])),
        ("exit-on-conflict", list(["true", "false", "true"])),
        ("state", list(["/a", "/b", "/c"])),
        ("record", list(["/a", "/b", "/c"])),
        ("record-files", list(["2", "3", "4"])),
        ("record-size", list(["2000", "3000", "4000"])),
        ("metrics", list(["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"])),
        ("log-level", list(["warn", "info", "debug"])),
        ("log-format", list(["json", "text", "json"])),
        ("verbose", list(["true", "false", "true"])),
    ]
}

/// A value as JSON has it.
fn plain(value: &str, is_list: bool) -> Value {
    let number = value.parse::<u64>().map(Value::from);
    let one =
        number.or_else(|_| value.parse::<bool>().map(Value::from)).unwrap_or_else(|_| value.into());
    if is_list { json!([one]) } else { one }
}

#[test]
fn every_option_has_its_key_and_its_variable() {
    let directory = Directory::new();
    let samples = samples(&directory);
    for option in options() {
        let sample = samples.iter().find(|(known, _)| *known == option);
        let (_, values) = sample.unwrap_or_else(|| panic!("--{option} needs a row in `samples`"));
        let key = option.replace('-', "_");
        let is_list = ["advertise", "seed", "join", "serve", "tag"].contains(&option.as_str());
        let (row, in_file, wanted): (_, _, [Value; 3]) = if option == "engine" {
            let content = format!("[engine]\n{}\n", values[0]);
            ("engine.verifiers".to_owned(), content, [json!(4), json!(5), json!(6)])
        } else {
            let wanted = values.each_ref().map(|value| plain(value, is_list));
            (key.clone(), format!("{key} = {}\n", wanted[0]), wanted)
        };
        let path = file(&directory, "node.toml", &in_file);
        let line = if option == "engine" { 2 } else { 1 };
        let mut show = program();
        show.args(["config", "show", "--json", "--config", &path]);
        if option != "bind" {
            // So that the published key is permitted.
            show.args(["--bind", "127.0.0.1:7"]);
        }
        let variable = format!("SCALESMALL_{}", key.to_uppercase());
        let from_file = (wanted[0].clone(), format!("{path}:{line}"));
        assert_eq!(shown(&mut show, &row), from_file);
        show.env(&variable, &values[1]);
        if option == "socket" {
            // Its variable is the one of commands, and counts only if no file says anything.
            assert_eq!(shown(&mut show, &row), from_file);
            show = program();
            show.args(["config", "show", "--json", "--bind", "127.0.0.1:7"]);
            show.env(&variable, &values[1]);
        }
        assert_eq!(shown(&mut show, &row), (wanted[1].clone(), variable));
        show.arg(format!("--{option}={}", values[2]));
        assert_eq!(shown(&mut show, &row), (wanted[2].clone(), format!("--{option}")));
    }
}

#[test]
fn faults_are_told_with_their_line_and_what_to_do_and_no_node_starts() {
    let directory = Directory::new();
    for (content, wanted) in [
        (
            "bind = \"127.0.0.1:0\"\nseeds = [\"a\"]\n",
            ":2: there is no key 'seeds': did you mean 'seed'?",
        ),
        ("bind = 5\n", ":1: 'bind' is a text, not a whole number"),
        ("bind = \"0.0.0.0:0\"\nadvertise = [\"10.1.1.1:1\"]\n", ":2: the published default key"),
        ("bind = \"10.1.1.1:0\"\n", ":1: the published default key"),
        ("bind = \"[::1]:0\"\nseed = [\"127.0.0.1:5\"]\n", ":2: no seed can be reached from ::1"),
        ("bind = \"127.0.0.1:0\"\nlook_up_every = \"10ms\"\n", ":2: look-up interval is 10ms"),
        ("bind = \"127.0.0.1:0\"\nsend_rate = 1000\n", ":2: send_rate must be at least 96000"),
        (
            "bind = \"127.0.0.1:0\"\n[engine]\nlimits.nodes = 1\n",
            ":3: limits.nodes must be at least 2",
        ),
        ("bind = \"127.0.0.1:0\"\n[engine]\nverifiers = 9\n", ":3: verifiers is 9"),
        (
            "bind = \"127.0.0.1:0\"\n[engine]\nmin_timeout = \"9s\"\n",
            "node.toml:3), max_timeout is 500ms (preset lan)",
        ),
        ("bind = \"127.0.0.1:0\"\nkey_file = \"none\"\n", "none: there is no such key file"),
    ] {
        let path = file(&directory, "node.toml", content);
        for command in [&["config", "check"][..], &["node", "--socket", "/none"]] {
            let line = refusal(program().args(command).args(["--config", &path]));
            assert!(line.contains(wanted), "{content:?} gives {line:?}, not {wanted:?}");
        }
        // What is wrong may be found by what is shown.
        let shown =
            program().args(["config", "show", "--config", &path]).output().expect("it runs");
        let told = String::from_utf8(shown.stderr).expect("text");
        assert!(told.contains(wanted), "{content:?} gives {told:?}, not {wanted:?}");
    }
    let path = file(&directory, "node.toml", "seeds = []\nbind = 5\n");
    let all = program().args(["config", "check", "--config", &path]).output().expect("it runs");
    let told = String::from_utf8(all.stderr).expect("text");
    assert_eq!((all.status.code(), told.matches("scalesmall: ").count()), (Some(1), 2), "{told}");
    let line = refusal(program().args(["node", "--config", &path]));
    assert!(line.contains("and 1 more: 'scalesmall config check' lists all"), "{line}");
}

#[test]
fn the_file_on_the_page_about_the_configuration_is_taken() {
    let directory = Directory::new();
    key_file(&directory, "cluster.key");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/configuration.md");
    let page = std::fs::read_to_string(page).expect("a page");
    let (_, rest) = page.split_once("```toml\n").expect("a file");
    let (content, _) = rest.split_once("```").expect("its end");
    let path = file(&directory, "cluster.toml", content);
    let output = run(&["config", "check", "--config", &path]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.lines().all(|line| line.contains("there is no directory")), "{told}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{path}: no faults\n"));
    // What the page says of its faults.
    let with_faults = content.replace("seed =", "seeds =").replace("\"2s\"", "\"2 s\"");
    let path = file(&directory, "cluster.toml", &with_faults);
    let output = run(&["config", "check", "--config", &path]);
    let told = String::from_utf8(output.stderr).expect("text").replace(&path, "cluster.toml");
    assert_eq!(told.lines().count(), 2, "{told}");
    for line in told.lines() {
        assert!(page.contains(line), "the page does not say: {line}");
    }
}

#[test]
fn what_is_shown_is_a_file_that_means_the_same() {
    let directory = Directory::new();
    let key = key_file(&directory, "key");
    let content = "bind = \"127.0.0.1:7\"\nkey_file = \"key\"\nseed = [\"a\", \"127.0.0.1:5\"]\n\
        preset = \"wan\"\njoin = [\"with space\", \"with \\\" and '\"]\nmulticast_ttl = 3\n\
        [engine]\nprobe_interval = \"2500ms\"\nlimits.nodes = 50\n";
    let path = file(&directory, "node.toml", content);
    let show = |path: &str, more: &[&str]| {
        let output = run(&[&["config", "show", "--config", path], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let values = |path: &str| -> Vec<(Value, Value)> {
        let rows: Vec<Value> = serde_json::from_str(&show(path, &["--json"])).expect("JSON");
        rows.iter().map(|row| (row["key"].clone(), row["value"].clone())).collect()
    };
    let again = file(&directory, "again.toml", &show(&path, &[]));
    assert_eq!(values(&path), values(&again));
    assert!(values(&path).contains(&(json!("key_file"), json!(key))));
    assert!(values(&path).contains(&(json!("engine.probe_interval"), json!("2500ms"))));
    assert!(
        values(&path).contains(&(json!("engine.silence_window"), json!("8s"))),
        "of preset wan"
    );
}

#[test]
fn no_secret_is_shown() {
    let directory = Directory::new();
    let secret = "c0ffee".repeat(11)[..64].to_owned();
    let path = file(&directory, "node.toml", "bind = \"127.0.0.1:7\"\nkey_file = \"key\"\n");
    std::fs::copy(key_file(&directory, "key"), directory.path("copy")).expect("a copy");
    let own = std::fs::read_to_string(directory.path("key")).expect("a key");
    for more in [&[][..], &["--json"]] {
        let mut show = program();
        show.args(["config", "show", "--config", &path]).args(more);
        for _ in 0..2 {
            let output = show.output().expect("the program runs");
            let shown = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
            assert!(shown.contains("key_file"), "{shown}");
            assert!(!shown.contains(own.trim()) && !shown.contains("c0ffee"), "{shown}");
            show.env("GROUP_MANAGER_KEY", &secret);
        }
        let output = show.output().expect("the program runs");
        let shown = String::from_utf8(output.stdout).expect("text");
        assert!(shown.contains("GROUP_MANAGER_KEY"), "its source is shown: {shown}");
    }
}

#[test]
fn a_node_starts_from_a_file_and_the_environment() {
    let directory = Directory::new();
    let key = key_file(&directory, "key");
    let a = Node::start(&directory, "a", &["--bind", "127.0.0.1:0", "--key-file", &key]);
    let content = format!(
        "bind = \"127.0.0.1:0\"\nseed = [\"{}\"]\nserve = [\"kitchen:0-99@7000\"]\nkey_file = \"key\"\n",
        a.address
    );
    let path = file(&directory, "b.toml", &content);
    let mut command = program();
    command.env("SCALESMALL_CONFIG", &path).env("SCALESMALL_JOIN", "hall,cellar");
    let b = Node::start_by(command, &directory, "b", &["--serve", "kitchen:0-99@7001"]);
    until_all_see_all(LIMIT, &[&a, &b]);
    until(LIMIT, "the option counts", || a.route("kitchen", 5) == [7001]);
    let is_member = |group: &str| {
        a.try_ask(&["members", group]).is_some_and(|it| {
            it.as_array().is_some_and(|it| it.len() == 1) && it[0]["name"] == b.address.to_string()
        })
    };
    until(LIMIT, "the variable counts", || is_member("hall") && is_member("cellar"));
}

#[test]
fn the_default_socket_follows_from_the_user_alone() {
    let line = |variables: &[(&str, &str)]| {
        let mut command = program();
        command
            .args(["peers"])
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("TMPDIR")
            .env_remove("HOME");
        command.envs(variables.iter().copied());
        let output = command.output().expect("the program runs");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    };
    let plain = line(&[]);
    assert_eq!(plain, line(&[("XDG_RUNTIME_DIR", "/nonexistent"), ("TMPDIR", "/elsewhere")]));
    let mut show = program();
    show.args(["config", "show", "--json", "--bind", "127.0.0.1:0"]).env("TMPDIR", "/elsewhere");
    let (socket, _) = shown(&mut show, "socket");
    let socket = socket.as_str().expect("a path");
    // Unless a node of this user answers there.
    assert!(plain.0 == Some(0) || plain.1.contains(socket), "{plain:?} does not name {socket}");
}

/// In directories of its own, so that no other node of this host is met.
#[test]
fn a_node_and_a_shell_of_one_user_meet_without_naming_a_socket() {
    let meet = "mount -t tmpfs none /run && mount -t tmpfs none /tmp && chmod 1777 /tmp || exit 77
        $AS $PROGRAM node --bind 127.0.0.1:0 --no-multicast | {
            read -r line
            TMPDIR=/elsewhere XDG_RUNTIME_DIR=/elsewhere $AS $PROGRAM peers --json
            $AS $PROGRAM depart --json
            echo \"${line##* }\"
        }";
    let nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";
    for (user, socket) in
        [("", "/run/scalesmall/scalesmall.sock"), (nobody, "/tmp/scalesmall-65534/scalesmall.sock")]
    {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", meet]);
        command.env("AS", user).env("PROGRAM", env!("CARGO_BIN_EXE_scalesmall"));
        command.env_remove("SCALESMALL_SOCKET");
        let output = match command.output() {
            Ok(output) if matches!(output.status.code(), Some(1 | 77)) => {
                let why = String::from_utf8_lossy(&output.stderr).into_owned();
                println!("skipped: no mount namespaces here: {}", why.trim());
                return;
            }
            Ok(output) => output,
            Err(error) => {
                println!("skipped: the program unshare does not run: {error}");
                return;
            }
        };
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let wanted =
            format!("[]\n{{\"acknowledged_by\":0,\"told\":0,\"uncovered\":[]}}\n{socket}\n");
        assert_eq!(told, wanted, "{errors}");
    }
}

/// The first look at all keys needs neither a file nor a key.
#[test]
fn all_keys_are_shown_without_a_file() {
    let shown = run(&["config", "show"]);
    let (out, told) =
        (String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
    assert_eq!(shown.status.code(), Some(0), "{told}");
    assert!(out.contains("send_rate = 5000000") && out.contains("key_file is not set"), "{out}");
    assert!(told.contains("no node starts with this") && told.contains("published"), "{told}");
    let help = run(&["node", "--help"]);
    assert!(String::from_utf8_lossy(&help.stdout).contains("[default: 5000000, wan 1000000]"));
}

#[test]
fn directories_that_are_not_there_and_misspelt_variables_are_told_before_the_node_starts() {
    let directory = Directory::new();
    let path = file(
        &directory,
        "node.toml",
        "bind = \"127.0.0.1:0\"\nsocket = \"none/a.sock\"\nstate = \"none/state\"\n",
    );
    let check = program().args(["config", "check", "--config", &path]).output().expect("it runs");
    let told = String::from_utf8_lossy(&check.stderr).into_owned();
    assert_eq!(check.status.code(), Some(0), "a service manager may make them: {told}");
    for (line, key) in [(2, "socket"), (3, "state")] {
        assert!(told.contains(&format!("node.toml:{line}: '{key}' is ")), "{told}");
    }
    let line = refusal(program().args(["node", "--config", &path]));
    assert!(line.contains("node.toml:2") && line.contains("there is no directory"), "{line}");

    let path = file(&directory, "plain.toml", "bind = \"127.0.0.1:0\"\n");
    let mut check = program();
    check.args(["config", "check", "--config", &path]);
    check.env("SCALESMALL_ZOEN", "eu").env("SCALESMALL_SERVICE_HOST", "10.0.0.1");
    let check = check.output().expect("it runs");
    let told = String::from_utf8_lossy(&check.stderr).into_owned();
    assert_eq!(check.status.code(), Some(0), "{told}");
    assert!(told.contains("SCALESMALL_ZOEN") && told.contains("SCALESMALL_ZONE"), "{told}");
    assert!(!told.contains("SERVICE"), "{told}");
}

/// A shell has the variable for its commands. A node that is started there with a socket of its own in its file
/// takes that one, and a node without one says where the path comes from.
#[test]
fn the_variable_of_commands_does_not_lead_a_node_to_the_socket_of_another_one() {
    let directory = Directory::new();
    let first = Node::start(&directory, "first", &["--bind", "127.0.0.1:0"]);
    let socket = text(&first.socket);
    let path = file(&directory, "node.toml", "bind = \"127.0.0.1:0\"\nsocket = \"second.sock\"\n");
    let shown = program()
        .args(["config", "show", "--config", &path])
        .env("SCALESMALL_SOCKET", &socket)
        .output()
        .expect("it runs");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let line = shown.lines().find(|line| line.starts_with("socket = ")).expect("its line");
    assert!(line.contains("second.sock") && line.contains("node.toml:2"), "{line}");

    let mut second = program();
    second.args(["node", "--bind", "127.0.0.1:0"]).env("SCALESMALL_SOCKET", &socket);
    let line = refusal(&mut second);
    assert!(line.contains("named by SCALESMALL_SOCKET"), "{line}");
    assert!(
        line.contains("path of its own") && line.contains(&format!("depart --socket {socket}")),
        "{line}"
    );

    let ordinary = text(&directory.path("node.toml"));
    let line = refusal(program().args(["info", "--socket", &ordinary]));
    assert!(line.contains("no control socket, but a file of another kind"), "{line}");
    let line = refusal(program().args(["node", "--nmae", "a"]));
    assert!(line.contains("(see 'scalesmall node --help')"), "{line}");
}
