//! Multicast: changes repeated a few times, and a beacon by which nodes find each other.

use alloc::vec::Vec;
use core::time::Duration;

use crate::context::Context;
use crate::outbox::To;
use crate::port::Destination;
use crate::time::Instant;
use crate::timers::Why;
use crate::wire::Frame;

/// After the first sending, when a change is sent again: loss is often gone by then.
const ECHOES: [Duration; 2] = [Duration::from_millis(8), Duration::from_millis(25)];

/// The most changes that wait for their repetition.
const CAPACITY: usize = 256;

/// What is to be said again.
#[derive(Debug, Default)]
pub(crate) struct Multicast {
    echoes: Vec<(Instant, Vec<Frame>)>,
}

const EVERYBODY: To = To { at: Destination::Multicast, bound: None, node: None };

impl Multicast {
    /// Says hello soon, and at intervals from then on.
    pub(crate) fn start(&mut self, ctx: &mut Context) {
        self.echoes.clear();
        let beacon = ctx.config.multicast.then(|| ctx.now + Duration::from_millis(1));
        ctx.timers.set(Why::Beacon, beacon);
        ctx.timers.set(Why::Echo, None);
    }

    /// Sends frames that fit in one packet now, and twice again.
    pub(crate) fn send(&mut self, ctx: &mut Context, frames: &[Frame]) {
        if !ctx.config.multicast {
            return;
        }
        say_all(ctx, frames);
        for echo in ECHOES {
            if self.echoes.len() < CAPACITY {
                self.echoes.push((ctx.now + echo, frames.to_vec()));
            }
        }
        self.arm(ctx);
    }

    /// Repeats what is due.
    pub(crate) fn on_echo(&mut self, ctx: &mut Context) {
        let now = ctx.now;
        for (_, frames) in self.echoes.extract_if(.., |(at, _)| *at <= now) {
            say_all(ctx, &frames);
        }
        self.arm(ctx);
    }

    /// Says that this node is here.
    pub(crate) fn on_beacon(&self, ctx: &mut Context) {
        ctx.greet(EVERYBODY);
        let wait = ctx.around(ctx.config.beacon_interval);
        ctx.timers.set(Why::Beacon, Some(ctx.now + wait));
    }

    fn arm(&self, ctx: &mut Context) {
        ctx.timers.set(Why::Echo, self.echoes.iter().map(|(at, _)| *at).min());
    }
}

fn say_all(ctx: &mut Context, frames: &[Frame]) {
    for frame in frames {
        ctx.say_frame(EVERYBODY, frame.clone());
    }
}
