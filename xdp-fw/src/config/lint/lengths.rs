//! Rules on `length` where offloads join packets before the filter sees them.
//!
//! Owns the warning.

use super::warning;
use crate::config::model::{Config, Mode, Rule};
use crate::config::problem::Problem;
use crate::names::glob::is_glob;

/// Warns of a rule on `length` that meets an interface in generic mode, or one that may be.
pub(super) fn of_joined_packets(rule: &Rule, config: &Config) -> Option<Problem> {
    rule.length.as_ref()?;
    let modes = modes_of(rule, config);
    let mode = if modes.contains(&Mode::Generic) {
        "generic"
    } else if modes.contains(&Mode::Auto) {
        "auto"
    } else {
        return None;
    };
    let message = format!(
        "rule `{}` asks for `length` where `mode = \"{mode}\"`: in generic mode the filter sees packets \
         that offloads have joined (GRO, GSO) as one of up to 64 KiB, not as they are on the wire; \
         expected `mode = \"native\"`, or a rule without `length`",
        rule.name
    );
    Some(warning(&rule.position, message))
}

/// The modes of the interfaces that a rule may see.
fn modes_of(rule: &Rule, config: &Config) -> Vec<Mode> {
    if let Some(list) = &rule.interface {
        let is_plain = |negated: bool, pattern: &str| !negated && !is_glob(pattern);
        let mut entries = list.0.iter();
        if entries.all(|entry| is_plain(entry.negated, &entry.pattern)) {
            let names = list.0.iter().map(|entry| entry.pattern.as_str());
            return names.filter_map(|name| config.mode_of(name)).collect();
        }
    }
    let overrides = config.interface_overrides.iter().map(|it| it.mode);
    overrides.chain([config.mode]).collect()
}
