//! The real program in the kernel, asked frame by frame what it would do.
//!
//! Owns a pin directory of its own, removed on drop. Attaches nothing: every packet is a test run
//! of the `probe` entry point over freshly loaded tables.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use xdp_fw::config::{Action, Config};
use xdp_fw::datapath::{self, Datapath, Prepared, Probe};
use xdp_fw::policy::{HostTables, Policy, Tables, compile};
use xdp_fw_common::{Ingress, Reason, Verdict, decide};

use crate::oracle;

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
    tables: Tables,
    rules: Vec<String>,
    _datapath: Datapath,
    _pins: PinDirectory,
}

/// What was said of a frame: by kernel, host build or oracle, in the same words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What happens.
    pub verdict: &'static str,
    /// Why.
    pub reason: &'static str,
    /// The rule's name, if one decided.
    pub rule: Option<String>,
}

impl Kernel {
    /// Compiles and loads a configuration.
    #[must_use]
    pub fn load(config: &Config) -> Self {
        let pins = PinDirectory::new();
        let tables =
            compile(&Policy::from_config(config), &[]).expect("the configuration compiles");
        let mut datapath = Datapath::open(pins.path()).expect("the pin directory opens");
        let prepared = datapath
            .prepare(&tables, [0; 32])
            .expect("the generation loads");
        Self {
            probe: prepared.probe().expect("the probe opens"),
            rules: tables.rules.iter().map(|rule| rule.name.clone()).collect(),
            prepared,
            tables,
            _datapath: datapath,
            _pins: pins,
        }
    }

    /// What the kernel would do with a frame of at least 14 bytes.
    pub fn judge(&mut self, frame: &[u8]) -> Said {
        self.judge_split(frame, None)
    }

    /// The same, with only `first_buffer` bytes of the frame in its first buffer.
    pub fn judge_split(&mut self, frame: &[u8], first_buffer: Option<u32>) -> Said {
        let probed = self
            .probe
            .run(frame, first_buffer, 0)
            .expect("the kernel takes the frame");
        assert_eq!(
            probed.length,
            frame.len() as u64,
            "the whole frame is counted"
        );
        Said {
            verdict: probed.verdict.name(),
            reason: probed.reason.map_or("unknown", Reason::name),
            rule: probed.rule.and_then(|rule| self.rule(rule)),
        }
    }

    /// What the host build of the same core does with it.
    #[must_use]
    pub fn judge_on_host(&self, frame: &[u8]) -> Said {
        let ingress = Ingress {
            interface: 0,
            length: frame.len(),
        };
        let decision = decide(frame, &ingress, &HostTables::new(&self.tables));
        Said {
            verdict: decision.verdict.name(),
            reason: decision.reason.name(),
            rule: decision.rule.and_then(|rule| self.rule(rule)),
        }
    }

    /// Instructions that the verifier walked through for the filter.
    #[must_use]
    pub fn verified_instructions(&self) -> u32 {
        self.prepared
            .verified_instructions()
            .expect("the kernel is 5.16 or newer")
    }

    fn rule(&self, index: u32) -> Option<String> {
        self.rules.get(index as usize).cloned()
    }
}

/// `drop by rule denied`, `pass by essential`: short enough for a table of expectations.
impl fmt::Display for Said {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} by {}", self.verdict, self.reason)?;
        match &self.rule {
            Some(rule) => write!(formatter, " {rule}"),
            None => Ok(()),
        }
    }
}

impl Said {
    /// What the oracle says of a frame.
    #[must_use]
    pub fn by_oracle(config: &Config, frame: &[u8]) -> Self {
        let judgement = oracle::judge(config, frame);
        Self {
            verdict: match judgement.verdict {
                Action::Pass => Verdict::Pass.name(),
                Action::Drop => Verdict::Drop.name(),
            },
            reason: judgement.reason.name(),
            rule: judgement.rule,
        }
    }
}
