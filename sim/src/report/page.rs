//! A self-contained HTML page: no links, nothing to fetch, and all but who saw whom to be read without
//! scripts.

use core::fmt::Write;

use super::Runs;
use super::chosen::chosen;
use crate::drawing::{Cast, Course, HEAD, TAIL, Zones, again, escape};
use crate::names::given_name;
use crate::sample::Sample;
use crate::scale::Grouped;
use crate::scenario::{Cluster, Played};

/// The runs of scenarios as a page with a picture of each run's course.
#[must_use]
pub fn page(all: &[Runs]) -> String {
    let mut html = String::from(HEAD);
    // Writing to a string never fails.
    let _ = body(&mut html, all);
    html.push_str(TAIL);
    html
}

fn body(html: &mut String, all: &[Runs]) -> core::fmt::Result {
    let passed = all.iter().filter(|runs| runs.passed()).count();
    write!(html, "<h1>{passed} of {} scenarios passed</h1><nav>", all.len())?;
    for runs in all {
        let class = if runs.passed() { "met" } else { "missed" };
        let name = escape(&runs.title());
        write!(html, "<a class=\"chip {class}\" href=\"#{name}\">{name}</a>")?;
    }
    html.push_str("</nav>");
    let drawn = |runs: &Runs| runs.runs.iter().filter(|run| !run.moments.is_empty()).count();
    // The runs of one scenario share a megabyte; on a page of many each course has a twelfth.
    let courses = all.iter().map(drawn).sum::<usize>().min(12);
    for runs in all {
        section(html, runs, courses)?;
    }
    Ok(())
}

fn section(html: &mut String, runs: &Runs, courses: usize) -> core::fmt::Result {
    let scenario = &runs.scenario;
    let name = escape(&runs.title());
    write!(
        html,
        "<section id=\"{name}\"><h2>{name}</h2><p>{}</p><p class=\"dim\">{} nodes, {}{}</p>",
        escape(&scenario.about),
        scenario.cluster.nodes,
        runs.counted(),
        runs.checked()
    )?;
    bars(html, runs)?;
    for score in runs.scores() {
        if let Some(run) = runs.worst(&score) {
            let figure = escape(&score.bar.figure);
            write!(html, "<p class=\"dim\">worst {figure}: seed {}</p>", run.seed)?;
            again(html, &run.rerun)?;
        }
    }
    for note in runs.notes() {
        write!(html, "<p class=\"dim\">{}</p>", escape(&note))?;
    }
    strips(html, runs)?;
    drawn(html, runs, courses)?;
    for run in runs.runs.iter().filter(|run| run.failure.is_some()).take(3) {
        if let Some(failure) = &run.failure {
            let text = escape(&failure.to_string());
            write!(
                html,
                "<details><summary>seed {}: {}</summary><pre>{text}</pre></details>",
                run.seed,
                escape(&failure.summary())
            )?;
        }
    }
    html.push_str("</section>");
    Ok(())
}

/// The runs that are drawn, for the reader to choose from.
fn drawn(html: &mut String, runs: &Runs, courses: usize) -> core::fmt::Result {
    let chosen = chosen(runs);
    let drawn = || {
        let runs = chosen.iter().map(|(place, why)| (&runs.runs[*place], why));
        runs.filter(|(run, _)| !run.moments.is_empty())
    };
    let called = |run: &Played, why: &str| match why {
        "" => format!("seed {}", run.seed),
        why => format!("seed {}: {}", run.seed, escape(why)),
    };
    if drawn().count() > 1 {
        html.push_str("<p hidden><select class=\"seed\" aria-label=\"seed\">");
        for (run, why) in drawn() {
            write!(html, "<option value=\"{}\">{}</option>", run.seed, called(run, why))?;
        }
        write!(html, "</select> <span class=\"dim\">of {} played</span></p>", runs.counted())?;
    }
    let cast = cast(&runs.scenario.cluster);
    for (run, why) in drawn() {
        write!(
            html,
            "<div class=\"run\" data-seed=\"{}\"><h3>{}</h3>",
            run.seed,
            called(run, why)
        )?;
        again(html, &run.rerun)?;
        let course = Course {
            moments: &run.moments,
            marks: &run.marks,
            unmarked: run.unmarked,
            sights: &run.sights,
            spans: None,
            series: &[],
            cast: &cast,
            courses,
        };
        course.draw(html)?;
        html.push_str("</div>");
    }
    Ok(())
}

