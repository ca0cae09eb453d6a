//! Parts of the ring that routes lead to: the members of a group, or the nodes that no speaker
//! covers.
//!
//! Each is a ring of its own. It is made when it is first needed and kept until its basis changes,
//! so that passing on a frame costs a look-up and no list.

use alloc::vec::Vec;

use crate::base::{GroupName, Instant, Ix};
use crate::out::{Out, Why};
use crate::picture::{Picture, Ring};
use crate::wire::Route;

/// The most views that are kept; the least recently used goes first.
const MOST: usize = 8;

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
pub(super) struct Views {
    views: Vec<View>,
}

impl Views {
    /// Drops views that have not been used lately.
    pub(super) fn drop_idle(&mut self, picture: &Picture, out: &mut Out) {
        let (views, now, idle) = (&mut self.views, picture.now, picture.timing.view_idle);
        views.retain(|view| now.since(view.used) < idle);
        if views.is_empty() {
            *views = Vec::new();
        } else {
            out.timers.hasten(Why::Housekeeping, now + idle);
        }
    }

    /// The part of the ring that a route is about, made if need be.
    pub(super) fn ring<'a>(
        &'a mut self,
        picture: &'a Picture,
        out: &mut Out,
        route: &Route,
    ) -> &'a Ring {
        let Route::Ring { group, covered, .. } = route else { return &picture.ring };
        // Without speakers nobody is covered.
        let covered = *covered || picture.covers.is_empty();
        if covered && group.is_none() {
            return &picture.ring;
        }
        let at = self.find(picture, out, group.as_ref(), covered);
        &self.views[at].ring
    }

    fn find(
        &mut self,
        picture: &Picture,
        out: &mut Out,
        group: Option<&GroupName>,
        covered: bool,
    ) -> usize {
        let basis = Basis {
            ring: picture.ring.version(),
            covers: if covered { 0 } else { picture.covers.version() },
            group: group.and_then(|group| picture.topology.version_of(group)),
        };
        let same = |view: &View| view.covered == covered && view.group.as_ref() == group;
        if let Some(at) = self.views.iter().position(same) {
            let view = &mut self.views[at];
            if view.basis == basis && view.until.is_none_or(|until| until > picture.now) {
                view.used = picture.now;
                return at;
            }
            self.views.swap_remove(at);
        } else if self.views.len() >= MOST {
            let used = self.views.iter().enumerate().min_by_key(|(_, view)| view.used);
            if let Some((stalest, _)) = used {
                self.views.swap_remove(stalest);
            }
        }
        let ring = look(picture, group, covered);
        let until = if covered { None } else { picture.covers.next_end(picture.now) };
        let (group, used) = (group.cloned(), picture.now);
        out.timers.hasten(Why::Housekeeping, picture.now + picture.timing.view_idle);
        self.views.push(View { group, covered, basis, until, used, ring });
        self.views.len() - 1
    }
}

/// The part of the ring that a route means: the members of a group that are not covered, and the
/// speakers, which pass it on to the nodes that they cover.
fn look(picture: &Picture, group: Option<&GroupName>, covered: bool) -> Ring {
    let meant = |ix: Ix| covered || !picture.is_covered(ix);
    let Some(group) = group else { return picture.ring.filtered(meant) };
    let members = picture.topology.members_of_any_status(group);
    let speakers = if covered { Vec::new() } else { picture.speakers() };
    let peers = members.chain(speakers).filter(|&ix| ix != Ix::ME && meant(ix));
    picture.ring.of(peers.map(|ix| (picture.position(ix), ix)))
}
