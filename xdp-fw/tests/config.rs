//! What an operator reads: a folder of bad configurations, each with its rendered problems, and
//! one of good ones. After a change, `INSTA_UPDATE=always cargo test -p xdp-fw` writes the new
//! wording; read it before committing.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use xdp_fw::config::{
    FileError, Files, Loaded, Presence, Problem, Problems, Role, load, reference,
};
use xdp_fw::names::glob::matches_path;

/// The files below a directory, named from there, whatever their owner and mode in a checkout.
struct Folder(PathBuf);

impl Files for Folder {
    fn read(&self, path: &Path, _: Role) -> Result<String, FileError> {
        let bytes = fs::read(self.0.join(path)).map_err(|_| FileError::Missing)?;
        String::from_utf8(bytes).map_err(|error| {
            let line = error.as_bytes().split(|&byte| byte == b'\n').count() - 1;
            FileError::NotUtf8 {
                byte: 0xe9,
                line,
                column: 6,
            }
        })
    }

    fn glob(&self, pattern: &Path) -> Result<Vec<PathBuf>, FileError> {
        let directory = pattern.parent().unwrap();
        let entries = fs::read_dir(self.0.join(directory)).map_err(|_| FileError::Missing)?;
        let paths = entries.map(|entry| directory.join(entry.unwrap().file_name()));
        let mut paths: Vec<_> = paths.filter(|path| matches_path(pattern, path)).collect();
        paths.sort();
        Ok(paths)
    }
}

