//! What can be watched of a node: gauges and counters, each with what it means.
//!
//! | file | what it is about |
//! |---|---|
//! | `node` | the node itself: build, uptime, queues, seeds |
//! | `peers` | the other nodes: how many in which state, and how far away |
//! | `groups` | members, ranges and gaps, for a bounded number of groups |
//! | `counters` | what has happened |
//!
//! The names below are those of OpenMetrics; the facade of the crate `metrics` has them without `_total`.
//! `scalesmall_peers` has the label `status`; `scalesmall_seeds` and `scalesmall_multicast` have `state`;
//! `scalesmall_queue_length` and `scalesmall_queue_limit` have `queue`; those that begin with
//! `scalesmall_group_` have `group`; and `scalesmall_round_trip_seconds` has `quantile`.
//!
#![doc = include_str!("table.md")]

mod counters;
mod groups;
mod node;
mod peers;

use std::borrow::Cow;

use crate::calls::Front;

pub use groups::{GROUPS_LISTED, RANGES_LOOKED_AT};

/// What all names begin with, before an underscore.
pub const PREFIX: &str = "scalesmall";

/// What a family of figures is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// It rises and falls.
    Gauge,
    /// It only grows, from 0 at the start of the node.
    Counter,
    /// It is always 1; its labels say something.
    Info,
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A count.
    Whole(u64),
    /// A measure.
    Real(f64),
}

/// One value of a family.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// Names and values. The values are texts of any kind: names of groups come from other nodes.
    pub labels: Vec<(&'static str, Cow<'static, str>)>,
    /// The value.
    pub value: Value,
}

/// Figures of one name, which differ in their labels.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Family {
    /// The name, without [`PREFIX`] and unit.
    pub name: &'static str,
    /// What it means: a sentence of plain text.
    pub help: &'static str,
    /// What it is.
    pub kind: Kind,
    /// In what it is measured: `seconds` or `bytes`; `None` for a number of things.
    pub unit: Option<&'static str>,
    /// The values; there may be none.
    pub samples: Vec<Sample>,
}

impl Family {
    /// A gauge without values yet.
    #[must_use]
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Gauge, unit: None, samples: Vec::new() }
    }

    /// A counter and its value.
    #[must_use]
    pub fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        let counter = Self { name, help, kind: Kind::Counter, unit: None, samples: Vec::new() };
        counter.with([], Value::Whole(value))
    }

    /// Something that is said by labels.
    #[must_use]
    pub fn info<const N: usize>(
        name: &'static str,
        help: &'static str,
        labels: [(&'static str, Cow<'static, str>); N],
    ) -> Self {
        let info = Self { name, help, kind: Kind::Info, unit: None, samples: Vec::new() };
        info.with(labels, Value::Whole(1))
    }

    /// As `self`, measured in `unit`.
    #[must_use]
    pub const fn in_unit(mut self, unit: &'static str) -> Self {
        self.unit = Some(unit);
        self
    }

    /// As `self`, with one more value.
    #[must_use]
    pub fn with<const N: usize>(
        mut self,
        labels: [(&'static str, Cow<'static, str>); N],
        value: Value,
    ) -> Self {
        self.samples.push(Sample { labels: labels.into(), value });
        self
    }

    fn count(self, value: usize) -> Self {
        self.with([], whole(value))
    }

    fn labelled(self, label: &'static str, text: &'static str, value: usize) -> Self {
        self.with([(label, Cow::Borrowed(text))], whole(value))
    }
}

/// What this node is called.
pub(crate) fn own_name(front: &Front) -> String {
    front.my_name().to_string()
}

/// A name as the value of a label. Names are any bytes, and come from other nodes: what is no text, what a
/// terminal would obey, and the backslash are escaped, so that different names stay different.
fn text(name: &[u8]) -> Cow<'static, str> {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for char in chunk.valid().chars() {
            if char == '\\' || char.is_control() {
                text.extend(char.escape_default());
            } else {
                text.push(char);
            }
        }
        text.push_str(&chunk.invalid().escape_ascii().to_string());
    }
    text.into()
}

fn whole(value: usize) -> Value {
    Value::Whole(u64::try_from(value).unwrap_or(u64::MAX))
}

/// All that can be watched of a node, as it is now.
///
/// It takes time in proportion to the peers, and to the ranges of the groups that are listed, of which
/// there are at most [`GROUPS_LISTED`] with [`RANGES_LOOKED_AT`] ranges in all. It runs where the node
/// runs, so do not ask more than once a second.
#[must_use]
pub fn of(front: &Front) -> Vec<Family> {
    let mut all = node::families(front);
    all.extend(peers::families(front));
    all.extend(groups::families(front));
    all.extend(counters(front));
    all
}

