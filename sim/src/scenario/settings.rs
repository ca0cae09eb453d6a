//! The configuration of engines, as a file describes it.

use serde::{Deserialize, Serialize};

use scalesmall_core::{Config, SendRate};

use super::value::Span;
use crate::sim::{lan, local, wan};

/// Fields of the engine's configuration; what is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `Config::max_datagram`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_datagram: Option<usize>,
    /// `Config::probe_interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe_interval: Option<Span>,
    /// `Config::min_timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_timeout: Option<Span>,
    /// `Config::max_timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_timeout: Option<Span>,
    /// `Config::silence_window`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silence_window: Option<Span>,
    /// `Config::verifiers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifiers: Option<u8>,
    /// `Config::retry_interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_interval: Option<Span>,
    /// `Config::repair_patience`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair_patience: Option<Span>,
    /// `Config::tombstone_ttl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tombstone_ttl: Option<Span>,
    /// `Config::forget_after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forget_after: Option<Span>,
    /// `Config::repair_interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair_interval: Option<Span>,
    /// Bytes of `Config::send_rate`; a datagram is allowed for each 240 of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_rate: Option<u32>,
    /// `Limits::nodes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_nodes: Option<u32>,
    /// `Limits::groups`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_groups: Option<u32>,
    /// `Limits::ranges`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_ranges: Option<u32>,
    /// `Limits::ranges_per_record`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranges_per_record: Option<u32>,
    /// `Limits::message_origins`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_origins: Option<u32>,
    /// `Limits::outbox`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbox: Option<u32>,
    /// `Limits::relays`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relays: Option<u32>,
    /// `Limits::piggyback`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub piggyback: Option<u32>,
    /// `Limits::inquiries`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inquiries: Option<u32>,
    /// `Limits::session_keys`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_keys: Option<u32>,
}

impl Settings {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether any limit differs from the preset.
    pub(crate) const fn has_tight_limits(&self) -> bool {
        self.outbox.is_some()
            || self.relays.is_some()
            || self.piggyback.is_some()
            || self.inquiries.is_some()
            || self.session_keys.is_some()
    }

    /// The durations of a preset.
    pub(crate) fn of_preset(preset: Preset) -> Self {
        let config = preset.config();
        Self {
            probe_interval: Some(Span(config.probe_interval)),
            min_timeout: Some(Span(config.min_timeout)),
            max_timeout: Some(Span(config.max_timeout)),
            silence_window: Some(Span(config.silence_window)),
            retry_interval: Some(Span(config.retry_interval)),
            repair_patience: Some(Span(config.repair_patience)),
            repair_interval: Some(Span(config.repair_interval)),
            ..Self::default()
        }
    }

    pub(super) fn apply(&self, config: &mut Config) {
        let spans = [
            (self.probe_interval, &mut config.probe_interval),
            (self.min_timeout, &mut config.min_timeout),
            (self.max_timeout, &mut config.max_timeout),
            (self.silence_window, &mut config.silence_window),
            (self.retry_interval, &mut config.retry_interval),
            (self.repair_patience, &mut config.repair_patience),
            (self.tombstone_ttl, &mut config.tombstone_ttl),
            (self.forget_after, &mut config.forget_after),
            (self.repair_interval, &mut config.repair_interval),
        ];
        for (span, field) in spans {
            if let Some(span) = span {
                *field = span.0;
            }
        }
        let limits = [
            (self.limit_nodes, &mut config.limits.nodes),
            (self.limit_groups, &mut config.limits.groups),
            (self.limit_ranges, &mut config.limits.ranges),
            (self.ranges_per_record, &mut config.limits.ranges_per_record),
            (self.message_origins, &mut config.limits.message_origins),
            (self.outbox, &mut config.limits.outbox),
            (self.relays, &mut config.limits.relays),
            (self.piggyback, &mut config.limits.piggyback),
            (self.inquiries, &mut config.limits.inquiries),
            (self.session_keys, &mut config.limits.session_keys),
        ];
        for (limit, field) in limits {
            *field = limit.unwrap_or(*field);
        }
        config.max_datagram = self.max_datagram.unwrap_or(config.max_datagram);
        if let Some(verifiers) = self.verifiers {
            config.verifiers = verifiers;
        }
        if let Some(bytes) = self.send_rate {
            config.send_rate = SendRate::new(bytes, bytes / 240);
        }
    }
}

/// A preset of the engine's configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// `Config::lan`.
    #[default]
    Lan,
    /// `Config::wan`.
    Wan,
    /// `Config::local`.
    Local,
}

impl Preset {
    pub(super) fn config(self) -> Config {
        match self {
            Self::Lan => lan(),
            Self::Wan => wan(),
            Self::Local => local(),
        }
    }
}
