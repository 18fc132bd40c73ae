//! How much TOML there is, counted before any of it is parsed.
//!
//! Owns the bound on what the parser makes of a text: it takes up to 205 bytes for a token, so that 16 MB
//! of `=` would take 3.3 GB. The parser itself bounds how deep values nest.

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use super::report::Report;
use crate::config::defaults::{MAX_TEXT_BYTES, MAX_TOKENS};
use crate::config::load::ReadFile;
use crate::config::problem::{Place, Problem};

/// A dot in a key makes a table, which takes 1.3 KB: as much as so many other tokens.
const DOT: usize = 8;

/// What is left for the next file, of all files together.
pub(super) struct Extent {
    bytes: u64,
    tokens: usize,
}

impl Default for Extent {
    fn default() -> Self {
        Self {
            bytes: MAX_TEXT_BYTES,
            tokens: MAX_TOKENS,
        }
    }
}

impl Extent {
    /// Takes the room of a file, or says where there is none left.
    pub(super) fn take(&mut self, file: &ReadFile) -> Result<(), Problem> {
        let Some(bytes) = self.bytes.checked_sub(file.text.len() as u64) else {
            return Err(Problem {
                place: Place::File(file.path.clone()),
                message: format!(
                    "with the files before, this is more than {MAX_TEXT_BYTES} bytes of \
                     configuration; move lists of addresses into set files"
                ),
            });
        };
        self.bytes = bytes;
        // The parser's own lexer, of which nothing is kept.
        for token in Source::new(&file.text).lex() {
            let weight = match token.kind() {
                TokenKind::Dot => DOT,
                _ => 1,
            };
            let Some(left) = self.tokens.checked_sub(weight) else {
                let report = Report::new(&file.path, &file.text);
                return Err(Problem {
                    place: Place::At(report.position(token.span().start())),
                    message: format!(
                        "more than {MAX_TOKENS} words, values and signs up to here; move lists of \
                         addresses into set files, and remove what is repeated"
                    ),
                });
            };
            self.tokens = left;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: String) -> ReadFile {
        ReadFile {
            path: "fw.toml".into(),
            text,
        }
    }

    #[test]
    fn tokens_are_counted_over_all_files() {
        let mut extent = Extent::default();
        let half = file("=".repeat(MAX_TOKENS / 2));
        assert!(extent.take(&half).is_ok());
        let problem = extent
            .take(&file("\n=".repeat(MAX_TOKENS / 2)))
            .unwrap_err();
        let at = format!("fw.toml:{}:1: more than 1048576 words", MAX_TOKENS / 4 + 1);
        assert!(problem.to_string().starts_with(&at), "{problem}");
    }

    #[test]
    fn bytes_are_counted_over_all_files() {
        let mut extent = Extent::default();
        let most = usize::try_from(MAX_TEXT_BYTES).unwrap();
        assert!(extent.take(&file("#".repeat(most))).is_ok());
        let problem = extent.take(&file("#".to_owned())).unwrap_err();
        assert!(
            problem.to_string().contains("bytes of configuration"),
            "{problem}"
        );
    }
}
