//! Calls of a node from other tasks and threads.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::bell::Bell;
use crate::call_error::{CALLS, CallError};
use crate::calls::Front;
use crate::contact::{Answer, Contact, Goodbye};

/// The most calls that one pump makes, so that callers do not starve the sockets.
const TURN: usize = 64;

type Errand = Box<dyn FnOnce(&mut Front) + Send>;

/// Where handles leave calls for their node.
#[derive(Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
    pub(crate) bell: Arc<Bell>,
}

#[derive(Default)]
struct State {
    errands: VecDeque<Errand>,
    handles: usize,
    closed: bool,
}

impl Mailbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a burst of the calls; returns whether more are waiting.
    pub(crate) fn run(&self, front: &mut Front) -> bool {
        for _ in 0..TURN {
            let mut state = self.state();
            let Some(errand) = state.errands.pop_front() else { return false };
            front.calls_waiting = state.errands.len();
            drop(state);
            errand(front);
        }
        !self.state().errands.is_empty()
    }

    /// Whether the wait is over. If it is not, `waker` is woken when it is.
    pub(crate) fn is_rung(&self, waker: &Waker) -> bool {
        self.bell.is_rung(waker) || !self.state().errands.is_empty()
    }

    pub(crate) fn has_handles(&self) -> bool {
        self.state().handles > 0
    }

    /// Ends the wait.
    pub(crate) fn ring(&self) {
        self.bell.ring();
    }

    /// Refuses all calls, those that wait included.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let errands = core::mem::take(&mut state.errands);
        drop(state);
        // Outside of the lock, as it wakes the callers.
        drop(errands);
    }

    /// Leaves a call, or gives it back with the reason.
    fn send(&self, errand: Errand) -> Result<(), (CallError, Errand)> {
        let mut state = self.state();
        if state.closed {
            return Err((CallError::Stopped, errand));
        }
        if state.errands.len() == CALLS {
            return Err((CallError::Busy, errand));
        }
        state.errands.push_back(errand);
        drop(state);
        self.bell.wake();
        Ok(())
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Mailbox")
            .field("calls", &state.errands.len())
            .field("handles", &state.handles)
            .field("closed", &state.closed)
            .finish_non_exhaustive()
    }
}

/// Makes calls of a node that runs elsewhere: in another task, on another thread, in any runtime.
/// Clones reach the same node.
#[derive(Debug)]
pub struct Handle(Arc<Mailbox>);

impl Handle {
    pub(crate) fn new(mailbox: &Arc<Mailbox>) -> Self {
        mailbox.state().handles += 1;
        Self(Arc::clone(mailbox))
    }

    /// Has the node make `call`, in the order of the calls. The call is queued when this returns,
    /// and what it changes is sent right after it is made. Await the result, or use [`Call::wait`].
    ///
    /// `call` runs where the node runs and delays it: it must neither block nor panic.
    pub fn call<R: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Front) -> R + Send + 'static,
    ) -> Call<R> {
        self.send(move |front, reply: Reply<R>| reply.give(Ok(call(front))))
    }

    /// Says goodbye, and ends once it is said: each that was told has acknowledged it or been given up after its
    /// tries, or [`Config::depart_timeout`](scalesmall_core::Config::depart_timeout) is over, which is a second on a LAN
    /// and the longest that a shutdown waits for this. The node runs on in silence; drop its handles, or the node, to end
    /// it: after [`spawn`](crate::spawn) the thread can be joined then. A node that has departed already ends this at once.
    ///
    /// Dropping this does not take the goodbye back.
    ///
    /// # Errors
    ///
    /// As for [`Handle::call`], or [`CallError::Renewed`]; whether the others were told is not known then.
    pub fn depart(&self) -> Call<Goodbye> {
        self.send(|front, reply| {
            front.depart();
            front.when_departed(reply.later());
        })
    }

    /// Waits until the node is in its cluster, and tells why it is not if `limit` is over before. It contacts
    /// its seeds in any case, from its start and for as long as it runs: this changes nothing.
    ///
    /// A first node has nobody to contact: for it [`Contact::NobodyAnswers`] is no fault. A node with a name of its own
    /// ([`Settings::name`](crate::Settings::name)) waits for five more seconds once it is in, or until `limit`:
    /// another node of that name may take as long to object. It may also object later: see [`Event::Conflict`](scalesmall_core::Event::Conflict).
    ///
    /// # Errors
    ///
    /// As for [`Handle::call`].
    pub fn contacted(&self, limit: Duration) -> Call<Contact> {
        self.send(move |front, reply| front.when_contacted(limit, reply.later()))
    }

    /// Leaves an errand that gives its reply at once, or has it given later.
    fn send<R: Send + 'static>(
        &self,
        errand: impl FnOnce(&mut Front, Reply<R>) + Send + 'static,
    ) -> Call<R> {
        let state = Given { result: None, given: false, waker: None };
        let slot = Arc::new(Slot(Mutex::new(state)));
        let reply = Reply(Arc::clone(&slot));
        let errand = move |front: &mut Front| errand(front, reply);
        if let Err((error, refused)) = self.0.send(Box::new(errand)) {
            slot.set(Err(error));
            // Only now, as it would answer that the node has stopped.
            drop(refused);
        }
        Call(slot)
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.handles -= 1;
        if state.handles == 0 {
            drop(state);
            self.0.bell.ring();
        }
    }
}

/// A call on its way, and its result. Dropping it does not take the call back.
#[derive(Debug)]
#[must_use = "the result says whether the call was made"]
pub struct Call<R>(Arc<Slot<R>>);

