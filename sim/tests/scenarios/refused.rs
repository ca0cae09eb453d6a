//! Files that are no scenarios: the error names the line and the remedy.

use scalesmall_sim::scenario::Scenario;

use crate::SMALL;

fn wrong(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from));
    SMALL.replace(from, to).parse::<Scenario>().unwrap_err().to_string()
}

#[test]
fn a_wrong_file_is_refused_with_the_place_and_a_reason() {
    let error = wrong("run = \"1s\"", "run = \"1 week\"");
    assert!(error.contains("line 9") && error.contains("1.5s"), "{error}");
    let error = wrong("crash = {", "crush = {");
    assert!(error.contains("line 11") && error.contains("crush"), "{error}");
    let error = wrong("crash = { nodes = 1 }", "crash = { nodes = 1 }\nheal = {}");
    assert!(error.contains("line 10") && error.contains("begin each with [[steps]]"), "{error}");
    let error = wrong("nodes = 5", "nodes = 0");
    assert!(error.contains("cluster.nodes"), "{error}");
    let error = wrong("nodes = 5", "nods = 5");
    assert!(error.contains("line 5") && error.contains("nods"), "{error}");
    let error = wrong("figure = \"small rate\"", "figure = \"smell rate\"");
    assert!(error.contains("line 23") && error.contains("smell rate"), "{error}");
    assert!(error.contains("\"false reports\""), "{error}");
    let error = wrong("nodes = 5", "nodes = 5\nasleep = 6");
    assert!(error.contains("line 6") && error.contains("lower cluster.asleep"), "{error}");
    let error = wrong("at_most = 0", "at_most = \"10%\"");
    assert!(error.contains("line 21") && error.contains("[baseline]"), "{error}");
}

#[test]
fn no_nodes_are_refused_with_line_and_bounds() {
    let error = wrong("nodes = 5", "nodes = 0");
    assert!(error.contains("line 5") && error.contains("1 to 65536"), "{error}");
}

#[test]
fn an_unknown_key_is_refused_with_line_and_the_known_ones() {
    let error = wrong("nodes = 5", "nodes = 5\nnods = 5");
    assert!(error.contains("line 6") && error.contains("`nods`"), "{error}");
    assert!(error.contains("`start_within`"), "{error}");
}

#[test]
fn an_impossible_chance_is_refused_with_line_and_remedy() {
    for key in ["loss", "duplicate", "reorder", "corrupt"] {
        let error = wrong("nodes = 5", &format!("nodes = 5\n[cluster.link]\n{key} = \"130%\""));
        assert!(error.contains("line 7") && error.contains("at most 100%"), "{error}");
    }
    let lossy = "lossy = { nodes = 1, out = \"5%\", into = \"3/2\" }";
    let error = wrong("crash = { nodes = 1 }", lossy);
    assert!(error.contains("line 11") && error.contains("3/2 is no chance"), "{error}");
    let bursts = "nodes = 5\n[cluster.link]\nbursts = [\"1%\", \"5%\", \"101%\"]";
    let error = wrong("nodes = 5", bursts);
    assert!(error.contains("line 7") && error.contains("101%"), "{error}");
    // A clock may run at more than its own pace.
    let skew = "skew = { nodes = 1, rate = \"101/100\" }";
    assert!(SMALL.replace("crash = { nodes = 1 }", skew).parse::<Scenario>().is_ok());
}

