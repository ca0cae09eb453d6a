//! The figures of a node, published through the facade of the crate `metrics`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use metrics::{Key, Label, Level, Metadata, Recorder, Unit};

use crate::calls::Front;
use crate::figures::{self, Family, Kind, PREFIX, Value};

/// How often figures are published. Collectors ask more rarely, and in a cluster of thousands it takes some
/// milliseconds each time.
const EVERY: Duration = Duration::from_secs(5);

/// When the figures of a node are published.
#[derive(Debug, Default)]
pub(crate) struct Facade {
    last: Option<Instant>,
    /// The gauges that were published last.
    gauges: BTreeSet<Key>,
}

impl Facade {
    /// Publishes the figures of a node, if it is time. A node is called often enough while it runs, so it is
    /// not woken for this.
    pub(crate) fn look(&mut self, front: &Front) {
        let now = Instant::now();
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < EVERY) {
            return;
        }
        metrics::with_recorder(|recorder| self.publish(recorder, front));
        self.last = Some(now);
    }

    fn publish(&mut self, recorder: &dyn Recorder, front: &Front) {
        let node = Label::new("node", figures::own_name(front));
        let mut gauges = BTreeSet::new();
        for family in figures::of(front) {
            let name = name(&family);
            if self.last.is_none() {
                describe(recorder, &family, &name);
            }
            for sample in family.samples {
                let mut labels = vec![node.clone()];
                labels.extend(sample.labels.into_iter().map(|(name, text)| Label::new(name, text)));
                let key = Key::from_parts(name.clone(), labels);
                match (family.kind, sample.value) {
                    (Kind::Counter, Value::Whole(value)) => {
                        recorder.register_counter(&key, &ABOUT).absolute(value);
                        continue;
                    }
                    (_, Value::Whole(value)) => {
                        recorder.register_gauge(&key, &ABOUT).set(value as f64);
                    }
                    (_, Value::Real(value)) => recorder.register_gauge(&key, &ABOUT).set(value),
                }
                gauges.insert(key);
            }
        }
        // A recorder keeps what it was told last, but of a group that is gone there is nothing to say.
        for key in self.gauges.difference(&gauges) {
            recorder.register_gauge(key, &ABOUT).set(f64::NAN);
        }
        self.gauges = gauges;
    }
}

/// Where figures come from.
static ABOUT: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// `scalesmall_uptime_seconds`.
fn name(family: &Family) -> String {
    let unit = family.unit.map(|unit| format!("_{unit}")).unwrap_or_default();
    let info = if family.kind == Kind::Info { "_info" } else { "" };
    format!("{PREFIX}_{}{unit}{info}", family.name)
}

fn describe(recorder: &dyn Recorder, family: &Family, name: &str) {
    let unit = match family.unit {
        Some("seconds") => Some(Unit::Seconds),
        Some("bytes") => Some(Unit::Bytes),
        _ => None,
    };
    let (name, help) = (name.to_owned().into(), family.help.into());
    match family.kind {
        Kind::Counter => recorder.describe_counter(name, unit, help),
        Kind::Gauge | Kind::Info => recorder.describe_gauge(name, unit, help),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::UdpSocket;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    use metrics::{Counter, Gauge, Histogram, KeyName, SharedString};
    use scalesmall_core::{GroupName, KeyRange};

    use super::*;
    use crate::{GroupKeys, Node, Settings};

    /// Keeps the values of counters, and the bits of gauges.
    #[derive(Default)]
    struct Kept {
        values: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
        described: Mutex<Vec<String>>,
    }

    impl Kept {
        fn cell(&self, key: &Key) -> Arc<AtomicU64> {
            let labels = key.labels().map(|label| format!("{}={}", label.key(), label.value()));
            let name = format!("{} {}", key.name(), labels.collect::<Vec<_>>().join(" "));
            Arc::clone(self.values.lock().unwrap().entry(name).or_default())
        }

        fn value(&self, name: &str) -> Option<u64> {
            Some(self.values.lock().unwrap().get(name)?.load(Ordering::Relaxed))
        }
    }

    impl Recorder for Kept {
        fn describe_counter(&self, key: KeyName, _: Option<Unit>, help: SharedString) {
            self.described.lock().unwrap().push(format!("{} {help}", key.as_str()));
        }

        fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, help: SharedString) {
            self.describe_counter(key, unit, help);
        }

        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
            panic!("there is none");
        }

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.cell(key))
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(self.cell(key))
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            panic!("there is none")
        }
    }

    #[test]
    fn a_node_that_runs_publishes_its_figures() {
        let settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
        let mut node: Node<UdpSocket> = Node::start(&settings, Ok).unwrap();
        node.contact(&[std::net::SocketAddr::from(([127, 0, 0, 1], 9))]);
        let kept = Kept::default();
        metrics::with_local_recorder(&kept, || node.pump().map(drop)).unwrap();
        let id = node.my_name();
        let counter = kept.value(&format!("scalesmall_datagrams_received node={id}"));
        assert_eq!(counter, Some(node.stats().datagrams_received));
        let alive = kept.value(&format!("scalesmall_peers node={id} status=alive"));
        assert_eq!(alive.map(f64::from_bits), Some(0.0));

        // Of a group that is gone there is no value any more.
        let group = GroupName::try_from("kitchen").unwrap();
        let members = format!("scalesmall_group_ranges node={id} group=kitchen");
        node.add_item(&group, KeyRange::FULL, 7).unwrap();
        let mut facade = Facade::default();
        facade.publish(&kept, &node);
        assert_eq!(kept.value(&members).map(f64::from_bits), Some(1.0));
        facade.gauges.insert(Key::from_name("gone"));
        facade.publish(&kept, &node);
        assert!(kept.value("gone ").is_some_and(|bits| f64::from_bits(bits).is_nan()));
        assert_eq!(kept.value(&members).map(f64::from_bits), Some(1.0));

        let described = kept.described.lock().unwrap();
        let uptime = "scalesmall_uptime_seconds How long this node has run.";
        assert!(described.iter().any(|line| line == uptime), "{described:?}");
    }
}
