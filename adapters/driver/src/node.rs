//! A running node: an engine with its sockets, its clock and the calls that reach it from elsewhere.

mod start_error;

use core::future::poll_fn;
use core::pin::pin;
use core::task::{Poll, Waker};
use std::io;
use std::net::UdpSocket;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use scalesmall_core::{Event, Locator, NodeName, Traits};

use crate::calls::{Front, new_epoch};
use crate::clock::Clock;
use crate::contact::Waiting;
use crate::discovery::Seeds;
use crate::driver::{Driver, Ready, Wait};
#[cfg(feature = "metrics")]
use crate::facade::Facade;
use crate::handle::{Handle, Mailbox};
use crate::host::Host;
use crate::keeper::Keeper;
use crate::record::Recorded;
use crate::settings::{Settings, SettingsError};
use crate::socket::Socket;
use crate::sockets::Sockets;
use crate::state::{Found, StateError, StateFile};
use crate::stats::DriverStats;
use crate::tape::Tape;
#[cfg(feature = "tracing")]
use crate::trace;
pub use start_error::StartError;

/// A running node. It dereferences to its [`Front`], where the calls are.
///
/// Seeds that are names are looked up again for as long as it runs, and soon after [`Event::Isolated`] was
/// polled: drain the events.
///
/// Dropping the node closes its sockets without a word; [`Front::depart`] says goodbye.
#[derive(Debug)]
pub struct Node<S> {
    driver: Driver<S>,
    mailbox: Arc<Mailbox>,
    /// What the last wait has found, if it is known.
    pub(crate) ready: Ready,
    #[cfg(feature = "metrics")]
    facade: Facade,
}

impl Node<UdpSocket> {
    /// As [`Node::start`], on the standard library's sockets: the `bind` of the adapters, without a runtime.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing stays open then.
    pub fn bind(settings: &Settings) -> Result<Self, StartError> {
        Self::start(settings, Ok)
    }
}

impl<S: Socket> Node<S> {
    /// Opens the sockets, starts the engine in a new life, and contacts the seeds at the first
    /// pump. `wrap` turns a non-blocking standard socket into the runtime's.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing stays open then. A recording that was asked for may have been created.
    pub fn start(
        settings: &Settings,
        wrap: impl FnMut(UdpSocket) -> io::Result<S>,
    ) -> Result<Self, StartError> {
        settings.check()?;
        let host = settings.host()?;
        let (mut seed, mut random, mut unheard_of) = ([0; 32], [0; 4], [0; 8]);
        for bytes in [&mut seed[..], &mut random, &mut unheard_of] {
            getrandom::fill(bytes).map_err(|_| StartError::NoRandomness)?;
        }
        let by_clock = new_epoch(u32::from_ne_bytes(random));
        let state = settings.state.as_deref();
        let state = state.map(|path| StateFile::open(path, &settings.cluster)).transpose()?;

        let interface = settings.interface.as_deref();
        let sockets = Sockets::bind(settings.bind, host, settings.multicast.as_ref(), interface)?;
        let local = sockets.local();
        let found = state.as_ref().map(|(_, found)| found);
        let locator = locate(settings, local.port(), found, u64::from_ne_bytes(unheard_of))?;
        let sockets =
            sockets.try_map(wrap).map_err(|error| StartError::Runtime { kind: error.kind() })?;
        let tape = settings.record.as_deref();
        let tape = tape.map(|path| Tape::create(path, settings.record_limits)).transpose();
        let tape = tape.map_err(|error| StartError::Recording { kind: error.kind() })?;

        let (keeper, epoch) = match state {
            None => (None, by_clock),
            Some((file, found)) => {
                let kept = Keeper::start(file, found, by_clock, locator.name());
                let (keeper, epoch) =
                    kept.map_err(|error| StartError::Thread { kind: error.kind() })?;
                (Some(keeper), epoch)
            }
        };
        let mailbox: Arc<Mailbox> = Arc::default();
        let at = if settings.bind.ip().is_unspecified() { host } else { settings.bind.ip() };
        let ring = Arc::clone(&mailbox);
        let named = !locator.is_named_after_its_address();
        let host = Host::watch(settings, (local.port(), at), named, move || ring.ring());
        let host = host.map_err(|error| StartError::Thread { kind: error.kind() })?;
        let clock = Clock::start();
        let config = settings.config(seed);
        let engine = Recorded::new(settings, config, locator, epoch, clock.now(), tape)?;
        let seeds = Seeds::new(&settings.seeds, local.ip(), settings.look_up_every);
        let driver_stats = DriverStats::default();
        let (names, history, sources) = Default::default();
        let (reader_lags, calls_waiting) = (false, 0);
        let mailbox = Arc::<Mailbox>::default();
        let mut front = Front {
            engine,
            names,
            history,
            sources,
            clock,
            seeds,
            keeper,
            host,
            local,
            driver_stats,
            reader_lags,
            calls_waiting,
            bell: Arc::clone(&mailbox.bell),
            waiting: Waiting::default(),
        };
        if settings.traits != Traits::default() {
            front.set_traits(settings.traits.clone()).map_err(SettingsError::Traits)?;
        }
        front.contact_kept();
        front.contact(&front.seeds.addresses());
        #[cfg(feature = "tracing")]
        trace::started(front.my_name(), front.epoch(), local);
        Ok(Self {
            driver: Driver::new(front, sockets),
            mailbox,
            ready: Ready::UNKNOWN,
            #[cfg(feature = "metrics")]
            facade: Facade::default(),
        })
    }

