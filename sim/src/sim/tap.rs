//! Listening in on a simulation: for recordings and reports, and for applications.

use core::net::SocketAddr;

use super::protocol::Protocol;
use crate::counts::Fates;
use crate::names::Names;

/// Is told what happens, as it happens. A simulation has one at a time, for all of its nodes.
///
/// An application that is to be tested together with the engine gets its events by one, and answers
/// with calls of the engine once [`Sim::run_for`](crate::Sim::run_for) has come back. What it runs for
/// is how late an answer is at most: a millisecond here. Shorter is closer to the truth, down to a
/// nanosecond, and takes more calls.
///
/// ```
/// use core::time::Duration;
/// use std::cell::RefCell;
/// use std::rc::Rc;
///
/// use scalesmall_core::{Engine, Event, GroupName, KeyRange};
/// use scalesmall_sim::{Sim, Tap, lan};
///
/// /// Events with their nodes, as they come.
/// #[derive(Clone, Default)]
/// struct Inbox(Rc<RefCell<Vec<(usize, Event)>>>);
///
/// impl Tap<Engine> for Inbox {
///     fn event(&mut self, _: u64, node: usize, event: &Event) {
///         self.0.borrow_mut().push((node, event.clone()));
///     }
/// }
///
/// let (group, range) = (GroupName::try_from("jobs")?, KeyRange::new(0, 9)?);
/// let mut sim = Sim::new(1).nodes(3, lan()).build();
/// let inbox = Inbox::default();
/// sim.set_tap(inbox.clone());
/// for _ in 0..2_000 {
///     sim.run_for(Duration::from_millis(1))?;
///     for (node, event) in inbox.0.take() {
///         // The application: node 0 serves jobs as soon as it has met somebody.
///         if node == 0 && matches!(event, Event::Peer { .. }) && sim.condition(node).is_up() {
///             sim.with(node, |engine, now| engine.add_item(now, &group, range, 80))?;
///         }
///     }
/// }
/// let shown = |node: usize| {
///     sim.node(node).is_some_and(|engine| engine.route(&group, 5).next().is_some())
/// };
/// assert!((0..3).all(shown));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Tap<P: Protocol> {
    /// It listens from now on. Events speak of nodes by their identities; `names` says whose those are.
    fn begin(&mut self, names: &Names) {
        let _ = names;
    }

    /// A node has other addresses now.
    fn moved(&mut self, at: u64, node: usize, names: &Names) {
        let _ = (at, node, names);
    }

    /// A node handled a datagram. Times are nanoseconds of the simulation.
    fn delivered(
        &mut self,
        at: u64,
        from: SocketAddr,
        to: SocketAddr,
        multicast: bool,
        bytes: &[u8],
    ) {
        let _ = (at, from, to, multicast, bytes);
    }

    /// A node reported an event. It is told in the step of the simulation in which it came about;
    /// nothing can be called in it.
    fn event(&mut self, at: u64, node: usize, event: &P::Event) {
        let _ = (at, node, event);
    }

    /// Whether [`Tap::sent`] and [`Tap::incident`] are to be called, which costs time. Asked once, by
    /// [`Sim::set_tap`](crate::Sim::set_tap).
    fn traces(&self) -> bool {
        false
    }

    /// A node put a datagram on the network.
    fn sent(&mut self, sending: &Sending<'_>) {
        let _ = sending;
    }

    /// Something befell a datagram on its way to one receiver; its delivery is told as well.
    fn incident(&mut self, incident: &Incident<'_>) {
        let _ = incident;
    }
}

/// A datagram that a node puts on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending<'a> {
    /// When, in nanoseconds of the simulation.
    pub at: u64,
    /// Its number: datagrams are counted from 1 on, a multicast once.
    pub number: u64,
    /// The sender.
    pub from: SocketAddr,
    /// The address it is sent to; `None` for multicast.
    pub to: Option<SocketAddr>,
    /// To how many nodes it is carried: those that hear a multicast; none if no node has the address.
    pub receivers: usize,
    /// The UDP payload.
    pub bytes: &'a [u8],
}

