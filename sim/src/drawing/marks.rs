//! What was done to a run: numbers over its time, and a list of what they stand for.

use core::fmt::{Result, Write};
use std::collections::BTreeMap;

use super::html::escape;
use super::plot::{Plot, WIDTH};
use crate::moment::Mark;
use crate::scale::Time;

/// Something that was done, as often as it was done alike at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deed<'a> {
    mark: &'a Mark,
    times: u32,
}

/// What was done, once for each time at which it was done alike.
pub(super) fn deeds(marks: &[Mark]) -> Vec<Deed<'_>> {
    let mut deeds: Vec<Deed<'_>> = Vec::new();
    for mark in marks {
        match deeds.last_mut() {
            Some(last) if last.mark == mark => last.times += 1,
            _ => deeds.push(Deed { mark, times: 1 }),
        }
    }
    deeds
}

/// The numbers of what is listed, where they belong. One that would cover another waits until a reader looks closer.
pub(super) fn numbers(html: &mut String, plot: &Plot, deeds: &[Deed<'_>], most: usize) -> Result {
    if deeds.is_empty() {
        return Ok(());
    }
    html.push_str("<div class=\"numbers\">");
    let mut free = 0;
    for (number, deed) in deeds.iter().take(most).enumerate() {
        let x = plot.x(deed.mark.at);
        let covered = if x < free { " hidden" } else { "" };
        let (percent, part) = (x * 100 / WIDTH, x * 1_000 / WIDTH % 10);
        write!(
            html,
            "<b data-x=\"{x}\" style=\"left:{percent}.{part}%\"{covered}>{}</b>",
            number + 1
        )?;
        if x >= free {
            free = x + ROOM;
        }
    }
    html.push_str("</div>");
    Ok(())
}

/// The list of what was done, up to a limit; `unmarked` more entries were not kept.
pub(super) fn list(
    html: &mut String,
    plot: &Plot,
    deeds: &[Deed<'_>],
    unmarked: u64,
    most: usize,
) -> Result {
    if deeds.is_empty() {
        return Ok(());
    }
    let many = deeds.len() > IN_THE_OPEN;
    if many {
        let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
        for deed in deeds {
            *kinds.entry(&deed.mark.what).or_default() += deed.times;
        }
        let kinds: Vec<String> =
            kinds.iter().map(|(what, times)| format!("{times} × {}", escape(what))).collect();
        let kinds = kinds.join(", ");
        write!(html, "<details class=\"list\"><summary>{kinds}: as a list</summary>")?;
    }
    html.push_str("<ol class=\"events\">");
    for deed in deeds.iter().take(most) {
        let Deed { mark, times } = deed;
        let times = if *times > 1 { format!(", {times} times") } else { String::new() };
        let colon = if mark.whom.is_empty() { "" } else { ": " };
        write!(
            html,
            "<li data-x=\"{}\"><span>{}</span> <b>{}</b>{colon}{}{times}</li>",
            plot.x(mark.at),
            Time(mark.at),
            escape(&mark.what),
            escape(&mark.whom)
        )?;
    }
    html.push_str("</ol>");
    let more = unmarked + deeds.len().saturating_sub(most) as u64;
    if more > 0 {
        write!(html, "<p class=\"dim\">and {more} more, which are not listed</p>")?;
    }
    html.push_str(if many { "</details>" } else { "" });
    Ok(())
}

/// How wide a number is, at most, and how many things are listed in the open.
const ROOM: u64 = WIDTH * 45 / 1_000;
const IN_THE_OPEN: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(at: u64, what: &str, whom: &str) -> Mark {
        Mark { at, what: what.to_owned(), whom: whom.to_owned() }
    }

    fn listed(marks: &[Mark], most: usize) -> String {
        let plot = Plot { start: 0, end: 100, marked: Vec::new(), lines: 9 };
        let mut html = String::new();
        list(&mut html, &plot, &deeds(marks), 3, most).unwrap();
        html
    }

    #[test]
    fn what_is_done_alike_at_one_time_is_listed_once() {
        let twice = mark(20, "<crash>", "node 1");
        let html = listed(&[twice.clone(), twice, mark(20, "heal", "")], 9);
        assert!(html.contains("<b>&lt;crash&gt;</b>: node 1, 2 times</li>"), "{html}");
        assert!(html.contains("<b>heal</b></li>") && !html.contains("<crash>"), "{html}");
        assert!(html.contains("and 3 more"), "{html}");
    }

    #[test]
    fn of_much_the_kinds_are_counted_and_not_all_is_listed() {
        let marks: Vec<Mark> =
            (0..144).map(|at| mark(at, "crash", &format!("node {at}"))).collect();
        let html = listed(&marks, 100);
        assert!(html.contains("<summary>144 × crash: as a list</summary>"), "{html}");
        assert!(html.contains("and 47 more") && html.matches("<li").count() == 100, "{html}");
    }
}
