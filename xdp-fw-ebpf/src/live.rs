//! The maps that every generation shares, and the only code that touches them.
//!
//! They are private here: what has no [`Live`] cannot count, and the probe has none.

use aya_ebpf::{
    btf_maps::{PerCpuArray, ProgramArray},
    macros::btf_map,
    programs::XdpContext,
};
use xdp_fw_common::{
    Arrival, Effects,
    wire::{COUNTER_SLOTS, Counter},
};

/// Slot -> count. Written by `filter` and `root`, read and zeroed by user space. Pinned.
#[btf_map]
static COUNTERS: PerCpuArray<Counter, { COUNTER_SLOTS as usize }> = PerCpuArray::new();

/// 0 -> the active filter. Written by a commit, read by `root`. Pinned.
#[btf_map]
static ENTRY: ProgramArray<1> = ProgramArray::new();

/// Jumps to the active filter; returns only if slot 0 is empty, which no commit leaves behind.
#[inline(always)]
pub(crate) fn jump(ctx: &XdpContext) {
    // SAFETY: the map is a program array and the context is the one that was handed in.
    unsafe { ENTRY.tail_call(ctx, 0) };
}

/// Effects on the shared maps.
pub(crate) struct Live;

impl Effects for Live {
    #[inline(always)]
    fn count(&mut self, slot: u32, arrival: &Arrival) -> bool {
        let Some(counter) = COUNTERS.get_ptr_mut(slot) else {
            return false;
        };
        // SAFETY: the value is this CPU's own, and XDP does not nest on a CPU: softirqs are serialised
        // there. PREEMPT_RT keeps that up to 6.17, and from 6.18 on only where the kernel is built with
        // PREEMPT_RT_NEEDS_BH_LOCK; without it two threads of one CPU may overwrite each other's counts.
        unsafe {
            (*counter).packets += 1;
            (*counter).bytes += arrival.length as u64;
            (*counter).last_seen = arrival.now;
        }
        true
    }

    #[inline(always)]
    fn count_shadow(&mut self, slot: u32, arrival: &Arrival) {
        // The compiler of policies gave the slot; what decides is counted in any case.
        let _ = self.count(slot, arrival);
    }
}
