//! Packets, written as they read:
//! `eth() / vlan(7) / ipv4("192.0.2.1", "198.51.100.2") / tcp(40000, 443).syn()`.
//!
//! Owns the bytes of a test frame: lengths, checksums and next-header numbers are filled in
//! unless the test overrides them, for a packet must be able to lie. Never judges a packet; that
//! is [`crate::oracle`]'s work, which shares nothing with this module.

mod checksum;
mod extension;
mod icmp;
mod ipv4;
mod ipv6;
mod layer;
mod link;
mod raw;
mod trailing_bytes;
mod transport;

#[cfg(test)]
mod tests;

pub use extension::{
    Authentication, Esp, Extension, Fragment, ah, destination_options, esp, fragment6, hop_by_hop,
    routing,
};
pub use icmp::{Icmp, icmp, icmpv6};
pub use ipv4::{Ipv4, ipv4};
pub use ipv6::{Ipv6, ipv6};
pub use layer::{Around, Cut, Layer, Packet};
pub use link::{Arp, Eth, Vlan, arp, eth, qinq, vlan};
pub use raw::{Gre, Payload, Protocol, gre, payload, payload_bytes, protocol};
pub use trailing_bytes::{TrailingBytes, pad, pad_to, truncate};
pub use transport::{Dccp, Sctp, Tcp, Udp, UdpLite, dccp, sctp, tcp, udp, udplite};

/// Parses an address that a test wrote down.
fn address<A: std::str::FromStr>(text: impl std::fmt::Display) -> A {
    let text = text.to_string();
    let Ok(address) = text.parse() else {
        panic!("{text:?} is no address of this family");
    };
    address
}
