//! What changes at the host while a node runs: its interfaces and their addresses.
//!
//! A thread of its own lists them once a second, as the list of a host with thousands of addresses takes
//! milliseconds, and rings the node when it has changed. The calls that tell of changes as they happen
//! differ from system to system, need a socket that every adapter would have to wait for, and say no more
//! than that it is time to list again; a second is as good as that for what an address change costs anyway.
//!
//! A node that follows its host is bound to all addresses, so a change never takes its socket away, and
//! nothing has to be bound again. What the system forgets with an interface are memberships of multicast
//! groups, and which interface multicast is sent through.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use crate::interface::{self, Choice, Found, Link};
use crate::settings::Settings;

/// How often the interfaces are listed.
const LOOK: Duration = Duration::from_secs(1);

/// What a node makes of its host's interfaces: see [`Front::host`](crate::Front::host).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostReport {
    /// How often the node has taken other addresses because the host has others.
    pub moves: u64,
    /// The addresses that the node should have but cannot take, as it is named after its address, which
    /// the host does not have any more; empty if it has those that it should have.
    pub not_taken: Vec<SocketAddr>,
    /// The host has no address that the node could take, or lost the interface: it keeps what it had.
    pub gone: bool,
    /// How often multicast was set up again on an interface that came back.
    pub multicast_joins: u64,
    /// Why multicast could not be set up again the last time; `None` if it could. It is tried again.
    pub multicast_error: Option<io::ErrorKind>,
}

/// The host of a running node.
#[derive(Debug)]
pub(crate) struct Host {
    seen: Arc<Mutex<Option<Vec<Found>>>>,
    /// Ends the thread when it is dropped.
    _watch: SyncSender<()>,
    bind: SocketAddr,
    interface: Option<String>,
    /// Whether the node has the addresses of its host, and has not been given any.
    follows: bool,
    /// Whether it may have several.
    several: bool,
    /// The address of the interface for multicast.
    at: IpAddr,
    /// The interface, if it is there.
    link: Option<Link>,
    /// When multicast is to be set up again, if that has failed.
    again: Option<Instant>,
    pub(crate) report: HostReport,
}

/// What a node has to do about a change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// It is reached at these addresses from now on.
    pub(crate) addresses: Option<Vec<SocketAddr>>,
    /// Its interface is there again, or is another one: multicast is to be set up on the interface of this
    /// index and address.
    pub(crate) back: Option<(u32, IpAddr)>,
}

impl Host {
    /// Begins to watch the host if anything of the node depends on it; `port` is the one that it is bound to,
    /// `at` the address of its interface for multicast, and `ring` ends the node's wait. One that is not
    /// `named` but after its address has one address.
    ///
    /// # Errors
    ///
    /// The system has no thread.
    pub(crate) fn watch(
        settings: &Settings,
        (port, at): (u16, IpAddr),
        named: bool,
        ring: impl Fn() + Send + 'static,
    ) -> io::Result<Option<Self>> {
        let follows = settings.follows_host();
        if !follows && settings.multicast.is_none() {
            return Ok(None);
        }
        let first = interface::list().unwrap_or_default();
        let interface = settings.interface.clone();
        let link = interface::link_of(&first, interface.as_deref(), at);
        let seen = Arc::new(Mutex::new(None));
        let (watch, ends) = sync_channel(0);
        let shared = Arc::clone(&seen);
        Builder::new()
            .name("scalesmall-host".to_owned())
            .spawn(move || look(first, &ends, &shared, ring))?;
        Ok(Some(Self {
            seen,
            _watch: watch,
            bind: SocketAddr::new(settings.bind.ip(), port),
            interface,
            follows,
            several: named,
            at,
            link,
            again: None,
            report: HostReport::default(),
        }))
    }

