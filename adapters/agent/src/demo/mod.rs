//! `scalesmall demo`: a story told with real nodes, which are processes of their own on this host.

mod stage;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::cli::DemoOptions;
use crate::failure::Failure;
use crate::protocol::{Reply, Request, What};

use stage::{Node, Stage, until};

const GROUP: &str = "kitchen";

/// `scalesmall demo`.
pub(crate) fn run(options: &DemoOptions) -> Result<(), Failure> {
    let stage = Stage::set_up()?;
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
    }
    let mut story = Story { begun: Instant::now(), chapters: Vec::new(), interrupted };
    let told = story.tell(&stage, options.nodes);
    if told.is_err() && story.is_interrupted() {
        // The terminal has interrupted the nodes as well; what they failed to do says nothing.
        stage.clear();
        return Err(Failure::interrupted());
    }
    let late = story.verdict();
    let logs = format!("the nodes' logs are in {}", stage.directory().display());
    match told {
        Ok(()) if late == 0 => {
            stage.clear();
            Ok(())
        }
        Ok(()) => Err(Failure::new(format!("{late} steps took longer than promised; {logs}"))),
        Err(failure) => {
            Err(Failure::new(format!("the demo could not go on: {}; {logs}", failure.line())))
        }
    }
}

/// One promise and how it was kept.
struct Chapter {
    promise: &'static str,
    limit: Duration,
    took: Option<Duration>,
}

struct Story {
    begun: Instant,
    chapters: Vec<Chapter>,
    /// Set by a signal.
    interrupted: Arc<AtomicBool>,
}

impl Story {
    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    fn say(&self, line: &str) {
        let at = self.begun.elapsed();
        println!("{:3}.{:03} s  {line}", at.as_secs(), at.subsec_millis());
    }

    /// Waits until a promise is kept and notes how long that took.
    fn expect(
        &mut self,
        promise: &'static str,
        limit: Duration,
        since: Instant,
        mut condition: impl FnMut() -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let condition = || match self.is_interrupted() {
            true => Err(Failure::interrupted()),
            false => condition(),
        };
        // A promise that is broken is waited for a little longer, to tell late from never.
        let kept = until(limit * 2, condition)?.map(|_| since.elapsed());
        match kept {
            Some(took) => self.say(&format!("  {promise}: after {}", show(took))),
            None => self.say(&format!("  {promise}: NOT within {}", show(limit * 2))),
        }
        self.chapters.push(Chapter { promise, limit, took: kept });
        Ok(())
    }

    fn tell(&mut self, stage: &Stage, count: u16) -> Result<(), Failure> {
        let mut nodes = self.gather(stage, count)?;
        self.share_the_keys(&nodes)?;
        self.send_a_message(&nodes)?;
        let victim = nodes.remove(1);
        self.kill(victim, &nodes, count)?;
        self.come_back(stage, &mut nodes, count)?;
        self.say_goodbye(nodes)
    }

