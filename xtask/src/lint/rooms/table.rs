//! The allowed arrows, the lowest rooms first.

use super::Room;

const fn room(name: &'static str, may_know: &'static [&'static str]) -> Room {
    Room { name, may_know }
}

/// A room may know those below it that it needs, and no room above it.
pub(super) const ROOMS: [Room; 16] = [
    room("fault", &[]),
    room("deadline", &[]),
    room("timestamp", &[]),
    room("names", &[]),
    room("interfaces", &["names"]),
    room("criteria", &["names"]),
    room("packet", &["criteria", "names"]),
    room(
        "config",
        &["criteria", "deadline", "fault", "names", "packet"],
    ),
    room("policy", &["config", "criteria", "interfaces", "names"]),
    room("datapath", &["fault", "interfaces", "names", "policy"]),
    room("lockout", &["interfaces", "names"]),
    room("state", &["config", "deadline", "fault", "names"]),
    room(
        "explain",
        &[
            "config",
            "criteria",
            "datapath",
            "interfaces",
            "names",
            "packet",
            "policy",
        ],
    ),
    room(
        "daemon",
        &[
            "config",
            "datapath",
            "deadline",
            "explain",
            "fault",
            "lockout",
            "interfaces",
            "names",
            "policy",
            "state",
            "timestamp",
        ],
    ),
    room(
        "doctor",
        &[
            "config",
            "daemon",
            "datapath",
            "explain",
            "lockout",
            "interfaces",
            "names",
        ],
    ),
    room(
        "cli",
        &[
            "config",
            "daemon",
            "datapath",
            "doctor",
            "explain",
            "interfaces",
            "names",
            "packet",
            "policy",
            "state",
            "timestamp",
        ],
    ),
];
