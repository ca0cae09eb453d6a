//! News goes out at once while there is little of it.

use std::time::Duration;

use scalesmall_core::{GroupName, KeyRange};
use scalesmall_hostile::{addr, engine};

use crate::net::Net;

/// A newcomer that three seeds announce at once, and that serves a range, is no storm of news: what it
/// serves does not wait for more.
#[test]
fn a_newcomer_that_several_announce_is_known_at_once() {
    let group = GroupName::try_from("shop").unwrap();
    let mut net = Net::settled(8);
    net.engines.push(engine(9));
    net.on(9, |engine, now| {
        engine.add_item(now, &group, KeyRange::FULL, 80).unwrap();
        engine.contact(now, &[addr(1), addr(2), addr(3)]);
    });
    let shows = |net: &Net| net.engines.iter().all(|engine| engine.route(&group, 5).count() == 1);
    let start = net.now;
    while !shows(&net) {
        net.run_for(Duration::from_millis(1));
        assert!(net.now.since(start) < Duration::from_millis(60), "what it serves has to wait");
    }
}
