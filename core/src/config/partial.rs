//! Structs that have each field of another one, or not.

/// Defines a patch: a struct that has each field of another one, or not.
///
/// The fields that are left out are named as well, so that one that is new cannot be forgotten.
macro_rules! patch {
    (
        $(#[$about:meta])*
        $patch:ident of $whole:ident {
            values { $($value:ident: $type:ty),* $(,)? }
            spans { $($span:ident),* $(,)? }
            patches { $($part:ident: $part_patch:ident),* $(,)? }
            without { $($(#[$when:meta])* $out:ident),* $(,)? }
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
        #[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
        #[non_exhaustive]
        pub struct $patch {
            $(
                #[doc = concat!("See [`", stringify!($whole), "::", stringify!($value), "`].")]
                #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
                pub $value: Option<$type>,
            )*
            $(
                #[doc = concat!("See [`", stringify!($whole), "::", stringify!($span), "`].")]
                #[cfg_attr(
                    feature = "serde",
                    serde(with = "crate::config::span", skip_serializing_if = "Option::is_none")
                )]
                pub $span: Option<core::time::Duration>,
            )*
            $(
                #[doc = concat!("See [`", stringify!($whole), "::", stringify!($part), "`].")]
                pub $part: $part_patch,
            )*
        }

        impl $patch {
            /// Sets the fields that this patch has. The others stay as they are, and nothing is checked.
            pub const fn apply(&self, whole: &mut $whole) {
                $(if let Some(value) = self.$value {
                    whole.$value = value;
                })*
                $(if let Some(span) = self.$span {
                    whole.$span = span;
                })*
                $(self.$part.apply(&mut whole.$part);)*
            }
        }

        impl $patch {
            /// Takes over the fields that `more` has. The others stay as they are.
            pub fn extend(&mut self, more: &Self) {
                $(self.$value = more.$value.or(self.$value);)*
                $(self.$span = more.$span.or(self.$span);)*
                $(self.$part.extend(&more.$part);)*
            }
        }

        /// All fields that a patch may have.
        impl From<&$whole> for $patch {
            fn from(whole: &$whole) -> Self {
                let $whole { $($value,)* $($span,)* $($part,)* $($(#[$when])* $out: _,)* } = whole;
                Self {
                    $($value: Some(*$value),)*
                    $($span: Some(*$span),)*
                    $($part: $part.into(),)*
                }
            }
        }

        #[doc = concat!("As a [`", stringify!($patch), "`] that has all fields.")]
        #[cfg(feature = "serde")]
        impl serde::Serialize for $whole {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $patch::from(self).serialize(serializer)
            }
        }
    };
}
pub(super) use patch;