    fn gather(&mut self, stage: &Stage, count: u16) -> Result<Vec<Node>, Failure> {
        self.say(&format!(
            "{count} nodes start, each a process of its own; all know the first one"
        ));
        let mut nodes = Vec::new();
        for number in 0..count {
            let seed = nodes.first().map(|first: &Node| first.address);
            let node = stage.node(number, seed, None)?;
            let (name, address) = (&node.name, node.address);
            self.say(&format!("  {name} is at {address}, process {}", node.pid()));
            nodes.push(node);
        }
        let since = Instant::now();
        self.expect("all see all", Duration::from_secs(2), since, || {
            let others = usize::from(count) - 1;
            for node in &nodes {
                if node.peers()?.iter().filter(|peer| peer.status == "alive").count() != others {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        Ok(nodes)
    }

    fn share_the_keys(&mut self, nodes: &[Node]) -> Result<(), Failure> {
        self.say(&format!("each node serves its share of the keys of group '{GROUP}'"));
        let since = Instant::now();
        for (number, node) in (0..).zip(nodes) {
            let (start, end) = share(number, nodes.len());
            let group = GROUP.to_owned();
            node.ask(&Request::Add { group, start, end, port: 7000 + number })?;
        }
        self.expect("all know an owner for every key", Duration::from_secs(1), since, || {
            Ok(nodes.iter().all(|node| node.covers(GROUP)))
        })?;
        let key = 0xcafe_f00d;
        if let Some(owner) = nodes[0].route(GROUP, key).first() {
            self.say(&format!(
                "  key {key:#x} is served by {} at {}, keys {} to {}",
                owner.node.name, owner.endpoint, owner.start, owner.end
            ));
        }
        Ok(())
    }

    fn send_a_message(&mut self, nodes: &[Node]) -> Result<(), Failure> {
        self.say("node-0 sends a message to the group");
        let mut watches = Vec::new();
        for node in &nodes[1..] {
            watches.push(node.watch()?);
        }
        let text = "dinner is ready";
        let since = Instant::now();
        nodes[0].ask(&Request::Send {
            group: Some(GROUP.to_owned()),
            nodes: Vec::new(),
            tag: 1,
            text: text.to_owned(),
        })?;
        let promise = "every other member has it";
        self.expect(promise, Duration::from_secs(1), since, || {
            while let Some(watch) = watches.last_mut() {
                watch.set_limit(Duration::from_millis(100))?;
                match watch.reply() {
                    Ok(Some(Reply::Event(event))) => {
                        if matches!(event.what, What::Message { ref message, .. } if message.tag == 1) {
                            watches.pop();
                        }
                    }
                    // Nothing to read for a while.
                    Err(_) => return Ok(false),
                    Ok(_) => return Err(Failure::new("a node ended its watch")),
                }
            }
            Ok(true)
        })
    }

    fn kill(&mut self, victim: Node, rest: &[Node], count: u16) -> Result<(), Failure> {
        let name = victim.name.clone();
        self.say(&format!("{name} is killed with SIGKILL"));
        victim.kill();
        let since = Instant::now();
        let (start, end) = share(1, usize::from(count));
        let limit = Duration::from_secs(8);
        self.expect("all others call it down", limit, since, || {
            for node in rest {
                if node.status_of(&name)? != "down" {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        self.expect("nobody routes to it", limit, since, || {
            Ok(rest.iter().all(|node| node.route(GROUP, start).is_empty()))
        })?;
        self.say(&format!("  keys {start} to {end} have no owner for now"));
        Ok(())
    }

    fn come_back(
        &mut self,
        stage: &Stage,
        nodes: &mut Vec<Node>,
        count: u16,
    ) -> Result<(), Failure> {
        let (start, end) = share(1, usize::from(count));
        let middle = start + (end - start) / 2;
        self.say(&format!(
            "it starts again at another address, and serves the lower half of its share: {start} to \
             {middle}"
        ));
        let since = Instant::now();
        let serve = format!("{GROUP}:{start}-{middle}@8001");
        let seed = nodes.first().map(|first| first.address);
        let node = stage.node(1, seed, Some(&serve))?;
        self.say(&format!("  {} is at {} now", node.name, node.address));
        nodes.insert(1, node);
        let new = |node: &Node| {
            let ports: Vec<u16> = node.route(GROUP, start).iter().map(|row| row.port).collect();
            ports == [8001] && node.route(GROUP, end).is_empty()
        };
        let promise = "all route to its new keys and to none of its old";
        self.expect(promise, Duration::from_secs(3), since, || Ok(nodes.iter().all(new)))
    }

    fn say_goodbye(&mut self, mut nodes: Vec<Node>) -> Result<(), Failure> {
        let Some(last) = nodes.pop() else { return Ok(()) };
        self.say(&format!("{} says goodbye", last.name));
        let since = Instant::now();
        if let Reply::Departed(row) = last.ask(&Request::Depart { when_covered_ms: None })? {
            self.say(&format!("  {} of {} acknowledged it", row.acknowledged_by, row.told));
        }
        let promise = "all others know that it has left";
        self.expect(promise, Duration::from_secs(1), since, || {
            for node in &nodes {
                if node.status_of(&last.name)? != "left" {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Prints how the promises were kept; how many were not.
    fn verdict(&self) -> usize {
        println!();
        let mut late = 0;
        for chapter in &self.chapters {
            let kept = chapter.took.is_some_and(|took| took <= chapter.limit);
            late += usize::from(!kept);
            let took = chapter.took.map_or_else(|| "never".to_owned(), show);
            let mark = if kept { "ok  " } else { "LATE" };
            let (promise, limit) = (chapter.promise, show(chapter.limit));
            println!("{mark}  {promise:<52} {took:>9}  (promised: {limit})");
        }
        let total = self.begun.elapsed();
        println!(
            "\n{} of {} promises kept in {}",
            self.chapters.len() - late,
            self.chapters.len(),
            show(total)
        );
        late
    }
}

/// The share of the keys that node `number` of `count` serves.
fn share(number: u16, count: usize) -> (u32, u32) {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let bound = |number: u64| (number << 32) / count;
    let start = bound(u64::from(number));
    let end = bound(u64::from(number) + 1) - 1;
    let key = |bound: u64| u32::try_from(bound).unwrap_or(u32::MAX);
    (key(start), key(end))
}

fn show(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{}.{} ms", time.as_millis(), time.subsec_micros() % 1000 / 100)
    } else {
        format!("{}.{:02} s", time.as_secs(), time.subsec_millis() / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_cover_all_keys_once() {
        for count in [1, 3, 5, 32] {
            let mut next = 0;
            for number in 0..count {
                let (start, end) = share(number, usize::from(count));
                assert_eq!(u64::from(start), next);
                next = u64::from(end) + 1;
            }
            assert_eq!(next, 1 << 32);
        }
    }
}
