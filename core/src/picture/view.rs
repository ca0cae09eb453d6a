//! Parts of the ring that routes lead to: the members of a group, or the nodes that no speaker
//! covers.
//!
//! Each is a ring of its own. It is made when it is first needed and kept until its basis changes,
//! so that passing on a frame costs a look-up and no list.

use alloc::vec::Vec;

use crate::base::{GroupName, Instant, Ix};
use crate::out::{Out, Why};
use crate::picture::Picture;
use crate::picture::ring::Ring;
use crate::wire::Route;

/// The most views that are kept; the least recently used goes first.
const KEPT: usize = 8;

/// What a view depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Basis {
    ring: u64,
    covers: u64,
    group: Option<u64>,
}

#[derive(Clone, Debug, Hash)]
struct View {
    group: Option<GroupName>,
    covered: bool,
    basis: Basis,
    /// When the first promise ends on which it relies.
    until: Option<Instant>,
    used: Instant,
    ring: Ring,
}

/// The views that were used recently.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Views {
    views: Vec<View>,
}

impl Picture {
    /// Drops views that have not been used lately.
    pub(crate) fn give_views_back(&mut self, out: &mut Out) {
        let (views, now, idle) = (&mut self.views.views, self.now, self.timing.view_idle);
        views.retain(|view| now.since(view.used) < idle);
        if views.is_empty() {
            *views = Vec::new();
        } else {
            out.timers.hasten(Why::Housekeeping, now + idle);
        }
    }

    /// The view of a route, made if need be; `None` if it leads to all of the ring.
    pub(crate) fn view_for(&mut self, out: &mut Out, route: &Route) -> Option<usize> {
        let Route::Ring { group, covered, .. } = route else { return None };
        // Without speakers nobody is covered.
        let covered = *covered || self.covers.is_empty();
        if covered && group.is_none() {
            return None;
        }
        let basis = Basis {
            ring: self.ring.version(),
            covers: if covered { 0 } else { self.covers.version() },
            group: group.as_ref().and_then(|group| self.topology.version_of(group)),
        };
        let same = |view: &View| view.covered == covered && view.group == *group;
        let known = self.views.views.iter().position(same);
        if let Some(at) = known {
            let view = &mut self.views.views[at];
            if view.basis == basis && view.until.is_none_or(|until| until > self.now) {
                view.used = self.now;
                return known;
            }
            self.views.views.swap_remove(at);
        } else if self.views.views.len() >= KEPT {
            let used = self.views.views.iter().enumerate().min_by_key(|(_, view)| view.used);
            if let Some((stalest, _)) = used {
                self.views.views.swap_remove(stalest);
            }
        }
        let ring = self.look(group.as_ref(), covered);
        let until = if covered { None } else { self.covers.next_end(self.now) };
        let (group, used) = (group.clone(), self.now);
        out.timers.hasten(Why::Housekeeping, self.now + self.timing.view_idle);
        self.views.views.push(View { group, covered, basis, until, used, ring });
        Some(self.views.views.len() - 1)
    }

    /// The ring that a view shows.
    pub(crate) fn seen_through(&self, view: Option<usize>) -> &Ring {
        view.map_or(&self.ring, |view| &self.views.views[view].ring)
    }

    /// The part of the ring that a route means: the members of a group that are not covered, and
    /// the speakers, which pass it on to the nodes that they cover.
    fn look(&self, group: Option<&GroupName>, covered: bool) -> Ring {
        let meant = |ix: Ix| covered || !self.is_covered(ix);
        let Some(group) = group else { return self.ring.filtered(meant) };
        let members = self.topology.members_of_any_status(group);
        let speakers = if covered { Vec::new() } else { self.speakers() };
        let peers = members.chain(speakers).filter(|&ix| ix != Ix::ME && meant(ix));
        self.ring.of(peers.map(|ix| (self.position(ix), ix)))
    }
}
