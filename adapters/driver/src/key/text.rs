//! The keys of a node as lines of text.

use core::fmt::Write as _;
use std::str::SplitAsciiWhitespace;

use scalesmall_core::{HeldKey, Key, Keyring, KeyringError, RetiredKey, Suite};
use zeroize::Zeroizing;

use super::{GroupKeys, KeyTextError};

/// The word before the generation of a key.
const GENERATION: &str = "generation=";
const LEAKED: &str = "leaked";
const TRAVELS: &str = "travels";
const REPLACED: &str = "replaced";

/// The word in front of what is remembered of a key that is gone.
const RETIRED: &str = "retired";

/// The word in front of the version of a text, and the one that is written and the highest that is read. A text without
/// a version has no lines about keys that are gone, nor keys that are replaced; it is read as any other.
const VERSION: &str = "scalesmall-keys";
const THIS_VERSION: u32 = 2;

/// The keys that a text holds.
pub(super) fn parse(text: &[u8]) -> Result<Keyring, KeyTextError> {
    let len = text.len();
    if let Ok(secret) = <[u8; Key::LEN]>::try_from(text) {
        return match secret {
            [0, ..] if secret == [0; Key::LEN] => Err(KeyTextError::Zero { line: 1 }),
            secret => Ok(Keyring::new(Key::authenticated(secret))),
        };
    }
    let no_key = KeyTextError::NoKey { len };
    let text = core::str::from_utf8(text).ok().filter(|_| len <= GroupKeys::MOST_BYTES);
    let mut lines: Vec<(usize, Line)> = Vec::new();
    let mut retired: Vec<(usize, RetiredKey)> = Vec::new();
    for (number, line) in (1..).zip(text.ok_or(no_key)?.lines()) {
        let words = line.split('#').next().unwrap_or_default();
        if words.trim().is_empty() {
            continue;
        }
        if let Some(version) = words.trim().strip_prefix(VERSION) {
            match version.trim().parse() {
                Ok(1..=THIS_VERSION) if lines.is_empty() && retired.is_empty() => continue,
                Ok(version) if version > THIS_VERSION => {
                    return Err(KeyTextError::Version { version, known: THIS_VERSION });
                }
                _ => return Err(KeyTextError::Line { line: number }),
            }
        }
        if let Some(gone) = words.trim().strip_prefix(RETIRED) {
            let gone = gone_key(gone).ok_or(KeyTextError::Line { line: number })?;
            retired.push((number, gone));
            continue;
        }
        let line = match Line::parse(words) {
            Some(line) => line,
            // A text that does not even begin like one with keys.
            None if lines.is_empty() && key(&mut words.split_ascii_whitespace()).is_none() => {
                return Err(no_key);
            }
            None => return Err(KeyTextError::Line { line: number }),
        };
        if line.key.expose_secret() == &[0; Key::LEN] {
            return Err(KeyTextError::Zero { line: number });
        }
        lines.push((number, line));
    }
    let count = lines.len();
    let mut ring: Option<Keyring> = None;
    for (at, (number, line)) in lines.into_iter().enumerate() {
        let held = line.held(u32::try_from(count - at - 1).unwrap_or(u32::MAX));
        let error = |error| KeyTextError::Ring { line: number, error };
        match &mut ring {
            None if held.leaked => return Err(error(KeyringError::Leaked { id: held.key.id() })),
            None => ring = Some(Keyring::of(held)),
            Some(ring) => drop(ring.hold(held).map_err(error)?),
        }
    }
    let mut ring = ring.ok_or(no_key)?;
    for (number, gone) in retired {
        ring.remember(gone).map_err(|error| KeyTextError::Ring { line: number, error })?;
    }
    Ok(ring)
}

/// What is remembered of a key that is gone, from the words behind the first.
fn gone_key(words: &str) -> Option<RetiredKey> {
    let mut words = words.split_ascii_whitespace();
    let fingerprint = words.next()?.parse().ok()?;
    let leaked = match words.next() {
        None => false,
        Some(LEAKED) => true,
        Some(_) => return None,
    };
    words.next().is_none().then_some(RetiredKey::new(fingerprint, leaked))
}

