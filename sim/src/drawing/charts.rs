//! Charts: one value over time.

use core::fmt::{Result, Write};

use super::plot::{Plot, WIDTH};
use crate::sample::Sample;
use crate::scale::{Bytes, Grouped};

/// What a chart shows.
pub(super) struct Chart<'a> {
    /// As HTML.
    pub(super) title: &'a str,
    pub(super) unit: Unit,
    /// The top of the chart, which it ought to be at; the greatest value if that is left open.
    pub(super) most: Option<u64>,
    /// How many points it has at most.
    pub(super) points: usize,
}

/// What a chart counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Things.
    Count,
    /// Things per second.
    PerSecond,
    /// Bytes per second.
    BytesPerSecond,
}

impl Unit {
    fn show(self, value: u64) -> String {
        match self {
            Self::Count => Grouped(value).to_string(),
            Self::PerSecond => format!("{}/s", Grouped(value)),
            Self::BytesPerSecond => format!("{}/s", Bytes(value)),
        }
    }

    /// As the page's script has it.
    const fn name(self) -> &'static str {
        match self {
            Self::Count => "",
            Self::PerSecond => "/s",
            Self::BytesPerSecond => "B/s",
        }
    }
}

/// Draws a chart.
pub(super) fn chart(
    html: &mut String,
    plot: &Plot,
    chart: &Chart<'_>,
    points: &[(u64, u64)],
) -> Result {
    let values = || points.iter().map(|point| point.1);
    let highest = values().max().unwrap_or(0);
    let most = chart.most.unwrap_or(highest).max(1);
    let show = |value| chart.unit.show(value);
    let last = points.last().map_or(0, |point| point.1);
    let sample = Sample::of(values());
    let words = match chart.most {
        Some(_) => format!("least {}, ", show(sample.quantile(0))),
        None => format!("most {}, ", show(highest)),
    };
    let words = format!("{words}median {}, at the end {}", show(sample.median()), show(last));
    Plot::begin(html, "class=\"line\"", chart.title, &words)?;
    write!(
        html,
        "<div class=\"names ends\"><span>{}</span><span>0</span></div><div class=\"field\"><svg \
         class=\"chart\" data-most=\"{most}\" data-unit=\"{}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         preserveAspectRatio=\"none\">",
        show(most),
        chart.unit.name(),
    )?;
    let path = line(plot, chart, points, most)?;
    if let Some((first, _)) = points.first() {
        let (first, last) = (plot.x(*first), plot.x(plot.end));
        write!(html, "<path class=\"area\" d=\"{path}H{last}V{HEIGHT}H{first}Z\"/>")?;
        write!(html, "<path class=\"edge\" d=\"{path}\"/>")?;
    }
    plot.marks(html, HEIGHT)?;
    html.push_str("</svg></div>");
    plot.axis(html)?;
    html.push_str("</figure>");
    Ok(())
}

/// Of many points in one place the one that stands out is drawn: the least where the top is as it
/// should be, else the greatest. Of equal points in a row only the first and the last are.
fn line(
    plot: &Plot,
    chart: &Chart<'_>,
    points: &[(u64, u64)],
    most: u64,
) -> core::result::Result<String, core::fmt::Error> {
    let every = points.len().div_ceil(chart.points.max(1)).max(1);
    let place = |chunk: &[(u64, u64)]| {
        let values = chunk.iter().map(|point| point.1);
        let value = if chart.most.is_some() { values.min() } else { values.max() };
        let y = HEIGHT as u128 - u128::from(value.unwrap_or(0).min(most)) * TOP / u128::from(most);
        (plot.x(chunk[0].0), y)
    };
    let places: Vec<(u64, u128)> = points.chunks(every).map(place).collect();
    let mut line = String::new();
    for (at, (x, y)) in places.iter().enumerate() {
        let same = |other: Option<&(u64, u128)>| other.is_some_and(|other| other.1 == *y);
        if at > 0 && same(places.get(at - 1)) && same(places.get(at + 1)) {
            continue;
        }
        write!(line, "{}{x} {y}", if line.is_empty() { 'M' } else { 'L' })?;
    }
    Ok(line)
}

/// The places from top to bottom, and how many of them a line may use.
const HEIGHT: usize = 1_000;
const TOP: u128 = 960;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_what_stands_out_and_leaves_out_what_does_not() {
        let plot = Plot { start: 0, end: 20_000, marked: Vec::new(), lines: 9 };
        let chart = |most, points| Chart { title: "", unit: Unit::Count, most, points };
        let mut points: Vec<(u64, u64)> = (0..20).map(|at| (at * 1_000, 96)).collect();
        points[7].1 = 48;
        let whole = line(&plot, &chart(Some(96), 100), &points, 96).unwrap();
        assert_eq!(whole, "M0 40L6000 40L7000 520L8000 40L19000 40");
        let few = line(&plot, &chart(Some(96), 4), &points, 96).unwrap();
        assert_eq!(few, "M0 40L5000 520L10000 40L15000 40");
        let peaks = line(&plot, &chart(None, 4), &points, 96).unwrap();
        assert_eq!(peaks, "M0 40L15000 40");
    }

    #[test]
    fn an_axis_has_the_unit_of_what_it_shows() {
        assert_eq!(Unit::BytesPerSecond.show(3_006_000), "3.006 MB/s");
        assert_eq!(Unit::PerSecond.show(12_345), "12,345/s");
        assert_eq!(Unit::Count.show(1_024), "1,024");
    }
}
