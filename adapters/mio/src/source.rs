//! A node in a `Poll` of the embedder's.

use std::io;

use mio::{Interest, Registry, Token, event};

use crate::Node;

/// Puts all sockets of the node under one token. Register it for reading and writing.
impl event::Source for Node {
    fn register(&mut self, registry: &Registry, token: Token, wish: Interest) -> io::Result<()> {
        let sockets = self.node.sockets_mut();
        sockets.unicast.0.register(registry, token, wish)?;
        match &mut sockets.multicast {
            Some(heard) => heard.0.register(registry, token, Interest::READABLE),
            None => Ok(()),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, wish: Interest) -> io::Result<()> {
        let sockets = self.node.sockets_mut();
        sockets.unicast.0.reregister(registry, token, wish)?;
        match &mut sockets.multicast {
            Some(heard) => heard.0.reregister(registry, token, Interest::READABLE),
            None => Ok(()),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        let sockets = self.node.sockets_mut();
        sockets.unicast.0.deregister(registry)?;
        match &mut sockets.multicast {
            Some(heard) => heard.0.deregister(registry),
            None => Ok(()),
        }
    }
}
