//! What the log says when a configuration comes into force: which generation, and what is new.
//!
//! Owns the words. Compares rules by what is written in them, and of prefixes the number: to compare
//! millions would take longer than the reload did.

use tracing::info;

use crate::config::{Config, RuleChange, rule_changes};
use crate::daemon::engine::Owner;
use crate::names::quantity::counted;

/// Most rules that are named for each kind of change.
const MOST_NAMES: usize = 3;

/// What was in force before.
pub(in crate::daemon) struct Former<'a> {
    pub(in crate::daemon) config: &'a Config,
    pub(in crate::daemon) prefixes: u64,
}

impl Owner {
    /// Says that something is in force where nothing is known of what was before.
    pub(in crate::daemon) fn announce_first(&self) {
        let status = self.status.borrow();
        info!(
            "in force: generation {}: {}, {}",
            status.generation,
            counted(status.rules.into(), "rule"),
            counted(status.prefixes, "prefix")
        );
    }

    /// Says that something is in force, and what is new about it.
    pub(in crate::daemon) fn announce_change(&self, former: &Former<'_>, config: &Config) {
        let status = self.status.borrow();
        let changes = rule_changes(former.config, config);
        let mut parts = rule_parts(&changes);
        if former.prefixes != status.prefixes {
            let now = counted(status.prefixes, "prefix");
            parts.push(format!("{now}, before {}", former.prefixes));
        }
        let parts = match parts.is_empty() {
            true => String::new(),
            false => format!(" ({})", parts.join(", ")),
        };
        info!("in force: generation {}{parts}", status.generation);
    }
}

/// `+1 rule ban`, `-2 rules a, b`, `~1 rule web`: new, gone, changed.
fn rule_parts(changes: &[RuleChange]) -> Vec<String> {
    let kind = |change: &RuleChange| match (change.before, change.after) {
        (None, _) => '+',
        (_, None) => '-',
        _ => '~',
    };
    ['+', '-', '~']
        .into_iter()
        .filter_map(|sign| {
            let names = changes.iter().filter(|change| kind(change) == sign);
            let names: Vec<&str> = names.map(|change| change.name.as_str()).collect();
            let shown = names.get(..MOST_NAMES).unwrap_or(&names).join(", ");
            let more = if names.len() > MOST_NAMES {
                ", …"
            } else {
                ""
            };
            let rules = counted(names.len() as u64, "rule");
            (!names.is_empty()).then(|| format!("{sign}{rules} {shown}{more}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, before: Option<usize>, after: Option<usize>) -> RuleChange {
        RuleChange {
            name: name.to_owned(),
            before,
            after,
            moved: false,
            keys: Vec::new(),
        }
    }

    #[test]
    fn each_kind_of_change_has_its_sign_and_names() {
        let changes = [
            change("ban", None, Some(1)),
            change("web", Some(1), Some(2)),
            change("a", Some(2), None),
            change("b", Some(3), None),
            change("c", Some(4), None),
            change("d", Some(5), None),
        ];
        assert_eq!(
            rule_parts(&changes),
            ["+1 rule ban", "-4 rules a, b, c, …", "~1 rule web"]
        );
        assert!(rule_parts(&[]).is_empty());
    }
}
