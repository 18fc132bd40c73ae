//! Addresses that cannot be on a wire, and that Linux delivers all the same.
//!
//! Owns the list; ADR 23 has what was tried. What Linux drops by itself is not on it. A product of
//! conditions stands for "one of them is zero": the verifier walks one branch instead of several.

use super::Address;

/// Loopback (RFC 1122 §3.2.1.3): Linux takes it as the source of a broadcast, and as either address
/// with `route_localnet`. From 0.0.0.0 to 0.0.0.0 is a broadcast to Linux. Both in network order.
#[inline(always)]
pub(super) const fn is_v4(source: u32, destination: u32) -> bool {
    if edge(source) * edge(destination) != 0 {
        return false;
    }
    let from_loopback = first_byte(source) ^ 127;
    let to_loopback = first_byte(destination) ^ 127;
    let any = (source | destination) as u64;
    // Below 2^48: no product of other factors is zero.
    from_loopback as u64 * to_loopback as u64 * any == 0
}

/// Zero for an address in 0/8 or 127/8, and for few others: a look that costs little.
#[inline(always)]
const fn edge(address: u32) -> u32 {
    (first_byte(address) + 1) & 0x7e
}

#[inline(always)]
const fn first_byte(address: u32) -> u32 {
    u32::from_be(address) >> 24
}

/// IPv4-mapped and IPv4-compatible addresses (RFC 4291 §2.5.5), which a socket takes for those of
/// an IPv4 peer. `::1` and the destination `::` are beside them; the source `::` is one of DAD.
#[inline(always)]
pub(super) const fn is_v6(source: &Address, destination: &Address) -> bool {
    // Few addresses begin with 64 zero bits. Products that wrap to zero only take the long way.
    if source[0].wrapping_mul(destination[0]) != 0 {
        return false;
    }
    let is_unspecified = source[0] | source[1] == 0;
    holds_v4(destination) || !is_unspecified && holds_v4(source)
}

/// In ::/96 or ::ffff:0:0/96.
#[inline(always)]
const fn holds_v4(address: &Address) -> bool {
    let third_and_fourth = u64::from_be(address[1]) >> 32;
    // Below 2^64.
    (address[0] | (third_and_fourth * (third_and_fourth ^ 0xffff))) == 0
}
