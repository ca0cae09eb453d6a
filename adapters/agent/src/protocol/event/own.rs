//! What happens to this node itself.

use scalesmall_core::{Event, Footing};

use super::What;
use crate::cause;

/// What to do about two nodes of one name.
pub(crate) const OWN_NAME: &str = "give one of them a --name, or where it has none an --advertise (or \
                                   --bind) address, of its own";

/// The row and the sentence of an event about this node.
pub(super) fn own(event: &Event) -> (What, String) {
    match event {
        Event::Renewed { from, to } => (
            What::Renewed { from: from.to_string(), to: to.to_string() },
            "this node began a new life".to_owned(),
        ),
        Event::Conflict { epoch, renewals, lasted, address, answered } => {
            let lasted_ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
            let (epoch, renewals) = (epoch.to_string(), *renewals);
            let seconds = lasted.as_secs();
            let place = address.map_or_else(String::new, |addr| format!(" at {addr}"));
            let address = address.map(|addr| addr.to_string());
            let (answered, said) = match answered {
                true => (true, ""),
                false => (false, " by what others say, and does not answer"),
            };
            (
                What::Conflict { epoch, renewals, lasted_ms, address, answered },
                format!(
                    "another node{place} seems to use this one's name{said}: this one has had to begin a \
                     new life {renewals} times in {seconds} s; {OWN_NAME}",
                ),
            )
        }
        Event::Isolated => (
            What::Isolated,
            "nobody answers; seeds are being retried (do they run, with the same key and cluster?)"
                .to_owned(),
        ),
        Event::Multicast { from, to } => {
            let ((from, _), (to, sentence)) = (cause::multicast(*from), cause::multicast(*to));
            (What::Multicast { from: from.to_owned(), to: to.to_owned() }, sentence.to_owned())
        }
        Event::Footing { from, to } => {
            let sentence = match to {
                Footing::Minority => "this node hears too few of the others: it may be cut off",
                Footing::Apart => "others hold something else than this node, and it does not pass",
                Footing::Agreed => "the others hold what this node holds",
                _ => "this node has not compared itself with others yet",
            };
            let [from, to] = [from, to].map(ToString::to_string);
            (What::Footing { from, to }, sentence.to_owned())
        }
        Event::Undelivered { message, limit } => {
            let sequence = message.sequence;
            let text = format!(
                "message {sequence} is too large for somebody: not all have it; at most {limit} bytes \
                 would have passed"
            );
            (What::Undelivered { sequence, limit: *limit }, text)
        }
        Event::Stalled { late } => {
            let late_ms = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
            (What::Stalled { late_ms }, format!("this node did not run for {late_ms} ms"))
        }
        Event::HeldOff { reason, left } => {
            let (reason, times, text) = cause::hold(*reason);
            let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            let seconds = left_ms.div_ceil(1000);
            let text = format!("the others do not route to this node for {seconds} s: {text}");
            (What::HeldOff { reason: reason.to_owned(), times, left_ms }, text)
        }
        Event::Departed { acknowledged_by, told } => (
            What::Departed { acknowledged_by: *acknowledged_by, told: *told },
            format!("this node has left; {acknowledged_by} of {told} acknowledged it"),
        ),
        Event::Overflow { dropped } => (
            What::Overflow { dropped: *dropped },
            format!("{dropped} changes were dropped: list anew"),
        ),
        _ => (What::Other, "something that this program does not know has happened".to_owned()),
    }
}