fn package(path: &str) -> Folder {
    Folder(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
}

/// The `.toml` files of a directory in a folder, sorted.
fn configurations(folder: &Folder, directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.0.join(directory)).unwrap();
    let mut names: Vec<PathBuf> = entries
        .map(|entry| Path::new(directory).join(entry.unwrap().file_name()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no configurations in {directory}");
    names
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// Compares `rendered` with the snapshot beside the configuration.
fn assert_beside(folder: &Folder, configuration: &Path, rendered: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder.0.join(configuration.parent().unwrap()));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let name = configuration.file_stem().unwrap().to_str().unwrap();
    settings.bind(|| insta::assert_snapshot!(name, rendered));
}

#[test]
fn each_bad_configuration_says_what_is_wrong() {
    let folder = package("tests/config");
    for path in configurations(&folder, "bad") {
        let problems = load(&path, &folder).expect_err(&path.display().to_string());
        assert_beside(&folder, &path, &problems.to_string());
    }
}

#[test]
fn merged_prefixes_are_a_note_and_no_warning() {
    let folder = package("tests/config");
    for (name, part) in [
        (
            "good/includes.toml",
            "1 duplicate and 2 prefixes inside others",
        ),
        ("good/sets-in-sets.toml", "1 prefix inside another"),
    ] {
        let loaded = load(Path::new(name), &folder).unwrap();
        let warnings = lines(&loaded.warnings);
        assert!(!warnings.contains("merged"), "{name}: {warnings}");
        let notes = lines(&loaded.notes);
        assert!(notes.contains(part), "{name}: {notes}");
    }
}

#[test]
fn each_good_configuration_becomes_a_model() {
    let folder = package("tests/config");
    for path in configurations(&folder, "good") {
        let loaded = load(&path, &folder).unwrap_or_else(|problems| panic!("{problems}"));
        let Loaded {
            config,
            mut warnings,
            notes,
            files,
            set_files,
            watched,
            ..
        } = loaded;
        let files = files.iter().map(|file| &file.path);
        let set_files = set_files.iter().map(|(path, _)| path);
        let files: Vec<_> = files
            .chain(set_files)
            .map(|path| path.display().to_string())
            .collect();
        warnings.extend(notes.into_iter().map(|note| Problem {
            message: format!("{} (note)", note.message),
            ..note
        }));
        let rendered = format!("{}\n{files:?}\n{watched:?}\n{config:#?}", lines(&warnings));
        assert_beside(&folder, &path, &rendered);
    }
}

/// A main file that is not on disk.
struct Text(String);

impl Files for Text {
    fn read(&self, _: &Path, _: Role) -> Result<String, FileError> {
        Ok(self.0.clone())
    }

    fn glob(&self, _: &Path) -> Result<Vec<PathBuf>, FileError> {
        Ok(Vec::new())
    }
}

fn parsed(text: &str) -> Result<Loaded, Problems> {
    load(Path::new("fw.toml"), &Text(text.to_owned()))
}

#[test]
fn the_shipped_configurations_are_valid_and_raise_no_warning() {
    let folder = package("../config");
    let paths = [
        configurations(&folder, ""),
        configurations(&folder, "examples"),
    ]
    .concat();
    assert!(paths.len() >= 3);
    for path in paths {
        let loaded = load(&path, &folder).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(lines(&loaded.warnings), "", "{}", path.display());
    }
}

#[test]
fn the_default_configuration_says_what_is_the_default_anyway() {
    let loaded = load(Path::new("xdp-fw.toml"), &package("../config")).unwrap();
    assert_eq!(
        loaded.config,
        parsed("interfaces = \"eth0\"").unwrap().config
    );
}

#[test]
fn the_default_configuration_documents_every_key_with_its_default() {
    let text = fs::read_to_string(package("../config").0.join("xdp-fw.toml")).unwrap();
    let has = |start: &str| {
        text.lines()
            .any(|line| line.trim_start_matches("# ").starts_with(start))
    };
    for section in reference() {
        assert!(section.header.is_empty() || has(section.header.split(['.', ']']).next().unwrap()));
        for key in section.keys {
            let expected = match key.presence {
                Presence::Default(value) => format!("{} = {value}", key.name),
                _ if key.expects.contains("table") => continue,
                _ => format!("{} = ", key.name),
            };
            assert!(has(&expected), "{expected}");
        }
    }
}

#[test]
fn the_default_configuration_is_valid_with_every_key_switched_on() {
    let text = fs::read_to_string(package("../config").0.join("xdp-fw.toml")).unwrap();
    let names: Vec<_> = reference()
        .iter()
        .flat_map(|section| &section.keys)
        .map(|key| key.name)
        .collect();
    let is_toml = |line: &str| {
        let line = line.trim();
        line.starts_with('[')
            || names
                .iter()
                .any(|name| line.starts_with(&format!("{name} = ")))
    };
    let lines = text.lines().map(|line| {
        line.strip_prefix("# ")
            .filter(|line| is_toml(line))
            .unwrap_or(line)
    });
    let all: String = lines.map(|line| format!("{line}\n")).collect();
    // `Text` answers for the set file too; it is none, and that is the only problem.
    let problems = parsed(&all).unwrap_err().to_string();
    assert!(
        problems
            .lines()
            .all(|line| line.starts_with("xdp-fw.d/office.txt:")),
        "{problems}"
    );
}

#[test]
fn each_written_default_is_the_one_that_applies() {
    let bare = "interfaces = \"eth0\"\n";
    let tables =
        "[set.a]\nprefixes = \"::1\"\n[[rule]]\nname = \"a\"\naction = \"drop\"\nsource = \"@a\"\n";
    let mut written = bare.to_owned();
    for section in reference() {
        written += match section.header {
            "" => "",
            "[set.NAME]" => "[set.a]\nprefixes = \"::1\"\n",
            "[[rule]]" => "[[rule]]\nname = \"a\"\naction = \"drop\"\nsource = \"@a\"\n",
            "[metrics]" => "[metrics]\n",
            // It has no key with a default.
            _ => continue,
        };
        for key in section.keys {
            if let Presence::Default(value) = key.presence {
                written += &format!("{} = {value}\n", key.name);
            }
        }
    }
    let mut implied =
        std::sync::Arc::unwrap_or_clone(parsed(&format!("{bare}{tables}")).unwrap().config);
    let mut written = std::sync::Arc::unwrap_or_clone(parsed(&written).unwrap().config);
    for config in [&mut implied, &mut written] {
        config.rules[0].position.line = 0;
        config.sets.get_mut("a").unwrap().position.line = 0;
    }
    assert_eq!(implied, written);
}

#[test]
fn one_rule_too_many_is_one_problem() {
    let rules = |count: usize| {
        let rule = |n| format!("[[rule]]\nname = \"r{n}\"\naction = \"drop\"\n");
        "interfaces = \"eth0\"\n".to_owned() + &(0..count).map(rule).collect::<String>()
    };
    assert_eq!(parsed(&rules(4096)).unwrap().config.rules.len(), 4096);
    assert_eq!(
        parsed(&rules(4100)).unwrap_err().to_string(),
        "fw.toml:12290:1: 4100 rules; expected at most 4096"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem_of_the_file() {
    let problems = load(Path::new("no.toml"), &package("tests/config")).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "no.toml: no such file; create it, or correct the path"
    );
}

#[test]
fn what_a_refused_configuration_names_is_watched() {
    let watched = |path: &str| {
        let problems = load(Path::new(path), &package("tests/config")).unwrap_err();
        let watched = problems.watched.iter();
        watched
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(watched("no.toml"), ["no.toml"]);
    assert_eq!(
        watched("bad/includes.toml"),
        [
            "bad/include.d/*.toml",
            "bad/include.d/10-misplaced.toml",
            "bad/include.d/20-repeated.toml",
            "bad/include.d/30-syntax.toml",
            "bad/include.d/40-not-utf8.toml",
            "bad/include.d/no-such-file.toml",
            "bad/includes.toml",
            "bad/no-such-directory/*.toml",
        ]
    );
    assert_eq!(
        watched("bad/set-globs.toml"),
        [
            "bad/lists/*.txt",
            "bad/lists/a.txt",
            "bad/lists/b.txt",
            "bad/no-such-directory/*.txt",
            "bad/set-globs.toml",
            "bad/sets/fine.tx?",
            "bad/sets/fine.txt",
            "bad/sets/none-*.txt",
        ]
    );
}

#[test]
fn a_long_chain_of_sets_is_filled_and_a_long_circle_is_found() {
    let set = |n: usize, next: usize| format!("[set.s{n}]\nprefixes = \"@s{next}\"\n");
    let chain: String = (1..20_000).map(|n| set(n, n - 1)).collect();
    let head = "interfaces = \"eth0\"\n";
    let text = format!("{head}[set.s0]\nprefixes = \"::1\"\n{chain}");
    let config = parsed(&text).unwrap().config;
    let prefixes: Vec<_> = config.sets["s19999"].prefixes.iter().collect();
    assert_eq!(prefixes, ["::1".parse().unwrap()]);
    let problems = parsed(&format!("{head}{}{chain}", set(0, 19_999))).unwrap_err();
    assert_eq!(problems.problems.len(), 1);
}

#[test]
fn one_shadow_rule_too_many_is_one_problem() {
    let rules = |count: usize| {
        let rule = |n| format!("[[rule]]\nname = \"r{n}\"\naction = \"drop\"\nshadow = true\n");
        "interfaces = \"eth0\"\n".to_owned() + &(0..count).map(rule).collect::<String>()
    };
    assert_eq!(parsed(&rules(256)).unwrap().config.rules.len(), 256);
    assert_eq!(
        parsed(&rules(300)).unwrap_err().to_string(),
        "fw.toml:1029:1: one shadow rule too many; expected at most 256"
    );
}

/// A main file that includes one of 4,095 rules, and another.
struct Many(usize);

impl Files for Many {
    fn read(&self, path: &Path, _: Role) -> Result<String, FileError> {
        let rules = |file: &str, count: usize| {
            let rule = |n| format!("[[rule]]\nname = \"{file}{n}\"\naction = \"drop\"\n");
            (0..count).map(rule).collect::<String>()
        };
        Ok(match path.to_str() {
            Some("a") => rules("a", 4095),
            Some("b") => rules("b", self.0),
            _ => "interfaces = \"eth0\"\ninclude = [\"a\", \"b\"]".into(),
        })
    }

    fn glob(&self, _: &Path) -> Result<Vec<PathBuf>, FileError> {
        Ok(Vec::new())
    }
}

#[test]
fn rules_are_counted_over_all_files() {
    let loaded = load(Path::new("fw.toml"), &Many(1)).unwrap();
    assert_eq!(loaded.config.rules.len(), 4096);
    let problems = load(Path::new("fw.toml"), &Many(3)).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "b:4:1: 4098 rules; expected at most 4096"
    );
}

/// What is said of a main file with this text.
fn said(text: &str) -> String {
    load(Path::new("fw.toml"), &Text(text.to_owned()))
        .unwrap_err()
        .to_string()
}

#[test]
fn nothing_is_quoted_of_a_main_file_without_a_key_of_ours() {
    for text in [
        "root:$6$hunter2$hunter3:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n",
        "[Interface]\nPrivateKey = hunter2/hunter3=\nAddress = 192.0.2.1/24\n",
        "[client]\nuser = hunter2\npassword = hunter3\n",
        "hunter2 = \"hunter3\"\n",
        "hunter2 = 1\nhunter2 = 2\n",
        "hunter2\n",
        "\"hunter2\" \"hunter3\"\n",
        "hunter2: hunter3\n",
        "{\"token\": \"hunter2\"}\n",
        "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
        "192.0.2.1 hunter2\n",
        "a = \"\"\"hunter2\n",
        "a = 'hunter2\n",
        "[[hunter2]]\nx = hunter3\n",
    ] {
        let said = said(text);
        assert!(!said.contains("hunter"), "{text}: {said}");
        assert!(said.starts_with("fw.toml:"), "{said}");
    }
}

#[test]
fn a_main_file_of_another_format_is_named() {
    insta::assert_snapshot!(said("{\n  \"interfaces\": [\"eth0\"]\n}\n"), @r#"fw.toml:1:1: this is JSON; expected a configuration that begins with `interfaces = ["eth0"]`"#);
    insta::assert_snapshot!(said("interfacess = [\"eth0\"]\n"), @r#"fw.toml:1:1: no key of this file is known, so nothing of it is quoted; did you mean `interfaces`?"#);
    insta::assert_snapshot!(said("[Interface]\nPrivateKey = x\n"), @r#"fw.toml:2:14: this is not a value; expected text in quotes, a number, true or false"#);
    insta::assert_snapshot!(said("192.0.2.1\n"), @r#"fw.toml:1:10: key with no value; expected `=`"#);
    // One key of ours, and every slip is quoted.
    insta::assert_snapshot!(said("interfaces = [\"eth0\"]\nmoed = \"native\"\n"), @r#"fw.toml:2:1: unknown key `moed`; did you mean `mode`?"#);
}

#[test]
fn a_main_file_with_a_byte_order_mark_or_crlf_is_read() {
    let text = "interfaces = [\"eth0\"]\r\n[[rule]]\r\nname = \"a\"\r\naction = \"drop\"\r\nprotocol = \"gre\"\r\n";
    for text in [text.to_owned(), format!("\u{feff}{text}")] {
        assert!(load(Path::new("fw.toml"), &Text(text)).is_ok());
    }
}

/// The warnings of a configuration with one rule, whose lines are `rule`.
fn warnings_of(top: &str, rule: &str) -> String {
    let text = format!("interfaces = [\"eth0\"]\n{top}\n[[rule]]\nname = \"r\"\n{rule}\n");
    lines(&parsed(&text).unwrap().warnings)
}

#[test]
fn malformed_pass_beside_a_drop_rule_on_more_than_addresses_is_a_warning() {
    let warns = |rule: &str| warnings_of("malformed = \"pass\"", rule).contains("`malformed = ");
    for criterion in [
        "protocol = \"tcp\"",
        "protocol = \"tcp\"\ndestination_port = 22",
        "tcp_flags = \"syn\"",
        "icmp_type = \"echo-request\"",
        "ttl = 1",
    ] {
        let drops = format!("action = \"drop\"\n{criterion}");
        assert!(warns(&drops), "{criterion}");
        assert!(
            !warnings_of("", &drops).contains("malformed"),
            "{criterion}"
        );
        assert!(!warns(&format!("action = \"pass\"\n{criterion}")));
    }
    assert!(!warns("action = \"drop\"\nsource = \"192.0.2.0/24\""));
}

#[test]
fn malformed_pass_is_no_warning_where_the_default_drops() {
    let warns = |rule: &str| {
        let top = "malformed = \"pass\"\ndefault_action = \"drop\"";
        warnings_of(top, rule).contains("`malformed = ")
    };
    let drops = "action = \"drop\"\nprotocol = \"tcp\"";
    let passes =
        |criterion: &str| format!("[[rule]]\nname = \"p\"\naction = \"pass\"\n{criterion}");
    assert!(!warns(drops));
    assert!(!warns(&format!(
        "{drops}\n{}",
        passes("protocol = \"udp\"")
    )));
    // A malformed packet gets through here, but for the rule before it.
    assert!(warns(&format!(
        "{drops}\n{}",
        passes("source = \"192.0.2.0/24\"")
    )));
    let before =
        format!("action = \"pass\"\nsource = \"192.0.2.0/24\"\n[[rule]]\nname = \"d\"\n{drops}");
    assert!(!warns(&before));
}

#[test]
fn a_rule_on_length_in_generic_mode_is_a_warning() {
    let warns = |mode: &str, rule: &str| {
        let rule = format!("action = \"drop\"\n{rule}");
        warnings_of(&format!("mode = \"{mode}\""), &rule).contains("GRO")
    };
    assert!(warns("generic", "length = \"1501-65535\""));
    assert!(warns("auto", "length = \"1501-65535\""));
    assert!(!warns("native", "length = \"1501-65535\""));
    assert!(!warns("generic", "ttl = 1"));
}