/// The nodes of a cluster, by number, in their zones.
fn cast(cluster: &Cluster) -> Cast {
    let zones = (cluster.count_zones() > 1).then(|| Zones {
        of: (0..cluster.nodes).map(|node| cluster.zone_of(node)).collect(),
        names: cluster.zone_names(),
    });
    // Without names of their own they are called by their numbers.
    let nodes = if cluster.names { cluster.nodes } else { 0 };
    Cast { names: (0..nodes).map(given_name).collect(), zones }
}

/// Each bar as a gauge: how much of what is allowed was used.
fn bars(html: &mut String, runs: &Runs) -> core::fmt::Result {
    html.push_str("<div class=\"gauges\">");
    for score in runs.scores() {
        let limit = score.limit;
        let class = match (score.is_met(), score.is_missed()) {
            (true, _) => "met",
            (_, true) => "missed",
            _ => "open",
        };
        let measured = match score.measured {
            Some(_) if score.has_too_few() => score.verdict(),
            Some(value) => score.unit.show(value),
            None => "not measured".to_owned(),
        };
        let (part, whole) = match score.bar.at_most {
            Some(_) => (score.measured.unwrap_or(0), limit),
            None => (limit, score.measured.unwrap_or(0)),
        };
        let used = part.saturating_mul(100) / whole.max(1);
        write!(
            html,
            "<div class=\"gauge\"><div class=\"label\"><span>{} <em>{}</em></span><b class=\"{class}\">\
             {measured}</b></div><div class=\"track\"><i class=\"{class}\" style=\"width:{}%\"></i></div>\
             <div class=\"dim\">{}</div></div>",
            escape(&score.bar.figure),
            score.bar.of,
            used.min(100),
            score.show_limit(),
        )?;
    }
    html.push_str("</div>");
    Ok(())
}

/// Each figure as a strip of its values, with the median.
fn strips(html: &mut String, runs: &Runs) -> core::fmt::Result {
    for (name, figure) in &runs.figures().0 {
        let sample = Sample::of(figure.values.iter().copied());
        if let [value] = figure.values[..] {
            write!(
                html,
                "<figure><figcaption><span>{}</span><span class=\"dim\">{}</span></figcaption></figure>",
                escape(name),
                figure.unit.show(value)
            )?;
            continue;
        }
        let most = sample.max().max(1);
        let place = |value: u64| u128::from(value) * 1_000 / u128::from(most);
        let show = |value| figure.unit.show(value);
        write!(
            html,
            "<figure><figcaption><span>{}</span><span class=\"dim\">{} values, {} to {}, median {}</span>\
             </figcaption><svg class=\"strip\" viewBox=\"-3 0 1006 24\" preserveAspectRatio=\"none\">\
             <line x1=\"0\" x2=\"1000\" y1=\"12\" y2=\"12\"/><path class=\"value\" d=\"",
            escape(name),
            Grouped(sample.len() as u64),
            show(sample.quantile(0)),
            show(sample.max()),
            show(sample.median()),
        )?;
        let every = figure.values.len().div_ceil(400).max(1);
        for value in figure.values.iter().step_by(every) {
            write!(html, "M{} 5V19", place(*value))?;
        }
        let median = place(sample.median());
        write!(
            html,
            "\"/><path class=\"median\" d=\"M{median} 0V24\"/></svg><div class=\"ends-of\"><span>0\
             </span><span>{}</span></div></figure>",
            show(most)
        )?;
    }
    Ok(())
}
