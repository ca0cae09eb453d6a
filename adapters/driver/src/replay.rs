//! Running a recording again.

use core::fmt;
use std::io::{self, BufRead, Read as _};
use std::net::SocketAddr;
use std::str::SplitAsciiWhitespace;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use scalesmall_core::{
    Arrival, ClusterName, Config, Destination, Engine, Epoch, Event, GroupName, Instant, KeyRange,
    Keyring, Locator, NodeId, NodeName, Recipients, SendError, SendRate, Tag, Traits,
};

use crate::checksum::Checksum;
use crate::config_line;
use crate::record::{Target, checksum_of_event};
use crate::ring_line;
use crate::tape::START;

/// The longest line of a recording, in bytes: a datagram has 65,536 bytes at most, and each is two digits.
const LONGEST_LINE: u64 = 256 * 1024;

/// What a replay found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Replayed {
    /// The engine as it was when the recording ended.
    pub engine: Engine,
    /// How many calls were replayed.
    pub calls: u64,
    /// Whether the last line was cut off, as by a kill or a copy that ended early; it is left out.
    pub cut: bool,
    /// The life in which the recording begins.
    pub epoch: Epoch,
    /// What the engine's clock showed when it began.
    pub began: Instant,
    /// What it showed at the last call.
    pub ended: Instant,
}

/// Why a recording could not be replayed to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayError {
    /// It cannot be read.
    Unreadable {
        /// Why.
        kind: io::ErrorKind,
    },
    /// It is not a recording, of another version, or made with keys that are not given.
    NotARecording,
    /// A line is longer than any call.
    LongLine {
        /// Counted from 1.
        line: u64,
    },
    /// A line is no call, or a change to a key that is not given.
    BadLine {
        /// Counted from 1.
        line: u64,
    },
    /// A poll returned something else than when it was recorded: another key, or another version of
    /// the engine.
    Differs {
        /// Counted from 1.
        line: u64,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { kind } => write!(f, "the recording cannot be read: {kind}"),
            Self::NotARecording => {
                f.write_str("the file is no recording of this version made with these keys")
            }
            Self::LongLine { line } => write!(
                f,
                "line {line} has more than {LONGEST_LINE} bytes, which no line of a recording has"
            ),
            Self::BadLine { line } => write!(
                f,
                "line {line} of the recording is no call, or names a key that is not given"
            ),
            Self::Differs { line } => write!(
                f,
                "at line {line} the engine returns something else than was recorded: use the recorded \
                 key and the recorded version"
            ),
        }
    }
}

impl core::error::Error for ReplayError {}

/// Replays a recording made with [`Settings::record`](crate::Settings::record) and checks every
/// poll against it.
///
/// # Errors
///
/// [`ReplayError`] names the first line at which it went wrong. A last line that was cut off is not
/// an error: see [`Replayed::cut`]. A recording has no end mark, since it may end with a kill: one
/// that was cut between two lines cannot be told from a shorter one.
pub fn replay(recording: impl BufRead, keys: &Keyring) -> Result<Replayed, ReplayError> {
    replay_telling(recording, keys, |_, _| {})
}

/// As [`replay`], and tells each event that was polled, with what the engine's clock showed.
///
/// # Errors
///
/// As of [`replay`]; the events before the line at fault have been told by then.
pub fn replay_telling(
    mut recording: impl BufRead,
    keys: &Keyring,
    mut tell: impl FnMut(Instant, &Event),
) -> Result<Replayed, ReplayError> {
    let mut text = String::new();
    let mut read = |text: &mut String, line: u64| {
        text.clear();
        let read = recording.by_ref().take(LONGEST_LINE).read_line(text);
        let len = read.map_err(|error| ReplayError::Unreadable { kind: error.kind() })?;
        let whole = text.ends_with('\n');
        if !whole && u64::try_from(len).is_ok_and(|len| len >= LONGEST_LINE) {
            return Err(ReplayError::LongLine { line });
        }
        Ok(whole)
    };
    if !read(&mut text, 1)? {
        return Err(ReplayError::NotARecording);
    }
    let mut words = Words(text.split_ascii_whitespace());
    let (engine, began) = words.engine(keys).ok_or(ReplayError::NotARecording)?;
    let epoch = engine.epoch();
    let mut replayed = Replayed { engine, calls: 0, cut: false, epoch, began, ended: began };
    let mut datagram = BytesMut::new();
    loop {
        let line = replayed.calls + 2;
        if !read(&mut text, line)? {
            break;
        }
        let mut words = Words(text.split_ascii_whitespace());
        let now = words.parse().map(Instant::from_nanos).ok_or(ReplayError::BadLine { line })?;
        let call = Call { now, keys, tell: &mut tell };
        let same = words.call(&mut replayed.engine, &mut datagram, call);
        replayed.ended = now;
        if !same.ok_or(ReplayError::BadLine { line })? {
            return Err(ReplayError::Differs { line });
        }
        words.end().ok_or(ReplayError::BadLine { line })?;
        replayed.calls += 1;
    }
    replayed.cut = !text.is_empty();
    Ok(replayed)
}

