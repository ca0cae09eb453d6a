//! Traits: what a node says about itself that others choose by.

use alloc::vec::Vec;
use core::fmt;
use core::ops::RangeInclusive;

use bytes::Bytes;

/// What a node says about itself that others choose by: the zone it stands in, how much it carries
/// compared with others, and tags.
///
/// Traits are replicated as a whole and count for one life; the engine says them again after
/// [`Engine::renew`](crate::Engine::renew), an embedder after a restart.
///
/// ```
/// use scalesmall_core::Traits;
///
/// let traits = Traits::default().with_zone("eu-1a")?.with_weight(2)?.with_tag("role", "db")?;
/// assert_eq!((traits.zone(), traits.weight(), traits.tag("role")), (Some("eu-1a"), 2, Some("db")));
/// # Ok::<(), scalesmall_core::TraitsError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Traits(Bytes);

// A field is its type in one byte, the length of the rest in one byte, and the rest. Fields are sorted
// by their type, then by their bytes. Types that are not known are kept.
const ZONE: u8 = 1;
const WEIGHT: u8 = 2;
/// The key's length in one byte, the key, the value.
const TAG: u8 = 3;

/// A field: its type and its bytes.
type Field<'a> = (u8, &'a [u8]);

impl Traits {
    /// The longest zone and the longest key of a tag, in bytes.
    pub const MAX_NAME: usize = 63;

    /// The longest value of a tag, in bytes.
    pub const MAX_VALUE: usize = 191;

    /// The zone: nodes of one zone are expected to fail together.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        let (_, zone) = self.fields().find(|(kind, _)| *kind == ZONE)?;
        text(zone, 1..=Self::MAX_NAME).ok()
    }

    /// How much the node carries, compared with others; 1 if it has not said so.
    #[must_use]
    pub fn weight(&self) -> u16 {
        let (_, weight) = self.fields().find(|(kind, _)| *kind == WEIGHT).unwrap_or((WEIGHT, &[]));
        weight.try_into().map_or(1, u16::from_be_bytes)
    }

    /// The value of a tag; `None` if the node does not have it.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags().find(|(other, _)| *other == key).map(|(_, value)| value)
    }

    /// All tags and their values, sorted by the length of their keys, then by key.
    pub fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields().filter(|(kind, _)| *kind == TAG).filter_map(|(_, field)| {
            let (&len, rest) = field.split_first()?;
            let (key, value) = rest.split_at_checked(len.into())?;
            let key = text(key, 1..=Self::MAX_NAME).ok()?;
            Some((key, text(value, 0..=Self::MAX_VALUE).ok()?))
        })
    }

    /// These traits in a zone.
    ///
    /// # Errors
    ///
    /// [`TraitsError`] if it is empty, longer than [`Traits::MAX_NAME`], or has control characters.
    pub fn with_zone(self, zone: &str) -> Result<Self, TraitsError> {
        text(zone.as_bytes(), 1..=Self::MAX_NAME)?;
        Ok(self.replace(ZONE, &[], Some(zone.as_bytes())))
    }

    /// These traits with a weight.
    ///
    /// # Errors
    ///
    /// [`TraitsError`] if it is 0: a node that is to get nothing new
    /// [drains](crate::Engine::set_draining).
    pub fn with_weight(self, weight: u16) -> Result<Self, TraitsError> {
        if weight == 0 {
            return Err(TraitsError::NoWeight);
        }
        Ok(self.replace(WEIGHT, &[], Some(&weight.to_be_bytes())))
    }

    /// These traits with a tag, in place of an earlier one of that key.
    ///
    /// # Errors
    ///
    /// [`TraitsError`] if the key is empty or longer than [`Traits::MAX_NAME`], the value longer than
    /// [`Traits::MAX_VALUE`], or one of them has control characters.
    pub fn with_tag(self, key: &str, value: &str) -> Result<Self, TraitsError> {
        text(key.as_bytes(), 1..=Self::MAX_NAME)?;
        text(value.as_bytes(), 0..=Self::MAX_VALUE)?;
        let start = keyed(key);
        let field = [&start, value.as_bytes()].concat();
        Ok(self.replace(TAG, &start, Some(&field)))
    }

    /// These traits without a tag.
    #[must_use]
    pub fn without_tag(self, key: &str) -> Self {
        self.replace(TAG, &keyed(key), None)
    }

    /// How many bytes they take.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "nobody asks whether there are any")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Traits from the bytes that [`Traits::as_bytes`] returned. What is not well-formed in other bytes
    /// is passed over by all queries.
    #[must_use]
    pub const fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes that are replicated. They hold what a later version says, too.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The fields, as far as they are well-formed.
    fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        let mut rest = &self.0[..];
        core::iter::from_fn(move || {
            let (&[kind, len], after) = rest.split_first_chunk()?;
            let (field, after) = after.split_at_checked(len.into())?;
            rest = after;
            Some((kind, field))
        })
    }

    /// With a field in place of those of its type that begin in a certain way.
    fn replace(&self, kind: u8, start: &[u8], field: Option<&[u8]>) -> Self {
        let others = self.fields().filter(|(of, field)| *of != kind || !field.starts_with(start));
        let mut fields: Vec<Field<'_>> = others.chain(field.map(|field| (kind, field))).collect();
        fields.sort_unstable();
        let mut bytes = Vec::with_capacity(self.0.len());
        for (kind, field) in fields {
            bytes.extend([kind, field.len() as u8]);
            bytes.extend(field);
        }
        Self(bytes.into())
    }
}

