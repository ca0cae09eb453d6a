//! The keys of a node as lines of text.

use core::fmt::Write as _;
use std::str::SplitAsciiWhitespace;

use scalesmall_core::{HeldKey, Key, Keyring, KeyringError, Suite};
use zeroize::Zeroizing;

use super::{GroupKeys, KeyTextError};

/// The word before the generation of a key.
const GENERATION: &str = "generation=";
const LEAKED: &str = "leaked";
const TRAVELS: &str = "travels";

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
    for (number, line) in (1..).zip(text.ok_or(no_key)?.lines()) {
        let words = line.split('#').next().unwrap_or_default();
        if words.trim().is_empty() {
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
    ring.ok_or(no_key)
}

/// The keys as a text, the one that protects what is sent first.
pub(super) fn write(ring: &Keyring) -> Zeroizing<String> {
    // With room for all, so that no copy of a part is left behind.
    let mut text = Zeroizing::new(String::with_capacity(GroupKeys::MOST_BYTES));
    text.push_str(
        "# The keys of a node, each with its suite; the first one protects what is sent.\n",
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
        for (word, is_said) in [(LEAKED, held.leaked), (TRAVELS, held.travels)] {
            if is_said {
                text.push(' ');
                text.push_str(word);
            }
        }
        text.push('\n');
    }
    text
}

/// What a line says.
struct Line {
    key: Key,
    generation: Option<u32>,
    leaked: bool,
    travels: bool,
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let key = key(&mut words)?;
        let mut line = Self { key, generation: None, leaked: false, travels: false };
        for word in words {
            match word.strip_prefix(GENERATION) {
                Some(number) if line.generation.is_none() => {
                    line.generation = Some(number.parse().ok()?);
                }
                None if word == LEAKED && !line.leaked => line.leaked = true,
                None if word == TRAVELS && !line.travels => line.travels = true,
                _ => return None,
            }
        }
        Some(line)
    }

    /// The key, with this generation if none is said.
    fn held(self, generation: u32) -> HeldKey {
        let mut held = HeldKey::by_hand(self.key, self.generation.unwrap_or(generation));
        (held.leaked, held.travels) = (self.leaked, self.travels);
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
