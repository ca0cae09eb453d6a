//! A recording of every engine call.
//!
//! A recording is a text file. The first line describes the engine: `scalesmall-recording 4`, then
//! name (hex; `-` if it is the text of the address), addresses (with commas), epoch, time, preset, suite, key id, multicast, bytes and datagrams per second, cluster (hex) and
//! seed (hex). Every other line is one call: the time in nanoseconds, the call, its arguments, and
//! for polls the result, so that a replay is checked step by step. It holds datagrams and payloads,
//! but never a key.
//!
//! A change of the configuration is a line as well, which names keys by their ids alone.
//!
//! There is no end mark, because a node that is killed could not write one. A recording that was
//! cut within its last line lacks the line break; one that was cut between two lines is a shorter
//! recording.

use core::fmt;
use std::hash::Hasher as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use scalesmall_core::{
    Arrival, BroadcastError, BroadcastId, Config, ConfigError, DatagramError, Destination, Engine,
    Epoch, Event, ForgetError, GroupError, GroupName, Instant, Key, KeyError, KeyId, KeyRange,
    Locator, LocatorError, MetadataError, NodeId, Recipients, SendError, SendRate, Tag, TimedItem,
    Traits, TraitsError,
};

use crate::checksum::Checksum;
use crate::config_line;
use crate::ring_line;
use crate::settings::{Preset, Settings};
use crate::tape::{START, Tape};

/// An engine and, optionally, the tape on which its calls are recorded. All calls that change the
/// engine pass through here.
#[derive(Debug)]
pub(crate) struct Recorded {
    engine: Engine,
    tape: Option<Tape>,
    /// Why the tape could not be written to its end.
    failed: Option<io::ErrorKind>,
}

impl Recorded {
    pub(crate) fn new(
        settings: &Settings,
        config: Config,
        locator: Locator,
        epoch: Epoch,
        now: Instant,
        tape: Option<Tape>,
    ) -> Result<Self, ConfigError> {
        let first = header(settings, config.send_rate, &locator, epoch, now, &config.seed);
        let engine = Engine::new(config, locator, epoch, now)?;
        let mut recorded = Self { engine, tape, failed: None };
        recorded.write(|tape| tape.line(format_args!("{first}")));
        Ok(recorded)
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Why the recording ended early, if it did.
    pub(crate) const fn failed(&self) -> Option<io::ErrorKind> {
        self.failed
    }

    /// Writes to the tape. A disk that is full or slow ends the recording, not the node.
    fn write(&mut self, write: impl FnOnce(&mut Tape) -> Result<(), io::ErrorKind>) {
        if let Some(Err(error)) = self.tape.as_mut().map(write) {
            self.failed = Some(error);
            #[cfg(feature = "tracing")]
            if let Some(name) = self.engine.name(self.engine.id()) {
                crate::trace::recording_ended(name, error);
            }
            self.tape = None;
        }
    }

    fn note(&mut self, now: Instant, call: fmt::Arguments<'_>) {
        self.write(|tape| tape.line(format_args!("{} {call}", now.as_nanos())));
    }

    /// Hands the recording over to its writer, so that a kill loses no more than what waits for the disk.
    pub(crate) fn flush(&mut self) {
        self.write(Tape::flush);
    }

    /// Ends the recording, and waits a moment until it is written.
    pub(crate) fn end(&mut self) {
        if let Some(mut tape) = self.tape.take() {
            tape.finish();
        }
    }

    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        arrival: Arrival,
        datagram: &[u8],
    ) -> Result<(), DatagramError> {
        let (way, from) = match arrival {
            Arrival::Unicast(from) => ("unicast", from),
            Arrival::Multicast(from) => ("multicast", from),
        };
        self.note(now, format_args!("datagram {way} {from} {}", Hex(datagram)));
        self.engine.handle_datagram(now, arrival, datagram)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.note(now, format_args!("timeout"));
        self.engine.handle_timeout(now);
    }

    pub(crate) fn handle_send_error(&mut self, now: Instant, to: Destination, error: SendError) {
        self.note(now, format_args!("send_error {} {error:?}", Target(to)));
        self.engine.handle_send_error(now, to, error);
    }

    pub(crate) fn poll_transmit(
        &mut self,
        now: Instant,
        datagram: &mut BytesMut,
    ) -> Option<Destination> {
        let to = self.engine.poll_transmit(datagram);
        if self.tape.is_some() {
            match to {
                Some(to) => {
                    let sum = Checksum::of(datagram);
                    self.note(now, format_args!("poll_transmit {} {sum:016x}", Target(to)));
                }
                None => self.note(now, format_args!("poll_transmit none")),
            }
        }
        to
    }

