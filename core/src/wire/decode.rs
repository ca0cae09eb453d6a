//! Frames from bytes.

mod differences;
mod locator;

use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;
use core::num::NonZeroU64;

use super::frame::{Finding, FirstTry, Frame, Message, Route, Spread};
use super::kind::CLAIM_LOCATOR;
use super::table::{MAX_GROWTH, Tables};
use super::{MAX_ATTRIBUTE, MAX_FRAMES, kind};
use crate::base::{Epoch, GroupName, Life, NodeId};
use crate::claims::{AttributeKind, Claim, Standing};
use crate::mutants::mutated;
use crate::packet::{Reader, WireError};
use crate::topology::{KeyRange, Op, RecordDelta, Write};
use differences::{coded, lacking, ranges};

/// Reads the frames of a payload. Keep one and use it again: its tables then cost no allocation.
#[derive(Clone, Default)]
pub struct Decoder {
    tables: Tables,
    #[cfg(feature = "mutants")]
    pub(crate) mutant: Option<crate::mutants::Mutant>,
}

impl Decoder {
    /// A decoder with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives back what a long packet has left behind: to be called now and then.
    pub(crate) fn rest(&mut self) {
        self.tables.rest();
    }

    /// Reads all frames of an opened payload into `frames`, which is emptied first.
    ///
    /// Frames of unknown types are skipped; a [`Frame::Spread`] or a [`Frame::Numbered`] then counts only
    /// those that are left, and a spread is itself skipped if none is.
    ///
    /// # Errors
    ///
    /// [`WireError::Malformed`] if any frame breaks a rule; `frames` is then empty.
    pub fn decode(
        &mut self,
        sender: Life,
        payload: &[u8],
        frames: &mut Vec<Frame>,
    ) -> Result<(), WireError> {
        frames.clear();
        self.tables.reset(sender);
        self.read_all(Reader::new(payload), frames).map_err(|_| {
            frames.clear();
            // An authentic payload is never cut short by the network.
            WireError::Malformed
        })
    }

    fn read_all(
        &mut self,
        mut reader: Reader<'_>,
        frames: &mut Vec<Frame>,
    ) -> Result<(), WireError> {
        if let Some(body) = section(&mut reader, kind::IDS)? {
            self.tables.read_ids(body)?;
        }
        if let Some(body) = section(&mut reader, kind::GROUPS)? {
            self.tables.read_groups(body)?;
        }
        let mut count = 0;
        // How many frames the last spread or numbered batch still announces, and where it stands.
        let (mut left, mut head) = (0, 0);
        while !reader.is_empty() {
            count += 1;
            if count > MAX_FRAMES {
                return Err(WireError::Malformed);
            }
            let frame = self.read_frame(&mut reader)?;
            if left > 0 && frame.as_ref().is_some_and(|frame| !self.may_be_announced(frame)) {
                return Err(WireError::Malformed);
            }
            match frame {
                Some(frame @ (Frame::Spread(_) | Frame::Numbered { .. })) => {
                    left = announced(&frame).ok_or(WireError::Malformed)?;
                    head = frames.len();
                    frames.push(frame);
                    continue;
                }
                Some(frame) => frames.push(frame),
                None if left > 0 => announce_one_less(&mut frames[head]),
                None => {}
            }
            if left > 0 {
                left -= 1;
                if left == 0 && matches!(frames.last(), Some(Frame::Spread(_))) {
                    frames.pop();
                }
            }
        }
        if left > 0 { Err(WireError::Malformed) } else { Ok(()) }
    }

    /// Whether a frame may travel inside a spread or a numbered batch.
    fn may_be_announced(&self, frame: &Frame) -> bool {
        frame.is_for_all() || mutated!(self, AnyFramePassedOn)
    }

