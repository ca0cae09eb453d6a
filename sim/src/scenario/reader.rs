//! What the reader of TOML refuses, told with what to do.

use super::value::Span;

/// An error of the reader, with what to do if it does not say that itself.
pub(super) fn told(error: &toml::de::Error) -> String {
    let message = error.message();
    let text = error.to_string();
    let told = text.trim_end();
    // The reader names types of the program, where numbers are meant.
    let mut kinds = NUMBERS.iter();
    let number = kinds.find_map(|(kind, most)| Some((message.strip_suffix(kind)?, most)));
    match number {
        Some((start, most)) => {
            // Of the largest ones nobody wants to know how large they are.
            let wanted = if *most > u64::from(u32::MAX) {
                format!("{start}a whole number, 0 or more")
            } else {
                format!("{start}a whole number of 0 to {most}")
            };
            format!("{}{}", told.replacen(message, &wanted, 1), plainly(message))
        }
        None => format!("{told}{}", remedy(message, told)),
    }
}

/// What numbers are called, and the most that each can be. No number in a file is larger than the
/// last.
const NUMBERS: [(&str, u64); 5] = [
    ("u8", u8::MAX as u64),
    ("u16", u16::MAX as u64),
    ("u32", u32::MAX as u64),
    ("u64", i64::MAX as u64),
    ("usize", i64::MAX as u64),
];

fn remedy(message: &str, told: &str) -> String {
    if message.starts_with("wanted exactly 1 element") {
        return "\na step is one thing: begin each with [[steps]]".to_owned();
    }
    if let Some(near) = nearest(message) {
        return format!("\ndid you mean `{near}`?");
    }
    if message.ends_with("an array of length 2") || message.ends_with("a tuple of size 2") {
        return two(message, told);
    }
    if message.contains("expected a whole number") {
        return plainly(message);
    }
    if let Some(key) = message.strip_prefix("missing field `").and_then(|key| key.strip_suffix('`'))
    {
        return format!("\n{}", missing(key));
    }
    String::new()
}

/// How two values are written where there is one, or any other number: the value is marked in what is told.
fn two(message: &str, told: &str) -> String {
    let lines: Vec<&str> = told.lines().collect();
    let marks =
        lines.iter().rposition(|line| line.trim_start().starts_with('|') && line.contains('^'));
    let marked = marks.and_then(|place| {
        let (start, end) = (lines[place].find('^')?, lines[place].rfind('^')?);
        lines.get(place.checked_sub(1)?)?.get(start..=end)
    });
    let values: Vec<&str> = marked
        .map(|text| text.trim_matches(['[', ']']).split(',').map(str::trim).collect())
        .unwrap_or_default();
    let first = values.first().copied().filter(|value| !value.is_empty());
    let is_time = |value: &str| value.trim_matches('"').parse::<Span>().is_ok();
    let example = match first {
        _ if message.ends_with("a tuple of size 2") => {
            let speed = first.unwrap_or("\"10Mbit\"");
            return format!(
                "\nwrite what passes in a second, and what may wait: [{speed}, \"64kB\"]"
            );
        }
        Some(value) if is_time(value) => format!("the least and the most: [{value}, {value}]"),
        Some(value) => {
            let other = if value == "\"b\"" { "\"a\"" } else { "\"b\"" };
            format!("two: [{value}, {other}]")
        }
        None => "two".to_owned(),
    };
    format!("\nwrite {example}")
}

/// How a key is written that has to be there, with a value that it could have.
fn missing(key: &str) -> String {
    let example = match key {
        "name" => "name = \"my-scenario\"",
        "cluster" => "[cluster], and below it nodes = 10",
        "nodes" => "nodes = 10",
        "steps" => "[[steps]], and below it what is done, such as run = \"10s\"",
        "figure" => "figure = \"crash\", a name of your own, by which a step keeps values",
        "of" => "of = \"median\", or p99, max, min or sum",
        "within" => "within = \"10s\"",
        "what" => "what = \"agreement\"",
        "lasts" => "lasts = \"10s\"",
        "percent" => "percent = 10",
        _ => {
            return format!(
                "write {key} = and its value: `scalesmall-sim help scenarios` lists them"
            );
        }
    };
    format!("write {example}")
}

/// How a number is written that stands in quotation marks, or with a sign of per cent.
fn plainly(message: &str) -> String {
    let quoted = message.strip_prefix("invalid type: string \"");
    let text = quoted.and_then(|rest| rest.split_once('"')).map(|(text, _)| text);
    let digits = text.map(|text| text.trim().trim_end_matches('%').trim());
    let is_number = |text: &&str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    match digits.filter(is_number) {
        Some(digits) => format!("\nwrite it without quotation marks: {digits}"),
        None => String::new(),
    }
}

/// Of the words that are known, the one most like the one that is not.
fn nearest(message: &str) -> Option<&str> {
    let rest = ["unknown field `", "unknown variant `"]
        .into_iter()
        .find_map(|start| message.strip_prefix(start));
    let mut words = rest?.split('`').step_by(2);
    let unknown = words.next()?;
    words
        .filter(|word| !word.is_empty())
        .map(|word| (strsim::damerau_levenshtein(unknown, word), word))
        .filter(|(distance, word)| *distance <= word.len().max(unknown.len()) / 3)
        .min()
        .map(|(_, word)| word)
}
