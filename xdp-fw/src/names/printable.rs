//! Text from outside, shown so that a terminal, a table or a log takes it for text.
//!
//! Owns which characters are shown as escapes: those that move a cursor, start a line, or turn
//! the order of what is around them.

use std::fmt::{self, Write as _};

/// Whether a character stands for itself.
#[must_use]
pub fn is_printable(char: char) -> bool {
    !char.is_control()
        && !matches!(
            char,
            // Line and paragraph separators; directions of bidirectional text.
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}'
            // What has no width, by Unicode's Default_Ignorable_Code_Point.
            | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
            // What no text has, by its definition; the last two of each plane are below.
            | '\u{fdd0}'..='\u{fdef}'
        )
        && u32::from(char) & 0xfffe != 0xfffe
}

/// Shows a text in one line: no character of it is obeyed, a line feed least of all.
#[must_use]
pub fn printable(text: &(impl fmt::Display + ?Sized)) -> Printable<&(impl fmt::Display + ?Sized)> {
    Printable {
        text,
        keeps_lines: false,
    }
}

/// Shows a text whose line feeds are meant.
#[must_use]
pub fn printable_lines(
    text: &(impl fmt::Display + ?Sized),
) -> Printable<&(impl fmt::Display + ?Sized)> {
    Printable {
        text,
        keeps_lines: true,
    }
}

/// Writes a character as itself, or escaped if a terminal would act on it or hide it.
pub(crate) fn write_visibly(out: &mut impl fmt::Write, char: char) -> fmt::Result {
    match char {
        '"' | '\'' | '\\' => out.write_char(char),
        _ => write!(out, "{}", char.escape_debug()),
    }
}

/// A text with escapes: see [`printable()`].
#[derive(Debug, Clone, Copy)]
pub struct Printable<T> {
    text: T,
    keeps_lines: bool,
}

impl<T: fmt::Display> fmt::Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keeps_lines = self.keeps_lines;
        write!(Escaping { to: f, keeps_lines }, "{}", self.text)
    }
}

/// Writes what it is given with escapes.
pub struct Escaping<'a, W: fmt::Write + ?Sized> {
    /// Where to.
    pub to: &'a mut W,
    /// Whether line feeds are meant.
    pub keeps_lines: bool,
}

impl<W: fmt::Write + ?Sized> fmt::Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let is_kept = |char| is_printable(char) || (self.keeps_lines && char == '\n');
        let mut plain = 0;
        for (at, char) in text.char_indices().filter(|(_, char)| !is_kept(*char)) {
            self.to.write_str(text.get(plain..at).unwrap_or_default())?;
            write_escape(self.to, char)?;
            plain = at + char.len_utf8();
        }
        self.to.write_str(text.get(plain..).unwrap_or_default())
    }
}

fn write_escape(to: &mut (impl fmt::Write + ?Sized), char: char) -> fmt::Result {
    write!(to, "{}", char.escape_default())
}

/// A JSON document with what JSON allows and terminals obey (DEL, C1, directions) as `\u….`.
#[must_use]
pub fn printable_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for char in json.chars() {
        if is_printable(char) {
            text.push(char);
        } else {
            for unit in char.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_leave_its_line() {
        let hostile = "a\n<0>b\r\x1b[31m\x07\x7f\u{9b}\u{85}\u{202e}\u{2066}\u{2028}c\td";
        assert_eq!(
            printable(hostile).to_string(),
            r"a\n<0>b\r\u{1b}[31m\u{7}\u{7f}\u{9b}\u{85}\u{202e}\u{2066}\u{2028}c\td"
        );
    }

    #[test]
    fn lines_that_are_meant_stay() {
        assert_eq!(printable_lines("a\nb\x1b\n").to_string(), "a\nb\\u{1b}\n");
    }

    #[test]
    fn letters_of_every_script_stay() {
        let text = "w\u{e2}n \u{65e5}\u{672c} \u{2500} \u{1f525} \\ \"'";
        assert_eq!(printable(text).to_string(), text);
    }

    #[test]
    fn what_has_no_width_is_shown() {
        for char in
            "\u{ad}\u{34f}\u{115f}\u{3164}\u{fe0f}\u{ffa0}\u{e0100}\u{fffe}\u{10ffff}".chars()
        {
            assert!(!is_printable(char), "{}", char.escape_unicode());
        }
    }

    #[test]
    fn json_stays_json_and_harmless() {
        let value = "\u{7f}\u{9b}\u{202e}\u{e0041}\n\"";
        let json = printable_json(&serde_json::to_string(value).unwrap());
        assert!(json.chars().all(is_printable), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), value);
    }
}
