//! What a member that lies can say: every frame in every wrapping, with fields that are plausible and
//! such that lie at an end of what they can hold.

use core::net::SocketAddr;

use bytes::Bytes;
use scalesmall_core::wire::{
    AttributeKind, AttributeVersion, Claim, Coded, Finding, FirstTry, Frame, Holdings, Lacking,
    Message, RangeSum, RecordVersion, Route, Spread, Standing,
};
use scalesmall_core::{
    Epoch, GroupName, KeyRange, Life, Locator, NodeId, NodeName, Op, RecordDelta, Write,
};

use super::setup::range_of;
use crate::random::{Random, Ratio};
use crate::sim::Forged;
use crate::sim::Sim;

/// Draws lies about a cluster.
pub(super) struct Liar<'a> {
    pub(super) sim: &'a Sim,
    pub(super) random: &'a mut Random,
    pub(super) group: &'a GroupName,
}

impl Liar<'_> {
    /// A packet of frames of one type, or of several.
    pub(super) fn packet(&mut self, node: usize) -> Forged {
        let nodes = self.sim.len() as u64;
        let other = (node as u64 + self.random.between(1, nodes - 1)) % nodes;
        let to = (!self.one_in(4)).then_some(other as usize);
        let bound = self.one_in(2);
        let count = if self.one_in(3) { self.random.between(2, 40) } else { 1 };
        let mut forged = Forged { to, bound, frames: Vec::new(), smuggled: None };
        // One kind again and again finds what a mixture hides.
        let kind = self.random.below(FRAMES.len() as u64) as usize;
        match self.random.below(4) {
            0 => forged.frames.extend((0..count).map(|_| self.frame(kind))),
            1 => {
                let frame = self.for_all(kind);
                let again = count.min(40) as u8;
                forged.frames.push(self.head(again));
                forged.frames.extend((0..again).map(|_| frame.clone()));
            }
            2 => {
                for _ in 0..count {
                    forged.frames.push(self.head(1));
                    let frame = self.for_all(kind);
                    forged.frames.push(frame);
                }
            }
            _ => forged.smuggled = Some((self.head(1), self.frame(kind))),
        }
        forged
    }

    fn one_in(&mut self, of: u32) -> bool {
        self.random.hit(Ratio(1, of))
    }

    fn number(&mut self) -> u64 {
        match self.random.below(8) {
            0 => 0,
            1 => u64::MAX - self.random.below(3),
            2 => 1 << self.random.below(64),
            3 => self.random.draw(),
            _ => self.random.below(3_000),
        }
    }

    fn small(&mut self) -> u32 {
        match self.random.below(6) {
            0 => u32::MAX - self.random.below(2) as u32,
            1 => self.random.draw() as u32,
            _ => self.random.below(60) as u32,
        }
    }

    /// A node of the cluster, or one that nobody has ever heard.
    fn node(&mut self) -> usize {
        let nodes = self.sim.len() as u64;
        let beyond = self.one_in(5);
        let node = if beyond { nodes + self.random.below(200) } else { self.random.below(nodes) };
        node as usize
    }

    fn id(&mut self) -> NodeId {
        let node = self.node();
        self.sim.id(node)
    }

    fn life(&mut self) -> Life {
        let node = self.node();
        self.life_of(node)
    }

    fn life_of(&mut self, node: usize) -> Life {
        Life { id: self.sim.id(node), epoch: self.epoch(node) }
    }

    /// How a node is said to be named and reached: as it is, at other addresses, under another name, or
    /// as another node.
    fn locator(&mut self, node: usize) -> Option<Locator> {
        let names = self.sim.names();
        let (name, own) = (names.name(node), names.addr(node));
        match self.random.below(6) {
            0 => None,
            1 => {
                let mut addresses: Vec<SocketAddr> = (0..self.random.between(1, 4))
                    .map(|_| self.node())
                    .map(|other| names.addr(other))
                    .collect();
                addresses.sort_unstable();
                addresses.dedup();
                Locator::new(name, &addresses).ok()
            }
            2 => {
                let name = format!("invented {}", self.random.below(50));
                Locator::new(NodeName::try_from(name.as_str()).ok()?, &[own]).ok()
            }
            3 => {
                let other = self.node();
                Some(names.addr(other).into())
            }
            _ => Some(own.into()),
        }
    }

    fn epoch(&mut self, node: usize) -> Epoch {
        let node = self.sim.node(node);
        let present = node.or_else(|| self.sim.node(0)).map_or(1, |engine| engine.epoch().0);
        Epoch(match self.random.below(12) {
            0 => present.saturating_add(1 + self.random.below(1 << 30)),
            1 => present.saturating_sub(1 + self.random.below(1 << 30)),
            2 => u64::MAX - self.random.below(2),
            3 => self.number(),
            _ => present,
        })
    }

    fn head(&mut self, frames: u8) -> Frame {
        if self.one_in(4) {
            return Frame::Numbered { sequence: self.number(), frames };
        }
        let route = if self.one_in(2) {
            let from = self.random.draw() as u32;
            let until = if self.one_in(2) { from } else { self.random.draw() as u32 };
            let group = self.one_in(3).then(|| self.group.clone());
            Route::Ring { from, until, group, covered: self.one_in(2) }
        } else {
            Route::Listed(self.ids())
        };
        let packets_ago = core::num::NonZeroU64::new(self.number()).filter(|_| self.one_in(3));
        let first_try =
            packets_ago.map(|packets_ago| FirstTry { packets_ago, place: self.small() });
        let hops = self.random.draw() as u8;
        Frame::Spread(Spread { route, hops, frames, first_try })
    }

    fn ids(&mut self) -> Vec<NodeId> {
        (0..self.random.below(12)).map(|_| self.id()).collect()
    }

    fn claim(&mut self) -> Claim {
        let standing = match self.random.below(4) {
            0 => Standing::Alive,
            1 => Standing::Left,
            _ => Standing::Down,
        };
        let named = |liar: &mut Self| liar.one_in(2).then(|| liar.id());
        let node = self.node();
        Claim {
            life: self.life_of(node),
            incarnation: self.small(),
            standing,
            accuser: named(self),
            confirmed_by: [named(self), named(self)],
            age: if self.one_in(4) { self.small() } else { 0 },
            locator: self.locator(node),
        }
    }

    fn record(&mut self) -> Frame {
        let Life { id: member, epoch } = self.life();
        let since = if self.one_in(2) { 0 } else { self.number() / 4 };
        let mut clock = since;
        let count = self.random.below(6);
        let writes: Box<[Write]> = (0..count)
            .map(|_| {
                clock += 1 + self.random.below(3);
                let op = [Op::Add, Op::Remove, Op::Get][self.random.below(3) as usize];
                let range = if self.one_in(6) {
                    KeyRange::FULL
                } else {
                    range_of(self.random.below(self.sim.len() as u64) as usize, 0)
                };
                Write { range, op, port: self.random.below(9_000) as u16, clock }
            })
            .collect();
        let more = |liar: &mut Self| if liar.one_in(2) { 0 } else { liar.number() / 8 };
        let clock = clock + more(self);
        let target = clock + more(self);
        let floor = if self.one_in(2) { 0 } else { self.number() };
        let delta = RecordDelta { member, epoch, since, floor, clock, target, writes };
        Frame::Record { group: self.any_group(), delta }
    }

    fn any_group(&mut self) -> GroupName {
        if self.one_in(3) {
            let name = format!("invented {}", self.random.below(50));
            return GroupName::try_from(name.as_str()).unwrap_or_else(|_| self.group.clone());
        }
        self.group.clone()
    }

    fn span(&mut self) -> (u64, u64) {
        if self.one_in(2) {
            return (0, u64::MAX);
        }
        let (a, b) = (self.random.draw(), self.random.draw());
        (a.min(b), a.max(b))
    }

    fn numbers(&mut self) -> Vec<u64> {
        (0..self.random.below(20)).map(|_| self.random.draw()).collect()
    }

    fn holdings(&mut self) -> Frame {
        let (from, to) = self.span();
        let count = self.random.below(6);
        Frame::Holdings(Holdings {
            from,
            to,
            answer: self.one_in(2),
            claims: (0..count).map(|_| self.claim()).collect(),
            records: (0..count)
                .map(|_| RecordVersion {
                    group: self.any_group(),
                    member: self.life(),
                    clock: self.number(),
                })
                .collect(),
            attributes: (0..count)
                .map(|_| AttributeVersion {
                    life: self.life(),
                    kind: self.attribute_kind(),
                    version: self.number(),
                    sum: self.small(),
                })
                .collect(),
        })
    }

    /// One that the engine knows, or another.
    fn attribute_kind(&mut self) -> AttributeKind {
        let kinds = if self.one_in(2) { 4 } else { 256 };
        AttributeKind(self.random.below(kinds) as u8)
    }

    /// A frame that may travel inside a spread.
    fn for_all(&mut self, kind: usize) -> Frame {
        let frame = self.frame(kind);
        if frame.is_for_all() { frame } else { Frame::Claim(self.claim()) }
    }

    fn frame(&mut self, kind: usize) -> Frame {
        FRAMES[kind](self)
    }
}