/// When a call is made, with which keys, and who hears of its event.
struct Call<'a> {
    now: Instant,
    keys: &'a Keyring,
    tell: &'a mut dyn FnMut(Instant, &Event),
}

/// The words of one line.
struct Words<'a>(SplitAsciiWhitespace<'a>);

impl<'a> Words<'a> {
    fn word(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    fn parse<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.0.next()?.parse().ok()
    }

    /// There is nothing left to read: a blank within a word makes two words of it.
    fn end(&mut self) -> Option<()> {
        self.0.next().is_none().then_some(())
    }

    fn hex(&mut self) -> Option<Vec<u8>> {
        let digits = self.0.next()?;
        if digits == "-" {
            return Some(Vec::new());
        }
        // A number may have a sign, which is no digit.
        if digits.len() % 2 != 0 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let pair = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        (0..digits.len()).step_by(2).map(pair).collect()
    }

    fn group(&mut self) -> Option<GroupName> {
        GroupName::try_from(self.hex()?.as_slice()).ok()
    }

    fn range(&mut self) -> Option<KeyRange> {
        KeyRange::new(self.parse()?, self.parse()?).ok()
    }

    fn destination(&mut self) -> Option<Destination> {
        match self.word()? {
            "multicast" => Some(Destination::Multicast),
            addr => addr.parse().ok().map(Destination::Unicast),
        }
    }

    /// The node's name, if it is not the text of its address, and its addresses.
    fn locator(&mut self) -> Option<Locator> {
        let name = self.hex()?;
        let addresses = self.word()?.split(',').map(|word| word.parse().ok());
        let addresses: Vec<SocketAddr> = addresses.collect::<Option<_>>()?;
        if let ([], [only]) = (name.as_slice(), addresses.as_slice()) {
            return Some(Locator::from(*only));
        }
        Locator::new(NodeName::try_from(name.as_slice()).ok()?, &addresses).ok()
    }

    /// The engine that the first line describes, and what its clock showed.
    fn engine(&mut self, keys: &Keyring) -> Option<(Engine, Instant)> {
        if self.word()? != START || self.word()? != "4" {
            return None;
        }
        let locator = self.locator()?;
        let epoch = Epoch(self.parse()?);
        let now = Instant::from_nanos(self.parse()?);
        let preset = match self.word()? {
            "lan" => Config::lan,
            "wan" => Config::wan,
            "local" => Config::local,
            _ => return None,
        };
        let keys = ring_line::read(self.word()?, keys)?;
        let multicast = self.parse()?;
        let send_rate = SendRate::new(self.parse()?, self.parse()?);
        let cluster = self.hex()?;
        let cluster = ClusterName::try_from(core::str::from_utf8(&cluster).ok()?).ok()?;
        let seed = self.hex()?.try_into().ok()?;
        self.end()?;
        let mut config = preset(seed, cluster, keys);
        config.multicast = multicast;
        config.send_rate = send_rate;
        Engine::new(config, locator, epoch, now).ok().map(|engine| (engine, now))
    }

    /// Makes the call. Returns whether its result is as recorded, or `None` if the line is no call.
    fn call(
        &mut self,
        engine: &mut Engine,
        datagram: &mut BytesMut,
        call: Call<'_>,
    ) -> Option<bool> {
        let Call { now, keys, tell } = call;
        // A call that failed when it was recorded fails again, and the polls show it.
        let word = self.word()?;
        match word {
            "datagram" => {
                let way = match self.word()? {
                    "unicast" => Arrival::Unicast,
                    "multicast" => Arrival::Multicast,
                    _ => return None,
                };
                let arrival = way(self.parse()?);
                let _ = engine.handle_datagram(now, arrival, &self.hex()?);
            }
            "timeout" => engine.handle_timeout(now),
            "send_error" => {
                let to = self.destination()?;
                let error = match self.word()? {
                    "Refused" => SendError::Refused,
                    "Unreachable" => SendError::Unreachable,
                    "TooLarge" => SendError::TooLarge,
                    "Other" => SendError::Other,
                    _ => return None,
                };
                engine.handle_send_error(now, to, error);
            }
            "poll_transmit" => {
                datagram.clear();
                let recorded = self.word()?;
                return Some(match engine.poll_transmit(datagram) {
                    None => recorded == "none",
                    Some(to) => {
                        let sum = format!("{:016x}", Checksum::of(datagram));
                        recorded == Target(to).to_string() && self.word()? == sum
                    }
                });
            }
            "poll_event" => {
                let event = engine.poll_event();
                if let Some(event) = &event {
                    tell(now, event);
                }
                let sum = checksum_of_event(event.as_ref());
                return Some(self.word()? == format!("{sum:016x}"));
            }
            "poll_timeout" => {
                let due = engine.poll_timeout().map_or(u64::MAX, Instant::as_nanos);
                return Some(self.parse::<u64>()? == due);
            }
            "set_config" => {
                let config = config_line::read(&mut self.0, engine.config(), keys)?;
                let _ = engine.set_config(now, config);
            }
            "add_key" | "rotate_keys" => {
                let key = keys.get(self.parse()?)?.key.clone();
                let _ = match word {
                    "add_key" => engine.add_key(now, key),
                    _ => engine.rotate_keys(now, key),
                };
            }
            command => self.command(command, engine, now)?,
        }
        Some(true)
    }

