//! The real program in the kernel, asked frame by frame what it would do.
//!
//! Owns a pin directory of its own, removed on drop. Attaches nothing: every packet is a test run
//! over freshly loaded tables, of the `probe` entry point, which says why, or of the filter itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use aya::programs::Xdp;
use aya::{TestRun as _, TestRunOptions};
use aya_obj::programs::XdpAttachType;
use xdp_fw::config::Config;
use xdp_fw::datapath::{self, Datapath, Prepared, Probe};

use crate::compiled::{Compiled, INGRESS, Said, index_of};
use crate::shapes::TableShape;
use xdp_fw_common::{Dimension, Essential, Verdict};

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

/// `XDP_DROP` and `XDP_PASS` of `include/uapi/linux/bpf.h`.
const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;

/// How many words the `xdp_md` of a test run has.
const CONTEXT_WORDS: usize = 6;

/// The packets that each rule and each reason of what is in force has counted.
///
/// # Panics
/// Where nothing is in force.
#[must_use]
pub fn counted(pins: &PinDirectory) -> BTreeMap<String, u64> {
    let snapshot = datapath::read(pins.path()).expect("the pins are whole");
    let rules = snapshot.rules.into_iter();
    let reasons = snapshot.reasons.into_iter();
    let mut counts = BTreeMap::new();
    for (name, count) in rules
        .map(|rule| (rule.name, rule.count))
        .chain(reasons.map(|reason| (reason.reason.name().to_owned(), reason.count)))
        .filter(|(_, count)| count.packets != 0)
    {
        *counts.entry(name).or_default() += count.packets;
    }
    counts
}

/// A loaded generation that is asked, and never put into force.
pub struct Kernel {
    probe: Probe,
    filter: Xdp,
    prepared: Prepared,
    compiled: Rc<Compiled>,
    datapath: Datapath,
    pins: PinDirectory,
}

impl Kernel {
    /// Compiles and loads a configuration as the product does.
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
        let number = prepared.generation().number;
        let filter = pins.path().join(format!("generations/{number}/filter"));
        Ok(Self {
            probe: prepared.probe()?,
            filter: Xdp::from_pin(filter, XdpAttachType::Interface).expect("the filter is pinned"),
            prepared,
            compiled,
            datapath,
            pins,
        })
    }

    /// The shape of its tables.
    #[must_use]
    pub fn shape(&self) -> TableShape {
        self.compiled.shape
    }

    /// What the kernel would do with a frame of at least 14 bytes that came in by `interface`: what
    /// the probe says, which must be what the filter does.
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
        let said = self.ask(interface, frame, first_buffer);
        if interface == INGRESS || !self.knows_interfaces() {
            let done = self.run_filter(frame, first_buffer);
            let shape = self.shape();
            assert_eq!(done, said.verdict, "filter and probe, {shape:?}: {said}");
        }
        said
    }

    /// Whether it matters to a rule by which interface a frame comes in, of which a test run of the
    /// filter has but one.
    #[must_use]
    pub fn knows_interfaces(&self) -> bool {
        self.compiled.tables.settings.uses(Dimension::Interface)
    }

    /// What the probe alone says of a frame.
    pub fn ask(&mut self, interface: &str, frame: &[u8], first_buffer: Option<u32>) -> Said {
        let probed = self
            .probe
            .run(frame, first_buffer, index_of(interface))
            .expect("the kernel takes the frame");
        assert_eq!(
            probed.length,
            frame.len() as u64,
            "the whole frame is counted"
        );
        Said {
            essential: probed.essential.map(Essential::name),
            ..Said::of(probed.verdict, probed.reason, || {
                self.compiled.rule(probed.rule?)
            })
        }
    }

    /// What the filter itself returns for a frame of at least 14 bytes, of which `first_buffer` are
    /// in its first buffer. It comes in by the loopback device: index 1, that of
    /// [`INGRESS`] in the tables.
    #[must_use]
    pub fn run_filter(&self, frame: &[u8], first_buffer: Option<u32>) -> &'static str {
        let context = first_buffer.map(|data_end| {
            let mut context = [0; CONTEXT_WORDS];
            context[1] = data_end;
            context.map(u32::to_ne_bytes)
        });
        let run = self
            .filter
            .test_run(TestRunOptions {
                data_in: Some(frame),
                ctx_in: context.as_ref().map(|context| context.as_flattened()),
                repeat: 1,
                ..TestRunOptions::new()
            })
            .expect("the kernel takes the frame");
        match run.return_value {
            XDP_DROP => Verdict::Drop.name(),
            XDP_PASS => Verdict::Pass.name(),
            other => panic!("the filter returned {other}"),
        }
    }

    /// Which entry point the filter is: `filter`, `filter_basic` or `filter_word`, whether for
    /// frames of several buffers or not.
    #[must_use]
    pub fn entry_point(&self) -> &'static str {
        let info = self.filter.info().expect("the kernel tells of programs");
        let name = info.name_as_str().expect("it has a name");
        // The kernel cuts names off.
        let of = |it: &&str| name.starts_with(it);
        let known = ["filter_word", "filter_basic", "filter"];
        known.into_iter().find(of).expect("it is a filter")
    }

    /// Puts it into force, where it meets no packet, and gives the packets that each rule and each
    /// reason has counted.
    #[must_use]
    pub fn counted(mut self) -> BTreeMap<String, u64> {
        self.datapath
            .commit(self.prepared)
            .expect("the commit succeeds");
        counted(&self.pins)
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
