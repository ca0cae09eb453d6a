//! How each node is seen, or what it is: a strip for each.

use core::fmt::{Result, Write};

use super::cast::{Cast, Row};
use super::html::escape;
use super::plot::{Plot, WIDTH};
use crate::moment::{Moment, Seen};
use crate::scale::Grouped;

/// A word for each kind of stretch: of nodes that see each other, and of those that do not know others.
type Kinds = [(Seen, &'static str)];

const SEEN: [(Seen, &str); 6] = [
    (Seen::ByAll, "seen by all"),
    (Seen::BySome, "seen by some"),
    (Seen::ByNone, "runs, seen by nobody"),
    (Seen::Still, "stands still"),
    (Seen::GoneBySome, "gone, still seen by some"),
    (Seen::Gone, "gone"),
];
const RUNS: [(Seen, &str); 3] =
    [(Seen::ByAll, "runs"), (Seen::Still, "stands still"), (Seen::Gone, "does not run")];

/// What strips are drawn of.
pub(super) struct Strips<'a> {
    pub(super) moments: &'a [Moment],
    pub(super) cast: &'a Cast,
    /// Whether the nodes know of each other.
    pub(super) views: bool,
    /// How many stretches there are at most in all strips together.
    pub(super) stretches: usize,
}

/// A strip for each node, or for those to which most has happened.
pub(super) fn strips(html: &mut String, plot: &Plot, strips: &Strips<'_>) -> Result {
    let (moments, cast) = (strips.moments, strips.cast);
    let nodes = moments.iter().map(|moment| moment.seen.len()).min().unwrap_or(0);
    let usual = |moment: &Moment, node: usize| strips.kind(moment.seen[node]) == Seen::ByAll;
    let odd = |node: &usize| moments.iter().filter(|moment| !usual(moment, *node)).count();
    let mut shown: Vec<usize> = (0..nodes).collect();
    if nodes > ROWS {
        shown.sort_by_key(|node| core::cmp::Reverse(odd(node)));
        shown.truncate(ROWS);
        shown.sort_unstable();
    }
    let words = if nodes > ROWS {
        format!("the {ROWS} that were away most of {}, a row each", Grouped(nodes as u64))
    } else {
        format!("all of {nodes}, a row each")
    };
    let title = if strips.views { "how each node is seen" } else { "which nodes run" };
    Plot::begin(html, "class=\"rows\"", title, &words)?;
    let rows = cast.rows(shown);
    names(html, cast, &rows)?;
    write!(
        html,
        "<div class=\"field\"><svg class=\"nodes\" style=\"--rows:{}\" viewBox=\"0 0 {WIDTH} {}\" \
         preserveAspectRatio=\"none\">",
        rows.len(),
        rows.len() * 10
    )?;
    bands(html, &rows)?;
    let courses = strips.courses(&rows, plot.end);
    for (place, node, stretches) in &courses {
        write!(html, "<g data-node=\"{node}\">")?;
        for (class, (kind, _)) in SEEN.iter().enumerate() {
            let of_kind: Vec<&Stretch> =
                stretches.iter().filter(|stretch| stretch.seen == *kind).collect();
            if of_kind.is_empty() {
                continue;
            }
            write!(html, "<path class=\"s{class}\" d=\"")?;
            for stretch in of_kind {
                let (x, end) = (plot.x(stretch.from), plot.x(stretch.until));
                write!(html, "M{x} {}H{end}v9H{x}z", place * 10)?;
            }
            html.push_str("\"/>");
        }
        html.push_str("</g>");
    }
    plot.marks(html, rows.len() * 10)?;
    html.push_str("</svg></div>");
    plot.axis(html)?;
    strips.legend(html)?;
    html.push_str("</figure>");
    Ok(())
}

/// A time in which a node was seen in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    from: u64,
    until: u64,
    seen: Seen,
}

