//! What differs from a preset: some fields of a [`Config`], as they are set by files.

use super::partial::patch;
use super::{Config, LimitsPatch, Liveness};
use crate::base::SendRate;
use crate::topology::DownMembers;

patch! {
    /// Some fields of a [`Config`], as an embedder lets them be set, for example in a file.
    ///
    /// There is no place in it for the cluster, the keys and the seed: they come from elsewhere, and a secret
    /// has no written form here. With the feature `serde` it can be read and written; spans of time are then
    /// texts such as `"250ms"` or `"72h"`: a whole number and one of `ns`, `us`, `ms`, `s`, `m`, `h`, `d`.
    /// A field that does not exist is an error.
    ConfigPatch of Config {
        values {
            max_datagram: usize,
            liveness: Liveness,
            down_members: DownMembers,
            verifiers: u8,
            multicast: bool,
            least_hearers: u32,
        }
        spans {
            probe_interval,
            min_timeout,
            max_timeout,
            silence_window,
            coalesce,
            retry_interval,
            repair_patience,
            repair_interval,
            tombstone_ttl,
            forget_after,
            beacon_interval,
            depart_timeout,
        }
        patches { send_rate: SendRatePatch, limits: LimitsPatch }
        without { seed, cluster, keys, #[cfg(feature = "mutants")] mutant }
    }
}

patch! {
    /// Some fields of a [`SendRate`].
    SendRatePatch of SendRate {
        values { bytes: u32, datagrams: u32 }
        spans {}
        patches {}
        without {}
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::seal::{ClusterName, Key, Keyring};

    fn config() -> Config {
        let keys = Keyring::new(Key::authenticated([7; 32]));
        Config::lan([3; 32], ClusterName::try_from("test").unwrap(), keys)
    }

    #[test]
    fn a_patch_changes_what_it_has_and_nothing_else() {
        let mut changed = config();
        let patch = ConfigPatch {
            probe_interval: Some(Duration::from_secs(9)),
            verifiers: Some(5),
            limits: LimitsPatch { nodes: Some(77), ..LimitsPatch::default() },
            send_rate: SendRatePatch { bytes: None, datagrams: Some(1_000) },
            ..ConfigPatch::default()
        };
        patch.apply(&mut changed);
        let mut wanted = config();
        wanted.probe_interval = Duration::from_secs(9);
        wanted.verifiers = 5;
        wanted.limits.nodes = 77;
        wanted.send_rate.datagrams = 1_000;
        assert_eq!(ConfigPatch::from(&changed), ConfigPatch::from(&wanted));
        assert_eq!((changed.seed, changed.cluster), (wanted.seed, wanted.cluster));
    }

    #[test]
    fn a_patch_of_all_fields_makes_one_preset_into_another() {
        let keys = Keyring::new(Key::authenticated([7; 32]));
        let wan = Config::wan([3; 32], ClusterName::try_from("test").unwrap(), keys);
        let mut changed = config();
        assert_ne!(ConfigPatch::from(&changed), ConfigPatch::from(&wan));
        ConfigPatch::from(&wan).apply(&mut changed);
        assert_eq!(ConfigPatch::from(&changed), ConfigPatch::from(&wan));
    }
}
