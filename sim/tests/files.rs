//! The page on scenario files, compared with the types that read them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use std::collections::BTreeMap;

use scalesmall_sim::scenario::Scenario;
use scalesmall_sim::scenario::files::PAGE;
use toml::{Table, Value};

/// A file that has all that any key needs.
const WHOLE: &str = r#"
name = "whole"
[cluster]
nodes = 10
[cluster.link]
[[steps]]
message = {}
[[steps]]
serve = { nodes = 1 }
[[steps]]
meter = {}
[[steps]]
await = { what = "agreement", within = "5s", figure = "crash" }
"#;

/// What a heading of the page is about: where its keys stand, and what stands there besides.
struct Place {
    /// From the file to the table of the keys; a number is an entry of a list.
    way: &'static [&'static str],
    /// What is there without the key.
    without: &'static str,
}

fn place(heading: &str) -> Option<Place> {
    let step = |name: &'static [&'static str], without| Some(Place { way: name, without });
    let (way, without): (&[&str], &str) = match heading {
        "The file" => (&[], ""),
        "`[cluster]`" => (&["cluster"], ""),
        "`[cluster.shards]`" => (&["cluster", "shards"], "slots = 64"),
        "`[[cluster.zone]]`" => (&["cluster", "zone", "0"], "name = \"a\"\nnodes = [0, 4]"),
        "`[[cluster.routes]]`" => {
            (&["cluster", "routes", "0"], "zones = [\"a\", \"b\"]\nlink = {}")
        }
        "`[[cluster.homes]]`" => (&["cluster", "homes", "0"], "these = [0]\naddresses = [\"v6\"]"),
        "`[cluster.others]`" => (&["cluster", "others"], "these = [0]\nsettings = {}"),
        "`[cluster.link]`" => (&["cluster", "link"], ""),
        "`[cluster.settings]`" => (&["cluster", "settings"], ""),
        "Which nodes" => (&["steps", "4", "crash"], ""),
        "`[[bars]]`" => (&["bars", "0"], "figure = \"crash\"\nof = \"max\"\nat_most = \"1s\""),
        "`await`" => (&["steps", "4", "await"], "what = \"sight\"\nwithin = \"1s\""),
        "`resume`" => (&["steps", "4", "resume"], "catch_up = \"drain\""),
        "`pauses`" => (
            &["steps", "4", "pauses"],
            "count = 1\nat_once = 1\nspan = [\"1s\", \"2s\"]\ngap = [\"1s\", \"2s\"]\ncatch_up = \"drain\"",
        ),
        "`stalls`" => (
            &["steps", "4", "stalls"],
            "nodes = [1]\non = [\"1s\"]\noff = [\"1s\"]\nhow = [\"drain\"]\nlasts = \"9s\"",
        ),
        "`parts`" => (&["steps", "4", "parts"], "count = 2"),
        "`between`" => (&["steps", "4", "between"], "percent = 10\nand = 10"),
        "`cut`" => (&["steps", "4", "cut"], "from = { nodes = 1 }\nto = {}"),
        "`flap` and `flap_multicast`" => {
            (&["steps", "4", "flap"], "nodes = 1\non = \"1s\"\noff = \"1s\"")
        }
        "`lossy`" => (&["steps", "4", "lossy"], "nodes = 1\nout = \"1%\"\ninto = \"1%\""),
        "`narrow`" => (&["steps", "4", "narrow"], ""),
        "`readdress`" => (&["steps", "4", "readdress"], "nodes = 2"),
        "`close`" => (&["steps", "4", "close"], "nodes = 1"),
        "`betray`" => (&["steps", "4", "betray"], "packets = 1"),
        "`relink_zone`" => (&["steps", "4", "relink_zone"], "zone = \"a\"\nlink = {}"),
        "`skew`" => (&["steps", "4", "skew"], "nodes = 1\nrate = \"1/2\""),
        "`jump`" => (&["steps", "4", "jump"], "nodes = 1\nby = \"1s\""),
        "`slow`" => (&["steps", "4", "slow"], "nodes = 1\npace = \"1ms\""),
        "`wall_clock`" => (&["steps", "4", "wall_clock"], "nodes = 1\nbehind = \"1s\""),
        "`copy`" => (&["steps", "4", "copy"], "nodes = 1"),
        "`send`" => (&["steps", "4", "send"], "messages = 1\nto = \"all\"\nfigure = \"m\""),
        "`serve` and `withdraw`" => (&["steps", "4", "serve"], ""),
        "`churn`" => (&["steps", "4", "churn"], "per_second = 1\nlasts = \"1s\""),
        "`tell`" => (&["steps", "4", "tell"], "within = \"1s\""),
        "`recover`" => (&["steps", "4", "recover"], "restart = true"),
        "`still`" => (&["steps", "4", "still"], "lasts = \"1s\"\nrepairs = 1"),
        "`usage`" => (&["steps", "4", "usage"], "figure = \"u\""),
        "`count`" => (&["steps", "4", "count"], "what = \"false_reports\"\nfigure = \"c\""),
        "`repeat`" => (&["steps", "4", "repeat"], "times = 1\nsteps = [{ run = \"1s\" }]"),
        "`timeline`" => (&["steps", "4", "timeline"], "lasts = \"60s\"\nevents = []"),
        "`events`" => {
            (&["steps", "4", "timeline", "events", "0"], "at = \"1s\"\ndo = { run = \"1s\" }")
        }
        _ => return None,
    };
    step(way, without)
}

