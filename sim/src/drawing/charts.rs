//! The course of one run: charts and a strip for each node, all over the same time.

use core::fmt::{Result, Write};
use std::collections::BTreeMap;

use super::html::escape;
use super::view_changes::view_changes;
use crate::moment::{Mark, Moment, Seen, Series};
use crate::sample::Sample;
use crate::view_changes::Sights;

/// Draws how many nodes are seen as they are, what is sent, how each node is seen, and by whom.
pub(crate) fn charts(
    html: &mut String,
    moments: &[Moment],
    marks: &[Mark],
    sights: &Sights,
    series_of: &[Series],
) -> Result {
    let Some(last) = moments.last() else { return Ok(()) };
    let drawing = Drawing { end: last.at.max(1), events: events(marks) };
    let nodes = last.seen.len();
    let series = |value: &dyn Fn(&Moment) -> u64| -> Vec<(u64, u64)> {
        moments.iter().map(|moment| (moment.at, value(moment))).collect()
    };
    let right = |moment: &Moment| moment.seen.iter().filter(|seen| seen.is_right()).count() as u64;
    let agreed = Chart { title: "nodes that all others see as they are", most: Some(nodes as u64) };
    drawing.chart(html, &agreed, &series(&right))?;
    drawing.strips(html, moments)?;
    view_changes(html, sights, nodes, drawing.end)?;
    let pictures = Chart { title: "different pictures among the live", most: None };
    drawing.chart(html, &pictures, &series(&|moment| moment.pictures as u64))?;
    let sent = Chart { title: "bytes a second, of a node in the mean", most: None };
    drawing.chart(html, &sent, &rates(moments))?;
    for Series { name, points, .. } in series_of {
        drawing.chart(html, &Chart { title: &escape(name), most: None }, points)?;
    }
    drawing.axis(html)
}

/// Bytes per second and live node between one moment and the next.
fn rates(moments: &[Moment]) -> Vec<(u64, u64)> {
    let rate = |pair: &[Moment]| {
        let span = (pair[1].at - pair[0].at).max(1);
        let bytes = u128::from(pair[1].bytes.saturating_sub(pair[0].bytes));
        let live = (pair[1].live as u128).max(1);
        let rate = bytes * 1_000_000_000 / u128::from(span) / live;
        (pair[1].at, u64::try_from(rate).unwrap_or(u64::MAX))
    };
    moments.windows(2).map(rate).collect()
}

/// What was done, once for each kind and moment, with the number of times.
fn events(marks: &[Mark]) -> Vec<(u64, String, u32)> {
    let mut events: Vec<(u64, String, u32)> = Vec::new();
    for mark in marks {
        match events.last_mut() {
            Some((at, what, times)) if *at == mark.at && *what == mark.what => *times += 1,
            _ => events.push((mark.at, mark.what.clone(), 1)),
        }
    }
    events
}

struct Chart<'a> {
    title: &'a str,
    /// The top of the chart; the greatest value if that is left open.
    most: Option<u64>,
}

struct Drawing {
    end: u64,
    events: Vec<(u64, String, u32)>,
}

impl Drawing {
    fn x(&self, at: u64) -> u128 {
        u128::from(at) * u128::from(WIDTH) / u128::from(self.end)
    }

    fn chart(&self, html: &mut String, chart: &Chart<'_>, points: &[(u64, u64)]) -> Result {
        let highest = points.iter().map(|point| point.1).max().unwrap_or(0);
        let most = chart.most.unwrap_or(highest).max(1);
        let y = |value: u64| 100 - u128::from(value.min(most)) * 96 / u128::from(most);
        let now = points.last().map_or(0, |point| point.1);
        let middle = Sample::of(points.iter().map(|point| point.1)).median();
        write!(
            html,
            "<figure><figcaption><span>{}</span><span class=\"dim\">of {most} at the top; median \
             {middle}, at the end {now}</span></figcaption><svg class=\"chart\" \
             viewBox=\"0 0 {WIDTH} 100\" preserveAspectRatio=\"none\">",
            chart.title
        )?;
        // Of many points in one place the one that stands out is drawn: the least where the top is
        // as it should be, else the greatest.
        let every = points.len().div_ceil(WIDTH as usize).max(1);
        let mut line = String::new();
        for chunk in points.chunks(every) {
            let values = chunk.iter().map(|point| point.1);
            let value = if chart.most.is_some() { values.min() } else { values.max() };
            let (x, y) = (self.x(chunk[0].0), y(value.unwrap_or(0)));
            write!(line, "{}{x} {y}", if line.is_empty() { 'M' } else { 'L' })?;
        }
        if let Some((first, _)) = points.first() {
            let (first, last) = (self.x(*first), self.x(self.end));
            write!(html, "<path class=\"area\" d=\"{line}L{last} 100L{first} 100Z\"/>")?;
            write!(html, "<path class=\"edge\" d=\"{line}\"/>")?;
        }
        self.marks(html, 100)?;
        html.push_str("</svg></figure>");
        Ok(())
    }

