//! The `bpf(2)` system calls of a measurement.
//!
//! Owns their layouts (`include/uapi/linux/bpf.h`). The measured programs come from pins of xdp-fw
//! and ids of peers.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::instructions::Instruction;

const BPF_MAP_CREATE: libc::c_int = 0;
const BPF_MAP_LOOKUP_ELEM: libc::c_int = 1;
const BPF_MAP_UPDATE_ELEM: libc::c_int = 2;
const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_OBJ_GET: libc::c_int = 7;
const BPF_PROG_TEST_RUN: libc::c_int = 10;
const BPF_PROG_GET_FD_BY_ID: libc::c_int = 13;
const BPF_LINK_CREATE: libc::c_int = 28;

const BPF_MAP_TYPE_PROG_ARRAY: u32 = 3;
const BPF_PROG_TYPE_XDP: u32 = 6;
/// The attach type that aya loads XDP programs with; programs that call each other must agree.
const BPF_XDP: u32 = 37;
const BPF_F_XDP_HAS_FRAGS: u32 = 1 << 5;
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;
const BPF_F_TEST_XDP_LIVE_FRAMES: u32 = 1 << 1;

#[repr(C)]
#[derive(Default)]
struct MapCreate {
    kind: u32,
    key_size: u32,
    value_size: u32,
    entries: u32,
    flags: u32,
}

