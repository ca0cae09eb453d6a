//! Completions for shells, manual pages, and a client of the control protocol that is no part of the program.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::program::{Directory, Node, program, refusal, run, text, until};

const LIMIT: Duration = Duration::from_secs(20);
const ALONE: &[&str] = &["--bind", "127.0.0.1:0", "--no-multicast"];

/// The commands that the help lists.
fn commands() -> Vec<String> {
    let help = String::from_utf8(run(&["help"]).stdout).expect("text");
    let (_, rest) = help.split_once("Commands:\n").expect("a list of commands");
    let (list, _) = rest.split_once("\n\n").expect("its end");
    let name = |line: &str| {
        let word = line.strip_prefix("  ")?.split(' ').next()?;
        (!word.is_empty()).then(|| word.to_owned())
    };
    let all: Vec<String> = list.lines().filter_map(name).collect();
    assert!(all.contains(&"peers".to_owned()) && all.len() > 10, "{help}");
    all
}

#[test]
fn every_shell_has_a_script_that_names_all_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = String::from_utf8(run(&["completions", shell]).stdout).expect("text");
        for word in commands().iter().map(String::as_str).chain(["look-up-every"]) {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    assert!(refusal(program().args(["completions", "cmd"])).contains("bash, elvish, fish"));
}

#[test]
fn bash_completes_a_command_and_an_option() {
    let directory = Directory::new();
    let script = text(&directory.path("script"));
    std::fs::write(&script, run(&["completions", "bash"]).stdout).expect("it is written");
    for (words, wanted) in
        [("scalesmall pee", "peers"), ("scalesmall node --look", "--look-up-every")]
    {
        let last = words.split(' ').next_back().expect("a word");
        let number = words.split(' ').count() - 1;
        let ask = format!(
            "source {script}; COMP_WORDS=({words}); COMP_CWORD={number}; \
             _scalesmall scalesmall {last} ''; echo \"${{COMPREPLY[@]}}\""
        );
        match Command::new("bash").args(["--norc", "-c", &ask]).output() {
            Err(error) => println!("skipped: there is no bash: {error}"),
            Ok(output) => {
                let told = String::from_utf8_lossy(&output.stdout).into_owned();
                let errors = String::from_utf8_lossy(&output.stderr).into_owned();
                assert_eq!((told.trim(), errors.as_str()), (wanted, ""));
            }
        }
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let directory = Directory::new();
    let pages = directory.path("pages");
    let refused = refusal(program().arg("man").arg(&pages));
    assert!(refused.contains("no manual pages in"), "{refused}");
    std::fs::create_dir(&pages).expect("a directory");
    assert!(program().arg("man").arg(&pages).status().expect("it runs").success());
    let page = |name: &str| {
        std::fs::read_to_string(pages.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    for command in commands().iter().filter(|command| *command != "help") {
        let escaped = command.replace('-', "\\-");
        assert!(page("scalesmall.1").contains(&escaped), "{command}");
        assert!(page(&format!("scalesmall-{command}.1")).contains(".SH OPTIONS"), "{command}");
    }
    assert!(page("scalesmall-node.1").contains("look\\-up\\-every"));
    assert!(page("scalesmall-config-show.1").contains("look\\-up\\-every"));
}

#[test]
fn a_node_refuses_what_it_does_not_understand_and_says_which_version_it_speaks() {
    let directory = Directory::new();
    let node = Node::start(&directory, "a", ALONE);
    for (line, wanted) in [
        (r#"{"version":2,"call":"groups"}"#, "speaks version 1 of the control protocol, not 2"),
        (r#"{"version":1,"call":"grupps"}"#, "not a request of this version"),
        (r#"{"version":1,"call":"groups","what is new":[]}"#, r#""reply":"groups""#),
        (r#"{"call":"groups"}"#, r#""reply":"groups""#),
    ] {
        let mut stream = UnixStream::connect(&node.socket).expect("it listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a time-out");
        stream.write_all(format!("{line}\n").as_bytes()).expect("it is read");
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).expect("an answer");
        assert!(answer.contains(wanted), "{line} is answered by {answer}");
    }
}

/// The client in Python, or `None` where there is no Python.
fn client(node: &Node, arguments: &[&str]) -> Option<Command> {
    match Command::new("python3").arg("--version").output() {
        Ok(version) if version.status.success() => {}
        other => {
            println!("skipped: there is no python3: {other:?}");
            return None;
        }
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/control.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(&node.socket).args(arguments);
    Some(command)
}

#[test]
fn a_client_in_python_asks_a_node_and_follows_it() {
    let directory = Directory::new();
    let a = Node::start(&directory, "a", &[ALONE, &["--serve", "kitchen:0-99@7000"]].concat());
    let answer = |arguments: &[&str]| {
        let output = client(&a, arguments)?.output().expect("it runs");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        Some((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), errors))
    };
    let Some(members) = answer(&["members", "kitchen"]) else { return };
    assert_eq!(members, (Some(0), format!("{}\n", a.address), String::new()));
    let owner = answer(&["owner", "kitchen", "17"]);
    assert_eq!(owner, Some((Some(0), format!("{} 127.0.0.1:7000\n", a.address), String::new())));
    assert_eq!(answer(&["owner", "kitchen", "100"]), Some((Some(3), String::new(), String::new())));
    let (code, _, why) = answer(&["members", "hall"]).expect("an answer");
    assert!(code == Some(1) && why.contains("the node refuses: no group 'hall' is known"), "{why}");

    let mut follow = client(&a, &["follow"]).expect("there is Python");
    let mut follow = follow.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(follow.stdout.take().expect("it is piped")).lines();
    let mut next = || lines.next().expect("a line").expect("text");
    assert!(next().contains("watching"));
    let seed = a.address.to_string();
    let b = Node::start(&directory, "b", &[ALONE, &["--seed", &seed]].concat());
    let told = next();
    assert!(told.contains(&b.address.to_string()) && told.contains("alive"), "{told}");
    until(LIMIT, "they meet", || b.status_of(a.address).as_deref() == Some("alive"));
    a.signal("TERM");
    assert_eq!(a.ended(LIMIT), Some(0));
    // What it has said besides, until the node ended.
    while lines.next().is_some() {}
    assert!(follow.wait().expect("it ends").success());
}
