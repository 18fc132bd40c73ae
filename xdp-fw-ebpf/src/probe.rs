//! The probe: the decision of the filter, with no effect but an answer.
//!
//! It decides with [`NoEffects`], and the maps that generations share are private to `live`.

use aya_ebpf::{btf_maps::Array, macros::btf_map};
use xdp_fw_common::{
    NoEffects, decide,
    wire::{NO_RULE, ProbeResult},
};

use crate::{
    action, arrival,
    frame::Buffers,
    maps::{Full, Maps},
};

/// 0 -> the question (which interface) and the last answer. Written by `probe` and by user space,
/// read by both. Per generation.
#[btf_map]
static PROBE: Array<ProbeResult, 1> = Array::new();

#[inline(always)]
pub(crate) fn run_probe<const FRAGS: bool>(frame: &Buffers<'_, FRAGS>) -> u32 {
    let arrival = arrival(frame, PROBE.get(0).map_or(0, |asked| asked.interface));
    let decision = decide(frame, &arrival, &Maps::<Full>::new(), &mut NoEffects);
    if let Some(result) = PROBE.get_ptr_mut(0) {
        // SAFETY: the pointer is to a live map value of this type, and the verifier checked it.
        unsafe {
            result.write(ProbeResult {
                verdict: decision.verdict as u32,
                reason: decision.reason as u32,
                rule: decision.rule.unwrap_or(NO_RULE),
                slot: decision.slot,
                length: arrival.length as u64,
                interface: arrival.interface,
                padding: 0,
            });
        }
    }
    action(&decision)
}
