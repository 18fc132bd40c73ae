//! An XDP program that is not xdp-fw's.
//!
//! Two instructions, loaded and linked by system calls of its own, under any name: what other
//! loaders leave on an interface, without needing one of them.

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use crate::netns::Netns;

const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_LINK_CREATE: libc::c_int = 28;
const BPF_PROG_TYPE_XDP: u32 = 6;
const BPF_XDP: u32 = 37;
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;

/// `r0 = XDP_PASS; exit`
const PASS: [u64; 2] = [0x0000_0002_0000_00b7, 0x0000_0000_0000_0095];

/// A program that passes everything; gone when dropped.
#[derive(Debug)]
pub struct ForeignProgram {
    _program: OwnedFd,
    _link: OwnedFd,
}

/// The head of `union bpf_attr` for `BPF_PROG_LOAD`.
#[repr(C)]
struct Load {
    kind: u32,
    instructions: u32,
    code: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
}

/// The head of `union bpf_attr` for `BPF_LINK_CREATE`.
#[repr(C)]
struct Create {
    program: u32,
    interface: u32,
    attach_type: u32,
    flags: u32,
}

impl ForeignProgram {
    /// Puts a program `name`, at most 15 characters, on `device`.
    ///
    /// # Panics
    /// Without root, or where there is a program already.
    #[must_use]
    pub fn attach(netns: &Netns, device: &str, name: &str) -> Self {
        let mut load = Load {
            kind: BPF_PROG_TYPE_XDP,
            instructions: PASS.len() as u32,
            code: PASS.as_ptr() as u64,
            license: c"GPL".as_ptr() as u64,
            log_level: 0,
            log_size: 0,
            log: 0,
            kernel_version: 0,
            flags: 0,
            name: [0; 16],
        };
        for (to, from) in load.name.iter_mut().take(15).zip(name.bytes()) {
            *to = from;
        }
        let program = bpf(BPF_PROG_LOAD, &mut load).expect("root may load a program");
        let interface = netns.within(|| nix::net::if_::if_nametoindex(device));
        let mut create = Create {
            program: program.as_raw_fd() as u32,
            interface: interface.expect("the device is there"),
            attach_type: BPF_XDP,
            flags: XDP_FLAGS_DRV_MODE,
        };
        let link = netns.within(|| bpf(BPF_LINK_CREATE, &mut create));
        Self {
            _program: program,
            _link: link.expect("the device has no program yet"),
        }
    }
}

/// Makes a system call that answers with a descriptor.
fn bpf<T>(command: libc::c_int, argument: &mut T) -> io::Result<OwnedFd> {
    // SAFETY: the structure is the head of the command's, and what it points to lives as long.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(argument),
            size_of::<T>(),
        )
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(answer as i32) })
}
