//! The changes of what nodes saw of each other in a run, for the page's script to draw those asked for.

use core::fmt::{Result, Write};
use std::collections::BTreeMap;

use scalesmall_core::Status;

use crate::view_changes::{Change, Sights};

/// Writes the figure that the script fills, and the changes. Without scripts it stays hidden.
///
/// Of each observer, its changes in order: a letter for the status, the subject, and after a colon
/// the milliseconds since the change before, if there are any; both in base 36.
pub(super) fn view_changes(html: &mut String, sights: &Sights, nodes: usize, end: u64) -> Result {
    let mut of: BTreeMap<usize, (String, u64)> = BTreeMap::new();
    for change in sights.changes() {
        let (text, before) = of.entry(change.observer).or_default();
        let at = change.at / 1_000_000;
        write!(text, "{}{}", letter(change), Base36(change.subject as u64))?;
        if at > *before {
            write!(text, ":{}", Base36(at - *before))?;
            *before = at;
        }
    }
    if of.is_empty() {
        return Ok(());
    }
    html.push_str(FIGURE);
    let millis = |nanos: u64| nanos as f64 / 1e6;
    write!(html, "{{\"nodes\":{nodes},\"end\":{},\"every\":{}", millis(end), sights.every())?;
    if let Some(at) = sights.ended_at() {
        write!(html, ",\"ended\":{}", millis(at))?;
    }
    html.push_str(",\"of\":[");
    for (place, (observer, (text, _))) in of.iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        write!(html, "{comma}[{observer},\"{text}\"]")?;
    }
    html.push_str("]}</script></figure>");
    Ok(())
}

const FIGURE: &str = concat!(
    "<figure class=\"who\" hidden><figcaption><span>who saw whom</span>",
    "<span class=\"dim\" aria-live=\"polite\"></span></figcaption><p class=\"choice\">",
    "<select aria-label=\"direction\"><option value=\"of\">how the others saw</option>",
    "<option value=\"by\">how the others were seen by</option></select> ",
    "<select aria-label=\"node\"></select></p>",
    "<svg class=\"nodes\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\"></svg>",
    "<ul class=\"legend\"></ul><details class=\"list\"><summary>as a list</summary>",
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

    #[test]
    fn numbers_of_base_36_are_those_that_scripts_read() {
        for number in [0, 1, 35, 36, 1_295, 1_296, u64::MAX] {
            assert_eq!(u64::from_str_radix(&Base36(number).to_string(), 36), Ok(number));
        }
    }
}
