//! Whether peers are watched.

/// Whether the engine watches its peers.
///
/// All nodes of a cluster have the same: nodes that differ refuse each other's packets as those of
/// another cluster, since the ones would call down whom the others never do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Liveness {
    /// Peers are probed; those that fall silent are called down.
    #[default]
    On,
    /// A plain shared database: no node is ever called down. Digests are still exchanged.
    Off,
}
