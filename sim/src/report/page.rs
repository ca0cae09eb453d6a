//! A self-contained HTML page: no scripts, no links, nothing to fetch.

use core::fmt::Write;

use super::Runs;
use crate::measure::Sample;
use crate::scenario::{Moment, Played};

/// The runs of scenarios as a page with a picture of each run's course.
#[must_use]
pub fn page(all: &[Runs]) -> String {
    let mut html = String::from(HEAD);
    // Writing to a string never fails.
    let _ = body(&mut html, all);
    html.push_str("</main></body></html>\n");
    html
}

fn body(html: &mut String, all: &[Runs]) -> core::fmt::Result {
    let passed = all.iter().filter(|runs| runs.passed()).count();
    write!(html, "<h1>{passed} of {} scenarios passed</h1><nav>", all.len())?;
    for runs in all {
        let class = if runs.passed() { "met" } else { "missed" };
        let name = escape(&runs.scenario.name);
        write!(html, "<a class=\"chip {class}\" href=\"#{name}\">{name}</a>")?;
    }
    html.push_str("</nav>");
    for runs in all {
        section(html, runs)?;
    }
    Ok(())
}

fn section(html: &mut String, runs: &Runs) -> core::fmt::Result {
    let scenario = &runs.scenario;
    let name = escape(&scenario.name);
    write!(
        html,
        "<section id=\"{name}\"><h2>{name}</h2><p>{}</p><p class=\"dim\">{} nodes, {} runs</p>",
        escape(&scenario.about),
        scenario.cluster.nodes,
        runs.runs.len()
    )?;
    bars(html, runs)?;
    strips(html, runs)?;
    if let Some(run) = runs.runs.iter().find(|run| !run.moments.is_empty()) {
        course(html, run)?;
    }
    for run in runs.runs.iter().filter(|run| run.failure.is_some()).take(3) {
        if let Some(failure) = &run.failure {
            let text = escape(&failure.to_string());
            write!(
                html,
                "<details><summary>seed {}: {}</summary><pre>{text}</pre></details>",
                run.seed,
                escape(&failure.broken.to_string())
            )?;
        }
    }
    html.push_str("</section>");
    Ok(())
}

/// Each bar as a gauge: how much of what is allowed was used.
fn bars(html: &mut String, runs: &Runs) -> core::fmt::Result {
    html.push_str("<div class=\"gauges\">");
    for score in runs.scores() {
        let limit = score.limit;
        let class = if score.is_met() { "met" } else { "missed" };
        let measured = score
            .measured
            .map_or_else(|| "not measured".to_owned(), |value| score.unit.show(value));
        let used = score.measured.unwrap_or(0).saturating_mul(100) / limit.max(1);
        write!(
            html,
            "<div class=\"gauge\"><div class=\"label\"><span>{} <em>{}</em></span><b class=\"{class}\">\
             {measured}</b></div><div class=\"track\"><i class=\"{class}\" style=\"width:{}%\"></i></div>\
             <div class=\"dim\">at most {}</div></div>",
            escape(&score.bar.figure),
            score.bar.of,
            used.min(100),
            score.show_limit(),
        )?;
    }
    html.push_str("</div>");
    Ok(())
}

/// Each figure as a strip of its values, with median and extremes.
fn strips(html: &mut String, runs: &Runs) -> core::fmt::Result {
    for (name, figure) in &runs.figures().0 {
        let sample = Sample::of(figure.values.iter().copied());
        let most = sample.max().max(1);
        let place = |value: u64| 10 + u128::from(value) * 680 / u128::from(most);
        write!(
            html,
            "<figure><figcaption>{} <span class=\"dim\">median {}, most {}, {} values</span>\
             </figcaption><svg viewBox=\"0 0 700 24\"><line x1=\"10\" x2=\"690\" y1=\"12\" y2=\"12\"/>",
            escape(name),
            figure.unit.show(sample.median()),
            figure.unit.show(sample.max()),
            sample.len(),
        )?;
        let every = figure.values.len().div_ceil(400).max(1);
        for value in figure.values.iter().step_by(every) {
            write!(html, "<circle cx=\"{}\" cy=\"12\" r=\"4\"/>", place(*value))?;
        }
        let median = place(sample.median());
        write!(
            html,
            "<line class=\"median\" x1=\"{median}\" x2=\"{median}\" y1=\"2\" y2=\"22\"/></svg></figure>"
        )?;
    }
    Ok(())
}

