//! A member that lies: packets of one node, sealed with the key and in its name, that say whatever
//! somebody chooses.

use bytes::BytesMut;
use scalesmall_core::seal::Sealer;
use scalesmall_core::wire::{Frame, Header, Writer};
use scalesmall_core::{Destination, Engine, Life};

use super::Sim;
use crate::node::Condition;

/// A packet that no engine would send.
#[derive(Clone, Debug)]
pub struct Forged {
    /// The node that it goes to; `None` for multicast.
    pub to: Option<usize>,
    /// Whether it is bound to the life of its receiver. A multicast is not.
    pub bound: bool,
    /// The frames, in order. One that breaks a rule by itself is left out, with what announces it.
    pub frames: Vec<Frame>,
    /// A spread or a numbered batch of one frame, and the frame in it, whether or not it may travel
    /// there.
    pub smuggled: Option<(Frame, Frame)>,
}

impl Sim<Engine> {
    /// A node says what was forged, under its next packet number. From then on what is shown may be a
    /// lie, so that laws about who has written and lived what are not checked any more.
    ///
    /// Returns how many bytes were sent: none if the node or the receiver does not run, or nothing may be
    /// sent just now.
    pub fn forge(&mut self, node: usize, forged: &Forged) -> usize {
        let target = forged.to.unwrap_or_else(|| (node + 1) % self.len());
        let running = [node, target].into_iter().all(|it| self.condition(it) == Condition::Running);
        let (Some(engine), Some(other)) = (self.node(node), self.node(target)) else { return 0 };
        if !running {
            return 0;
        }
        let receiver = Life { id: other.id(), epoch: other.epoch() };
        let life = Life { id: engine.id(), epoch: engine.epoch() };
        let config = engine.config();
        let sealer = Sealer::new(&config.keys, &config.cluster, config.liveness, life);
        let bound = (forged.bound && forged.to.is_some()).then_some(receiver);
        let at = self.addr(target);
        let to = forged.to.map_or(Destination::Multicast, |_| Destination::Unicast(at));
        (self.lied, self.calm) = (true, false);
        // What waits goes first; then the engine is made to send something, in place of which the packet
        // goes.
        self.tell(node, |engine, now| engine.contact(now, &[]));
        self.call(node, |engine, now| engine.contact(now, &[at]));
        let (mut own, mut sent) = (BytesMut::new(), 0);
        while let Some(meant) = self.call(node, |engine, _| engine.poll_transmit(&mut own)) {
            match Header::parse(&own) {
                Ok((header, _)) if sent == 0 && meant == Destination::Unicast(at) => {
                    let mut bytes = BytesMut::new();
                    write(forged, &sealer, header.packet).finish(&sealer, bound, &mut bytes);
                    sent = bytes.len();
                    self.faults.forged += 1;
                    self.transmit(node, to, &bytes);
                }
                _ => self.transmit(node, meant, &own),
            }
            own.clear();
        }
        self.settle(node);
        sent
    }
}

/// What fits into the largest datagram of a common path.
const LARGEST: usize = 1_400;

fn write(forged: &Forged, sealer: &Sealer, number: u64) -> Writer {
    let mut writer = Writer::default();
    writer.begin(sealer.header(number), LARGEST);
    let mut rest = forged.frames.iter();
    while let Some(frame) = rest.next() {
        let announced = match frame {
            Frame::Spread(spread) => spread.frames,
            Frame::Numbered { frames, .. } => *frames,
            _ => 0,
        };
        let batch = rest.by_ref().take(usize::from(announced));
        let _ = writer.push_all(core::iter::once(frame).chain(batch));
    }
    if let Some((head, frame)) = &forged.smuggled {
        let _ = writer.push_unfit(head, frame);
    }
    writer
}
