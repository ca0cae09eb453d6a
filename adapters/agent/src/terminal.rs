//! Texts of others on a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text, with all that a terminal would obey, or that would make it show something else, written out: control
/// characters, and those that turn the direction of writing.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        if is_obeyed(char) {
            shown.extend(char.escape_default());
        } else {
            shown.push(char);
        }
    }
    Cow::Owned(shown)
}

/// The same for a text of several lines, whose ends stay.
pub(crate) fn escaped_lines(text: &str) -> String {
    let lines: Vec<Cow<'_, str>> = text.split('\n').map(escaped).collect();
    lines.join("\n")
}

/// The same for JSON, which has such characters in its strings alone and stays what it means.
pub(crate) fn escaped_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for char in json.chars() {
        if is_obeyed(char) {
            // None of them lies beyond the four digits.
            let _ = write!(shown, "\\u{:04x}", u32::from(char));
        } else {
            shown.push(char);
        }
    }
    shown
}

fn is_obeyed(char: char) -> bool {
    let turns = matches!(
        char,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    char.is_control() || turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        for (text, shown) in [
            ("cook", "cook"),
            ("K\u{fc}che \u{1f373} \\", "K\u{fc}che \u{1f373} \\"),
            ("\u{1b}[2J\u{7}", "\\u{1b}[2J\\u{7}"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
        ] {
            assert_eq!(escaped(text), shown);
        }
        let evil = "\u{9b}2J \u{202e} \u{7f} \n \" k\u{fc}che";
        let json = serde_json::to_string(evil).expect("JSON");
        let harmless = escaped_json(&json);
        assert!(json.contains(is_obeyed) && !harmless.contains(is_obeyed), "{harmless:?}");
        assert_eq!(serde_json::from_str::<String>(&harmless).expect("JSON"), evil);
        assert_eq!(escaped_lines("a\u{1b}\nb\n"), "a\\u{1b}\nb\n");
    }
}