/// How the field of a tag begins.
fn keyed(key: &str) -> Vec<u8> {
    core::iter::once(key.len() as u8).chain(key.bytes()).collect()
}

fn text(bytes: &[u8], lengths: RangeInclusive<usize>) -> Result<&str, TraitsError> {
    if !lengths.contains(&bytes.len()) {
        return Err(TraitsError::Length { len: bytes.len(), limit: *lengths.end() });
    }
    let text = core::str::from_utf8(bytes).map_err(|_| TraitsError::NotText)?;
    if text.chars().any(char::is_control) { Err(TraitsError::NotText) } else { Ok(text) }
}

impl fmt::Debug for Traits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Traits");
        shown.field("zone", &self.zone()).field("weight", &self.weight());
        for (key, value) in self.tags() {
            shown.field(key, &value);
        }
        shown.finish()
    }
}

/// Why traits are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraitsError {
    /// A zone or a key is empty, or a zone, a key or a value too long.
    Length {
        /// The bytes given.
        len: usize,
        /// The most that are allowed.
        limit: usize,
    },
    /// A zone, a key or a value has control characters.
    NotText,
    /// A weight of 0.
    NoWeight,
    /// All traits together take more than `Limits::metadata`, or than fits in a datagram.
    TooLong {
        /// The bytes given.
        len: usize,
        /// The limit.
        limit: u32,
    },
}

impl fmt::Display for TraitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { len: 0, .. } => f.write_str("a zone or the key of a tag is empty"),
            Self::Length { len, limit } => {
                write!(f, "a zone, a key or a value of {len} bytes; at most {limit} are allowed")
            }
            Self::NotText => {
                f.write_str("a zone, a key or a value has control characters: leave them out")
            }
            Self::NoWeight => f.write_str(
                "a weight of 0; at least 1 is needed: a node that is to get nothing new drains",
            ),
            Self::TooLong { len, limit } => write!(
                f,
                "traits of {len} bytes; at most {limit} are allowed (limits.metadata, max_datagram)"
            ),
        }
    }
}

impl core::error::Error for TraitsError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use quickcheck::quickcheck;

    #[test]
    fn what_is_set_is_read_and_what_is_replaced_is_gone() -> Result<(), TraitsError> {
        let traits = Traits::default();
        assert_eq!((traits.zone(), traits.weight(), traits.tags().count()), (None, 1, 0));
        let traits = traits.with_tag("b", "2")?.with_zone("z")?.with_tag("a", "")?;
        let traits = traits.with_weight(300)?.with_tag("b", "3")?.with_zone("y")?;
        assert_eq!((traits.zone(), traits.weight()), (Some("y"), 300));
        assert_eq!(traits.tags().collect::<Vec<_>>(), [("a", ""), ("b", "3")]);
        let same = Traits::default().with_zone("y")?.with_weight(300)?.with_tag("a", "")?;
        assert_eq!(traits.without_tag("b"), same);
        Ok(())
    }

    /// A key is not taken for a longer one that begins like it.
    #[test]
    fn keys_are_compared_whole() -> Result<(), TraitsError> {
        let traits = Traits::default().with_tag("zone", "1")?.with_tag("zone-b", "2")?;
        let traits = traits.with_tag("zone", "3")?;
        assert_eq!((traits.tag("zone"), traits.tag("zone-b")), (Some("3"), Some("2")));
        assert_eq!(traits.tag("zon"), None);
        Ok(())
    }

    #[test]
    fn what_others_cannot_read_is_refused() {
        let long = String::from_utf8(alloc::vec![b'x'; 192]).unwrap();
        let traits = Traits::default();
        assert_eq!(
            traits.clone().with_zone(""),
            Err(TraitsError::Length { len: 0, limit: Traits::MAX_NAME })
        );
        assert_eq!(
            traits.clone().with_tag("k", &long),
            Err(TraitsError::Length { len: 192, limit: Traits::MAX_VALUE })
        );
        assert_eq!(traits.clone().with_tag("k\n", ""), Err(TraitsError::NotText));
        assert_eq!(traits.with_weight(0), Err(TraitsError::NoWeight));
    }

    quickcheck! {
        /// Whatever another node says: nothing panics, and what this version does not know stays.
        fn any_bytes_are_traits(bytes: Vec<u8>) -> bool {
            let traits = Traits::from_bytes(bytes.into());
            let _ = alloc::format!("{traits:?}");
            let foreign = |traits: &Traits| -> Vec<(u8, Vec<u8>)> {
                let foreign = traits.fields().filter(|(kind, _)| *kind > TAG);
                foreign.map(|(kind, field)| (kind, field.to_vec())).collect()
            };
            let mut before = foreign(&traits);
            before.sort();
            let after = traits.with_zone("z").unwrap();
            after.zone() == Some("z") && foreign(&after) == before
        }
    }
}
