//! What other XDP firewalls get wrong, one fact each: a packet that a rule denies never gets
//! through, however it is dressed up. Every frame is judged by the real program in the kernel.

mod essentials;
mod fragments;
mod numbers;
mod order;
mod protocols;
mod sources;

use xdp_fw::config::{Action, Config};
use xdp_fw_tests::kernel::{Kernel, Said};

/// A configuration in the kernel and in the oracle, which must agree over every frame.
struct Court {
    config: Config,
    kernel: Kernel,
}

impl Court {
    fn of(config: Config) -> Self {
        let kernel = Kernel::load(&config);
        Self { config, kernel }
    }

    /// What kernel and oracle say; `row` names the frame where they disagree.
    fn judge(&mut self, frame: &[u8], row: &str) -> String {
        let said = self.kernel.judge(frame);
        let expected = Said::by_oracle(&self.config, frame);
        assert_eq!(said, expected, "kernel and oracle disagree: {row}");
        said.to_string()
    }
}

/// The same configuration with another default.
fn by_default(default_action: Action, config: Config) -> Config {
    Config {
        default_action,
        ..config
    }
}
