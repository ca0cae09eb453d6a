//! What nodes say about themselves, as clients see it, and nodes chosen by it.

use std::collections::BTreeMap;

use scalesmall_core::Traits;
use serde::{Deserialize, Serialize};

/// The traits of a node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct TraitsRow {
    pub(crate) zone: Option<String>,
    pub(crate) weight: u16,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Default for TraitsRow {
    fn default() -> Self {
        Self::from(&Traits::default())
    }
}

impl From<&Traits> for TraitsRow {
    fn from(traits: &Traits) -> Self {
        let tags = traits.tags().map(|(key, value)| (key.to_owned(), value.to_owned()));
        Self {
            zone: traits.zone().map(str::to_owned),
            weight: traits.weight(),
            tags: tags.collect(),
        }
    }
}

impl TraitsRow {
    /// The tags as the command line takes them.
    pub(crate) fn tags(&self) -> String {
        let tags = self.tags.iter().map(|(key, value)| format!("{key}={value}"));
        tags.collect::<Vec<_>>().join(" ")
    }

    /// All of it in one line.
    pub(crate) fn text(&self) -> String {
        let zone = self.zone.as_ref().map(|zone| format!("zone {zone}, "));
        let tags = if self.tags.is_empty() { "no tags".to_owned() } else { self.tags() };
        format!("{}weight {}, {tags}", zone.unwrap_or_default(), self.weight)
    }
}

/// Which nodes are meant: those for which all of this holds.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Only {
    /// Each a key, or a key and a value with `=` between them.
    pub(crate) tags: Vec<String>,
    pub(crate) zone: Option<String>,
}

impl Only {
    pub(crate) fn has(&self, traits: &Traits) -> bool {
        let in_zone = self.zone.as_deref().is_none_or(|zone| traits.zone() == Some(zone));
        let tagged = |tag: &String| match tag.split_once('=') {
            Some((key, value)) => traits.tag(key) == Some(value),
            None => traits.tag(tag).is_some(),
        };
        in_zone && self.tags.iter().all(tagged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_chosen_by_all_that_is_asked_for() {
        let traits = Traits::default().with_zone("a").and_then(|traits| traits.with_tag("k", "v"));
        let traits = traits.and_then(|traits| traits.with_tag("empty", "")).expect("traits");
        let only = |tags: &[&str], zone: Option<&str>| Only {
            tags: tags.iter().copied().map(str::to_owned).collect(),
            zone: zone.map(str::to_owned),
        };
        for (tags, zone, has) in [
            (&[][..], None, true),
            (&["k"], None, true),
            (&["k=v", "empty="], Some("a"), true),
            (&["k=v"], Some("b"), false),
            (&["k=w"], None, false),
            (&["k="], None, false),
            (&["k", "other"], None, false),
        ] {
            assert_eq!(only(tags, zone).has(&traits), has, "{tags:?} {zone:?}");
        }
        assert!(!only(&[], Some("a")).has(&Traits::default()));
        let row = TraitsRow::from(&traits);
        assert_eq!(row.text(), "zone a, weight 1, empty= k=v");
        assert_eq!(TraitsRow::default().text(), "weight 1, no tags");
    }
}