    /// The next frame, or `None` if its type is unknown.
    fn read_frame(&self, reader: &mut Reader<'_>) -> Result<Option<Frame>, WireError> {
        let kind = reader.u8()?;
        let frame = match kind {
            kind::PING => Frame::Ping { root: reader.u64()? },
            kind::PONG_EQUAL => Frame::Pong { packet: reader.varint()?, root: None },
            kind::PONG_DIFFERS => {
                Frame::Pong { packet: reader.varint()?, root: Some(reader.u64()?) }
            }
            kind::ACK => Frame::Ack { packet: reader.varint()? },
            kind::CHALLENGE => Frame::Challenge { packet: reader.varint()? },
            0x00..=kind::LAST_FIXED => return Err(WireError::Malformed),
            _ => {
                let len = reader.index()?;
                let mut body = Reader::new(reader.take(len)?);
                let Some(frame) = self.read_body(kind, &mut body)? else {
                    return Ok(None);
                };
                if !body.is_empty() {
                    return Err(WireError::Malformed);
                }
                frame
            }
        };
        Ok(Some(frame))
    }

    fn read_body(&self, kind: u8, body: &mut Reader<'_>) -> Result<Option<Frame>, WireError> {
        let frame = match kind {
            // A table that does not come first would change what indices mean on the way.
            kind::IDS | kind::GROUPS => return Err(WireError::Malformed),
            kind::CLAIM => Frame::Claim(self.claim(body)?),
            kind::RECORD => self.record(body)?,
            kind::ATTRIBUTE => self.attribute(body)?,
            kind::SLOW => Frame::Slow { life: self.life(body)?, millis: body.varint32()? },
            kind::MESSAGE => Frame::Message(self.message(body)?),
            kind::SPREAD => Frame::Spread(self.spread(body)?),
            kind::VERIFY => Frame::Verify { suspect: self.life(body)?, millis: body.varint32()? },
            kind::VERDICT => Frame::Verdict {
                suspect: self.life(body)?,
                finding: match body.u8()? {
                    0 => Finding::Looking,
                    1 => Finding::Answers,
                    2 => Finding::Silent,
                    _ => return Err(WireError::Malformed),
                },
            },
            kind::SUSPICION => Frame::Suspicion,
            kind::WANT => Frame::Want {
                group: self.group(body)?,
                member: self.life(body)?,
                since: body.varint()?,
            },
            kind::RANGES => Frame::Ranges(ranges(body)?),
            kind::HOLDINGS => Frame::Holdings(self.holdings(body)?),
            kind::CODED => coded(body)?,
            kind::LACKING => lacking(body)?,
            kind::HEARD => Frame::Heard { speaker: self.id(body)?, nodes: self.ids(body)? },
            kind::VOUCH => Frame::Vouch { life: self.life(body)?, packet: body.varint()? },
            kind::DUPLICATE => Frame::Duplicate { epoch: Epoch(body.u64()?) },
            kind::BEAT => Frame::Beat { sequence: body.varint()? },
            kind::NUMBERED => Frame::Numbered { sequence: body.varint()?, frames: body.u8()? },
            kind::MISSED => Frame::Missed {
                since: body.varint()?,
                silent: match body.u8()? {
                    0 => false,
                    1 => true,
                    _ => return Err(WireError::Malformed),
                },
            },
            kind::PADDING => {
                let bytes = body.rest().len();
                Frame::Padding { bytes: u16::try_from(bytes).unwrap_or(u16::MAX) }
            }
            kind::NARROW => Frame::Narrow,
            kind::TOO_LARGE => Frame::TooLarge { packet: body.varint()?, bytes: body.u16()? },
            kind::UNDELIVERED => {
                Frame::Undelivered { sequence: body.varint()?, bytes: body.u16()? }
            }
            kind::COUNTED => Frame::Counted {
                packet: body.varint()?,
                tag: body.u16()?,
                highest: body.varint()?,
                tag_of_highest: body.u16()?,
            },
            kind::SEEN => {
                let is_long = body.left() > 6;
                Frame::Seen { at: locator::address(body, is_long)?.socket() }
            }
            kind::DRAINS => Frame::Drains { stamp: body.varint()? },
            kind::NOTED => Frame::Noted { stamp: body.varint()?, own: body.varint()? },
            _ => return Ok(None),
        };
        Ok(Some(frame))
    }

