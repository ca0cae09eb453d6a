//! What nodes say about themselves: this node, by calls, and others, as packets bring it.

use core::fmt;

use bytes::Bytes;

use super::Engine;
use crate::base::{Channel, Instant, Ix, Life};
use crate::claims::{AttributeKind, Stored, Traits, TraitsError};

/// The highest version of an attribute that a node puts above a false one. What is left beyond it no
/// embedder uses up.
const LAST_VERSION: u64 = u64::MAX / 2;

/// Why metadata is refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetadataError {
    /// Longer than `Limits::metadata`, or than what fits in a datagram.
    TooLong {
        /// The bytes given.
        len: usize,
        /// The limit.
        limit: u32,
    },
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, limit } => {
                write!(
                    f,
                    "metadata of {len} bytes; at most {limit} are allowed (limits.metadata, \
                     max_datagram)"
                )
            }
        }
    }
}

impl core::error::Error for MetadataError {}

/// What this node says about itself.
impl Engine {
    /// Sets this node's metadata: bytes that the engine does not read.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] if it is too long; nothing has changed then.
    pub fn set_metadata(&mut self, now: Instant, metadata: Bytes) -> Result<(), MetadataError> {
        let (len, limit) = (metadata.len(), self.picture.config.attribute_limit());
        if len > limit as usize {
            return Err(MetadataError::TooLong { len, limit });
        }
        self.advance(now);
        self.describe_me(AttributeKind::METADATA, metadata);
        Ok(())
    }

    /// Sets this node's traits: zone, weight and tags. [`Engine::peers`] returns those of others:
    ///
    /// ```
    /// use scalesmall_core::{Engine, NodeId};
    ///
    /// fn databases(engine: &Engine) -> impl Iterator<Item = NodeId> {
    ///     let peers = engine.peers().filter(|peer| peer.traits.tag("role") == Some("db"));
    ///     peers.map(|peer| peer.id)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`TraitsError::TooLong`] if they take more bytes than `Limits::metadata`, or than fit in a
    /// datagram; nothing has changed then.
    pub fn set_traits(&mut self, now: Instant, traits: Traits) -> Result<(), TraitsError> {
        let (len, limit) = (traits.len(), self.picture.config.attribute_limit());
        if len > limit as usize {
            return Err(TraitsError::TooLong { len, limit });
        }
        self.advance(now);
        self.describe_me(AttributeKind::TRAITS, traits.into_bytes());
        Ok(())
    }

    /// Says whether this node is about to stop. A node that drains is still routed to for what it
    /// serves; [`Engine::route_by`] ranks it last for new work, and [`Engine::uncovered`] says what still
    /// keeps it.
    ///
    /// It drains on in later lives of this engine, until this is called with `false`. Saying the same
    /// twice changes nothing.
    pub fn set_draining(&mut self, now: Instant, draining: bool) {
        self.advance(now);
        if self.picture.drains(Ix::ME).is_some() == draining {
            return;
        }
        let bytes = if draining {
            self.membership.draining.begin(&self.picture, &mut self.out).into_bytes()
        } else {
            self.membership.draining.end(&mut self.out);
            Bytes::new()
        };
        self.describe_me(AttributeKind::DRAINING, bytes);
    }

    /// Says something about this node.
    pub(super) fn describe_me(&mut self, kind: AttributeKind, bytes: Bytes) {
        let me = self.picture.me();
        let version = self.picture.attributes.version(Ix::ME, kind) + 1;
        let key = self.picture.topology.fingerprints();
        self.picture.attributes.set(key, me, Ix::ME, kind, version, bytes.clone());
        self.picture.tell_of_attribute(&mut self.out, Ix::ME, kind, &bytes);
        self.picture.tell_all_described(&mut self.out, kind);
    }
}

impl Engine {
    pub(super) fn on_attribute(
        &mut self,
        from: Ix,
        life: Life,
        (kind, version): (AttributeKind, u64),
        bytes: Bytes,
        channel: Channel,
    ) {
        if life.id == self.picture.me().id {
            self.on_attribute_of_mine(life, (kind, version), &bytes);
            return;
        }
        if !self.membership.hear_of(&mut self.picture, &mut self.out, from, life, channel) {
            return;
        }
        let Some(ix) =
            self.picture.find_life(life).filter(|&ix| self.picture.state(ix).is_living())
        else {
            return;
        };
        let key = self.picture.topology.fingerprints();
        let had = self.picture.attributes.version(ix, kind);
        match self.picture.attributes.set(key, life, ix, kind, version, bytes.clone()) {
            Stored::Later => {
                self.out.stats.updates_applied += 1;
                self.picture.tell_of_attribute(&mut self.out, ix, kind, &bytes);
                if kind == AttributeKind::KEYS {
                    self.on_key_state(life.id, &bytes);
                }
                // Of two contents under one version its owner decides.
                if had == version && from != ix && self.picture.state(ix).is_reachable() {
                    let frame = self.picture.attribute_frame(ix, kind);
                    self.out.say_frame(self.picture.bound(ix), frame);
                }
            }
            Stored::Known => self.out.stats.updates_stale += 1,
            Stored::Refused => self.out.stats.attributes_refused += 1,
        }
    }

    /// A copy of what this node says about itself: if this node has not said it, it is replaced.
    fn on_attribute_of_mine(
        &mut self,
        life: Life,
        (kind, version): (AttributeKind, u64),
        bytes: &Bytes,
    ) {
        let me = self.picture.me();
        let mine = self.picture.attributes.version(Ix::ME, kind);
        let content = self.picture.attributes.get(Ix::ME, kind).clone();
        let said = version < mine || version == mine && *bytes == content;
        if life.epoch != me.epoch || said {
            return;
        }
        self.out.stats.refutations += 1;
        let above = version.saturating_add(1);
        let key = self.picture.topology.fingerprints();
        if above <= LAST_VERSION
            && self.picture.attributes.set(key, me, Ix::ME, kind, above, content) == Stored::Later
        {
            self.picture.tell_all_described(&mut self.out, kind);
        } else {
            // Too few versions would be left in this life, or there are too many kinds that others
            // have made up: all of that ends with this life.
            self.membership.renewal.claimed(&self.picture, &mut self.out, me.epoch);
        }
    }
}