/// The keys as a text, the one that protects what is sent first.
pub(super) fn write(ring: &Keyring) -> Zeroizing<String> {
    // With room for all, so that no copy of a part is left behind.
    let mut text = Zeroizing::new(String::with_capacity(GroupKeys::MOST_BYTES));
    // A text takes any text.
    let _ = writeln!(text, "{VERSION} {THIS_VERSION}");
    text.push_str(
        "# The keys of a node, each with its suite; the first one protects what is sent. Then the fingerprints of\n\
         # keys that are gone and not taken again.\n",
    );
    let primary = ring.primary();
    let (first, rest): (Vec<_>, Vec<_>) = ring.keys().partition(|held| held.key.id() == primary);
    for held in first.into_iter().chain(rest) {
        text.push_str(held.key.suite().name());
        text.push(' ');
        for byte in held.key.expose_secret() {
            // A text takes any text.
            let _ = write!(text, "{byte:02x}");
        }
        let _ = write!(text, " {GENERATION}{}", held.generation);
        let words = [(LEAKED, held.leaked), (TRAVELS, held.travels), (REPLACED, held.replaced)];
        for (word, is_said) in words {
            if is_said {
                text.push(' ');
                text.push_str(word);
            }
        }
        text.push('\n');
    }
    for gone in ring.retired() {
        let leaked = if gone.leaked { " leaked" } else { "" };
        let _ = writeln!(text, "{RETIRED} {}{leaked}", gone.fingerprint);
    }
    text
}

/// What a line says.
struct Line {
    key: Key,
    generation: Option<u32>,
    leaked: bool,
    travels: bool,
    replaced: bool,
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let key = key(&mut words)?;
        let mut line =
            Self { key, generation: None, leaked: false, travels: false, replaced: false };
        for word in words {
            match word.strip_prefix(GENERATION) {
                Some(number) if line.generation.is_none() => {
                    line.generation = Some(number.parse().ok()?);
                }
                None if word == LEAKED && !line.leaked => line.leaked = true,
                None if word == TRAVELS && !line.travels => line.travels = true,
                None if word == REPLACED && !line.replaced => line.replaced = true,
                _ => return None,
            }
        }
        Some(line)
    }

    /// The key, with this generation if none is said.
    fn held(self, generation: u32) -> HeldKey {
        let mut held = HeldKey::by_hand(self.key, self.generation.unwrap_or(generation));
        (held.leaked, held.travels) = (self.leaked, self.travels);
        held.replaced = self.replaced;
        held
    }
}

