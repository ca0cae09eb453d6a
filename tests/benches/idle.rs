//! What an idle node costs: processor time and system calls of real processes on loopback, one for each node, on
//! every runtime, on a thread of its own and in a task.
//!
//! ```console
//! $ cargo bench -p scalesmall-tests --bench idle               # a hundred nodes, four minutes
//! $ IDLE_NODES=20 IDLE_SECONDS=5 cargo bench -p scalesmall-tests --bench idle -- smol tokio
//! ```
//!
//! System calls are counted by `strace`, at ten of the nodes; without it they are left out. A bar that is missed
//! ends the run with 1: a node on a thread makes at most 8 system calls a second, and takes at most one and a half
//! times what it takes on mio.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use scalesmall_driver::{Front, GroupKeys, Handle, Settings};

/// The most system calls a second of a node on a thread.
const MOST_CALLS: f64 = 8.0;
/// The most processor time of a node on a thread, as a multiple of one on mio.
const MOST_TIMES: f64 = 1.5;

/// How a node is run.
const WAYS: [&str; 9] = [
    "mio thread",
    "smol thread",
    "async-std thread",
    "tokio thread",
    "mio loop",
    "smol task",
    "async-std task",
    "tokio task",
    "tokio-threads task",
];

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, way, bind, seed] = &arguments[..]
        && word == "--node"
    {
        return node(way, bind, seed).map(|()| ExitCode::SUCCESS);
    }
    // As a test (`cargo test --benches`), only that it works counts.
    let measured = arguments.iter().any(|argument| argument == "--bench");
    let number = |name: &str, usual: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
    };
    let nodes = if measured { number("IDLE_NODES", 100) } else { 3 };
    let span = Duration::from_secs(if measured { number("IDLE_SECONDS", 10) } else { 1 });
    let wanted: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-')).collect();

    println!("{nodes} nodes, {} s each", span.as_secs());
    println!("| run by | ms of a processor a second | system calls a second |");
    println!("|---|---|---|");
    let (mut mio, mut missed) = (None, Vec::new());
    for way in WAYS {
        let (runtime, on) = way.split_once(' ').expect("two words");
        if !wanted.is_empty() && !wanted.iter().any(|word| *word == runtime) {
            continue;
        }
        let (cost, calls) = measure(way, nodes, span)?;
        let shown = calls.map_or_else(|| "not counted".to_owned(), |calls| format!("{calls:.1}"));
        println!("| {way} | {cost:.3} | {shown} |");
        if on != "thread" {
            continue;
        }
        let times = cost / *mio.get_or_insert(cost);
        if times > MOST_TIMES {
            missed.push(format!("{way} takes {times:.1} times what the first takes"));
        }
        if calls.is_some_and(|calls| calls > MOST_CALLS) {
            missed.push(format!("{way} makes {shown} system calls a second"));
        }
    }
    if measured && !missed.is_empty() {
        println!("missed: {}", missed.join("; "));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs nodes until all have met, and returns what one of them takes and how many calls it makes, in the mean.
fn measure(way: &str, nodes: u64, span: Duration) -> io::Result<(f64, Option<f64>)> {
    let seed = free_address()?.to_string();
    let mut running = Vec::new();
    for number in 0..nodes {
        let bind = if number == 0 { &seed } else { "127.0.0.1:0" };
        running.push(Process::start(way, bind, &seed, nodes - 1)?);
    }
    for process in &mut running {
        process.has_met()?;
    }
    // What the last that came has set off is over by then.
    std::thread::sleep(Duration::from_secs(2));
    let taken = || running.iter().map(|process| nanoseconds(process.0.id())).sum::<u64>();
    let before = taken();
    std::thread::sleep(span);
    let milliseconds = (taken() - before) as f64 / 1e6;
    let traced: Vec<u32> = running.iter().rev().take(10).map(|process| process.0.id()).collect();
    let calls = calls(&traced, span);
    Ok((milliseconds / nodes as f64 / span.as_secs_f64(), calls))
}

fn free_address() -> io::Result<SocketAddr> {
    UdpSocket::bind("127.0.0.1:0")?.local_addr()
}

/// A node in a process of its own, which ends with this.
struct Process(Child);

impl Process {
    fn start(way: &str, bind: &str, seed: &str, others: u64) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--node", way, bind, seed]).env("IDLE_OTHERS", others.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map(Self)
    }

    fn has_met(&mut self) -> io::Result<()> {
        let mut line = String::new();
        let said = self.0.stdout.as_mut().expect("it is piped");
        BufReader::new(said).read_line(&mut line)?;
        if line.trim() == "met" { Ok(()) } else { Err(io::Error::other("a node has failed")) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It may have ended by itself.
        let _ = self.0.wait();
    }
}

/// Processor time of all threads of a process so far, as Linux counts it.
fn nanoseconds(process: u32) -> u64 {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return 0 };
    let taken = |thread: fs::DirEntry| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    threads.flatten().filter_map(taken).sum()
}

