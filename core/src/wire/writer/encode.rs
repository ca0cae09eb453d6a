//! Bytes from frames.

use core::net::IpAddr;

use bytes::BufMut;

use super::{Refused, Writer};
use crate::base::{Address, Epoch, GroupName, Life, NodeId};
use crate::claims::{Claim, Locator};
use crate::packet::{put_varint, varint_len};
use crate::topology::RecordDelta;
use crate::wire::frame::{Coded, Frame, Holdings, Lacking, Message, RangeSum, Route, Spread};
use crate::wire::kind::{CLAIM_LOCATOR, LOCATOR_IPV6, LOCATOR_NAMED};
use crate::wire::{MAX_ATTRIBUTE, kind};

impl Writer {
    /// Appends the bytes of a frame, and to the tables what it refers to. On an error some of it
    /// may have been appended.
    #[expect(clippy::too_many_lines, reason = "one case for each frame, and no rest")]
    pub(super) fn encode(&mut self, frame: &Frame) -> Result<(), Refused> {
        match frame {
            Frame::Ping { root } => {
                self.frames.put_u8(kind::PING);
                self.frames.put_u64(*root);
                Ok(())
            }
            Frame::Pong { packet, root: None } => self.about_packet(kind::PONG_EQUAL, *packet),
            Frame::Pong { packet, root: Some(root) } => {
                self.about_packet(kind::PONG_DIFFERS, *packet)?;
                self.frames.put_u64(*root);
                Ok(())
            }
            Frame::Ack { packet } => self.about_packet(kind::ACK, *packet),
            Frame::Challenge { packet } => self.about_packet(kind::CHALLENGE, *packet),
            Frame::Claim(claim) => self.framed(kind::CLAIM, |w| w.claim(claim)),
            Frame::Record { group, delta } => self.framed(kind::RECORD, |w| w.record(group, delta)),
            Frame::Attribute { life, kind: of, version, bytes } => {
                self.framed(kind::ATTRIBUTE, |w| {
                    if bytes.len() > MAX_ATTRIBUTE {
                        return Err(Refused::Illegal);
                    }
                    w.life(*life)?;
                    w.frames.put_u8(of.0);
                    w.varint(*version);
                    w.frames.put_slice(bytes);
                    Ok(())
                })
            }
            Frame::Slow { life, millis } => self.framed(kind::SLOW, |w| {
                w.life(*life)?;
                w.varint((*millis).into());
                Ok(())
            }),
            Frame::Message(message) => self.framed(kind::MESSAGE, |w| w.message(message)),
            Frame::Spread(spread) => self.framed(kind::SPREAD, |w| w.spread(spread)),
            Frame::Verify { suspect, millis } => self.framed(kind::VERIFY, |w| {
                w.life(*suspect)?;
                w.varint((*millis).into());
                Ok(())
            }),
            Frame::Verdict { suspect, finding } => self.framed(kind::VERDICT, |w| {
                w.life(*suspect)?;
                w.frames.put_u8(*finding as u8);
                Ok(())
            }),
            Frame::Want { group, member, since } => self.framed(kind::WANT, |w| {
                w.group(group)?;
                w.life(*member)?;
                w.varint(*since);
                Ok(())
            }),
            Frame::Ranges(ranges) => self.framed(kind::RANGES, |w| w.ranges(ranges)),
            Frame::Coded(coded) => self.framed(kind::CODED, |w| w.coded(coded)),
            Frame::Lacking(lacking) => self.framed(kind::LACKING, |w| w.lacking(lacking)),
            Frame::Holdings(holdings) => self.framed(kind::HOLDINGS, |w| w.holdings(holdings)),
            Frame::Heard { speaker, nodes } => self.framed(kind::HEARD, |w| {
                w.id(*speaker)?;
                nodes.iter().try_for_each(|&id| w.id(id))
            }),
            Frame::Vouch { life, packet } => self.framed(kind::VOUCH, |w| {
                w.life(*life)?;
                w.varint(*packet);
                Ok(())
            }),
            Frame::Duplicate { epoch: Epoch(epoch) } => self.framed(kind::DUPLICATE, |w| {
                w.frames.put_u64(*epoch);
                Ok(())
            }),
            Frame::Beat { sequence } => self.framed(kind::BEAT, |w| {
                w.varint(*sequence);
                Ok(())
            }),
            Frame::Numbered { sequence, frames } => self.framed(kind::NUMBERED, |w| {
                w.varint(*sequence);
                w.frames.put_u8(*frames);
                Ok(())
            }),
            Frame::Missed { since, silent } => self.framed(kind::MISSED, |w| {
                w.varint(*since);
                w.frames.put_u8(u8::from(*silent));
                Ok(())
            }),
            Frame::Padding { bytes } => self.framed(kind::PADDING, |w| {
                w.frames.put_bytes(0, (*bytes).into());
                Ok(())
            }),
            Frame::TooLarge { packet, bytes } => self.framed(kind::TOO_LARGE, |w| {
                w.varint(*packet);
                w.frames.put_u16(*bytes);
                Ok(())
            }),
            Frame::Undelivered { sequence, bytes } => self.framed(kind::UNDELIVERED, |w| {
                w.varint(*sequence);
                w.frames.put_u16(*bytes);
                Ok(())
            }),
            Frame::Counted { packet, tag, highest, tag_of_highest } => {
                self.counted((*packet, *tag), (*highest, *tag_of_highest))
            }
            Frame::Seen { at } => self.framed(kind::SEEN, |w| {
                w.address((*at).into());
                Ok(())
            }),
            Frame::Drains { stamp } => self.framed(kind::DRAINS, |w| {
                w.varint(*stamp);
                Ok(())
            }),
            Frame::Noted { stamp, own } => self.framed(kind::NOTED, |w| {
                w.varint(*stamp);
                w.varint(*own);
                Ok(())
            }),
            Frame::Suspicion => self.framed(kind::SUSPICION, |_| Ok(())),
            Frame::Narrow => self.framed(kind::NARROW, |_| Ok(())),
        }
    }

