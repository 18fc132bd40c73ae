//! Text in lines that fit.
//!
//! Owns where a line may break: between words. What stands in backquotes is for copying, and stays
//! on one line, however long.

use crate::names::printable;

/// Breaks a text so that it fits into `width` columns behind an indentation; the first line stands
/// there already.
pub(super) fn wrapped(text: &str, indent: usize, width: usize) -> String {
    broken(text, indent, indent, width)
}

/// A line with a label, and a value behind `margin` columns that goes on below itself.
pub(super) fn labelled(label: &str, margin: usize, value: &str, width: usize) -> String {
    let length = label.chars().count();
    let column = margin.max(length + 1);
    let spaces = column - length;
    // A label has one value; a line feed in it is not ours.
    let value = broken(&printable(value).to_string(), column, margin, width);
    format!("{label}{:spaces$}{value}\n", "")
}

/// The first line begins in `column`, the others behind `indent`.
fn broken(text: &str, mut column: usize, indent: usize, width: usize) -> String {
    let mut lines = String::new();
    for (index, word) in words(text).into_iter().enumerate() {
        let length = word.chars().count();
        if index > 0 && column + 1 + length > width {
            lines.push('\n');
            lines.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if index > 0 {
            lines.push(' ');
            column += 1;
        }
        lines += &word;
        column += length;
    }
    lines
}

/// Words, of which a command in backquotes is one.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    for part in text.split(' ') {
        match words.last_mut() {
            Some(last) if open => {
                last.push(' ');
                *last += part;
            }
            _ => words.push(part.to_owned()),
        }
        open ^= part.matches('`').count() % 2 == 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_never_broken() {
        let command = format!("`xdp-loader {}`", "word ".repeat(20).trim());
        let text = format!("first this, then {command}, and {command} last");
        let text = wrapped(&text, 10, 80);
        assert_eq!(text.matches(&command).count(), 2, "{text}");
        assert!(text.contains('\n'));
    }

    #[test]
    fn a_value_goes_on_below_itself() {
        let text = labelled("error", 8, "one two three four", 16);
        assert_eq!(text, "error   one two\n        three\n        four\n");
        let text = labelled("a-long-label", 8, "one two", 16);
        assert_eq!(text, "a-long-label one\n        two\n");
        let text = labelled("", 8, "one two three four", usize::MAX);
        assert_eq!(text, "        one two three four\n");
    }
}
