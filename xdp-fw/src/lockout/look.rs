//! Looks around: who depends on this host, and by which way they come.
//!
//! Owns the order of the questions and the patience for answers. A question without an answer
//! leaves a note, and the others are asked all the same.

use std::collections::HashMap;
use std::fmt::Display;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use rtnetlink::Handle;
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::timeout;

use super::devices::{self, Device, Mac};
use super::logins::Logins;
use super::resolvers::Resolver;
use super::routes::{self, Destination, Way};
use super::sockets::{self, Session};
use super::ssh::Signs;
use super::witness::{Peer, Role, Surroundings};
use super::{packets, resolvers};

/// How long all questions together may take; they take milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Number of TCP and of UDP in an IP header.
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Looks around in this network namespace, for those who are logged in among others. Never fails:
/// what is not known is noted. Within a runtime.
pub async fn look(logins: &Logins) -> Surroundings {
    let unseen = |why: &str| Surroundings {
        unseen: vec![why.to_owned()],
        ..Surroundings::default()
    };
    match timeout(PATIENCE, look_around(logins)).await {
        Ok(Ok(surroundings)) => surroundings,
        Ok(Err(error)) => unseen(&error.to_string()),
        Err(_) => unseen(&format!("netlink has not answered within {PATIENCE:?}")),
    }
}

/// What files tell.
#[derive(Default)]
struct Files {
    signs: Signs,
    resolvers: Vec<Resolver>,
}

impl Files {
    fn read(root: &Path) -> Self {
        Self {
            signs: Signs::read(root),
            resolvers: resolvers::read(root),
        }
    }
}

/// Why nothing at all is known.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("there is no netlink socket to be had: {0}")]
    Socket(#[from] io::Error),
    #[error("interfaces and routes are not known: {0}")]
    Routes(#[from] rtnetlink::Error),
    #[error(transparent)]
    Interfaces(#[from] crate::interfaces::Error),
}

async fn look_around(logins: &Logins) -> Result<Surroundings, Error> {
    let mut unseen = logins.unseen.clone();
    let files = spawn_blocking(|| Files::read(Path::new("/"))).await;
    let files = noted(files, "ports and resolvers are not known", &mut unseen);
    let sessions = sockets::ssh_sessions(&files.signs, &logins.addresses).await;
    let sessions = noted(sessions, "TCP sessions are not known", &mut unseen);
    let (connection, handle, _) = rtnetlink::new_connection()?;
    let _socket = Task(tokio::spawn(connection).abort_handle());

    let devices = devices::list().await?;
    let neighbours = routes::neighbours(&handle).await;
    let asker = Asker {
        neighbours: noted(neighbours, "neighbours are not known", &mut unseen),
        handle,
    };
    let mut peers = asker.sessions(&sessions).await?;
    peers.extend(asker.gateways().await?);
    peers.extend(asker.resolvers(&files.resolvers, &devices).await?);
    Ok(Surroundings {
        peers,
        devices,
        unseen,
    })
}

fn noted<T: Default, E: Display>(result: Result<T, E>, what: &str, unseen: &mut Vec<String>) -> T {
    result.unwrap_or_else(|error| {
        unseen.push(format!("{what}: {error}"));
        T::default()
    })
}

/// The socket closes with its task.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The device that a zone names, or whose number it is.
fn device_of(zone: &str, devices: &[Device]) -> Option<u32> {
    let named = devices
        .iter()
        .find(|device| device.name.as_bytes() == zone.as_bytes());
    named.map_or_else(|| zone.parse().ok(), |device| Some(device.index))
}

struct Asker {
    handle: Handle,
    neighbours: HashMap<(u32, IpAddr), Mac>,
}

impl Asker {
    async fn sessions(&self, sessions: &[Session]) -> Result<Vec<Peer>, Error> {
        let mut peers = Vec::new();
        for session in sessions.iter().take(sockets::MOST_SESSIONS) {
            let Session { remote, local, .. } = *session;
            let to = Destination {
                address: remote.ip(),
                from: Some(local.ip()),
                device: session.device,
                ports: Some((TCP, local.port(), remote.port())),
            };
            let role = Role::Session { remote, local };
            peers.extend(self.peer(role, to).await?);
        }
        Ok(peers)
    }

    async fn gateways(&self) -> Result<Vec<Peer>, Error> {
        let mut peers = Vec::new();
        for (device, address) in routes::default_gateways(&self.handle).await? {
            let to = Destination {
                address,
                from: None,
                device: Some(device),
                ports: None,
            };
            peers.extend(self.peer(Role::Gateway(address), to).await?);
        }
        Ok(peers)
    }

    async fn resolvers(
        &self,
        servers: &[Resolver],
        devices: &[Device],
    ) -> Result<Vec<Peer>, Error> {
        let mut peers = Vec::new();
        for server in servers {
            let device = match &server.zone {
                Some(zone) => match device_of(zone, devices) {
                    Some(device) => Some(device),
                    // The C library asks nobody then, either.
                    None => continue,
                },
                None => None,
            };
            let address = server.address;
            let to = Destination {
                address,
                from: None,
                device,
                ports: Some((UDP, packets::EPHEMERAL_PORT, packets::DNS)),
            };
            peers.extend(self.peer(Role::Resolver(address), to).await?);
        }
        Ok(peers)
    }

    async fn peer(&self, role: Role, to: Destination) -> Result<Option<Peer>, Error> {
        let way: Option<Way> = routes::way(&self.handle, to).await?;
        Ok(way.map(|way| Peer {
            role,
            way,
            mac: self.neighbours.get(&(way.device, way.next_hop)).copied(),
        }))
    }
}
