//! The TCP sockets of this network namespace, over `sock_diag`.
//!
//! Owns the questions: who listens, and who is connected to a port. The kernel filters, so that a
//! host with a million connections is asked about those to its SSH ports alone.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};

use futures_util::StreamExt;
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags,
};
use rtnetlink::packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload, Nla as _};
use rtnetlink::proto::{ConnectionHandle, new_connection};
use rtnetlink::sys::SocketAddr as Address;
use rtnetlink::sys::protocols::NETLINK_SOCK_DIAG;
use tokio::task::AbortHandle;

use super::ssh::Signs;

/// Most sessions that are looked at.
pub(super) const MOST_SESSIONS: usize = 4096;

/// `INET_DIAG_CGROUP_ID`: the control group that a socket was made in, since Linux 5.9.
const CGROUP_ID: u16 = 21;

/// A connection to this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Session {
    pub(super) remote: SocketAddr,
    pub(super) local: SocketAddr,
    /// The device that it is bound to, as that of a link-local address is.
    pub(super) device: Option<u32>,
}

/// The connections that were made from these addresses to the SSH ports that someone listens on.
/// Connections from elsewhere, however many, take no place among them.
pub(super) async fn ssh_sessions(
    signs: &Signs,
    from: &BTreeSet<IpAddr>,
) -> io::Result<Vec<Session>> {
    if from.is_empty() {
        return Ok(Vec::new());
    }
    let (connection, handle, _) = new_connection::<SockDiagMessage>(NETLINK_SOCK_DIAG)?;
    let mut diag = Diag {
        handle,
        _task: Task(tokio::spawn(connection).abort_handle()),
    };
    let mut sessions = Vec::new();
    for port in diag.ssh_ports(signs).await? {
        let is_meant = |socket: &InetResponse| from.contains(&session(socket).remote.ip());
        let connected = diag.dump(StateFlags::ESTABLISHED, port, is_meant).await?;
        sessions.extend(connected.iter().map(session));
    }
    sessions.sort_unstable();
    Ok(sessions)
}

struct Diag {
    handle: ConnectionHandle<SockDiagMessage>,
    _task: Task,
}

/// The socket closes with its task.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Diag {
    /// The ports that someone listens on and that are SSH's by some sign.
    async fn ssh_ports(&mut self, signs: &Signs) -> io::Result<BTreeSet<u16>> {
        let is_ssh = |socket: &InetResponse| {
            let port = socket.header.socket_id.source_port;
            signs.ports.contains(&port)
                || group(socket).is_some_and(|group| signs.groups.contains(&group))
        };
        let ssh = self.dump(StateFlags::LISTEN, 0, is_ssh).await?;
        Ok(ssh
            .iter()
            .map(|socket| socket.header.socket_id.source_port)
            .collect())
    }

    /// The sockets of both families in these states that are meant; port 0 is any.
    async fn dump(
        &mut self,
        states: StateFlags,
        port: u16,
        is_meant: impl Fn(&InetResponse) -> bool,
    ) -> io::Result<Vec<InetResponse>> {
        let mut found = Vec::new();
        for (family, any) in [
            (AF_INET, SocketId::new_v4()),
            (AF_INET6, SocketId::new_v6()),
        ] {
            let request = InetRequest {
                family,
                protocol: IPPROTO_TCP,
                extensions: ExtensionFlags::empty(),
                states: states.clone(),
                socket_id: SocketId {
                    source_port: port,
                    ..any
                },
            };
            let mut message = NetlinkMessage::from(SockDiagMessage::InetRequest(request));
            message.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
            let mut answers = self
                .handle
                .request(message, Address::new(0, 0))
                .map_err(io::Error::other)?;
            while let Some(answer) = answers.next().await {
                match answer.payload {
                    NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(socket)) => {
                        found.extend(is_meant(&socket).then_some(*socket));
                    }
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    _ => {}
                }
                if found.len() >= MOST_SESSIONS {
                    break;
                }
            }
        }
        Ok(found)
    }
}

fn session(socket: &InetResponse) -> Session {
    let id = &socket.header.socket_id;
    // A socket of IPv6 may carry IPv4.
    let address = |ip: IpAddr, port| SocketAddr::new(ip.to_canonical(), port);
    Session {
        remote: address(id.destination_address, id.destination_port),
        local: address(id.source_address, id.source_port),
        device: (id.interface_id != 0).then_some(id.interface_id),
    }
}

fn group(socket: &InetResponse) -> Option<u64> {
    socket.nlas.iter().find_map(|attribute| match attribute {
        Nla::Other(attribute) if attribute.kind() == CGROUP_ID => {
            let mut bytes = [0; 8];
            (attribute.value_len() == bytes.len()).then(|| {
                attribute.emit_value(&mut bytes);
                u64::from_ne_bytes(bytes)
            })
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    fn here() -> BTreeSet<IpAddr> {
        ["127.0.0.1", "::1"]
            .iter()
            .map(|it| it.parse().unwrap())
            .collect()
    }

    fn signs(port: u16) -> Signs {
        Signs {
            ports: BTreeSet::from([port]),
            groups: BTreeSet::new(),
        }
    }

    #[tokio::test]
    async fn a_connection_to_a_listening_port_is_found_and_one_from_it_is_not() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let local = listener.local_addr().unwrap();
            let client = TcpStream::connect(local).unwrap();
            let remote = client.local_addr().unwrap();
            let session = Session {
                remote,
                local,
                device: None,
            };
            let found = ssh_sessions(&signs(local.port()), &here()).await.unwrap();
            assert_eq!(found, [session]);
            // From there nobody is logged in.
            let others = BTreeSet::from(["192.0.2.2".parse().unwrap()]);
            assert_eq!(
                ssh_sessions(&signs(local.port()), &others).await.unwrap(),
                []
            );
            // The client's own port: nobody listens there.
            assert_eq!(
                ssh_sessions(&signs(remote.port()), &here()).await.unwrap(),
                []
            );
        }
    }

    #[tokio::test]
    async fn ipv4_over_a_socket_of_ipv6_is_ipv4() {
        let listener = TcpListener::bind("[::]:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let found = ssh_sessions(&signs(port), &here()).await.unwrap();
        assert_eq!(found[0].remote, client.local_addr().unwrap());
        assert_eq!(found[0].local, client.peer_addr().unwrap());
    }

    #[tokio::test]
    async fn the_control_group_of_a_listener_is_a_sign() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = listener.local_addr().unwrap();
        let _client = TcpStream::connect(local).unwrap();
        let (connection, handle, _) = new_connection::<SockDiagMessage>(NETLINK_SOCK_DIAG).unwrap();
        let _task = Task(tokio::spawn(connection).abort_handle());
        let mut diag = Diag {
            handle,
            _task: Task(tokio::spawn(async {}).abort_handle()),
        };
        let found = diag
            .dump(StateFlags::LISTEN, local.port(), |_| true)
            .await
            .unwrap();
        let group = group(&found[0]).expect("this kernel tells the control group");
        let by_group = Signs {
            ports: BTreeSet::new(),
            groups: BTreeSet::from([group]),
        };
        let sessions = ssh_sessions(&by_group, &here()).await.unwrap();
        assert!(sessions.iter().any(|session| session.local == local));
    }
}
