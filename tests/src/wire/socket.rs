//! Packet sockets: the one place that speaks AF_PACKET.

use std::cell::RefCell;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Instant;

use nix::net::if_::if_nametoindex;
use nix::poll::PollFlags;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, send, setsockopt, socket, sockopt,
};

use crate::netns::Netns;
use crate::wait;

/// Room for bursts of jumbo frames while the test looks elsewhere.
const RECEIVE_BUFFER: usize = 64 << 20;

/// No frame is longer: the largest MTU of a veth, and its headers.
const LONGEST_FRAME: usize = 65535 + 64;

/// Sends frames out of one device, as they are.
#[derive(Debug)]
pub struct Sender(OwnedFd);

impl Sender {
    /// Opens a socket on `device` in `netns`, past its queueing discipline.
    pub fn new(netns: &Netns, device: &str) -> Self {
        let socket = packet_socket(netns, device, 0);
        set(&socket, libc::PACKET_QDISC_BYPASS, 1);
        Self(socket)
    }

    /// Sends one frame of 14 bytes or more.
    pub fn send(&self, frame: &[u8]) {
        if let Err(error) = send(self.0.as_raw_fd(), frame, MsgFlags::empty()) {
            panic!("cannot send a frame of {} bytes: {error}", frame.len());
        }
    }
}

/// `ETHTOOL_SGRO`: switch generic receive offload.
const SET_GRO: u32 = 0x2c;

/// Sees every frame that comes in at one device, behind XDP.
#[derive(Debug)]
pub struct Receiver {
    socket: OwnedFd,
    device: String,
    /// Room for the longest frame, made once.
    buffer: RefCell<Vec<u8>>,
}

impl Receiver {
    /// Opens a socket on `device` in `netns`; frames count from here on.
    pub fn new(netns: &Netns, device: &str) -> Self {
        let socket = packet_socket(netns, device, libc::ETH_P_ALL as u16);
        set(&socket, libc::PACKET_IGNORE_OUTGOING, 1);
        set(&socket, libc::PACKET_AUXDATA, 1);
        setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)
            .expect("root may enlarge the receive buffer");
        Self {
            socket,
            device: device.to_owned(),
            buffer: RefCell::new(vec![0; LONGEST_FRAME]),
        }
    }

    /// Switches generic receive offload off, which merges frames and hands them on late. Needed
    /// again after each attach: veth switches it on with an XDP program on some kernels.
    pub fn without_gro(&self) {
        disable_gro(&self.socket, &self.device).expect("the device has receive offload to set");
    }

    /// The next frame with its tags; `None` when the deadline comes first.
    pub fn receive(&self, deadline: Instant) -> Option<Vec<u8>> {
        wait::any_ready(&[(self.socket.as_fd(), PollFlags::POLLIN)], deadline).then(|| self.read())
    }

    /// Waits for `count` frames or the deadline, and gives what came.
    pub fn collect(&self, count: usize, deadline: Instant) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.receive(deadline))
            .take(count)
            .collect()
    }

    /// Reads one frame and puts the outer tag back where the sender had it.
    fn read(&self) -> Vec<u8> {
        let mut buffer = self.buffer.borrow_mut();
        let (length, tag) = receive_message(&self.socket, &mut buffer)
            .unwrap_or_else(|error| panic!("cannot receive a frame: {error}"));
        let mut frame = buffer.get(..length).unwrap_or_default().to_vec();
        if let Some(tag) = tag {
            frame.splice(12..12, tag);
        }
        frame
    }
}

/// A packet socket on a device; with `protocol` zero it receives nothing.
fn packet_socket(netns: &Netns, device: &str, protocol: u16) -> OwnedFd {
    netns.within(|| {
        // Protocol zero until it is bound: no frame of another device gets in between.
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .expect("root may open packet sockets");
        let index = if_nametoindex(device)
            .unwrap_or_else(|error| panic!("{device} in {}: {error}", netns.name()));
        bind(&socket, index, protocol).expect("a packet socket can be bound to a device");
        socket
    })
}

fn bind(socket: &OwnedFd, index: u32, protocol: u16) -> io::Result<()> {
    // SAFETY: a socket address is plain numbers, of which zero is valid for each.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = index as i32;
    // SAFETY: the address is a live `sockaddr_ll` of just the size given.
    let status = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    checked(status)
}

/// Sets an integer option of packet sockets.
fn set(socket: &OwnedFd, option: i32, value: i32) {
    // SAFETY: the value is a live integer of just the size given.
    let status = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            (&raw const value).cast(),
            size_of::<i32>() as libc::socklen_t,
        )
    };
    checked(status).expect("the kernel knows the packet socket's option");
}

fn disable_gro(socket: &OwnedFd, device: &str) -> io::Result<()> {
    // The kernel's `ethtool_value`: a command and its argument.
    let mut value = [SET_GRO, 0];
    // SAFETY: an interface request is plain numbers and pointers; zero is valid for each.
    let mut request: libc::ifreq = unsafe { zeroed() };
    // The last byte stays zero, and so the name ends within its field.
    let name = request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1);
    for (to, from) in name.zip(device.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_data = value.as_mut_ptr().cast();
    // SAFETY: the request is live, and points to a live value of the size its command has.
    let status = unsafe {
        libc::ioctl(
            socket.as_raw_fd(),
            libc::SIOCETHTOOL as libc::Ioctl,
            &raw mut request,
        )
    };
    checked(status)
}

/// Room for one control message, aligned as they must be.
#[repr(C, align(8))]
struct Control([u8; 64]);

/// Reads a frame into `buffer`: its length, and the tag that the kernel took off.
fn receive_message(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<(usize, Option<[u8; 4]>)> {
    let mut control = Control([0; 64]);
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: a message header is plain numbers and pointers, of which null is valid for each.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = control.0.len();
    // SAFETY: every pointer in the header is to a live buffer of just the length beside it.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: recvmsg has just filled the header, and its control buffer is still alive.
    Ok((length, unsafe { tag(&message) }))
}

/// The VLAN tag in a message's auxiliary data.
///
/// # Safety
/// `message` is one that recvmsg filled, and its control buffer is alive.
unsafe fn tag(message: &libc::msghdr) -> Option<[u8; 4]> {
    // SAFETY: the caller vouches for the header; the macros stay within its control buffer.
    let auxiliary: libc::tpacket_auxdata = unsafe {
        let header = libc::CMSG_FIRSTHDR(message).as_ref()?;
        if (header.cmsg_level, header.cmsg_type) != (libc::SOL_PACKET, libc::PACKET_AUXDATA) {
            return None;
        }
        libc::CMSG_DATA(header)
            .cast::<libc::tpacket_auxdata>()
            .read_unaligned()
    };
    if auxiliary.tp_status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let [tpid_high, tpid_low] = auxiliary.tp_vlan_tpid.to_be_bytes();
    let [tci_high, tci_low] = auxiliary.tp_vlan_tci.to_be_bytes();
    Some([tpid_high, tpid_low, tci_high, tci_low])
}

fn checked(status: i32) -> io::Result<()> {
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
