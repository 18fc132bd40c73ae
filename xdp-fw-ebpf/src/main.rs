//! The BPF side of xdp-fw: entry points, maps, and the checked packet reads.
//!
//! No policy lives here: [`xdp_fw_common::decide()`] has all of it. Every entry point exists twice,
//! for kernels with and without frames of several buffers (`xdp.frags`, 5.18), because old
//! verifiers reject unknown helpers; root and filter must be of the same kind.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "aya hands contexts to entry points by value"
)]

mod addresses;
mod bss_array;
mod frame;
mod live;
mod maps;
mod probe;

use aya_ebpf::{bindings::xdp_action, helpers, macros::xdp, programs::XdpContext};
use xdp_fw_common::{
    Arrival, Decision, Effects as _, Frame, Reason, Tables, Verdict, decide, wire::reason_slot,
};

use frame::Buffers;
use live::Live;
use maps::{Basic, Full, Maps, SingleWord, setting};
use probe::run_probe;

/// What the links hold. Reloads never change it: it only jumps to the generation in force.
#[xdp]
fn root(ctx: XdpContext) -> u32 {
    jump_to_filter::<false>(&ctx)
}

/// [`root`] for frames of several buffers.
#[xdp(frags)]
fn root_frags(ctx: XdpContext) -> u32 {
    jump_to_filter::<true>(&ctx)
}

/// A generation: decides and counts.
#[xdp]
fn filter(ctx: XdpContext) -> u32 {
    run_filter(&Buffers::<false>(&ctx), &Maps::<Full>::new())
}

/// [`filter`] for frames of several buffers.
#[xdp(frags)]
fn filter_frags(ctx: XdpContext) -> u32 {
    run_filter(&Buffers::<true>(&ctx), &Maps::<Full>::new())
}

/// [`filter`] for policies over addresses, protocol and ports alone.
#[xdp]
fn filter_basic(ctx: XdpContext) -> u32 {
    run_filter(&Buffers::<false>(&ctx), &Maps::<Basic>::new())
}

/// [`filter_basic`] for frames of several buffers.
#[xdp(frags)]
fn filter_basic_frags(ctx: XdpContext) -> u32 {
    run_filter(&Buffers::<true>(&ctx), &Maps::<Basic>::new())
}

/// [`filter_basic`] where every row is a word.
#[xdp]
fn filter_word(ctx: XdpContext) -> u32 {
    run_filter(&Buffers::<false>(&ctx), &Maps::<SingleWord>::new())
}

/// [`filter_word`] for frames of several buffers.
#[xdp(frags)]
fn filter_word_frags(ctx: XdpContext) -> u32 {
    run_filter(&Buffers::<true>(&ctx), &Maps::<SingleWord>::new())
}

/// The same decision over the same tables, reported instead of counted.
#[xdp]
fn probe(ctx: XdpContext) -> u32 {
    run_probe(&Buffers::<false>(&ctx))
}

/// [`probe`] for frames of several buffers.
#[xdp(frags)]
fn probe_frags(ctx: XdpContext) -> u32 {
    run_probe(&Buffers::<true>(&ctx))
}

#[inline(always)]
fn jump_to_filter<const FRAGS: bool>(ctx: &XdpContext) -> u32 {
    live::jump(ctx);
    let arrival = arrival(&Buffers::<FRAGS>(ctx), 0);
    // Nothing is left to do if there is no such slot: the packet drops either way.
    let _ = Live.count(reason_slot(Reason::Internal, Verdict::Drop), &arrival);
    xdp_action::XDP_DROP
}

#[inline(always)]
fn run_filter<const FRAGS: bool>(frame: &Buffers<'_, FRAGS>, tables: &impl Tables) -> u32 {
    let arrival = arrival(frame, frame.0.ingress_ifindex() as u32);
    action(&decide(frame, &arrival, tables, &mut Live))
}

/// How a frame comes in.
#[inline(always)]
fn arrival(frame: &impl Frame, interface: u32) -> Arrival {
    Arrival {
        interface,
        length: frame.length(),
        now: now(),
    }
}

#[inline(always)]
fn action(decision: &Decision) -> u32 {
    match decision.verdict {
        Verdict::Pass => xdp_action::XDP_PASS,
        Verdict::Drop => xdp_action::XDP_DROP,
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds; to the last tick where the kernel has a cheap clock.
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
