//! What aya does not ask the kernel.
//!
//! Owns the raw system calls and the argument layouts of `bpf(2)` (`include/uapi/linux/bpf.h`); everything
//! else goes through aya.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

const BPF_MAP_LOOKUP_ELEM: libc::c_int = 1;
const BPF_OBJ_GET: libc::c_int = 7;
const BPF_OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const BPF_MAP_FREEZE: libc::c_int = 22;
const BPF_LINK_DETACH: libc::c_int = 34;
const BPF_LINK_TYPE_XDP: u32 = 6;

#[repr(C)]
struct Element {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct Object {
    path: u64,
    fd: u32,
    flags: u32,
}

#[repr(C)]
struct Info {
    fd: u32,
    length: u32,
    info: u64,
}

/// The head of `struct bpf_link_info`, with the union's part for XDP.
#[repr(C)]
#[derive(Default)]
struct LinkInfo {
    kind: u32,
    id: u32,
    program: u32,
    padding: u32,
    interface: u32,
    rest: u32,
}

/// What the kernel says of an XDP link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::datapath) struct XdpLink {
    /// Program id.
    pub(in crate::datapath) program: u32,
    /// Interface index; 0 once the interface is gone.
    pub(in crate::datapath) interface: u32,
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

/// The id of the program in slot `index` of a program array; `None` if the slot is empty.
pub(in crate::datapath) fn program_in_slot(
    map: BorrowedFd<'_>,
    index: u32,
) -> io::Result<Option<u32>> {
    let mut program = 0u32;
    let mut argument = Element {
        map: map.as_raw_fd() as u32,
        padding: 0,
        key: &raw const index as u64,
        value: &raw mut program as u64,
        flags: 0,
    };
    // SAFETY: the layout of BPF_MAP_LOOKUP_ELEM; a program array has u32 keys and values.
    match unsafe { bpf(BPF_MAP_LOOKUP_ELEM, &mut argument) } {
        Ok(_) => Ok(Some(program)),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// From now on no process changes what is in a map (5.2). Nobody may have it in memory to write to.
pub(in crate::datapath) fn freeze(map: BorrowedFd<'_>) -> io::Result<()> {
    let mut argument = map.as_raw_fd() as u32;
    // SAFETY: BPF_MAP_FREEZE takes the descriptor alone.
    unsafe { bpf(BPF_MAP_FREEZE, &mut argument) }.map(drop)
}

/// What a descriptor of a BPF object is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::datapath) enum Kind {
    Map,
    Program,
    Link,
    Other,
}

/// Asks `/proc`: the info of each kind begins with a type, and of each there is one with number 6.
pub(in crate::datapath) fn kind(object: &OwnedFd) -> io::Result<Kind> {
    let path = format!("/proc/self/fd/{}", object.as_raw_fd());
    let shown = fs::read_link(&path).map_err(|error| match error.kind() {
        // It is our own descriptor that is looked at, so that no pin is missing.
        io::ErrorKind::NotFound => io::Error::other(format!("{path}: {error}; mount /proc")),
        _ => error,
    })?;
    // By a hyphen where it was opened from a pin, by an underscore where it was made.
    Ok(match shown.as_os_str().as_bytes() {
        b"anon_inode:bpf-map" => Kind::Map,
        b"anon_inode:bpf-prog" => Kind::Program,
        b"anon_inode:bpf-link" | b"anon_inode:bpf_link" => Kind::Link,
        _ => Kind::Other,
    })
}

/// The head of `struct bpf_prog_info`.
#[repr(C)]
#[derive(Default)]
struct ProgramInfo {
    kind: u32,
    id: u32,
    tag: [u8; 8],
    jited_length: u32,
    translated_length: u32,
    jited: u64,
    translated: u64,
    loaded_at: u64,
    creator: u32,
    map_count: u32,
    maps: u64,
}

/// Most maps that the kernel lets a program use (`MAX_USED_MAPS`).
const MAPS_MAX: usize = 64;

/// The id of a program.
pub(in crate::datapath) fn program_id(program: impl AsFd) -> io::Result<u32> {
    Ok(program_info(program, &mut [])?.id)
}

/// A hash of a program's instructions, which leaves out which maps they use.
pub(in crate::datapath) fn program_tag(program: impl AsFd) -> io::Result<[u8; 8]> {
    Ok(program_info(program, &mut [])?.tag)
}

/// The ids of the maps that a program uses, in rising order. By its descriptor: to get one by an id, as
/// aya does, takes CAP_SYS_ADMIN, which the unit does not have.
pub(in crate::datapath) fn program_maps(program: impl AsFd) -> io::Result<Vec<u32>> {
    let mut maps = [0; MAPS_MAX];
    let count = program_info(program, &mut maps)?.map_count;
    let mut maps: Vec<u32> = maps.into_iter().take(count as usize).collect();
    maps.sort_unstable();
    Ok(maps)
}

/// What the kernel says of a program; as many ids of its maps as fit go to `maps`.
fn program_info(program: impl AsFd, maps: &mut [u32]) -> io::Result<ProgramInfo> {
    let mut info = ProgramInfo {
        map_count: maps.len() as u32,
        maps: maps.as_mut_ptr() as u64,
        ..ProgramInfo::default()
    };
    let mut argument = Info {
        fd: program.as_fd().as_raw_fd() as u32,
        length: size_of::<ProgramInfo>() as u32,
        info: &raw mut info as u64,
    };
    // SAFETY: the layout of BPF_OBJ_GET_INFO_BY_FD; the kernel writes at most `length` bytes to `info`, and
    // at most `map_count` ids to `maps`, which this function holds until it returns.
    unsafe { bpf(BPF_OBJ_GET_INFO_BY_FD, &mut argument) }?;
    Ok(info)
}

/// What an XDP link is attached to; `None` for a link of another type.
pub(in crate::datapath) fn link_info(link: &OwnedFd) -> io::Result<Option<XdpLink>> {
    let mut info = LinkInfo::default();
    let mut argument = Info {
        fd: link.as_raw_fd() as u32,
        length: size_of::<LinkInfo>() as u32,
        info: &raw mut info as u64,
    };
    // SAFETY: the layout of BPF_OBJ_GET_INFO_BY_FD; the kernel writes at most `length` bytes.
    unsafe { bpf(BPF_OBJ_GET_INFO_BY_FD, &mut argument) }?;
    Ok((info.kind == BPF_LINK_TYPE_XDP).then_some(XdpLink {
        program: info.program,
        interface: info.interface,
    }))
}

/// Takes the program off the interface of an XDP link, whoever else holds the link: when this
/// returns, no packet meets the program any more. A dead link is fine.
pub(in crate::datapath) fn detach_link(link: &OwnedFd) -> io::Result<()> {
    let mut argument = link.as_raw_fd() as u32;
    // SAFETY: BPF_LINK_DETACH takes the descriptor alone.
    match unsafe { bpf(BPF_LINK_DETACH, &mut argument) } {
        Err(error) if error.raw_os_error() != Some(libc::ENOLINK) => Err(error),
        _ => Ok(()),
    }
}

/// Opens whatever is pinned at `path`.
pub(in crate::datapath) fn object(path: &Path) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut argument = Object {
        path: path.as_ptr() as u64,
        fd: 0,
        flags: 0,
    };
    // SAFETY: the layout of BPF_OBJ_GET; `path` lives past the call.
    let fd = unsafe { bpf(BPF_OBJ_GET, &mut argument) }?;
    // SAFETY: the kernel has just handed out this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Returns once every BPF program that ran when it was called has returned.
///
/// `MEMBARRIER_CMD_GLOBAL` waits for an RCU grace period (membarrier(2)), and XDP programs run
/// within RCU read-side critical sections.
pub(in crate::datapath) fn wait_for_running_programs() -> io::Result<()> {
    const MEMBARRIER_CMD_GLOBAL: libc::c_int = 1;
    // SAFETY: takes three integers and touches no memory of ours.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