#[test]
fn what_cannot_be_meant_is_refused_with_line_and_remedy() {
    let cluster = |keys: &str| wrong("nodes = 5", &format!("nodes = 5\n{keys}"));
    for (error, line, remedy) in [
        (wrong("nodes = 5", "nodes = 65537"), "line 5", "1 to 65536"),
        (wrong("[cluster]", "seeds = 0\n[cluster]"), "line 4", "write 1 or more"),
        (cluster("settings = { probe_interval = \"0s\" }"), "line 6", "a millisecond"),
        (cluster("settings = { outbox = 0 }"), "line 6", "limits.outbox must be at least"),
        (cluster("settings = { send_rate = 1 }"), "line 6", "send_rate must be at least"),
        (cluster("[baseline]\nverifiers = 9"), "line 7", "0 to 8"),
        (cluster("link = { delay = [\"2s\", \"1s\"] }"), "line 6", "[\"1s\", \"2s\"]"),
        (cluster("link = { octaves = \"1/4\" }"), "line 6", "median"),
        (cluster("link = { loss = 0.05 }"), "line 6", "in quotation marks"),
        (cluster("start_within = 5"), "line 6", "a time such as"),
        (
            cluster("link = { delay = [\"1s\", \"2s\"], median = \"1s\" }"),
            "line 6",
            "leave one of both out",
        ),
        (wrong("at_most = 0", "at_most = \"soon\""), "line 21", "a time such as"),
    ] {
        assert!(error.contains(line) && error.contains(remedy), "{error}");
    }
    for (step, remedy) in [
        ("crash = { percent = 101 }", "lower it"),
        ("crash = { nodes = 1, percent = 20 }", "give one of"),
        ("between = { percent = 60, and = 60 }", "lower one"),
        ("relink = { delay = [\"2s\", \"1s\"] }", "least delay first"),
        ("churn = { per_second = 0, lasts = \"1s\" }", "1 to 1000000"),
        ("churn = { per_second = 4000000000, lasts = \"1s\" }", "1 to 1000000"),
        (
            "stalls = { nodes = [1], on = [\"0s\"], off = [\"0s\"], how = [\"drain\"], lasts = \"1s\" }",
            "never end",
        ),
        (
            "stalls = { nodes = [], on = [\"1s\"], off = [\"0s\"], how = [\"drain\"], lasts = \"1s\" }",
            "one value",
        ),
        ("crash = { these = [] }", "name one at least"),
        ("parts = { count = 1 }", "2 parts or more"),
        ("skew = { nodes = 1, rate = \"0/1\" }", "such as 101/100"),
        ("skew = { nodes = 1, rate = \"101/1\" }", "up to 100 times"),
        ("serve = { nodes = 1, range = 1000 }", "0 to 999"),
        ("send = { messages = 0, to = \"all\", figure = \"mail\" }", "1 to 1000000"),
        ("send = { messages = 1, to = \"all\", bytes = 65508, figure = \"mail\" }", "65507"),
        ("relink = { bandwidth = [0, 1] }", "write more"),
        ("relink = { median = \"1ms\", octaves = \"9/1\" }", "at most 8/1"),
        ("repeat = { times = 2, steps = [] }", "one step at least"),
        ("repeat = { times = 1000000, steps = [{ heal = {} }] }", "repeat less"),
        ("await = { what = \"shown\", within = \"1s\" }", "put a step serve before"),
        ("await = { what = \"heard\", within = \"1s\" }", "put a step message before"),
    ] {
        let error = wrong("crash = { nodes = 1 }", step);
        assert!(error.contains("line 11") && error.contains(remedy), "{error}");
    }
}

/// What never ends, or would take all memory, is refused: with a node, or a call, in no time.
#[test]
fn what_would_never_end_is_refused() {
    for (step, remedy) in [
        (
            "pauses = { count = 4000000000, at_once = 1, span = [\"0s\", \"0s\"], \
             gap = [\"0s\", \"0s\"], catch_up = \"drain\" }",
            "1 to 1000000",
        ),
        (
            "repeat = { times = 4000000000, steps = [\n\
             { repeat = { times = 4000000000, steps = [{ run = \"0s\" }] } } ] }",
            "more than 1000000 steps",
        ),
        (
            "stalls = { nodes = [1], on = [\"1ns\"], off = [\"0s\"], how = [\"drain\"], lasts = \"1h\" }",
            "1ms together",
        ),
    ] {
        let error = wrong("crash = { nodes = 1 }", step);
        assert!(error.contains(remedy), "{error}");
    }
}

/// Lines are those of what is wrong, whatever else has the same words.
#[test]
fn the_line_is_that_of_the_place() {
    let text = SMALL.replace("nodes = 5", "nodes = 0 # not 5\nstart_within = \"10ms\"");
    let text = text.replace("crash = { nodes = 1 }", "crash = { nodes = 10 } # of 50 nodes");
    let error = text.parse::<Scenario>().unwrap_err().to_string();
    assert!(error.contains("line 5: a cluster of 0 nodes"), "{error}");
    let timeline = "timeline = { lasts = \"60s\", events = [\n\
                    { at = \"1s\", do = { crash = { nodes = 1 } } },\n\
                    { at = \"61s\", do = { repeat = { times = 1, steps = [{ restart = {} }] } } },\n] }";
    let error = wrong("crash = { nodes = 1 }", timeline);
    assert!(error.contains("line 13: an event at 61s"), "{error}");
    let error = wrong(
        "crash = { nodes = 1 }",
        &timeline.replace("61s", "0s").replace("restart = {}", "crash = { percent = 200 }"),
    );
    assert!(error.contains("line 13: 200 per cent"), "{error}");
}