/// System calls a second of one process, if they can be counted.
fn calls(processes: &[u32], span: Duration) -> Option<f64> {
    let seconds = span.as_secs().to_string();
    let mut counted = Command::new("timeout");
    counted.args(["--signal=INT", &seconds, "strace", "-c", "-f", "-qq"]);
    for process in processes {
        counted.args(["-p", &process.to_string()]);
    }
    let output = counted.output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    // Share, seconds, microseconds a call, calls, perhaps errors, name.
    let calls = text.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let of_one = words.len() >= 5 && words.last() != Some(&"total");
        words.get(3).filter(|_| of_one)?.parse::<f64>().ok()
    });
    let calls: Vec<f64> = calls.collect();
    (!calls.is_empty())
        .then(|| calls.iter().sum::<f64>() / span.as_secs_f64() / processes.len() as f64)
}

/// Runs a node until the parent lets go.
fn node(way: &str, bind: &str, seed: &str) -> io::Result<()> {
    let mut settings = Settings::new(bind.parse().expect("an address"), GroupKeys::published());
    if bind != seed {
        settings.seeds.push(seed.parse().expect("a seed"));
    }
    let (told, handle) = std::sync::mpsc::channel();
    let way = way.to_owned();
    std::thread::spawn(move || {
        let ended = run(&way, &settings, |handle| told.send(handle).expect("it is awaited"));
        ended.expect("the node works");
    });
    let handle = handle.recv().expect("the node starts");
    let others: usize = std::env::var("IDLE_OTHERS").expect("it is set").parse().expect("a number");
    while handle.call(|node: &mut Front| node.peers().count()).wait() != Ok(others) {
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("met");
    io::stdout().flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    std::process::exit(0)
}

/// Takes events for ever.
macro_rules! read_on {
    ($node:ident) => {
        loop {
            $node.next_event().await?;
        }
    };
}

fn run(way: &str, settings: &Settings, tell: impl FnOnce(Handle)) -> io::Result<()> {
    let failed = io::Error::other::<scalesmall_driver::StartError>;
    let spawned = match way {
        "mio thread" => {
            scalesmall_mio::spawn(scalesmall_mio::Node::bind(settings).map_err(failed)?)
        }
        "smol thread" => {
            scalesmall_smol::spawn(scalesmall_smol::Node::bind(settings).map_err(failed)?)
        }
        "async-std thread" => {
            scalesmall_async_std::spawn(scalesmall_async_std::Node::bind(settings).map_err(failed)?)
        }
        "tokio thread" => {
            scalesmall_tokio::spawn(scalesmall_tokio::Node::bind(settings).map_err(failed)?)
        }
        "mio loop" => {
            let mut node = scalesmall_mio::Node::bind(settings).map_err(failed)?;
            tell(node.handle());
            loop {
                node.next_event()?;
            }
        }
        "smol task" => {
            let mut node = scalesmall_smol::Node::bind(settings).map_err(failed)?;
            tell(node.handle());
            return smol::block_on(async { read_on!(node) });
        }
        "async-std task" => {
            let mut node = scalesmall_async_std::Node::bind(settings).map_err(failed)?;
            tell(node.handle());
            return async_std::task::block_on(async { read_on!(node) });
        }
        "tokio task" | "tokio-threads task" => {
            let mut node = scalesmall_tokio::Node::bind(settings).map_err(failed)?;
            tell(node.handle());
            let mut builder = match way {
                "tokio task" => tokio::runtime::Builder::new_current_thread(),
                _ => tokio::runtime::Builder::new_multi_thread(),
            };
            let runtime = builder.enable_all().build()?;
            return runtime.block_on(async {
                let task = tokio::spawn(async move { read_on!(node) });
                task.await.map_err(io::Error::other)?
            });
        }
        _ => return Err(io::Error::other("there is no such way")),
    };
    let (handle, mut events, _) = spawned?;
    tell(handle.clone());
    while events.next_event().is_some() {}
    drop(handle);
    Ok(())
}
