//! The BPF side of xdp-fw: entry points, maps, and the checked packet reads.
//!
//! No policy lives here: [`xdp_fw_common::decide()`] has all of it. Every entry point exists twice,
//! for kernels with and without frames of several buffers (`xdp.frags`, 5.18), because old
//! verifiers reject unknown helpers; root and filter must be of the same kind.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod addresses;
mod frame;
mod maps;

use aya_ebpf::{bindings::xdp_action, helpers, macros::xdp, programs::XdpContext};
use xdp_fw_common::{
    Decision, Frame as _, Ingress, Reason, Tables, Verdict, decide,
    wire::{NO_RULE, ProbeResult, reason_slot},
};

use frame::Buffers;
use maps::{Basic, COUNTERS, ENTRY, Full, Maps, PROBE, ProbeVariant, SingleWord, setting};

/// What the links hold. Reloads never change it: it only jumps to the generation in force.
#[xdp]
pub fn root(ctx: XdpContext) -> u32 {
    jump_to_filter::<false>(&ctx)
}

/// [`root`] for frames of several buffers.
#[xdp(frags)]
pub fn root_frags(ctx: XdpContext) -> u32 {
    jump_to_filter::<true>(&ctx)
}

/// A generation: decides and counts.
#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    run_filter(Buffers::<false>(&ctx), &Maps::<Full>::new())
}

/// [`filter`] for frames of several buffers.
#[xdp(frags)]
pub fn filter_frags(ctx: XdpContext) -> u32 {
    run_filter(Buffers::<true>(&ctx), &Maps::<Full>::new())
}

/// [`filter`] for policies over addresses, protocol and ports alone.
#[xdp]
pub fn filter_basic(ctx: XdpContext) -> u32 {
    run_filter(Buffers::<false>(&ctx), &Maps::<Basic>::new())
}

/// [`filter_basic`] for frames of several buffers.
#[xdp(frags)]
pub fn filter_basic_frags(ctx: XdpContext) -> u32 {
    run_filter(Buffers::<true>(&ctx), &Maps::<Basic>::new())
}

/// [`filter_basic`] where every row is a word.
#[xdp]
pub fn filter_word(ctx: XdpContext) -> u32 {
    run_filter(Buffers::<false>(&ctx), &Maps::<SingleWord>::new())
}

/// [`filter_word`] for frames of several buffers.
#[xdp(frags)]
pub fn filter_word_frags(ctx: XdpContext) -> u32 {
    run_filter(Buffers::<true>(&ctx), &Maps::<SingleWord>::new())
}

/// The same decision over the same tables, told instead of counted: live state is not touched.
#[xdp]
pub fn probe(ctx: XdpContext) -> u32 {
    run_probe(Buffers::<false>(&ctx))
}

/// [`probe`] for frames of several buffers.
#[xdp(frags)]
pub fn probe_frags(ctx: XdpContext) -> u32 {
    run_probe(Buffers::<true>(&ctx))
}

#[inline(always)]
fn jump_to_filter<const FRAGS: bool>(ctx: &XdpContext) -> u32 {
    // SAFETY: the map is a program array and the context is the one that was handed in.
    unsafe { ENTRY.tail_call(ctx, 0) };
    // Only reached if the slot is empty, which no commit leaves behind.
    let length = Buffers::<FRAGS>(ctx).length();
    count(reason_slot(Reason::Internal, Verdict::Drop), length);
    xdp_action::XDP_DROP
}

#[inline(always)]
fn run_filter<const FRAGS: bool>(frame: Buffers<'_, FRAGS>, tables: &impl Tables) -> u32 {
    let ingress = Ingress {
        interface: frame.0.ingress_ifindex() as u32,
        length: frame.length(),
    };
    let decision = decide(&frame, &ingress, tables);
    let length = ingress.length;
    if !count(decision.slot, length) {
        count(reason_slot(Reason::Internal, Verdict::Drop), length);
        return xdp_action::XDP_DROP;
    }
    action(&decision)
}

#[inline(always)]
fn run_probe<const FRAGS: bool>(frame: Buffers<'_, FRAGS>) -> u32 {
    let ingress = Ingress {
        interface: PROBE.get(0).map_or(0, |asked| asked.interface),
        length: frame.length(),
    };
    let decision = decide(&frame, &ingress, &Maps::<ProbeVariant>::new());
    if let Some(result) = PROBE.get_ptr_mut(0) {
        // SAFETY: the pointer is to a live map value of this type, and the verifier checked it.
        unsafe {
            result.write(ProbeResult {
                verdict: decision.verdict as u32,
                reason: decision.reason as u32,
                rule: decision.rule.unwrap_or(NO_RULE),
                slot: decision.slot,
                length: ingress.length as u64,
                interface: ingress.interface,
                padding: 0,
            });
        }
    }
    action(&decision)
}

#[inline(always)]
fn action(decision: &Decision) -> u32 {
    match decision.verdict {
        Verdict::Pass => xdp_action::XDP_PASS,
        Verdict::Drop => xdp_action::XDP_DROP,
    }
}

/// Counts a frame under `slot`; false if there is no such slot.
#[inline(always)]
fn count(slot: u32, length: usize) -> bool {
    let Some(counter) = COUNTERS.get_ptr_mut(slot) else {
        return false;
    };
    let now = now();
    // SAFETY: this CPU's own value, and XDP does not nest on a CPU: no atomics needed.
    unsafe {
        (*counter).packets += 1;
        (*counter).bytes += length as u64;
        (*counter).last_seen = now;
    }
    true
}

/// `CLOCK_MONOTONIC` in nanoseconds; to the last tick where the kernel can be asked that cheaply.
#[inline(always)]
fn now() -> u64 {
    if setting!(coarse_clock) == 1 {
        // SAFETY: no arguments, no effects.
        unsafe { helpers::generated::bpf_ktime_get_coarse_ns() }
    } else {
        // SAFETY: no arguments, no effects.
        unsafe { helpers::generated::bpf_ktime_get_ns() }
    }
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Some helpers are for GPL-compatible programs only; the sources are MIT OR Apache-2.0.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
