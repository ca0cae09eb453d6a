//! A digest of all that an engine will act on.

use core::hash::Hash as _;

use super::Engine;
use crate::base::Hash;

impl Engine {
    /// A digest of the engine's whole state: of two engines with the same one, the same calls get the same
    /// answers. For tests and models that fork engines; comparable within one build on one platform.
    ///
    /// [`Engine::digest`] is that of the picture, on which nodes agree.
    #[doc(hidden)]
    #[must_use]
    pub fn state_digest(&self) -> u64 {
        let Self {
            picture,
            out,
            clock,
            membership,
            broadcast,
            segment,
            repair,
            // They follow from the configuration and the life, except derived keys
            // that are kept at hand.
            sealer: _,
            sealers: _,
            opener: _,
            keys,
            // No call looks at what the one before has left in them.
            decoder: _,
            writer: _,
            intents: _,
            frames: _,
        } = self;
        let mut state = Hash::new([0; 2], 0);
        (picture, out, clock, membership).hash(&mut state);
        (broadcast, segment, repair, keys).hash(&mut state);
        state.finish()
    }
}
