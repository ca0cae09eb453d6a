//! A ring of keys as a word of a recording: ids and what is known of the keys, and no secret.

use scalesmall_core::{HeldKey, Keyring, RetiredKey};

/// The ring in one word, the key that protects what is sent first, and behind the keys the fingerprints of those that
/// are retired.
pub(crate) fn write(ring: &Keyring) -> String {
    let primary = ring.primary();
    let (first, rest): (Vec<_>, Vec<_>) = ring.keys().partition(|held| held.key.id() == primary);
    let word = |held: &HeldKey| {
        let leaked = if held.leaked { "l" } else { "" };
        let travels = if held.travels { "t" } else { "" };
        let replaced = if held.replaced { "r" } else { "" };
        format!("{}:{}{replaced}{leaked}{travels}", held.key.id(), held.generation)
    };
    let gone = ring.retired().map(|gone| {
        let leaked = if gone.leaked { "l" } else { "" };
        format!("-{}{leaked}", gone.fingerprint)
    });
    first.into_iter().chain(rest).map(word).chain(gone).collect::<Vec<_>>().join(",")
}

/// The ring that a word says, with secrets from `keys`; `None` if it says none, or names a key that is not
/// among those.
pub(crate) fn read(word: &str, keys: &Keyring) -> Option<Keyring> {
    let mut ring: Option<Keyring> = None;
    for part in word.split(',') {
        if let Some(gone) = part.strip_prefix('-') {
            let (gone, leaked) = gone.strip_suffix('l').map_or((gone, false), |gone| (gone, true));
            ring.as_mut()?.remember(RetiredKey::new(gone.parse().ok()?, leaked)).ok()?;
            continue;
        }
        let (id, what) = part.split_once(':')?;
        let (what, travels) = what.strip_suffix('t').map_or((what, false), |what| (what, true));
        let (what, leaked) = what.strip_suffix('l').map_or((what, false), |what| (what, true));
        let (what, replaced) = what.strip_suffix('r').map_or((what, false), |what| (what, true));
        let mut held = keys.get(id.parse().ok()?)?.clone();
        (held.generation, held.leaked, held.travels) = (what.parse().ok()?, leaked, travels);
        held.replaced = replaced;
        match &mut ring {
            None => ring = Some(Keyring::of(held)),
            Some(ring) => drop(ring.hold(held).ok()?),
        }
    }
    ring
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GroupKeys;

    #[test]
    fn a_ring_is_read_as_it_is_written_and_shows_no_secret() {
        let [a, b, c] = ["11", "22", "33"].map(|pair| pair.repeat(32));
        let text = format!(
            "{a} generation=4 travels\n{b} leaked replaced\n{c} generation=9 leaked travels\nretired 0011223344556677\nretired 0011223344556688 leaked\n"
        );
        let keys = GroupKeys::parse(text.as_bytes()).unwrap();
        let word = write(keys.ring());
        assert!(!word.contains("1111"), "{word}");
        let again = read(&word, keys.ring()).unwrap();
        assert_eq!(format!("{again:?}"), format!("{:?}", keys.ring()));
        for wrong in ["", "ffff", "ffff:1", &word.replace(":4", ":x"), &word[..word.len() - 1]] {
            let read = read(wrong, keys.ring());
            assert!(read.is_none_or(|read| write(&read) != word), "{wrong}");
        }
    }
}
