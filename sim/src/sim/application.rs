//! What acts on the nodes while time passes, as the processes around them would.

use core::time::Duration;

use super::Sim;
use super::protocol::Protocol;
use crate::link::nanos;

type Act<P> = Box<dyn FnMut(&mut Sim<P>)>;

/// Something that acts as often as `every`.
pub(super) struct Application<P: Protocol> {
    every: u64,
    next: u64,
    act: Act<P>,
}

impl<P: Protocol> Sim<P> {
    /// Has an application act on the nodes as often as `every` while time passes, a microsecond at least. A
    /// simulation has one; a later one takes the place of this one, and a fork has none.
    pub fn act(&mut self, every: Duration, act: impl FnMut(&mut Self) + 'static) {
        let every = nanos(every).max(1_000);
        self.application = Some(Application { every, next: self.now, act: Box::new(act) });
    }

    /// When the application acts next.
    pub(super) fn application_due(&self) -> u64 {
        self.application.as_ref().map_or(u64::MAX, |application| application.next)
    }

    /// Has the application act if it is due.
    pub(super) fn apply(&mut self) {
        let now = self.now;
        let Some(mut application) = self.application.take_if(|it| it.next <= now) else { return };
        application.next = now.saturating_add(application.every);
        (application.act)(self);
        self.application.get_or_insert(application);
    }
}