#[repr(C)]
struct Element {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
#[derive(Default)]
struct ProgramLoad {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attach_type: u32,
}

#[repr(C)]
struct Object {
    path: u64,
    fd: u32,
    flags: u32,
}

#[repr(C)]
#[derive(Default)]
struct TestRun {
    program: u32,
    returned: u32,
    data_in_size: u32,
    data_out_size: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    context_in_size: u32,
    context_out_size: u32,
    context_in: u64,
    context_out: u64,
    flags: u32,
    cpu: u32,
    batch_size: u32,
    padding: u32,
}

/// `struct xdp_md`.
#[repr(C)]
#[derive(Default)]
struct Context {
    data: u32,
    data_end: u32,
    data_meta: u32,
    ingress_ifindex: u32,
    rx_queue_index: u32,
    egress_ifindex: u32,
}

/// # Safety
/// `argument` must be the layout that `command` takes, and its pointers valid for the call.
unsafe fn bpf<T>(command: libc::c_int, argument: &mut T) -> io::Result<libc::c_long> {
    // SAFETY: the caller vouches for the layout; the kernel reads no more than the size given.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(argument),
            size_of::<T>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// # Safety
/// As [`bpf`], and `command` must be one that makes a descriptor.
unsafe fn descriptor<T>(command: libc::c_int, argument: &mut T) -> io::Result<OwnedFd> {
    // SAFETY: the caller vouches for the layout.
    let fd = unsafe { bpf(command, argument) }?;
    // SAFETY: the kernel returned this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// An XDP program, ready for test runs.
#[derive(Debug)]
pub(crate) struct Program(OwnedFd);

impl Program {
    /// Opens the program that is pinned at `path`.
    pub(crate) fn pinned(path: &Path) -> Result<Self> {
        object(path).map(Self)
    }

    /// Opens a loaded program by its id.
    pub(crate) fn by_id(id: u32) -> Result<Self> {
        // The id, where a search would go on, and flags.
        let mut argument = [id, 0, 0];
        // SAFETY: the layout of BPF_PROG_GET_FD_BY_ID.
        let fd = unsafe { descriptor(BPF_PROG_GET_FD_BY_ID, &mut argument) };
        fd.map(Self)
            .with_context(|| format!("cannot open BPF program {id}"))
    }

    /// Loads an XDP program. `frags` must equal that of the programs that it jumps to.
    pub(crate) fn load(instructions: &[Instruction], frags: bool) -> Result<Self> {
        let mut log = vec![0u8; 1 << 16];
        let mut argument = ProgramLoad {
            kind: BPF_PROG_TYPE_XDP,
            count: instructions.len() as u32,
            instructions: instructions.as_ptr() as u64,
            license: c"GPL".as_ptr() as u64,
            log_level: 1,
            log_size: log.len() as u32,
            log: log.as_mut_ptr() as u64,
            flags: if frags { BPF_F_XDP_HAS_FRAGS } else { 0 },
            attach_type: BPF_XDP,
            ..ProgramLoad::default()
        };
        // SAFETY: the layout of BPF_PROG_LOAD; instructions and log live past the call.
        let fd = unsafe { descriptor(BPF_PROG_LOAD, &mut argument) };
        fd.map(Self).with_context(|| {
            let said = log.split(|byte| *byte == 0).next().unwrap_or_default();
            let said = String::from_utf8_lossy(said);
            format!("the kernel refuses a program of the benchmark: {said}")
        })
    }

    /// Attaches the program to an interface, in the driver. Dropping the link detaches it.
    pub(crate) fn attach(&self, interface: u32) -> Result<OwnedFd> {
        let program = self.0.as_raw_fd() as u32;
        let mut argument = [program, interface, BPF_XDP, XDP_FLAGS_DRV_MODE];
        // SAFETY: the head of the layout of BPF_LINK_CREATE.
        unsafe { descriptor(BPF_LINK_CREATE, &mut argument) }.context("cannot attach a program")
    }

    /// Runs the program `repeat` times over one frame, which keeps what a run writes into it.
    /// Returns the verdict of the last run.
    pub(crate) fn run(&self, frame: &[u8], repeat: u32) -> Result<u32> {
        let mut argument = TestRun {
            program: self.0.as_raw_fd() as u32,
            data_in: frame.as_ptr() as u64,
            data_in_size: frame.len() as u32,
            repeat,
            ..TestRun::default()
        };
        // SAFETY: the layout of BPF_PROG_TEST_RUN; the frame lives past the call, and the kernel
        // writes nothing.
        unsafe { bpf(BPF_PROG_TEST_RUN, &mut argument) }.context("cannot test-run")?;
        Ok(argument.returned)
    }

    /// Runs the program over `count` live frames that arrive on `interface`, and follows its
    /// verdict: the interface transmits a frame with `XDP_TX`.
    pub(crate) fn run_live(&self, frame: &[u8], interface: u32, count: u32) -> Result<()> {
        let context = Context {
            data_end: frame.len() as u32,
            ingress_ifindex: interface,
            ..Context::default()
        };
        let mut argument = TestRun {
            program: self.0.as_raw_fd() as u32,
            data_in: frame.as_ptr() as u64,
            data_in_size: frame.len() as u32,
            context_in: &raw const context as u64,
            context_in_size: size_of::<Context>() as u32,
            repeat: count,
            flags: BPF_F_TEST_XDP_LIVE_FRAMES,
            ..TestRun::default()
        };
        // SAFETY: the layout of BPF_PROG_TEST_RUN; frame and context live past the call, and the
        // kernel writes nothing.
        unsafe { bpf(BPF_PROG_TEST_RUN, &mut argument) }.context("cannot send live frames")?;
        Ok(())
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A program array of one slot.
#[derive(Debug)]
pub(crate) struct Slot(OwnedFd);

impl Slot {
    /// Makes a program array that holds `program`.
    pub(crate) fn with(program: &Program) -> Result<Self> {
        let mut argument = MapCreate {
            kind: BPF_MAP_TYPE_PROG_ARRAY,
            key_size: 4,
            value_size: 4,
            entries: 1,
            flags: 0,
        };
        // SAFETY: the layout of BPF_MAP_CREATE.
        let map = unsafe { descriptor(BPF_MAP_CREATE, &mut argument) }
            .context("cannot make a program array")?;
        let (index, fd) = (0u32, program.0.as_raw_fd() as u32);
        let mut argument = Element {
            map: map.as_raw_fd() as u32,
            padding: 0,
            key: &raw const index as u64,
            value: &raw const fd as u64,
            flags: 0,
        };
        // SAFETY: the layout of BPF_MAP_UPDATE_ELEM; a program array has u32 keys and values.
        unsafe { bpf(BPF_MAP_UPDATE_ELEM, &mut argument) }
            .context("cannot put a program into a program array")?;
        Ok(Self(map))
    }

    /// Opens the program array that is pinned at `path`.
    pub(crate) fn pinned(path: &Path) -> Result<Self> {
        object(path).map(Self)
    }

    /// Returns the id of the program in the slot, if there is one.
    pub(crate) fn program(&self) -> Option<u32> {
        let (index, mut program) = (0u32, 0u32);
        let mut argument = Element {
            map: self.0.as_raw_fd() as u32,
            padding: 0,
            key: &raw const index as u64,
            value: &raw mut program as u64,
            flags: 0,
        };
        // SAFETY: the layout of BPF_MAP_LOOKUP_ELEM; a program array has u32 keys and values.
        unsafe { bpf(BPF_MAP_LOOKUP_ELEM, &mut argument) }.ok()?;
        Some(program)
    }
}

impl AsFd for Slot {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn object(path: &Path) -> Result<OwnedFd> {
    let name = CString::new(path.as_os_str().as_bytes())?;
    let mut argument = Object {
        path: name.as_ptr() as u64,
        fd: 0,
        flags: 0,
    };
    // SAFETY: the layout of BPF_OBJ_GET; `name` lives past the call.
    unsafe { descriptor(BPF_OBJ_GET, &mut argument) }
        .with_context(|| format!("cannot open {}", path.display()))
}
