//! The engine in a plain loop over one blocking UDP socket. In two terminals:
//!
//! ```text
//! cargo run -p scalesmall-core --example event_loop -- 127.0.0.1:4001
//! cargo run -p scalesmall-core --example event_loop -- 127.0.0.1:4002 127.0.0.1:4001
//! ```

use std::error::Error;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant as Clock, SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use scalesmall_core::{
    Arrival, ClusterName, Config, Destination, Engine, Epoch, GroupName, Instant, Key, KeyRange,
    Keyring, SendError,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<SocketAddr>());
    let me = args.next().ok_or("usage: event_loop OWN_ADDRESS [SEED_ADDRESS ...]")??;
    let seeds: Vec<SocketAddr> = args.collect::<Result<_, _>>()?;

    // A demonstration's key, and choices that follow from the address: take both from a secret
    // store and from the operating system.
    let keys = Keyring::new(Key::authenticated([42; 32]));
    let config = Config::lan([7; 32], ClusterName::try_from("demonstration")?, keys);
    // An epoch is used once, by one node: the time and random bits.
    let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
    let random = RandomState::new().build_hasher().finish() as u32;
    let epoch = Epoch::new(unix_ms, random);
    let origin = Clock::now();
    let now = || Instant::from_nanos(origin.elapsed().as_nanos() as u64);

    let socket = UdpSocket::bind(me)?;
    let mut engine = Engine::new(config, me, epoch, now())?;
    let shards = GroupName::try_from("shards")?;
    let start = u32::from(me.port()) * 100;
    engine.add_item(now(), &shards, KeyRange::new(start, start + 99)?, me.port())?;
    engine.contact(now(), &seeds);

    let mut datagram = BytesMut::new();
    let mut buffer = [0; 65_536];
    loop {
        // Output first: it may be the answer to what came in last.
        while let Some(to) = engine.poll_transmit(&mut datagram) {
            if let Destination::Unicast(addr) = to
                && let Err(error) = socket.send_to(&datagram, addr)
            {
                let refused = error.kind() == ErrorKind::ConnectionRefused;
                let error = if refused { SendError::Refused } else { SendError::Other };
                engine.handle_send_error(now(), to, error);
            }
            datagram.clear();
        }
        while let Some(event) = engine.poll_event() {
            println!("{event}");
        }
        // Then input, for as long as there is nothing to do.
        let wait = engine.poll_timeout().map(|due| due.since(now()));
        if wait == Some(Duration::ZERO) {
            engine.handle_timeout(now());
            continue;
        }
        socket.set_read_timeout(wait)?;
        match socket.recv_from(&mut buffer) {
            Ok((len, from)) => {
                // What is refused is counted in `engine.stats()`.
                let _ = engine.handle_datagram(now(), Arrival::Unicast(from), &buffer[..len]);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            // Nobody listens where something was sent: no reason to stop listening here.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error.into()),
        }
    }
}
