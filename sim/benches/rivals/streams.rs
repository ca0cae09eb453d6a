//! Connections between nodes of a network that has datagrams alone: for a protocol that wants both.
//!
//! What TCP does, as far as it counts here: bytes come in order, what is lost is sent again, and both ends
//! pay for headers. All that is written goes out at once, and all that is not acknowledged goes out again
//! after a time-out that doubles, so that a connection is no slower than one of TCP in a local network.

use core::net::SocketAddr;
use std::collections::{BTreeMap, VecDeque};

/// The bytes of a segment beside its payload: as many as a header of TCP has beyond one of UDP, and the
/// number of the connection.
const SEGMENT: usize = 1_200;
const FIRST_WAIT: u64 = 200_000_000;
/// After this many repetitions, some six seconds, a connection has failed.
const MOST_TRIES: u32 = 5;

/// The number that the opener gave a connection, and whether this node is the opener.
type Key = (SocketAddr, u64, bool);

/// What happens on a connection.
#[derive(Debug)]
pub(crate) enum Happens {
    /// A frame has come whole, without its length.
    Frame(Vec<u8>),
    Closed,
    Failed,
}

#[derive(Debug, Default)]
struct Connection {
    /// The segments that are not acknowledged, the first of which has this number.
    first: u32,
    unacknowledged: VecDeque<Vec<u8>>,
    /// The next number that is to come.
    next: u32,
    early: BTreeMap<u32, Vec<u8>>,
    received: Vec<u8>,
    due: u64,
    tries: u32,
    closed: bool,
}

/// All connections of a node.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    all: BTreeMap<Key, Connection>,
    pub(crate) out: VecDeque<(SocketAddr, Vec<u8>)>,
    pub(crate) happened: VecDeque<(Key, Happens)>,
}

impl Streams {
    pub(crate) fn write(&mut self, now: u64, key: Key, bytes: &[u8]) {
        for part in bytes.chunks(SEGMENT) {
            self.push(now, key, DATA, part);
        }
    }

    /// Nothing more is written; what was goes on until it is acknowledged.
    pub(crate) fn close(&mut self, now: u64, key: Key) {
        self.push(now, key, END, &[]);
        if let Some(connection) = self.all.get_mut(&key) {
            connection.closed = true;
        }
    }

    fn push(&mut self, now: u64, key: Key, kind: u8, part: &[u8]) {
        let connection = self.all.entry(key).or_default();
        if connection.closed {
            return;
        }
        if connection.unacknowledged.is_empty() {
            (connection.due, connection.tries) = (now + FIRST_WAIT, 0);
        }
        let number = connection.first + connection.unacknowledged.len() as u32;
        let mut segment = vec![kind, u8::from(key.2)];
        segment.extend_from_slice(&key.1.to_be_bytes());
        segment.extend_from_slice(&number.to_be_bytes());
        segment.extend_from_slice(part);
        self.out.push_back((key.0, segment.clone()));
        connection.unacknowledged.push_back(segment);
    }

    /// Takes a segment; `false` if it is none.
    pub(crate) fn take(&mut self, from: SocketAddr, segment: &[u8]) -> bool {
        let Some((head, payload)) = segment.split_first_chunk::<14>() else { return false };
        let [kind, by_opener, rest @ ..] = head;
        let (conn, number) = rest.split_at(8);
        let conn = u64::from_be_bytes(conn.try_into().expect("eight bytes"));
        let number = u32::from_be_bytes(number.try_into().expect("four bytes"));
        let key = (from, conn, *by_opener == 0);
        if *kind == ACK {
            if let Some(connection) = self.all.get_mut(&key) {
                let count = number.saturating_sub(connection.first) as usize;
                let count = count.min(connection.unacknowledged.len());
                connection.unacknowledged.drain(..count);
                connection.first += count as u32;
                connection.tries = 0;
                if connection.closed && connection.unacknowledged.is_empty() {
                    self.all.remove(&key);
                }
            }
            return true;
        }
        if number > 0 && !self.all.contains_key(&key) {
            // It is over here, and the other end need not know more.
            self.acknowledge(key, number + 1);
            return true;
        }
        let connection = self.all.entry(key).or_default();
        connection.early.insert(number, [&[*kind], payload].concat());
        let mut ends = false;
        while let Some(segment) = connection.early.remove(&connection.next) {
            connection.next += 1;
            ends |= segment[0] == END;
            connection.received.extend_from_slice(&segment[1..]);
        }
        while let Some((len, rest)) = connection.received.split_first_chunk::<4>() {
            let len = u32::from_be_bytes(*len) as usize;
            let Some(frame) = rest.get(..len) else { break };
            self.happened.push_back((key, Happens::Frame(frame.to_vec())));
            connection.received.drain(..4 + len);
        }
        let next = connection.next;
        if ends {
            self.happened.push_back((key, Happens::Closed));
            if connection.unacknowledged.is_empty() {
                self.all.remove(&key);
            } else {
                connection.closed = true;
            }
        }
        self.acknowledge(key, next);
        true
    }

    fn acknowledge(&mut self, key: Key, next: u32) {
        let mut ack = vec![ACK, u8::from(key.2)];
        ack.extend_from_slice(&key.1.to_be_bytes());
        ack.extend_from_slice(&next.to_be_bytes());
        self.out.push_back((key.0, ack));
    }

    pub(crate) fn due(&self) -> u64 {
        let open = self.all.values().filter(|one| !one.unacknowledged.is_empty());
        open.map(|one| one.due).min().unwrap_or(u64::MAX)
    }

    /// Sends again what was not acknowledged in time.
    pub(crate) fn on_timer(&mut self, now: u64) {
        let waits = |one: &Connection| !one.unacknowledged.is_empty() && one.due <= now;
        let late: Vec<Key> =
            self.all.iter().filter(|(_, one)| waits(one)).map(|(key, _)| *key).collect();
        for key in late {
            let Some(connection) = self.all.get_mut(&key) else { continue };
            connection.tries += 1;
            if connection.tries > MOST_TRIES {
                self.all.remove(&key);
                self.happened.push_back((key, Happens::Failed));
                continue;
            }
            connection.due = now + (FIRST_WAIT << connection.tries);
            let again = connection.unacknowledged.iter().map(|segment| (key.0, segment.clone()));
            self.out.extend(again);
        }
    }
}

/// Kinds of datagrams: one of the protocol's own, a segment, the last one, an acknowledgement.
pub(crate) const PLAIN: u8 = 0;
const DATA: u8 = 1;
const END: u8 = 2;
const ACK: u8 = 3;
