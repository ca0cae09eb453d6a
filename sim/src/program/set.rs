//! Setting single keys of a scenario file.

/// Sets a key, given as `cluster.link.loss=5%`. What is no number and neither true nor false is text.
///
/// # Errors
///
/// What is wrong with the pair, and how it is written.
pub(crate) fn set(table: &mut toml::Table, pair: &str) -> Result<(), String> {
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
            _ => return Err(format!("--set {pair}: {folder} has no keys of its own")),
        };
    }
    let number = value.parse().map(toml::Value::Integer);
    let truth = value.parse().map(toml::Value::Boolean);
    let text = || toml::Value::String(value.to_owned());
    table.insert(name.to_owned(), number.or(truth).unwrap_or_else(|_| text()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_set_whether_they_were_there_or_not() {
        let mut table: toml::Table = "seeds = 3\n[cluster]\nnodes = 5\n".parse().unwrap();
        for pair in ["seeds=4", "cluster.nodes=6", "cluster.ipv6=true", "cluster.link.loss=5%"] {
            set(&mut table, pair).unwrap();
        }
        let expected =
            "seeds = 4\n[cluster]\nnodes = 6\nipv6 = true\n[cluster.link]\nloss = \"5%\"\n";
        assert_eq!(table, expected.parse().unwrap());
        for pair in ["", "seeds", "=1", "cluster.=1", "seeds.x=1"] {
            assert!(set(&mut table, pair).is_err(), "{pair}");
        }
    }
}