    pub(crate) fn poll_event(&mut self, now: Instant) -> Option<Event> {
        let event = self.engine.poll_event();
        if self.tape.is_some() {
            let sum = checksum_of_event(event.as_ref());
            self.note(now, format_args!("poll_event {sum:016x}"));
        }
        event
    }

    pub(crate) fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        let due = self.engine.poll_timeout();
        if self.tape.is_some() {
            let nanos = due.map_or(u64::MAX, Instant::as_nanos);
            self.note(now, format_args!("poll_timeout {nanos}"));
        }
        due
    }

    pub(crate) fn join(&mut self, now: Instant, group: &GroupName) -> Result<(), GroupError> {
        self.note(now, format_args!("join {}", Hex(group.as_bytes())));
        self.engine.join(now, group)
    }

    pub(crate) fn leave(&mut self, now: Instant, group: &GroupName) -> Result<(), GroupError> {
        self.note(now, format_args!("leave {}", Hex(group.as_bytes())));
        self.engine.leave(now, group)
    }

    pub(crate) fn add_item(
        &mut self,
        now: Instant,
        group: &GroupName,
        range: KeyRange,
        port: u16,
    ) -> Result<TimedItem, GroupError> {
        let (start, end) = (range.start(), range.end());
        self.note(now, format_args!("add_item {} {start} {end} {port}", Hex(group.as_bytes())));
        self.engine.add_item(now, group, range, port)
    }

    pub(crate) fn remove_item(
        &mut self,
        now: Instant,
        group: &GroupName,
        range: KeyRange,
        port: u16,
    ) -> Result<TimedItem, GroupError> {
        let (start, end) = (range.start(), range.end());
        self.note(now, format_args!("remove_item {} {start} {end} {port}", Hex(group.as_bytes())));
        self.engine.remove_item(now, group, range, port)
    }

    pub(crate) fn contact(&mut self, now: Instant, seeds: &[SocketAddr]) {
        self.note(now, format_args!("contact{}", Spaced(seeds)));
        self.engine.contact(now, seeds);
    }

    pub(crate) fn set_addresses(
        &mut self,
        now: Instant,
        addresses: &[SocketAddr],
    ) -> Result<(), LocatorError> {
        self.note(now, format_args!("set_addresses{}", Spaced(addresses)));
        self.engine.set_addresses(now, addresses)
    }

    pub(crate) fn network_changed(&mut self, now: Instant) {
        self.note(now, format_args!("network_changed"));
        self.engine.network_changed(now);
    }

    pub(crate) fn set_metadata(
        &mut self,
        now: Instant,
        metadata: Bytes,
    ) -> Result<(), MetadataError> {
        self.note(now, format_args!("set_metadata {}", Hex(&metadata)));
        self.engine.set_metadata(now, metadata)
    }

    pub(crate) fn set_traits(&mut self, now: Instant, traits: Traits) -> Result<(), TraitsError> {
        self.note(now, format_args!("set_traits {}", Hex(traits.as_bytes())));
        self.engine.set_traits(now, traits)
    }

    pub(crate) fn set_draining(&mut self, now: Instant, draining: bool) {
        self.note(now, format_args!("set_draining {draining}"));
        self.engine.set_draining(now, draining);
    }

    pub(crate) fn heard_from(&mut self, now: Instant, node: NodeId) -> bool {
        self.note(now, format_args!("heard_from {node}"));
        self.engine.heard_from(now, node)
    }

    pub(crate) fn failed_at(&mut self, now: Instant, node: NodeId) -> bool {
        self.note(now, format_args!("failed_at {node}"));
        self.engine.failed_at(now, node)
    }

    pub(crate) fn announce_slow(&mut self, now: Instant, expected: Duration) {
        let nanos = u64::try_from(expected.as_nanos()).unwrap_or(u64::MAX);
        self.note(now, format_args!("announce_slow {nanos}"));
        self.engine.announce_slow(now, Duration::from_nanos(nanos));
    }

    pub(crate) fn forget(&mut self, now: Instant, node: NodeId) -> Result<(), ForgetError> {
        self.note(now, format_args!("forget {node}"));
        self.engine.forget(now, node)
    }

    pub(crate) fn depart(&mut self, now: Instant) {
        self.note(now, format_args!("depart"));
        self.engine.depart(now);
    }

    pub(crate) fn renew(&mut self, now: Instant, epoch: Epoch) {
        self.note(now, format_args!("renew {}", epoch.0));
        self.engine.renew(now, epoch);
    }

    pub(crate) fn set_config(&mut self, now: Instant, config: Config) -> Result<(), ConfigError> {
        if self.tape.is_some() {
            self.note(now, format_args!("set_config {}", config_line::write(&config)));
        }
        self.engine.set_config(now, config)
    }

    // Keys are named by their ids, so that no secret is recorded.

    pub(crate) fn add_key(&mut self, now: Instant, key: Key) -> Result<KeyId, KeyError> {
        self.note(now, format_args!("add_key {}", key.id()));
        self.engine.add_key(now, key)
    }

    pub(crate) fn rotate_keys(&mut self, now: Instant, key: Key) -> Result<KeyId, KeyError> {
        self.note(now, format_args!("rotate_keys {}", key.id()));
        self.engine.rotate_keys(now, key)
    }

    pub(crate) fn use_key(&mut self, now: Instant, id: KeyId, force: bool) -> Result<(), KeyError> {
        self.note(now, format_args!("use_key {id} {force}"));
        self.engine.use_key(now, id, force)
    }

    pub(crate) fn drop_key(
        &mut self,
        now: Instant,
        id: KeyId,
        force: bool,
    ) -> Result<(), KeyError> {
        self.note(now, format_args!("drop_key {id} {force}"));
        self.engine.drop_key(now, id, force)
    }

    pub(crate) fn mark_leaked(&mut self, now: Instant, id: KeyId) -> Result<(), KeyError> {
        self.note(now, format_args!("mark_leaked {id}"));
        self.engine.mark_leaked(now, id)
    }

    pub(crate) fn broadcast(
        &mut self,
        now: Instant,
        to: Recipients<'_>,
        tag: Tag,
        payload: Bytes,
    ) -> Result<BroadcastId, BroadcastError> {
        let (tag_number, bytes) = (tag.0, Hex(&payload));
        match to {
            Recipients::All => self.note(now, format_args!("broadcast {tag_number} {bytes} all")),
            Recipients::Group(group) => {
                let group = Hex(group.as_bytes());
                self.note(now, format_args!("broadcast {tag_number} {bytes} group {group}"));
            }
            Recipients::Nodes(nodes) => self
                .note(now, format_args!("broadcast {tag_number} {bytes} nodes{}", Spaced(nodes))),
            // A replay stops at this line.
            other => self.note(now, format_args!("broadcast {tag_number} {bytes} {other:?}")),
        }
        self.engine.broadcast(now, to, tag, payload)
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.end();
    }
}