    /// Makes the calls that handles have sent, contacts seeds that have been looked up, and then
    /// receives, fires the clock and sends, as [`Driver::pump`] does.
    ///
    /// # Errors
    ///
    /// As for [`Driver::pump`].
    pub fn pump(&mut self) -> io::Result<Wait> {
        self.ready = Ready::UNKNOWN;
        self.pump_ready()
    }

    /// The same, of the sockets that the last wait has found to be ready. Without a wait of this node's
    /// own in between, nothing is known of them.
    pub(crate) fn pump_ready(&mut self) -> io::Result<Wait> {
        let ready = core::mem::replace(&mut self.ready, Ready::UNKNOWN);
        let more = self.mailbox.run(&mut self.driver.front);
        self.driver.front.look_up();
        self.driver.front.keep_state();
        self.driver.follow_host();
        #[cfg(feature = "metrics")]
        self.facade.look(&self.driver.front);
        let mut wait = self.driver.pump(ready)?;
        self.driver.front.answer_waiting();
        for at in self.driver.front.deadlines() {
            wait.until(at);
        }
        if more {
            wait.until(std::time::Instant::now());
        }
        Ok(wait)
    }

    /// Runs the node until there is an event. `park` waits for what [`Wait`] says or until its deadline, and
    /// returns what it has found. A call of a [`Handle`] ends the wait as well.
    ///
    /// May be dropped at any point and called again: nothing is lost.
    ///
    /// # Errors
    ///
    /// Those of [`Node::pump`] and of `park`.
    pub async fn next_event(
        &mut self,
        park: impl AsyncFn(&mut Sockets<S>, Wait) -> io::Result<Ready>,
    ) -> io::Result<Event> {
        loop {
            let wait = self.pump_ready()?;
            if let Some(event) = self.poll_event() {
                return Ok(event);
            }
            let parked = parked(self.driver.sockets_mut(), &self.mailbox, wait, &park);
            self.ready = parked.await?;
        }
    }

