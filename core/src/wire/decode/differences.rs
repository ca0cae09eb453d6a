//! What two nodes tell each other to find what differs between them.

use alloc::vec::Vec;

use super::{Decoder, MIN_CLAIM, counted};
use crate::claims::AttributeKind;
use crate::packet::{Reader, WireError};
use crate::wire::frame::{
    AttributeVersion, Coded, Frame, Holdings, Lacking, RangeSum, RecordVersion,
};
use crate::wire::table::MAX_GROWTH;

impl Decoder {
    pub(super) fn holdings(&self, body: &mut Reader<'_>) -> Result<Holdings, WireError> {
        let from = body.u64()?;
        let to = body.u64()?;
        let answer = match body.u8()? {
            0 => false,
            1 => true,
            _ => return Err(WireError::Malformed),
        };
        if from > to {
            return Err(WireError::Malformed);
        }
        let claims = counted(body, MIN_CLAIM, |body| self.claim(body))?;
        let records = counted(body, MIN_RECORD_VERSION, |body| {
            Ok(RecordVersion {
                group: self.group(body)?,
                member: self.life(body)?,
                clock: body.varint()?,
            })
        })?;
        let attributes = counted(body, MIN_ATTRIBUTE_VERSION, |body| {
            Ok(AttributeVersion {
                life: self.life(body)?,
                kind: AttributeKind(body.u8()?),
                version: body.varint()?,
                sum: body.u32()?,
            })
        })?;
        Ok(Holdings { from, to, answer, claims, records, attributes })
    }
}

/// Cells to the end of the frame.
pub(super) fn coded(body: &mut Reader<'_>) -> Result<Frame, WireError> {
    let (from, to) = span(body)?;
    let count = body.varint()?;
    let mut cells = Vec::with_capacity(body.left() / 8);
    while !body.is_empty() {
        cells.push(body.u64()?);
    }
    Ok(Frame::Coded(Coded { from, to, count, cells }))
}

/// Elements of 5 bytes to the end of the frame.
pub(super) fn lacking(body: &mut Reader<'_>) -> Result<Frame, WireError> {
    let (from, to) = span(body)?;
    let mut elements = Vec::with_capacity(body.left() / 5);
    while !body.is_empty() {
        let [a, b, c, d, e] = body.array::<5>()?;
        elements.push(u64::from_be_bytes([0, 0, 0, a, b, c, d, e]));
    }
    Ok(Frame::Lacking(Lacking { from, to, elements }))
}

pub(super) fn ranges(body: &mut Reader<'_>) -> Result<Vec<RangeSum>, WireError> {
    let mut ranges = Vec::with_capacity(body.left() / MIN_RANGE);
    let mut next: u64 = 0;
    while !body.is_empty() {
        let from = next.wrapping_add(body.varint()?);
        let to = body.u64()?;
        let sum = body.u64()?;
        let count = body.varint()?;
        if from > to {
            return Err(WireError::Malformed);
        }
        next = to.wrapping_add(1);
        ranges.push(RangeSum { from, to, sum, count });
    }
    Ok(ranges)
}

/// The ends of a range of positions.
fn span(body: &mut Reader<'_>) -> Result<(u64, u64), WireError> {
    let (from, to) = (body.u64()?, body.u64()?);
    if from > to { Err(WireError::Malformed) } else { Ok((from, to)) }
}

// The bytes of the shortest element of each list.
const MIN_RECORD_VERSION: usize = 3;
const MIN_ATTRIBUTE_VERSION: usize = 7;
const MIN_RANGE: usize = 18;

const _: () = assert!(size_of::<RecordVersion>() <= MAX_GROWTH * MIN_RECORD_VERSION);
const _: () = assert!(size_of::<AttributeVersion>() <= MAX_GROWTH * MIN_ATTRIBUTE_VERSION);
const _: () = assert!(size_of::<RangeSum>() <= MAX_GROWTH * MIN_RANGE);
