//! The few BPF instructions of the benchmark's programs.
//!
//! The programs are written by hand: the generator is fifty instructions, and must not change with
//! a compiler.

use std::os::fd::{AsRawFd as _, BorrowedFd};

/// `struct bpf_insn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Instruction {
    code: u8,
    /// Destination in the low four bits, source in the high ones.
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// A verdict on a packet (`enum xdp_action`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Action {
    Aborted = 0,
    Drop = 1,
    Pass = 2,
    Transmit = 3,
}

/// A helper function (`enum bpf_func_id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Helper {
    Random = 7,
    TailCall = 12,
}

/// A register.
pub(crate) type Register = u8;

const fn new(code: u8, to: Register, from: Register, offset: i16, immediate: i32) -> Instruction {
    Instruction {
        code,
        registers: to | from << 4,
        offset,
        immediate,
    }
}

/// `to = from`, 64 bits.
pub(crate) const fn copy(to: Register, from: Register) -> Instruction {
    new(0xbf, to, from, 0, 0)
}

/// `to = from`, 32 bits.
pub(crate) const fn copy32(to: Register, from: Register) -> Instruction {
    new(0xbc, to, from, 0, 0)
}

/// `to = value`, 32 bits.
pub(crate) const fn set32(to: Register, value: u32) -> Instruction {
    new(0xb4, to, 0, 0, value as i32)
}

/// `to += value`, 64 bits.
pub(crate) const fn add(to: Register, value: i32) -> Instruction {
    new(0x07, to, 0, 0, value)
}

/// `to += from`, 32 bits.
pub(crate) const fn add32(to: Register, from: Register) -> Instruction {
    new(0x0c, to, from, 0, 0)
}

/// `to *= value`, 32 bits.
pub(crate) const fn multiply32(to: Register, value: u32) -> Instruction {
    new(0x24, to, 0, 0, value as i32)
}

/// `to &= value`, 32 bits.
pub(crate) const fn and32(to: Register, value: u32) -> Instruction {
    new(0x54, to, 0, 0, value as i32)
}

/// `to |= value`, 32 bits.
pub(crate) const fn or32(to: Register, value: u32) -> Instruction {
    new(0x44, to, 0, 0, value as i32)
}

/// `to >>= bits`, 32 bits.
pub(crate) const fn shift_right32(to: Register, bits: u8) -> Instruction {
    new(0x74, to, 0, 0, bits as i32)
}

/// `to %= value`, 32 bits.
pub(crate) const fn modulo32(to: Register, value: u32) -> Instruction {
    new(0x94, to, 0, 0, value as i32)
}

/// `to ^= from`, 32 bits.
pub(crate) const fn xor32(to: Register, from: Register) -> Instruction {
    new(0xac, to, from, 0, 0)
}

/// `to ^= value`, 32 bits.
pub(crate) const fn xor_value32(to: Register, value: u32) -> Instruction {
    new(0xa4, to, 0, 0, value as i32)
}

/// To network byte order, 32 bits.
pub(crate) const fn big_endian32(to: Register) -> Instruction {
    new(0xdc, to, 0, 0, 32)
}

/// To network byte order, 16 bits; the bits above are cleared.
pub(crate) const fn big_endian16(to: Register) -> Instruction {
    new(0xdc, to, 0, 0, 16)
}

/// `to = *(u32 *)(from + offset)`
pub(crate) const fn load32(to: Register, from: Register, offset: i16) -> Instruction {
    new(0x61, to, from, offset, 0)
}

/// `*(u32 *)(to + offset) = from`
pub(crate) const fn store32(to: Register, offset: i16, from: Register) -> Instruction {
    new(0x63, to, from, offset, 0)
}

/// `*(u16 *)(to + offset) = from`
pub(crate) const fn store16(to: Register, offset: i16, from: Register) -> Instruction {
    new(0x6b, to, from, offset, 0)
}

/// Skips `count` instructions if the lower half is not `value`.
pub(crate) const fn skip_unless_equal32(left: Register, value: u32, count: i16) -> Instruction {
    new(0x56, left, 0, count, value as i32)
}

/// Skips `count` instructions if `left > right`.
pub(crate) const fn skip_if_greater(left: Register, right: Register, count: i16) -> Instruction {
    new(0x2d, left, right, count, 0)
}

/// Calls a helper.
pub(crate) const fn call(helper: Helper) -> Instruction {
    new(0x85, 0, 0, 0, helper as i32)
}

/// Returns `r0`.
pub(crate) const fn exit() -> Instruction {
    new(0x95, 0, 0, 0, 0)
}

/// `to = map`, two instructions.
pub(crate) fn load_map(to: Register, map: BorrowedFd<'_>) -> [Instruction; 2] {
    // The source register holds BPF_PSEUDO_MAP_FD.
    [new(0x18, to, 1, 0, map.as_raw_fd()), new(0, 0, 0, 0, 0)]
}