    fn counted(&mut self, refused: (u64, u16), highest: (u64, u16)) -> Result<(), Refused> {
        self.framed(kind::COUNTED, |w| {
            for (packet, tag) in [refused, highest] {
                w.varint(packet);
                w.frames.put_u16(tag);
            }
            Ok(())
        })
    }

    fn about_packet(&mut self, kind: u8, packet: u64) -> Result<(), Refused> {
        self.frames.put_u8(kind);
        self.varint(packet);
        Ok(())
    }

    /// Appends a frame with a length: the body first, one byte kept free for its length, which
    /// makes way if it needs more.
    fn framed(
        &mut self,
        kind: u8,
        body: impl FnOnce(&mut Self) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        self.frames.put_slice(&[kind, 0]);
        let start = self.frames.len();
        body(self)?;
        let len = self.frames.len() - start;
        let extra = varint_len(len as u64) - 1;
        if extra > 0 {
            self.frames.resize(start + len + extra, 0);
            self.frames.copy_within(start..start + len, start + extra);
        }
        put_varint(&mut &mut self.frames[start - 1..], len as u64);
        Ok(())
    }

    fn varint(&mut self, value: u64) {
        put_varint(&mut self.frames, value);
    }

    fn id(&mut self, id: NodeId) -> Result<(), Refused> {
        let index = if id == self.header().sender.id {
            0
        } else {
            match self.ids.find_id(id) {
                Ok(index) => index + 1,
                Err(position) => self.ids.add(position, (id, None)).ok_or(Refused::NoRoom)? + 1,
            }
        };
        self.varint(index as u64);
        Ok(())
    }

    fn life(&mut self, life: Life) -> Result<(), Refused> {
        let index = if life == self.header().sender {
            0
        } else {
            match self.ids.find_life(life) {
                Ok(index) => index + 1,
                Err(position) => {
                    let subject = (life.id, Some(life.epoch));
                    self.ids.add(position, subject).ok_or(Refused::NoRoom)? + 1
                }
            }
        };
        self.varint(index as u64);
        Ok(())
    }

    fn group_index(&mut self, group: &GroupName) -> Result<u64, Refused> {
        let index = match self.groups.find_group(group) {
            Ok(index) => index,
            Err(position) => self.groups.add(position, group).ok_or(Refused::NoRoom)?,
        };
        Ok(index as u64)
    }

    fn group(&mut self, group: &GroupName) -> Result<(), Refused> {
        let index = self.group_index(group)?;
        self.varint(index);
        Ok(())
    }

    fn claim(&mut self, claim: &Claim) -> Result<(), Refused> {
        self.life(claim.life)?;
        self.varint(claim.incarnation.into());
        let [first, second] = claim.confirmed_by;
        let named = [(claim.accuser, 0x04), (first, 0x08), (second, 0x10)];
        let bits = named.iter().filter(|(id, _)| id.is_some()).map(|(_, bit)| bit).sum::<u8>();
        let aged = if claim.age > 0 { 0x20 } else { 0 };
        let located = if claim.locator.is_some() { CLAIM_LOCATOR } else { 0 };
        self.frames.put_u8(claim.standing as u8 | bits | aged | located);
        named.iter().filter_map(|&(id, _)| id).try_for_each(|id| self.id(id))?;
        if claim.age > 0 {
            self.varint(claim.age.into());
        }
        if let Some(locator) = &claim.locator {
            self.locator(locator);
        }
        Ok(())
    }

    fn locator(&mut self, locator: &Locator) {
        let list = locator.list();
        let named = !locator.is_named_after_its_address();
        // There are one to four.
        let mut head = (list.len() - 1) as u8 | if named { LOCATOR_NAMED } else { 0 };
        for (addr, at) in list.iter().zip(0..) {
            head |= if addr.ip().is_ipv6() { LOCATOR_IPV6 << at } else { 0 };
        }
        self.frames.put_u8(head);
        if named {
            let name = locator.name();
            // A name has at most 63 bytes.
            self.frames.put_u8(name.as_str().len() as u8);
            self.frames.put_slice(name.as_str().as_bytes());
        }
        for addr in list {
            self.address(*addr);
        }
    }

