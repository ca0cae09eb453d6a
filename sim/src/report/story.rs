//! The texts of the page of results around its figures: the subjects, and the figures that come first.

/// A subject of the page: the question of its scenarios.
pub(super) struct Subject {
    pub(super) title: &'static str,
    pub(super) words: &'static str,
    /// The names of its scenarios; a `*` at the end stands for all names that begin like this.
    pub(super) scenarios: &'static [&'static str],
}

impl Subject {
    pub(super) fn is_of(&self, scenario: &str) -> bool {
        self.scenarios.iter().any(|name| fits(name, scenario))
    }
}

fn fits(name: &str, scenario: &str) -> bool {
    match name.strip_suffix('*') {
        Some(start) => scenario.starts_with(start),
        None => name == scenario,
    }
}

/// A figure that comes first on the page.
pub(super) struct Headline {
    pub(super) what: &'static str,
    pub(super) scenario: &'static str,
    pub(super) figure: &'static str,
    /// The line and the figure of the comparison with another protocol that measure the same.
    pub(super) beside: Option<(&'static str, &'static str)>,
}

const fn of(what: &'static str, scenario: &'static str, figure: &'static str) -> Headline {
    Headline { what, scenario, figure, beside: None }
}

const fn beside(headline: Headline, line: &'static str, figure: &'static str) -> Headline {
    Headline { beside: Some((line, figure)), ..headline }
}

pub(super) const HEADLINES: [Headline; 34] = [
    beside(
        of("All start at once: until all see all", "bootstrap", "all see all after the last start"),
        "bootstrap",
        "all see all, after the last start",
    ),
    beside(
        of("What a node sends for that", "bootstrap", "start bytes"),
        "bootstrap",
        "bytes of a node until then, or 61 s",
    ),
    of("The same, each serving a range", "bootstrap-serving", "start bytes"),
    beside(
        of("A node at rest sends", "idle-1024", "idle rate"),
        "idle",
        "1024 nodes: sent by each",
    ),
    beside(
        of("A ping and its answer", "wire", "settled pair"),
        "idle",
        "128 nodes: two mean datagrams (wire)",
    ),
    beside(of("A new range: until all show it", "update", "shown by all"), "update", "all show it"),
    beside(
        of("What that costs a node", "update", "extra bytes"),
        "update",
        "extra bytes of a node in 10 s",
    ),
    beside(
        of("The same at 10 % loss", "update-lossy", "shown by all"),
        "update at 10 % loss",
        "all show it",
    ),
    of("The same by multicast", "multicast", "shown by all"),
    of("A message to all: until all have it", "message", "heard by all"),
    of("All change at once: until all agree", "storm", "agreement"),
    of("100 changes a second: each costs a node", "churn", "churn each"),
    beside(of("A node dies: until all know", "crash", "crash"), "crash", "all know"),
    of("The same at 10 % loss", "crash-lossy", "crash"),
    of("The same among three", "small-crash-3", "crash"),
    beside(
        of("5 % die at once: until all know", "mass-crash", "mass crash"),
        "mass crash",
        "all know of all",
    ),
    beside(of("A node leaves: until all know", "leave", "leave"), "leave", "all know"),
    of("A node comes back: until all show its range", "return", "new range shown by all"),
    of("Half restart: until all agree", "mass-restart", "agreement after the restart"),
    of("A machine is set back: until it is in again", "set-back", "agreement"),
    of("At 20 % loss: live nodes hidden", "cold-loss-20", "hidden nodes"),
    of("At 30 % loss: live nodes hidden", "cold-loss-30", "hidden nodes"),
    of("At 20 % loss a node sends", "cold-loss-20", "sent rate"),
    of("Slow nodes: healthy ones reported", "slow-nodes", "false reports at healthy nodes"),
    of("Stalls for 40 s: until all show the node again", "stalls-128", "all show it"),
    of("Halves for a minute: until all agree", "partition-half", "agreement after the cut"),
    of("A day cut in two: until all agree", "partition-day", "agreement after the cut"),
    of("A server joins: slots moved, of the least", "hand-over", "one joins: moved, of the least"),
    of("One is killed: a slot without an owner", "hand-over", "no owner after a kill"),
    of("Over a WAN: a crash", "wan-grid", "crash"),
    of("Over a WAN: a change shown by all", "wan-grid", "update by all"),
    of("Only small datagrams pass: until all agree", "narrow-path-128", "settled"),
    of("A tiny table: until a newcomer is in", "full-nodes", "newcomer in"),
    of("A member lies: share of time hidden", "faulty-member", "lies hidden share"),
];

