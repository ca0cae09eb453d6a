//! Encryption that a number used twice does not break.

use chacha20::XChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::{Zeroize as _, ZeroizeOnDrop};

use super::code::authenticate;
use crate::packet::TAG_LEN;

/// A synthetic initialisation vector, as in RFC 5297: the tag is a code over all that is said, and the
/// frames are encrypted under a nonce of which that tag is a part. The code is HMAC-SHA-256 (RFC 2104),
/// the cipher is XChaCha20.
///
/// So the nonce repeats only where the number and the tag do, that is where the same is said again.
#[derive(Clone, ZeroizeOnDrop)]
pub(super) struct Cipher {
    // It wipes itself.
    #[zeroize(skip)]
    mac: Hmac<Sha256>,
    key: [u8; 32],
}

impl Cipher {
    /// The bytes that make the two keys.
    pub(super) const KEYS: usize = 64;

    pub(super) fn new(keys: &[u8; Self::KEYS]) -> Self {
        let (mac, cipher) = keys.split_at(32);
        let mac = Hmac::new_from_slice(mac).expect("HMAC takes keys of any length");
        let mut key = [0; 32];
        key.copy_from_slice(cipher);
        Self { mac, key }
    }

    /// Encrypts a text and returns the tag, which covers what stays in clear before and after it.
    pub(super) fn seal(
        &self,
        number: u64,
        [before, after]: [&[u8]; 2],
        text: &mut [u8],
    ) -> [u8; TAG_LEN] {
        let code = authenticate(&self.mac, &[before, text, after]).finalize().into_bytes();
        let mut tag = [0; TAG_LEN];
        tag.copy_from_slice(&code[..TAG_LEN]);
        self.stream(number, &tag).apply_keystream(text);
        tag
    }

    /// Decrypts a text; returns whether it is authentic. If it is not, nothing of it is left.
    pub(super) fn open(
        &self,
        number: u64,
        [before, after]: [&[u8]; 2],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> bool {
        self.stream(number, tag).apply_keystream(text);
        let code = authenticate(&self.mac, &[before, text, after]);
        let authentic = code.verify_truncated_left(tag).is_ok();
        if !authentic {
            text.zeroize();
        }
        authentic
    }

    fn stream(&self, number: u64, tag: &[u8; TAG_LEN]) -> XChaCha20 {
        let mut nonce = [0; TAG_LEN + 8];
        nonce[..TAG_LEN].copy_from_slice(tag);
        nonce[TAG_LEN..].copy_from_slice(&number.to_be_bytes());
        XChaCha20::new(&self.key.into(), &nonce.into())
    }
}
