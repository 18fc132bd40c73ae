//! The rights and limits that the unit leaves the daemon.
//!
//! Owns the bounding set and the descriptors of a daemon under test; the rest of the unit's sandbox is
//! systemd's.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, setrlimit};

/// `CapabilityBoundingSet=` of the unit by number: CAP_NET_ADMIN, CAP_SYS_RESOURCE, CAP_PERFMON and
/// CAP_BPF.
const KEPT: [libc::c_ulong; 4] = [12, 24, 38, 39];
/// More than there are.
const END: libc::c_ulong = 64;

/// `ProtectProc=invisible`: has the command see no other process in a `/proc` of its own.
pub(super) fn hide_processes(command: &mut Command) {
    let hide = || {
        unshare(CloneFlags::CLONE_NEWNS)?;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        let options = Some("hidepid=invisible");
        mount(Some("proc"), "/proc", Some("proc"), flags, options)?;
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes system calls on constants; it neither
    // allocates nor takes a lock.
    unsafe { command.pre_exec(hide) };
}

/// Has the command run with the unit's capabilities and no other.
pub(super) fn confine(command: &mut Command) {
    let confine = || {
        for capability in (0..END).filter(|number| !KEPT.contains(number)) {
            // SAFETY: takes numbers, and touches no memory.
            let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
            let error = io::Error::last_os_error();
            // Beyond the last one.
            if result != 0 && error.raw_os_error() != Some(libc::EINVAL) {
                return Err(error);
            }
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes system calls on numbers; it neither
    // allocates nor takes a lock.
    unsafe { command.pre_exec(confine) };
}

/// Has the command run with these limits on descriptors.
pub(super) fn limit_descriptors(command: &mut Command, soft: u64, hard: u64) {
    let limit = move || setrlimit(Resource::RLIMIT_NOFILE, soft, hard).map_err(Into::into);
    // SAFETY: between fork and exec the closure makes one system call on numbers; it neither
    // allocates nor takes a lock.
    unsafe { command.pre_exec(limit) };
}