    fn marks(&self, html: &mut String, height: usize) -> Result {
        let mut last = None;
        for (number, (at, what, _)) in self.events.iter().enumerate() {
            let (x, number) = (self.x(*at), number + 1);
            // Where two fall on one place, one line is enough.
            if last.replace(x) == Some(x) {
                continue;
            }
            let what = escape(what);
            write!(
                html,
                "<path class=\"mark\" d=\"M{x} 0V{height}\"><title>{number} {what}</title></path>"
            )?;
        }
        Ok(())
    }

    /// A strip for each node, or for those to which most has happened.
    fn strips(&self, html: &mut String, moments: &[Moment]) -> Result {
        let nodes = moments.iter().map(|moment| moment.seen.len()).min().unwrap_or(0);
        let wrong = |node: &usize| {
            moments.iter().filter(|moment| moment.seen[*node] != Seen::ByAll).count()
        };
        let mut rows: Vec<usize> = (0..nodes).collect();
        if nodes > ROWS {
            rows.sort_by_key(|node| core::cmp::Reverse(wrong(node)));
            rows.truncate(ROWS);
            rows.sort_unstable();
        }
        let shown =
            if nodes > ROWS { format!("the {ROWS} that were away most") } else { "all".into() };
        let count = rows.len().max(1);
        let height = count * (240 / count).clamp(4, 14);
        write!(
            html,
            "<figure><figcaption><span>how each node is seen</span><span class=\"dim\">{shown} of \
             {nodes}, a row each</span></figcaption><svg class=\"nodes\" style=\"height:{height}px\" \
             viewBox=\"0 0 {WIDTH} {}\" preserveAspectRatio=\"none\">",
            count * 10
        )?;
        for (row, node) in rows.iter().enumerate() {
            write!(html, "<g data-node=\"{node}\"><title>node {node}</title>")?;
            for (from, until, seen) in stretches(moments, *node, self.end) {
                let (x, end) = (self.x(from), self.x(until));
                // What is too short to be drawn to scale is drawn all the same.
                let width = (end - x).max(if seen == Seen::ByAll { 0 } else { 2 });
                let class = KINDS.iter().position(|kind| kind.0 == seen).unwrap_or(0);
                write!(
                    html,
                    "<rect class=\"s{class}\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"9\"/>",
                    row * 10
                )?;
            }
            html.push_str("</g>");
        }
        self.marks(html, count * 10)?;
        html.push_str("</svg><ul class=\"legend\">");
        for (class, (kind, name)) in KINDS.iter().enumerate() {
            if moments.iter().any(|moment| moment.seen.contains(kind)) {
                write!(
                    html,
                    "<li><svg viewBox=\"0 0 1 1\"><rect class=\"s{class}\" width=\"1\" height=\"1\"/>\
                     </svg>{name}</li>"
                )?;
            }
        }
        html.push_str("</ul></figure>");
        Ok(())
    }