pub(super) const SUBJECTS: [Subject; 14] = [
    Subject {
        title: "Starting",
        words: "All nodes start within a second and know one seed. The figures tell how long it takes \
                until each of them sees every other one, and what the nodes and the seed send for it. Nodes \
                that serve a range from their first moment on have more to say.",
        scenarios: &["bootstrap*"],
    },
    Subject {
        title: "At rest",
        words: "Nothing happens. A settled node probes others and answers their probes, as often in a \
                large cluster as in a small one; with multicast it sends a beacon as well.",
        scenarios: &["idle-*", "wire*", "steady", "quiet-segment", "multicast-idle"],
    },
    Subject {
        title: "A change spreads",
        words: "A node serves another range, or sends a message. The figures tell how long it takes until \
                half, 99 % and all of the live nodes show it, and its cost beyond a run in which nothing \
                changes. Further scenarios have many changes at once, a steady stream of them, or multicast.",
        scenarios: &["update*", "message*", "multicast", "storm", "churn", "ablation-*"],
    },
    Subject {
        title: "A node dies or leaves",
        words: "A host vanishes without a word, and the figures tell how long it takes until every live \
                node knows. That is the time until a probe reaches the host, and the window in which the \
                host may still answer somebody. A node that says goodbye is gone at once.",
        scenarios: &["crash*", "small-crash-*", "mass-crash", "leave"],
    },
    Subject {
        title: "Nodes come back",
        words: "Nodes restart: one after the other, half of them at once, from an old snapshot, or beside a \
                copy that still runs. Other nodes come back at or move to other addresses, and their keys \
                stay with them. Nobody routes to the ranges of an earlier life.",
        scenarios: &["return", "rolling-restart*", "names", "mass-restart*", "set-back", "copies"],
    },
    Subject {
        title: "Loss",
        words: "Every datagram is lost with some chance, on all links or on those of a few nodes. No live \
                node may be hidden, and none may come and go again and again.",
        scenarios: &["loss-*", "cold-loss-*", "small-loss-*", "lossy-nodes", "flip-flop"],
    },
    Subject {
        title: "Slow and stalled nodes",
        words: "Nodes stand still for a while, again and again, or take datagrams slowly. They must not \
                accuse healthy ones, and are shown again soon after they are well. *Baseline* is the same \
                without the parts that are there for slow nodes.",
        scenarios: &["slow-nodes*", "stall*", "pause*"],
    },
    Subject {
        title: "Partitions",
        words: "The cluster falls into parts that do not hear each other, for a minute and for a day, in \
                halves, in three, one way only, or between some nodes both of which others still see. The \
                figures tell how long it takes after the end of the cut until all agree.",
        scenarios: &["partition-*", "three-way", "partial-partition"],
    },
    Subject {
        title: "Long distances",
        words: "Delays from 10 us to 400 ms one way, the same for all datagrams or not, in clusters of 3 to \
                128 nodes, without loss and with 10 %; and three zones far apart. Each bar is shown at the \
                point of the grid that uses most of it.",
        scenarios: &["wan-*"],
    },
    Subject {
        title: "Narrow paths",
        words: "Large datagrams vanish without a word, from the start or after a change of the network, at \
                all nodes or at one of them.",
        scenarios: &["narrow-*"],
    },
    Subject {
        title: "Settings that differ, and full tables",
        words: "Half of the nodes have other settings than the rest, or less room. And far more nodes come \
                and go than a table holds: a living newcomer finds its place all the same.",
        scenarios: &["mixed-*", "full-nodes"],
    },
    Subject {
        title: "Keys",
        words: "The key in use is exchanged for a new one: at rest, while much is lost, on both sides of a cut \
                at once, and while nodes are restarted in turn. The figures tell how long it takes until all nodes \
                have one key, and whether anybody is refused or hidden meanwhile.",
        scenarios: &["rotation", "rotation-rolling"],
    },
    Subject {
        title: "Slots move",
        words: "Servers share the slots of a group by the engine's placement. The figures are: the slots that move \
                when a server comes or goes, as a share of the fewest that have to; the longest time that a \
                slot is without an owner; and the most slots of one server, as a share of the mean.",
        scenarios: &["hand-over"],
    },
    Subject {
        title: "Members that lie",
        words: "A holder of the key sends packets that no engine sends: each type of frame, each wrapping, each \
                extreme value, once or all the time. The figures tell how long healthy nodes are hidden \
                because of it, and how many bytes go to strangers for each byte that it sends.",
        scenarios: &["faulty-*"],
    },
];

