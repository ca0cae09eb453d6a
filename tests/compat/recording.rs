//! The files.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use scalesmall_core::Suite;

/// A datagram on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    /// When it is received, in microseconds after the start.
    pub(crate) at: u64,
    pub(crate) from: u16,
    pub(crate) to: u16,
    pub(crate) bytes: Vec<u8>,
}

fn path(suite: Suite) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("compat/{suite}.txt"))
}

pub(crate) fn write(suite: Suite, datagrams: &[Datagram]) {
    let mut text = String::new();
    for Datagram { at, from, to, bytes } in datagrams {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(text, "{at} {from} {to} {hex}").unwrap();
    }
    fs::write(path(suite), text).unwrap();
}

pub(crate) fn read(suite: Suite) -> Vec<Datagram> {
    let text = fs::read_to_string(path(suite)).unwrap();
    let datagram = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let octet =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        Datagram {
            at: words[0].parse().unwrap(),
            from: words[1].parse().unwrap(),
            to: words[2].parse().unwrap(),
            bytes: words[3].as_bytes().chunks(2).map(octet).collect(),
        }
    };
    text.lines().map(datagram).collect()
}