    fn id(&self, body: &mut Reader<'_>) -> Result<NodeId, WireError> {
        self.tables.id(body.index()?)
    }

    fn life(&self, body: &mut Reader<'_>) -> Result<Life, WireError> {
        self.tables.life(body.index()?)
    }

    fn group(&self, body: &mut Reader<'_>) -> Result<GroupName, WireError> {
        self.tables.group(body.index()?)
    }

    /// Ids to the end of the frame. Each takes at least a byte there, and 18 here.
    fn ids(&self, body: &mut Reader<'_>) -> Result<Vec<NodeId>, WireError> {
        let mut ids = Vec::with_capacity(body.left());
        while !body.is_empty() {
            ids.push(self.id(body)?);
        }
        Ok(ids)
    }

    fn claim(&self, body: &mut Reader<'_>) -> Result<Claim, WireError> {
        let life = self.life(body)?;
        let incarnation = body.varint32()?;
        let bits = body.u8()?;
        let standing = match bits & 0x03 {
            0 => Standing::Alive,
            1 => Standing::Down,
            2 => Standing::Left,
            _ => return Err(WireError::Malformed),
        };
        if bits & !0x7f != 0 {
            return Err(WireError::Malformed);
        }
        let mut named = [None; 3];
        for (slot, bit) in named.iter_mut().zip([0x04, 0x08, 0x10]) {
            if bits & bit != 0 {
                *slot = Some(self.id(body)?);
            }
        }
        let [accuser, first, second] = named;
        let age = if bits & 0x20 != 0 { body.varint32()? } else { 0 };
        if bits & 0x20 != 0 && age == 0 {
            return Err(WireError::Malformed);
        }
        let locator = if bits & CLAIM_LOCATOR != 0 { Some(locator::read(body)?) } else { None };
        let confirmed_by = [first, second];
        Ok(Claim { life, incarnation, standing, accuser, confirmed_by, age, locator })
    }

    fn record(&self, body: &mut Reader<'_>) -> Result<Frame, WireError> {
        let group = self.group(body)?;
        let Life { id: member, epoch } = self.life(body)?;
        let since = body.varint()?;
        let floor = body.varint()?;
        let clock = since.checked_add(body.varint()?).ok_or(WireError::Malformed)?;
        let target = clock.checked_add(body.varint()?).ok_or(WireError::Malformed)?;
        let mut writes = Vec::with_capacity(body.left() / MIN_WRITE);
        let mut last = since;
        while !body.is_empty() {
            let write = write_after(last, body)?;
            last = write.clock;
            writes.push(write);
        }
        if last > clock {
            return Err(WireError::Malformed);
        }
        let writes: Box<[Write]> = writes.into();
        let delta = RecordDelta { member, epoch, since, floor, clock, target, writes };
        Ok(Frame::Record { group, delta })
    }

    fn attribute(&self, body: &mut Reader<'_>) -> Result<Frame, WireError> {
        let life = self.life(body)?;
        let kind = AttributeKind(body.u8()?);
        let version = body.varint()?;
        if body.left() > MAX_ATTRIBUTE {
            return Err(WireError::Malformed);
        }
        let bytes = Bytes::copy_from_slice(body.rest());
        Ok(Frame::Attribute { life, kind, version, bytes })
    }

    fn message(&self, body: &mut Reader<'_>) -> Result<Message, WireError> {
        Ok(Message {
            origin: self.life(body)?,
            sequence: body.varint()?,
            tag: body.varint32()?,
            group: match body.index()? {
                0 => None,
                above => Some(self.tables.group(above - 1)?),
            },
            payload: Bytes::copy_from_slice(body.rest()),
        })
    }

