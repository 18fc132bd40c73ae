//! The compiled BPF object: which entry points this kernel takes, and loading one.

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

use aya::programs::{ProgramError, Xdp};
use aya::sys::BpfHelper;
use aya::sys::is_helper_supported;
use aya::{Ebpf, programs::ProgramType};
use aya_obj::programs::XdpAttachType;
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};

use crate::datapath::error::Error;

use crate::datapath::model::Hook;

/// Built by `cargo xtask ebpf`; its record stands next to it.
pub(in crate::datapath) static OBJECT: &[u8] = aya::include_bytes_aligned!("xdp-fw.bpf.o");

/// What the running kernel has, asked once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::datapath) struct Kernel {
    /// Frames of several buffers: 5.18.
    pub(in crate::datapath) frags: bool,
    /// `bpf_ktime_get_coarse_ns`: 5.11.
    pub(in crate::datapath) coarse_clock: bool,
}

/// The entry points of the object at a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::datapath) enum EntryPoint {
    Root,
    Filter,
    /// For policies over addresses, protocol and ports alone.
    BasicFilter,
    /// For those of them whose rows are words.
    SingleWordFilter,
    Probe,
}

impl Kernel {
    /// Asks the kernel; raises the memlock limit first, to which maps count before 5.11.
    pub(in crate::datapath) fn probe() -> Result<Self, Error> {
        // Refused without CAP_SYS_RESOURCE, where newer kernels do not need it.
        let _ = setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY);
        let has = |helper| {
            is_helper_supported(ProgramType::Xdp, helper)
                .map_err(|error| Error::kernel("ask the kernel for BPF helpers", &error))
        };
        Ok(Self {
            frags: has(BpfHelper::BPF_FUNC_xdp_load_bytes)?,
            coarse_clock: has(BpfHelper::BPF_FUNC_ktime_get_coarse_ns)?,
        })
    }

    /// The name of an entry point in the object, in the variant for this kernel.
    pub(in crate::datapath) fn program_name(self, hook: Hook, entry: EntryPoint) -> &'static str {
        hook.program_name(entry, self.frags)
    }
}

impl Hook {
    /// The name of an entry point in the object: that for frames of several buffers if the kernel
    /// has them. Root and filter must agree in this, or the kernel refuses the tail call.
    pub(in crate::datapath) const fn program_name(
        self,
        entry: EntryPoint,
        frags: bool,
    ) -> &'static str {
        match (self, entry, frags) {
            (Self::XdpIngress, EntryPoint::Root, false) => "root",
            (Self::XdpIngress, EntryPoint::Root, true) => "root_frags",
            (Self::XdpIngress, EntryPoint::Filter, false) => "filter",
            (Self::XdpIngress, EntryPoint::Filter, true) => "filter_frags",
            (Self::XdpIngress, EntryPoint::BasicFilter, false) => "filter_basic",
            (Self::XdpIngress, EntryPoint::BasicFilter, true) => "filter_basic_frags",
            (Self::XdpIngress, EntryPoint::SingleWordFilter, false) => "filter_word",
            (Self::XdpIngress, EntryPoint::SingleWordFilter, true) => "filter_word_frags",
            (Self::XdpIngress, EntryPoint::Probe, false) => "probe",
            (Self::XdpIngress, EntryPoint::Probe, true) => "probe_frags",
        }
    }
}

/// The program `name` of a loaded object.
pub(in crate::datapath) fn program<'a>(
    ebpf: &'a mut Ebpf,
    name: &str,
) -> Result<&'a mut Xdp, Error> {
    let missing = || Error::Kernel {
        action: format!("find program `{name}` in the BPF object"),
        cause: "it is not there".to_owned(),
        errno: None,
        remedy: "this build is broken: rebuild it".to_owned(),
    };
    let program = ebpf.program_mut(name).ok_or_else(missing)?;
    program.try_into().map_err(|_| missing())
}

/// Hands a program to the verifier.
pub(in crate::datapath) fn load<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Xdp, Error> {
    let program = program(ebpf, name)?;
    verify(name, program)?;
    Ok(program)
}

/// Hands programs to the verifier, each on a thread of its own, and does `work` meanwhile; one after
/// the other where the host has no thread to give.
pub(in crate::datapath) fn load_while(
    ebpf: &mut Ebpf,
    names: &[&str],
    work: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    for name in names {
        program(ebpf, name)?;
    }
    let programs = ebpf
        .programs_mut()
        .filter(|(name, _)| names.contains(name))
        .filter_map(|(name, program)| Some((name, <&mut Xdp>::try_from(program).ok()?)));
    // Where no thread can be made, what it was to take is still here.
    let programs: Vec<_> = programs.map(|program| Mutex::new(Some(program))).collect();
    let verify = |program: &Mutex<Option<_>>| {
        let mut program = program.lock().unwrap_or_else(PoisonError::into_inner);
        program
            .take()
            .map_or(Ok(()), |(name, program)| verify(name, program))
    };
    thread::scope(|scope| {
        let spawn = |program| {
            let builder = thread::Builder::new().name("verify".to_owned());
            builder.spawn_scoped(scope, move || verify(program)).ok()
        };
        let threads: Vec<_> = programs.iter().map(spawn).collect();
        let worked = work();
        for thread in threads.into_iter().flatten() {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        }
        programs.iter().try_for_each(verify)?;
        worked
    })
}

fn verify(name: &str, program: &mut Xdp) -> Result<(), Error> {
    program.load().map_err(|error| match error {
        ProgramError::LoadError {
            io_error,
            verifier_log,
        } => {
            let log = verifier_log.to_string();
            if log.trim().is_empty() {
                Error::kernel(format!("load program `{name}`"), &io_error)
            } else {
                Error::Verifier {
                    program: name.to_owned(),
                    log: tail(&log),
                }
            }
        }
        other => Error::kernel(format!("load program `{name}`"), &other),
    })
}

/// The last lines of a verifier log, which say what it did not like.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(6);
    lines.get(from..).unwrap_or_default().join(" | ")
}

/// A program from its pin.
pub(in crate::datapath) fn pinned(path: &Path) -> Result<Xdp, ProgramError> {
    Xdp::from_pin(path, XdpAttachType::Interface)
}
