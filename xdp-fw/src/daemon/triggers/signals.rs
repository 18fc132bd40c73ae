//! Signals: what each does to the daemon. None ends it without a line in the log, and only a
//! signal to stop makes `on_stop` count.
//!
//! | signal | what happens |
//! | --- | --- |
//! | `SIGTERM`, `SIGINT` | stop, as `on_stop` says |
//! | `SIGHUP` | reload |
//! | `SIGQUIT`, `SIGUSR1`, `SIGUSR2`, `SIGALRM`, `SIGVTALRM`, `SIGPROF`, `SIGTRAP`, `SIGSTKFLT`, `SIGIO`, `SIGPWR`, `SIGXCPU`, `SIGXFSZ`, real-time signals | logged, else ignored |
//! | `SIGPIPE` | ignored: whoever writes sees the error |
//! | `SIGTSTP`, `SIGTTIN`, `SIGTTOU`, `SIGSTOP`, `SIGCONT` | stop the process and let it go on, as always |
//! | `SIGCHLD`, `SIGURG`, `SIGWINCH` | nothing, as always |
//! | `SIGABRT` (the watchdog's), `SIGKILL`, and those of a fault in the program (`SIGSEGV`, `SIGBUS`, `SIGILL`, `SIGFPE`, `SIGSYS`) | end the process at once; the filter stays in force |

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, SelectAll, poll_fn, select_all};
use nix::sys::signal;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::daemon::engine::command::{Cause, Command, Commands, ReloadOptions};
use crate::daemon::error::Error;

/// Signals that end a process which does not handle them, and mean nothing to this one.
const IGNORED: [signal::Signal; 12] = [
    signal::Signal::SIGQUIT,
    signal::Signal::SIGUSR1,
    signal::Signal::SIGUSR2,
    signal::Signal::SIGALRM,
    signal::Signal::SIGVTALRM,
    signal::Signal::SIGPROF,
    signal::Signal::SIGTRAP,
    signal::Signal::SIGSTKFLT,
    signal::Signal::SIGIO,
    signal::Signal::SIGPWR,
    signal::Signal::SIGXCPU,
    signal::Signal::SIGXFSZ,
];

/// The signals that must not end the process from its first moment on.
pub(in crate::daemon) struct Early {
    hangup: Signal,
    ignored: SelectAll<BoxStream<'static, String>>,
}

impl Early {
    /// Takes them over. What comes before the task runs is kept until then.
    pub(in crate::daemon) fn new() -> Result<Self, Error> {
        let mut ignored = Vec::new();
        for (number, name) in ignored_signals() {
            let mut signal = receive(SignalKind::from_raw(number))?;
            let names = poll_fn(move |context| {
                let came = signal.poll_recv(context);
                came.map(|came| came.map(|()| name.clone()))
            });
            ignored.push(names.boxed());
        }
        Ok(Self {
            hangup: receive(SignalKind::hangup())?,
            ignored: select_all(ignored),
        })
    }
}

/// The task.
pub(in crate::daemon) struct Signals {
    early: Early,
    terminate: Signal,
    interrupt: Signal,
    commands: Commands,
    /// Cancelled by a signal to stop, and by nothing else.
    asked: CancellationToken,
}

impl Signals {
    /// Takes the signals to stop over; until then they end the process.
    pub(in crate::daemon) fn new(
        early: Early,
        commands: Commands,
        asked: CancellationToken,
    ) -> Result<Self, Error> {
        Ok(Self {
            early,
            terminate: receive(SignalKind::terminate())?,
            interrupt: receive(SignalKind::interrupt())?,
            commands,
            asked,
        })
    }

    /// Runs until there is a signal to stop; its end is everyone's.
    pub(in crate::daemon) async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = self.terminate.recv() => {
                    info!("SIGTERM: stopping");
                    break;
                }
                _ = self.interrupt.recv() => {
                    info!("SIGINT: stopping");
                    break;
                }
                _ = self.early.hangup.recv() => self.reload(),
                Some(name) = self.early.ignored.next() => {
                    warn!("{name}: ignored; SIGTERM stops the daemon, SIGHUP reloads");
                }
            }
        }
        self.asked.cancel();
        Ok(())
    }

    /// Nobody waits for the answer, and a full queue means that a reload is coming anyway.
    fn reload(&self) {
        let (reply, _) = oneshot::channel();
        let _ = self.commands.try_send(Command::Reload {
            cause: Cause::Signal,
            options: ReloadOptions::default(),
            reply: reply.into(),
        });
    }
}

/// By number and name. The C library keeps the first real-time signals for itself.
fn ignored_signals() -> impl Iterator<Item = (i32, String)> {
    let named = IGNORED.map(|signal| (signal as i32, signal.as_str().to_owned()));
    let first = libc::SIGRTMIN();
    let real_time = (first..=libc::SIGRTMAX()).map(move |number| {
        let name = match number - first {
            0 => "SIGRTMIN".to_owned(),
            offset => format!("SIGRTMIN+{offset}"),
        };
        (number, name)
    });
    named.into_iter().chain(real_time)
}

fn receive(kind: SignalKind) -> Result<Signal, Error> {
    signal(kind).map_err(|source| Error::Events {
        what: "signals",
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_of_the_table_can_be_received() {
        let numbers: Vec<i32> = ignored_signals().map(|(number, _)| number).collect();
        assert!(numbers.contains(&libc::SIGQUIT) && numbers.contains(&libc::SIGRTMAX()));
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        let taken_over = runtime.block_on(async { Early::new().is_ok() });
        assert!(taken_over);
    }
}
