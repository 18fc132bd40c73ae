//! What holds for every configuration: a printed one parses to itself, and nothing panics.

#![expect(clippy::expect_used, reason = "a test may panic")]

mod rules;
mod text;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use xdp_fw::config::print;
use xdp_fw::config::{FileError, Files, Loaded, Problems, Role, Rule, load, reference};

use crate::rules::rule;
use crate::text::{almost_a_set, almost_toml};

/// The sets that a printed configuration defines; each reaches both families.
const SETS: [&str; 2] = ["office", "a.b:c-d_1"];

/// A main file and the one answer for all set files.
struct Memory {
    main: String,
    set: Vec<u8>,
}

impl Files for Memory {
    fn read(&self, _: &Path, role: Role) -> Result<String, FileError> {
        match role {
            Role::Main => Ok(self.main.clone()),
            Role::Set => Ok(String::from_utf8_lossy(&self.set).into_owned()),
        }
    }

    fn glob(&self, pattern: &Path) -> Result<Vec<PathBuf>, FileError> {
        Ok(vec![
            pattern.with_file_name("a"),
            pattern.with_file_name("b"),
        ])
    }
}

/// A whole configuration of these rules.
fn printed(rules: &[Rule]) -> String {
    let mut text =
        "interfaces = [\"eth0\", \"wan*\"]\n[interface.\"wan*\"]\nmode = \"auto\"\n".to_owned();
    for set in SETS {
        let _ = writeln!(
            text,
            "[set.\"{set}\"]\nprefixes = [\"192.0.2.0/24\", \"2001:db8::/32\"]"
        );
    }
    let mut config = std::sync::Arc::unwrap_or_clone(parsed(text).expect("it is valid").config);
    config.rules = rules.to_vec();
    print::config(&config)
}

fn parsed(main: String) -> Result<Loaded, Problems> {
    load(
        Path::new("fw.toml"),
        &Memory {
            main,
            set: b"192.0.2.0/24".to_vec(),
        },
    )
}

proptest! {
    // Most random rules are such that can never match.
    #![proptest_config(ProptestConfig { max_local_rejects: u32::MAX, ..ProptestConfig::default() })]

    #[test]
    fn almost_valid_sets_never_panic(set in almost_a_set()) {
        let main = "interfaces = \"eth0\"\n[set.a]\nfiles = \"a\"\n[[rule]]\nname = \"a\"\n\
                    action = \"drop\"\nsource = [\"0.0.0.0/0\", \"!@a\"]";
        let memory = Memory { main: main.to_owned(), set: set.into_bytes() };
        if let Err(problems) = load(Path::new("fw.toml"), &memory) {
            prop_assert!(!problems.problems.is_empty());
        }
    }

    #[test]
    fn printed_rules_parse_to_themselves(rules in btree_map("[a-z]{1,8}", rule(), 0..12)) {
        let rules: Vec<Rule> = rules
            .into_iter()
            .enumerate()
            .map(|(index, (name, rule))| Rule { name: format!("{index}{name}"), ..rule })
            .collect();
        let loaded = parsed(printed(&rules)).map_err(|problems| TestCaseError::fail(problems.to_string()))?;
        let mut again = loaded.config.rules.clone();
        for rule in &mut again {
            rule.position.line = 0;
        }
        prop_assert_eq!(again, rules);
    }

    #[test]
    fn arbitrary_bytes_never_panic(main in vec(any::<u8>(), 0..400), set in vec(any::<u8>(), 0..400)) {
        let files = Memory { main: String::from_utf8_lossy(&main).into_owned(), set };
        let _ = load(Path::new("fw.toml"), &files);
        let main = "include = \"x*\"\ninterfaces = \"eth0\"\nset.a.files = [\"a\", \"*\"]".to_owned();
        let _ = load(Path::new("fw.toml"), &Memory { main, ..files });
    }

    #[test]
    fn almost_valid_text_never_panics(text in almost_toml()) {
        if let Err(problems) = parsed(text) {
            prop_assert!(!problems.problems.is_empty());
        }
    }

    #[test]
    fn any_text_in_any_place_is_parsed_or_refused_on_one_line(text in "\\PC{0,20}", key in 0..100usize) {
        let quoted: String = text.chars().flat_map(char::escape_default).collect();
        let quoted = quoted.replace("\\'", "'").replace("\\u{", "\\U{");
        let quoted = unbraced(&quoted);
        let sections = reference();
        let rule = sections.iter().find(|section| section.header == "[[rule]]").expect("rules");
        let keys: Vec<_> = rule.keys.iter().map(|key| key.name).chain(["colour"]).collect();
        let key = keys[key % keys.len()];
        let main = format!("interfaces = \"eth0\"\n[[rule]]\n{key} = \"{quoted}\"\n");
        let Err(Problems { problems, .. }) = parsed(main) else {
            return Err(TestCaseError::fail("a rule without name and action was accepted"));
        };
        for problem in problems {
            prop_assert_eq!(problem.to_string().lines().count(), 1);
        }
    }
}

/// Rust's `\U{41}` as TOML's `\U00000041`.
fn unbraced(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\U{") {
        let (digits, tail) = after.split_once('}').unwrap_or((after, ""));
        let _ = write!(out, "{before}\\U{digits:0>8}");
        rest = tail;
    }
    out + rest
}
