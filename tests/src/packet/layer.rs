//! What a layer is, and how `/` stacks layers into a packet.
//!
//! Owns the order of encoding. Knows no protocol.

use std::fmt;
use std::net::IpAddr;
use std::ops::Div;
use std::sync::Arc;

use super::trailing_bytes::TrailingBytes;

/// EtherType of a layer that has none of its own: local experiments (IEEE 802).
const EXPERIMENTAL_ETHER_TYPE: u16 = 0x88b5;
/// Protocol number of a layer that has none of its own: experiments (RFC 3692).
const EXPERIMENTAL_PROTOCOL: u8 = 253;

/// What a layer may know of the packet around it when it is encoded.
#[derive(Debug, Clone, Copy)]
pub struct Around {
    /// EtherType of the layer behind.
    pub next_ether_type: u16,
    /// IP protocol number of the layer behind.
    pub next_protocol: u8,
    /// Addresses of the nearest IP header in front, for the pseudo header.
    pub addresses: Option<(IpAddr, IpAddr)>,
}

/// One header, or a payload.
pub trait Layer: fmt::Debug + Send + Sync {
    /// The EtherType by which the layer in front names this one.
    fn ether_type(&self) -> u16 {
        EXPERIMENTAL_ETHER_TYPE
    }

    /// The IP protocol by which the layer in front names this one.
    fn protocol(&self) -> u8 {
        EXPERIMENTAL_PROTOCOL
    }

    /// Source and destination, of an IP header.
    fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        None
    }

    /// The bytes that go in front of `payload`, which is everything behind this layer.
    fn header(&self, around: &Around, payload: &[u8]) -> Vec<u8>;

    /// The same layer, of which only the first `length` bytes are in the packet.
    fn cut(self, length: usize) -> Cut<Self>
    where
        Self: Sized,
    {
        Cut {
            layer: self,
            length,
        }
    }
}

/// A layer of which only the first bytes are there; see [`Layer::cut`].
#[derive(Debug, Clone)]
pub struct Cut<L> {
    layer: L,
    length: usize,
}

impl<L: Layer> Layer for Cut<L> {
    fn ether_type(&self) -> u16 {
        self.layer.ether_type()
    }

    fn protocol(&self) -> u8 {
        self.layer.protocol()
    }

    fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        self.layer.addresses()
    }

    fn header(&self, around: &Around, payload: &[u8]) -> Vec<u8> {
        let mut header = self.layer.header(around, payload);
        header.truncate(self.length);
        header
    }
}

/// A stack of layers, outermost first, and what is done to the finished frame.
#[derive(Debug, Clone, Default)]
pub struct Packet {
    layers: Vec<Arc<dyn Layer>>,
    trailing_bytes: Vec<TrailingBytes>,
}

impl Packet {
    /// The frame as it goes over the wire, without FCS.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let mut header = layer.header(&self.around(index), &bytes);
            header.append(&mut bytes);
            bytes = header;
        }
        for trailing_bytes in &self.trailing_bytes {
            trailing_bytes.apply(&mut bytes);
        }
        bytes
    }

    /// What the layer at `index` sees of its neighbours.
    fn around(&self, index: usize) -> Around {
        let next = self.layers.get(index + 1);
        Around {
            next_ether_type: next.map_or(EXPERIMENTAL_ETHER_TYPE, |layer| layer.ether_type()),
            next_protocol: next.map_or(EXPERIMENTAL_PROTOCOL, |layer| layer.protocol()),
            addresses: self
                .layers
                .iter()
                .take(index)
                .rev()
                .find_map(|layer| layer.addresses()),
        }
    }
}

impl<L: Layer + 'static> From<L> for Packet {
    fn from(layer: L) -> Self {
        Self {
            layers: vec![Arc::new(layer)],
            trailing_bytes: Vec::new(),
        }
    }
}

impl From<TrailingBytes> for Packet {
    fn from(trailing_bytes: TrailingBytes) -> Self {
        Self {
            layers: Vec::new(),
            trailing_bytes: vec![trailing_bytes],
        }
    }
}

impl<R: Into<Packet>> Div<R> for Packet {
    type Output = Packet;

    fn div(mut self, rest: R) -> Packet {
        let mut rest = rest.into();
        self.layers.append(&mut rest.layers);
        self.trailing_bytes.append(&mut rest.trailing_bytes);
        self
    }
}

impl<L: Layer + 'static, R: Into<Packet>> Div<R> for Cut<L> {
    type Output = Packet;

    fn div(self, rest: R) -> Packet {
        Packet::from(self) / rest
    }
}

/// Lets a packet begin with each of the named layers.
macro_rules! begins_a_packet {
    ($($layer:ty),* $(,)?) => { $(
        impl<R: Into<Packet>> Div<R> for $layer {
            type Output = Packet;

            fn div(self, rest: R) -> Packet {
                Packet::from(self) / rest
            }
        }
    )* };
}

begins_a_packet!(
    super::Arp,
    super::Authentication,
    super::Dccp,
    super::Esp,
    super::Eth,
    super::Extension,
    super::Fragment,
    super::Gre,
    super::Icmp,
    super::Ipv4,
    super::Ipv6,
    super::Payload,
    super::Protocol,
    super::Sctp,
    super::Tcp,
    super::Udp,
    super::UdpLite,
    super::Vlan,
);
