//! Runs packets through a generation without touching anything that is in force.

use std::path::Path;

use aya::maps::{Array, Map, MapData};
use aya::programs::Xdp;
use aya::{TestRun as _, TestRunOptions};
use bytemuck::Zeroable as _;
use xdp_fw_common::wire::{NO_RULE, ProbeResult};
use xdp_fw_common::{Reason, Verdict};

use super::Error;
use super::generation::pin;
use super::object;

/// `XDP_DROP` and `XDP_PASS` of `include/uapi/linux/bpf.h`.
const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;

/// The `probe` entry point of one generation.
pub struct Probe {
    program: Xdp,
    result: Array<MapData, ProbeResult>,
}

/// What the kernel decided over one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probed {
    /// What would happen.
    pub verdict: Verdict,
    /// Why; `None` for a reason of a newer version.
    pub reason: Option<Reason>,
    /// The rule that decided, by index in file order.
    pub rule: Option<u32>,
    /// The length that was seen, bytes.
    pub length: u64,
}

/// `struct xdp_md`, all that a test run takes of it.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Context {
    data: u32,
    data_end: u32,
    data_meta: u32,
    ingress_ifindex: u32,
    rx_queue_index: u32,
    egress_ifindex: u32,
}

impl Probe {
    /// Opens the probe that is pinned in a generation's directory.
    pub(super) fn open(directory: &Path) -> Result<Self, Error> {
        let refused = |error: &(dyn std::error::Error + 'static)| {
            Error::kernel(format!("open the probe in {}", directory.display()), error)
        };
        let program = object::pinned(&directory.join(pin::PROBE)).map_err(|e| refused(&e))?;
        let result = MapData::from_pin(directory.join(pin::RESULT))
            .and_then(Map::from_map_data)
            .and_then(Array::try_from)
            .map_err(|e| refused(&e))?;
        Ok(Self { program, result })
    }

    /// Runs one frame of at least 14 bytes, as if it came in by the interface of index
    /// `interface`, which need not exist. `first_buffer` is how many of its bytes are in the
    /// first buffer, the others following in fragments; `None` leaves that to the kernel.
    ///
    /// # Errors
    /// [`Error::Kernel`] if the kernel does not take the frame.
    pub fn run(
        &mut self,
        frame: &[u8],
        first_buffer: Option<u32>,
        interface: u32,
    ) -> Result<Probed, Error> {
        let refused = |error: &(dyn std::error::Error + 'static)| {
            Error::kernel(format!("test-run a frame of {} bytes", frame.len()), error)
        };
        let context = first_buffer.map(|data_end| Context {
            data_end,
            ..Context::zeroed()
        });
        let asked = ProbeResult {
            interface,
            ..ProbeResult::zeroed()
        };
        self.result.set(0, asked, 0).map_err(|e| refused(&e))?;
        let run = self
            .program
            .test_run(TestRunOptions {
                data_in: Some(frame),
                ctx_in: context.as_ref().map(bytemuck::bytes_of),
                repeat: 1,
                ..TestRunOptions::new()
            })
            .map_err(|e| refused(&e))?;
        let result = self.result.get(&0, 0).map_err(|e| refused(&e))?;
        let verdict = Verdict::from_wire(result.verdict as u8);
        let expected = match verdict {
            Verdict::Pass => XDP_PASS,
            Verdict::Drop => XDP_DROP,
        };
        if run.return_value != expected {
            let said = format!("returned {} but told {verdict:?}", run.return_value);
            return Err(refused(&std::io::Error::other(said)));
        }
        Ok(Probed {
            verdict,
            reason: Reason::from_wire(result.reason as u8),
            rule: (result.rule != NO_RULE).then_some(result.rule),
            length: result.length,
        })
    }
}