impl<R> Call<R> {
    /// Blocks this thread until the call has been made. Do not use it on the thread that runs the
    /// node, which would then wait for itself.
    ///
    /// # Errors
    ///
    /// [`CallError`]; the call has not been made then.
    pub fn wait(mut self) -> Result<R, CallError> {
        loop {
            match self.poll_here() {
                Poll::Ready(result) => return result,
                Poll::Pending => std::thread::park(),
            }
        }
    }

    /// Blocks this thread until the call has been made, but not for longer than `limit`. Do not use it on
    /// the thread that runs the node.
    ///
    /// # Errors
    ///
    /// [`CallError`]. After [`CallError::Late`] the call still waits for the node, which may make it later.
    pub fn wait_within(mut self, limit: Duration) -> Result<R, CallError> {
        let start = Instant::now();
        loop {
            if let Poll::Ready(result) = self.poll_here() {
                return result;
            }
            let Some(left) = limit.checked_sub(start.elapsed()) else {
                return Err(CallError::Late);
            };
            std::thread::park_timeout(left);
        }
    }

    /// Looks for the result; if there is none yet, this thread is unparked when there is.
    fn poll_here(&mut self) -> Poll<Result<R, CallError>> {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        Pin::new(self).poll(&mut Context::from_waker(&waker))
    }
}

impl<R> Future for Call<R> {
    type Output = Result<R, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut answer = self.0.lock();
        match answer.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                answer.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[derive(Debug)]
struct Slot<R>(Mutex<Given<R>>);

#[derive(Debug)]
struct Given<R> {
    result: Option<Result<R, CallError>>,
    /// Whether there has been a result, even if it has been taken.
    given: bool,
    waker: Option<Waker>,
}

impl<R> Slot<R> {
    fn lock(&self) -> MutexGuard<'_, Given<R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, result: Result<R, CallError>) {
        let mut answer = self.lock();
        if !core::mem::replace(&mut answer.given, true) {
            answer.result = Some(result);
        }
        let waker = answer.waker.take();
        drop(answer);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The node's end of a call: if it is dropped without a result, the node has stopped.
struct Reply<R>(Arc<Slot<R>>);

impl<R> Reply<R> {
    fn give(self, result: Result<R, CallError>) {
        self.0.set(result);
    }
}

impl<R: Send + 'static> Reply<R> {
    fn later(self) -> Answer<R> {
        // The other one is the caller's.
        let slot = Arc::downgrade(&self.0);
        Answer::new(move |result| self.give(result), move || slot.strong_count() > 1)
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        self.0.set(Err(CallError::Stopped));
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::{GroupKeys, Node, Settings};

    fn node() -> Node<UdpSocket> {
        let settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
        Node::start(&settings, Ok).unwrap()
    }

    #[test]
    fn calls_are_made_in_order_a_burst_a_pump_and_a_limit_waits() {
        let mut node = node();
        let handle = node.handle();
        let order = Arc::new(Mutex::new(Vec::new()));
        let call = |number: usize| {
            let order = Arc::clone(&order);
            handle.call(move |_| order.lock().unwrap().push(number))
        };
        let waiting: Vec<Call<()>> = (0..CALLS).map(call).collect();
        assert_eq!(call(CALLS).wait(), Err(CallError::Busy));
        while order.lock().unwrap().len() < CALLS {
            let before = order.lock().unwrap().len();
            let over = node.pump().unwrap().is_over();
            let made = order.lock().unwrap().len();
            assert_eq!(made - before, TURN);
            assert!(over || made == CALLS, "calls wait, and nothing says so");
        }
        assert!(waiting.into_iter().all(|call| call.wait() == Ok(())));
        assert!(order.lock().unwrap().iter().copied().eq(0..CALLS));
    }

    #[test]
    fn a_dropped_call_is_made_all_the_same() {
        let mut node = node();
        let made = Arc::new(Mutex::new(false));
        let make = Arc::clone(&made);
        drop(node.handle().call(move |_| *make.lock().unwrap() = true));
        let _ = node.pump().unwrap();
        assert!(*made.lock().unwrap());
    }

    /// However often a caller gives up waiting, as `select` does, it finds a place for the next time.
    #[test]
    fn waits_that_were_dropped_leave_no_place_taken() {
        let mut node = node();
        let handle = node.handle();
        let hour = Duration::from_secs(3_600);
        for _ in 0..600 {
            drop(handle.contacted(hour));
            let _ = node.pump().unwrap();
        }
        let mut kept: Vec<_> = (0..200).map(|_| handle.contacted(hour)).collect();
        for _ in 0..8 {
            let _ = node.pump().unwrap();
        }
        let mut context = Context::from_waker(Waker::noop());
        for call in &mut kept {
            assert!(Pin::new(call).poll(&mut context).is_pending());
        }
    }

    #[test]
    fn a_node_that_stands_still_is_not_waited_for_longer_than_one_likes() {
        let mut node = node();
        let handle = node.handle();
        let late = handle.call(|_| ()).wait_within(Duration::from_millis(1));
        assert_eq!(late, Err(CallError::Late));
        let call = handle.call(|_| 7);
        let _ = node.pump().unwrap();
        assert_eq!(call.wait_within(Duration::ZERO), Ok(7));
        let call = handle.call(|_| ());
        drop(node);
        assert_eq!(call.wait_within(Duration::from_secs(60)), Err(CallError::Stopped));
    }

    #[test]
    fn handles_are_counted() {
        let node = node();
        assert!(!node.has_handles());
        let first = node.handle();
        let second = first.clone();
        drop(first);
        assert!(node.has_handles());
        assert!(!node.wake_on_call(Waker::noop()));
        drop(second);
        assert!(!node.has_handles());
        assert!(node.wake_on_call(Waker::noop()), "the last one that goes ends the wait");
        assert!(!node.wake_on_call(Waker::noop()));
    }
}