    /// Runs the node until something has happened: pumps once and waits once. For loops that take
    /// the events with [`Front::poll_event`] in their own order; take all of them before.
    ///
    /// May be dropped at any point and called again: nothing is lost.
    ///
    /// # Errors
    ///
    /// Those of [`Node::pump`] and of `park`.
    pub async fn turn(
        &mut self,
        park: impl AsyncFn(&mut Sockets<S>, Wait) -> io::Result<Ready>,
    ) -> io::Result<()> {
        let wait = self.pump_ready()?;
        let parked = parked(self.driver.sockets_mut(), &self.mailbox, wait, &park);
        self.ready = parked.await?;
        Ok(())
    }

    /// A way to make calls of this node from other tasks and threads; cheap to clone.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(&self.mailbox)
    }

    /// Whether any [`Handle`] is left. When the last one goes, the wait ends.
    #[must_use]
    pub fn has_handles(&self) -> bool {
        self.mailbox.has_handles()
    }

    /// Has `waker` woken when a handle has sent a call: for loops that neither await
    /// [`Node::next_event`] nor [`Node::turn`], which do this by themselves.
    ///
    /// Returns whether a call is waiting already, in which case nothing is woken for it.
    #[must_use = "a call may be waiting already"]
    pub fn wake_on_call(&self, waker: &Waker) -> bool {
        self.mailbox.is_rung(waker)
    }

    /// The driver beneath.
    #[must_use]
    pub const fn driver(&self) -> &Driver<S> {
        &self.driver
    }

    /// The sockets, to register them with a poller.
    pub const fn sockets_mut(&mut self) -> &mut Sockets<S> {
        self.driver.sockets_mut()
    }
}

impl<S> Deref for Node<S> {
    type Target = Front;

    fn deref(&self) -> &Front {
        &self.driver.front
    }
}

impl<S> DerefMut for Node<S> {
    fn deref_mut(&mut self) -> &mut Front {
        &mut self.driver.front
    }
}

impl<S> Drop for Node<S> {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

/// The node's name and where it is reached. What was found in its state file must be its own.
///
/// A node whose port the system chooses has another address in its next life, and another node may
/// have this one: if it is to be known again it is not named after its address, but gets a name that
/// nobody else has, which its state file keeps. Without such a file nobody expects it back.
fn locate(
    settings: &Settings,
    port: u16,
    found: Option<&Found>,
    random: u64,
) -> Result<Locator, StartError> {
    let kept = found.and_then(|found| found.state.as_ref()).map(|state| &state.name);
    let name = match (&settings.name, kept) {
        (None, Some(kept)) if settings.wanders() => Some(kept.clone()),
        (None, None) if settings.wanders() && found.is_some() => {
            let drawn = format!("node-{random:016x}");
            Some(NodeName::try_from(drawn.as_str()).expect("it has 21 bytes, all of them letters"))
        }
        (given, _) => given.clone(),
    };
    let locator = settings.locator(name, port)?;
    let own = locator.name();
    match kept {
        Some(kept) if *kept != own => Err(StateError::Name { found: kept.clone(), own }.into()),
        _ => Ok(locator),
    }
}

/// Waits as `wait` says, or until a handle rings. Borrows no more of the node than it needs, so that
/// the future can be sent to another thread.
async fn parked<S>(
    sockets: &mut Sockets<S>,
    mailbox: &Mailbox,
    wait: Wait,
    park: &impl AsyncFn(&mut Sockets<S>, Wait) -> io::Result<Ready>,
) -> io::Result<Ready> {
    if wait.is_over() {
        // The other tasks of this thread have their turn, however much arrives here.
        yield_once().await;
        return Ok(Ready::UNKNOWN);
    }
    let mut park = pin!(park(sockets, wait));
    let either = poll_fn(|cx| {
        if mailbox.is_rung(cx.waker()) {
            return Poll::Ready(Ok(Ready::UNKNOWN));
        }
        park.as_mut().poll(cx)
    });
    either.await
}

/// Lets the executor do something else first.
async fn yield_once() {
    let mut yielded = false;
    let once = poll_fn(|cx| {
        if core::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    once.await;
}