/// The counters alone, which takes no longer in a large cluster than in a small one.
#[must_use]
pub fn counters(front: &Front) -> Vec<Family> {
    counters::families(front)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::UdpSocket;

    use scalesmall_core::{GroupName, KeyRange};

    use super::*;
    use crate::{GroupKeys, Node, Settings};

    fn node() -> Node<UdpSocket> {
        let settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
        Node::start(&settings, Ok).unwrap()
    }

    fn find<'a>(all: &'a [Family], name: &str) -> &'a Family {
        all.iter().find(|family| family.name == name).unwrap()
    }

    fn value(all: &[Family], name: &str, text: &str) -> Option<Value> {
        let of = |sample: &&Sample| sample.labels.iter().any(|(_, value)| value == text);
        find(all, name).samples.iter().find(of).map(|sample| sample.value)
    }

    #[test]
    fn names_are_used_once_and_each_has_a_sentence() {
        let all = of(&node());
        let names: BTreeSet<&str> = all.iter().map(|family| family.name).collect();
        assert_eq!(names.len(), all.len());
        for family in &all {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            assert!(family.name.bytes().all(plain), "{}", family.name);
            assert!(!family.name.ends_with("_total"), "a writer adds this to {}", family.name);
            assert!(family.help.ends_with('.') && family.help.trim() == family.help, "{family:?}");
            let mut labels: Vec<_> = family.samples.iter().map(|sample| &sample.labels).collect();
            labels.sort_unstable();
            labels.dedup();
            assert_eq!(labels.len(), family.samples.len(), "{} twice", family.name);
        }
    }

    #[test]
    fn the_table_in_the_documentation_has_all_of_them() {
        let mut table = "| name | kind | meaning |\n|---|---|---|\n".to_owned();
        for family in of(&node()) {
            let unit = family.unit.map(|unit| format!("_{unit}")).unwrap_or_default();
            let (kind, suffix) = match family.kind {
                Kind::Gauge => ("gauge", ""),
                Kind::Counter => ("counter", "_total"),
                Kind::Info => ("info", "_info"),
            };
            let (name, help) = (family.name, family.help);
            table.push_str(&format!("| `{PREFIX}_{name}{unit}{suffix}` | {kind} | {help} |\n"));
        }
        let written = include_str!("table.md");
        assert!(written == table, "table.md should be:\n{table}");
    }

    #[test]
    fn what_a_node_holds_is_counted() {
        let mut node = node();
        let group = GroupName::try_from("kitchen").unwrap();
        node.add_item(&group, KeyRange::new(0, 9).unwrap(), 7).unwrap();
        node.add_item(&group, KeyRange::new(5, 19).unwrap(), 7).unwrap();
        node.join(&GroupName::try_from("hall").unwrap()).unwrap();
        let all = of(&node);
        let whole = |name, of| value(&all, name, of);
        assert_eq!(whole("group_members", "kitchen"), Some(Value::Whole(1)));
        assert_eq!(whole("group_ranges", "kitchen"), Some(Value::Whole(2)));
        assert_eq!(whole("group_unserved_keys", "kitchen"), Some(Value::Whole((1 << 32) - 20)));
        assert_eq!(whole("group_shared_keys", "kitchen"), Some(Value::Whole(5)));
        assert_eq!(whole("group_members", "hall"), Some(Value::Whole(1)));
        // A group in which nobody has ever served anything has no gaps to warn of.
        assert_eq!(whole("group_unserved_keys", "hall"), None);
        assert_eq!(find(&all, "groups").samples[0].value, Value::Whole(2));
        assert_eq!(whole("peers", "alive"), Some(Value::Whole(0)));
        assert_eq!(whole("queue_limit", "events"), Some(Value::Whole(16_384)));
        assert!(matches!(whole("queue_length", "events"), Some(Value::Whole(1..))));
        assert!(find(&all, "round_trip").samples.is_empty());
    }

    #[test]
    fn different_names_have_different_labels_and_none_commands_a_terminal() {
        let names: [&[u8]; 5] = [b"\xff", b"\\xff", b"\n", b"\\n", "\u{1b}[2J \u{f6}".as_bytes()];
        let texts = names.map(text);
        assert_eq!(texts, ["\\xff", "\\\\xff", "\\n", "\\\\n", "\\u{1b}[2J \u{f6}"]);
    }

    #[test]
    fn the_groups_that_are_listed_are_bounded_and_the_own_ones_come_first() {
        let mut node = node();
        for number in 0..GROUPS_LISTED + 3 {
            let group = GroupName::try_from(format!("g{number:03}").as_str()).unwrap();
            node.join(&group).unwrap();
        }
        let all = of(&node);
        assert_eq!(find(&all, "group_members").samples.len(), GROUPS_LISTED);
        assert_eq!(find(&all, "groups_unlisted").samples[0].value, Value::Whole(3));
        assert_eq!(value(&all, "group_members", "g000"), Some(Value::Whole(1)));
        assert_eq!(value(&all, "group_members", "g066"), None);
    }
}