    /// Makes a call of the application; `None` if the line is no call.
    fn command(&mut self, command: &str, engine: &mut Engine, now: Instant) -> Option<()> {
        match command {
            "join" => {
                let _ = engine.join(now, &self.group()?);
            }
            "leave" => {
                let _ = engine.leave(now, &self.group()?);
            }
            "add_item" => {
                let _ = engine.add_item(now, &self.group()?, self.range()?, self.parse()?);
            }
            "remove_item" => {
                let _ = engine.remove_item(now, &self.group()?, self.range()?, self.parse()?);
            }
            "contact" => {
                let seeds: Option<Vec<SocketAddr>> =
                    self.0.by_ref().map(|word| word.parse().ok()).collect();
                engine.contact(now, &seeds?);
            }
            "use_key" => {
                let _ = engine.use_key(now, self.parse()?, self.parse()?);
            }
            "drop_key" => {
                let _ = engine.drop_key(now, self.parse()?, self.parse()?);
            }
            "mark_leaked" => {
                let _ = engine.mark_leaked(now, self.parse()?);
            }
            "set_addresses" => {
                let addresses: Option<Vec<SocketAddr>> =
                    self.0.by_ref().map(|word| word.parse().ok()).collect();
                let _ = engine.set_addresses(now, &addresses?);
            }
            "network_changed" => engine.network_changed(now),
            "set_metadata" => {
                let _ = engine.set_metadata(now, Bytes::from(self.hex()?));
            }
            "set_traits" => {
                let traits = Traits::from_bytes(Bytes::from(self.hex()?));
                let _ = engine.set_traits(now, traits);
            }
            "set_draining" => engine.set_draining(now, self.parse()?),
            "heard_from" => {
                let node: NodeId = self.parse()?;
                engine.heard_from(now, node);
            }
            "failed_at" => {
                let node: NodeId = self.parse()?;
                engine.failed_at(now, node);
            }
            "announce_slow" => engine.announce_slow(now, Duration::from_nanos(self.parse()?)),
            "forget" => {
                let node: NodeId = self.parse()?;
                let _ = engine.forget(now, node);
            }
            "depart" => engine.depart(now),
            "renew" => engine.renew(now, Epoch(self.parse()?)),
            "broadcast" => {
                let tag = Tag(self.parse()?);
                let payload = Bytes::from(self.hex()?);
                let _ = match self.word()? {
                    "all" => engine.broadcast(now, Recipients::All, tag, payload),
                    "group" => {
                        let group = self.group()?;
                        engine.broadcast(now, Recipients::Group(&group), tag, payload)
                    }
                    "nodes" => {
                        let nodes: Option<Vec<NodeId>> =
                            self.0.by_ref().map(|word| word.parse().ok()).collect();
                        engine.broadcast(now, Recipients::Nodes(&nodes?), tag, payload)
                    }
                    _ => return None,
                };
            }
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GroupKeys;

    fn header() -> String {
        let keys = ring_line::write(GroupKeys::published().ring());
        let seed = "07".repeat(32);
        format!("{START} 4 - 127.0.0.1:7000 1 0 lan {keys} false 1000000 4000 6b {seed}\n")
    }

    fn replayed(calls: &str) -> Result<Replayed, ReplayError> {
        replay((header() + calls).as_bytes(), GroupKeys::published().ring())
    }

    #[test]
    fn a_last_line_that_was_cut_off_is_left_out_and_told() {
        let whole = replayed("5 join 6a\n6 timeout\n").unwrap();
        assert_eq!((whole.calls, whole.cut), (2, false));
        let cut = replayed("5 join 6a\n6 time").unwrap();
        assert_eq!((cut.calls, cut.cut), (1, true));
    }

    #[test]
    fn a_line_without_an_end_is_refused_at_its_limit() {
        let zeros = || io::BufReader::new(io::repeat(b'0'));
        let keys = GroupKeys::published();
        let error = replay(zeros(), keys.ring()).unwrap_err();
        assert_eq!(error, ReplayError::LongLine { line: 1 });
        let endless = io::Cursor::new(header() + "5 timeout\n").chain(zeros());
        let error = replay(endless, keys.ring()).unwrap_err();
        assert_eq!(error, ReplayError::LongLine { line: 3 });
    }

    #[test]
    fn a_line_holds_one_call_and_nothing_else() {
        for call in ["join 6a 6b", "join +a", "timeout 1", "datagram unicast 127.0.0.1:1 00 00"] {
            let error = replayed(&format!("5 timeout\n6 {call}\n")).unwrap_err();
            assert_eq!(error, ReplayError::BadLine { line: 3 }, "{call}");
        }
    }
}
