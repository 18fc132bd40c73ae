//! Every criterion with every operator, over packets that match and packets that do not, in the
//! kernel: what a list means, said once more by hand.

#![expect(clippy::panic, reason = "a test fails by panicking")]

mod header;
mod link;
mod table;
mod transport;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use xdp_fw::config::print;
use xdp_fw::config::{self, Disk, Rule};

use self::table::Operator::{Alternatives, List};
use self::table::{Field, NO_CRITERIA, operators};

/// Names the rows of the table and makes a test of each.
macro_rules! fields {
    ($($module:ident::$field:ident,)+) => {
        const FIELDS: &[fn() -> Field] = &[$($module::$field),+];

        /// In the kernel, one test per field.
        mod in_the_kernel {
            $(
                #[test]
                fn $field() {
                    super::$module::$field().check();
                }
            )+
        }
    };
}

fields! {
    link::source,
    link::destination,
    link::family,
    link::interface,
    link::vlan_id,
    link::source_mac,
    link::destination_mac,
    header::upper_protocol,
    header::fragment,
    header::length,
    header::ttl,
    header::dscp,
    header::ecn,
    transport::source_port,
    transport::destination_port,
    transport::icmp_type,
    transport::icmp_code,
    transport::tcp_flags,
}

/// The criteria that the configuration knows.
fn criteria() -> impl Iterator<Item = &'static config::Key> {
    let sections = config::reference().into_iter();
    let rules = sections.filter(|section| section.header == "[[rule]]");
    rules
        .flat_map(|section| section.keys)
        .filter(|key| !NO_CRITERIA.contains(&key.name))
}

/// The rule as it is read back from the file that an operator could have written.
fn read_back(directory: &Path, text: &str) -> Rule {
    let path = directory.join("xdp-fw.toml");
    if let Err(error) = fs::write(&path, text) {
        panic!("{}: {error}", path.display());
    }
    let loaded = match config::load(&path, &Disk) {
        Ok(loaded) => loaded,
        Err(problems) => panic!("{problems}\n{text}"),
    };
    match loaded.config.rules.first().cloned() {
        Some(rule) => rule,
        None => panic!("no rule was read\n{text}"),
    }
}

mod without_root {
    use super::*;

    #[test]
    fn every_criterion_says_which_packets_it_is_about() {
        for key in criteria() {
            assert!(key.criterion.is_some(), "{}", key.name);
        }
    }

    #[test]
    fn every_operator_of_a_field_has_a_kernel_test() {
        let tested: BTreeSet<_> = FIELDS
            .iter()
            .map(|field| field())
            .flat_map(|field| field.cases.iter().map(move |case| (field.name, case.0)))
            .collect();
        assert!(criteria().count() >= 17);
        for key in criteria() {
            let (field, operators) = (key.name, operators(key.name));
            assert!(!operators.is_empty(), "{field} is not in the table");
            let lists = operators.contains(&List) || operators.contains(&Alternatives);
            assert_eq!(lists, key.is_list, "{field} takes a list, or does not");
            for operator in operators {
                let has_test = tested.contains(&(field, *operator));
                assert!(has_test, "no kernel test of {field} with {operator:?}");
            }
        }
    }

    #[test]
    fn every_operator_of_a_field_matches_and_does_not() {
        for field in FIELDS.iter().map(|field| field()) {
            let values: BTreeSet<_> = field.specimens.iter().map(|one| one.value).collect();
            for operator in operators(field.name) {
                let cases = || field.cases.iter().filter(|case| case.0 == *operator);
                let matches = cases().any(|case| !case.2.is_empty());
                let differs = cases().any(|case| case.2.len() < values.len());
                assert!(
                    matches && (differs || !field.absent.is_empty()),
                    "{} with {operator:?}",
                    field.name
                );
            }
            for value in field.cases.iter().flat_map(|case| case.2) {
                assert!(values.contains(value), "{} has no {value}", field.name);
            }
        }
    }

    #[test]
    fn every_list_means_the_same_when_it_is_read_from_a_file() {
        let Ok(directory) = tempfile::tempdir() else {
            panic!("no temporary directory");
        };
        for field in FIELDS.iter().map(|field| field()) {
            for (_, list, _) in field.cases {
                let config = field.config(list);
                for rule in &config.rules {
                    let read = read_back(directory.path(), &print::config(&config));
                    let position = rule.position.clone();
                    assert_eq!(Rule { position, ..read }, *rule, "{} = {list}", field.name);
                }
            }
        }
    }
}
