//! What can go wrong below, told to operators: what happened, where, what to do.

use std::path::{Path, PathBuf};

use crate::fault::Fault;

/// A failure of the kernel's side.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is loaded.
    #[error("{}: no filter is in force here; start it with `systemctl start xdp-fw` or `xdp-fw run`", pins.display())]
    NoGeneration {
        /// The pin directory.
        pins: PathBuf,
    },
    /// A filter runs, but nothing says which.
    #[error("{}: a filter is in force, but its pins are gone; restart the daemon (`systemctl restart xdp-fw`)", pins.display())]
    Lost {
        /// The pin directory.
        pins: PathBuf,
    },
    /// There is no generation that could come back.
    #[error("{}: no earlier generation is kept here that could come back", pins.display())]
    NoBase {
        /// The pin directory.
        pins: PathBuf,
    },
    /// Another generation was committed since this one was prepared.
    #[error(
        "generation {number} was prepared beside one that is no longer in force; prepare it again"
    )]
    Stale {
        /// The one that was to be committed.
        number: u64,
    },
    /// The pin directory is not on a BPF file system.
    #[error("{}: not on a BPF file system; mount one with `mount -t bpf bpf /sys/fs/bpf`", path.display())]
    NotBpffs {
        /// The directory, or the nearest one above it that exists.
        path: PathBuf,
    },
    /// Something under the pin directory is not ours, or not what it should be.
    #[error("{}: {problem}; {remedy}", path.display())]
    Pin {
        /// The pin or directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// Another process owns the pin directory.
    #[error("{}: in use by another xdp-fw; stop that one or name its --run-dir, or give this one a --pin-dir of its own", pins.display())]
    Busy {
        /// The pin directory.
        pins: PathBuf,
    },
    /// The kernel refused something.
    #[error("cannot {action}: {cause}; {remedy}")]
    Kernel {
        /// What was tried.
        action: String,
        /// What the kernel said.
        cause: String,
        /// Its number for that, where there is one.
        errno: Option<i32>,
        /// What to do.
        remedy: String,
    },
    /// The verifier refused a program: a bug, or a kernel that needs a workaround.
    #[error(
        "the kernel's verifier refused program `{program}`: {log}; please report this with the output of `uname -r`"
    )]
    Verifier {
        /// The program.
        program: String,
        /// The end of its log.
        log: String,
    },
    /// An interface could not be attached.
    #[error("{interface}: cannot attach: {cause}; {remedy}")]
    Attach {
        /// The interface.
        interface: String,
        /// What the kernel or the driver said.
        cause: String,
        /// What to do.
        remedy: String,
        /// Whether it is the driver that does not take the program, rather than somebody else's
        /// program or a missing right.
        driver: bool,
    },
    /// There are more rules than counter slots.
    #[error(
        "no free counter slot for rule `{rule}`: {in_use} of {total} are in use; reload with fewer new rule names at once"
    )]
    Slots {
        /// The rule without a slot.
        rule: String,
        /// Slots that are taken.
        in_use: usize,
        /// Slots there are.
        total: usize,
    },
}

impl Error {
    /// Where a driver refused: with another remedy, from someone who knows what the interface is.
    #[must_use]
    pub fn advise(self, advice: Option<String>) -> Self {
        match (self, advice) {
            (
                Self::Attach {
                    interface,
                    cause,
                    driver: true,
                    ..
                },
                Some(remedy),
            ) => Self::Attach {
                interface,
                cause,
                remedy,
                driver: true,
            },
            (error, _) => error,
        }
    }

    /// A refused operation, with the kernel's word for it and what to do about it.
    pub(in crate::datapath) fn kernel(
        action: impl Into<String>,
        error: &(dyn std::error::Error + 'static),
    ) -> Self {
        Self::Kernel {
            action: action.into(),
            cause: chain(error),
            errno: errno(error),
            remedy: remedy(errno(error)).to_owned(),
        }
    }

    pub(in crate::datapath) fn pin(
        path: &Path,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Pin {
            path: path.to_owned(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Kernel {
            action: "go on".to_owned(),
            cause: fault.to_string(),
            errno: None,
            remedy: "it is a test's doing".to_owned(),
        }
    }
}

/// The error number at the root of a chain: aya's own messages leave it out.
pub(in crate::datapath) fn errno(error: &(dyn std::error::Error + 'static)) -> Option<i32> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return io.raw_os_error();
        }
        next = error.source();
    }
    None
}

/// A chain of errors in one line, without what a cause repeats of its effect.
pub(in crate::datapath) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}

/// What to do about an error number.
pub(in crate::datapath) fn remedy(errno: Option<i32>) -> &'static str {
    match errno {
        Some(libc::EPERM | libc::EACCES) => {
            "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; before Linux 5.11 also raise the memlock limit"
        }
        Some(libc::ENOMEM | libc::E2BIG | libc::ENOSPC) => {
            "free memory, raise the service's memory limit, or use fewer or shorter prefix lists"
        }
        Some(libc::EMFILE) => "raise the service's LimitNOFILE",
        Some(libc::ENFILE) => "close files elsewhere, or raise fs.file-max",
        Some(libc::EEXIST) => {
            "try again; if that does not help, another xdp-fw is at work in the same pin directory: stop it"
        }
        Some(libc::ENOENT | libc::EINTR | libc::EAGAIN) => "try again",
        Some(libc::EINVAL | libc::ENOTSUP) => {
            "check with `uname -r` that the kernel is 5.10 or newer, and that net.core.bpf_jit_enable has not changed since the start; if so, please report this"
        }
        _ => "see the cause, and `dmesg`",
    }
}
