//! The changes of what nodes saw of each other in a run, for the page's script to draw those asked for.

use core::fmt::{Result, Write};
use std::collections::BTreeMap;

use scalesmall_core::Status;
use serde_json::{Value, json};

use super::cast::Cast;
use super::plot::{Plot, millis};
use crate::view_changes::{Cause, Change, Sights};

/// What is written of who saw whom.
pub(super) struct Record<'a> {
    pub(super) nodes: usize,
    pub(super) sights: &'a Sights,
    /// From when until when this is known of each observer, if it is not known of all, all the time.
    pub(super) spans: Option<&'a BTreeMap<usize, Vec<[u64; 2]>>>,
    pub(super) cast: &'a Cast,
    /// How many bytes it may take; of more, fewer and fewer observers are written.
    pub(super) limit: usize,
}

/// The changes as text, of each observer, and the causes that it refers to.
struct Text {
    of: BTreeMap<usize, String>,
    causes: Vec<String>,
}

impl Record<'_> {
    /// Writes the figure that the script fills, and the changes. Without scripts it stays hidden.
    ///
    /// Of each observer, its changes in order: a letter for the status, the subject, after a colon the
    /// milliseconds since the change before, if there are any, and after an equals sign the cause, if it
    /// is another than before; all in base 36.
    pub(super) fn write(&self, html: &mut String, plot: &Plot) -> Result {
        let sights = self.sights;
        let (mut every, mut changes) = (sights.every(), sights.changes());
        let mut ended = sights.ended_at();
        let text = loop {
            let text = self.text(changes, every, plot.start)?;
            let bytes: usize =
                text.of.values().chain(&text.causes).map(|text| text.len() + 12).sum();
            if bytes <= self.limit || changes.len() < 2 {
                break text;
            }
            if every < self.nodes {
                every *= 2;
            } else {
                changes = &changes[..changes.len() / 2];
                ended = changes.last().map(|change| change.at);
            }
        };
        if text.of.is_empty() {
            return Ok(());
        }
        Plot::begin(html, "class=\"who\" hidden", "who saw whom", "")?;
        html.push_str(FIGURE);
        plot.axis(html)?;
        html.push_str("<ul class=\"legend\"></ul>");
        html.push_str(LIST);
        // Within a script element nothing may look like its end.
        let json = self.json(&text, every, ended).to_string();
        html.push_str(&json.replace('<', "\\u003c"));
        html.push_str("</script></figure>");
        Ok(())
    }

    fn json(&self, text: &Text, every: usize, ended: Option<u64>) -> Value {
        let Self { spans, cast, .. } = self;
        let of = text.of.iter().map(|(observer, text)| {
            match spans.and_then(|spans| spans.get(observer)) {
                Some(spans) => {
                    let spans: Vec<[f64; 2]> = spans.iter().map(|span| span.map(millis)).collect();
                    json!([observer, text, spans])
                }
                None => json!([observer, text]),
            }
        });
        let zones =
            cast.zones.as_ref().map(|zones| json!({ "of": zones.of, "names": zones.names }));
        json!({
            "nodes": self.nodes,
            "every": every,
            "ended": ended.map(millis),
            "alone": spans.is_some(),
            "names": cast.names,
            "zones": zones,
            "causes": text.causes,
            "of": of.collect::<Vec<_>>(),
        })
    }

    fn text(
        &self,
        changes: &[Change],
        every: usize,
        start: u64,
    ) -> core::result::Result<Text, core::fmt::Error> {
        // The first cause is that there is none.
        let mut causes = vec![String::new()];
        let mut known: BTreeMap<Cause, usize> = BTreeMap::new();
        let mut of: BTreeMap<usize, (String, u64, usize)> = BTreeMap::new();
        for change in changes {
            if change.observer != change.subject && !change.observer.is_multiple_of(every) {
                continue;
            }
            let begun = start / 1_000_000;
            let (text, before, because) =
                of.entry(change.observer).or_insert((String::new(), begun, 0));
            let at = change.at / 1_000_000;
            write!(text, "{}{}", letter(change), Base36(change.subject as u64))?;
            if at > *before {
                write!(text, ":{}", Base36(at - *before))?;
                *before = at;
            }
            let cause = change.cause.map_or(0, |cause| {
                *known.entry(cause).or_insert_with(|| {
                    causes.push(cause.words(&|node| self.cast.name(node)));
                    causes.len() - 1
                })
            });
            if cause != *because {
                write!(text, "={}", Base36(cause as u64))?;
                *because = cause;
            }
        }
        let of = of.into_iter().map(|(observer, (text, ..))| (observer, text)).collect();
        Ok(Text { of, causes })
    }
}

const FIGURE: &str = concat!(
    "<div class=\"choice\"><select aria-label=\"direction\">",
    "<option value=\"of\">how the others saw</option>",
    "<option value=\"by\">how the others were seen by</option></select> ",
    "<select aria-label=\"node\"></select></div>",
    "<div class=\"names\"></div><div class=\"field\"><svg class=\"nodes\" viewBox=\"0 0 20000 10\" ",
    "preserveAspectRatio=\"none\"></svg></div>",
);
const LIST: &str = concat!(
    "<details class=\"list\"><summary>as a list, with the cause of each change</summary>",
    "<ol class=\"events\"></ol></details><script type=\"application/json\">"
);

const fn letter(change: &Change) -> char {
    match change.status {
        None => 'N',
        Some(Status::Alive) => 'A',
        Some(Status::Suspect) => 'S',
        Some(Status::Unreachable) => 'U',
        Some(Status::Down) => 'D',
        Some(Status::Left) => 'L',
        Some(_) => 'N',
    }
}

struct Base36(u64);

impl core::fmt::Display for Base36 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> Result {
        let mut digits = [0; 13];
        let (mut left, mut first) = (self.0, digits.len());
        loop {
            first -= 1;
            digits[first] = b"0123456789abcdefghijklmnopqrstuvwxyz"[(left % 36) as usize];
            left /= 36;
            if left == 0 {
                break;
            }
        }
        digits[first..].iter().try_for_each(|digit| f.write_char(char::from(*digit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names come from strangers.
    #[test]
    fn a_name_cannot_end_the_record() {
        let mut sights = Sights::default();
        let status = Some(Status::Alive);
        sights.push(Change { at: 1, observer: 0, subject: 0, status, cause: None });
        let hostile = "</script><script>alert(1)</script><!--";
        let cast = Cast { names: vec![hostile.to_owned()], zones: None };
        let record = Record { nodes: 1, sights: &sights, spans: None, cast: &cast, limit: 1_000 };
        let mut html = String::new();
        let plot = Plot { start: 0, end: 10, marked: Vec::new(), lines: 1 };
        record.write(&mut html, &plot).unwrap();
        let json = html.split("json\">").nth(1).unwrap().split("</script>").next().unwrap();
        assert_eq!(serde_json::from_str::<Value>(json).unwrap()["names"][0], hostile);
        assert!(html.ends_with(&format!("{json}</script></figure>")), "{html}");
    }

    #[test]
    fn numbers_of_base_36_are_those_that_scripts_read() {
        for number in [0, 1, 35, 36, 1_295, 1_296, u64::MAX] {
            assert_eq!(u64::from_str_radix(&Base36(number).to_string(), 36), Ok(number));
        }
    }
}