/// What stands at the end of a way, made if there is nothing.
fn at<'a>(mut value: &'a mut Value, way: &[&str]) -> &'a mut Value {
    for name in way {
        value = match name.parse::<usize>() {
            Ok(entry) => {
                if !value.is_array() {
                    *value = Value::Array(Vec::new());
                }
                let list = value.as_array_mut().unwrap();
                while list.len() <= entry {
                    list.push(Value::Table(Table::new()));
                }
                &mut list[entry]
            }
            Err(_) => {
                let table = value.as_table_mut().unwrap();
                table.entry(*name).or_insert_with(|| Value::Table(Table::new()))
            }
        };
    }
    value
}

/// The whole file with a table put at the end of a way.
fn file(way: &[&str], table: Table) -> String {
    let mut file = Value::Table(WHOLE.parse().unwrap());
    if way.starts_with(&["steps", "4", "timeline", "events"]) {
        at(&mut file, &way[..3]).as_table_mut().unwrap().insert("lasts".into(), "60s".into());
    }
    // What is about zones needs some, and links between them.
    let names_zones = ["zone", "to", "between"].iter().any(|key| table.contains_key(*key));
    if way.first() == Some(&"steps") && names_zones || way.contains(&"routes") {
        let zones = "zone = [{ name = \"a\", nodes = [0, 3] }, { name = \"b\", nodes = [4, 6] }, \
                     { name = \"c\", nodes = [7, 9] }]\nbetween = {}\n";
        let zones: Table = zones.parse().unwrap();
        at(&mut file, &["cluster"]).as_table_mut().unwrap().extend(zones);
    }
    // Only nodes with names of their own move, and may have addresses of any family.
    if way.contains(&"readdress") || table.contains_key("family") {
        at(&mut file, &["cluster"]).as_table_mut().unwrap().insert("names".into(), true.into());
    }
    at(&mut file, way).as_table_mut().unwrap().extend(table);
    if way.contains(&"zone") {
        let other: Table = "name = \"z\"\nnodes = [5, 9]".parse().unwrap();
        at(&mut file, &["cluster", "zone", "1"]).as_table_mut().unwrap().extend(other);
        at(&mut file, &["cluster", "between"]);
    }
    toml::to_string(&file).unwrap()
}

/// The words in backticks of an error that lists what there may be.
fn listed(error: &str) -> Vec<String> {
    let line = error
        .lines()
        .find(|line| line.starts_with("unknown "))
        .unwrap_or_else(|| panic!("{error}"));
    let mut words: Vec<String> = line.split('`').skip(3).step_by(2).map(str::to_owned).collect();
    // Only with the feature `mutants`.
    words.retain(|word| word != "mutant");
    words.sort();
    words
}

/// The rows of each table of the page, by its heading and the first word of its head.
fn tables() -> BTreeMap<(String, String), Vec<Vec<String>>> {
    let mut tables: BTreeMap<(String, String), Vec<Vec<String>>> = BTreeMap::new();
    let (mut heading, mut head) = (String::new(), String::new());
    for line in PAGE.lines() {
        if let Some((_, text)) =
            line.split_once("# ").filter(|(marks, _)| marks.chars().all(|c| c == '#'))
        {
            text.clone_into(&mut heading);
        }
        let Some(row) = line.strip_prefix("| ") else {
            if !line.starts_with("|-") {
                head.clear();
            }
            continue;
        };
        let cells = row.trim_end_matches(" |").split(" | ").map(|cell| cell.trim().to_owned());
        let cells: Vec<String> = cells.collect();
        if head.is_empty() {
            head.clone_from(&cells[0]);
        } else {
            tables.entry((heading.clone(), head.clone())).or_default().push(cells);
        }
    }
    tables
}

fn plain(cell: &str) -> &str {
    cell.trim_matches('`')
}

fn read(text: &str) -> Scenario {
    text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What a key needs beside it.
fn needs(heading: &str, key: &str) -> &'static str {
    match (heading, key) {
        ("`[cluster]`", "zones" | "zone") => "between = {}",
        ("`[cluster]`", "between") => "zones = 2",
        ("`[cluster]`", "routes") => "zones = 3\nbetween = {}",
        ("`[cluster.link]`", "octaves") => "median = \"1ms\"",
        ("`[cluster.link]`", "reorder_by") => "reorder = \"1%\"",
        ("`[cluster.link]`", "replay_within") => "replay = \"1%\"",
        ("Which nodes", "another") => "nodes = 1",
        ("`narrow`" | "`copy`", _) => "nodes = 1",
        _ => "",
    }
}

