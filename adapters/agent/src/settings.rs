//! The settings of a node, from what counts of its configuration.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use scalesmall_core::{Config, ConfigError, Traits, TraitsError};
use scalesmall_driver::{GroupKeys, Multicast, Preset, Settings, SettingsError};

use crate::arguments::TagOf;
use crate::cli::{NodeOptions, PresetName};
use crate::configuration::{Configuration, Fault, Faults, SOCKET, Source};
use crate::failure::Failure;

/// The settings that a configuration describes. The keys are read, and nothing else is touched.
///
/// # Errors
///
/// What contradicts itself, or cannot be had on this host.
pub(crate) fn of_node(configuration: &Configuration) -> Result<Settings, Faults> {
    let settings = described(configuration)?;
    let config = settings.config([0; 32]);
    config.check().map_err(|error| refused(configuration, &config, error))?;
    settings.check().map_err(|error| told(configuration, error))?;
    Ok(settings)
}

/// The directories that are not there, of those in which a node with this configuration makes files. It does not
/// start without the one of the control socket.
pub(crate) fn missing_directories(configuration: &Configuration) -> Vec<Fault> {
    let NodeOptions { socket, state, record, .. } = &configuration.options;
    let missing = |(key, path): (&str, &Option<PathBuf>)| {
        let path = path.as_ref()?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty())?;
        let what = format!(
            "'{key}' is {}, but there is no directory {}: make it before the node starts, or name another path",
            path.display(),
            directory.display()
        );
        (!directory.is_dir()).then(|| Fault::at(configuration.source(key), what))
    };
    [(SOCKET, socket), ("state", state), ("record", record)]
        .into_iter()
        .filter_map(missing)
        .collect()
}

/// As [`of_node`], whether a node could start with it or not.
pub(crate) fn described(configuration: &Configuration) -> Result<Settings, Faults> {
    let options = &configuration.options;
    let text = |value: Option<String>| value.map(OsString::from);
    let (bind, group) = (options.bind, options.multicast_group);
    let no_multicast = configuration.no_multicast();
    let variable = |name: &str| {
        if let Some(value) = configuration.original(name) {
            return Some(value.clone());
        }
        match name {
            "GROUP_MANAGER_ADDRESS" => {
                let any = options.interface.as_ref().map(|_| "0.0.0.0".to_owned());
                text(bind.map(|at| at.ip().to_string()).or(any))
            }
            "GROUP_MANAGER_PORT" => text(bind.map(|at| at.port().to_string())),
            _ if no_multicast => None,
            "GROUP_MANAGER_MULTICAST_ADDRESS" => text(group.map(|at| at.ip().to_string())),
            "GROUP_MANAGER_MULTICAST_PORT" => text(group.map(|at| at.port().to_string())),
            "GROUP_MANAGER_MULTICAST_TTL" => text(options.multicast_ttl.map(|ttl| ttl.to_string())),
            _ => None,
        }
    };
    if group.is_some_and(|at| !at.ip().is_multicast() || at.port() == 0) {
        let what =
            "--multicast-group must be a multicast address and a port, such as 239.255.0.1:29999";
        return Err(at(configuration.source("multicast_group"), what));
    }
    let mut settings =
        Settings::from_variables(variable).map_err(|error| told(configuration, error))?;
    let originals = ["GROUP_MANAGER_ADDRESS", "GROUP_MANAGER_PORT"];
    if let Some(bind) = bind
        && originals.into_iter().all(|name| configuration.original(name).is_none())
    {
        // With the scope of a link-local address, which the variable cannot say.
        settings.bind = bind;
    }
    if no_multicast {
        settings.multicast = None;
    } else if options.multicast && settings.multicast.is_none() {
        settings.multicast = Some(Multicast::for_node(settings.bind.ip()));
    }
    settings.look_up_every = options.look_up_every;
    if options.name.is_some() {
        settings.name.clone_from(&options.name);
    }
    settings.interface.clone_from(&options.interface);
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
    let given = configuration.original("GROUP_MANAGER_KEY").is_some();
    if let Some(path) = options.key.key_file.as_deref().filter(|_| !given) {
        settings.keys = read_keys(path).map_err(|failure| Fault::new(failure.line()))?;
    }
    settings.traits = traits(configuration)?;
    settings.engine = configuration.engine.patch();
    if let Some(bytes) = options.send_rate {
        let mut rate = settings.config([0; 32]).send_rate;
        rate.bytes = bytes;
        settings.send_rate = Some(rate);
    }
    Ok(settings)
}

