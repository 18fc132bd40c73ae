//! System calls that the daemon under test is denied.
//!
//! Owns the seccomp filter. Everything that it does not name is allowed.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Has `socket(AF_NETLINK, …, family)` fail with `EPERM` in the command.
pub(super) fn deny_netlink(command: &mut Command, family: u32) {
    deny(
        command,
        [
            load(0),
            jump_unless(libc::SYS_socket as u32, 5),
            load(argument(0)),
            jump_unless(libc::AF_NETLINK as u32, 3),
            load(argument(2)),
            jump_unless(family, 1),
            answer(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
            answer(libc::SECCOMP_RET_ALLOW),
        ],
    );
}

/// Has `inotify_init1` fail in the command, as where all instances are used up: `EMFILE`.
pub(super) fn deny_inotify(command: &mut Command) {
    deny(
        command,
        [
            load(0),
            jump_unless(libc::SYS_inotify_init1 as u32, 1),
            answer(libc::SECCOMP_RET_ERRNO | libc::EMFILE as u32),
            answer(libc::SECCOMP_RET_ALLOW),
        ],
    );
}

fn deny<const N: usize>(command: &mut Command, filter: [libc::sock_filter; N]) {
    let install = move || {
        let program = libc::sock_fprog {
            len: filter.len() as u16,
            filter: filter.as_ptr().cast_mut(),
        };
        // SAFETY: the kernel copies the program, which lives until the call returns.
        let result = unsafe {
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            )
        };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    };
    // SAFETY: between fork and exec the closure makes one system call on memory that it owns; it
    // neither allocates nor takes a lock.
    unsafe { command.pre_exec(install) };
}

/// Offset in `struct seccomp_data` of the low half of an argument.
const fn argument(number: u32) -> u32 {
    16 + 8 * number
}

/// Loads a word of `struct seccomp_data`; the system call's number is at 0.
fn load(offset: u32) -> libc::sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, offset)
}

/// Skips so many instructions unless the word is this one.
fn jump_unless(value: u32, skip: u8) -> libc::sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, skip, value)
}

fn answer(value: u32) -> libc::sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, value)
}

fn instruction(code: u32, jf: u8, k: u32) -> libc::sock_filter {
    let (code, jt) = (code as u16, 0);
    libc::sock_filter { code, jt, jf, k }
}
