//! What the running kernel has of what we use: asked of the kernel, not read off its version.
//!
//! Owns the list. Loads nothing of ours and changes nothing.

use aya::maps::MapType;
use aya::programs::{ProgramType, loaded_programs};
use aya::sys::{BpfHelper, is_helper_supported, is_map_supported, is_program_supported};

/// Something of the kernel's that we use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// What it is called.
    pub name: &'static str,
    /// The release that it came with.
    pub since: &'static str,
    /// What is lost without it; `None` if nothing works without it.
    pub without: Option<&'static str>,
    /// Whether it is there; `None` if the kernel does not let us ask.
    pub present: Option<bool>,
}

/// Whether this kernel compiles programs; `None` without a program to see it by, or without the
/// right to look.
#[must_use]
pub fn compiles_programs() -> Option<bool> {
    let program = loaded_programs().find_map(Result::ok)?;
    Some(program.size_jitted() > 0)
}

/// What to ask for.
enum Probe {
    Program(ProgramType),
    Map(MapType),
    Helper(BpfHelper),
}

/// Asks for everything that we use.
#[must_use]
pub fn features() -> Vec<Feature> {
    use Probe::{Helper, Map, Program};
    let needed = [
        ("XDP programs", "4.8", Program(ProgramType::Xdp)),
        ("program arrays", "4.2", Map(MapType::ProgramArray)),
        ("hash maps", "3.19", Map(MapType::Hash)),
        ("arrays", "3.19", Map(MapType::Array)),
        ("per-CPU arrays", "4.6", Map(MapType::PerCpuArray)),
    ];
    let wanted = [
        (
            "frames of several buffers (xdp.frags)",
            "5.18",
            Helper(BpfHelper::BPF_FUNC_xdp_load_bytes),
            "drivers take the filter up to an MTU of one page only",
        ),
        (
            "the coarse clock",
            "5.11",
            Helper(BpfHelper::BPF_FUNC_ktime_get_coarse_ns),
            "each packet costs some 27 ns more",
        ),
    ];
    let needed = needed.map(|(name, since, probe)| feature(name, since, None, &probe));
    let wanted =
        wanted.map(|(name, since, probe, without)| feature(name, since, Some(without), &probe));
    needed.into_iter().chain(wanted).collect()
}

fn feature(
    name: &'static str,
    since: &'static str,
    without: Option<&'static str>,
    probe: &Probe,
) -> Feature {
    let present = match *probe {
        Probe::Program(kind) => is_program_supported(kind).ok(),
        Probe::Map(kind) => is_map_supported(kind).ok(),
        Probe::Helper(helper) => is_helper_supported(ProgramType::Xdp, helper).ok(),
    };
    Feature {
        name,
        since,
        without,
        present,
    }
}
