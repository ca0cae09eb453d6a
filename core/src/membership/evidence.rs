//! What the application has found out about peers by its own traffic.
//!
//! It counts like what probes find, and no more: a sign of life like a pong, a failure like the first
//! try of a probe. So an application that is wrong, or lies, changes when a peer is probed and not what
//! becomes of it.

use crate::base::{Instant, Ix};
use crate::out::Out;
use crate::picture::Picture;

use super::Membership;

/// The most peers that are probed in a probe interval because the application has asked.
const MOST_FAILED: usize = 16;

/// The peers that were probed because of the application, and when, for a probe interval.
pub(super) type Failed = alloc::vec::Vec<(Ix, Instant)>;

impl Membership {
    /// The application has heard from a peer. Returns whether that counts.
    pub(crate) fn heard_from(&mut self, picture: &mut Picture, out: &mut Out, ix: Ix) -> bool {
        // One that is said to be gone has to say itself that it is not; one that is held off is.
        let counts = ix != Ix::ME && picture.state(ix).is_living() && !out.silent;
        if counts {
            self.probes.spare(out, ix);
            self.on_living(picture, out, ix);
        }
        counts
    }

    /// The application has not reached a peer. Returns whether it is probed for that now.
    pub(crate) fn failed_at(&mut self, picture: &Picture, out: &mut Out, ix: Ix) -> bool {
        let interval = picture.config.probe_interval;
        self.failed.retain(|&(_, at)| picture.now.since(at) < interval);
        let again = self.failed.iter().any(|&(failed, _)| failed == ix);
        let counts = ix != Ix::ME && picture.state(ix).is_alive() && !out.silent;
        if !counts || again || self.failed.len() >= MOST_FAILED {
            return false;
        }
        let begins = self.probes.begin(picture, out, ix);
        if begins {
            self.failed.push((ix, picture.now));
        }
        begins
    }
}
