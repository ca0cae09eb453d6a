//! The nodes of a picture: what they are called, and in which zones they are.

/// The nodes, as a picture calls them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cast {
    /// Their names; without any they are called by their numbers.
    pub(crate) names: Vec<String>,
    /// Their zones, if there are several.
    pub(crate) zones: Option<Zones>,
}

/// Which node is in which zone.
#[derive(Clone, Debug)]
pub(crate) struct Zones {
    /// The number of the zone of each node.
    pub(crate) of: Vec<u16>,
    /// What the zones are called, by number.
    pub(crate) names: Vec<String>,
}

/// A row of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// The name of a zone, whose nodes follow.
    Zone(String),
    /// A node.
    Node(usize),
}

impl Cast {
    /// What a node is called.
    pub(super) fn name(&self, node: usize) -> String {
        self.names.get(node).cloned().unwrap_or_else(|| format!("node {node}"))
    }

    /// A row for each of some nodes, zone by zone.
    pub(super) fn rows(&self, mut nodes: Vec<usize>) -> Vec<Row> {
        let Some(zones) = &self.zones else { return nodes.into_iter().map(Row::Node).collect() };
        let zone_of = |node: usize| zones.of.get(node).copied().unwrap_or_default();
        nodes.sort_by_key(|node| (zone_of(*node), *node));
        let mut rows = Vec::new();
        let mut before = None;
        for node in nodes {
            let zone = zone_of(node);
            if before.replace(zone) != Some(zone) {
                let count = zones.of.iter().filter(|of| **of == zone).count();
                let number = usize::from(zone);
                let name = zones.names.get(number).map_or_else(|| zone.to_string(), String::clone);
                rows.push(Row::Zone(format!("zone {name}: {count} nodes")));
            }
            rows.push(Row::Node(node));
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_of_a_zone_stand_together_under_its_name() {
        let zones = Zones { of: vec![0, 1, 0, 1], names: vec!["a".into(), "b".into()] };
        let cast = Cast { names: Vec::new(), zones: Some(zones) };
        let zone = |text: &str| Row::Zone(text.to_owned());
        assert_eq!(
            cast.rows(vec![0, 1, 2]),
            [
                zone("zone a: 2 nodes"),
                Row::Node(0),
                Row::Node(2),
                zone("zone b: 2 nodes"),
                Row::Node(1)
            ]
        );
        assert_eq!(Cast::default().rows(vec![3]), [Row::Node(3)]);
        assert_eq!(Cast::default().name(3), "node 3");
    }
}
