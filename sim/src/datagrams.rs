//! Datagrams that are under way or wait in a socket buffer.

use core::net::SocketAddr;

/// A slab of datagrams; one that goes to many receivers is held once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Datagrams {
    slots: Vec<Slot>,
    free: Vec<u32>,
    sent: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) bytes: Vec<u8>,
    pub(crate) from: usize,
    pub(crate) way: Way,
    /// Whether it comes more than once to somebody.
    pub(crate) repeated: bool,
    /// Which datagram of the simulation it is, from 1 on; copies have the original's.
    pub(crate) number: u64,
    /// Whether it has other bytes than those that were sent.
    pub(crate) flipped: bool,
    uses: u32,
}

/// From which address to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) source: SocketAddr,
    /// `None` for multicast.
    pub(crate) to: Option<SocketAddr>,
}

impl Slot {
    pub(crate) const fn is_multicast(&self) -> bool {
        self.way.to.is_none()
    }
}

impl Datagrams {
    /// Takes a datagram in that is sent just now, with one use: the caller's.
    pub(crate) fn load(&mut self, from: usize, way: Way, bytes: &[u8]) -> u32 {
        self.sent += 1;
        self.place(self.sent, from, way, bytes)
    }

    fn place(&mut self, number: u64, from: usize, way: Way, bytes: &[u8]) -> u32 {
        let index = self.free.pop().unwrap_or_else(|| {
            let bytes = Vec::new();
            self.slots.push(Slot {
                bytes,
                from,
                way,
                repeated: false,
                number,
                flipped: false,
                uses: 0,
            });
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 datagrams are under way")
        });
        let slot = &mut self.slots[index as usize];
        slot.bytes.clear();
        slot.bytes.extend_from_slice(bytes);
        (slot.from, slot.way, slot.repeated, slot.uses) = (from, way, false, 1);
        (slot.number, slot.flipped) = (number, false);
        index
    }

    /// How many datagrams have been sent.
    pub(crate) const fn sent(&self) -> u64 {
        self.sent
    }

    /// Takes in a copy with some bits flipped.
    pub(crate) fn load_flipped(&mut self, original: u32, flips: &[usize]) -> u32 {
        let slot = &self.slots[original as usize];
        let (number, from, way) = (slot.number, slot.from, slot.way);
        let mut bytes = slot.bytes.clone();
        for bit in flips {
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        let index = self.place(number, from, way, &bytes);
        self.slots[index as usize].flipped = true;
        index
    }

    /// Takes in a copy with other bytes, with one use: the caller's.
    pub(crate) fn load_changed(&mut self, original: u32, bytes: &[u8]) -> u32 {
        let slot = &self.slots[original as usize];
        let (number, from, way) = (slot.number, slot.from, slot.way);
        let index = self.place(number, from, way, bytes);
        self.slots[index as usize].flipped = true;
        index
    }

    pub(crate) fn slot(&self, index: u32) -> &Slot {
        &self.slots[index as usize]
    }

    pub(crate) fn share(&mut self, index: u32) {
        self.slots[index as usize].uses += 1;
    }

    /// Shares a datagram with one who gets it anyway.
    pub(crate) fn repeat(&mut self, index: u32) {
        self.slots[index as usize].repeated = true;
        self.share(index);
    }

    pub(crate) fn release(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        slot.uses -= 1;
        if slot.uses == 0 {
            self.free.push(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_free_again_when_its_last_use_ends() {
        let mut datagrams = Datagrams::default();
        let way = Way { source: "10.0.0.4:1".parse().unwrap(), to: None };
        let first = datagrams.load(3, way, b"abc");
        datagrams.share(first);
        let flipped = datagrams.load_flipped(first, &[0, 8]);
        assert_eq!(datagrams.slot(flipped).bytes, b"`cc");
        assert_eq!(
            (datagrams.slot(flipped).from, datagrams.slot(first).bytes.as_slice()),
            (3, &b"abc"[..])
        );
        assert_eq!((datagrams.slot(first).number, datagrams.slot(flipped).number), (1, 1));
        datagrams.release(first);
        assert_ne!(datagrams.load(1, way, b"x"), first);
        datagrams.release(first);
        assert_eq!(datagrams.load(1, way, b"x"), first);
        assert_eq!((datagrams.slot(first).number, datagrams.slot(first).flipped), (3, false));
    }
}
