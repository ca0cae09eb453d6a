//! Messages of the application, alike wherever they are shown.

use scalesmall_core::{GroupName, Tag};
use serde::{Deserialize, Serialize};

use super::{Named, hex};

/// The tag of the messages by which nodes of this program ask each other. No other message of the program has it.
pub(crate) const OWN_TAG: Tag = Tag(0x5ca1_e5a1);

/// The most bytes of a message without text that a sentence shows.
const SHOWN: usize = 32;

/// A message that was sent or has arrived.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct MessageRow {
    pub(crate) origin: Named,
    /// Its number in the life of its origin.
    pub(crate) sequence: u64,
    /// The group to whose members it was sent.
    pub(crate) group: Option<String>,
    pub(crate) tag: u32,
    /// The message itself, if it is UTF-8.
    pub(crate) content: Option<String>,
    /// The same in hexadecimal digits.
    pub(crate) payload: String,
}

/// A message that was sent.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct SentRow {
    #[serde(flatten)]
    pub(crate) message: MessageRow,
    /// The life of its origin.
    pub(crate) epoch: String,
    /// Those that it was sent to, if they were named.
    pub(crate) to: Vec<Named>,
}

impl MessageRow {
    pub(crate) fn new(
        origin: Named,
        sequence: u64,
        group: Option<&GroupName>,
        Tag(tag): Tag,
        payload: &[u8],
    ) -> Self {
        let content = core::str::from_utf8(payload).ok().map(str::to_owned);
        let group = group.map(GroupName::to_string);
        Self { origin, sequence, group, tag, content, payload: hex(payload) }
    }

    /// A sentence.
    pub(crate) fn text(&self) -> String {
        let to = self.group.as_ref().map(|group| format!(" to {group}")).unwrap_or_default();
        let (sequence, origin, tag) = (self.sequence, self.origin.shown(), self.tag);
        let content = self.content.clone().unwrap_or_else(|| {
            let (shown, more) = match self.payload.get(..2 * SHOWN) {
                Some(first) if self.payload.len() > first.len() => (first, "..."),
                _ => (self.payload.as_str(), ""),
            };
            format!("{} bytes, {shown}{more}", self.payload.len() / 2)
        });
        format!("message {sequence} of {origin}{to}, tag {tag}: {content}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shown_with_all_that_names_it_and_as_text_where_it_is_text() {
        let origin = Named { id: "0000000000000007".to_owned(), name: Some("cook".to_owned()) };
        let group = GroupName::try_from("kitchen").expect("a name");
        let row =
            |group, payload: &[u8]| MessageRow::new(origin.clone(), 3, group, Tag(9), payload);
        let soup = row(Some(&group), b"soup");
        assert_eq!(soup.text(), "message 3 of cook to kitchen, tag 9: soup");
        assert_eq!((soup.content.as_deref(), soup.payload.as_str()), (Some("soup"), "736f7570"));
        let bytes = row(None, &[0xff, 0]);
        assert_eq!(bytes.text(), "message 3 of cook, tag 9: 2 bytes, ff00");
        assert_eq!(bytes.content, None);
        let long = row(None, &[0xff; 33]).text();
        assert!(long.ends_with(&format!("33 bytes, {}...", "ff".repeat(SHOWN))), "{long}");
    }
}
