//! Texts that are groups, names, ranges, ports, addresses and operations.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use scalesmall_core::{ClusterName, GroupName, KeyRange, NodeName, Traits};
use scalesmall_driver::DEFAULT_PORT;

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

/// What begins the name of a zone where nodes are meant.
pub(crate) const ZONE: &str = "zone=";

/// Nodes that are meant: one, or all of a zone.
pub(crate) fn node_or_zone(text: &str) -> Result<String, String> {
    text.strip_prefix(ZONE).map_or_else(|| node(text), |name| zone(name).map(|_| text.to_owned()))
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

/// An address: `IP:PORT`, or `IP` for the default port. An IPv6 address is written in brackets.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let bracketed = text.starts_with('[') && text.ends_with(']');
    let with_port = || format!("{text}:{DEFAULT_PORT}").parse().ok();
    let alone = || text.parse().map(|ip: IpAddr| SocketAddr::new(ip, DEFAULT_PORT)).ok();
    let found = text.parse().ok().or_else(|| match bracketed {
        true => with_port(),
        false => alone().filter(SocketAddr::is_ipv4),
    });
    found.ok_or_else(|| {
        format!(
            "write an IP address and, unless it is {DEFAULT_PORT}, a port from 0 to 65535, such as 10.0.0.1, \
             10.0.0.1:29999 or [::1]:29999"
        )
    })
}

/// A span of time.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "write a number and its unit, such as 30s or 2min".to_owned())
}

/// A range: `START-END`, both included.
pub(crate) fn range(text: &str) -> Result<KeyRange, String> {
    let form = || "write a range as START-END, such as 0-999 or 0x0-0xffff".to_owned();
    let (start, end) = text.split_once('-').ok_or_else(form)?;
    KeyRange::new(key(start)?, key(end)?).map_err(|error| error.to_string())
}

/// A range as it is written.
pub(crate) fn shown(range: KeyRange) -> String {
    format!("{}-{}", range.start(), range.end())
}

/// A range of a group: `GROUP:START-END`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) group: GroupName,
    pub(crate) range: KeyRange,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "write it as GROUP:START-END, such as kitchen:0-999".to_owned();
        let (name, keys) = text.rsplit_once(':').ok_or_else(form)?;
        let group = GroupName::try_from(name).map_err(|error| error.to_string())?;
        Ok(Self { group, range: range(keys)? })
    }
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
        let (part, service) = text.rsplit_once('@').ok_or_else(form)?;
        if !part.contains(':') {
            return Err(form());
        }
        let Part { group, range } = part.parse()?;
        Ok(Self { group, range, port: port(service)? })
    }
}

/// A zone.
pub(crate) fn zone(text: &str) -> Result<String, String> {
    let zone = Traits::default().with_zone(text);
    zone.map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// How much a node carries.
pub(crate) fn weight(text: &str) -> Result<u16, String> {
    let weight =
        text.parse().map_err(|_| format!("a weight is a number from 1 to {}", u16::MAX))?;
    let traits = Traits::default().with_weight(weight);
    traits.map(|_| weight).map_err(|error| error.to_string())
}

/// A tag of a node: `KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TagOf {
    pub(crate) key: String,
    pub(crate) value: String,
}

impl FromStr for TagOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "write it as KEY=VALUE, such as role=db".to_owned();
        let (key, value) = text.split_once('=').ok_or_else(form)?;
        Traits::default().with_tag(key, value).map_err(|error| error.to_string())?;
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

/// The tag that a node has to have: `KEY`, or `KEY=VALUE`.
pub(crate) fn wanted_tag(text: &str) -> Result<String, String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    let tag = Traits::default().with_tag(key, value);
    tag.map(|_| text.to_owned()).map_err(|error| error.to_string())
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
    fn an_address_without_a_port_has_the_default_one() {
        for (text, full) in [
            ("10.0.0.1", "10.0.0.1:29999"),
            ("10.0.0.1:7", "10.0.0.1:7"),
            ("[::1]", "[::1]:29999"),
            ("[::1]:0", "[::1]:0"),
            ("[fe80::1%2]", "[fe80::1%2]:29999"),
        ] {
            assert_eq!(address(text), Ok(full.parse().unwrap()), "{text}");
        }
        for wrong in
            ["", "::1", "host", "10.0.0", "10.0.0.1:", "[10.0.0.1]", "[::1", "10.0.0.1:70000"]
        {
            assert!(address(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_range_is_read_as_it_is_shown() {
        let range = KeyRange::new(16, 255).unwrap();
        assert_eq!(super::range(&shown(range)), Ok(range));
        let part: Part = "a:b:0x10-255".parse().unwrap();
        assert_eq!((part.group, part.range), (GroupName::try_from("a:b").unwrap(), range));
    }

    #[test]
    fn tags_are_a_key_and_a_value_which_may_be_empty_or_have_more_signs_in_it() {
        for (text, key, value) in
            [("role=db", "role", "db"), ("a=", "a", ""), ("a=b=c", "a", "b=c")]
        {
            assert_eq!(text.parse(), Ok(TagOf { key: key.to_owned(), value: value.to_owned() }));
            assert!(wanted_tag(text).is_ok() && wanted_tag(key).is_ok(), "{text}");
        }
        for wrong in ["", "role", "=db", "a=\n"] {
            assert!(wrong.parse::<TagOf>().is_err(), "{wrong:?}");
        }
        assert!(wanted_tag("").is_err() && wanted_tag("=db").is_err());
        assert_eq!((weight("1"), weight("65535")), (Ok(1), Ok(65_535)));
        assert!(weight("0").is_err() && weight("65536").is_err() && weight("-1").is_err());
        assert!(zone("eu 1").is_ok() && zone("").is_err());
    }

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
