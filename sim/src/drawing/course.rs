//! The course of one run: charts and a strip for each node, all over the same time.

use core::fmt::{Result, Write};
use std::collections::BTreeMap;

use super::cast::Cast;
use super::charts::{Chart, Unit, chart};
use super::html::escape;
use super::marks::{deeds, list, numbers};
use super::plot::{Plot, millis};
use super::strips::{Strips, strips};
use super::view_changes::Record;
use crate::moment::{Mark, Moment, Series};
use crate::view_changes::Sights;

/// What a course is drawn of.
pub(crate) struct Course<'a> {
    /// How matters stood, one after the other.
    pub(crate) moments: &'a [Moment],
    /// What was done.
    pub(crate) marks: &'a [Mark],
    /// How much more was done, of which nothing is kept.
    pub(crate) unmarked: u64,
    /// As what each node saw each other one.
    pub(crate) sights: &'a Sights,
    /// From when until when this is known of each observer, if it is not known of all, all the time.
    pub(crate) spans: Option<&'a BTreeMap<usize, Vec<[u64; 2]>>>,
    /// Values of its own.
    pub(crate) series: &'a [Series],
    /// The nodes.
    pub(crate) cast: &'a Cast,
    /// How many courses share a megabyte of the page.
    pub(crate) courses: usize,
}

impl<'a> Course<'a> {
    /// Nothing but who saw whom.
    pub(crate) const fn of_nothing(sights: &'a Sights, cast: &'a Cast) -> Self {
        Self {
            moments: &[],
            marks: &[],
            unmarked: 0,
            sights,
            spans: None,
            series: &[],
            cast,
            courses: 1,
        }
    }

    /// How many nodes there are.
    pub(crate) fn nodes(&self) -> usize {
        let moments = self.moments.last().map_or(0, |moment| moment.seen.len());
        moments.max(self.cast.names.len())
    }

    /// Draws how many nodes are seen as they are, what is sent, how each node is seen, and by whom.
    pub(crate) fn draw(&self, html: &mut String) -> Result {
        let Some(plot) = self.plot() else { return Ok(()) };
        let share = |whole: usize| whole / self.courses.max(1);
        let points = share(POINTS);
        let views = self.knows_of_others();
        let deeds = deeds(self.marks);
        write!(
            html,
            "<div class=\"course{}\" data-start=\"{}\" data-end=\"{}\">",
            if self.cast.names.is_empty() { "" } else { " named" },
            millis(plot.start),
            millis(plot.end)
        )?;
        html.push_str(TOOLS);
        numbers(html, &plot, &deeds, share(LISTED))?;
        let nodes = self.nodes() as u64;
        let values = |value: &dyn Fn(&Moment) -> u64| -> Vec<(u64, u64)> {
            self.moments.iter().map(|moment| (moment.at, value(moment))).collect()
        };
        if !self.moments.is_empty() {
            let title =
                if views { "nodes that all others see as they are" } else { "nodes that run" };
            let agreed = Chart { title, unit: Unit::Count, most: Some(nodes), points };
            let right = |moment: &Moment| match views {
                true => moment.seen.iter().filter(|seen| seen.is_right()).count() as u64,
                false => moment.live as u64,
            };
            chart(html, &plot, &agreed, &values(&right))?;
            let stretches = share(STRETCHES);
            let of = Strips { moments: self.moments, cast: self.cast, views, stretches };
            strips(html, &plot, &of)?;
        }
        if views {
            let record = Record {
                nodes: nodes as usize,
                sights: self.sights,
                spans: self.spans,
                cast: self.cast,
                limit: share(RECORD),
            };
            record.write(html, &plot)?;
        }
        if !self.moments.is_empty() {
            self.rates(html, &plot, views, points)?;
        }
        for Series { name, points: of, .. } in self.series {
            let title = &escape(name);
            chart(html, &plot, &Chart { title, unit: Unit::Count, most: None, points }, of)?;
        }
        list(html, &plot, &deeds, self.unmarked, share(LISTED))?;
        html.push_str("</div>");
        Ok(())
    }

    /// Different pictures, or what became of datagrams; and what was sent.
    fn rates(&self, html: &mut String, plot: &Plot, views: bool, points: usize) -> Result {
        if views {
            let title = "different pictures among the live";
            let pictures = Chart { title, unit: Unit::Count, most: None, points };
            let of = self.moments.iter().map(|moment| (moment.at, moment.pictures as u64));
            chart(html, plot, &pictures, &of.collect::<Vec<_>>())?;
        } else {
            let of = |title| Chart { title, unit: Unit::PerSecond, most: None, points };
            chart(html, plot, &of("datagrams sent"), &self.rate(|moment| (moment.sent, 1)))?;
            let arrived = self.rate(|moment| (moment.delivered, 1));
            chart(html, plot, &of("datagrams that arrived"), &arrived)?;
        }
        let title = "bytes a second, of a node in the mean";
        let sent = Chart { title, unit: Unit::BytesPerSecond, most: None, points };
        chart(html, plot, &sent, &self.rate(|moment| (moment.bytes, moment.live as u64)))
    }

    /// A count per second, and a divisor, between one moment and the next.
    fn rate(&self, count: impl Fn(&Moment) -> (u64, u64)) -> Vec<(u64, u64)> {
        let rate = |pair: &[Moment]| {
            let ((before, _), (after, among)) = (count(&pair[0]), count(&pair[1]));
            let span = (pair[1].at - pair[0].at).max(1);
            let more = u128::from(after.saturating_sub(before)) * 1_000_000_000;
            let rate = more / u128::from(span) / u128::from(among.max(1));
            (pair[1].at, u64::try_from(rate).unwrap_or(u64::MAX))
        };
        self.moments.windows(2).map(rate).collect()
    }

    /// Whether the nodes know of each other; a protocol without membership says nothing of others.
    fn knows_of_others(&self) -> bool {
        let about_others = |sights: &Sights| {
            sights.changes().iter().any(|change| change.observer != change.subject)
        };
        self.spans.is_some()
            || self.moments.iter().any(|moment| moment.pictures > 0)
            || about_others(self.sights)
    }

    /// The time that is drawn: of the moments, and of all else if there are none.
    fn plot(&self) -> Option<Plot> {
        let spans =
            || self.spans.into_iter().flat_map(BTreeMap::values).flatten().flatten().copied();
        let times = || self.moments.iter().map(|moment| moment.at).chain(spans());
        let (start, end) = (times().min()?, times().max()?);
        let marked = self.marks.iter().map(|mark| mark.at).collect();
        Some(Plot { start, end: end.max(start + 1), marked, lines: LINES / self.courses.max(1) })
    }
}

/// What the page's script fills and shows.
const TOOLS: &str = "<div class=\"tools\" hidden><button data-zoom=\"0.5\" title=\"closer\">+</button>\
                     <button data-zoom=\"2\" title=\"farther\">−</button>\
                     <button data-pan=\"-0.5\" title=\"earlier\">◀</button>\
                     <button data-pan=\"0.5\" title=\"later\">▶</button>\
                     <button data-whole>all</button><output></output></div>";

/// What the courses of a megabyte share: the points of a chart, the stretches of strips (about twenty bytes
/// each), the bytes of who saw whom, and what is listed of what was done.
const POINTS: usize = 6_000;
const STRETCHES: usize = 8_000;
const RECORD: usize = 400_000;
const LISTED: usize = 1_000;
/// And the lines of a figure where something was done.
const LINES: usize = 1_000;
