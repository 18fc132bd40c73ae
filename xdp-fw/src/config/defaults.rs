//! Every default and every bound of the configuration, in one place.
//!
//! Owns the numbers. `config/xdp-fw.toml` and the reference say the same; tests compare them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use xdp_fw_common::Essentials;

use super::model::{Action, Mode, OnStop};

/// `mode`: full speed, or an error that says why not; never a silent fall to the slow path.
pub const MODE: Mode = Mode::Native;

/// `default_action`: an empty rule list must not cut a host off.
pub const DEFAULT_ACTION: Action = Action::Pass;

/// `malformed`: a packet that cannot be parsed cannot be judged, so it does not get through.
pub const MALFORMED: Action = Action::Drop;

/// `non_ip`: the firewall's rules are about IP; other frames are not its business.
pub const NON_IP: Action = Action::Pass;

/// `essentials`: a default-drop host keeps its neighbours, its lease and its path MTU.
pub const ESSENTIALS: Essentials = Essentials::ALL;

/// `on_stop`: stopping the daemon never opens the host.
pub const ON_STOP: OnStop = OnStop::Keep;

/// `guard`: the operator is never locked out by surprise.
pub const GUARD: bool = true;

/// `confirm`: an edit that is saved is meant, unless the operator wants to be asked.
pub const CONFIRM: Option<Duration> = None;

/// Shortest time to confirm: nobody confirms faster than that.
pub const MIN_CONFIRM: Duration = Duration::from_secs(5);

/// Longest time to confirm: what has stood for a day is there to stay.
pub const MAX_CONFIRM: Duration = Duration::from_secs(24 * 60 * 60);

/// `[[rule]] enabled`.
pub const RULE_ENABLED: bool = true;

/// `[[rule]] shadow`.
pub const RULE_SHADOW: bool = false;

/// `[set.NAME] allow_empty`: an empty download must not empty a block list.
pub const SET_ALLOW_EMPTY: bool = false;

/// `[metrics] listen`: on this host only.
pub const METRICS_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9798);

/// `[limits] prefixes`: what a host compiles in a few seconds. `memory` as it is by default ends before;
/// this holds where that was raised or is false.
pub const PREFIXES: Option<u64> = Some(16_000_000);

/// `[limits] memory`, bytes: ten million prefixes of IPv4, or four of IPv6.
pub const MEMORY: Option<u64> = Some(512 << 20);

/// Least memory that a configuration can be bound to, bytes: the empty tables of both families, twice.
pub const MIN_MEMORY: u64 = 1 << 20;

/// Most rules in one configuration; the bit vectors of the data plane hold no more.
pub const MAX_RULES: usize = 4096;

/// Most shadow rules among them: a packet may meet each, and every one is another step.
pub const MAX_SHADOW_RULES: usize = 256;

/// Most expectations in one file: each is a run of the new program before a commit.
pub const MAX_EXPECTATIONS: usize = 4096;

/// Longest name of a rule or a set, in characters.
pub const MAX_NAME_LENGTH: usize = 63;

/// Largest main file, in bytes: far above 4,096 rules, far below what would stall the daemon.
pub const MAX_MAIN_FILE_BYTES: u64 = 16 << 20;

/// Largest set file, in bytes: some 60 million IPv4 prefixes.
pub const MAX_SET_FILE_BYTES: u64 = 1 << 30;

/// Most bytes of the main file and all included ones together.
pub const MAX_TEXT_BYTES: u64 = MAX_MAIN_FILE_BYTES;

/// Most TOML tokens in the same: 4,096 rules with all their keys are some 300,000, and what is made of
/// a token takes up to 205 bytes.
pub const MAX_TOKENS: usize = 1 << 20;

/// Most set files of one configuration.
pub const MAX_SET_FILES: usize = 32_768;

/// Longest path, in bytes (`PATH_MAX` less its NUL).
pub const MAX_PATH_BYTES: usize = 4_095;

/// Most names that a misspelt one is compared with.
pub const MAX_SUGGESTED_FROM: usize = 256;

/// Longest line of a set file, in bytes: the longest comment anybody writes, and a bound on memory.
pub const MAX_SET_LINE_BYTES: usize = 64 << 10;

/// Most problems reported of one set file, and most syntax errors of the main file.
pub const MAX_PROBLEMS_PER_FILE: usize = 20;

/// Most problems, and most warnings, reported of the main file or an included one.
pub const MAX_FINDINGS_PER_FILE: usize = 100;

/// Most problems, and most warnings, reported at a time.
pub const MAX_PROBLEMS: usize = 200;

/// Longest message of a problem, in characters; names, paths and quotations are within it.
pub const MAX_MESSAGE_LENGTH: usize = 1_000;

/// How often a file that changes while it is read is read again before giving up.
pub const READ_ATTEMPTS: u32 = 5;

/// Pause between two such attempts.
pub const READ_PAUSE: Duration = Duration::from_millis(20);