pub(super) const HEAD: &str = "\
# Results

The figures of the scenarios in `scenarios/`, each with the bar that it has to reach: {met} of {all} bars are met.
";

pub(super) const OTHER_PROTOCOLS: &str = "
## Beside other protocols

The crates `foca` and `kinship-core` in the same network, with the same seeds and the same work, each at its
own settings for a local network. The first has no authentication, no groups and no repair; the second
joins and repairs over connections, which are played as the segments and acknowledgements of TCP. The figures
are medians; they are written by
`cargo bench -p scalesmall-sim --bench rivals -- --out sim/RESULTS.md`.

| line | figure | ScaleSmall | foca | kinship-core |
|---|---|--:|--:|--:|
";

pub(super) const HOW: &str = "
## How this page is made

It is written by

```console
$ cargo run --release -p scalesmall-sim -- results
```

With `--only NAME` it writes a part of the page; a `*` at the end of the name stands for all names that
begin like this. Several machines or processes can share the work: each plays a shard, and `merge`
writes the page from all of them:

```console
$ scalesmall-sim results --shard 1/2 --report one.json
$ scalesmall-sim results --shard 2/2 --report two.json
$ scalesmall-sim merge one.json two.json --out sim/RESULTS.md
```

A run is a seed, counted from 1. *Median* (of an even count the mean of the two in the middle), *p99*
(the value that 99 of 100 do not exceed; given from 500 values on) and *worst* (the greatest value, or the least
one where the bar is a minimum) are over the values of all runs, in a grid over those of one point, the one
that uses most of the bar. A bar on a median or a quantile of fewer than five values has no verdict. A
rule that is broken in any run is a miss. Times are virtual, bytes are UDP payload with the authenticated
suite, and the configuration is `Config::lan()` unless the file says otherwise.

How some figures are made:

- *extra* is what a run sends beyond a run of the same seed in which nothing is changed.
- *by half, by 99 %, by all*: in each run, when that many of the live nodes showed it.
- *beyond* (churn) leaves out the datagrams that have a branch of the broadcast tree in them, and
  those with nothing but acknowledgements: they are the updates themselves, and *each* is what
  one update costs a node. All others count: probes, their answers, what rides on them, repairs.
- *pair* is twice the mean datagram of a settled cluster: a ping and its answer.
- *healthy* nodes are those that the scenario leaves alone; reports by faulty nodes about them, or by
  them about faulty nodes, do not count against them.
- *live hidden* counts reports that call a node down or unreachable that was up and had not said goodbye,
  including reports during a cut.
- A share *of the baseline* compares with the same seeds under the settings in the file's `[baseline]`.

The figures of single machines (memory, engine, look-ups, adapters, the simulator's own speed) come
from `cargo bench`.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    /// A scenario that was renamed does not leave its headline behind.
    #[test]
    fn each_headline_is_a_figure_of_a_scenario_and_each_scenario_has_one_subject() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let scenario: Scenario = text.parse().unwrap();
            for headline in HEADLINES.iter().filter(|line| line.scenario == scenario.name) {
                let named = text.contains(&format!("figure = \"{}\"", headline.figure));
                assert!(named, "{}: {}", scenario.name, headline.figure);
            }
            let subjects = SUBJECTS.iter().filter(|subject| subject.is_of(&scenario.name)).count();
            assert_eq!(subjects, 1, "{}", scenario.name);
            names.push(scenario.name);
        }
        for headline in &HEADLINES {
            assert!(names.iter().any(|name| name == headline.scenario), "{}", headline.scenario);
        }
        for pattern in SUBJECTS.iter().flat_map(|subject| subject.scenarios) {
            assert!(names.iter().any(|name| fits(pattern, name)), "{pattern}");
        }
    }
}
