//! What stands between LLVM and the verifier.
//!
//! Both follow values through a program and neither knows what the other knows. Each function here
//! is the identity, or plain arithmetic, on the host; in the kernel it is hidden from one of them.

use crate::Reason;
use crate::packet::{Network, Transport};

/// A bit index, 0..=63, as the verifier must see it.
///
/// LLVM lowers `trailing_zeros` to a table of bytes, which the verifier believes to be 0..=255,
/// and drops any mask because it knows better. So LLVM has to forget what it knows before the
/// mask; behind it, both know.
#[inline(always)]
pub(crate) fn bit_index(index: u32) -> u32 {
    hide_from_llvm(index) & 63
}

/// `value`, of which LLVM knows nothing afterwards: it keeps every bound that is put to it, and
/// the verifier sees it.
#[inline(always)]
pub(crate) fn hide_from_llvm(value: u32) -> u32 {
    #[cfg(target_arch = "bpf")]
    let value = {
        let mut value = u64::from(value);
        // SAFETY: one register onto itself.
        unsafe {
            core::arch::asm!("{0} = {0}", inout(reg) value, options(pure, nomem, nostack));
        }
        value as u32
    };
    value
}

/// `value`, of which the verifier knows nothing afterwards; `unknown` is any value that it does
/// not know.
///
/// Where paths meet with different constants, the verifier walks the rest of the program once for
/// each of them. Forgetting the constant makes the paths one.
#[inline(always)]
pub(crate) fn hide_from_verifier(value: usize, unknown: usize) -> usize {
    #[cfg(target_arch = "bpf")]
    {
        let mut value = value as u64;
        // SAFETY: two XORs on registers, which cancel out; no memory, no stack.
        unsafe {
            core::arch::asm!(
                "{0} ^= {1}",
                "{0} ^= {1}",
                inout(reg) value,
                in(reg) unknown as u64,
                options(pure, nomem, nostack)
            );
        }
        value as usize
    }
    #[cfg(not(target_arch = "bpf"))]
    {
        let _ = unknown;
        value
    }
}

/// A type whose values are one byte each.
///
/// # Safety
/// It has the size of a byte, and no value leaves that byte uninitialised.
pub(crate) unsafe trait Byte: Copy {}

// SAFETY: every value is a byte.
unsafe impl Byte for u8 {}
// SAFETY: as above: 0 or 1.
unsafe impl Byte for bool {}
// SAFETY: as above: `repr(u8)` without fields.
unsafe impl Byte for Network {}
// SAFETY: as above.
unsafe impl Byte for Transport {}
// SAFETY: as above; `None` is a byte that is no reason.
unsafe impl Byte for Option<Reason> {}

/// [`hide_from_verifier`] for a type of one byte.
#[inline(always)]
pub(crate) fn hide_byte_from_verifier<T: Byte>(value: T, unknown: usize) -> T {
    const { assert!(size_of::<T>() == 1) };
    #[cfg(target_arch = "bpf")]
    {
        // SAFETY: `T` is one initialised byte, and it comes back as it went.
        unsafe {
            let byte: u8 = core::mem::transmute_copy(&value);
            let byte = hide_from_verifier(usize::from(byte), unknown) as u8;
            core::mem::transmute_copy(&byte)
        }
    }
    #[cfg(not(target_arch = "bpf"))]
    {
        let _ = unknown;
        value
    }
}

/// All ones if the two differ, zero if they are equal, without a branch: in a loop, every branch
/// doubles the paths of the verifier.
#[inline(always)]
pub(crate) fn differ(a: u8, b: u8) -> usize {
    // LLVM would turn what follows back into a branch.
    let difference = hide_from_llvm(u32::from(a ^ b)) as usize;
    // Borrows into the top bit only if there is no difference.
    (difference.wrapping_sub(1) >> (usize::BITS - 1)).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differ_is_a_mask_for_every_pair() {
        for a in 0..=u8::MAX {
            for b in 0..=u8::MAX {
                assert_eq!(differ(a, b), if a == b { 0 } else { usize::MAX });
            }
        }
    }
}