/// One for each kind of frame but those that announce others, claims and records more than once. A new
/// kind goes to the end.
const FRAMES: &[fn(&mut Liar<'_>) -> Frame] = &[
    |liar| Frame::Ping { root: liar.number() },
    |liar| {
        let root = liar.one_in(2).then(|| liar.number());
        Frame::Pong { packet: liar.number(), root }
    },
    |liar| Frame::Ack { packet: liar.number() },
    |liar| Frame::Challenge { packet: liar.number() },
    |liar| Frame::Claim(liar.claim()),
    |liar| Frame::Claim(liar.claim()),
    |liar| Frame::Claim(liar.claim()),
    |liar| liar.record(),
    |liar| liar.record(),
    |liar| {
        let bytes = Bytes::from(vec![7; liar.random.below(512) as usize]);
        let (life, kind) = (liar.life(), liar.attribute_kind());
        Frame::Attribute { life, kind, version: liar.number(), bytes }
    },
    |liar| Frame::Slow { life: liar.life(), millis: liar.small() },
    |liar| {
        Frame::Message(Message {
            origin: liar.life(),
            sequence: liar.number(),
            tag: liar.small().max(FOREIGN),
            group: liar.one_in(2).then(|| liar.any_group()),
            payload: Bytes::from(vec![9; liar.random.below(600) as usize]),
        })
    },
    |liar| {
        let millis = liar.small();
        Frame::Verify { suspect: liar.life(), millis }
    },
    |liar| {
        let finding = match liar.random.below(3) {
            0 => Finding::Looking,
            1 => Finding::Answers,
            _ => Finding::Silent,
        };
        Frame::Verdict { suspect: liar.life(), finding }
    },
    |_| Frame::Suspicion,
    |liar| {
        let since = liar.number();
        Frame::Want { group: liar.any_group(), member: liar.life(), since }
    },
    |liar| {
        let (from, to) = liar.span();
        let (sum, count) = (liar.number(), liar.number());
        Frame::Ranges(vec![RangeSum { from, to, sum, count }])
    },
    |liar| liar.holdings(),
    |liar| {
        let (from, to) = liar.span();
        Frame::Coded(Coded { from, to, count: liar.number(), cells: liar.numbers() })
    },
    |liar| {
        let (from, to) = liar.span();
        let elements = liar.numbers().into_iter().map(|number| number >> 24).collect();
        Frame::Lacking(Lacking { from, to, elements })
    },
    |liar| Frame::Heard { speaker: liar.id(), nodes: liar.ids() },
    |liar| Frame::Vouch { life: liar.life(), packet: liar.number() },
    |liar| Frame::Beat { sequence: liar.number() },
    |liar| Frame::Missed { since: liar.number(), silent: liar.one_in(2) },
    |liar| Frame::Padding { bytes: liar.random.below(700) as u16 },
    |_| Frame::Narrow,
    |liar| Frame::TooLarge { packet: liar.number(), bytes: liar.random.draw() as u16 },
    |liar| {
        let bytes = liar.random.draw() as u16;
        Frame::Undelivered { sequence: liar.number(), bytes }
    },
    |liar| Frame::Counted {
        packet: liar.number(),
        tag: liar.random.draw() as u16,
        highest: liar.number(),
        tag_of_highest: liar.random.draw() as u16,
    },
    |liar| {
        let node = liar.node();
        Frame::Seen { at: liar.sim.names().addr(node) }
    },
    |liar| Frame::Drains { stamp: liar.number() },
    |liar| Frame::Noted { stamp: liar.number(), own: liar.number() },
    |liar| Frame::Duplicate { epoch: liar.life().epoch },
];

/// Above the tags of the messages that a scenario follows.
const FOREIGN: u32 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::mem::discriminant;

    use super::*;
    use crate::lan;

    /// A frame that is not drawn is one about which no member lies.
    #[test]
    fn every_kind_of_frame_is_drawn() {
        let sim = Sim::new(7).nodes(2, lan()).build();
        let group = GroupName::try_from("g").unwrap();
        let mut liar = Liar { sim: &sim, random: &mut Random::new(7), group: &group };
        let mut frames: Vec<Frame> = (0..FRAMES.len()).map(|kind| liar.frame(kind)).collect();
        // Which of the two heads it is is drawn too.
        frames.extend((0..64).map(|_| liar.head(1)));
        let kinds: HashSet<_> = frames.iter().map(discriminant).collect();
        assert_eq!(kinds.len(), scalesmall_hostile::kinds_of_frames());
    }
}
