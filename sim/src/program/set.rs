//! Playing a scenario with some of its keys changed.

use clap::Args;
use scalesmall_sim::scenario::Scenario;

/// What is changed.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Changes {
    /// With how many nodes; of a random scenario, the most, as `explore` was given it [default: what
    /// the file says]
    #[arg(long)]
    pub(crate) nodes: Option<usize>,
    /// Set a key of the file, such as cluster.link.loss=5%; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Changes {
    /// The scenario with the changes.
    ///
    /// # Errors
    ///
    /// The change that is wrong, without a line: it is in no file.
    pub(crate) fn apply(&self, mut scenario: Scenario) -> Result<Scenario, String> {
        let wrong = |error: &dyn core::fmt::Display| {
            format!("with{}: {}", self.arguments(), error.to_string().trim_end())
        };
        if !self.set.is_empty() {
            let mut table = toml::Table::try_from(&scenario).map_err(|error| wrong(&error))?;
            for pair in &self.set {
                set(&mut table, pair)?;
            }
            // What is set is no parameter of a grid any more.
            if let Some(toml::Value::Table(grid)) = table.get_mut("grid") {
                grid.retain(|key, _| !self.set.iter().any(|pair| is_of(pair, key)));
            }
            scenario = Scenario::from_table(table).map_err(|error| wrong(&error))?;
        }
        if let Some(nodes) = self.nodes {
            scenario.cluster.nodes = nodes;
            scenario.grid.remove("cluster.nodes");
        }
        // All at once: another number of nodes and the zones that fit it are wrong alone.
        match scenario.check() {
            Ok(()) => Ok(scenario),
            Err(error) => Err(wrong(&error) + self.remedy(&scenario)),
        }
    }

    /// What else is to be changed, if zones that are listed do not fit the number of nodes.
    fn remedy(&self, scenario: &Scenario) -> &'static str {
        let cluster = &scenario.cluster;
        let ends = cluster.zone.iter().map(|zone| zone.nodes[1].saturating_add(1));
        if self.nodes.is_some() && ends.max().is_some_and(|end| end != cluster.nodes) {
            "; the zones are listed for another number of nodes: list them anew as well, with \
             --set 'cluster.zone=[{ name = \"east\", nodes = [0, 9] }, ...]'"
        } else {
            ""
        }
    }

    /// Whether a key is changed.
    pub(crate) fn sets_key(&self, key: &str) -> bool {
        self.nodes.is_some() && key == "cluster.nodes"
            || self.set.iter().any(|pair| is_of(pair, key))
    }

    /// Of these keys those that are changed, with the values that they have in a scenario.
    pub(crate) fn set_of(
        &self,
        scenario: &Scenario,
        keys: &[String],
    ) -> Vec<(String, toml::Value)> {
        let table = toml::Table::try_from(scenario).unwrap_or_default();
        let value = |key: &String| {
            let mut way = key.split('.');
            let first = table.get(way.next()?)?;
            way.try_fold(first, |value, name| value.get(name)).cloned()
        };
        let set = keys.iter().filter(|key| self.sets_key(key));
        set.filter_map(|key| Some((key.clone(), value(key)?))).collect()
    }

    /// The arguments that make the same changes.
    pub(crate) fn arguments(&self) -> String {
        let nodes = self.nodes.map(|nodes| format!(" --nodes {nodes}"));
        self.sets() + &nodes.unwrap_or_default()
    }

    fn sets(&self) -> String {
        self.set.iter().map(|pair| format!(" --set {}", quoted(pair))).collect()
    }
}

/// Whether a pair of a key and its value sets this key.
fn is_of(pair: &str, key: &str) -> bool {
    pair.split_once('=').is_some_and(|(set, _)| set == key)
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=%:,+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Sets a key, given as `cluster.link.loss=5%`. What is no number, neither true nor false, and no list
/// or table is text.
///
/// # Errors
///
/// What is wrong with the pair, and how it is written.
fn set(table: &mut toml::Table, pair: &str) -> Result<(), String> {
    let wrong = || format!("--set {pair}: write KEY=VALUE, such as cluster.link.loss=5%");
    let (key, value) = pair.split_once('=').ok_or_else(wrong)?;
    let (folders, name) = match key.rsplit_once('.') {
        Some((folders, name)) => (Some(folders), name),
        None => (None, key),
    };
    if name.is_empty() {
        return Err(wrong());
    }
    let mut table = table;
    for folder in folders.into_iter().flat_map(|folders| folders.split('.')) {
        let empty = || toml::Value::Table(toml::Table::new());
        table = match table.entry(folder).or_insert_with(empty) {
            toml::Value::Table(inner) => inner,
            toml::Value::Array(_) => return Err(format!("--set {pair}: {}", no_index(folder))),
            _ => return Err(format!("--set {pair}: {folder} has no keys of its own")),
        };
    }
    let number = value.parse().map(toml::Value::Integer);
    let truth = value.parse().map(toml::Value::Boolean);
    let text = || list(value).unwrap_or_else(|| toml::Value::String(value.to_owned()));
    table.insert(name.to_owned(), number.or(truth).unwrap_or_else(|_| text()));
    Ok(())
}

/// What to do in place of setting one entry of a list.
fn no_index(list: &str) -> String {
    format!("{list} is a list, and lists cannot be indexed: set the whole list, {list}=[...]")
}

/// A list or a table as a file has it.
fn list(value: &str) -> Option<toml::Value> {
    let is_one = value.starts_with(['[', '{']);
    let mut table: toml::Table = is_one.then(|| format!("it = {value}").parse().ok())??;
    table.remove("it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_words_as_they_are() {
        assert_eq!(quoted("cluster.link.loss=5%"), "cluster.link.loss=5%");
        assert_eq!(quoted("about=it's"), "'about=it'\\''s'");
    }

    #[test]
    fn keys_are_set_whether_they_were_there_or_not() {
        let mut table: toml::Table = "seeds = 3\n[cluster]\nnodes = 5\n".parse().unwrap();
        for pair in [
            "seeds=4",
            "cluster.nodes=6",
            "cluster.ipv6=true",
            "cluster.link.loss=5%",
            "cluster.link.delay=[\"1ms\", \"2ms\"]",
        ] {
            set(&mut table, pair).unwrap();
        }
        let expected = "seeds = 4\n[cluster]\nnodes = 6\nipv6 = true\n\
                        [cluster.link]\nloss = \"5%\"\ndelay = [\"1ms\", \"2ms\"]\n";
        assert_eq!(table, expected.parse().unwrap());
        for pair in ["", "seeds", "=1", "cluster.=1", "seeds.x=1"] {
            assert!(set(&mut table, pair).is_err(), "{pair}");
        }
        set(&mut table, "bars=[{ figure = \"crash\" }]").unwrap();
        for pair in ["bars.0.figure=x", "bars.figure=x"] {
            let error = set(&mut table, pair).unwrap_err();
            assert!(error.contains("set the whole list, bars=[...]"), "{error}");
        }
    }
}
