//! XDP programs that are not ours: what they are called, and whose they are.
//!
//! Only looks. A foreign program is never replaced, changed or removed.

use std::path::Path;

use crate::names::{InterfaceName, shell};

use aya::programs::loaded_programs;

/// What libxdp calls the program with which it runs several others on one interface.
const DISPATCHER: &str = "xdp_dispatcher";
/// Where libxdp pins what belongs to its dispatchers.
const DISPATCHER_PINS: &str = "/sys/fs/bpf/xdp";

/// Somebody else's program on an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Its id, as in `bpftool prog show id`.
    pub program: u32,
    /// Its name. The kernel tells it to those with CAP_SYS_ADMIN, which the service lacks.
    pub name: Option<String>,
    /// Whether it is libxdp's dispatcher, which runs the programs that `xdp-loader` loads.
    pub dispatcher: bool,
}

/// Looks at the program `program` on `interface`.
#[must_use]
pub fn foreign(interface: u32, program: u32) -> Foreign {
    let mut programs = loaded_programs().filter_map(Result::ok);
    let found = programs.find(|info| info.id() == program);
    let name = found.and_then(|info| info.name_as_str().map(str::to_owned));
    let pins = Path::new(DISPATCHER_PINS).join(format!("dispatch-{interface}-{program}"));
    Foreign {
        program,
        dispatcher: name.as_deref() == Some(DISPATCHER) || pins.exists(),
        name,
    }
}

impl Foreign {
    /// What there is to say of it on the interface `interface`, and to do.
    #[must_use]
    pub fn describe(&self, interface: &str) -> String {
        let id = self.program;
        let operand = shell::operand(InterfaceName::from_text(interface).as_bytes());
        // Behind `--` there are no more options.
        let unload = match interface.starts_with('-') {
            true => format!("--all {operand}"),
            false => format!("{operand} --all"),
        };
        if self.dispatcher {
            return format!(
                "{interface}: run by libxdp (program `{DISPATCHER}`, id {id}), which is left alone; \
                 `xdp-loader status {operand}` lists what it runs; `xdp-loader unload {unload}` \
                 makes room, or leave {interface} out of `interfaces`"
            );
        }
        let which = match &self.name {
            Some(name) => format!("`{name}` (id {id})"),
            None => format!("id {id}"),
        };
        format!(
            "{interface}: another XDP program, {which}, is attached, and is left alone; \
             `bpftool prog show id {id}` and `bpftool link` tell whose it is; remove it there, or \
             leave {interface} out of `interfaces`"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_program_is_told_by_name_and_with_what_to_do() {
        let foreign = |name: Option<&str>, dispatcher| Foreign {
            program: 57,
            name: name.map(str::to_owned),
            dispatcher,
        };
        let told = [
            foreign(Some("xdp_lb"), false),
            foreign(None, false),
            foreign(Some(DISPATCHER), true),
        ]
        .map(|foreign| foreign.describe("eth0"));
        let option = foreign(None, true).describe("-x0");
        assert!(option.contains("`xdp-loader status -- -x0`"), "{option}");
        assert!(
            option.contains("`xdp-loader unload --all -- -x0`"),
            "{option}"
        );
        insta::assert_snapshot!(told.join("\n"));
    }
}