/// What befalls a datagram on its way to one receiver.
///
/// Each adds one to the count of [`Fates`] that it is named after. A datagram ends once at each
/// receiver, and once more for each incident `duplicated` or `replayed`: it is `delivered`, or it is
/// `lost`, `lost_in_burst`, `cut`, `filtered`, `too_large`, `queue_full`, `buffer_full`, `discarded`,
/// or for `nobody`. What is under way when a simulation stops has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incident<'a> {
    /// When, in nanoseconds of the simulation.
    pub at: u64,
    /// The datagram's number.
    pub number: u64,
    /// The sender.
    pub from: SocketAddr,
    /// The address it goes to.
    pub to: SocketAddr,
    /// The name of the count of [`Fates`].
    pub fate: &'static str,
    /// The UDP payload, when a copy with flipped bits ends.
    pub corrupted: Option<&'a [u8]>,
}

/// Two that listen, the first before the second.
impl<P: Protocol, A: Tap<P>, B: Tap<P>> Tap<P> for (A, B) {
    fn begin(&mut self, names: &Names) {
        self.0.begin(names);
        self.1.begin(names);
    }

    fn moved(&mut self, at: u64, node: usize, names: &Names) {
        self.0.moved(at, node, names);
        self.1.moved(at, node, names);
    }

    fn delivered(
        &mut self,
        at: u64,
        from: SocketAddr,
        to: SocketAddr,
        multicast: bool,
        bytes: &[u8],
    ) {
        self.0.delivered(at, from, to, multicast, bytes);
        self.1.delivered(at, from, to, multicast, bytes);
    }

    fn event(&mut self, at: u64, node: usize, event: &P::Event) {
        self.0.event(at, node, event);
        self.1.event(at, node, event);
    }

    fn traces(&self) -> bool {
        self.0.traces() || self.1.traces()
    }

    fn sent(&mut self, sending: &Sending<'_>) {
        self.0.sent(sending);
        self.1.sent(sending);
    }

    fn incident(&mut self, incident: &Incident<'_>) {
        self.0.incident(incident);
        self.1.incident(incident);
    }
}

impl<P: Protocol> crate::Sim<P> {
    /// Listens in from this moment on; replaces who did before.
    pub fn set_tap(&mut self, mut tap: impl Tap<P> + 'static) {
        tap.begin(&self.names);
        self.traced = tap.traces();
        self.tap = Some(Box::new(tap));
    }

    /// Tells that a datagram is sent just now, if anybody wants to know.
    pub(super) fn tell_sent(&mut self, packet: u32, to: Option<SocketAddr>, receivers: usize) {
        if self.traced
            && let Some(tap) = &mut self.tap
        {
            let slot = self.datagrams.slot(packet);
            let (at, number, bytes) = (self.now, slot.number, slot.bytes.as_slice());
            let from = slot.way.source;
            tap.sent(&Sending { at, number, from, to, receivers, bytes });
        }
    }

    /// Tells what befalls a datagram on its way to a node just now, if anybody wants to know.
    pub(super) fn tell_incident(&mut self, packet: u32, to: usize, fate: &'static str) {
        if self.traced {
            let target = self.datagrams.slot(packet).way.to;
            self.tell_lost(packet, target.unwrap_or_else(|| self.names.addr(to)), fate);
        }
    }

    /// The same of one on its way to an address that no node may have.
    pub(super) fn tell_lost(&mut self, packet: u32, to: SocketAddr, fate: &'static str) {
        if self.traced
            && let Some(tap) = &mut self.tap
        {
            let slot = self.datagrams.slot(packet);
            let (at, number, from) = (self.now, slot.number, slot.way.source);
            let corrupted = slot.flipped.then_some(slot.bytes.as_slice());
            tap.incident(&Incident { at, number, from, to, fate, corrupted });
        }
    }

    /// Tells what the network has counted of one datagram since the counts were as `before`.
    pub(super) fn tell_counted(&mut self, before: &Fates, packet: u32, to: usize) {
        let after = self.network.fates;
        for ((fate, before), (_, after)) in before.iter().zip(after.iter()) {
            // These tell what a datagram is, not what befalls it.
            let is_kind = matches!(fate, "sent" | "between_zones" | "multicast");
            if after > before && !is_kind {
                self.tell_incident(packet, to, fate);
            }
        }
    }
}