/// What the node says about itself.
fn traits(configuration: &Configuration) -> Result<Traits, Faults> {
    let NodeOptions { zone, weight, tag, .. } = &configuration.options;
    let wrong = |key: &str, error: TraitsError| at(configuration.source(key), error.to_string());
    let mut traits = Traits::default();
    if let Some(zone) = zone {
        traits = traits.with_zone(zone).map_err(|error| wrong("zone", error))?;
    }
    if *weight != traits.weight() {
        traits = traits.with_weight(*weight).map_err(|error| wrong("weight", error))?;
    }
    for TagOf { key, value } in tag {
        if traits.tag(key).is_some() {
            let what = format!("tag '{key}' has two values: remove one of them");
            return Err(at(configuration.source("tag"), what));
        }
        traits = traits.with_tag(key, value).map_err(|error| wrong("tag", error))?;
    }
    Ok(traits)
}

/// Reads the keys of a file.
pub(crate) fn read_keys(path: &Path) -> Result<GroupKeys, Failure> {
    GroupKeys::from_file(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// A fault at the place where the value comes from, if anybody has said it.
fn at(source: Source, what: impl Into<String>) -> Faults {
    match source {
        Source::Default | Source::Preset(_) => Fault::new(what).into(),
        source => Fault::at(source, what).into(),
    }
}

/// What the driver refuses, with the place of the value that is the reason.
fn told(configuration: &Configuration, error: SettingsError) -> Faults {
    let key = match error {
        SettingsError::PublishedKey if configuration.source("advertise") != Source::Default => {
            "advertise"
        }
        SettingsError::PublishedKey => "bind",
        SettingsError::NoInterface | SettingsError::InterfaceAndAddress { .. } => "interface",
        SettingsError::SeedsOutOfReach { .. } => "seed",
        SettingsError::LookUpEvery { .. } => "look_up_every",
        SettingsError::Traits(_) if configuration.options.tag.is_empty() => "zone",
        SettingsError::Traits(_) => "tag",
        SettingsError::NotMulticast => "multicast_group",
        // These name the variable, or there is no value.
        _ => return Fault::new(error.to_string()).into(),
    };
    at(configuration.source(key), error.to_string())
}

/// What the engine refuses, with the place of the value that is the reason.
fn refused(configuration: &Configuration, config: &Config, error: ConfigError) -> Faults {
    let source = |path: &str| {
        let preset = || Source::Preset(preset_name(configuration.options.preset).to_owned());
        configuration.engine.source(path).cloned().unwrap_or_else(preset)
    };
    let send_rate = || match configuration.source("send_rate") {
        Source::Default => source("send_rate.datagrams"),
        said => said,
    };
    let place = match error {
        ConfigError::MaxDatagram { .. } => source("max_datagram"),
        ConfigError::SendRate { .. } => send_rate(),
        ConfigError::Verifiers { .. } => source("verifiers"),
        ConfigError::TooShort { field } | ConfigError::TooLong { field } => source(field),
        ConfigError::LimitTooLow { limit, .. } => source(&format!("limits.{limit}")),
        ConfigError::TimeoutOrder => {
            let spans = [
                ("min_timeout", config.min_timeout),
                ("max_timeout", config.max_timeout),
                ("silence_window", config.silence_window),
            ];
            let spans = spans.map(|(name, span)| format!("{name} is {span:?} ({})", source(name)));
            let what = format!("{error}, but {}: change one of them", spans.join(", "));
            return Fault::new(what).into();
        }
        _ => return Fault::new(error.to_string()).into(),
    };
    at(place, error.to_string())
}

/// The name of a preset.
pub(crate) const fn preset_name(preset: PresetName) -> &'static str {
    match preset {
        PresetName::Lan => "lan",
        PresetName::Wan => "wan",
        PresetName::Local => "local",
    }
}
