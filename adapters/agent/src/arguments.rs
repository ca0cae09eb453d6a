//! Texts that are groups, names, ranges, ports, addresses and operations.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use scalesmall_core::{ClusterName, GroupName, KeyRange, NodeName};

/// A group's name.
pub(crate) fn group(text: &str) -> Result<String, String> {
    GroupName::try_from(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// A cluster's name.
pub(crate) fn cluster(text: &str) -> Result<ClusterName, String> {
    ClusterName::try_from(text).map_err(|error| error.to_string())
}

/// A node's name.
pub(crate) fn node_name(text: &str) -> Result<NodeName, String> {
    NodeName::try_from(text).map_err(|error| error.to_string())
}

/// A node that is meant: a name, or what is no longer than one.
pub(crate) fn node(text: &str) -> Result<String, String> {
    node_name(text).map(|_| text.to_owned())
}

/// A key, in decimal or, after `0x`, in hexadecimal.
pub(crate) fn key(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix("0x");
    let key = digits.map_or_else(|| text.parse(), |digits| u32::from_str_radix(digits, 16));
    key.map_err(|_| format!("a key is a number from 0 to {}, or 0x0 to 0xffffffff", u32::MAX))
}

/// The port of a service.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| "the port of a service is a number from 1 to 65535".to_owned())
}

/// An address to bind or to advertise.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    Err("write an IP address and a port from 0 to 65535, such as 10.0.0.1:29999 or [::1]:29999"
        .to_owned())
}

/// A span of time.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "write a number and its unit, such as 30s or 2min".to_owned())
}

/// A range to serve: `GROUP:START-END@PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) group: GroupName,
    pub(crate) range: KeyRange,
    pub(crate) port: u16,
}

impl FromStr for Offer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "write it as GROUP:START-END@PORT, such as kitchen:0-999@7000".to_owned();
        let (rest, service) = text.rsplit_once('@').ok_or_else(form)?;
        let (name, range) = rest.rsplit_once(':').ok_or_else(form)?;
        let (start, end) = range.split_once('-').ok_or_else(form)?;
        let group = GroupName::try_from(name).map_err(|error| error.to_string())?;
        let range = KeyRange::new(key(start)?, key(end)?).map_err(|error| error.to_string())?;
        Ok(Self { group, range, port: port(service)? })
    }
}

/// What is said about a range.
#[derive(Clone, Copy, Debug, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OpName {
    /// Serves a range
    Add,
    /// Serves it no longer
    Remove,
    /// Is interested in the group
    Get,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_group_range_and_port() {
        let offer: Offer = "a:b:0x10-255@7000".parse().unwrap();
        assert_eq!(offer.group, GroupName::try_from("a:b").unwrap());
        assert_eq!(offer.range, KeyRange::new(16, 255).unwrap());
        assert_eq!(offer.port, 7000);
        for wrong in
            ["", "g", "g:1-2", "g:2-1@5", ":1-2@5", "g:1@5", "g:1-2@70000", "g:1-2@0", "g:-1-2@5"]
        {
            assert!(wrong.parse::<Offer>().is_err(), "{wrong:?}");
        }
    }
}
