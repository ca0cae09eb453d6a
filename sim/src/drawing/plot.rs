//! What all figures of a run share: their time, the marks in it, and their axis.

use core::fmt::{Result, Write};

use crate::scale::Time;

/// The time that all figures of a run cover, and when something was done in it.
pub(super) struct Plot {
    pub(super) start: u64,
    pub(super) end: u64,
    /// When something was done, in order, each time once.
    pub(super) marked: Vec<u64>,
    /// How many lines there are at most in a figure for that.
    pub(super) lines: usize,
}

impl Plot {
    /// The place of a time, from 0 to [`WIDTH`].
    pub(super) fn x(&self, at: u64) -> u64 {
        let at = at.clamp(self.start, self.end) - self.start;
        let x = u128::from(at) * u128::from(WIDTH) / u128::from((self.end - self.start).max(1));
        // It is at most the width.
        u64::try_from(x).unwrap_or(WIDTH)
    }

    /// Lines where something was done.
    pub(super) fn marks(&self, html: &mut String, height: usize) -> Result {
        let mut places: Vec<u64> = self.marked.iter().map(|at| self.x(*at)).collect();
        // Of several that are as good as in one place the first is drawn.
        places.dedup_by_key(|x| *x * self.lines as u64 / WIDTH);
        if places.is_empty() {
            return Ok(());
        }
        // Where there are many they are not to hide what they stand for.
        let class = if places.len() > MANY { "mark many" } else { "mark" };
        write!(html, "<path class=\"{class}\" d=\"")?;
        for x in places {
            write!(html, "M{x} 0V{height}")?;
        }
        html.push_str("\"/>");
        Ok(())
    }

    /// Begins a figure: its attributes, its title, and a word on it.
    pub(super) fn begin(html: &mut String, attributes: &str, title: &str, words: &str) -> Result {
        write!(
            html,
            "<figure {attributes}><figcaption><span>{title}</span><span class=\"dim\">{words}\
             </span></figcaption><div class=\"plot\">"
        )
    }

    /// The times below a figure.
    pub(super) fn axis(&self, html: &mut String) -> Result {
        html.push_str("</div><div class=\"axis\">");
        for quarter in 0..=4_u64 {
            let at = self.start + (self.end - self.start) / 4 * quarter;
            write!(html, "<span>{}</span>", Time(at))?;
        }
        html.push_str("</div>");
        Ok(())
    }
}

/// Milliseconds, as the page's script has them.
pub(super) fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

/// How many places there are side by side: more than a screen has, for those who look closer.
pub(super) const WIDTH: u64 = 20_000;
/// More lines than this are drawn faintly.
const MANY: usize = 60;
