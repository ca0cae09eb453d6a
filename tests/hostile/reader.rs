//! What an engine sends, read by another than an engine.

use scalesmall_core::seal::Opener;
use scalesmall_core::wire::{Decoder, Frame, Header};
use scalesmall_core::{Destination, Keyring, Life, Liveness};

use crate::{addr, cluster};

/// Reads what an engine sends to the holder and to everybody, as another engine would.
pub(crate) struct Reader {
    opener: Opener,
    decoder: Decoder,
    frames: Vec<Frame>,
    me: Life,
}

impl Reader {
    pub(crate) fn new(keys: &Keyring, me: Life) -> Self {
        let opener = Opener::new(keys, &cluster(), Liveness::On, 16);
        Self { opener, decoder: Decoder::new(), frames: Vec::new(), me }
    }

    pub(crate) fn check(&mut self, to: Destination, datagram: &[u8]) {
        let (header, _) = Header::parse(datagram).expect("an engine writes whole headers");
        if header.bound && to != Destination::Unicast(addr(2)) {
            // Bound to a life of somebody else.
            return;
        }
        match self.opener.open(&header, datagram, self.me) {
            Ok(payload) => self
                .decoder
                .decode(header.sender, payload, &mut self.frames)
                .expect("an engine writes well-formed frames"),
            // The holder has been told of a later life of itself.
            Err(_) => assert!(header.bound, "a packet that nobody can open"),
        }
    }
}
