//! The node itself: build, uptime, queues, seeds.

use scalesmall_core::{Footing, MulticastState};

use super::{Family, Value};
use crate::call_error::CALLS;
use crate::calls::Front;
use crate::discovery::SeedState;

pub(super) fn families(front: &Front) -> Vec<Family> {
    let engine = front.engine();
    let load = engine.load();
    let uptime = Family::gauge("uptime", "How long this node has run.").in_unit("seconds");
    let bytes = Family::gauge(
        "queue_events",
        "Bytes of messages and metadata in events that the application has not taken yet.",
    );
    let agreement = front.agreement();
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let lag = Family::gauge(
        "agreement_lag",
        "The oldest change that a peer with the same picture lacked, or this node.",
    );
    vec![
        Family::info(
            "build",
            "The version of the library that runs this node.",
            [("version", env!("CARGO_PKG_VERSION").into())],
        ),
        Family::info(
            "node",
            "The name of this node, its identity, and its cluster.",
            [
                ("name", super::own_name(front).into()),
                ("id", front.id().to_string().into()),
                ("cluster", super::text(engine.config().cluster.as_bytes())),
            ],
        ),
        uptime.with([], Value::Real(front.uptime().as_secs_f64())),
        Family::gauge(
            "caught_up",
            "Whether this node has found a peer with an equal picture since it started, or has waited for \
             one in vain while it had company: 1 or 0.",
        )
        .count(usize::from(engine.has_caught_up())),
        Family::gauge("leaving", "Whether this node says goodbye or has said it: 1 or 0.")
            .count(usize::from(engine.is_leaving())),
        Family::gauge("draining", "Whether this node drains, as it is about to stop: 1 or 0.")
            .count(usize::from(front.peer(front.id()).is_some_and(|me| me.draining.is_some()))),
        Family::gauge(
            "held_off",
            "For how much longer the others do not route to this node, as it was cut off or stood still \
             repeatedly: 0 if they do.",
        )
        .in_unit("seconds")
        .with([], Value::Real(engine.held_off().map_or(0.0, |(_, left)| left.as_secs_f64()))),
        Family::gauge(
            "health_factor",
            "What this node multiplies its time-outs by: 1 when it is well, up to 9.",
        )
        .with([], Value::Whole(load.health.into())),
        Family::gauge("keys", "Keys that this node accepts.")
            .count(engine.config().keys.ids().count()),
        footing(front),
        Family::gauge("agreement_peers", "Peers that this node has compared its picture with in the last ten seconds: how many hold the same, except changes that are on their way, and how many do not.")
            .labelled("agrees", "yes", count(agreement.agree))
            .labelled("agrees", "no", count(agreement.compared - agreement.agree)),
        lag.in_unit("seconds").with([], Value::Real(agreement.lag.as_secs_f64())),
        Family::gauge("nodes", "Nodes that are known and have not left, this one included: those that it hears, and the others.")
            .labelled("heard", "yes", count(agreement.heard))
            .labelled("heard", "no", count(agreement.known - agreement.heard)),
        multicast(front.multicast()),
        seeds(front),
        queue_lengths(front),
        queue_limits(front),
        bytes.in_unit("bytes").count(load.event_bytes),
    ]
}

fn footing(front: &Front) -> Family {
    let now = front.agreement().footing;
    let all = [Footing::Minority, Footing::Apart, Footing::Unknown, Footing::Agreed];
    let family = Family::gauge(
        "footing",
        "How this node stands to its cluster: 1 for that, 0 for the others.",
    );
    all.into_iter()
        .fold(family, |family, of| family.labelled("footing", of.name(), usize::from(now == of)))
}

fn queue_lengths(front: &Front) -> Family {
    let load = front.engine().load();
    Family::gauge(
        "queue_length",
        "What waits: frames to be sent, changes to be broadcast, copies to be acknowledged, events to be \
         taken by the application, calls from other threads.",
    )
    .labelled("queue", "frames", load.frames)
    .labelled("queue", "changes", load.changes)
    .labelled("queue", "copies", load.copies)
    .labelled("queue", "events", load.events)
    .labelled("queue", "calls", front.calls_waiting)
}

fn queue_limits(front: &Front) -> Family {
    let limits = &front.engine().config().limits;
    let of = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
    Family::gauge(
        "queue_limit",
        "How much of each kind may wait; of frames, this many that are urgent and this many that are not.",
    )
    .labelled("queue", "frames", of(limits.outbox))
    .labelled("queue", "changes", of(limits.outbox))
    .labelled("queue", "copies", of(limits.relays))
    .labelled("queue", "events", of(limits.events))
    .labelled("queue", "calls", CALLS)
}

fn multicast(state: Option<MulticastState>) -> Family {
    let mut family = Family::gauge(
        "multicast",
        "What multicast does for this node: 1 for the state it is in, 0 for the others; without values \
         while multicast is off.",
    );
    if let Some(state) = state {
        for of in [MulticastState::Working, MulticastState::Silent, MulticastState::Unheard] {
            family = family.labelled("state", of.name(), usize::from(state == of));
        }
    }
    family
}

fn seeds(front: &Front) -> Family {
    let mut counts = [0; 5];
    for (_, state) in front.seeds() {
        counts[match state {
            SeedState::Answers => 0,
            SeedState::Silent { .. } => 1,
            SeedState::Unresolved { .. } => 2,
            SeedState::LookingUp => 3,
            SeedState::OutOfReach => 4,
        }] += 1;
    }
    let names = ["answers", "silent", "unresolved", "looking_up", "out_of_reach"];
    let family = Family::gauge("seeds", "Seeds, by what is known of them.");
    names
        .into_iter()
        .zip(counts)
        .fold(family, |family, (name, count)| family.labelled("state", name, count))
}
