//! The real program in the kernel, asked frame by frame what it would do.
//!
//! Owns a pin directory of its own, removed on drop. Attaches nothing: every packet is a test run
//! of the `probe` entry point over freshly loaded tables.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use xdp_fw::config::Config;
use xdp_fw::datapath::{self, Datapath, Prepared, Probe};

use crate::compiled::{Compiled, Said, index_of};

/// A pin directory of one test, unloaded and removed at its end.
pub struct PinDirectory(PathBuf);

impl PinDirectory {
    /// Names one; nothing is made yet.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each one is another directory")]
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("xdp-fw-test-{}-{next}", std::process::id());
        Self(Path::new("/sys/fs/bpf").join(name))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for PinDirectory {
    fn drop(&mut self) {
        // A test that failed half-way may have left what unload refuses.
        let _ = datapath::unload(&self.0);
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A loaded generation that is asked, and never put into force.
pub struct Kernel {
    probe: Probe,
    prepared: Prepared,
    compiled: Rc<Compiled>,
    _datapath: Datapath,
    _pins: PinDirectory,
}

impl Kernel {
    /// Compiles and loads a configuration.
    #[must_use]
    pub fn load(config: &Config) -> Self {
        Self::of(Rc::new(Compiled::new(config)))
    }

    /// Loads what was compiled.
    #[must_use]
    pub fn of(compiled: Rc<Compiled>) -> Self {
        Self::try_of(compiled).expect("the generation loads")
    }

    /// Loads what was compiled, if the verifier takes it.
    ///
    /// # Errors
    /// Whatever refuses it, above all the verifier.
    pub fn try_of(compiled: Rc<Compiled>) -> Result<Self, datapath::Error> {
        let pins = PinDirectory::new();
        let mut datapath = Datapath::open(pins.path())?;
        let prepared = datapath.prepare(&compiled.tables, [0; 32])?;
        Ok(Self {
            probe: prepared.probe()?,
            prepared,
            compiled,
            _datapath: datapath,
            _pins: pins,
        })
    }

    /// What the kernel would do with a frame of at least 14 bytes that came in by `interface`.
    pub fn judge(&mut self, interface: &str, frame: &[u8]) -> Said {
        self.judge_split(interface, frame, None)
    }

    /// The same, with only `first_buffer` bytes of the frame in its first buffer.
    pub fn judge_split(
        &mut self,
        interface: &str,
        frame: &[u8],
        first_buffer: Option<u32>,
    ) -> Said {
        let probed = self
            .probe
            .run(frame, first_buffer, index_of(interface))
            .expect("the kernel takes the frame");
        assert_eq!(
            probed.length,
            frame.len() as u64,
            "the whole frame is counted"
        );
        Said::of(probed.verdict, probed.reason, || {
            self.compiled.rule(probed.rule?)
        })
    }

    /// What the host build of the same core does with it.
    #[must_use]
    pub fn judge_on_host(&self, interface: &str, frame: &[u8]) -> Said {
        self.compiled.host().judge(interface, frame).0
    }

    /// Instructions that the verifier walked through for the filter, and for the probe; `None`
    /// where the kernel does not tell (before 5.16).
    #[must_use]
    pub fn verified_instructions(&self) -> Option<[u32; 2]> {
        let filter = self.prepared.verified_instructions()?;
        Some([filter, self.prepared.probe_instructions()?])
    }
}
