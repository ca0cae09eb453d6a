//! The code of which a tag is the beginning.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// A code over all the parts, which has still to be finished.
pub(super) fn authenticate(mac: &Hmac<Sha256>, parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = mac.clone();
    parts.iter().for_each(|part| mac.update(part));
    mac
}
