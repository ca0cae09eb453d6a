//! What a node is asked about its keys, and the file in which it keeps them.

use std::path::{Path, PathBuf};

use scalesmall_core::{HeldKey, KeyError, KeyId, Keyring, RingKey, Suite};
use scalesmall_driver::{Front, GroupKeys, Handle};

use crate::configuration::Configuration;
use crate::protocol::{KeyRow, KeyStep, Named, Reply};
use crate::whom::with_names;

/// Takes a step, if one is asked for, and lists the keys.
pub(crate) fn answer(handle: &Handle, step: Option<KeyStep>) -> Reply {
    // Files are read on the thread of the client: a slow one must not keep the node waiting.
    let added = match &step {
        Some(KeyStep::Add { file }) => match GroupKeys::from_file(Path::new(file)) {
            Ok(keys) => Some(keys),
            Err(error) => return Reply::Refused(format!("{file}: {error}")),
        },
        _ => None,
    };
    let answered = handle.call(move |node| {
        take(node, step, added).map_err(|why| with_names(node, &why))?;
        Ok(node.keys().iter().map(|key| row(node, key)).collect())
    });
    match answered.wait() {
        Ok(Ok(rows)) => Reply::Keys(rows),
        Ok(Err(why)) => Reply::Refused(why),
        Err(stopped) => Reply::Refused(stopped.to_string()),
    }
}

fn take(node: &mut Front, step: Option<KeyStep>, added: Option<GroupKeys>) -> Result<(), String> {
    let id = |text: &str| text.parse::<KeyId>().map_err(|error| format!("'{text}': {error}"));
    let done = match step {
        None => return Ok(()),
        Some(KeyStep::Add { .. }) => {
            return add(node, added.as_ref().map(GroupKeys::ring));
        }
        Some(KeyStep::Use { key, force }) => node.use_key(id(&key)?, force),
        Some(KeyStep::Drop { key, force }) => node.drop_key(id(&key)?, force),
        Some(KeyStep::Leaked { key }) => node.mark_leaked(id(&key)?),
        Some(KeyStep::Rotate { suite }) => {
            let own = node.ring().get(node.ring().primary()).map(|held| held.key.suite());
            let named = |text: &str| Suite::ALL.iter().find(|suite| suite.name() == text).copied();
            let suite = match &suite {
                Some(text) => named(text).ok_or_else(|| format!("there is no suite '{text}'"))?,
                None => own.unwrap_or_default(),
            };
            return node.rotate_keys(suite).map(drop).map_err(|error| error.to_string());
        }
    };
    done.map_err(|error| error.to_string())
}

/// Adds what a file has. That of another node may have keys that are over there, by leak or as they were replaced:
/// these are not brought here. It may also have one that is over here.
fn add(node: &mut Front, file: Option<&Keyring>) -> Result<(), String> {
    let held = file.into_iter().flat_map(Keyring::keys);
    let mut keys: Vec<&HeldKey> = held.filter(|held| !held.leaked && !held.replaced).collect();
    // The last one that is added counts as the highest.
    keys.sort_by_key(|held| (held.generation, held.key.id()));
    if keys.is_empty() {
        let why = "all keys in it are marked as leaked or replaced: name the file of a node that uses another one";
        return Err(why.to_owned());
    }
    let mut outcome = Ok(());
    let mut taken = false;
    for held in keys {
        match node.add_key(held.key.clone()) {
            Ok(_) => taken = true,
            Err(retired @ KeyError::Retired { .. }) => outcome = Err(retired),
            Err(other) => return Err(other.to_string()),
        }
    }
    if taken { Ok(()) } else { outcome.map_err(|error| error.to_string()) }
}

fn row(node: &Front, key: &RingKey) -> KeyRow {
    KeyRow {
        key: key.id.to_string(),
        suite: key.suite.name().to_owned(),
        generation: key.generation,
        in_use: key.in_use,
        leaked: key.leaked,
        travels: key.travels,
        held_by: key.held_by,
        used_by: key.used_by,
        of: key.of,
        waits_for: key.waits_for.map(|id| Named::new(id, &|id| node.name(id))),
        sent: key.sent,
        received: key.received,
    }
}

/// The file in which a node keeps its keys.
#[derive(Clone, Debug)]
pub(crate) struct KeyFile {
    path: PathBuf,
    handle: Handle,
}

impl KeyFile {
    /// The file that counts. A key in the environment counts more, and the file is left as it is then.
    pub(crate) fn of(configuration: &Configuration, handle: &Handle) -> Option<Self> {
        let path = configuration.options.key.key_file.clone();
        let path = path.filter(|_| configuration.original("GROUP_MANAGER_KEY").is_none())?;
        Some(Self { path, handle: handle.clone() })
    }

    /// Writes the keys that the node holds now.
    pub(crate) fn keep(&self) {
        let Ok(ring) = self.handle.call(|node| node.ring().clone()).wait() else { return };
        if let Err(error) = GroupKeys::from(ring).write(&self.path) {
            tracing::warn!(
                "--key-file {}: {error}: after a restart this node has the keys that are in it now; make it \
                 writable, then 'scalesmall keys list' shows what has to be in it",
                self.path.display()
            );
        }
    }
}