fn key(words: &mut SplitAsciiWhitespace<'_>) -> Option<Key> {
    let first = words.next()?;
    let suite = Suite::ALL.iter().find(|suite| suite.name() == first);
    let digits = if suite.is_some() { words.next()? } else { first };
    let mut secret = Zeroizing::new([0; Key::LEN]);
    if digits.len() != 2 * Key::LEN {
        return None;
    }
    for (byte, pair) in secret.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let [high, low] = [pair[0], pair[1]].map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? * 16 + low?).ok()?;
    }
    Some(Key::new(suite.copied().unwrap_or_default(), *secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(byte: u8) -> String {
        format!("{byte:02x}").repeat(32)
    }

    #[test]
    fn a_key_is_exactly_32_bytes_or_64_digits() {
        let secret = |text: &[u8]| *parse(text).unwrap().highest().key.expose_secret();
        assert_eq!(secret(&[7; 32]), [7; 32]);
        for end in ["", "\n", "\r\n"] {
            assert_eq!(secret(format!("{}{end}", "0F".repeat(32)).as_bytes()), [0x0f; 32]);
        }
        for len in [1, 31, 33, 63, 65, 100] {
            assert!(parse(&vec![b'0'; len]).is_err(), "{len}");
        }
        assert_eq!(parse(b"").unwrap_err(), KeyTextError::NoKey { len: 0 });
        assert_eq!(parse(&[0xff; 33]).unwrap_err(), KeyTextError::NoKey { len: 33 });
        let mut not_hex = [b'1'; 64];
        not_hex[63] = b'g';
        assert_eq!(parse(&not_hex).unwrap_err(), KeyTextError::NoKey { len: 64 });
    }

    #[test]
    fn a_key_of_zeros_is_refused() {
        assert_eq!(parse(&[0; 32]).unwrap_err(), KeyTextError::Zero { line: 1 });
        let text = format!("{}\n{}\n", hex(1), hex(0));
        assert_eq!(parse(text.as_bytes()).unwrap_err(), KeyTextError::Zero { line: 2 });
    }

    #[test]
    fn several_keys_are_ranked_as_they_are_written() {
        let text = format!("# mine\n\nauthenticated {} # new\n{}\n", hex(1), hex(2));
        let ring = parse(text.as_bytes()).unwrap();
        let [new, old] = [1, 2].map(|byte| Key::authenticated([byte; 32]).id());
        assert_eq!(ring.primary(), new);
        assert_eq!(ring.highest().key.id(), new);
        assert!(ring.get(old).is_some_and(|held| held.generation == 0 && !held.travels));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = format!(
            "{} generation=7 travels\n{} generation=6 leaked\n{} generation=9\n",
            hex(1),
            hex(2),
            hex(3)
        );
        let ring = parse(text.as_bytes()).unwrap();
        let again = parse(write(&ring).as_bytes()).unwrap();
        assert_eq!(format!("{ring:?}"), format!("{again:?}"));
        let leaked = Key::authenticated([2; 32]).id();
        assert!(again.get(leaked).is_some_and(|held| held.leaked && held.generation == 6));
    }

    #[test]
    fn keys_that_are_gone_are_kept_and_old_texts_are_read() {
        let mut ring = parse(format!("{}\n{} replaced\n", hex(1), hex(2)).as_bytes()).unwrap();
        let [old, other] = [2, 3].map(|byte| Key::authenticated([byte; 32]));
        let leaked = ring.insert(other.clone()).unwrap();
        ring.mark_leaked(leaked).unwrap();
        ring.remove(leaked).unwrap();
        ring.remove(old.id()).unwrap();
        let text = write(&ring);
        assert!(text.starts_with("scalesmall-keys 2\n"), "{}", *text);
        let again = parse(text.as_bytes()).unwrap();
        assert_eq!(format!("{ring:?}"), format!("{again:?}"));
        let is_leaked = |key| again.retired_as(key).map(|gone| gone.leaked);
        assert_eq!([is_leaked(&old), is_leaked(&other)], [Some(false), Some(true)]);
        // A full ring with a full memory is within what is read.
        let many: String = (1..=8)
            .map(|byte| hex(byte) + " generation=4294967295 leaked travels replaced\n")
            .collect();
        let mut full = parse(many.replacen(" leaked", "", 1).as_bytes()).unwrap();
        for byte in 100..120 {
            let gone = Key::authenticated([byte; 32]).fingerprint();
            full.remember(RetiredKey::new(gone, true)).unwrap();
        }
        assert_eq!(full.retired().count(), Keyring::MOST_RETIRED);
        let text = write(&full);
        assert!(text.len() <= GroupKeys::MOST_BYTES, "{} bytes", text.len());
        assert_eq!(format!("{full:?}"), format!("{:?}", parse(text.as_bytes()).unwrap()));
    }

    #[test]
    fn a_later_version_and_what_contradicts_itself_are_refused() {
        let later = format!("scalesmall-keys 3\n{}\n", hex(1));
        let refused = parse(later.as_bytes()).unwrap_err();
        assert_eq!(refused, KeyTextError::Version { version: 3, known: 2 });
        let fingerprint = Key::authenticated([1; 32]).fingerprint();
        let both = format!("scalesmall-keys 2\n{}\nretired {fingerprint}\n", hex(1));
        let error = KeyringError::Held { id: fingerprint.id() };
        assert_eq!(parse(both.as_bytes()).unwrap_err(), KeyTextError::Ring { line: 3, error });
        for wrong in ["retired", "retired 12", "retired 0011223344556677 x", "scalesmall-keys 2"] {
            let text = format!("{}\n{wrong}\n", hex(1));
            let refused = parse(text.as_bytes()).unwrap_err();
            assert_eq!(refused, KeyTextError::Line { line: 2 }, "{wrong}");
        }
    }

    #[cfg(feature = "seal")]
    #[test]
    fn a_suite_can_be_said() {
        let ring = parse(format!("sealed {}\n", hex(1)).as_bytes()).unwrap();
        assert_eq!(ring.highest().key.suite(), Suite::Sealed);
        assert!(parse(write(&ring).as_bytes()).is_ok());
    }

    #[test]
    fn what_makes_no_ring_is_refused_with_its_line() {
        let many: String = (1..=9).map(|byte| hex(byte) + "\n").collect();
        let refused = [
            (many, KeyTextError::Ring { line: 9, error: KeyringError::Full }),
            (format!("{}\nkey\n", hex(1)), KeyTextError::Line { line: 2 }),
            (format!("{} generation=x\n", hex(1)), KeyTextError::Line { line: 1 }),
            (format!("{} leaked leaked\n", hex(1)), KeyTextError::Line { line: 1 }),
        ];
        for (text, error) in refused {
            assert_eq!(parse(text.as_bytes()).unwrap_err(), error, "{text}");
        }
        let leaked = parse(format!("{} leaked\n", hex(1)).as_bytes()).unwrap_err();
        assert!(matches!(leaked, KeyTextError::Ring { error: KeyringError::Leaked { .. }, .. }));
    }
}
