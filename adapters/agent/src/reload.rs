//! Reading the configuration again, and changing what can be changed in a running node.

use std::sync::{Arc, Mutex, PoisonError};

use scalesmall_core::{Config, GroupName, KeyRange, Traits};
use scalesmall_driver::{Front, Handle, Seed, Settings};

use crate::arguments::Offer;
use crate::cli::NodeOptions;
use crate::configuration::{Configuration, ENGINE, Flags};
use crate::protocol::ReloadRow;
use crate::{settings, show};

/// What changes at once; all other keys need a restart. Seeds that are gone from the list are an exception:
/// the node goes on looking them up until it ends.
const LIVE: [&str; 9] =
    ["preset", "send_rate", "key_file", "join", "serve", "seed", "zone", "weight", "tag"];

/// Reads the configuration of a running node again.
#[derive(Clone, Debug)]
pub(crate) struct Reloader {
    flags: Flags,
    handle: Handle,
    /// Whether the sockets of the node have multicast, which the engine has to know.
    multicast: bool,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug)]
struct Known {
    /// What the node was started with: what still counts of the keys that need a restart.
    started: Arc<Configuration>,
    /// What was read last.
    last: Arc<Configuration>,
    /// The keys that were read last, without their secrets: if the file still has those, the node goes on with
    /// what has become of them since.
    keys: String,
}

impl Reloader {
    /// For a node that was started with `configuration`, which `flags` and the environment made.
    pub(crate) fn new(
        flags: Flags,
        configuration: Configuration,
        handle: Handle,
        multicast: bool,
    ) -> Self {
        let keys = settings::of_node(&configuration).map(|it| shown(&it)).unwrap_or_default();
        let started = Arc::new(configuration);
        let known = Known { last: Arc::clone(&started), started, keys };
        Self { flags, handle, multicast, known: Arc::new(Mutex::new(known)) }
    }

    /// Reads the configuration and the keys again, and changes what can be changed. The log says what, and by
    /// what it was `asked` for.
    ///
    /// # Errors
    ///
    /// What is wrong with the configuration, or what the engine refuses. Nothing has changed then.
    pub(crate) fn reload(&self, asked: &str) -> Result<ReloadRow, String> {
        let done = self.change();
        match &done {
            Ok(row) if row.restart.is_empty() && row.failed.is_empty() => {
                tracing::info!("{asked}: {}", show::reloaded(row));
            }
            Ok(row) => tracing::warn!("{asked}: {}", show::reloaded(row)),
            Err(why) => tracing::error!("{asked}: nothing has changed, as {why}"),
        }
        done
    }

    fn change(&self) -> Result<ReloadRow, String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let told = |faults| crate::failure::Failure::from(faults).line().to_owned();
        let next = Configuration::new(&self.flags, &|name| std::env::var_os(name)).map_err(told)?;
        let settings = settings::of_node(&next).map_err(told)?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|_| "the operating system gives no random bytes".to_owned())?;
        let mut config = settings.config(seed);
        config.multicast = self.multicast;
        let is_live = |key: &String| {
            LIVE.contains(&key.as_str()) || key.split('.').next().is_some_and(|key| key == ENGINE)
        };
        let restart = next.unlike(&known.started).into_iter().filter(|key| !is_live(key)).collect();
        let changed: Vec<String> = next.unlike(&known.last).into_iter().filter(is_live).collect();
        let keys = shown(&settings);
        let steps = Steps::new(&known.last, &next, settings.traits);
        let same_keys = keys == known.keys;
        let failed = self.handle.call(move |node| {
            if same_keys {
                config.keys = node.ring().clone();
            }
            steps.take(node, config)
        });
        let failed = failed.wait();
        let failed = failed.map_err(|stopped| stopped.to_string())??;
        known.last = Arc::new(next);
        known.keys = keys;
        Ok(ReloadRow { changed, restart, failed })
    }
}

/// The keys of settings, without their secrets.
fn shown(settings: &Settings) -> String {
    format!("{:?}", settings.keys.ring())
}

/// What the node has to do.
#[derive(Debug)]
struct Steps {
    seeds: Vec<Seed>,
    join: Vec<String>,
    leave: Vec<String>,
    add: Vec<Offer>,
    remove: Vec<Offer>,
    /// What the node says about itself from now on, if it is something else.
    traits: Option<Traits>,
}

impl Steps {
    fn new(last: &Configuration, next: &Configuration, traits: Traits) -> Self {
        fn without<T: Clone + PartialEq>(all: &[T], of: &[T]) -> Vec<T> {
            all.iter().filter(|one| !of.contains(one)).cloned().collect()
        }
        let (last, next) = (&last.options, &next.options);
        let said = |of: &NodeOptions| (of.zone.clone(), of.weight, of.tag.clone());
        let traits = (said(last) != said(next)).then_some(traits);
        let mut leave = without(&last.join, &next.join);
        // Leaving a group takes all ranges out of it.
        leave.retain(|group| !next.serve.iter().any(|offer| offer.group.to_string() == *group));
        let mut remove = without(&last.serve, &next.serve);
        // A range has one port: the new one replaces the old one.
        let is_same =
            |one: &Offer, other: &Offer| (&one.group, one.range) == (&other.group, other.range);
        remove.retain(|old| !next.serve.iter().any(|new| is_same(old, new)));
        Self {
            seeds: without(&next.seed, &last.seed),
            join: without(&next.join, &last.join),
            leave,
            add: without(&next.serve, &last.serve),
            remove,
            traits,
        }
    }

    /// Takes all steps on the node's thread. Returns what was refused beside the configuration itself.
    fn take(self, node: &mut Front, config: Config) -> Result<Vec<String>, String> {
        node.set_config(config).map_err(|error| error.to_string())?;
        let mut failed = Vec::new();
        let mut note = |what: &str, done: Result<(), String>| {
            failed.extend(done.err().map(|why| format!("{what}: {why}")));
        };
        node.add_seeds(&self.seeds);
        if let Some(traits) = self.traits {
            note("traits", node.set_traits(traits).map_err(|error| error.to_string()));
        }
        for group in &self.join {
            note(&format!("join {group}"), with_group(group, |group| node.join(group)));
        }
        // New ranges first, so that none is without its owner meanwhile.
        for Offer { group, range, port } in &self.add {
            let added = node.add_item(group, *range, *port);
            note(&offer(group, *range, *port), added.map(drop).map_err(|error| error.to_string()));
        }
        for Offer { group, range, port } in &self.remove {
            let removed = node.remove_item(group, *range, *port);
            note(
                &offer(group, *range, *port),
                removed.map(drop).map_err(|error| error.to_string()),
            );
        }
        for group in &self.leave {
            note(&format!("leave {group}"), with_group(group, |group| node.leave(group)));
        }
        Ok(failed)
    }
}

fn offer(group: &GroupName, range: KeyRange, port: u16) -> String {
    format!("serve {group}:{}-{}@{port}", range.start(), range.end())
}

fn with_group<E: ToString>(
    group: &str,
    call: impl FnOnce(&GroupName) -> Result<(), E>,
) -> Result<(), String> {
    let group = GroupName::try_from(group).map_err(|error| error.to_string())?;
    call(&group).map_err(|error| error.to_string())
}
