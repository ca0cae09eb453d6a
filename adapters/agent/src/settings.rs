//! The settings of a node, from options and environment.

use std::ffi::OsString;
use std::path::Path;

use scalesmall_core::{KeyId, Suite};
use scalesmall_driver::{GroupKey, Multicast, Preset, Settings};

use crate::cli::{KeyOptions, NodeOptions, PresetName, SuiteName};
use crate::failure::Failure;

/// The settings that options and environment describe; options count more.
pub(crate) fn of_node(options: &NodeOptions) -> Result<Settings, Failure> {
    let text = |value: String| Some(OsString::from(value));
    let bind = options.bind;
    let group = options.multicast_group;
    let variable = |name: &str| match name {
        "GROUP_MANAGER_ADDRESS" if bind.is_some() => bind.and_then(|at| text(at.ip().to_string())),
        "GROUP_MANAGER_PORT" if bind.is_some() => bind.and_then(|at| text(at.port().to_string())),
        "GROUP_MANAGER_NAME" if options.name.is_some() => None,
        "GROUP_MANAGER_KEY" if options.key.key_file.is_some() => None,
        name if name.starts_with("GROUP_MANAGER_MULTICAST") && options.no_multicast => None,
        "GROUP_MANAGER_MULTICAST_ADDRESS" if group.is_some() => {
            group.and_then(|at| text(at.ip().to_string()))
        }
        "GROUP_MANAGER_MULTICAST_PORT" if group.is_some() => {
            group.and_then(|at| text(at.port().to_string()))
        }
        "GROUP_MANAGER_MULTICAST_TTL" if options.multicast_ttl.is_some() => {
            options.multicast_ttl.and_then(|ttl| text(ttl.to_string()))
        }
        name => std::env::var_os(name),
    };
    if group.is_some_and(|at| !at.ip().is_multicast() || at.port() == 0) {
        return Err(Failure::new(
            "--multicast-group must be a multicast address and a port, such as 239.255.0.1:29999",
        ));
    }
    let mut settings = Settings::from_variables(variable)?;
    if let Some(bind) = options.bind {
        // With the scope of a link-local address, which the variable cannot say.
        settings.bind = bind;
    }
    if options.no_multicast {
        settings.multicast = None;
    } else if options.multicast && settings.multicast.is_none() {
        settings.multicast = Some(Multicast::for_node(settings.bind.ip()));
    }
    settings.look_up_every = options.look_up_every;
    if options.name.is_some() {
        settings.name.clone_from(&options.name);
    }
    settings.advertise.clone_from(&options.advertise);
    settings.seeds.clone_from(&options.seed);
    settings.cluster = options.cluster.clone();
    settings.record.clone_from(&options.record);
    settings.record_limits.files = options.record_files;
    settings.record_limits.bytes = options.record_size;
    settings.state.clone_from(&options.state);
    settings.preset = match options.preset {
        PresetName::Lan => Preset::Lan,
        PresetName::Wan => Preset::Wan,
        PresetName::Local => Preset::Local,
    };
    settings.suite = match options.suite {
        SuiteName::Authenticated => Suite::Authenticated,
        SuiteName::Sealed => Suite::Sealed,
    };
    set_keys(&mut settings, &options.key)?;
    if let Some(bytes) = options.send_rate {
        let mut config = settings.config([0; 32]);
        config.send_rate.bytes = bytes;
        settings.send_rate = Some(config.send_rate);
        config.check()?;
    }
    settings.check()?;
    Ok(settings)
}

/// Reads the keys that options name.
pub(crate) fn set_keys(settings: &mut Settings, options: &KeyOptions) -> Result<(), Failure> {
    let read = |path: &Path| {
        GroupKey::from_file(path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
    };
    if let Some(path) = &options.key_file {
        settings.key = read(path)?;
    }
    settings.key_id = KeyId(options.key_id);
    for (id, path) in &options.accept_key {
        if *id == options.key_id {
            return Err(Failure::new(format!(
                "--accept-key {id} has the id of the node's own key: give each key an id of its own"
            )));
        }
        settings.accepted_keys.push((KeyId(*id), read(path)?));
    }
    Ok(())
}
