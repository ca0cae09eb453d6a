//! Where something stands in a file.

use toml::de::{DeTable, DeValue};

/// One step on the way from a file to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The value of a key.
    Key(String),
    /// An entry of a list, counted from 0.
    Entry(usize),
    /// The value of the only key of a table.
    Only,
}

impl From<&str> for Place {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Place {
    fn from(entry: usize) -> Self {
        Self::Entry(entry)
    }
}

/// The line, counted from 1, of what a way leads to; of the last thing on it that the file has, if
/// it says nothing of the rest. `None` if it has nothing of it at all.
pub(super) fn line_of(text: &str, way: &[Place]) -> Option<usize> {
    let root = DeTable::parse(text).ok()?;
    let mut value = &DeValue::Table(root.into_inner());
    let mut found = None;
    for place in way {
        let (at, next) = match (place, value) {
            (Place::Key(key), DeValue::Table(table)) => {
                let entry = table.iter().find(|(name, _)| name.get_ref().as_ref() == key);
                let Some((name, next)) = entry else { break };
                (name.span().start, next)
            }
            (Place::Only, DeValue::Table(table)) => {
                let Some((name, next)) = table.iter().next() else { break };
                (name.span().start, next)
            }
            (Place::Entry(entry), DeValue::Array(list)) => {
                let Some(next) = list.get(*entry) else { break };
                (next.span().start, next)
            }
            _ => break,
        };
        found = Some(at);
        value = next.get_ref();
    }
    let before = text.get(..found?)?;
    Some(before.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
nodes = 0
[cluster]
# nodes = 0
nodes = 0
link = { loss = 1,
  delay = [1, 2] }
[[steps]]
run = 1
[[steps]]
repeat = { times = 0, steps = [
  { run = 1 },
  { crash = { nodes = 0 } },
] }
";

    #[test]
    fn a_way_leads_to_its_line() {
        let key = |key: &str| Place::from(key);
        let way = |places: &[Place]| line_of(TEXT, places);
        assert_eq!(way(&[key("nodes")]), Some(1));
        assert_eq!(way(&[key("cluster"), key("nodes")]), Some(4));
        assert_eq!(way(&[key("cluster"), key("link"), key("delay")]), Some(6));
        let repeat = [key("steps"), Place::Entry(1), Place::Only];
        assert_eq!(way(&repeat), Some(10));
        let crash = [&repeat[..], &[key("steps"), Place::Entry(1), Place::Only, key("nodes")]];
        assert_eq!(way(&crash.concat()), Some(12));
    }

    #[test]
    fn what_a_file_does_not_say_has_the_line_of_what_it_is_part_of() {
        let key = |key: &str| Place::from(key);
        assert_eq!(line_of(TEXT, &[key("cluster"), key("zones")]), Some(2));
        assert_eq!(line_of(TEXT, &[key("steps"), Place::Entry(0), key("at")]), Some(7));
        assert_eq!(line_of(TEXT, &[key("bars"), Place::Entry(0)]), None);
        assert_eq!(line_of("nodes = [", &[key("nodes")]), None);
    }
}
