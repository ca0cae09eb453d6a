//! Some settings, as an embedder lets them be set, for example in a file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use scalesmall_core::{ClusterName, ConfigPatch, NodeName, SendRatePatch, Traits, TraitsError};
use serde::{Deserialize, Serialize, Serializer};

use super::{Multicast, Preset, Settings, SettingsError};
use crate::seed::Seed;
use crate::tape::RecordLimits;

/// Some of the [`Settings`] of a node, which can be read and written, for example in a file.
///
/// There is no place in it for keys, as a secret has no written form here: an embedder reads them with
/// [`GroupKeys`](crate::GroupKeys). Names of clusters are texts. A field that does not exist is an error.
///
/// ```
/// use scalesmall_driver::{GroupKeys, Settings, SettingsPatch};
///
/// let text = r#"
///     bind = "127.0.0.1:4000"
///     seeds = ["peers.example.org"]
///     look_up_every = "10s"
///     [engine]
///     probe_interval = "2s"
///     limits = { nodes = 500 }
/// "#;
/// let patch: SettingsPatch = toml::from_str(text)?;
/// let mut settings = Settings::new("127.0.0.1:0".parse()?, GroupKeys::published());
/// patch.apply(&mut settings)?;
/// settings.check()?;
/// assert_eq!(settings.bind.port(), 4000);
/// assert_eq!(settings.config([0; 32]).limits.nodes, 500);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SettingsPatch {
    /// See [`Settings::bind`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind: Option<SocketAddr>,
    /// See [`Settings::name`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// See [`Settings::advertise`]; all of them are replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertise: Option<Vec<SocketAddr>>,
    /// See [`Settings::interface`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// See [`Settings::seeds`]; all of them are replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seeds: Option<Vec<Seed>>,
    /// See [`Settings::look_up_every`].
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub look_up_every: Option<Duration>,
    /// See [`Settings::cluster`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// See [`Settings::multicast`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multicast: Option<Multicast>,
    /// See [`Settings::preset`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// See [`Settings::send_rate`]. A figure that is missing is the preset's.
    pub send_rate: SendRatePatch,
    /// The zone of [`Settings::traits`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The weight of [`Settings::traits`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u16>,
    /// The tags of [`Settings::traits`]; all of them are replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
    /// See [`Settings::state`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<PathBuf>,
    /// See [`Settings::record`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<PathBuf>,
    /// See [`Settings::record_limits`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_limits: Option<RecordLimits>,
    /// See [`Settings::engine`]; the fields that are missing stay as they are.
    pub engine: ConfigPatch,
}

impl SettingsPatch {
    /// Sets what this patch has. The rest stays as it is, and only names are checked.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Cluster`], [`SettingsError::Name`] or [`SettingsError::Traits`]; nothing has changed
    /// then.
    pub fn apply(&self, settings: &mut Settings) -> Result<(), SettingsError> {
        let traits = self.traits(settings.traits.clone()).map_err(SettingsError::Traits)?;
        let name = self.name.as_deref().map(NodeName::try_from).transpose();
        let name = name.map_err(SettingsError::Name)?;
        if let Some(name) = &self.cluster {
            let name = ClusterName::try_from(name.as_str());
            settings.cluster = name.map_err(SettingsError::Cluster)?;
        }
        settings.traits = traits;
        settings.name = name.or_else(|| settings.name.take());
        set(&mut settings.bind, self.bind.as_ref());
        set(&mut settings.seeds, self.seeds.as_ref());
        set(&mut settings.look_up_every, self.look_up_every.as_ref());
        set(&mut settings.preset, self.preset.as_ref());
        set(&mut settings.record_limits, self.record_limits.as_ref());
        set(&mut settings.advertise, self.advertise.as_ref());
        settings.multicast = self.multicast.or(settings.multicast);
        if self.interface.is_some() {
            settings.interface.clone_from(&self.interface);
        }
        if self.state.is_some() {
            settings.state.clone_from(&self.state);
        }
        if self.record.is_some() {
            settings.record.clone_from(&self.record);
        }
        if self.send_rate != SendRatePatch::default() {
            let mut rate = settings.config([0; 32]).send_rate;
            self.send_rate.apply(&mut rate);
            settings.send_rate = Some(rate);
        }
        settings.engine.extend(&self.engine);
        Ok(())
    }
}

impl SettingsPatch {
    /// These traits with what this patch has.
    fn traits(&self, mut traits: Traits) -> Result<Traits, TraitsError> {
        if let Some(zone) = &self.zone {
            traits = traits.with_zone(zone)?;
        }
        if let Some(weight) = self.weight {
            traits = traits.with_weight(weight)?;
        }
        let Some(tags) = &self.tags else { return Ok(traits) };
        let former: Vec<String> = traits.tags().map(|(key, _)| key.to_owned()).collect();
        traits = former.iter().fold(traits, |traits, key| traits.without_tag(key));
        tags.iter().try_fold(traits, |traits, (key, value)| traits.with_tag(key, value))
    }
}

fn set<T: Clone>(place: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        place.clone_from(value);
    }
}

