//! Kernel and oracle over one configuration, asked together: a frame has one fate, whatever shape
//! the kernel's tables have, or the test fails.

use xdp_fw::config::{Action, Config};

use crate::compiled::{INGRESS, Said};
use crate::shapes::EveryShape;

/// A configuration in the kernel and in the oracle.
pub struct KernelVsOracle {
    config: Config,
    kernel: EveryShape,
}

impl KernelVsOracle {
    /// Loads the configuration.
    #[must_use]
    pub fn of(config: Config) -> Self {
        let kernel = EveryShape::load(&config);
        Self { config, kernel }
    }

    /// What both say, as in `drop by rule denied`; `row` names the frame where they disagree.
    pub fn judge(&mut self, frame: &[u8], row: &str) -> String {
        let said = self.kernel.judge(INGRESS, frame);
        let expected = Said::by_oracle(&self.config, INGRESS, frame).0;
        assert_eq!(said, expected, "kernel and oracle disagree: {row}");
        said.to_string()
    }
}

/// The same configuration with another default.
#[must_use]
pub fn by_default(default_action: Action, config: Config) -> Config {
    Config {
        default_action,
        ..config
    }
}
