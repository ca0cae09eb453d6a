//! The settings of a node from variables of the environment.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};

use super::{Multicast, Settings, SettingsError};
use crate::interface;
use crate::key::GroupKeys;
use crate::seed::DEFAULT_PORT;

impl Settings {
    /// A node as the environment describes it.
    ///
    /// | variable | default |
    /// |---|---|
    /// | `GROUP_MANAGER_ADDRESS` | the first local IPv4 address with a broadcast address |
    /// | `GROUP_MANAGER_PORT` | 29999 |
    /// | `GROUP_MANAGER_NAME` | the text of the address and port: see [`Settings::name`] |
    /// | `GROUP_MANAGER_MULTICAST_ADDRESS` | 239.255.92.161, or ff12::5ca1:e5a1 for an IPv6 node |
    /// | `GROUP_MANAGER_MULTICAST_PORT` | 29999 |
    /// | `GROUP_MANAGER_MULTICAST_TTL` | 1 |
    /// | `GROUP_MANAGER_KEY` | the published key, which is refused outside loopback |
    ///
    /// Multicast is used if at least one of its three variables is set; see [`Multicast`] for why.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] names the variable and what it should hold.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// As [`Settings::from_env`], but with the variables that `get` knows.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] names the variable and what it should hold.
    pub fn from_variables(get: impl Fn(&str) -> Option<OsString>) -> Result<Self, SettingsError> {
        let address = match variable(&get, "GROUP_MANAGER_ADDRESS", "an IP address")? {
            Some(address) => address,
            None => interface::default_ipv4()
                .map_err(|error| SettingsError::Interfaces { kind: error.kind() })?
                .ok_or(SettingsError::NoAddress)?,
        };
        let a_port = "a port from 0 to 65535";
        let port = variable(&get, "GROUP_MANAGER_PORT", a_port)?.unwrap_or(DEFAULT_PORT);
        let own_name = variable(&get, "GROUP_MANAGER_NAME", A_NAME)?;
        let keys = match get("GROUP_MANAGER_KEY") {
            Some(text) => {
                GroupKeys::parse(text.as_encoded_bytes()).map_err(SettingsError::KeyText)?
            }
            None => GroupKeys::published(),
        };
        let mut multicast = Multicast::for_node(address);
        let mut wanted = false;
        let name = "GROUP_MANAGER_MULTICAST_ADDRESS";
        if let Some(group) = variable::<IpAddr>(&get, name, "a multicast address")? {
            if !group.is_multicast() {
                return Err(SettingsError::Variable { name, wanted: "a multicast address" });
            }
            multicast.group.set_ip(group);
            wanted = true;
        }
        let name = "GROUP_MANAGER_MULTICAST_PORT";
        if let Some(port) = variable(&get, name, "a port from 1 to 65535")? {
            if port == 0 {
                return Err(SettingsError::Variable { name, wanted: "a port from 1 to 65535" });
            }
            multicast.group.set_port(port);
            wanted = true;
        }
        let name = "GROUP_MANAGER_MULTICAST_TTL";
        if let Some(ttl) = variable(&get, name, "a number from 0 to 255")? {
            multicast.ttl = ttl;
            wanted = true;
        }
        let mut settings = Self::new(SocketAddr::new(address, port), keys);
        settings.name = own_name;
        settings.multicast = wanted.then_some(multicast);
        Ok(settings)
    }
}

/// What is a node's name.
const A_NAME: &str = "a name of 1 to 63 bytes of UTF-8 without control characters";

fn variable<T: core::str::FromStr>(
    get: impl Fn(&str) -> Option<OsString>,
    name: &'static str,
    wanted: &'static str,
) -> Result<Option<T>, SettingsError> {
    let Some(text) = get(name) else { return Ok(None) };
    let value = text.to_str().and_then(|text| text.parse().ok());
    value.map(Some).ok_or(SettingsError::Variable { name, wanted })
}

#[cfg(test)]
mod tests {
    use scalesmall_core::NodeName;

    use super::*;
    use crate::key::KeyTextError;

    fn with(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn the_documented_defaults_hold() {
        let settings = with(&[("GROUP_MANAGER_ADDRESS", "127.0.0.1")]).unwrap();
        assert_eq!(settings.bind, "127.0.0.1:29999".parse().unwrap());
        assert_eq!(settings.multicast, None);
        assert!(settings.keys.has_published());
        assert_eq!(settings.check(), Ok(()));
    }

    #[test]
    fn one_variable_of_multicast_turns_it_on_within_one_link() {
        let default = Multicast { group: "239.255.92.161:29999".parse().unwrap(), ttl: 1 };
        for (name, value) in [
            ("GROUP_MANAGER_MULTICAST_ADDRESS", "239.255.92.161"),
            ("GROUP_MANAGER_MULTICAST_PORT", "29999"),
            ("GROUP_MANAGER_MULTICAST_TTL", "1"),
        ] {
            let settings = with(&[("GROUP_MANAGER_ADDRESS", "127.0.0.1"), (name, value)]).unwrap();
            assert_eq!(settings.multicast, Some(default), "{name}");
        }
    }

    #[test]
    fn every_variable_counts() {
        let key = "k".repeat(32);
        let settings = with(&[
            ("GROUP_MANAGER_ADDRESS", "10.1.2.3"),
            ("GROUP_MANAGER_PORT", "4000"),
            ("GROUP_MANAGER_NAME", "cook 3"),
            ("GROUP_MANAGER_MULTICAST_ADDRESS", "239.0.0.7"),
            ("GROUP_MANAGER_MULTICAST_PORT", "4001"),
            ("GROUP_MANAGER_MULTICAST_TTL", "9"),
            ("GROUP_MANAGER_KEY", &key),
        ])
        .unwrap();
        assert_eq!(settings.bind, "10.1.2.3:4000".parse().unwrap());
        assert_eq!(settings.name.as_ref().map(NodeName::as_str), Some("cook 3"));
        let group = "239.0.0.7:4001".parse().unwrap();
        assert_eq!(settings.multicast, Some(Multicast { group, ttl: 9 }));
        assert!(!settings.keys.has_published());
        assert_eq!(settings.check(), Ok(()));
    }

    #[test]
    fn wrong_variables_are_named() {
        for (name, value) in [
            ("GROUP_MANAGER_ADDRESS", "localhost"),
            ("GROUP_MANAGER_PORT", "70000"),
            ("GROUP_MANAGER_NAME", ""),
            ("GROUP_MANAGER_NAME", "red\u{1b}[31m"),
            ("GROUP_MANAGER_MULTICAST_ADDRESS", "10.0.0.1"),
            ("GROUP_MANAGER_MULTICAST_PORT", "0"),
            ("GROUP_MANAGER_MULTICAST_TTL", "256"),
        ] {
            let address = ("GROUP_MANAGER_ADDRESS", "127.0.0.1");
            match with(&[(name, value), address]) {
                Err(SettingsError::Variable { name: named, .. }) => assert_eq!(named, name),
                other => panic!("{name}={value} gave {other:?}"),
            }
        }
        let short = with(&[("GROUP_MANAGER_ADDRESS", "::1"), ("GROUP_MANAGER_KEY", "short")]);
        assert_eq!(short.unwrap_err(), SettingsError::KeyText(KeyTextError::NoKey { len: 5 }));
    }
}
