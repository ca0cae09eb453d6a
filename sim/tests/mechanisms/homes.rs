//! For each mechanism a world in which it has something to do.

use scalesmall_core::mutants::Mutant;

/// A world in which a mechanism has something to do, and what to look at.
pub(crate) struct Home {
    pub(crate) of: Mutant,
    pub(crate) about: String,
    /// The lines of the cluster.
    cluster: String,
    /// How long the cluster rests once all agree, before anything happens; `None` if it begins at once.
    rest: Option<&'static str>,
    steps: String,
    pub(crate) figures: &'static [&'static str],
}

impl Home {
    /// The world as a scenario.
    pub(crate) fn world(&self) -> String {
        let Self { cluster, steps, .. } = self;
        let rest = self.rest.map(|rest| {
            format!(
                "[[steps]]\nawait = {{ what = 'agreement', within = '300s' }}\n[[steps]]\nrun = '{rest}'\n"
            )
        });
        let rest = rest.unwrap_or_default();
        format!(
            "name = 'home'\nabout = 'Where a mechanism is at home.'\n[cluster]\n{cluster}\n{rest}{steps}"
        )
    }
}

fn home(
    of: Mutant,
    about: &str,
    cluster: &str,
    rest: Option<&'static str>,
    steps: &str,
    figures: &'static [&'static str],
) -> Home {
    Home { of, about: about.into(), cluster: cluster.into(), rest, steps: steps.into(), figures }
}

