//! The core against hand-made frames.
//!
//! Frames are built by [`stack`], which shares no code with the parser; tables are [`tables`],
//! as sound or as corrupt as a test wants them.

mod big;
mod decision;
mod essentials;
mod ethernet;
mod fields;
mod fragments;
mod ipv4;
mod ipv6;
mod martian;
mod properties;
mod shadows;
mod stack;
mod tables;

use crate::packet::{Address, Network};
use crate::{Arrival, Decision, Frame, Packet, decide};
use stack::Stack;
use tables::{Plain, Recorder};

/// Parses the frame of a stack.
fn parse(stack: &Stack) -> Packet {
    parse_bytes(&stack.bytes())
}

fn parse_bytes(frame: &[u8]) -> Packet {
    Packet::parse(frame, frame.len())
}

/// The decision over a frame that came in by interface [`INTERFACE`].
fn decide_bytes(frame: &[u8], tables: &Plain) -> Decision {
    let mut effects = Recorder::default();
    let decision = decide(frame, &arrival(frame), tables, &mut effects);
    assert_eq!(effects.counted, [(decision.slot, arrival(frame))]);
    decision
}

/// How a frame comes in.
fn arrival<F: Frame + ?Sized>(frame: &F) -> Arrival {
    Arrival {
        interface: INTERFACE,
        length: frame.length(),
        now: 7_000_000_000,
    }
}

const INTERFACE: u32 = 77;

/// An address of [`stack`] as a packet holds it.
fn v4(text: &str) -> Address {
    let octets = text.parse::<std::net::Ipv4Addr>().unwrap().octets();
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&octets);
    bytemuck::cast(bytes)
}

fn v6(text: &str) -> Address {
    bytemuck::cast(text.parse::<std::net::Ipv6Addr>().unwrap().octets())
}

/// That the addresses, of the stack's defaults, could be read.
#[track_caller]
fn assert_addresses(packet: &Packet) {
    let addresses = match packet.network {
        Network::V4 => (v4(stack::SOURCE_V4), v4(stack::DESTINATION_V4)),
        Network::V6 => (v6(stack::SOURCE_V6), v6(stack::DESTINATION_V6)),
        other => panic!("{other:?} has no addresses"),
    };
    assert_eq!((packet.source, packet.destination), addresses);
}
