//! Pairs of virtual Ethernet devices between two namespaces.
//!
//! Owns their creation, their silence and the wait until they carry frames. Sends nothing; see
//! [`crate::wire`].

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use ipnetwork::IpNetwork;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::poll::PollFlags;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};

use crate::netns::Netns;
use crate::wait;

/// How long a device may take to come up; it takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(10);

/// One end of a pair, to be.
#[derive(Debug, Clone)]
pub struct End<'a> {
    netns: &'a Netns,
    name: String,
    mac: Option<[u8; 6]>,
    addresses: Vec<IpNetwork>,
}

impl<'a> End<'a> {
    /// A device `name` in `netns`. Without an address it is silent: no ARP, no IPv6.
    pub fn new(netns: &'a Netns, name: &str) -> Self {
        Self {
            netns,
            name: name.to_owned(),
            mac: None,
            addresses: Vec::new(),
        }
    }

    /// Sets the MAC; by default they are those of [`crate::packet::eth`].
    pub fn mac(self, mac: [u8; 6]) -> Self {
        Self {
            mac: Some(mac),
            ..self
        }
    }

    /// Adds an address with its prefix length, `"192.0.2.1/24"` or `"2001:db8::1/64"`. An IPv6
    /// address makes the device send a multicast listener report or two.
    pub fn address(mut self, address: &str) -> Self {
        let Ok(address) = address.parse() else {
            panic!("{address:?} is no address with a prefix length");
        };
        self.addresses.push(address);
        self
    }
}

/// Two devices joined by a cable; both are gone when dropped.
#[derive(Debug)]
pub struct Veth<'a> {
    left: End<'a>,
    right: End<'a>,
}

impl<'a> Veth<'a> {
    /// Makes a pair with an MTU of 1500; both ends are up when it returns.
    pub fn new(left: End<'a>, right: End<'a>) -> Self {
        Self::with_mtu(left, right, 1500)
    }

    /// Makes a pair; both ends are up when it returns.
    pub fn with_mtu(left: End<'a>, right: End<'a>, mtu: u32) -> Self {
        let mtu = mtu.to_string();
        let mac = |end: &End<'_>, default| format_mac(end.mac.unwrap_or(default));
        let left_mac = mac(&left, [0x02, 0, 0, 0, 0, 0x01]);
        let right_mac = mac(&right, [0x02, 0, 0, 0, 0, 0x02]);
        let mut arguments = vec!["link", "add", "name", &left.name, "address", &left_mac];
        arguments.extend(["mtu", &mtu, "type", "veth", "peer", "name", &right.name]);
        arguments.extend(["netns", right.netns.name(), "address", &right_mac]);
        arguments.extend(["mtu", &mtu]);
        left.netns.run("ip", arguments);

        let pair = Self { left, right };
        let events = [&pair.left, &pair.right].map(|end| end.netns.within(link_events));
        for end in [&pair.left, &pair.right] {
            end.configure();
        }
        for (end, events) in [&pair.left, &pair.right].into_iter().zip(&events) {
            end.await_running(events);
        }
        pair
    }
}

impl Drop for Veth<'_> {
    fn drop(&mut self) {
        // The peer goes with it. A test may have removed it itself: no complaint.
        let _ = self
            .left
            .netns
            .command("ip")
            .args(["link", "del", "dev", &self.left.name])
            .output();
    }
}

impl End<'_> {
    /// Addresses or silence, then up.
    fn configure(&self) {
        let link = |argument: &str, value: &str| {
            self.netns
                .run("ip", ["link", "set", &self.name, argument, value]);
        };
        if self.addresses.iter().any(IpNetwork::is_ipv6) {
            let key = format!("net/ipv6/conf/{}/disable_ipv6", self.name);
            self.netns.sysctl(&key, "0");
        }
        if self.addresses.is_empty() {
            link("arp", "off");
        }
        for address in &self.addresses {
            let text = address.to_string();
            let mut arguments = vec!["address", "add", &text, "dev", &self.name];
            if address.is_ipv6() {
                arguments.push("nodad");
            }
            self.netns.run("ip", arguments);
        }
        self.netns.run("ip", ["link", "set", &self.name, "up"]);
    }

    /// Reads link events until the kernel says that the device carries frames.
    fn await_running(&self, events: &OwnedFd) {
        let deadline = Instant::now() + DEADLINE;
        while !self.is_running() {
            assert!(
                wait::any_ready(&[(events.as_fd(), PollFlags::POLLIN)], deadline),
                "{} in {} is not running after {DEADLINE:?}",
                self.name,
                self.netns.name()
            );
            // What the event says is of no interest: it is a reason to look again.
            let mut event = [0; 8192];
            let _ = recv(events.as_raw_fd(), &mut event, MsgFlags::MSG_DONTWAIT);
        }
    }

    fn is_running(&self) -> bool {
        let mut interfaces = self
            .netns
            .within(getifaddrs)
            .expect("the kernel lists its interfaces");
        interfaces.any(|interface| {
            interface.interface_name == self.name
                && interface.flags.contains(InterfaceFlags::IFF_RUNNING)
        })
    }
}

/// A socket on which the kernel announces changes to this namespace's links.
fn link_events() -> OwnedFd {
    let events = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )
    .expect("a netlink socket");
    let group = NetlinkAddr::new(0, libc::RTMGRP_LINK as u32);
    bind(events.as_raw_fd(), &group).expect("link events can be joined");
    events
}

fn format_mac(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}