    /// The times, the numbers of what was done, and what that was.
    fn axis(&self, html: &mut String) -> Result {
        html.push_str("<div class=\"axis\">");
        for quarter in 0..=4_u64 {
            let at = self.end / 4 * quarter;
            write!(html, "<span style=\"left:{}%\">{}</span>", quarter * 25, seconds(at))?;
        }
        html.push_str("</div><div class=\"numbers\">");
        let mut free = 0;
        for (number, (at, ..)) in self.events.iter().enumerate() {
            let permille = self.x(*at) * 1_000 / u128::from(WIDTH);
            // A number that would cover another one is left to the list.
            if permille >= free {
                let (whole, tenth) = (permille / 10, permille % 10);
                write!(html, "<b style=\"left:{whole}.{tenth}%\">{}</b>", number + 1)?;
                free = permille + 45;
            }
        }
        html.push_str("</div>");
        let many = self.events.len() > EVENTS;
        if many {
            let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
            for (_, what, times) in &self.events {
                *kinds.entry(kind(what)).or_default() += times;
            }
            let kinds: Vec<String> =
                kinds.iter().map(|(what, times)| format!("{times} × {}", escape(what))).collect();
            let kinds = kinds.join(", ");
            write!(html, "<details class=\"list\"><summary>{kinds}: as a list</summary>")?;
        }
        html.push_str("<ol class=\"events\">");
        for (at, what, times) in &self.events {
            let times = if *times > 1 { format!(", {times} times") } else { String::new() };
            write!(html, "<li>{} {}{times}</li>", seconds(*at), escape(what))?;
        }
        html.push_str(if many { "</ol></details>" } else { "</ol>" });
        Ok(())
    }
}

/// What was done, without to whom.
fn kind(what: &str) -> String {
    let is_whom = |word: &&str| {
        matches!(*word, "node" | "nodes:") || word.starts_with(|c: char| c.is_ascii_digit())
    };
    what.split(' ').take_while(|word| !is_whom(word)).collect::<Vec<_>>().join(" ")
}

/// From when until when a node was seen in which way.
fn stretches(moments: &[Moment], node: usize, end: u64) -> Vec<(u64, u64, Seen)> {
    let mut stretches: Vec<(u64, u64, Seen)> = Vec::new();
    for moment in moments {
        let seen = moment.seen[node];
        if let Some(last) = stretches.last_mut() {
            last.1 = moment.at;
            if last.2 == seen {
                continue;
            }
        }
        stretches.push((moment.at, moment.at, seen));
    }
    if let Some(last) = stretches.last_mut() {
        last.1 = end;
    }
    stretches
}

/// A time in the unit that fits it.
fn seconds(at: u64) -> String {
    let (tenths, seconds) = (at / 100_000_000, at / 1_000_000_000);
    match seconds {
        0..600 => format!("{}.{} s", tenths / 10, tenths % 10),
        600..36_000 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
    }
}

const KINDS: [(Seen, &str); 6] = [
    (Seen::ByAll, "seen by all"),
    (Seen::BySome, "seen by some"),
    (Seen::ByNone, "runs, seen by nobody"),
    (Seen::Still, "stands still"),
    (Seen::GoneBySome, "gone, still seen by some"),
    (Seen::Gone, "gone"),
];
const WIDTH: u32 = 1_000;
/// The most strips that a person looks at, and the most events that are listed in the open.
const ROWS: usize = 48;
const EVENTS: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_as_long_as_what_they_tell() {
        let moment = |at, seen| Moment {
            at,
            wrong_pairs: 0,
            pictures: 1,
            bytes: at,
            live: 1,
            seen: vec![seen],
        };
        let moments = [
            moment(0, Seen::ByAll),
            moment(10, Seen::ByAll),
            moment(20, Seen::GoneBySome),
            moment(30, Seen::Gone),
            moment(40, Seen::Gone),
        ];
        let expected = [(0, 20, Seen::ByAll), (20, 30, Seen::GoneBySome), (30, 40, Seen::Gone)];
        assert_eq!(stretches(&moments, 0, 40), expected);
        let mut html = String::new();
        let mark = |at, what: &str| Mark { at, what: what.to_owned() };
        charts(
            &mut html,
            &moments,
            &[mark(20, "<crash>"), mark(20, "<crash>")],
            &Sights::default(),
            &[],
        )
        .unwrap();
        assert!(html.contains("&lt;crash&gt;, 2 times") && !html.contains("<crash>"), "{html}");
        assert_eq!(kind("crash 2 nodes: 1, 5"), "crash");
        assert_eq!((kind("wall clock node 3"), kind("heal")), ("wall clock".into(), "heal".into()));
        let times = [2_000_000_000, 754_000_000_000, 86_400_000_000_000].map(seconds);
        assert_eq!(times, ["2.0 s", "12 min 34 s", "24 h 00 min"]);
        for class in ["s0", "s4", "s5"] {
            assert!(html.contains(&format!("rect class=\"{class}\"")), "{html}");
        }
    }
}
