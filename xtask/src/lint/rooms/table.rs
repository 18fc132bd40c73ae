//! The allowed arrows, the lowest rooms first.

use super::Room;

const fn room(name: &'static str, may_know: &'static [&'static str]) -> Room {
    Room { name, may_know }
}

/// A room may know those below it that it needs, and no room above it.
pub(super) const ROOMS: [Room; 26] = [
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
    room("datapath/error", &["fault"]),
    room("datapath/model", &[]),
    room("datapath/kernel", &["datapath/error"]),
    room("datapath/object", &["datapath/error", "datapath/model"]),
    room(
        "datapath/pins",
        &[
            "datapath/error",
            "datapath/kernel",
            "datapath/model",
            "names",
        ],
    ),
    room(
        "datapath/counters",
        &[
            "datapath/error",
            "datapath/kernel",
            "datapath/model",
            "datapath/pins",
            "policy",
        ],
    ),
    room(
        "datapath/generation",
        &[
            "datapath/counters",
            "datapath/error",
            "datapath/kernel",
            "datapath/model",
            "datapath/object",
            "datapath/pins",
            "fault",
            "policy",
        ],
    ),
    room(
        "datapath/attach",
        &[
            "datapath/error",
            "datapath/kernel",
            "datapath/model",
            "datapath/pins",
            "fault",
            "interfaces",
            "names",
        ],
    ),
    room(
        "datapath/read",
        &[
            "datapath/attach",
            "datapath/counters",
            "datapath/error",
            "datapath/generation",
            "datapath/kernel",
            "datapath/model",
            "datapath/object",
            "datapath/pins",
            "policy",
        ],
    ),
    room(
        "datapath/handle",
        &[
            "datapath/attach",
            "datapath/counters",
            "datapath/error",
            "datapath/generation",
            "datapath/kernel",
            "datapath/model",
            "datapath/object",
            "datapath/pins",
            "datapath/read",
            "fault",
            "policy",
        ],
    ),
    room(
        "datapath",
        &[
            "datapath/attach",
            "datapath/error",
            "datapath/handle",
            "datapath/kernel",
            "datapath/model",
            "datapath/object",
            "datapath/pins",
            "datapath/read",
        ],
    ),
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
