//! A soak: thirty nodes that are killed, stopped, restarted, moved about and cut off from their logs, and whose key is
//! exchanged, for as long as one likes. In the end all pictures are equal, all have one key and the same, and nodes
//! that nobody touched have grown by nothing.
//!
//! It runs on demand, for `SOAK_SECONDS` (120 if that is not set), by `SOAK_SEED` (1).
#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Directory, Node, free_port, key_file, program, text, turn, until};

/// How many nodes there are, and how many of them nobody touches.
const NODES: usize = 30;
const WITNESSES: usize = 3;
/// How long the nodes may take to agree in the end: one that stood still several times is held off.
const AGREE: Duration = Duration::from_secs(180);
/// By how much a witness may grow after the first quarter: what an allocator rounds.
const GROWTH: u64 = 2 << 20;

/// A row of numbers that look random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }
}

struct Soak {
    directory: Directory,
    places: Vec<String>,
    nodes: Vec<Option<Node>>,
    /// When each node that stands still goes on.
    stopped: Vec<(usize, Instant)>,
    /// When each node that is gone comes back.
    gone: Vec<(usize, Instant)>,
    /// Ends of pipes that nobody reads.
    unread: Vec<std::io::PipeReader>,
    dice: Dice,
    counts: [u32; 7],
}

impl Soak {
    fn start(&mut self, number: usize) {
        let name = number.to_string();
        let state = text(&self.directory.path(&format!("{name}.state")));
        let seed = self.places[(number + 1) % NODES].clone();
        let key = text(&self.directory.path(&format!("{name}.key")));
        let mut args = vec!["--no-multicast", "--state", &state, "--key-file", &key];
        // Those that come back find the others by their state.
        if !fs::exists(&state).expect("a directory") && number > 0 {
            args.extend(["--seed", &self.places[0]]);
        } else if number == 0 {
            args.extend(["--seed", &seed]);
        }
        let log = match self.dice.below(3) {
            0 => {
                let (read, write) = std::io::pipe().expect("a pipe");
                drop(read);
                write.into()
            }
            1 => {
                let (read, mut write) = std::io::pipe().expect("a pipe");
                write.write_all(&[b'x'; 65_536]).expect("as much as a pipe holds");
                self.unread.push(read);
                write.into()
            }
            _ => Stdio::null(),
        };
        let bind = self.places[number].parse().expect("an address");
        let onto = (Stdio::null(), log);
        let node = Node::start_at(bind, program(), &self.directory, &name, &args, onto);
        self.nodes[number] = Some(node);
    }

    /// One of the nodes that may be touched, if it runs.
    fn one(&mut self) -> Option<usize> {
        let number = WITNESSES + self.dice.below(NODES - WITNESSES);
        let stands = self.stopped.iter().any(|(stopped, _)| *stopped == number);
        (self.nodes[number].is_some() && !stands).then_some(number)
    }

    fn later(&mut self, most: usize) -> Instant {
        Instant::now() + Duration::from_millis(self.dice.below(most * 1000) as u64)
    }

    fn disturb(&mut self) {
        let what = self.dice.below(self.counts.len());
        let Some(number) = self.one() else { return };
        self.counts[what] += 1;
        match what {
            0 => {
                self.nodes[number].take().expect("it runs").kill();
                let back = self.later(15);
                self.gone.push((number, back));
            }
            1 => {
                self.nodes[number].as_ref().expect("it runs").signal("STOP");
                let on = self.later(15);
                self.stopped.push((number, on));
            }
            2 => {
                let node = self.nodes[number].take().expect("it runs");
                node.signal("TERM");
                assert_eq!(node.ended(Duration::from_secs(10)), Some(0));
                self.gone.push((number, Instant::now()));
            }
            3 | 4 => {
                let start = self.dice.below(1000) * 100;
                let offer = format!("kitchen:{start}-{}@7000", start + 99);
                let node = self.nodes[number].as_ref().expect("it runs");
                // What it does not serve it refuses to take back.
                let what: &[&str] =
                    if what == 3 { &["add", &offer] } else { &["leave", "kitchen"] };
                let _ = node.try_ask(what);
            }
            5 => {
                // The key of the whole cluster. It is refused while the exchange before is under way.
                let node = self.nodes[number].as_ref().expect("it runs");
                let _ = node.try_ask(&["keys", "rotate"]);
            }
            _ => {
                // A client that says nothing, to a witness as well.
                let number = self.dice.below(WITNESSES);
                let node = self.nodes[number].as_ref().expect("nobody touches it");
                let _ = UnixStream::connect(&node.socket).expect("it listens").write_all(b"{");
            }
        }
    }