    fn address(&mut self, addr: Address) {
        match addr.ip() {
            IpAddr::V4(ip) => self.frames.put_slice(&ip.octets()),
            IpAddr::V6(ip) => self.frames.put_slice(&ip.octets()),
        }
        self.frames.put_u16(addr.port());
    }

    fn record(&mut self, group: &GroupName, delta: &RecordDelta) -> Result<(), Refused> {
        let RecordDelta { member, epoch, since, floor, clock, target, writes } = delta;
        self.group(group)?;
        self.life(Life { id: *member, epoch: *epoch })?;
        self.varint(*since);
        self.varint(*floor);
        self.varint(clock.checked_sub(*since).ok_or(Refused::Illegal)?);
        self.varint(target.checked_sub(*clock).ok_or(Refused::Illegal)?);
        let mut last = *since;
        for write in writes {
            if write.clock <= last || write.clock > *clock {
                return Err(Refused::Illegal);
            }
            self.varint(write.clock - last);
            last = write.clock;
            let bits = kind::of_write(write);
            self.frames.put_u8(bits);
            if bits & kind::WRITE_FULL == 0 {
                self.frames.put_u32(write.range.start());
                self.frames.put_u32(write.range.end());
            }
            if bits & kind::WRITE_PORT != 0 {
                self.frames.put_u16(write.port);
            }
        }
        Ok(())
    }

    fn message(&mut self, message: &Message) -> Result<(), Refused> {
        self.life(message.origin)?;
        self.varint(message.sequence);
        self.varint(message.tag.into());
        let group = match &message.group {
            None => 0,
            Some(group) => self.group_index(group)? + 1,
        };
        self.varint(group);
        self.frames.put_slice(&message.payload);
        Ok(())
    }

    fn spread(&mut self, spread: &Spread) -> Result<(), Refused> {
        let route = match &spread.route {
            Route::Ring { group: None, covered: false, .. } => 0,
            Route::Ring { group: Some(_), covered: false, .. } => 1,
            Route::Listed(_) => 2,
            Route::Ring { group: None, covered: true, .. } => 3,
            Route::Ring { group: Some(_), covered: true, .. } => 4,
        };
        self.frames.put_slice(&[route, spread.hops, spread.frames]);
        self.varint(spread.first_try.map_or(0, |first| first.packets_ago.get()));
        if let Some(first) = spread.first_try {
            self.varint(first.place.into());
        }
        match &spread.route {
            Route::Ring { from, until, group, .. } => {
                self.frames.put_u32(*from);
                self.frames.put_u32(*until);
                group.as_ref().map_or(Ok(()), |group| self.group(group))
            }
            Route::Listed(ids) => ids.iter().try_for_each(|&id| self.id(id)),
        }
    }

    fn ranges(&mut self, ranges: &[RangeSum]) -> Result<(), Refused> {
        let mut next: u64 = 0;
        for range in ranges {
            if range.from > range.to {
                return Err(Refused::Illegal);
            }
            self.varint(range.from.wrapping_sub(next));
            self.frames.put_u64(range.to);
            self.frames.put_u64(range.sum);
            self.varint(range.count);
            next = range.to.wrapping_add(1);
        }
        Ok(())
    }

    fn coded(&mut self, coded: &Coded) -> Result<(), Refused> {
        self.span(coded.from, coded.to)?;
        self.varint(coded.count);
        coded.cells.iter().for_each(|&cell| self.frames.put_u64(cell));
        Ok(())
    }

    fn lacking(&mut self, lacking: &Lacking) -> Result<(), Refused> {
        self.span(lacking.from, lacking.to)?;
        for &element in &lacking.elements {
            if element >> 40 != 0 {
                return Err(Refused::Illegal);
            }
            self.frames.put_uint(element, 5);
        }
        Ok(())
    }

    /// The ends of a range of positions.
    fn span(&mut self, from: u64, to: u64) -> Result<(), Refused> {
        if from > to {
            return Err(Refused::Illegal);
        }
        self.frames.put_u64(from);
        self.frames.put_u64(to);
        Ok(())
    }

    fn holdings(&mut self, holdings: &Holdings) -> Result<(), Refused> {
        let Holdings { from, to, answer, claims, records, attributes } = holdings;
        self.span(*from, *to)?;
        self.frames.put_u8((*answer).into());
        self.varint(claims.len() as u64);
        claims.iter().try_for_each(|claim| self.claim(claim))?;
        self.varint(records.len() as u64);
        for version in records {
            self.group(&version.group)?;
            self.life(version.member)?;
            self.varint(version.clock);
        }
        self.varint(attributes.len() as u64);
        for version in attributes {
            self.life(version.life)?;
            self.frames.put_u8(version.kind.0);
            self.varint(version.version);
            self.frames.put_u32(version.sum);
        }
        Ok(())
    }
}

/// The bytes of a locator.
pub(super) fn locator_len(locator: &Locator) -> usize {
    let name = locator.name();
    let named = !locator.is_named_after_its_address();
    let addresses = locator.list().iter();
    1 + if named { 1 + name.as_str().len() } else { 0 }
        + addresses.map(|addr| if addr.ip().is_ipv6() { 18 } else { 6 }).sum::<usize>()
}