/// All of them.
#[allow(clippy::too_many_lines, reason = "it is a table")]
pub(crate) fn all() -> Vec<Home> {
    let mut homes = vec![
        home(
            Mutant::GatherersOff,
            "256 nodes start within 0.5 s, and each serves a range",
            r#"nodes = 256
start_within = "0.5s"
serve = true"#,
            None,
            r#"
[[steps]]
meter = {}
[[steps]]
await = { what = "agreement", within = "300s", figure = "start" }
[[steps]]
usage = { figure = "start" }
"#,
            &["start", "start bytes", "start peak"],
        ),
        home(
            Mutant::GapsOff,
            "one segment of 128 at 10 % loss; one node writes 50 times a second",
            r#"nodes = 128
segments = 1
start_within = "1s""#,
            Some("30s"),
            r#"
[[steps]]
relink = { loss = "10%" }
[[steps]]
meter = {}
[[steps]]
serve = { nodes = 1, range = 1 }
[[steps]]
[steps.repeat]
times = 25
steps = [
    { run = "20ms" },
    { withdraw = { picked = true, range = 1 } },
    { run = "20ms" },
    { serve = { picked = true, range = 1 } },
]
[[steps]]
await = { what = "shown", within = "60s", figure = "last write" }
[[steps]]
await = { what = "agreement", within = "60s", figure = "agreement" }
[[steps]]
run = "5s"
[[steps]]
usage = { figure = "writing" }
"#,
            &["last write by 99 %", "agreement", "writing bytes"],
        ),
        home(
            Mutant::ReturnsOff,
            "half of 128 are cut off for 60 s",
            r#"nodes = 128
start_within = "1s""#,
            Some("10s"),
            r#"
[[steps]]
split = { percent = 50 }
[[steps]]
run = "60s"
[[steps]]
meter = {}
[[steps]]
heal = {}
[[steps]]
await = { what = "agreement", within = "300s", figure = "healed" }
[[steps]]
usage = { figure = "healing" }
"#,
            &["healed", "healing bytes"],
        ),
        home(
            Mutant::ReturnsOff,
            "a tenth of 128 is cut off for 60 s",
            r#"nodes = 128
start_within = "1s""#,
            Some("10s"),
            r#"
[[steps]]
split = { percent = 10 }
[[steps]]
run = "60s"
[[steps]]
meter = {}
[[steps]]
heal = {}
[[steps]]
await = { what = "agreement", within = "300s", figure = "healed" }
[[steps]]
usage = { figure = "healing" }
"#,
            &["healed", "healing bytes"],
        ),
        home(
            Mutant::DetourOff,
            "two fifths of 128 and two other fifths do not hear each other for 120 s",
            r#"nodes = 128
start_within = "1s""#,
            Some("10s"),
            r#"
[[steps]]
between = { percent = 40, and = 40 }
[[steps]]
run = "10s"
[[steps]]
meter = {}
[[steps]]
run = "120s"
[[steps]]
usage = { figure = "cut" }
[[steps]]
count = { what = "hidden_pairs", figure = "hidden pairs" }
[[steps]]
count = { what = "hidden_time", figure = "hidden for" }
[[steps]]
heal = {}
[[steps]]
await = { what = "agreement", within = "300s", figure = "healed" }
"#,
            &["cut rate", "hidden pairs", "hidden for", "healed"],
        ),
        home(
            Mutant::DetourOff,
            "two of 20 crash at once, twenty times",
            r#"nodes = 20
start_within = "1s""#,
            Some("10s"),
            r#"
[[steps]]
[steps.repeat]
times = 20
steps = [
    { crash = { nodes = 2 } },
    { await = { what = "sight", within = "300s", figure = "crash" } },
    { restart = {} },
    { await = { what = "sight", within = "300s" } },
    { run = "5s" },
]
"#,
            &["crash"],
        ),
        home(
            Mutant::SecondQueueOff,
            "128 nodes that may send 96 kB a second each; 600 changes a second for 10 s",
            r#"nodes = 128
start_within = "1s"
[cluster.settings]
send_rate = 96000"#,
            Some("10s"),
            r#"
[[steps]]
count = { what = "hidden_reports", figure = "before" }
[[steps]]
churn = { per_second = 600, lasts = "10s" }
[[steps]]
await = { what = "agreement", within = "300s", figure = "agreement after it" }
[[steps]]
count = { what = "hidden_subjects", figure = "hidden nodes" }
"#,
            &["agreement after it", "hidden nodes"],
        ),
        home(
            Mutant::SecondQueueOff,
            "half of 256 nodes that may send 96 kB a second each crash at once",
            r#"nodes = 256
start_within = "1s"
[cluster.settings]
send_rate = 96000"#,
            Some("10s"),
            r#"
[[steps]]
count = { what = "hidden_reports", figure = "before" }
[[steps]]
crash = { percent = 50 }
[[steps]]
await = { what = "sight", within = "300s", figure = "crash" }
[[steps]]
count = { what = "hidden_subjects", figure = "hidden nodes" }
"#,
            &["crash", "hidden nodes"],
        ),
        home(
            Mutant::HoldsOff,
            "two of 128 lose all they should hear, 20 s of every 40, for 600 s",
            r#"nodes = 128
start_within = "1s""#,
            Some("10s"),
            r#"
[[steps]]
meter = {}
[[steps]]
flap = { nodes = 2, on = "20s", off = "20s" }
[[steps]]
run = "600s"
[[steps]]
usage = { figure = "flapping" }
[[steps]]
count = { what = "transitions", figure = "changes of mind" }
"#,
            &["flapping rate", "changes of mind"],
        ),
        home(
            Mutant::RescueOff,
            "four segments of 32, of which a quarter crashes just before an update",
            r#"nodes = 128
segments = 4
start_within = "1s""#,
            Some("30s"),
            r#"
[[steps]]
[steps.repeat]
times = 5
steps = [
    { crash = { percent = 25 } },
    { serve = { nodes = 1 } },
    { await = { what = "shown", within = "120s", figure = "update" } },
    { await = { what = "sight", within = "300s" } },
    { restart = {} },
    { await = { what = "agreement", within = "300s" } },
    { run = "20s" },
]
"#,
            &["update by 99 %", "update by all"],
        ),
        home(
            Mutant::PiggybackOff,
            "128 nodes that pass on 16 copies at once, at 30 % loss: a storm",
            r#"nodes = 128
start_within = "1s"
[cluster.settings]
relays = 16"#,
            Some("10s"),
            r#"
[[steps]]
relink = { loss = "30%" }
[[steps]]
meter = {}
[[steps]]
serve = { over = "100ms" }
[[steps]]
await = { what = "agreement", within = "300s", figure = "storm" }
[[steps]]
usage = { figure = "storm" }
"#,
            &["storm", "storm bytes"],
        ),
        home(
            Mutant::TakenOff,
            "128 nodes at 10 % loss; 10 changes a second for 20 s",
            r#"nodes = 128
start_within = "1s""#,
            Some("10s"),
            r#"
[[steps]]
relink = { loss = "10%" }
[[steps]]
meter = {}
[[steps]]
churn = { per_second = 10, lasts = "20s" }
[[steps]]
usage = { figure = "churn" }
"#,
            &["churn bytes"],
        ),
    ];
    for (nodes, loss, span) in [(7, 30, 3_000), (16, 40, 1_000), (128, 30, 1_000), (128, 40, 1_000)]
    {
        homes.push(Home {
            of: Mutant::LateVerifiersOff,
            about: format!("{nodes} nodes at {loss} % loss for {span} s"),
            cluster: format!("nodes = {nodes}\nstart_within = '1s'"),
            rest: Some("0s"),
            steps: LOSSY.replace("LOSS", &format!("{loss}%")).replace("SPAN", &format!("{span}s")),
            figures: &["hidden nodes", "hidden for"],
        });
    }
    homes
}

const LOSSY: &str = r#"
[[steps]]
relink = { loss = "LOSS" }
[[steps]]
run = "10s"
[[steps]]
count = { what = "hidden_reports", figure = "before" }
[[steps]]
run = "SPAN"
[[steps]]
count = { what = "hidden_subjects", figure = "hidden nodes" }
[[steps]]
count = { what = "hidden_time", figure = "hidden for" }
"#;
