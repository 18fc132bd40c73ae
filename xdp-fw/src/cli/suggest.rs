//! Which command was meant.
//!
//! Owns the words for commands that people know from elsewhere. `unload` opens the host, so no
//! misspelling leads to it.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

/// Words of other tools, and the command that does the same here.
const ELSEWHERE: [(&str, &str); 12] = [
    ("undo", "rollback"),
    ("revert", "rollback"),
    ("back", "rollback"),
    ("apply", "reload"),
    ("commit", "reload"),
    ("load", "reload"),
    ("test", "check"),
    ("validate", "check"),
    ("show", "status"),
    ("list", "stats"),
    ("counters", "stats"),
    ("start", "run"),
];

/// Puts what was probably meant in the place of what is spelt alike.
pub(super) fn correct(error: &mut Error) {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return;
    };
    let word = word.to_lowercase();
    let known = ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == word);
    let suggested = match (known, error.get(ContextKind::SuggestedSubcommand)) {
        (Some((_, command)), _) => vec![(*command).to_owned()],
        (None, Some(ContextValue::Strings(alike))) => alike.clone(),
        (None, _) => return,
    };
    let suggested: Vec<_> = suggested.into_iter().filter(|it| it != "unload").collect();
    if suggested.is_empty() {
        error.remove(ContextKind::SuggestedSubcommand);
        return;
    }
    error.insert(
        ContextKind::SuggestedSubcommand,
        ContextValue::Strings(suggested),
    );
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    fn suggested(word: &str) -> Vec<String> {
        let mut error = Cli::try_parse_from(["xdp-fw", word]).unwrap_err();
        correct(&mut error);
        match error.get(ContextKind::SuggestedSubcommand) {
            Some(ContextValue::Strings(suggested)) => suggested.clone(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn undo_means_rollback() {
        assert_eq!(suggested("undo"), ["rollback"]);
        assert_eq!(suggested("apply"), ["reload"]);
    }

    #[test]
    fn no_misspelling_leads_to_unload() {
        for word in ["unlod", "unloadd", "onload", "load"] {
            assert!(!suggested(word).contains(&"unload".to_owned()), "{word}");
        }
        assert!(suggested("statu").contains(&"status".to_owned()));
    }

    #[test]
    fn every_word_leads_to_a_command() {
        for (word, command) in ELSEWHERE {
            assert_eq!(suggested(word), [command]);
            let found = Cli::try_parse_from(["xdp-fw", command, "--help"]);
            let kind = found.map(drop).unwrap_err().kind();
            assert_eq!(kind, ErrorKind::DisplayHelp, "{command}");
        }
    }
}
