//! Listening in on a simulation: for recordings and reports, and for applications.

use core::net::SocketAddr;

use crate::protocol::Protocol;

/// Is told what happens, as it happens.
///
/// An application that is to be tested together with the engine gets its events by one, and answers
/// with calls of the engine between one millisecond and the next:
///
/// ```
/// use core::net::SocketAddr;
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
///     fn delivered(&mut self, _: u64, _: SocketAddr, _: SocketAddr, _: bool, _: &[u8]) {}
///
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
    /// A node handled a datagram. Times are nanoseconds of the simulation.
    fn delivered(
        &mut self,
        at: u64,
        from: SocketAddr,
        to: SocketAddr,
        multicast: bool,
        bytes: &[u8],
    );

    /// A node reported an event.
    fn event(&mut self, at: u64, node: usize, event: &P::Event);
}

impl<P: Protocol> crate::Sim<P> {
    /// Listens in from this moment on; replaces who did before.
    pub fn set_tap(&mut self, tap: impl Tap<P> + 'static) {
        self.tap = Some(Box::new(tap));
    }
}