    fn spread(&self, body: &mut Reader<'_>) -> Result<Spread, WireError> {
        let route = body.u8()?;
        let hops = body.u8()?;
        let frames = body.u8()?;
        let first_try = match NonZeroU64::new(body.varint()?) {
            None => None,
            Some(packets_ago) => Some(FirstTry { packets_ago, place: body.varint32()? }),
        };
        let route = match route {
            0 | 1 | 3 | 4 => Route::Ring {
                from: body.u32()?,
                until: body.u32()?,
                group: if route == 1 || route == 4 { Some(self.group(body)?) } else { None },
                covered: route > 2,
            },
            2 => Route::Listed(self.ids(body)?),
            _ => return Err(WireError::Malformed),
        };
        Ok(Spread { route, hops, frames, first_try })
    }
}

/// The body of a table if it is what comes next.
fn section<'a>(reader: &mut Reader<'a>, kind: u8) -> Result<Option<Reader<'a>>, WireError> {
    let mut ahead = reader.clone();
    if ahead.is_empty() || ahead.u8()? != kind {
        return Ok(None);
    }
    let len = ahead.index()?;
    let body = Reader::new(ahead.take(len)?);
    *reader = ahead;
    Ok(Some(body))
}

/// How many frames a spread or a numbered batch announces; `None` if that is not legal.
fn announced(head: &Frame) -> Option<u8> {
    match head {
        Frame::Spread(spread) => Some(spread.frames).filter(|&frames| frames > 0),
        Frame::Numbered { frames, .. } => Some(*frames),
        _ => None,
    }
}

/// An announced frame is of an unknown type, and is left out.
fn announce_one_less(head: &mut Frame) {
    if let Frame::Spread(Spread { frames, .. }) | Frame::Numbered { frames, .. } = head {
        *frames -= 1;
    }
}

/// A count, then that many elements of at least `least` bytes. The count is checked against the
/// bytes that are left before anything is allocated for it.
fn counted<T>(
    body: &mut Reader<'_>,
    least: usize,
    mut read: impl FnMut(&mut Reader<'_>) -> Result<T, WireError>,
) -> Result<Vec<T>, WireError> {
    let count = body.index()?;
    if count > body.left() / least {
        return Err(WireError::Malformed);
    }
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(read(body)?);
    }
    Ok(all)
}

fn write_after(last: u64, body: &mut Reader<'_>) -> Result<Write, WireError> {
    let gap = body.varint()?;
    let bits = body.u8()?;
    let op = match bits & 0x03 {
        1 => Op::Add,
        2 => Op::Remove,
        3 => Op::Get,
        _ => return Err(WireError::Malformed),
    };
    if gap == 0 || bits & !(0x03 | kind::WRITE_FULL | kind::WRITE_PORT) != 0 {
        return Err(WireError::Malformed);
    }
    let clock = last.checked_add(gap).ok_or(WireError::Malformed)?;
    let range = if bits & kind::WRITE_FULL != 0 {
        KeyRange::FULL
    } else {
        let start = body.u32()?;
        KeyRange::new(start, body.u32()?)
            .ok()
            .filter(|&range| range != KeyRange::FULL)
            .ok_or(WireError::Malformed)?
    };
    let port = match bits & kind::WRITE_PORT {
        0 => 0,
        _ => match body.u16()? {
            0 => return Err(WireError::Malformed),
            port => port,
        },
    };
    Ok(Write { range, op, port, clock })
}

// The bytes of the shortest element of each list.
const MIN_WRITE: usize = 2;
const MIN_CLAIM: usize = 3;

const _: () = assert!(size_of::<NodeId>() <= MAX_GROWTH);
const _: () = assert!(size_of::<Write>() <= MAX_GROWTH * MIN_WRITE);
const _: () = assert!(size_of::<Claim>() <= MAX_GROWTH * MIN_CLAIM);
