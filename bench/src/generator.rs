//! A program that writes another source address into every frame, and passes the frame on.
//!
//! A repeated test run repeats one hot packet: one address, the same cache lines, the same
//! branches. This program runs before the measured one. Its own cost is measured before an empty
//! program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd as _;

use anyhow::{Result, bail};

use crate::bpf::{Program, Slot};
use crate::instructions::{
    Action, Helper, Instruction, Register, add, add32, and32, big_endian16, big_endian32, call,
    copy, copy32, exit, load_map, load32, modulo32, multiply32, or32, set32, shift_right32,
    skip_if_greater, skip_unless_equal32, store16, store32, xor_value32, xor32,
};
use crate::policy::Family;

/// What happens to a frame after its source is written.
pub(crate) enum End<'a> {
    /// The program in a slot judges the frame.
    Judged(&'a Slot),
    /// The frame leaves by the interface that it came in by.
    Transmitted,
}

/// Bytes in front of the IP header.
const ETHERNET: usize = 14;
/// Offsets in the frame: checksum and source of IPv4, source of IPv6.
const V4_CHECKSUM: usize = ETHERNET + 10;
const V4_SOURCE: usize = ETHERNET + 12;
const V6_SOURCE: usize = ETHERNET + 8;

const FRAME: Register = 2;
const FRAME_END: Register = 3;
const SCRATCH: Register = 4;
const SUM: Register = 5;
const CONTEXT: Register = 6;
const INDEX: Register = 7;
const MIXED: Register = 8;

/// Constants that make the words of an IPv6 address differ.
const KEYS: [u32; 4] = [0x9e37_79b9, 0, 0x7f4a_7c15, 0xf39c_c060];

/// Bits of an IPv6 address that all share (2000::/3), in its first word.
const GLOBAL: (u8, u32) = (3, 0x2000_0000);

/// The last step of Murmur3: a bijection that moves neighbours far apart.
const FIRST: (u8, u32) = (16, 0x85eb_ca6b);
const SECOND: (u8, u32) = (13, 0xc2b2_ae35);
const LAST: u8 = 16;

fn mixed(number: u32) -> u32 {
    let mut mixed = number;
    for (bits, factor) in [FIRST, SECOND] {
        mixed = (mixed ^ mixed >> bits).wrapping_mul(factor);
    }
    mixed ^ mixed >> LAST
}

/// The first byte of 127/8. The filter drops such a source as a martian, before any rule.
const LOOPBACK: u32 = 127;
const NETWORK: u8 = 24;

/// Most times that a number is mixed again because the result is in 127/8. Mixing is a bijection,
/// so each number keeps its own address. Enough for two million prefixes.
const AGAIN: usize = 2;

fn mixed_v4(number: u32) -> u32 {
    let mut source = mixed(number);
    for _ in 0..AGAIN {
        if source >> NETWORK == LOOPBACK {
            source = mixed(source);
        }
    }
    source
}

/// Returns the address of a number. No two numbers have the same.
pub(crate) fn address(family: Family, index: u32) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::from_bits(mixed_v4(index)).into(),
        Family::V6 => {
            let mut bits = 0;
            for (word, key) in KEYS.into_iter().enumerate() {
                let mut mixed = mixed(index ^ key);
                if word == 0 {
                    mixed = mixed >> GLOBAL.0 | GLOBAL.1;
                }
                bits = bits << 32 | u128::from(mixed);
            }
            Ipv6Addr::from_bits(bits).into()
        }
    }
}

/// Loads a program that draws evenly from the addresses with numbers below `count`, and writes one
/// into each frame like `frame`. An IPv4 frame must have the source 0.0.0.0: its checksum starts
/// from that. `frags` must equal that of the program that judges.
///
/// # Errors
/// If the kernel refuses the program, or the frame is too short.
pub(crate) fn load(
    family: Family,
    count: u32,
    frame: &[u8],
    end: &End<'_>,
    frags: bool,
) -> Result<Program> {
    let (header, mut body) = match family {
        Family::V4 => (V4_SOURCE + 8, write_v4(frame)?),
        Family::V6 => (V6_SOURCE + 32, write_v6()),
    };
    match end {
        End::Transmitted => body.extend([set32(0, Action::Transmit as u32), exit()]),
        End::Judged(slot) => {
            body.push(copy(1, CONTEXT));
            body.extend(load_map(2, slot.as_fd()));
            body.extend([set32(3, 0), call(Helper::TailCall)]);
        }
    }
    let mut program = vec![
        copy(CONTEXT, 1),
        call(Helper::Random),
        modulo32(0, count),
        copy32(INDEX, 0),
        load32(FRAME, CONTEXT, 0),
        load32(FRAME_END, CONTEXT, 4),
        copy(SCRATCH, FRAME),
        add(SCRATCH, header as i32),
        skip_if_greater(SCRATCH, FRAME_END, body.len() as i16),
    ];
    program.extend(body);
    // A frame too short, or a jump that failed.
    program.extend([set32(0, Action::Aborted as u32), exit()]);
    Program::load(&program, frags)
}

