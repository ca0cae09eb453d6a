//! Laws about pictures as they stand: of one node, and of two of them side by side.

use scalesmall_core::{Engine, Epoch, Op, Peer};

use super::{broken, of};
use crate::check::{Law, Verdict};
use crate::sim::Sim;

/// Whether two nodes with equal digests hold different pictures of those that are present at both. Those
/// that are gone and what has been removed are no part of the digest: each node remembers them for as long
/// as it likes and has room.
pub(crate) fn contents_differ(sim: &Sim<Engine>, one: usize, other: usize) -> Verdict {
    let pair = [sim.node(one)?, sim.node(other)?];
    let differ = |what: String| broken(Law::EqualDigests, what, &[one, other]);
    let present = |id: scalesmall_core::NodeId| {
        pair.iter().all(|engine| engine.peer(id).is_some_and(|peer| peer.status.is_present()))
    };
    let [mut mine, mut theirs] = pair.map(|engine| {
        let groups = engine.groups();
        let items = groups.flat_map(|group| engine.topology(group).map(move |item| (group, item)));
        items.filter(|(_, timed)| {
            let member = sim.node_of(timed.item.member);
            let once = member.is_none_or(|node| !sim.written().is_repeated(node, timed.epoch));
            once && timed.item.op != Op::Remove && present(timed.item.member)
        })
    });
    loop {
        match (mine.next(), theirs.next()) {
            (None, None) => break,
            (mine, theirs) if mine == theirs => {}
            (mine, theirs) => return differ(format!("{mine:?} against {theirs:?}")),
        }
    }
    let [this, that] = pair;
    for mine in this.peers().filter(|peer| peer.id != that.id() && peer.status.is_present()) {
        let about = sim.node_of(mine.id);
        if about.is_some_and(|about| sim.written().is_repeated(about, mine.epoch)) {
            continue;
        }
        let theirs = that.peer(mine.id);
        let same = |theirs: &Peer| {
            (theirs.epoch, theirs.incarnation) == (mine.epoch, mine.incarnation)
                && theirs.metadata == mine.metadata
                && (&theirs.name, &theirs.addresses) == (&mine.name, &mine.addresses)
        };
        if !theirs.as_ref().is_some_and(same) {
            return differ(format!("{mine:?} against {theirs:?}"));
        }
    }
    None
}

/// Whether a node believes in a life that its owner has never led.
pub(super) fn never_lived(sim: &Sim<Engine>, node: usize, about: usize, epoch: Epoch) -> Verdict {
    let newest = sim.written().newest(about);
    let what = || format!("life {epoch} of node {about}, whose last one is {newest}");
    (epoch > newest).then(|| of(Law::NeverLived, what(), &[node, about]))
}

/// Whether an incarnation is above the one that its owner has reached.
pub(super) fn raised_by_another(sim: &Sim<Engine>, node: usize, peer: &Peer) -> Verdict {
    if peer.incarnation == 0 {
        return None;
    }
    let about = sim.node_of(peer.id)?;
    let owner = sim.node(about)?;
    let own = owner.peer(owner.id())?;
    let raised = !sim.written().is_repeated(about, peer.epoch)
        && own.epoch == peer.epoch
        && peer.incarnation > own.incarnation;
    raised.then(|| of(Law::RaisedByAnother, format!("{peer:?}, itself {own:?}"), &[node, about]))
}

pub(super) fn beyond_limits(node: usize, engine: &Engine) -> Verdict {
    let limits = &engine.config().limits;
    let items = || engine.groups().map(|group| engine.topology(group).count()).sum::<usize>();
    let counts = [
        ("nodes", engine.peers().count() + 1, limits.nodes),
        ("groups", engine.groups().count(), limits.groups),
        ("ranges", items(), limits.ranges),
    ];
    counts.into_iter().find(|(_, count, limit)| *count > *limit as usize).map(
        |(what, count, limit)| {
            of(Law::BeyondLimit, format!("{count} {what}, at most {limit}"), &[node])
        },
    )
}
