//! Globs over names of files: `*` is any run of characters, `?` is one.
//!
//! Owns the two wildcards. There are no character classes and no escapes: nobody wants a `*` or a
//! `?` in a file's name literally. What interfaces are called is [`crate::names`]'.

use std::path::{Path, PathBuf};

/// Whether a pattern has a wildcard; one without names a single file.
#[must_use]
pub fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

/// Whether `pattern` matches the whole of `name`.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    // Where to go on after the last `*`, should what follows it not fit: one character later.
    let mut resume = None;
    loop {
        let rest = name.clone();
        match (pattern.next(), name.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                name = rest;
                resume = Some((pattern.clone(), name.clone()));
                continue;
            }
            (Some('?'), Some(_)) => continue,
            (Some(wanted), Some(found)) if wanted == found => continue,
            _ => {}
        }
        let Some((after, mut from)) = resume.take() else {
            return false;
        };
        if from.next().is_none() {
            return false;
        }
        pattern = after.clone();
        name = from.clone();
        resume = Some((after, from));
    }
}

/// What editors, package managers and downloads leave beside a file: a glob does not stand for it unless
/// it has the ending itself, as `*.bak` does. Hidden files are left out anyway.
pub const LEAVINGS: &[&str] = &[
    "*~",
    "#*#",
    "*.bak",
    "*.old",
    "*.orig",
    "*.rej",
    "*.save",
    "*.swp",
    "*.swo",
    "*.swx",
    "*.tmp",
    "*.temp",
    "*.part",
    "*.partial",
    "*.crdownload",
    "*.dpkg-*",
    "*.ucf-*",
    "*.rpmnew",
    "*.rpmsave",
    "*.rpmorig",
    "*.pacnew",
    "*.pacsave",
    "*.apk-new",
];

/// Whether a glob passes over this name.
fn is_leaving(wanted: &str, name: &str) -> bool {
    let mut leavings = LEAVINGS.iter();
    leavings.any(|leaving| matches(leaving, name) && !matches(leaving, wanted))
}

/// The directory of a path whose last part has a wildcard, if it is one.
#[must_use]
pub fn glob_directory(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_string_lossy();
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
    is_glob(&name).then(|| directory.unwrap_or(Path::new(".")).to_path_buf())
}

/// Whether `path` is one that the glob `pattern` stands for: in the same directory, of a name
/// that matches. As in a shell, a hidden file has to be asked for; so has one of [`LEAVINGS`].
#[must_use]
pub fn matches_path(pattern: &Path, path: &Path) -> bool {
    let (Some(wanted), Some(name)) = (pattern.file_name(), path.file_name()) else {
        return false;
    };
    let (wanted, name) = (wanted.to_string_lossy(), name.to_string_lossy());
    let is_hidden = name.starts_with('.') && !wanted.starts_with('.');
    pattern.parent() == path.parent()
        && !is_hidden
        && matches(&wanted, &name)
        && !is_leaving(&wanted, &name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wildcards_match_as_in_a_shell() {
        for (pattern, name) in [
            ("eth0", "eth0"),
            ("wan*", "wan"),
            ("wan*", "wan0.100"),
            ("*", "lo"),
            ("e?h*0", "eth10"),
            ("*a*b*", "xxaxxbxx"),
            ("en?s?", "enps0"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("eth0", "eth01"),
            ("eth0", "eth"),
            ("wan?", "wan"),
            ("?", ""),
            ("*a*b", "ab0"),
            ("", "lo"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_name_without_wildcards_is_no_glob() {
        assert!(!is_glob("eth0") && is_glob("eth*") && is_glob("eth?"));
    }

    #[test]
    fn a_path_matches_in_its_directory_alone() {
        let matches = |pattern: &str, path: &str| matches_path(Path::new(pattern), Path::new(path));
        assert!(matches("/etc/x.d/*.txt", "/etc/x.d/a.txt"));
        assert!(matches("*.txt", "a.txt") && matches("x.d/.*", "x.d/.a"));
        assert!(!matches("/etc/x.d/*.txt", "/etc/x.d/a.txt~"));
        assert!(!matches("/etc/x.d/*.txt", "/etc/a.txt"));
        assert!(!matches("/etc/x.d/*", "/etc/x.d/y/a"));
        assert!(!matches("x.d/*", "x.d/.a") && !matches("x.d/?a", "x.d/.a"));
        assert!(!matches("/", "/"));
    }

    #[test]
    fn a_glob_passes_over_what_editors_and_packages_leave() {
        let matches = |pattern: &str, path: &str| matches_path(Path::new(pattern), Path::new(path));
        for name in [
            "a.txt~",
            "#a.txt#",
            ".#a.txt",
            ".a.txt.swp",
            "a.swp",
            "a.txt.bak",
            "a.orig",
            "a.rej",
            "a.tmp",
            "a.txt.dpkg-old",
            "a.txt.dpkg-dist",
            "a.rpmnew",
            "a.rpmsave",
            "a.txt.part",
            ".hidden",
        ] {
            assert!(!matches("d/*", &format!("d/{name}")), "{name}");
            assert!(!matches("d/*a*", &format!("d/{name}")), "{name}");
        }
        for (pattern, name) in [
            ("*.bak", "a.bak"),
            ("*~", "a.txt~"),
            ("#*#", "#a#"),
            ("*.dpkg-*", "a.dpkg-old"),
            ("*.dpkg-old", "a.dpkg-old"),
            (".*.swp", ".a.swp"),
            ("*", "tmp"),
            ("*", "a.txt"),
            ("*", "bak.txt"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        assert!(!matches("*.bak", "a.bak~") && !matches(".*", ".a.swp"));
    }

    #[test]
    fn the_directory_of_a_glob_is_told_from_a_file() {
        let directory = |path: &str| glob_directory(Path::new(path));
        assert_eq!(directory("/etc/x.d/*.txt"), Some("/etc/x.d".into()));
        assert_eq!(directory("a?"), Some(".".into()));
        assert_eq!(directory("/etc/*/a.txt"), None);
        assert_eq!((directory("/"), directory("")), (None, None));
    }

    /// The definition, slow and plain.
    fn by_definition(pattern: &[char], name: &[char]) -> bool {
        match pattern {
            [] => name.is_empty(),
            ['*', rest @ ..] => (0..=name.len()).any(|skip| by_definition(rest, &name[skip..])),
            ['?', rest @ ..] => !name.is_empty() && by_definition(rest, &name[1..]),
            [wanted, rest @ ..] => name.first() == Some(wanted) && by_definition(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
            let (p, n): (Vec<_>, Vec<_>) = (pattern.chars().collect(), name.chars().collect());
            prop_assert_eq!(matches(&pattern, &name), by_definition(&p, &n));
        }
    }
}