/// Loads a program that only returns `action`.
///
/// # Errors
/// If the kernel refuses the program.
pub(crate) fn constant(action: Action, frags: bool) -> Result<Program> {
    Program::load(&[set32(0, action as u32), exit()], frags)
}

/// Computes `MIXED` from `INDEX`, as [`mixed_v4`] does.
fn mix_v4() -> Vec<Instruction> {
    let mut body = mix(0);
    let mut again = vec![copy32(INDEX, MIXED)];
    again.extend(mix(0));
    for _ in 0..AGAIN {
        body.extend([
            copy32(SCRATCH, MIXED),
            shift_right32(SCRATCH, NETWORK),
            skip_unless_equal32(SCRATCH, LOOPBACK, again.len() as i16),
        ]);
        body.extend(&again);
    }
    body
}

/// Computes `MIXED` from `INDEX`, as [`mixed`] does.
fn mix(key: u32) -> Vec<Instruction> {
    let shifted = |bits| {
        [
            copy32(SCRATCH, MIXED),
            shift_right32(SCRATCH, bits),
            xor32(MIXED, SCRATCH),
        ]
    };
    let mut body = vec![copy32(MIXED, INDEX), xor_value32(MIXED, key)];
    for (bits, factor) in [FIRST, SECOND] {
        body.extend(shifted(bits));
        body.push(multiply32(MIXED, factor));
    }
    body.extend(shifted(LAST));
    body
}

fn write_v4(frame: &[u8]) -> Result<Vec<Instruction>> {
    let Some(&[high, low, 0, 0, 0, 0]) = frame.get(V4_CHECKSUM..V4_SOURCE + 4) else {
        bail!("the frame of a generator is not IPv4 from 0.0.0.0");
    };
    let rest = !u16::from_be_bytes([high, low]);
    let mut body = mix_v4();
    // The ones' complement sum of the rest of the header and of the address.
    body.extend([
        copy32(SUM, MIXED),
        and32(SUM, 0xffff),
        copy32(SCRATCH, MIXED),
        shift_right32(SCRATCH, 16),
        add32(SUM, SCRATCH),
        add(SUM, i32::from(rest)),
    ]);
    for _carry in 0..2 {
        body.extend([
            copy32(SCRATCH, SUM),
            shift_right32(SCRATCH, 16),
            and32(SUM, 0xffff),
            add32(SUM, SCRATCH),
        ]);
    }
    body.extend([
        xor_value32(SUM, 0xffff),
        big_endian16(SUM),
        store16(FRAME, V4_CHECKSUM as i16, SUM),
        big_endian32(MIXED),
        store32(FRAME, V4_SOURCE as i16, MIXED),
    ]);
    Ok(body)
}

fn write_v6() -> Vec<Instruction> {
    let mut body = Vec::new();
    for (word, key) in KEYS.into_iter().enumerate() {
        body.extend(mix(key));
        if word == 0 {
            body.extend([shift_right32(MIXED, GLOBAL.0), or32(MIXED, GLOBAL.1)]);
        }
        let offset = V6_SOURCE + word * 4;
        body.extend([big_endian32(MIXED), store32(FRAME, offset as i16, MIXED)]);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twice the prefixes of the largest shape: half of the sources are on no list.
    const ADDRESSES: u32 = 2_000_000;

    #[test]
    fn no_source_is_a_martian_and_no_two_are_the_same() {
        let mut all: Vec<IpAddr> = (0..ADDRESSES).map(|it| address(Family::V4, it)).collect();
        assert!(all.iter().all(|address| !address.is_loopback()));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), ADDRESSES as usize);
    }
}
