//! Every metric: its name and what it says. Names and labels are contracts.
//!
//! `_total` and `_info` are added by the encoder, as OpenMetrics wants it.

/// Before every name, with an underscore.
pub(super) const PREFIX: &str = "xdp_fw";

/// A metric's name without prefix and suffix, and its help text.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
}

/// `xdp_fw_rule_packets_total{rule,action}`
pub(super) const RULE_PACKETS: Metric = Metric {
    name: "rule_packets",
    help: "Packets that a rule in force decided over",
};

/// `xdp_fw_rule_bytes_total{rule,action}`
pub(super) const RULE_BYTES: Metric = Metric {
    name: "rule_bytes",
    help: "Bytes of whole frames that a rule in force decided over",
};

/// `xdp_fw_shadow_packets_total{rule,action}`
pub(super) const SHADOW_PACKETS: Metric = Metric {
    name: "shadow_packets",
    help: "Packets that a shadow rule in force matched; what decided over them counted them, too",
};

/// `xdp_fw_shadow_bytes_total{rule,action}`
pub(super) const SHADOW_BYTES: Metric = Metric {
    name: "shadow_bytes",
    help: "Bytes of whole frames that a shadow rule in force matched",
};

/// `xdp_fw_packets_total{verdict,reason}`
pub(super) const PACKETS: Metric = Metric {
    name: "packets",
    help: "Packets by verdict and reason, each counted once; rules that are gone are in `rule`",
};

/// `xdp_fw_bytes_total{verdict,reason}`
pub(super) const BYTES: Metric = Metric {
    name: "bytes",
    help: "Bytes of whole frames by verdict and reason",
};

/// `xdp_fw_essential_packets_total{kind}`
pub(super) const ESSENTIAL_PACKETS: Metric = Metric {
    name: "essential_packets",
    help: "Packets that passed before the rules, by kind; they are in `xdp_fw_packets` as well",
};

/// `xdp_fw_interface_attached{interface,mode}`
pub(super) const INTERFACE_ATTACHED: Metric = Metric {
    name: "interface_attached",
    help: "Whether a configured interface is filtered; the mode is empty where it is not",
};

/// `xdp_fw_interface_attach_failures_total{interface}`
pub(super) const ATTACH_FAILURES: Metric = Metric {
    name: "interface_attach_failures",
    help: "How often a configured interface could not be attached since the daemon was started",
};

/// `xdp_fw_trial_deadline_timestamp_seconds`
pub(super) const TRIAL_DEADLINE: Metric = Metric {
    name: "trial_deadline_timestamp_seconds",
    help: "When what is in force is taken back unless it is confirmed before; 0 if it stays",
};

/// `xdp_fw_config_last_reload_successful`
pub(super) const LAST_RELOAD_SUCCESSFUL: Metric = Metric {
    name: "config_last_reload_successful",
    help: "Whether the last reload, or the start, put the file's configuration into force",
};

/// `xdp_fw_config_last_reload_success_timestamp_seconds`
pub(super) const LAST_RELOAD_SUCCESS: Metric = Metric {
    name: "config_last_reload_success_timestamp_seconds",
    help: "When a reload last succeeded, in seconds since 1970",
};

/// `xdp_fw_guard_refuses`
pub(super) const GUARD_REFUSES: Metric = Metric {
    name: "guard_refuses",
    help: "Whether the lock-out guard keeps the file's configuration out of force",
};

/// `xdp_fw_left_out_addresses`
pub(super) const LEFT_OUT: Metric = Metric {
    name: "left_out_addresses",
    help: "Addresses that are left out of sets while they are logged in, once for each set",
};

/// `xdp_fw_rules`
pub(super) const RULES: Metric = Metric {
    name: "rules",
    help: "Rules in force",
};

/// `xdp_fw_prefixes`
pub(super) const PREFIXES: Metric = Metric {
    name: "prefixes",
    help: "Prefixes that the rules in force name",
};

/// `xdp_fw_build_info{version}`
pub(super) const BUILD: Metric = Metric {
    name: "build",
    help: "Version of the daemon",
};
