//! Few file descriptors: what a process has left, and what a command starts with.
//!
//! Owns the limits. What a process has open it keeps.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::ptr::{null, null_mut};

/// Leaves a running process that many descriptors more than it has.
pub fn limit(pid: u32, more: usize) {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).expect("the process runs");
    let open: BTreeSet<usize> = descriptors
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    // The limit is on numbers, and some below the highest may be free.
    let free = (0..).filter(|number| !open.contains(number)).nth(more);
    let number: usize = free.expect("numbers do not end");
    set(pid as libc::pid_t, number).expect("root may set limits");
}

/// Has a command begin with this limit.
pub fn limit_command(command: &mut Command, number: usize) {
    let limit = move || set(0, number);
    // SAFETY: between fork and exec the closure makes two system calls on a limit of its own; it
    // neither allocates nor takes a lock.
    unsafe { command.pre_exec(limit) };
}

/// Sets the soft limit of a process; 0 is this one.
fn set(pid: libc::pid_t, number: usize) -> std::io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the call writes to a live limit, and the null pointer sets none.
    let read = unsafe { libc::prlimit(pid, libc::RLIMIT_NOFILE, null(), &raw mut limit) };
    limit.rlim_cur = number as libc::rlim_t;
    // SAFETY: the call reads a live limit, and the null pointer asks for no old one.
    let set = unsafe { libc::prlimit(pid, libc::RLIMIT_NOFILE, &raw const limit, null_mut()) };
    match (read, set) {
        (0, 0) => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}