impl Strips<'_> {
    fn kinds(&self) -> &'static Kinds {
        if self.views { &SEEN } else { &RUNS }
    }

    /// How a node is shown: of nodes that do not know of each other nobody sees any.
    const fn kind(&self, seen: Seen) -> Seen {
        if self.views { seen } else { seen.alone() }
    }

    /// The stretches of each row, with its place; of too many, fewer and fewer moments are told apart.
    fn courses(&self, rows: &[Row], end: u64) -> Vec<(usize, usize, Vec<Stretch>)> {
        let times: Vec<u64> = self.moments.iter().map(|moment| moment.at).collect();
        let mut every = 1;
        loop {
            let of = |node: usize| {
                let seen: Vec<Seen> =
                    self.moments.iter().map(|moment| self.kind(moment.seen[node])).collect();
                stretches(&times, &seen, every, end)
            };
            let courses: Vec<(usize, usize, Vec<Stretch>)> = rows
                .iter()
                .enumerate()
                .filter_map(|(place, row)| match row {
                    Row::Node(node) => Some((place, *node, of(*node))),
                    Row::Zone(_) => None,
                })
                .collect();
            let count: usize = courses.iter().map(|(.., stretches)| stretches.len()).sum();
            if count <= self.stretches.max(rows.len()) || every >= times.len() {
                return courses;
            }
            every *= 2;
        }
    }

    fn legend(&self, html: &mut String) -> Result {
        html.push_str("<ul class=\"legend\">");
        for (class, (kind, _)) in SEEN.iter().enumerate() {
            let name = self.kinds().iter().find(|(known, _)| known == kind);
            let occurs = |moment: &Moment| moment.seen.iter().any(|seen| self.kind(*seen) == *kind);
            if let Some((_, name)) = name.filter(|_| self.moments.iter().any(occurs)) {
                write!(
                    html,
                    "<li data-kind=\"s{class}\"><svg viewBox=\"0 0 1 1\"><rect class=\"s{class}\" \
                     width=\"1\" height=\"1\"/></svg>{name}</li>"
                )?;
            }
        }
        html.push_str("</ul>");
        Ok(())
    }
}

/// The names beside the rows. The word *node* gives way where there is no room for it.
fn names(html: &mut String, cast: &Cast, rows: &[Row]) -> Result {
    html.push_str("<div class=\"names\">");
    for row in rows {
        match row {
            Row::Zone(name) => write!(html, "<b>{}</b>", escape(name))?,
            Row::Node(node) => {
                let name = escape(&cast.name(*node));
                match name.strip_prefix("node ") {
                    Some(number) => write!(html, "<span><i>node </i>{number}</span>")?,
                    None => write!(html, "<span>{name}</span>")?,
                }
            }
        }
    }
    html.push_str("</div>");
    Ok(())
}

/// A band behind the rows of every other zone.
fn bands(html: &mut String, rows: &[Row]) -> Result {
    let mut starts: Vec<usize> = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        if matches!(row, Row::Zone(_)) {
            starts.push(place);
        }
    }
    for (number, start) in starts.iter().enumerate().step_by(2) {
        let end = starts.get(number + 1).copied().unwrap_or(rows.len());
        let (y, height) = (start * 10, (end - start) * 10);
        write!(
            html,
            "<rect class=\"band\" x=\"0\" y=\"{y}\" width=\"{WIDTH}\" height=\"{height}\"/>"
        )?;
    }
    Ok(())
}

/// From when until when a node was seen in which way. Of `every` moments in a row the one that stands
/// out counts.
fn stretches(times: &[u64], seen: &[Seen], every: usize, end: u64) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for (times, seen) in times.chunks(every).zip(seen.chunks(every)) {
        let (Some(at), Some(seen)) = (times.first(), seen.iter().max_by_key(|seen| seen.weight()))
        else {
            continue;
        };
        if let Some(last) = stretches.last_mut() {
            last.until = *at;
            if last.seen == *seen {
                continue;
            }
        }
        stretches.push(Stretch { from: *at, until: *at, seen: *seen });
    }
    if let Some(last) = stretches.last_mut() {
        last.until = end;
    }
    stretches
}

/// The most strips that a person looks at.
const ROWS: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_as_long_as_what_they_tell() {
        let seen = [Seen::ByAll, Seen::ByAll, Seen::GoneBySome, Seen::Gone, Seen::Gone];
        let times = [0, 10, 20, 30, 40];
        let stretch = |from, until, seen| Stretch { from, until, seen };
        assert_eq!(
            stretches(&times, &seen, 1, 40),
            [
                stretch(0, 20, Seen::ByAll),
                stretch(20, 30, Seen::GoneBySome),
                stretch(30, 40, Seen::Gone)
            ]
        );
        // What stands out stays, however few moments are told apart.
        assert_eq!(
            stretches(&times, &seen, 4, 40),
            [stretch(0, 40, Seen::GoneBySome), stretch(40, 40, Seen::Gone)]
        );
    }

    #[test]
    fn too_many_stretches_become_fewer() {
        let moment = |at| Moment {
            at,
            wrong_pairs: 0,
            pictures: 1,
            bytes: at,
            sent: 0,
            delivered: 0,
            live: 1,
            seen: vec![if at % 2 == 0 { Seen::ByAll } else { Seen::Gone }],
        };
        let moments: Vec<Moment> = (0..1_000).map(moment).collect();
        let cast = Cast::default();
        let strips = Strips { moments: &moments, cast: &cast, views: true, stretches: 100 };
        let courses = strips.courses(&[Row::Node(0)], 1_000);
        let stretch = Stretch { from: 0, until: 1_000, seen: Seen::Gone };
        assert_eq!(courses, [(0, 0, vec![stretch])]);
    }
}
