//! Drawing the course of a simulation, as a part of an HTML page or as a page of its own.
//!
//! A picture is drawn here, to be read and printed as it is; the page's script adds what takes a reader:
//! zoom, pan, values under the pointer, and who saw whom, as the reader asks.

mod cast;
mod charts;
mod course;
mod html;
mod marks;
mod plot;
mod strips;
mod view_changes;

pub(crate) use cast::{Cast, Zones};
pub(crate) use course::Course;
pub(crate) use html::{HEAD, TAIL, escape};

use core::fmt::Write;

/// One simulation as a page with a picture of its course.
pub(crate) fn page(title: &str, rerun: &str, course: &Course<'_>) -> String {
    let mut html = String::from(HEAD);
    // Writing to a string never fails.
    let _ = section(&mut html, title, rerun, course);
    html.push_str(TAIL);
    html
}

fn section(html: &mut String, title: &str, rerun: &str, course: &Course<'_>) -> core::fmt::Result {
    let nodes = course.nodes();
    write!(html, "<h1>{}</h1><section><p class=\"dim\">{nodes} nodes</p>", escape(title))?;
    again(html, rerun)?;
    course.draw(html)?;
    html.push_str("</section>");
    Ok(())
}

/// The line that makes a run again, if there is one.
pub(crate) fn again(html: &mut String, rerun: &str) -> core::fmt::Result {
    if rerun.is_empty() {
        return Ok(());
    }
    write!(html, "<p class=\"dim\">Played again by <code>{}</code></p>", escape(rerun))
}
