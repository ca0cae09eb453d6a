//! The map that the documentation of a module draws of its children, and what contradicts it.

use std::collections::BTreeMap;

use crate::source::{Arrow, Module, Names, Sources, shown};

/// The layer of each child, counted from the top.
type Map = BTreeMap<String, usize>;

/// What is wrong with a crate, one line for each finding.
pub(crate) fn faults(sources: &Sources) -> Vec<String> {
    let arrows = sources.arrows();
    let mut faults = Vec::new();
    if !sources.modules[&vec![]].docs.iter().any(|line| line == HEADING) {
        faults.push(format!("the crate has no section `{HEADING}`"));
    }
    for (name, module) in &sources.modules {
        let inside: Vec<(&str, &str, &Arrow)> =
            arrows.iter().filter_map(|arrow| between_children(name, arrow)).collect();
        if module.docs.iter().any(|line| line == HEADING) {
            let map = read(name, module, &mut faults);
            let wrong = |(from, to, _): &&(&str, &str, &Arrow)| map.get(*from) >= map.get(*to);
            for (from, to, arrow) in inside.iter().filter(wrong) {
                faults.push(format!("{from} is not above {to}, but {}", arrow.why));
            }
        } else {
            for (from, to, arrow) in circles(inside) {
                faults.push(format!("{from} and {to} are in a circle: {}", arrow.why));
            }
        }
    }
    // What the root defines is above everything.
    let up = arrows.iter().filter(|arrow| arrow.to.is_empty());
    faults.extend(up.map(|arrow| format!("the root is the top, but {}", arrow.why)));
    faults
}

const HEADING: &str = "# Map";

/// Reads the table of a map: a row for each child. A row with a first cell begins a layer.
fn read(name: &Names, module: &Module, faults: &mut Vec<String>) -> Map {
    let mut map = Map::new();
    let lines = module.docs.iter().skip_while(|line| *line != HEADING).skip(1);
    let lines = lines.take_while(|line| !line.starts_with("# "));
    let mut layer = 0;
    for row in lines.filter_map(|line| line.strip_prefix('|')).skip(2) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [first, child, purpose, ..] = cells[..] else {
            faults.push(format!("a row of the map of {} is too short: {row}", shown(name)));
            continue;
        };
        layer += usize::from(!first.is_empty());
        let child = child.trim_matches(['`', '[', ']']);
        if purpose.is_empty() || !module.children.contains(child) {
            faults.push(format!("{} has no module, or no purpose, for {child}", shown(name)));
        }
        if map.insert(child.to_owned(), layer).is_some() {
            faults.push(format!("{child} is twice in the map of {}", shown(name)));
        }
    }
    let missing = module.children.iter().filter(|child| !map.contains_key(*child));
    faults.extend(missing.map(|child| format!("{child} is not in the map of {}", shown(name))));
    map
}

/// The children of `parent` that an arrow joins, if it joins two.
fn between_children<'a>(parent: &Names, arrow: &'a Arrow) -> Option<(&'a str, &'a str, &'a Arrow)> {
    let from = arrow.from.strip_prefix(parent.as_slice())?.first()?;
    let to = arrow.to.strip_prefix(parent.as_slice())?.first()?;
    (from != to).then_some((from, to, arrow))
}

/// The arrows that remain once nothing is left that only knows, or is only known.
fn circles<'a>(
    mut arrows: Vec<(&'a str, &'a str, &'a Arrow)>,
) -> Vec<(&'a str, &'a str, &'a Arrow)> {
    loop {
        let before = arrows.len();
        let all = arrows.clone();
        arrows.retain(|(from, to, _)| {
            all.iter().any(|(_, known, _)| known == from)
                && all.iter().any(|(knows, ..)| knows == to)
        });
        if arrows.len() == before {
            return arrows;
        }
    }
}
