//! A line as words with their columns, and what is wrong with one of them.

use std::fmt;

/// What is wrong with a packet as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Mistake {
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what was expected; a sentence without its period.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

/// A word and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) column: usize,
}

impl Word<'_> {
    pub(super) fn wrong(&self, message: impl Into<String>) -> Mistake {
        Mistake {
            column: self.column,
            message: message.into(),
        }
    }
}

/// The words of a line, front to back.
pub(super) struct Words<'a> {
    rest: std::vec::IntoIter<Word<'a>>,
    /// The column behind the last word.
    end: usize,
}

impl<'a> Words<'a> {
    /// Splits at white space; `>` is a word of its own.
    pub(super) fn of(line: &'a str) -> Self {
        let mut words = Vec::new();
        let mut start = None;
        let mut end = 1;
        for (column, (at, char)) in (1..).zip(line.char_indices()) {
            let ends = char.is_whitespace() || char == '>';
            match start {
                Some((from, column)) if ends => {
                    words.extend(line.get(from..at).map(|text| Word { text, column }));
                    start = None;
                }
                None if !ends => start = Some((at, column)),
                _ => {}
            }
            if char == '>' {
                let text = ">";
                words.push(Word { text, column });
            }
            if !char.is_whitespace() {
                end = column + 1;
            }
        }
        if let Some((from, column)) = start {
            words.extend(line.get(from..).map(|text| Word { text, column }));
        }
        Self {
            rest: words.into_iter(),
            end,
        }
    }

    pub(super) fn next(&mut self) -> Option<Word<'a>> {
        self.rest.next()
    }

    pub(super) fn peek(&self) -> Option<Word<'a>> {
        self.rest.as_slice().first().copied()
    }

    /// The next word, which must be there.
    pub(super) fn expect(&mut self, expected: &str) -> Result<Word<'a>, Mistake> {
        self.next().ok_or_else(|| Mistake {
            column: self.end,
            message: format!("the text ends here; expected {expected}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_know_their_columns_in_characters() {
        let mut words = Words::of("  ø a>b  ");
        let mut all = Vec::new();
        while let Some(word) = words.next() {
            all.push((word.text, word.column));
        }
        assert_eq!(all, [("ø", 3), ("a", 5), (">", 6), ("b", 7)]);
        assert_eq!(words.expect("more").unwrap_err().column, 8);
        assert_eq!(Words::of("").expect("a packet").unwrap_err().column, 1);
    }
}
