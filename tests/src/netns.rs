//! Network namespaces that a test owns.
//!
//! Owns a namespace's name from creation to removal, also when the test panics. Never touches
//! the namespace the test was started in.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::marker::PhantomData;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sched::{CloneFlags, setns};

/// Where `ip netns` binds namespaces to names.
const NAMES: &str = "/run/netns";

/// IPv6 of every device to come: off, and without chatter once it is switched on, so that a test
/// can say exactly which frames arrive.
const QUIET: [(&str, &str); 5] = [
    ("net.ipv6.conf.default.disable_ipv6", "1"),
    ("net.ipv6.conf.default.addr_gen_mode", "1"),
    ("net.ipv6.conf.default.accept_ra", "0"),
    ("net.ipv6.conf.default.router_solicitations", "0"),
    ("net.ipv6.conf.default.accept_dad", "0"),
];

/// A name that no other test on this host uses: the process, and a number within it.
pub(crate) fn unique(label: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("xdp-fw-test-{label}-{}-{count}", std::process::id())
}

/// A network namespace; gone when dropped.
#[derive(Debug)]
pub struct Netns {
    name: String,
    handle: Arc<File>,
}

impl Netns {
    /// Makes a namespace with its loopback up and everything else silent. `label` says in
    /// `ip netns` whose it is.
    pub fn new(label: &str) -> Self {
        let name = unique(label);
        run(Command::new("ip").args(["netns", "add", &name]));
        let path = PathBuf::from(NAMES).join(&name);
        let handle = File::open(&path).expect("the namespace just made can be opened");
        let netns = Self {
            name,
            handle: Arc::new(handle),
        };
        for (key, value) in QUIET {
            netns.sysctl(key, value);
        }
        netns.run("ip", ["link", "set", "lo", "up"]);
        netns
    }

    /// The name that `ip netns` knows it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Moves this thread into the namespace until the guard is dropped.
    pub fn enter(&self) -> Entered {
        let home = File::open("/proc/thread-self/ns/net").expect("a thread has a namespace");
        setns(&self.handle, CloneFlags::CLONE_NEWNET).expect("root may enter a namespace");
        Entered {
            home,
            _not_send: PhantomData,
        }
    }

    /// For a thread that outlives a borrow.
    pub(crate) fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.handle))
    }

    /// Runs `work` on this thread inside the namespace.
    pub fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = self.enter();
        work()
    }

    /// A command that will run inside the namespace. Unlike `ip netns exec` it keeps the mount
    /// namespace: `/sys/fs/bpf` stays the host's.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let handle = Arc::clone(&self.handle);
        let enter = move || setns(&handle, CloneFlags::CLONE_NEWNET).map_err(Into::into);
        // SAFETY: between fork and exec the closure makes one system call on a descriptor that
        // it keeps open; it neither allocates nor takes a lock.
        unsafe { command.pre_exec(enter) };
        command
    }

    /// Runs a command inside the namespace and gives what it printed; its failure is the test's.
    pub fn run<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
    ) -> String {
        run(self.command(program).args(arguments))
    }

    /// Sets a sysctl of the namespace, by its name with dots (for an interface with a dot in its
    /// name, use slashes).
    pub fn sysctl(&self, key: &str, value: &str) {
        let path = if key.contains('/') {
            format!("/proc/sys/{key}")
        } else {
            format!("/proc/sys/{}", key.replace('.', "/"))
        };
        if let Err(error) = self.within(|| fs::write(&path, value)) {
            panic!("cannot set {key} to {value} in {}: {error}", self.name);
        }
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        // A second panic would hide the first: a leftover is reported, no more.
        let deleted = Command::new("ip")
            .args(["netns", "del", &self.name])
            .status();
        if !deleted.is_ok_and(|status| status.success()) {
            eprintln!("left behind: network namespace {}", self.name);
        }
    }
}

/// A namespace that is there as long as this is.
pub(crate) struct Handle(Arc<File>);

impl Handle {
    /// Moves this thread there, never to return.
    pub(crate) fn enter_for_good(&self) {
        setns(&self.0, CloneFlags::CLONE_NEWNET).expect("root may enter a namespace");
    }
}

/// This thread is inside a namespace; dropping it brings the thread back. Bound to its thread.
#[derive(Debug)]
pub struct Entered {
    home: File,
    _not_send: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Err(error) = setns(&self.home, CloneFlags::CLONE_NEWNET) {
            // Going on would run the next test of this thread in the wrong namespace.
            eprintln!("cannot return to the namespace this thread came from: {error}");
            std::process::abort();
        }
    }
}

/// Runs a command to its end; panics with what it printed if it cannot run or fails.
pub(crate) fn run(command: &mut Command) -> String {
    match command.output() {
        Ok(Output { status, stdout, .. }) if status.success() => {
            String::from_utf8_lossy(&stdout).into_owned()
        }
        Ok(output) => panic!(
            "{command:?}: {}\n{}{}\nThese tests need root, and iproute2.",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) => panic!("{command:?}: {error}; these tests need root, and iproute2"),
    }
}
