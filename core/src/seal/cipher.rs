//! Encryption that a number used twice does not break.

use aes_gcm_siv::aead::AeadInOut as _;
use aes_gcm_siv::{Aes256GcmSiv, KeyInit as _, Nonce};
use zeroize::ZeroizeOnDrop;

use crate::packet::{Header, TAG_LEN};

/// AES-256-GCM-SIV (RFC 8452) under one key.
///
/// The key is kept as it is: AES makes its schedule for each packet and wipes it afterwards, because it
/// takes fifteen times as much room for each sender that is heard.
#[derive(Clone, ZeroizeOnDrop)]
pub(super) struct Cipher {
    key: [u8; 32],
}

/// The most bytes that are authenticated and stay in clear: a header, and the life of a receiver.
const MAX_CLEAR: usize = Header::MAX_LEN + 16;

impl Cipher {
    pub(super) const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Encrypts a text and returns the tag, which covers what stays in clear, too.
    pub(super) fn seal(&self, number: u64, clear: [&[u8]; 2], text: &mut [u8]) -> [u8; TAG_LEN] {
        let (clear, len) = joined(clear);
        self.cipher()
            .encrypt_inout_detached(&nonce(number), &clear[..len], text.into())
            .expect("a packet has less than 64 GiB")
            .into()
    }

    /// Decrypts a text; returns whether it is authentic. If it is not, it stays encrypted.
    pub(super) fn open(
        &self,
        number: u64,
        clear: [&[u8]; 2],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> bool {
        let (clear, len) = joined(clear);
        self.cipher()
            .decrypt_inout_detached(&nonce(number), &clear[..len], text.into(), tag.into())
            .is_ok()
    }

    fn cipher(&self) -> Aes256GcmSiv {
        Aes256GcmSiv::new((&self.key).into())
    }
}

fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce.into()
}

fn joined([first, second]: [&[u8]; 2]) -> ([u8; MAX_CLEAR], usize) {
    let mut bytes = [0; MAX_CLEAR];
    let len = first.len() + second.len();
    bytes[..first.len()].copy_from_slice(first);
    bytes[first.len()..len].copy_from_slice(second);
    (bytes, len)
}
