"""Reads what a node serves with the parser of the Prometheus project, and checks what it means.

Usage: openmetrics.py http://ADDRESS, where two nodes know each other and share eight groups.
"""

import math
import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

GROUPS = {"plain", "sp ace", 'quo"te', "back\\\\slash", "line\\nbreak", "gr\u00fcn", "{}=,#", "\\u{1b}[2J"}

with urllib.request.urlopen(sys.argv[1] + "/metrics", timeout=10) as answer:
    kind = answer.headers["Content-Type"]
    text = answer.read().decode("utf-8")
assert kind.startswith("application/openmetrics-text; version=1.0.0"), kind

families = {family.name: family for family in text_string_to_metric_families(text)}
for family in families.values():
    assert family.name.startswith("scalesmall_"), family.name
    assert family.type in ("gauge", "counter", "info"), (family.name, family.type)
    assert family.documentation.endswith("."), family.name
    seen = set()
    for sample in family.samples:
        labels = tuple(sorted(sample.labels.items()))
        assert labels not in seen, (family.name, labels)
        seen.add(labels)
        assert math.isfinite(sample.value) and sample.value >= 0, sample


def samples(name, label):
    return {sample.labels[label]: sample.value for sample in families["scalesmall_" + name].samples}


def only(name):
    (sample,) = families["scalesmall_" + name].samples
    return sample.value


assert samples("peers", "status") == {"alive": 1, "suspect": 0, "unreachable": 0, "down": 0, "left": 0}
assert samples("group_members", "group") == {group: 2 for group in GROUPS}
assert samples("group_ranges", "group") == {group: 1 for group in GROUPS}
assert samples("group_unserved_keys", "group") == {group: 1 << 31 for group in GROUPS}
trips = samples("round_trip_seconds", "quantile")
assert list(trips) == ["0.5", "0.9", "0.99", "1"] and all(0 < trip < 10 for trip in trips.values()), trips
assert families["scalesmall_round_trip_seconds"].unit == "seconds"
assert families["scalesmall_queue_events_bytes"].unit == "bytes"
assert only("groups") == only("groups_joined") == 8 and only("groups_unlisted") == 0
assert only("uptime_seconds") > 0 and only("health_factor") == 1
assert only("build") == only("node") == 1
assert families["scalesmall_datagrams_received"].type == "counter"
assert only("datagrams_received") > 0 and only("refused_malformed") == 0
lengths, limits = samples("queue_length", "queue"), samples("queue_limit", "queue")
assert lengths.keys() == limits.keys() and all(lengths[queue] <= limits[queue] for queue in lengths)
print(len(families), "families with", sum(len(family.samples) for family in families.values()), "samples")