#[test]
fn the_page_has_each_key_of_each_table_with_an_example_and_its_default() {
    let mut seen = 0;
    for ((heading, head), rows) in tables() {
        if head != "key" {
            continue;
        }
        seen += 1;
        let place = place(&heading).unwrap_or_else(|| panic!("no place of {heading}"));
        let mut without: Table = place.without.parse().unwrap();
        let mut keys: Vec<String> = rows.iter().map(|row| plain(&row[0]).to_owned()).collect();
        keys.sort();
        let mut wrong = without.clone();
        wrong.insert("?".into(), Value::Integer(0));
        let mut known =
            listed(&file(place.way, wrong).parse::<Scenario>().unwrap_err().to_string());
        // These have a table of their own.
        let names = ["another", "nodes", "percent", "these", "zone"];
        if place.way.first() == Some(&"steps")
            && known.contains(&"another".to_owned())
            && heading != "Which nodes"
        {
            known.retain(|key| !names.contains(&key.as_str()));
        }
        assert_eq!(keys, known, "{heading}");
        for row in rows {
            let (key, default) = (plain(&row[0]), plain(&row[2]));
            let example: Table = format!("{key} = {}", plain(&row[1])).parse().unwrap();
            let mut table = without.clone();
            table.extend(needs(&heading, key).parse::<Table>().unwrap());
            if heading == "`[[bars]]`" && key == "at_least" {
                table.remove("at_most");
            }
            let before = table.clone();
            table.extend(example);
            read(&file(place.way, table));
            if !["needed", "-"].contains(&default) {
                // What a key of the cluster needs has no effect beside its default.
                let bare = if heading == "`[cluster]`" { &without } else { &before };
                let mut stated = bare.clone();
                stated.remove(key);
                let absent = read(&file(place.way, stated.clone()));
                stated.extend(format!("{key} = {default}").parse::<Table>().unwrap());
                assert_eq!(
                    read(&file(place.way, stated)),
                    absent,
                    "{heading}: the default of {key}"
                );
            }
            if default == "needed" && !place.way.is_empty() && key != "nodes" {
                let mut absent = before;
                absent.remove(key);
                let error = file(place.way, absent).parse::<Scenario>().map(|_| key);
                assert!(error.is_err(), "{heading}: {key} is not needed");
            }
        }
        without.clear();
    }
    assert!(seen > 30, "{seen} tables");
}

#[test]
fn the_page_has_each_step_and_each_thing_that_is_counted() {
    let tables = tables();
    let unknown = |steps: &str| {
        let text = WHOLE.replace("serve = { nodes = 1 }", steps);
        listed(&text.parse::<Scenario>().unwrap_err().to_string())
    };
    let names = |head: &str| {
        let found = tables.iter().find(|((_, first), _)| first == head).unwrap();
        let mut names: Vec<String> = found.1.iter().map(|row| plain(&row[0]).to_owned()).collect();
        names.sort();
        names
    };
    let mut steps = unknown("\"?\" = {}");
    steps.retain(|step| step != "allow_false_down");
    assert_eq!(names("step"), steps);
    assert_eq!(names("what"), unknown("count = { what = \"?\", figure = \"c\" }"));
    let goals = unknown("await = { what = \"?\", within = \"1s\" }");
    for goal in goals {
        assert!(PAGE.contains(&format!("`{goal}`:")), "{goal} is not explained");
    }
    let zones = "nodes = 10\nnames = true\nshards = { slots = 64 }\nzone = [{ name = \"a\", nodes = [0, 3] }, { name = \"b\", nodes = [4, 6] }, \
                 { name = \"c\", nodes = [7, 9] }]\nbetween = {}";
    for row in tables.iter().find(|((_, head), _)| head == "step").unwrap().1 {
        let text =
            format!("{}\n[[steps]]\n{}\n", WHOLE.replace("nodes = 10", zones), plain(&row[1]));
        read(&text);
        let is_about_nodes = row[2].starts_with("* ");
        let takes_nodes = {
            let (key, value) = plain(&row[1]).split_once(" = ").unwrap();
            let mut value: Table = format!("it = {value}").parse().unwrap();
            let step = value.get_mut("it").unwrap().as_table_mut();
            step.is_some_and(|step| {
                step.insert("?".into(), Value::Integer(0));
                let text = format!("{WHOLE}\n[[steps]]\n[steps.{key}]\n{step}\n");
                let error = text.parse::<Scenario>().unwrap_err().to_string();
                error.contains("`another`")
            })
        };
        assert_eq!(is_about_nodes, takes_nodes, "{}", row[0]);
    }
}

#[test]
fn the_example_of_the_page_is_a_whole_file() {
    let example = PAGE.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let scenario = read(example);
    assert_eq!((scenario.cluster.nodes, scenario.bars.len()), (30, 2));
}
