//! Measures the longest time between two packets while a reload replaces all prefixes of a filter.
//! The kernel frees the old tables then, and must not keep a CPU from its packets meanwhile.
//!
//! Owns the sender: it sends a packet at each tick, and each packet runs through the filter before
//! the next. It is a real-time thread on one CPU, so only the kernel can delay its ticks.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, send, socket};
use serde::{Deserialize, Serialize};

use crate::daemon::Daemon;
use crate::flood::Flood;
use crate::isolation;
use crate::sample::Sample;
use crate::wire::Wire;

/// The longest gaps between two packets, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gap {
    #[serde(flatten)]
    pub(crate) flood: Flood,
    /// The gaps without a reload.
    pub(crate) quiet: Sample,
    /// The gaps while a reload replaces every prefix of the set and the kernel frees the old ones.
    pub(crate) edit: Sample,
}

const RUNS: usize = 5;

/// Time between two packets.
const TICK: Duration = Duration::from_micros(50);

/// The time after which the kernel has freed a replaced generation.
const FREED: Duration = Duration::from_millis(1_500);

/// Measures both in turn.
///
/// # Errors
/// If the daemon does not start, or a packet cannot be sent.
pub(crate) fn measure(flood: Flood) -> Result<Gap> {
    let sets = [flood.set_file()?, flood.other_set_file()?];
    let wire = Wire::fresh()?;
    let (mut daemon, _) = Daemon::start(&flood.configuration()?, &sets[0])?;
    let (mut quiet, mut edit) = (Vec::new(), Vec::new());
    for set in sets.iter().rev().cycle().take(RUNS) {
        let (took, gap) = longest(&wire, || {
            let took = daemon.edit_set(set)?;
            thread::sleep(FREED);
            Ok(took + FREED)
        })?;
        edit.push(gap);
        let ((), gap) = longest(&wire, || {
            thread::sleep(took);
            Ok(())
        })?;
        quiet.push(gap);
    }
    let sample = |values| Sample::of(values).context("nothing was measured");
    Ok(Gap {
        flood,
        quiet: sample(quiet)?,
        edit: sample(edit)?,
    })
}

/// Runs `work` while packets are sent. Returns the longest gap between two, in milliseconds.
fn longest<T>(wire: &Wire, work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let ended = AtomicBool::new(false);
    let frame = Flood::frame()?;
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            wire.enter()?;
            isolation::pin()?;
            real_time()?;
            let socket = open(wire.sender)?;
            let mut longest = Duration::ZERO;
            let mut before = Instant::now();
            let (mut sent, mut lost) = (0_u64, 0_u64);
            while !ended.load(Ordering::Relaxed) {
                thread::sleep(TICK);
                match send(socket.as_raw_fd(), &frame, MsgFlags::empty()) {
                    Ok(_) => sent += 1,
                    // The ring of the peer is full: the frame is lost, as on any wire.
                    Err(Errno::ENOBUFS) => lost += 1,
                    Err(error) => return Err(error).context("a frame"),
                }
                longest = longest.max(before.elapsed());
                before = Instant::now();
            }
            if sent <= lost {
                bail!("{lost} frames were lost, and only {sent} sent");
            }
            Ok(longest.as_secs_f64() * 1e3)
        });
        let done = work();
        ended.store(true, Ordering::Relaxed);
        let gap = match sender.join() {
            Ok(gap) => gap.context("cannot send")?,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        Ok((done?, gap))
    })
}

fn real_time() -> Result<()> {
    let parameter = libc::sched_param { sched_priority: 1 };
    // SAFETY: the kernel reads only the given structure.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameter) };
    if result < 0 {
        return Err(io::Error::last_os_error()).context("cannot be real-time");
    }
    Ok(())
}

/// A packet socket on an interface.
fn open(interface: u32) -> Result<OwnedFd> {
    let socket = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    // SAFETY: an all-zero address is valid; the fields in use are set below.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_ifindex = interface.try_into()?;
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the kernel reads `length` bytes of the address.
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if result < 0 {
        return Err(io::Error::last_os_error()).context("cannot bind to an interface");
    }
    Ok(socket)
}
