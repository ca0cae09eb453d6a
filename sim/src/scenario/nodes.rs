//! Nodes and zones, as files name them.

use core::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Nodes by number, counted from 0: `[3, 5]`, `["8..=15"]`, `[0, "8..=15"]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nodes(Vec<[usize; 2]>);

impl Nodes {
    /// All of them, in the order in which they are named.
    pub fn iter(&self) -> impl Iterator<Item = usize> + use<'_> {
        self.0.iter().flat_map(|[first, last]| *first..=*last)
    }

    /// Whether these are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a node is one of them.
    #[must_use]
    pub fn contains(&self, node: usize) -> bool {
        self.0.iter().any(|[first, last]| (*first..=*last).contains(&node))
    }

    /// The one with the highest number.
    #[must_use]
    pub fn highest(&self) -> Option<usize> {
        self.0.iter().map(|[_, last]| *last).max()
    }

    /// The same nodes in a cluster of fewer: past the last one it begins again with the first.
    #[must_use]
    pub(crate) fn wrapped(&self, nodes: usize) -> Self {
        let mut all: Vec<usize> = self.iter().map(|node| node % nodes.max(1)).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter().collect()
    }
}

impl FromIterator<usize> for Nodes {
    fn from_iter<I: IntoIterator<Item = usize>>(nodes: I) -> Self {
        let mut ranges: Vec<[usize; 2]> = Vec::new();
        for node in nodes {
            match ranges.last_mut() {
                Some([_, last]) if last.checked_add(1) == Some(node) => *last = node,
                _ => ranges.push([node; 2]),
            }
        }
        Self(ranges)
    }
}

impl Serialize for Nodes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|[first, last]| Entry([*first, *last])))
    }
}

impl<'de> Deserialize<'de> for Nodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Nodes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of nodes such as [3, \"8..=15\"]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Nodes, A::Error> {
                let mut all = Vec::new();
                while let Some(Entry(range)) = list.next_element()? {
                    all.push(range);
                }
                Ok(Nodes(all))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Nodes, E> {
                range_of(text).map(|range| Nodes(vec![range])).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(List)
    }
}

/// From one node to another; a number if that is one.
#[derive(Clone, Copy)]
struct Entry([usize; 2]);

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [first, last] if first == last => first.serialize(serializer),
            [first, last] => serializer.collect_str(&format_args!("{first}..={last}")),
        }
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;

        impl Visitor<'_> for One {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a node such as 3, or a range such as \"8..=15\"")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Entry, E> {
                let wrong = |_| E::custom(format!("{number} is no node: they count from 0"));
                usize::try_from(number).map(|node| Entry([node; 2])).map_err(wrong)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Entry, E> {
                range_of(text).map(Entry).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(One)
    }
}

/// The first and the last node of a range such as `8..=15`.
fn range_of(text: &str) -> Result<[usize; 2], String> {
    let wrong = || format!("\"{text}\" names no nodes: write a range such as \"8..=15\"");
    let (first, last) = text.split_once("..=").ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse().map_err(|_| wrong());
    match [number(first)?, number(last)?] {
        [first, last] if first > last => {
            Err(format!("\"{text}\" is empty: write \"{last}..={first}\""))
        }
        range => Ok(range),
    }
}

/// Reads the first and the last node of a zone: `[0, 39]` or `"0..=39"`.
pub(super) fn ends<'de, D: Deserializer<'de>>(reader: D) -> Result<[usize; 2], D::Error> {
    let is_list = |nodes: &Nodes| nodes.0.iter().all(|[first, last]| first == last);
    let nodes = Nodes::deserialize(reader)?;
    match nodes.0[..] {
        [[first, _], [last, _]] if is_list(&nodes) => Ok([first, last]),
        [range] if !is_list(&nodes) => Ok(range),
        [[node, _]] => Ok([node; 2]),
        _ => Err(D::Error::custom("write the first and the last node of the zone: \"0..=39\"")),
    }
}

/// The name of a zone. Zones that are listed have the names that they are given; those that are
/// counted are called by their numbers, `"0"` and on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ZoneName(pub String);

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<u16> for ZoneName {
    fn from(number: u16) -> Self {
        Self(number.to_string())
    }
}

impl<'de> Deserialize<'de> for ZoneName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = ZoneName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a zone, such as \"east\"")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<ZoneName, E> {
                Ok(ZoneName(number.to_string()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ZoneName, E> {
                Ok(ZoneName(text.to_owned()))
            }
        }

        deserializer.deserialize_any(Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct These {
        these: Nodes,
    }

    fn read(text: &str) -> Result<Nodes, String> {
        let read = toml::from_str(&format!("these = {text}"));
        read.map(|These { these }| these).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn nodes_are_numbers_and_ranges() {
        for (text, nodes) in [
            ("[3, \"8..=10\"]", vec![3, 8, 9, 10]),
            ("\"1..=2\"", vec![1, 2]),
            ("[]", vec![]),
            ("[\"4..=4\", 0]", vec![4, 0]),
        ] {
            let these = read(text).unwrap();
            assert_eq!(these.iter().collect::<Vec<_>>(), nodes);
            let written = toml::to_string(&These { these: these.clone() }).unwrap();
            assert_eq!(toml::from_str(&written), Ok(These { these }));
        }
        let runs: Nodes = [0, 1, 2, 5].into_iter().collect();
        assert_eq!(runs, read("[\"0..=2\", 5]").unwrap());
        assert_eq!(read("[9, \"10..=12\"]").unwrap().wrapped(10), read("[\"0..=2\", 9]").unwrap());
    }

    #[test]
    fn what_is_no_range_is_refused_with_one_that_is() {
        for (text, said) in [
            ("[\"8..15\"]", "\"8..=15\""),
            ("[\"15..=8\"]", "write \"8..=15\""),
            ("[-1]", "they count from 0"),
            ("[true]", "a node such as 3"),
            ("5", "a list of nodes such as"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
