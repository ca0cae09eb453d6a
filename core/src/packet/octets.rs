//! Reading and writing integers, with every bound checked.

use bytes::BufMut;

use super::error::WireError;

/// A cursor over bytes that were received. What it reads is gone from it.
#[derive(Clone)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) const fn left(&self) -> usize {
        self.0.len()
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (taken, left) = self.0.split_at_checked(len).ok_or(WireError::Truncated)?;
        self.0 = left;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, left) = self.0.split_first_chunk().ok_or(WireError::Truncated)?;
        self.0 = left;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, WireError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, WireError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A varint: little-endian groups of seven bits, in the fewest bytes.
    pub(crate) fn varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0;
        for group in 0..MAX_VARINT {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << (7 * group);
            if byte & 0x80 == 0 {
                let minimal = byte != 0 || group == 0;
                let in_range = byte <= 1 || group < MAX_VARINT - 1;
                return if minimal && in_range { Ok(value) } else { Err(WireError::Malformed) };
            }
        }
        Err(WireError::Malformed)
    }

    /// A varint of at most 32 bits.
    pub(crate) fn varint32(&mut self) -> Result<u32, WireError> {
        u32::try_from(self.varint()?).map_err(|_| WireError::Malformed)
    }

    /// A varint that counts or indexes something.
    pub(crate) fn index(&mut self) -> Result<usize, WireError> {
        usize::try_from(self.varint()?).map_err(|_| WireError::Malformed)
    }
}

/// The bytes of the longest varint.
pub(crate) const MAX_VARINT: usize = 10;

/// Appends `value` as a varint.
pub(crate) fn put_varint(out: &mut impl BufMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// The bytes that `value` takes as a varint.
pub(crate) const fn varint_len(value: u64) -> usize {
    (63 - (value | 1).leading_zeros() as usize) / 7 + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn encoded(value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, value);
        out
    }

    #[test]
    fn varints_come_back_at_every_length() {
        for bits in 0..64 {
            for value in [(1 << bits) - 1, 1 << bits, (1 << bits) + 1, u64::MAX >> bits] {
                let bytes = encoded(value);
                assert_eq!(bytes.len(), varint_len(value));
                assert!(bytes.len() <= MAX_VARINT);
                let mut reader = Reader::new(&bytes);
                assert_eq!(reader.varint(), Ok(value));
                assert!(reader.is_empty());
                for cut in 0..bytes.len() {
                    assert_eq!(Reader::new(&bytes[..cut]).varint(), Err(WireError::Truncated));
                }
            }
        }
    }

    #[test]
    fn a_packet_number_below_two_million_takes_three_bytes() {
        assert_eq!(varint_len((1 << 21) - 1), 3);
        assert_eq!(varint_len(1 << 21), 4);
    }

    #[test]
    fn padded_and_overlong_varints_are_malformed() {
        for bytes in [
            &[0x80, 0][..],
            &[0xff, 0],
            &[0xff, 0x80, 0],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
            &[0xff; 11],
        ] {
            assert_eq!(Reader::new(bytes).varint(), Err(WireError::Malformed), "{bytes:?}");
        }
        assert_eq!(Reader::new(&encoded(1 << 32)).varint32(), Err(WireError::Malformed));
        assert_eq!(Reader::new(&encoded(u32::MAX.into())).varint32(), Ok(u32::MAX));
    }
}
