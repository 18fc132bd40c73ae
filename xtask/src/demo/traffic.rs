//! Real clients and servers: ping, TCP and UDP, over IPv4 and IPv6.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};

use super::stage::Namespace;

/// A client that waits this long without an answer gives up.
const PATIENCE: Duration = Duration::from_millis(300);

/// What a client tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// An echo request.
    Ping(IpAddr),
    /// A TCP connection.
    Tcp(SocketAddr),
    /// A datagram that is echoed.
    Udp(SocketAddr),
}

impl Attempt {
    /// Returns whether an answer comes.
    pub(super) fn answered(self, client: &Namespace) -> Result<bool> {
        match self {
            Self::Ping(address) => ping(client, address),
            Self::Tcp(address) => within(client, move || {
                Ok(TcpStream::connect_timeout(&address, PATIENCE).is_ok())
            }),
            Self::Udp(address) => within(client, move || echoed(&udp_client(address)?)),
        }
    }
}

impl std::fmt::Display for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ping(address) => write!(f, "ping {address}"),
            Self::Tcp(address) => write!(f, "TCP  {address}"),
            Self::Udp(address) => write!(f, "UDP  {address}"),
        }
    }
}

/// Runs in a thread of its own: a thread that entered a namespace stays there.
fn within<T: Send>(host: &Namespace, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            host.enter()?;
            work()
        });
        thread
            .join()
            .unwrap_or_else(|_| Err(anyhow!("a client panicked")))
    })
}

fn ping(client: &Namespace, address: IpAddr) -> Result<bool> {
    let status = client
        .command("ping")?
        .args(["-n", "-q", "-c", "1", "-W", "1", &address.to_string()])
        .output()
        .context("cannot run ping")?;
    Ok(status.status.success())
}

fn udp_client(server: SocketAddr) -> Result<UdpSocket> {
    let any = match server {
        SocketAddr::V4(_) => "0.0.0.0:0",
        SocketAddr::V6(_) => "[::]:0",
    };
    let socket = UdpSocket::bind(any).context("cannot open a UDP socket")?;
    socket
        .connect(server)
        .context("cannot connect a UDP socket")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

fn echoed(socket: &UdpSocket) -> Result<bool> {
    socket.send(b"xdp-fw").context("cannot send a datagram")?;
    Ok(socket.recv(&mut [0; 16]).is_ok())
}

/// Sends datagrams until one is echoed; returns the time since `start`.
pub(super) fn first_echo(
    client: &Namespace,
    server: SocketAddr,
    start: Instant,
    limit: Duration,
) -> Result<Option<(Duration, u64)>> {
    within(client, move || {
        let socket = udp_client(server)?;
        socket.set_read_timeout(Some(Duration::from_millis(1)))?;
        let mut sent = 0;
        while start.elapsed() < limit {
            sent += 1;
            if echoed(&socket)? {
                return Ok(Some((start.elapsed(), sent)));
            }
        }
        Ok(None)
    })
}

/// The servers of the demo, over IPv4 and IPv6. They run until dropped.
pub(super) struct Servers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Servers {
    /// Starts listeners on `tcp` and echo services on `udp` ports.
    pub(super) fn start(host: &Namespace, tcp: &[u16], udp: &[u16]) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let any = |port: &u16| SocketAddr::from((Ipv6Addr::UNSPECIFIED, *port));
        let (listeners, sockets) = within(host, || {
            let listeners: Result<Vec<_>> = tcp
                .iter()
                .map(|it| Ok(TcpListener::bind(any(it))?))
                .collect();
            let sockets: Result<Vec<_>> =
                udp.iter().map(|it| Ok(UdpSocket::bind(any(it))?)).collect();
            Ok((listeners?, sockets?))
        })?;
        let mut threads = Vec::new();
        for listener in listeners {
            listener.set_nonblocking(true)?;
            let stop = Arc::clone(&stop);
            threads.push(thread::spawn(move || accept(&listener, &stop)));
        }
        for socket in sockets {
            socket.set_read_timeout(Some(Duration::from_millis(50)))?;
            let stop = Arc::clone(&stop);
            threads.push(thread::spawn(move || echo(&socket, &stop)));
        }
        Ok(Self { stop, threads })
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(_) => return,
        }
    }
}

fn echo(socket: &UdpSocket, stop: &AtomicBool) {
    let mut datagram = [0; 64];
    while !stop.load(Ordering::Relaxed) {
        if let Ok((length, from)) = socket.recv_from(&mut datagram) {
            let _ = socket.send_to(datagram.get(..length).unwrap_or_default(), from);
        }
    }
}
