//! The datapath on a thread that may block.
//!
//! Owns the one [`Datapath`] of the process. The runtime's only thread must stay free for the
//! control socket, the watchdog and the scrapes while a million prefixes are written into a map.

use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::datapath::{self, Datapath, Removed};

use crate::daemon::refusal::{KernelError, Refusal};

/// The datapath, lent to one piece of work at a time.
pub(super) struct Kernel {
    pins: PathBuf,
    /// Away while work is under way; lost if that panics.
    datapath: Option<Box<Datapath>>,
    /// Whether an unload took it.
    unloading: bool,
}

impl Kernel {
    /// Opens the pin directory.
    pub(super) async fn open(pins: PathBuf) -> Result<Self, KernelError> {
        let path = pins.clone();
        let datapath = blocking(move || Datapath::open(&path)).await??;
        Ok(Self {
            pins,
            datapath: Some(Box::new(datapath)),
            unloading: false,
        })
    }

    /// The pin directory.
    pub(super) fn pins(&self) -> &Path {
        &self.pins
    }

    /// Does a piece of work. Not to be abandoned half-way: the datapath would be lost.
    pub(super) async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Datapath) -> T + Send + 'static,
    ) -> Result<T, KernelError> {
        let mut datapath = self.datapath.take().ok_or(KernelError::Worker)?;
        let (datapath, result) = blocking(move || {
            let result = work(&mut datapath);
            (datapath, result)
        })
        .await?;
        self.datapath = Some(datapath);
        Ok(result)
    }

    /// What took the datapath away, if something did. Nothing can be done any more but to start
    /// again, which adopts what is in force.
    pub(super) fn lost(&self) -> Option<KernelError> {
        match (&self.datapath, self.unloading) {
            (Some(_), _) => None,
            (None, false) => Some(KernelError::Worker),
            (None, true) => Some(KernelError::HalfUnloaded),
        }
    }

    /// Stops filtering and removes every pin. Afterwards there is nothing left to work with.
    pub(super) async fn unload(&mut self) -> Result<Removed, KernelError> {
        let datapath = self.datapath.take();
        self.unloading = true;
        let pins = self.pins.clone();
        let removed = blocking(move || {
            // Its descriptors would keep programs and maps alive.
            drop(datapath);
            datapath::unload(&pins)
        })
        .await??;
        Ok(removed)
    }
}

/// Runs what blocks off the runtime's thread.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, KernelError> {
    spawn_blocking(work).await.map_err(|_| KernelError::Worker)
}

/// The same of what changes nothing, and is abandoned once the daemon is to stop.
pub(super) async fn abandonable<T: Send + 'static>(
    stop: &CancellationToken,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    tokio::select! {
        biased;
        () = stop.cancelled() => Err(Refusal::Stopped),
        done = blocking(work) => Ok(done?),
    }
}
