//! What everybody is to be told, from when it comes up until it is broadcast together with the rest.

use alloc::vec::Vec;
use core::time::Duration;

use crate::base::{GroupName, Ix};
use crate::claims::{AttributeKind, Standing};
use crate::out::{Out, Why};
use crate::picture::Picture;
use crate::wire::{Frame, OVERHEAD};

impl Picture {
    /// Has a frame broadcast soon, together with what else waits.
    ///
    /// Of what waits about one subject only the last is kept. A silent node broadcasts nothing.
    pub(crate) fn tell_all(&self, out: &mut Out, frame: Frame) {
        if out.silent {
            return;
        }
        if let Frame::Claim(claim) = &frame {
            out.claims.insert(claim.life.id, frame);
        } else {
            if matches!(frame, Frame::Attribute { .. } | Frame::Slow { .. }) {
                out.news.retain(|old| !replaces(&frame, old));
            }
            if out.news.len() >= self.config.limits.outbox as usize {
                out.stats.changes_left_to_repair += 1;
                return;
            }
            out.news.push(frame);
        }
        self.flush_soon(out);
    }

    /// Has the claim about a node broadcast.
    pub(crate) fn tell_all_of(&self, out: &mut Out, ix: Ix) {
        let claim = self.claim(ix);
        self.tell_all(out, Frame::Claim(claim));
    }

    /// Has this node's writes to a group after a clock broadcast.
    pub(crate) fn tell_all_written(&self, out: &mut Out, group: &GroupName, since: u64) {
        if out.silent {
            return;
        }
        out.written.entry(group.clone()).or_insert(since);
        self.flush_soon(out);
    }

    /// Has broadcast what this node has removed and then given up to make room.
    pub(crate) fn tell_all_retracted(&mut self, out: &mut Out) {
        for (group, delta) in self.topology.take_retracted() {
            self.tell_all(out, Frame::Record { group, delta });
        }
    }

    /// Has an attribute of this node broadcast.
    pub(crate) fn tell_all_described(&self, out: &mut Out, kind: AttributeKind) {
        if out.silent {
            return;
        }
        out.described.insert(kind);
        self.flush_soon(out);
    }

    /// Takes what is to be broadcast. What this node has written is included only if `own`: few
    /// nodes know a newcomer yet, and others would not pass on what it says.
    pub(crate) fn take_news(&self, out: &mut Out, own: bool) -> Vec<Frame> {
        let mut claims = core::mem::take(&mut out.claims);
        let mut frames = core::mem::take(&mut out.news);
        if own {
            let described = core::mem::take(&mut out.described);
            frames.extend(described.into_iter().map(|kind| self.attribute_frame(Ix::ME, kind)));
            let room = self.datagram(Ix::ME) - OVERHEAD;
            for (group, since) in core::mem::take(&mut out.written) {
                let deltas = self.topology.pieces(&group, Ix::ME, since, room);
                frames.extend(deltas.into_iter().map(|delta| {
                    let group = group.clone();
                    Frame::Record { group, delta }
                }));
            }
        }
        let mut news: Vec<Frame> = Vec::with_capacity(claims.len() + frames.len());
        // The node that the piece before is about.
        let mut last = None;
        for frame in frames {
            // Those that do not know a node take nothing of it before they have its claim, so both
            // travel in one packet; with the beginning of a record the claim goes even if it is old.
            let (id, begins) = match &frame {
                Frame::Record { delta, .. } => (Some(delta.member), delta.since == 0),
                Frame::Attribute { life, .. } => (Some(life.id), false),
                _ => (None, false),
            };
            if let Some(id) = id {
                let old = || self.find(id).map(|ix| Frame::Claim(self.claim(ix)));
                let goes = begins && last != Some(id);
                news.extend(claims.remove(&id).or_else(|| goes.then(old).flatten()));
            }
            last = id;
            news.push(frame);
        }
        news.splice(0..0, claims.into_values());
        news
    }

    pub(crate) fn flush_soon(&self, out: &mut Out) {
        let least = self.config.coalesce.max(Duration::from_nanos(1));
        let urgent = out
            .claims
            .values()
            .any(|claim| matches!(claim, Frame::Claim(claim) if claim.standing != Standing::Alive));
        let pause = if urgent { least } else { out.pace.hold(&self.timing, self.now, least) };
        out.timers.hasten(Why::Flush, self.now + pause);
    }
}

/// Whether a new frame to be broadcast makes an old one obsolete.
fn replaces(new: &Frame, old: &Frame) -> bool {
    match (new, old) {
        (
            Frame::Attribute { life: new, kind, .. },
            Frame::Attribute { life: old, kind: of, .. },
        ) => (new.id, kind) == (old.id, of),
        (Frame::Slow { life: new, .. }, Frame::Slow { life: old, .. }) => new.id == old.id,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::base::{Epoch, Life, NodeId};
    use crate::picture::of_one;

    /// What is entrusted to this node while nobody lets it send takes no more room than may be.
    #[test]
    fn changes_to_pass_on_have_a_limit() {
        let (mut picture, mut out) = of_one();
        picture.config.limits.outbox = 64;
        for port in 2..=102 {
            let life = Life { id: NodeId::from_bits(port), epoch: Epoch(1) };
            picture.tell_all(
                &mut out,
                Frame::Attribute {
                    life,
                    kind: AttributeKind::METADATA,
                    version: 1,
                    bytes: Bytes::new(),
                },
            );
        }
        assert_eq!((out.news.len(), out.stats.changes_left_to_repair), (64, 37));
    }
}
