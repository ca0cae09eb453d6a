//! A search for the size that passes to a peer: padded pings, and small ones beside them.

use alloc::vec::Vec;
use core::time::Duration;

use super::{BASE, STEPS};
use crate::base::{Instant, Ix};
use crate::out::{Out, Say, Why};
use crate::picture::Picture;

/// How often a size is tried before it is refuted: the size that has passed until now, and a
/// smaller or a larger one. With 30 % loss each way, one try in two fails by itself.
pub(super) const TRIES_IN_DOUBT: u8 = 8;
pub(super) const TRIES_OF_ANOTHER_SIZE: u8 = 3;

/// How many answers to small pings are needed to refute a size, and the most tries that wait for
/// them.
const SMALL_ANSWERS: u8 = 2;
const MOST_TRIES: u8 = 12;

/// Tries of one size.
#[derive(Clone, Debug, Hash)]
pub(super) struct Search {
    /// The peer that is asked.
    pub(super) with: Ix,
    size: usize,
    pub(super) upwards: bool,
    most: u8,
    tries: u8,
    /// The number of small pings that only ask whether the peer is there.
    calls: u8,
    /// The number of answers to small pings.
    small: u8,
    /// The padded pings.
    packets: Vec<u64>,
    pub(super) due: Instant,
}

impl Picture {
    pub(super) fn search(&self, with: Ix, size: usize, upwards: bool, most: u8) -> Search {
        let due = self.now + self.answer_wait(with, 0);
        Search { with, size, upwards, most, tries: 0, calls: 0, small: 0, packets: Vec::new(), due }
    }

    /// How long to wait for the answer to a try: twice the time after which an answer is late, as
    /// the datagram may be large. It grows in even steps, as it follows a round trip that may have grown
    /// and does not back off.
    fn answer_wait(&self, with: Ix, tries: u8) -> Duration {
        let late = self.peers.late(with).map_or(self.config.max_timeout, |late| 2 * late);
        let wait = late.max(self.timing.path_answer);
        (wait + wait / 4 * u32::from(tries)).min(self.config.max_timeout.max(wait))
    }

    /// A padded ping has gone out.
    pub(crate) fn padded_ping_sent(&mut self, out: &mut Out, to: Ix, packet: u64, size: usize) {
        let mut searches = self.paths.known.values_mut().filter_map(|path| path.search.as_mut());
        if let Some(search) =
            searches.find(|search| search.with == to && search.size == size && search.tries > 0)
        {
            search.packets.push(packet);
        }
        out.stats.path_probes_sent += 1;
    }

    /// A peer has answered a ping.
    pub(crate) fn path_answered(&mut self, out: &mut Out, by: Ix, packet: u64) {
        let mut passed = None;
        for (&of, path) in &mut self.paths.known {
            let Some(search) = path.search.as_mut().filter(|search| search.with == by) else {
                continue;
            };
            if search.packets.contains(&packet) {
                passed = Some(of);
            } else {
                search.small = search.small.saturating_add(1);
                if search.tries == 0 {
                    // The peer is there: now the size.
                    search.due = self.now;
                    out.timers.hasten(Why::Path, self.now);
                }
            }
        }
        if let Some(of) = passed {
            self.size_passed(out, of);
            self.arm_paths(out);
        }
    }

    pub(super) fn go_on(&mut self, out: &mut Out, of: Ix, mut search: Search) {
        let with = search.with;
        let there = search.small > 0;
        if there && search.tries >= search.most && search.small >= SMALL_ANSWERS {
            return self.size_refuted(out, of, &search);
        }
        let spent = search.calls >= TRIES_IN_DOUBT || search.tries >= MOST_TRIES;
        if spent || !self.state(with).is_alive() {
            return self.inconclusive(of);
        }
        if out.outbox.is_held(self.now, self.config.max_datagram, false) {
            // A ping would wait in the outbox now, and seem to be lost.
            search.due = self.now + self.answer_wait(with, MOST_TRIES);
            if let Some(path) = self.paths.known.get_mut(&of) {
                path.search = Some(search);
            }
            return;
        }
        let asked = if there { &mut search.tries } else { &mut search.calls };
        *asked += 1;
        search.due = self.now + self.answer_wait(with, search.tries + search.calls);
        let (to, size) = (self.bound(with), search.size);
        if let Some(path) = self.paths.known.get_mut(&of) {
            path.search = Some(search);
        }
        out.say(to, Say::Ping);
        if there {
            out.say(to, Say::PaddedPing { size });
        }
    }

    /// Nothing was heard of the peer: it is gone, or nothing at all passes.
    fn inconclusive(&mut self, of: Ix) {
        let wide = self.config.max_datagram;
        let Some(path) = self.paths.known.get_mut(&of) else { return };
        if path.told < wide {
            (path.size, path.ceiling) = (path.told, path.told);
            path.next = self.now + path.rest(&self.timing);
        } else {
            self.paths.known.remove(&of);
        }
    }

    fn size_refuted(&mut self, out: &mut Out, of: Ix, search: &Search) {
        let Some(path) = self.paths.known.get_mut(&of) else { return };
        if search.upwards {
            path.failures += 1;
            path.next = self.now + path.rest(&self.timing);
            return;
        }
        let smaller = STEPS.iter().rev().copied().find(|&step| step < search.size);
        path.ceiling = smaller.unwrap_or(BASE);
        match smaller {
            Some(size) => {
                let mut next = self.search(search.with, size, false, TRIES_OF_ANOTHER_SIZE);
                // The peer is known to be there.
                next.small = 1;
                next.due = self.now;
                if let Some(path) = self.paths.known.get_mut(&of) {
                    path.search = Some(next);
                }
            }
            None => self.conclude(out, of, BASE),
        }
    }

    fn size_passed(&mut self, out: &mut Out, of: Ix) {
        let Some(path) = self.paths.known.get_mut(&of) else { return };
        let Some(search) = path.search.take() else { return };
        self.paths.suspects.remove(&search.with);
        if search.upwards {
            path.failures = 0;
        }
        self.conclude(out, of, search.size);
    }

    pub(super) fn try_larger(&mut self, out: &mut Out, of: Ix) {
        let wide = self.config.max_datagram;
        let Some(path) = self.paths.known.get(&of) else { return };
        if path.size >= wide {
            self.paths.known.remove(&of);
            // From here on the size for all others holds for this peer as well.
            self.tell_path_of_new(out, of);
            return;
        }
        let size = STEPS.iter().copied().find(|&step| step > path.size).unwrap_or(wide).min(wide);
        let rest = path.rest(&self.timing);
        let with = if of == Ix::ME {
            self.random_alive(out, 1, |ix| self.is_direct(ix)).pop()
        } else {
            Some(of)
        };
        let with = with.filter(|&with| self.state(with).is_alive());
        let search = with.map(|with| self.search(with, size, true, TRIES_OF_ANOTHER_SIZE));
        let Some(path) = self.paths.known.get_mut(&of) else { return };
        path.next = self.now + rest;
        path.search = search;
        if let Some(with) = with {
            out.say(self.bound(with), Say::Ping);
        }
    }
}
