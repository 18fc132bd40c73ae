//! Words that a reader has to decode, and the plain words for them.
//!
//! Owns the table of both, and the search for the first column in every text of the tree.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::{command, workspace::Workspace};

/// A phrase in lower case, and what to write instead.
const WORDS: &[(&str, &str)] = &[
    ("anew", "again"),
    ("such a one", "the noun itself"),
    ("such an one", "the noun itself"),
    ("is told", "`gets`, or an active verb: `the log reports`"),
    ("are told", "`get`, or an active verb: `the log reports`"),
    ("was told", "`got`, or an active verb: `the log reports`"),
    ("were told", "`got`, or an active verb: `the log reports`"),
    ("be told", "an active verb: `reports`, `says`, `shows`"),
    (
        "fn told",
        "a name for what it returns: `report`, `sentence`",
    ),
    ("fn tell", "a name for what it does: `report`, `render`"),
    ("fn said", "a name for what it returns: `message`, `text`"),
    ("mend", "fix"),
    ("mends", "fixes"),
    ("mended", "fixed"),
    ("mending", "fixing"),
    ("by now", "`now`, `already`, or nothing"),
    ("whoever", "`a user who`, `a process that`, `anyone who`"),
    ("what was to be", "the name of the thing"),
    ("others have said", "the name of who said it"),
    ("well again", "recovered"),
    ("dearer", "`more expensive`, `costs more`"),
    ("dearest", "most expensive"),
    ("in vain", "without success"),
    ("for want of", "`because … is missing`"),
    ("lest", "`so that … not`"),
    ("nought", "zero"),
    ("should what", "`if …`"),
    ("save for", "except"),
    ("least of all", "`not even`, `above all not`"),
];

/// What the search leaves out: data, a log of what was, licences, and this table.
const LEFT_OUT: &[&str] = &[
    "fuzz/corpus/",
    "CHANGELOG.md",
    "LICENSE",
    "xtask/src/lint/words.rs",
];

/// Paths whose texts wait to be rewritten. This list only shrinks.
const WAITING: &[&str] = &[
    "config/",
    "docs/",
    "systemd/",
    "tests/",
    "xdp-fw-common/",
    "xdp-fw-ebpf/",
    "xdp-fw/",
    "xtask/src/test",
];

/// Fails with every place of a word, and the better word.
pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let listed = command::output(workspace.command("git")?.args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let mut found = Vec::new();
    for path in listed.lines().filter(|path| is_checked(path)) {
        let file = workspace.root().join(path);
        // A file that is deleted and not committed is still in git's index.
        if !file.is_file() {
            continue;
        }
        // Lossy: fixtures of tests are no UTF-8 on purpose.
        let bytes = fs::read(&file).with_context(|| format!("cannot read {path}"))?;
        let places = find(&String::from_utf8_lossy(&bytes)).into_iter();
        found.extend(
            places.map(|(line, word, plain)| format!("{path}:{line}: \"{word}\": write {plain}")),
        );
    }
    if found.is_empty() {
        return Ok(());
    }
    bail!("words that a newcomer has to decode:\n{}", found.join("\n"))
}

fn is_checked(path: &str) -> bool {
    let is_text = [".rs", ".md", ".toml", ".service"]
        .iter()
        .any(|ending| path.ends_with(ending));
    let is_under = |prefix: &&str| path.starts_with(*prefix);
    is_text && !LEFT_OUT.iter().any(is_under) && !WAITING.iter().any(is_under)
}

/// Every phrase of the table in a text: its line, the phrase, what to write.
fn find(text: &str) -> Vec<(usize, &'static str, &'static str)> {
    let words = split(text);
    let mut found = Vec::new();
    for index in 0..words.len() {
        let rest = words.get(index..).unwrap_or_default();
        for &(phrase, plain) in WORDS {
            if begins_with(rest, phrase)
                && let Some(first) = rest.first()
            {
                found.push((first.line, phrase, plain));
            }
        }
    }
    found
}

/// A word in lower case.
struct Word {
    text: String,
    line: usize,
    /// Whether a sentence goes on to this word: nothing but space or comment marks is before it.
    is_joined: bool,
}

/// Splits names at `_` as well, so that names of functions and tests are read too.
fn split(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut is_joined = true;
        for piece in line.split_inclusive(|char: char| !char.is_alphanumeric()) {
            let word = piece.trim_end_matches(|char: char| !char.is_alphanumeric());
            if !word.is_empty() {
                words.push(Word {
                    text: word.to_lowercase(),
                    line: index + 1,
                    is_joined,
                });
                is_joined = true;
            }
            let mark = piece.get(word.len()..).unwrap_or_default();
            is_joined &= mark.chars().all(|char| " \t_/!#>*".contains(char));
        }
        // The next line goes on with this sentence unless this line ends it.
        if !is_joined && let Some(end) = line.chars().last() {
            words.push(Word {
                text: end.to_string(),
                line: index + 1,
                is_joined: false,
            });
        }
    }
    words
}

fn begins_with(words: &[Word], phrase: &str) -> bool {
    phrase.split(' ').enumerate().all(|(index, wanted)| {
        words
            .get(index)
            .is_some_and(|word| word.text == wanted && (index == 0 || word.is_joined))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(usize, &'static str)> {
        let found = find(text).into_iter();
        found.map(|(line, word, _)| (line, word)).collect()
    }

    #[test]
    fn a_word_is_found_in_comments_names_and_strings() {
        assert_eq!(lines("/// Reads it anew.\n"), [(1, "anew")]);
        assert_eq!(lines("fn links_are_mended() {}\n"), [(1, "mended")]);
        assert_eq!(
            lines("x\nlog!(\"eth0: Well again\");\n"),
            [(2, "well again")]
        );
        assert_eq!(lines("fn told(&self) -> String {\n"), [(1, "fn told")]);
    }

    #[test]
    fn a_phrase_is_found_across_lines() {
        assert_eq!(
            lines("    /// The user is\n    /// told.\n"),
            [(1, "is told")]
        );
        assert_eq!(lines("- a client of such a\n  one\n"), [(1, "such a one")]);
    }

    #[test]
    fn a_sentence_ends_a_phrase() {
        assert_eq!(lines("/// That is.\n/// Told twice.\n"), []);
        assert_eq!(lines("what it is, told in a line\n"), []);
    }

    #[test]
    fn a_part_of_a_word_is_no_word() {
        assert_eq!(lines("amends, recommend, renewal, a wanewb\n"), []);
    }

    #[test]
    fn a_plain_word_is_none_of_the_table() {
        for (phrase, plain) in WORDS {
            assert_eq!(*phrase, phrase.to_lowercase());
            assert_eq!(lines(plain), [], "{phrase}");
        }
    }

    #[test]
    fn texts_are_checked_and_data_is_not() {
        assert!(is_checked("xtask/src/main.rs") && is_checked("README.md"));
        for path in ["fuzz/corpus/config/a.toml", "CHANGELOG.md", "Cargo.lock"] {
            assert!(!is_checked(path), "{path}");
        }
    }
}
