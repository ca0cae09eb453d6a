//! Which nodes a step is about.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::scenario::nodes::{Nodes, ZoneName};

/// Which nodes. Without `nodes`, `percent`, `these` and `zone`: those picked last, by a step before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Whom {
    /// This many, at random among the nodes in question; all of these if they are fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<usize>,
    /// This many per cent of all, 1 to 100, at random; with `zone` of all in the zone.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "percent")]
    pub percent: Option<usize>,
    /// These, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub these: Option<Nodes>,
    /// Those of a zone: all of them, or as many at random as `nodes` or `percent` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<ZoneName>,
    /// Of nodes at random: first those that no step with this key has picked before.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub another: bool,
}

impl Whom {
    /// This many at random.
    #[must_use]
    pub fn some(nodes: usize) -> Self {
        Self { nodes: Some(nodes), ..Self::default() }
    }

    /// This many per cent of all, at random.
    #[must_use]
    pub fn share(percent: usize) -> Self {
        Self { percent: Some(percent), ..Self::default() }
    }

    /// These.
    #[must_use]
    pub fn these(nodes: impl IntoIterator<Item = usize>) -> Self {
        Self { these: Some(nodes.into_iter().collect()), ..Self::default() }
    }

    /// Whether these are the nodes picked last.
    pub(crate) const fn is_last(&self) -> bool {
        self.nodes.is_none()
            && self.percent.is_none()
            && self.these.is_none()
            && self.zone.is_none()
    }

    /// The same in a smaller cluster: no more than there are, and no nodes past the last one.
    pub(crate) fn fit(&mut self, nodes: usize) {
        self.nodes = self.nodes.map(|count| count.min(nodes));
        self.these = self.these.take().map(|these| these.wrapped(nodes));
    }
}

/// Reads a whole number of per cent; tells a share that it is to be one.
pub(super) fn percent<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<usize>, D::Error> {
    struct Percent;

    impl Visitor<'_> for Percent {
        type Value = Option<usize>;

        fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("a whole number of 1 to 100")
        }

        fn visit_i64<E: Error>(self, percent: i64) -> Result<Option<usize>, E> {
            let wrong = |_| E::custom(format!("{percent} per cent are none: write 1 to 100"));
            usize::try_from(percent).map(Some).map_err(wrong)
        }
    }

    reader.deserialize_any(Percent)
}

/// Defines steps about some nodes: in a file the keys of [`Whom`] stand beside their own.
macro_rules! about_nodes {
    ($($(#[doc = $doc:literal])* pub struct $name:ident {
        $($(#[doc = $about:literal])* $(#[serde($($serde:tt)*)])* pub $field:ident: $type:ty,)*
    })+) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            /// Which nodes.
            pub whom: Whom,
            $($(#[doc = $about])* pub $field: $type,)*
        }

        const _: () = {
            #[derive(Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            struct Flat {
                #[serde(default, skip_serializing_if = "Option::is_none")]
                nodes: Option<usize>,
                #[serde(
                    default,
                    skip_serializing_if = "Option::is_none",
                    deserialize_with = "crate::scenario::step::whom::percent"
                )]
                percent: Option<usize>,
                #[serde(default, skip_serializing_if = "Option::is_none")]
                these: Option<crate::scenario::nodes::Nodes>,
                #[serde(default, skip_serializing_if = "Option::is_none")]
                zone: Option<crate::scenario::nodes::ZoneName>,
                #[serde(default, skip_serializing_if = "core::ops::Not::not")]
                another: bool,
                $($(#[serde($($serde)*)])* $field: $type,)*
            }

            impl Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    let Whom { nodes, percent, these, zone, another } = self.whom.clone();
                    let Self { whom: _, $($field),* } = self.clone();
                    Flat { nodes, percent, these, zone, another, $($field),* }.serialize(serializer)
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
                    let Flat { nodes, percent, these, zone, another, $($field),* } =
                        Flat::deserialize(reader)?;
                    Ok(Self { whom: Whom { nodes, percent, these, zone, another }, $($field),* })
                }
            }
        };
    )+};
}

pub(super) use about_nodes;