/// All that a patch may have. A cluster whose name is no text has what is readable of it.
impl From<&Settings> for SettingsPatch {
    fn from(settings: &Settings) -> Self {
        let Settings {
            bind,
            name,
            advertise,
            interface,
            seeds,
            look_up_every,
            cluster,
            keys: _,
            multicast,
            preset,
            send_rate,
            engine,
            traits,
            state,
            record,
            record_limits,
        } = settings;
        let tags = traits.tags().map(|(key, value)| (key.to_owned(), value.to_owned()));
        Self {
            bind: Some(*bind),
            name: name.clone().map(String::from),
            advertise: Some(advertise.clone()),
            interface: interface.clone(),
            seeds: Some(seeds.clone()),
            look_up_every: Some(*look_up_every),
            cluster: Some(String::from_utf8_lossy(cluster.as_bytes()).into_owned()),
            multicast: *multicast,
            preset: Some(*preset),
            send_rate: send_rate.as_ref().map(SendRatePatch::from).unwrap_or_default(),
            zone: traits.zone().map(str::to_owned),
            weight: Some(traits.weight()),
            tags: Some(tags.collect()),
            state: state.clone(),
            record: record.clone(),
            record_limits: Some(*record_limits),
            engine: *engine,
        }
    }
}

/// As a [`SettingsPatch`] that has all fields: without the keys.
impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SettingsPatch::from(self).serialize(serializer)
    }
}

/// As it is written everywhere else: `host:port`.
impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| serde::de::Error::custom(format!("'{text}': {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::GroupKeys;

    fn settings() -> Settings {
        Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::parse(&[b'k'; 32]).unwrap())
    }

    #[test]
    fn what_is_written_is_read_again_and_holds_no_key() {
        let mut written = settings();
        written.name = Some("web-1".parse().unwrap());
        written.advertise = vec!["10.0.0.1:5".parse().unwrap(), "[::1]:5".parse().unwrap()];
        written.seeds = vec!["a:7".parse().unwrap(), "[::1]:8".parse().unwrap()];
        written.multicast = Some(Multicast::for_node(written.bind.ip()));
        written.preset = Preset::Wan;
        written.state = Some("/state".into());
        written.look_up_every = Duration::from_millis(90_500);
        let traits = Traits::default().with_zone("z").unwrap().with_tag("a.b", "=").unwrap();
        written.traits = traits.with_weight(3).unwrap();
        written.engine.verifiers = Some(5);
        written.engine.limits.nodes = Some(6);
        let text = toml::to_string(&written).unwrap();
        assert!(!text.contains("kkkk") && !text.contains("6b6b"), "{text}");
        let patch: SettingsPatch = toml::from_str(&text).unwrap();
        let mut read = settings();
        patch.apply(&mut read).unwrap();
        assert_eq!(toml::to_string(&read).unwrap(), text);
        assert_eq!(read.engine, written.engine);
        assert_eq!((&read.name, &read.advertise), (&written.name, &written.advertise));
        assert_eq!((&read.seeds, &read.traits), (&written.seeds, &written.traits));
    }

    #[test]
    fn what_a_patch_does_not_have_stays() {
        let mut changed = settings();
        changed.seeds = vec!["a:7".parse().unwrap()];
        changed.engine.verifiers = Some(5);
        let before = toml::to_string(&changed).unwrap();
        toml::from_str::<SettingsPatch>("").unwrap().apply(&mut changed).unwrap();
        assert_eq!(toml::to_string(&changed).unwrap(), before);
        let text =
            "engine = { least_hearers = 7 }\nsend_rate = { bytes = 500000 }\npreset = \"wan\"";
        toml::from_str::<SettingsPatch>(text).unwrap().apply(&mut changed).unwrap();
        let config = changed.config([0; 32]);
        assert_eq!((config.verifiers, config.least_hearers), (5, 7));
        // The figure that is missing is the one of preset wan.
        assert_eq!((config.send_rate.bytes, config.send_rate.datagrams), (500_000, 10_000));
    }

    #[test]
    fn what_makes_no_sense_is_an_error_that_names_it() {
        for (text, wanted) in [
            ("seed = []", "unknown field `seed`"),
            ("seeds = [\"a:0\"]", "'a:0': the port must be"),
            ("bind = \"here\"", "invalid socket address"),
            ("engine = { probes = 1 }", "unknown field `probes`"),
            ("engine = { probe_interval = 5 }", "such as \"250ms\""),
            ("multicast = { group = \"239.0.0.1:5\", hops = 1 }", "unknown field `hops`"),
        ] {
            let error = toml::from_str::<SettingsPatch>(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
        let mut changed = settings();
        let patch = SettingsPatch { cluster: Some(String::new()), ..SettingsPatch::default() };
        assert!(matches!(patch.apply(&mut changed), Err(SettingsError::Cluster(_))));
        let patch = SettingsPatch { weight: Some(0), ..SettingsPatch::default() };
        assert_eq!(patch.apply(&mut changed), Err(SettingsError::Traits(TraitsError::NoWeight)));
    }
}
