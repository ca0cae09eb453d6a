//! Moving to other addresses within a life.

use core::net::SocketAddr;

use super::Engine;
use crate::base::{Instant, Ix};
use crate::claims::{Locator, LocatorError, Plea};

impl Engine {
    /// Says that the network of this host is back, or another one: an interface has come up, or has other
    /// addresses. This node does at once what it would do in time: it contacts its seeds and those that it has
    /// lost, and says by multicast that it is here.
    pub fn network_changed(&mut self, now: Instant) {
        self.advance(now);
        if self.out.silent {
            return;
        }
        let seeds = self.membership.comeback.seeds();
        self.membership.comeback.contact(&self.picture, &mut self.out, &seeds);
        self.membership.comeback.reunion(&self.picture, &mut self.out);
        self.segment.greet_again(&self.picture, &mut self.out);
    }

    /// Says that this node is reached at other addresses from now on, the preferred one first.
    ///
    /// Everybody is told. Peers use the new addresses as soon as this node is heard there or does not
    /// answer at an old one, so packets have to come from one of the addresses given.
    ///
    /// # Errors
    ///
    /// [`LocatorError`] if the addresses are not those of a node, or if this node is named after its
    /// address, which it then keeps; nothing has changed then.
    pub fn set_addresses(
        &mut self,
        now: Instant,
        addresses: &[SocketAddr],
    ) -> Result<(), LocatorError> {
        let said = self.picture.peers.places.last_said(Ix::ME);
        let locator = Locator::new(said.name(), addresses)?;
        if locator == said {
            return Ok(());
        }
        if said.is_named_after_its_address() {
            return Err(LocatorError::Fixed);
        }
        self.advance(now);
        self.picture.locate_me(&locator);
        self.membership.asking.moved();
        if locator.first().family() != said.first().family() {
            // What it sends and hears by multicast may be that of the other family from now on.
            self.segment.start(&self.picture, &mut self.out, false);
        }
        let known = self.picture.claim(Ix::ME);
        if self.picture.object(&mut self.out, known.incarnation, Plea::Well) {
            self.picture.tell_all_of(&mut self.out, Ix::ME);
        } else {
            // Nothing beats what it has said in its present life.
            self.membership.renewal.claimed(&self.picture, &mut self.out, known.life.epoch);
        }
        Ok(())
    }
}
