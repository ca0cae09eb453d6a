//! The other nodes: how many in which state, and how far away.

use std::time::Duration;

use scalesmall_core::Status;

use super::{Family, Value};
use crate::calls::Front;

const STATUSES: [Status; 5] =
    [Status::Alive, Status::Suspect, Status::Unreachable, Status::Down, Status::Left];

/// The shares of peers whose round trips are told, in hundredths.
const QUANTILES: [(&str, usize); 4] = [("0.5", 50), ("0.9", 90), ("0.99", 99), ("1", 100)];

pub(super) fn families(front: &Front) -> Vec<Family> {
    let mut counts = STATUSES.map(|_| 0);
    let (mut held_off, mut draining) = (0, 0);
    let mut trips = Vec::new();
    for peer in front.peers() {
        for (status, count) in STATUSES.iter().zip(&mut counts) {
            *count += usize::from(peer.status == *status);
        }
        held_off += usize::from(peer.held_for.is_some());
        if peer.status == Status::Alive {
            draining += usize::from(peer.draining.is_some());
            trips.extend(peer.rtt);
        }
    }
    let peers = Family::gauge(
        "peers",
        "Other nodes that this one knows, by what it believes of them; one that is held off is shown as \
         down.",
    );
    let held = Family::gauge(
        "peers_held_off",
        "Other nodes that live, but are shown as down for a while, as they have gone down repeatedly.",
    );
    vec![
        STATUSES
            .into_iter()
            .zip(counts)
            .fold(peers, |family, (status, count)| family.labelled("status", status.name(), count)),
        held.count(held_off),
        Family::gauge("peers_draining", "Other nodes that are alive and drain.").count(draining),
        round_trips(trips),
    ]
}

/// By how much of the living peers each quantile is not exceeded.
fn round_trips(mut trips: Vec<Duration>) -> Family {
    trips.sort_unstable();
    let family = Family::gauge(
        "round_trip",
        "Smoothed round-trip times to the living peers: the one that this share of them does not exceed.",
    )
    .in_unit("seconds");
    QUANTILES.into_iter().fold(family, |family, (name, hundredths)| {
        let rank = (trips.len() * hundredths).div_ceil(100);
        match rank.checked_sub(1).and_then(|at| trips.get(at)) {
            Some(trip) => family.with([("quantile", name.into())], Value::Real(trip.as_secs_f64())),
            None => family,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(millis: impl Iterator<Item = u64>) -> Vec<f64> {
        let family = round_trips(millis.map(Duration::from_millis).collect());
        let real = |value| match value {
            Value::Real(seconds) => seconds * 1_000.0,
            Value::Whole(_) => panic!("a round trip is a measure"),
        };
        family.samples.iter().map(|sample| real(sample.value).round()).collect()
    }

    #[test]
    fn a_quantile_is_the_round_trip_that_a_share_of_the_peers_does_not_exceed() {
        assert_eq!(told((1..=100).rev()), [50.0, 90.0, 99.0, 100.0]);
        assert_eq!(told([3, 1].into_iter()), [1.0, 3.0, 3.0, 3.0]);
        assert_eq!(told([7].into_iter()), [7.0, 7.0, 7.0, 7.0]);
        assert_eq!(told(std::iter::empty()), [0.0; 0]);
    }
}