/// One run over time: who is not seen as it ought to be, how many pictures differ, what is sent.
fn course(html: &mut String, run: &Played) -> core::fmt::Result {
    let end = run.lasted.max(1);
    write!(html, "<h3>seed {}, {} virtual seconds</h3>", run.seed, run.lasted / 1_000_000_000)?;
    let rates: Vec<(u64, u64)> = run
        .moments
        .windows(2)
        .map(|pair| {
            let span = (pair[1].at - pair[0].at).max(1);
            let bytes = u128::from(pair[1].bytes.saturating_sub(pair[0].bytes));
            let live = (pair[1].live as u128).max(1);
            let rate = bytes * 1_000_000_000 / u128::from(span) / live;
            (pair[1].at, u64::try_from(rate).unwrap_or(u64::MAX))
        })
        .collect();
    let series = |value: fn(&Moment) -> u64| -> Vec<(u64, u64)> {
        run.moments.iter().map(|moment| (moment.at, value(moment))).collect()
    };
    chart(html, "pairs not seen as they ought to be", &series(|m| m.wrong_pairs), end, run)?;
    chart(html, "different pictures", &series(|m| m.pictures as u64), end, run)?;
    chart(html, "bytes a second and node", &rates, end, run)
}

fn chart(
    html: &mut String,
    title: &str,
    points: &[(u64, u64)],
    end: u64,
    run: &Played,
) -> core::fmt::Result {
    let most = points.iter().map(|point| point.1).max().unwrap_or(0).max(1);
    let x = |at: u64| u128::from(at) * 900 / u128::from(end);
    let y = |value: u64| 110 - u128::from(value) * 100 / u128::from(most);
    write!(
        html,
        "<figure><figcaption>{title} <span class=\"dim\">most {most}</span></figcaption>\
         <svg class=\"course\" viewBox=\"0 0 900 130\"><path class=\"area\" d=\"M0 110"
    )?;
    let every = points.len().div_ceil(900).max(1);
    for chunk in points.chunks(every) {
        let peak = chunk.iter().map(|point| point.1).max().unwrap_or(0);
        write!(html, "L{} {}", x(chunk[0].0), y(peak))?;
    }
    html.push_str("L900 110Z\"/>");
    let mut last = None;
    for mark in &run.marks {
        let place = x(mark.at);
        write!(
            html,
            "<line class=\"mark\" x1=\"{place}\" x2=\"{place}\" y1=\"8\" y2=\"110\"><title>{}</title></line>",
            escape(&mark.what)
        )?;
        if last.is_none_or(|last| place > last + 60) {
            write!(html, "<text x=\"{place}\" y=\"124\">{}</text>", escape(&mark.what))?;
            last = Some(place);
        }
    }
    html.push_str("</svg></figure>");
    Ok(())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>ScaleSmall simulation</title><style>\
:root{color-scheme:light dark;--ink:#1c2430;--dim:#6b7686;--paper:#fbfbf9;--card:#fff;--line:#dfe3e8;\
--good:#1f8a5b;--bad:#c8402f;--accent:#3565c8}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--dim:#8b95a5;--paper:#14171c;--card:#1c2128;\
--line:#2e3540;--good:#4cc38a;--bad:#ff6f5e;--accent:#7aa2ff}}\
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
main{max-width:60rem;margin:0 auto;padding:2rem 1rem}h1{font-weight:600}\
section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1rem 1.5rem;\
margin:1.5rem 0}h2{margin:.2rem 0}h3{font-size:1rem;margin:1.2rem 0 .2rem}p{margin:.2rem 0}\
.dim,em{color:var(--dim);font-style:normal;font-size:.85rem}\
nav{display:flex;flex-wrap:wrap;gap:.5rem}.chip{padding:.2rem .7rem;border-radius:99px;\
text-decoration:none;color:#fff}.chip.met{background:var(--good)}.chip.missed{background:var(--bad)}\
.gauges{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:1rem;margin:1rem 0}\
.label{display:flex;justify-content:space-between;gap:1rem}b.met{color:var(--good)}\
b.missed{color:var(--bad)}.track{height:8px;background:var(--line);border-radius:4px;overflow:hidden}\
.track i{display:block;height:100%}i.met{background:var(--good)}i.missed{background:var(--bad)}\
figure{margin:.6rem 0}figcaption{font-size:.9rem}svg{width:100%;height:auto;display:block}\
svg line{stroke:var(--line);stroke-width:1}svg circle{fill:var(--accent);opacity:.35}\
svg .median{stroke:var(--ink);stroke-width:2}svg .area{fill:var(--accent);opacity:.45;stroke:none}\
svg .mark{stroke:var(--dim);stroke-dasharray:2 3}svg text{font-size:10px;fill:var(--dim)}\
pre{overflow-x:auto;font-size:.8rem}details{margin:.5rem 0}summary{color:var(--bad);cursor:pointer}\
</style></head><body><main>";
