//! Drawing the course of a simulation, as a part of an HTML page or as a page of its own.

mod charts;
mod html;
mod view_changes;

pub(crate) use charts::charts;
pub(crate) use html::{HEAD, TAIL, escape};

use core::fmt::Write;

use crate::moment::{Mark, Moment, Series};
use crate::view_changes::Sights;

/// One simulation as a page with a picture of its course.
pub(crate) fn page(
    title: &str,
    moments: &[Moment],
    marks: &[Mark],
    sights: &Sights,
    series: &[Series],
) -> String {
    let mut html = String::from(HEAD);
    let nodes = moments.last().map_or(0, |moment| moment.seen.len());
    // Writing to a string never fails.
    let _ = write!(html, "<h1>{}</h1><section><p class=\"dim\">{nodes} nodes</p>", escape(title))
        .and_then(|()| charts(&mut html, moments, marks, sights, series));
    html.push_str("</section>");
    html.push_str(TAIL);
    html
}