/// A bar is met or missed by a figure that some step makes, and in its unit.
#[test]
fn a_bar_is_on_a_figure_that_comes_about() {
    let parse = |figure: &str| {
        let named = format!("figure = \"{figure}\"\nof = \"max\"");
        SMALL.replace("figure = \"small rate\"\nof = \"max\"", &named).parse::<Scenario>()
    };
    assert!(parse("small bytes").is_ok());
    for figure in ["small", "small rates", "small beyond", "false report", "false reports by all"] {
        let error = parse(figure).unwrap_err().to_string();
        assert!(error.contains("line 23: no step makes"), "{error}");
    }
    let error = wrong("at_most = 1000000", "at_most = \"1s\"");
    assert!(error.contains("line 25") && error.contains("counts bytes per second"), "{error}");
    let error = wrong(
        "crash = { nodes = 1 }",
        "count = { what = \"transitions\", figure = \"small pair\" }",
    );
    assert!(error.contains("line 15: \"small pair\"") && error.contains("rename"), "{error}");
    let error = wrong("meter = {}", "heal = {}");
    assert!(error.contains("line 15: nothing counts what is sent"), "{error}");
}

#[test]
fn a_scenario_has_a_name_and_steps() {
    let error = wrong("name = \"small\"", "name = \"\"");
    assert!(error.contains("line 2") && error.contains("known by its name"), "{error}");
    let none = "name = \"none\"\nsteps = []\n[cluster]\nnodes = 1\n";
    let error = none.parse::<Scenario>().unwrap_err().to_string();
    assert!(error.contains("line 2: nothing happens"), "{error}");
}

#[test]
fn overlapping_zones_are_refused_with_line_and_remedy() {
    let zones = |west: &str, east: &str| {
        let zone = |name: &str, nodes: &str| {
            format!("[[cluster.zone]]\nname = \"{name}\"\nnodes = {nodes}\n")
        };
        let zones = zone("west", west) + &zone("east", east);
        SMALL.replace(
            "nodes = 5",
            &format!("nodes = 5\n{zones}[cluster.between]\nmedian = \"40ms\""),
        )
    };
    let error =
        |west: &str, east: &str| zones(west, east).parse::<Scenario>().unwrap_err().to_string();
    assert!(zones("[0, 2]", "[3, 4]").parse::<Scenario>().is_ok());
    let text = error("[0, 2]", "[2, 4]");
    assert!(text.contains("line 11") && text.contains("begin at node 3"), "{text}");
    let text = error("[2, 4]", "[0, 2]");
    assert!(text.contains("line 8") && text.contains("zone west overlaps"), "{text}");
    let text = error("[0, 1]", "[3, 4]");
    assert!(text.contains("line 11") && text.contains("nodes 2 to 2 are in no zone"), "{text}");
    let text = error("[0, 1]", "[2, 3]");
    assert!(text.contains("line 11") && text.contains("nodes from 4 on"), "{text}");
    let text = error("[0, 1]", "[2, 5]");
    assert!(text.contains("line 11") && text.contains("0 to 4"), "{text}");
}

#[test]
fn an_event_after_the_end_is_refused_with_line_and_remedy() {
    let timeline = |at: &str| {
        let events = format!("[{{ at = \"{at}\", do = {{ crash = {{ nodes = 1 }} }} }}]");
        let timeline = format!("timeline = {{ lasts = \"60s\", events = {events} }}");
        SMALL.replace("crash = { nodes = 1 }", &timeline).parse::<Scenario>()
    };
    assert!(timeline("1m").is_ok());
    let error = timeline("61s").unwrap_err().to_string();
    assert!(error.contains("line 11") && error.contains("after the end at 1m"), "{error}");
    assert!(error.contains("last until 61s"), "{error}");
}