    /// Has those go on and come back that are due.
    fn mend(&mut self, by: Instant) {
        for (number, _) in self.stopped.extract_if(.., |(_, at)| *at <= by).collect::<Vec<_>>() {
            self.nodes[number].as_ref().expect("it stands still").signal("CONT");
        }
        for (number, _) in self.gone.extract_if(.., |(_, at)| *at <= by).collect::<Vec<_>>() {
            self.start(number);
        }
    }

    /// What a node shows of who lives and who serves what.
    fn picture(&self, number: usize) -> Option<(Vec<String>, Value)> {
        let node = self.nodes[number].as_ref()?;
        let peers = node.ask(&["peers"]);
        let alive = peers.as_array()?.iter().filter(|peer| peer["status"] == "alive");
        let mut alive: Vec<String> =
            alive.filter_map(|peer| Some(peer["address"].as_str()?.to_owned())).collect();
        alive.push(self.places[number].clone());
        alive.sort_unstable();
        Some((alive, node.try_ask(&["topology", "kitchen", "--op", "add"])?))
    }

    /// The ids of the keys that a node holds.
    fn keys(&self, number: usize) -> Vec<Value> {
        let rows = self.nodes[number].as_ref().expect("it runs").ask(&["keys", "list"]);
        rows.as_array().expect("a list").iter().map(|row| row["key"].clone()).collect()
    }

    /// The resident memory and the open files of each witness.
    fn sizes(&self) -> Vec<(u64, usize)> {
        let size = |node: &Node| {
            let process = format!("/proc/{}", node.pid());
            let status = fs::read_to_string(format!("{process}/status")).expect("it runs");
            let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kilobytes =
                memory.and_then(|memory| memory.split_whitespace().next()?.parse().ok());
            let files = fs::read_dir(format!("{process}/fd")).expect("it runs").count();
            (kilobytes.unwrap_or(0_u64) << 10, files)
        };
        self.nodes.iter().take(WITNESSES).flatten().map(size).collect()
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.map_or(otherwise, |value| value.parse().expect("a number"))
}

#[test]
#[ignore = "it takes minutes: see the module"]
fn a_soak_ends_with_equal_pictures_and_nothing_has_grown() {
    let _turn = turn();
    let span = Duration::from_secs(number("SOAK_SECONDS", 120));
    let places = (0..NODES).map(|_| format!("127.0.0.1:{}", free_port())).collect();
    let mut soak = Soak {
        directory: Directory::new(),
        places,
        nodes: (0..NODES).map(|_| None).collect(),
        stopped: Vec::new(),
        gone: Vec::new(),
        unread: Vec::new(),
        dice: Dice(number("SOAK_SEED", 1)),
        counts: [0; 7],
    };
    let key = key_file(&soak.directory, "key");
    for number in 0..NODES {
        fs::copy(&key, soak.directory.path(&format!("{number}.key"))).expect("a copy");
        soak.start(number);
    }
    let first = soak.keys(0);
    let begun = Instant::now();
    let mut early = None;
    while begun.elapsed() < span {
        soak.disturb();
        soak.mend(Instant::now());
        if begun.elapsed() > span / 4 {
            early.get_or_insert_with(|| soak.sizes());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    soak.mend(begun + span + Duration::from_secs(3600));
    println!("killed, stood still, restarted, added, left, rotated, silent: {:?}", soak.counts);

    let mut all = soak.places.clone();
    all.sort_unstable();
    // Somebody serves something, so that there is a picture.
    soak.nodes[0].as_ref().expect("it runs").ask(&["add", "kitchen:0-9@7000"]);
    until(AGREE, "all see all, and serve the same", || {
        let first = soak.picture(0);
        first.as_ref().is_some_and(|(alive, _)| *alive == all)
            && (1..NODES).all(|number| soak.picture(number) == first)
    });
    until(AGREE, "all have one key, the same, and another one than at first", || {
        let last = soak.keys(0);
        last.len() == 1 && last != first && (1..NODES).all(|number| soak.keys(number) == last)
    });
    let early = early.expect("it took longer than a quarter");
    println!("memory and files of the witnesses: {early:?}, then {:?}", soak.sizes());
    until(Duration::from_secs(30), "no file is left open", || {
        early.iter().zip(soak.sizes()).all(|(early, late)| late.1 <= early.1)
    });
    for (early, late) in early.iter().zip(soak.sizes()) {
        assert!(late.0 <= early.0 + GROWTH, "memory grew from {} to {} bytes", early.0, late.0);
    }
}
