//! The addresses of a seed. Blocks for as long as the name servers take.
//!
//! Names are left to the system, which knows all that its configuration says. For `SRV` records the system
//! offers nothing that every platform has. `rsdns` is a small client that blocks, and so needs no runtime and
//! fits a thread that may wait; the better known resolvers are built upon tokio.

use std::net::{SocketAddr, ToSocketAddrs as _};

use crate::seed::Seed;

/// The most addresses that are taken from one look-up.
const ADDRESSES: usize = 1024;

/// The addresses of a seed, or what the system says.
pub(crate) fn look_up(seed: &Seed) -> Result<Vec<SocketAddr>, String> {
    match seed {
        Seed::Addr(addr) => Ok(vec![*addr]),
        Seed::Name { host, port } => addresses(host, *port),
        Seed::Service(name) => service(name),
    }
}

fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let found = (host, port).to_socket_addrs().map_err(|error| error.to_string())?;
    Ok(found.take(ADDRESSES).collect())
}

#[cfg(not(feature = "srv"))]
fn service(_: &str) -> Result<Vec<SocketAddr>, String> {
    Err("SRV records take the feature 'srv' of scalesmall-driver".to_owned())
}

#[cfg(feature = "srv")]
fn service(name: &str) -> Result<Vec<SocketAddr>, String> {
    let mut servers = srv::servers(name)?;
    servers.sort_unstable();
    let mut found = Vec::new();
    let mut failed = None;
    for (_, host, port) in servers {
        match addresses(&host, port) {
            Ok(addresses) => found.extend(addresses),
            Err(why) => failed = Some(format!("{host}: {why}")),
        }
    }
    found.truncate(ADDRESSES);
    // One host that is gone does not hide the others.
    match failed {
        Some(why) if found.is_empty() => Err(why),
        _ => Ok(found),
    }
}

#[cfg(feature = "srv")]
mod srv {
    use core::error::Error as _;
    use std::net::SocketAddr;
    use std::time::Duration;

    use resolv_conf::Config;
    use rsdns::clients::{ClientConfig, std::Client};
    use rsdns::records::{Class, data::Srv};

    /// Where the system's name servers are listed.
    const SYSTEM: &str = "/etc/resolv.conf";
    /// How long one name server may take, with all repetitions.
    const SERVER_LIMIT: Duration = Duration::from_secs(5);
    /// The port of name servers.
    const PORT: u16 = 53;
    /// The most servers that are taken from one answer.
    const SERVERS: usize = 64;

    /// The hosts and ports of a service, with their priorities.
    pub(super) fn servers(name: &str) -> Result<Vec<(u16, String, u16)>, String> {
        let text = std::fs::read(SYSTEM).map_err(|error| format!("{SYSTEM}: {error}"))?;
        let system = Config::parse(&text).map_err(|error| format!("{SYSTEM}: {error}"))?;
        let mut why = format!("{SYSTEM} names no name server");
        for server in &system.nameservers {
            let server = SocketAddr::new(server.into(), PORT);
            match ask(server, name) {
                Ok(servers) => return Ok(servers),
                Err(error) => {
                    let reason = error.source().map(|source| format!(" ({source})"));
                    why = format!("{server}: {error}{}", reason.unwrap_or_default());
                }
            }
        }
        Err(why)
    }

    fn ask(server: SocketAddr, name: &str) -> rsdns::Result<Vec<(u16, String, u16)>> {
        let config = ClientConfig::with_nameserver(server).set_query_lifetime(SERVER_LIMIT);
        let records = Client::new(config)?.query_rrset::<Srv>(name, Class::IN)?.rdata;
        // Without the last dot, with which the system would pass over its file of hosts.
        let host = |srv: &Srv| srv.target.to_string().trim_end_matches('.').to_owned();
        let server = |srv: Srv| (srv.priority, host(&srv), srv.port);
        Ok(records.into_iter().take(SERVERS).map(server).collect())
    }
}