    /// What has changed since the last call, seen from a node with these addresses.
    pub(crate) fn changed(&mut self, in_use: &[SocketAddr]) -> Option<Change> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(seen) = seen {
            return Some(self.take(&seen, in_use));
        }
        let due = self.again.is_some_and(|at| at <= Instant::now());
        let back = self.link.filter(|_| due).map(|link| (link.index, self.at))?;
        Some(Change { addresses: None, back: Some(back) })
    }

    fn take(&mut self, seen: &[Found], in_use: &[SocketAddr]) -> Change {
        let mut addresses = None;
        if self.follows {
            let (interface, several) = (self.interface.as_deref(), self.several);
            let choice = Choice { bind: self.bind.ip(), interface, several };
            let used: Vec<IpAddr> = in_use.iter().map(SocketAddr::ip).collect();
            let chosen = choice.of(seen, &used);
            self.report.gone = chosen.is_empty();
            if let Some(&first) = chosen.first() {
                let same = chosen.iter().find(|ip| ip.is_ipv4() == self.at.is_ipv4());
                self.at = if chosen.contains(&self.at) { self.at } else { *same.unwrap_or(&first) };
                let port = self.bind.port();
                let chosen = chosen.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
                addresses = Some(chosen).filter(|chosen: &Vec<SocketAddr>| chosen != in_use);
            }
        }
        let link = interface::link_of(seen, self.interface.as_deref(), self.at);
        let changed = core::mem::replace(&mut self.link, link) != link || addresses.is_some();
        let back = link.filter(|_| changed).map(|link| (link.index, self.at));
        Change { addresses, back }
    }

    /// Multicast has been set up again, or could not be and is to be tried once more.
    pub(crate) fn joined(&mut self, outcome: Result<(), io::ErrorKind>) {
        self.again = outcome.is_err().then(|| Instant::now() + LOOK);
        self.report.multicast_error = outcome.err();
        self.report.multicast_joins += u64::from(outcome.is_ok());
    }

    /// When there is something to be tried again.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.again
    }
}

/// Lists the interfaces until the node ends.
fn look(
    mut known: Vec<Found>,
    ends: &Receiver<()>,
    seen: &Mutex<Option<Vec<Found>>>,
    ring: impl Fn(),
) {
    while ends.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        // What cannot be listed now may be next time.
        let Ok(now) = interface::list() else { continue };
        if now != known {
            known.clone_from(&now);
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
            ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::tests::host as listed;

    /// A node on all IPv4 addresses that has the first of these, and what it makes of other lists.
    fn at(first: &str, interface: Option<&str>) -> (Host, Vec<SocketAddr>) {
        let bind: SocketAddr = "0.0.0.0:5".parse().unwrap();
        let interface = interface.map(str::to_owned);
        let list = listed(first);
        let choice = Choice { bind: bind.ip(), interface: interface.as_deref(), several: true };
        let chosen = choice.of(&list, &[]);
        let link = interface::link_of(&list, interface.as_deref(), chosen[0]);
        let (seen, report) = (Arc::default(), HostReport::default());
        let (follows, several, again) = (true, true, None);
        let (at, _watch) = (chosen[0], sync_channel(0).0);
        let host =
            Host { seen, _watch, bind, interface, follows, several, at, link, again, report };
        (host, chosen.into_iter().map(|ip| SocketAddr::new(ip, 5)).collect())
    }

    fn addrs(of: &[&str]) -> Vec<SocketAddr> {
        of.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn other_addresses_are_taken_and_those_that_are_there_are_kept() {
        let (mut host, own) = at("eth0 10.0.0.1", None);
        let nothing = Change { addresses: None, back: None };
        assert_eq!(host.take(&listed("eth0 10.0.0.1, eth1 10.1.0.1"), &own), nothing);
        let change = host.take(&listed("eth0 10.0.0.2"), &own);
        assert_eq!(change.addresses, Some(addrs(&["10.0.0.2:5"])));
        assert_eq!(change.back, Some((1, "10.0.0.2".parse().unwrap())));
    }

    #[test]
    fn an_interface_that_is_gone_changes_nothing_until_it_is_back() {
        for name in [None, Some("eth0")] {
            let (mut host, own) = at("eth0 10.0.0.1", name);
            let nothing = Change { addresses: None, back: None };
            assert_eq!((host.take(&[], &own), host.report.gone), (nothing, true));
            // Another interface has come in between.
            let change = host.take(&listed("lo 127.0.0.1, eth0 10.0.0.1"), &own);
            let back = Some((2, "10.0.0.1".parse().unwrap()));
            assert_eq!(change, Change { addresses: None, back });
            assert!(!host.report.gone);
        }
    }

    #[test]
    fn multicast_that_cannot_be_set_up_is_tried_again() {
        let (mut host, own) = at("eth0 10.0.0.1", None);
        assert_eq!(host.changed(&own), None);
        host.joined(Err(io::ErrorKind::PermissionDenied));
        assert!(host.deadline().is_some());
        assert_eq!(host.changed(&own), None, "not at once");
        host.again = Some(Instant::now());
        let back = Some((1, "10.0.0.1".parse().unwrap()));
        assert_eq!(host.changed(&own), Some(Change { addresses: None, back }));
        host.joined(Ok(()));
        assert_eq!((host.deadline(), host.report.multicast_joins), (None, 1));
    }
}
