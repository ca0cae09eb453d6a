//! Figures as OpenMetrics text, which Prometheus and most other collectors read.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use scalesmall_driver::figures::{Family, Kind, PREFIX, Sample, Value};

/// What this text is, for the header of an answer.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The figures as text, which ends with `# EOF`.
///
/// # Panics
///
/// Never: to write to a string does not fail.
pub(crate) fn encode(families: Vec<Family>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exposition(families)));
    let mut out = String::new();
    text::encode(&mut out, &registry).expect("a string takes all");
    out
}

#[derive(Debug)]
struct Exposition(Vec<Family>);

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in &self.0 {
            let kind = match family.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Info => MetricType::Info,
                _ => MetricType::Gauge,
            };
            let unit = family.unit.map(|unit| Unit::Other(unit.to_owned()));
            let name = format!("{PREFIX}_{}", family.name);
            let mut metric = encoder.encode_descriptor(&name, family.help, unit.as_ref(), kind)?;
            for sample in &family.samples {
                encode_sample(&mut metric, family.kind, sample)?;
            }
        }
        Ok(())
    }
}

fn encode_sample(metric: &mut MetricEncoder<'_>, kind: Kind, sample: &Sample) -> fmt::Result {
    let labels: Vec<(&str, &str)> =
        sample.labels.iter().map(|(name, text)| (*name, text.as_ref())).collect();
    if kind == Kind::Info {
        return metric.encode_info(&labels);
    }
    if labels.is_empty() {
        return encode_value(metric, kind, sample.value);
    }
    encode_value(&mut metric.encode_family(&labels)?, kind, sample.value)
}

fn encode_value(metric: &mut MetricEncoder<'_>, kind: Kind, value: Value) -> fmt::Result {
    match (kind, value) {
        (Kind::Counter, Value::Whole(value)) => {
            metric.encode_counter::<[(&str, &str); 0], _, u64>(&value, None)
        }
        (_, Value::Whole(value)) => metric.encode_gauge(&value),
        (_, Value::Real(value)) => metric.encode_gauge(&value),
        // A later kind of value has a later version of this function.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_lines_and_labels_are_escaped() {
        let members = Family::gauge("group_members", "Members.");
        let families = vec![
            Family::info("build", "The build.", [("version", "1.2".into())]),
            Family::gauge("uptime", "How long.").in_unit("seconds").with([], Value::Real(1.5)),
            members
                .with([("group", "a\"b\nc\\d".into())], Value::Whole(2))
                .with([("group", "e".into()), ("x", "y".into())], Value::Whole(u64::MAX)),
            Family::counter("stalls", "Stalls.", 3),
        ];
        let expected = "\
            # HELP scalesmall_build The build.\n\
            # TYPE scalesmall_build info\n\
            scalesmall_build_info{version=\"1.2\"} 1\n\
            # HELP scalesmall_uptime_seconds How long.\n\
            # TYPE scalesmall_uptime_seconds gauge\n\
            # UNIT scalesmall_uptime_seconds seconds\n\
            scalesmall_uptime_seconds 1.5\n\
            # HELP scalesmall_group_members Members.\n\
            # TYPE scalesmall_group_members gauge\n\
            scalesmall_group_members{group=\"a\\\"b\\nc\\\\d\"} 2\n\
            scalesmall_group_members{group=\"e\",x=\"y\"} 18446744073709551615\n\
            # HELP scalesmall_stalls Stalls.\n\
            # TYPE scalesmall_stalls counter\n\
            scalesmall_stalls_total 3\n\
            # EOF\n";
        assert_eq!(encode(families), expected);
    }
}
