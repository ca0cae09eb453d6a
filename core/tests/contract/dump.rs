//! The exchange that the specification annotates is a real one.

use std::time::Duration;

use scalesmall_hostile::addr;

use crate::net::Net;

const SPECIFICATION: &str = include_str!("../../src/wire/vectors.md");

/// The bytes of each block of the section: what stands left of the bars, behind the title.
fn dumps() -> Vec<Vec<u8>> {
    let (_, section) = SPECIFICATION.split_once("## A first contact").unwrap();
    let octets = |block: &str| {
        let lines = block.lines().skip(2).filter_map(|line| line.split('|').next());
        let digits: String = lines.flat_map(str::chars).filter(char::is_ascii_hexdigit).collect();
        let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    };
    section.split("```").skip(1).step_by(2).map(octets).collect()
}

#[test]
fn a_first_contact_is_as_specified() {
    let mut net = Net::new(2);
    net.on(2, |engine, now| engine.contact(now, &[addr(1)]));
    net.run_for(Duration::from_millis(20));
    let mut sent = net.sent.iter().map(|(_, _, datagram)| datagram);
    let dumps = dumps();
    assert_eq!(dumps.len(), 4);
    for dump in dumps {
        assert!(sent.any(|datagram| *datagram == dump), "{dump:02x?} is not sent, or not then");
    }
}
