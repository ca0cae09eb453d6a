//! One scenario at many points: every combination of the values of some of its keys.

use std::collections::BTreeMap;

use super::{Scenario, ScenarioError};

/// Keys of a scenario, such as `"cluster.nodes"`, with the values that each takes.
pub type Grid = BTreeMap<String, Vec<toml::Value>>;

impl Scenario {
    /// The scenario at each point of its grid; only itself if it has none.
    ///
    /// # Errors
    ///
    /// The first point at which it does not fit together.
    pub fn points(&self) -> Result<Vec<Self>, ScenarioError> {
        if self.grid.is_empty() {
            return Ok(vec![self.clone()]);
        }
        let count = self.grid.values().try_fold(1, |count: usize, values| {
            count.checked_mul(values.len()).filter(|count| *count <= MOST_POINTS)
        });
        let Some(1..) = count else {
            let text = format!("a grid has 1 to {MOST_POINTS} points: give each key some values");
            return Err(ScenarioError(text));
        };
        let plain = Self { grid: Grid::new(), ..self.clone() };
        let mut points = vec![Vec::new()];
        for (key, values) in &self.grid {
            let with = |point: &Vec<(String, toml::Value)>, value: &toml::Value| {
                let own = [(key.clone(), value.clone())];
                point.iter().cloned().chain(own).collect::<Vec<_>>()
            };
            points = points
                .iter()
                .flat_map(|point| values.iter().map(move |value| with(point, value)))
                .collect();
        }
        points.into_iter().map(|point| plain.at(point)).collect()
    }

    /// The scenario with these values.
    fn at(&self, point: Vec<(String, toml::Value)>) -> Result<Self, ScenarioError> {
        let wrong = |error: &dyn core::fmt::Display| {
            let error = error.to_string();
            ScenarioError(format!("at the point {}: {}", label(&point), error.trim_end()))
        };
        let mut table = toml::Table::try_from(self).map_err(|error| wrong(&error))?;
        for (key, value) in &point {
            let mut folders: Vec<&str> = key.split('.').collect();
            let name = folders.pop().unwrap_or_default();
            let mut folder = &mut table;
            for name in folders {
                let empty = || toml::Value::Table(toml::Table::new());
                folder = match folder.entry(name).or_insert_with(empty) {
                    toml::Value::Table(inner) => inner,
                    toml::Value::Array(_) => {
                        let text =
                            "is a list, and lists cannot be indexed: let the grid have whole lists";
                        return Err(wrong(&format!("{name} {text}")));
                    }
                    _ => return Err(wrong(&format!("{name} has no keys of its own"))),
                };
            }
            folder.insert(name.to_owned(), value.clone());
        }
        let mut scenario = Self::from_table(table).map_err(|error| wrong(&error))?;
        scenario.check().map_err(|error| wrong(&error))?;
        scenario.point = point;
        Ok(scenario)
    }

    /// At which point of a grid it is, in words; empty if there is none.
    #[must_use]
    pub fn point(&self) -> String {
        label(&self.point)
    }

    /// The keys of the point with their values, as they are set.
    pub fn point_values(&self) -> impl Iterator<Item = (&str, String)> {
        self.point.iter().map(|(key, value)| (key.as_str(), plain(value)))
    }
}

/// A value as it stands in a file, text without quotation marks.
fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn label(point: &[(String, toml::Value)]) -> String {
    let words = point.iter().map(|(key, value)| {
        let name = key.rsplit('.').next().unwrap_or(key);
        let value = match value.as_array().map(Vec::as_slice) {
            Some([least, most]) if least == most => plain(least),
            Some(values) => values.iter().map(plain).collect::<Vec<_>>().join(" to "),
            None => plain(value),
        };
        format!("{name} {value}")
    });
    words.collect::<Vec<_>>().join(", ")
}

const MOST_POINTS: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: &str = r#"
        name = "grid"
        [grid]
        "cluster.nodes" = [2, 3]
        "cluster.link.loss" = ["0%", "10%", "20%"]
        [cluster]
        nodes = 2
        [[steps]]
        run = "1s"
    "#;

    #[test]
    fn a_grid_is_every_combination() {
        let scenario: Scenario = GRID.parse().unwrap();
        assert_eq!(scenario.to_toml().parse(), Ok(scenario.clone()));
        let points = scenario.points().unwrap();
        let labels: Vec<String> = points.iter().map(Scenario::point).collect();
        assert_eq!((labels.len(), labels[1].as_str()), (6, "loss 0%, nodes 3"));
        assert_eq!((points[1].cluster.nodes, points[1].grid.len()), (3, 0));
        assert!(points[5].cluster.link.loss.is_some_and(|loss| loss.0.0 > 0));
    }

    #[test]
    fn a_point_that_cannot_be_is_refused_with_its_name() {
        for (value, told) in [("0", "at the point loss 0%, nodes 0"), ("\"many\"", "nodes many")] {
            let text = GRID.replace("[2, 3]", &format!("[2, {value}]"));
            let error = text.parse::<Scenario>().unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        let error = GRID.replace("[2, 3]", "[]").parse::<Scenario>().unwrap_err().to_string();
        assert!(error.contains("1 to 1000 points"), "{error}");
    }
}
