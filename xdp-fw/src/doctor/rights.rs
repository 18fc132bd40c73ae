//! What this process may do, as the daemon must be able to.

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

use crate::datapath;

use super::{Finding, Group};

const GROUP: Group = Group("rights");

/// What was seen.
pub(super) struct Rights {
    /// Capabilities that loading and attaching needs and this process lacks.
    pub(super) missing: Vec<&'static str>,
    /// The limit of locked memory in bytes; `None` for no limit.
    pub(super) memlock: Option<u64>,
    /// Whether maps are charged to it, as before Linux 5.11.
    pub(super) charged: bool,
}

pub(super) fn look() -> Rights {
    let limit = getrlimit(Resource::RLIMIT_MEMLOCK).map_or(RLIM_INFINITY, |(soft, _)| soft);
    // The coarse clock came with the release that stopped charging.
    let newer =
        |feature: &datapath::Feature| feature.since == "5.11" && feature.present == Some(true);
    Rights {
        missing: datapath::missing_capabilities(),
        memlock: (limit != RLIM_INFINITY).then_some(limit),
        charged: !datapath::features().iter().any(newer),
    }
}

pub(super) fn check(rights: &Rights) -> Vec<Finding> {
    if !rights.missing.is_empty() {
        let missing = rights.missing.join(", ");
        return vec![GROUP.unknown(
            format!("{missing} missing: what the kernel keeps from others was not looked at"),
            super::AS_ROOT,
        )];
    }
    let mut findings = vec![GROUP.ok("may load and attach programs")];
    if let (true, Some(limit)) = (rights.charged, rights.memlock) {
        let what = format!(
            "maps are charged to the limit of locked memory, which is {} KiB here; the service \
             raises it, a daemon started by hand must be able to (CAP_SYS_RESOURCE)",
            limit / 1024
        );
        findings.push(GROUP.warning(what, "`ulimit -l unlimited`"));
    }
    findings
}