/// The first line.
fn header(
    settings: &Settings,
    send_rate: SendRate,
    locator: &Locator,
    epoch: Epoch,
    now: Instant,
    seed: &[u8; 32],
) -> String {
    let preset = match settings.preset {
        Preset::Lan => "lan",
        Preset::Wan => "wan",
        Preset::Local => "local",
    };
    let name = locator.name();
    let name = if locator.is_named_after_its_address() { "" } else { name.as_str() };
    let addresses: Vec<String> = locator.addresses().map(|addr| addr.to_string()).collect();
    format!(
        "{START} 4 {} {} {} {} {preset} {} {} {} {} {} {}",
        Hex(name.as_bytes()),
        addresses.join(","),
        epoch.0,
        now.as_nanos(),
        ring_line::write(settings.keys.ring()),
        settings.multicast.is_some(),
        send_rate.bytes,
        send_rate.datagrams,
        Hex(settings.cluster.as_bytes()),
        Hex(seed),
    )
}

/// Bytes as hexadecimal digits; `-` for none.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("-");
        }
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

struct Spaced<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Spaced<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| write!(f, " {part}"))
    }
}

pub(crate) struct Target(pub(crate) Destination);

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Destination::Unicast(addr) => addr.fmt(f),
            Destination::Multicast => f.write_str("multicast"),
            other => write!(f, "{other:?}"),
        }
    }
}

pub(crate) fn checksum_of_event(event: Option<&Event>) -> u64 {
    let mut sum = Checksum::new();
    fmt::write(&mut sum, format_args!("{event:?}")).expect("the checksum takes any text");
    sum.finish()
}

#[cfg(test)]
mod tests;
