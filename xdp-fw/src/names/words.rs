//! How messages are worded: quoting, suggesting, counting.
//!
//! Owns no rule of the configuration.

use super::printable::write_visibly;

/// Longest quotation of the operator's text in a message, in characters.
const MAX_QUOTED: usize = 60;

/// The text between back-ticks: on one line, cut when long, without anything that a terminal
/// would act on.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("`");
    for (index, char) in text.chars().enumerate() {
        if index == MAX_QUOTED {
            out.push('…');
            break;
        }
        let _ = write_visibly(&mut out, char);
    }
    out.push('`');
    out
}

/// A character that should not be there, visibly.
pub(crate) fn character(char: char) -> String {
    if char == ' ' {
        "a space".into()
    } else {
        quoted(char.encode_utf8(&mut [0; 4]))
    }
}

/// `` `a`, `b` or `c` ``.
pub(crate) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// The known word that was probably meant by `word`, if any is near enough to name.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > MAX_QUOTED {
        return None;
    }
    let word = word.to_lowercase();
    let mut best = None;
    for candidate in known {
        let lower = candidate.to_lowercase();
        let mut distance = strsim::damerau_levenshtein(&word, &lower);
        // `dst`, `proto`, `dport` are far by edits, yet read at a glance.
        if distance > length / 3 && abbreviates(&word, &lower) {
            distance = length / 3;
        }
        let limit = best.map_or(length / 3 + 1, |(distance, _)| distance);
        if distance < limit {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Whether `short` keeps the first letter of `long` and some of the others, in order.
fn abbreviates(short: &str, long: &str) -> bool {
    if short.chars().count() < 3 || short.chars().next() != long.chars().next() {
        return false;
    }
    let mut rest = long.chars();
    short.chars().all(|char| rest.any(|other| other == char))
}

/// `; did you mean …?` for a near word, else `; expected …`.
pub(crate) fn suggestion<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
    expected: &str,
) -> String {
    match nearest(word, known) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; expected {expected}"),
    }
}

/// Whether a word is an attempt to say "every one".
pub(crate) fn means_any(word: &str) -> bool {
    ["any", "all", "*"]
        .iter()
        .any(|any| any.eq_ignore_ascii_case(word))
}

/// A number as people write it: digits alone, no sign, no leading zero.
pub(crate) fn decimal(text: &str) -> Option<u32> {
    let zero_led = text.len() > 1 && text.starts_with('0');
    if zero_led || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_stays_on_one_line_and_is_cut() {
        assert_eq!(
            quoted("a\n\u{1b}[31m\"\u{202e}"),
            "`a\\n\\u{1b}[31m\"\\u{202e}`"
        );
        assert_eq!(quoted(&"x".repeat(61)), format!("`{}…`", "x".repeat(60)));
        assert_eq!(quoted(&"x".repeat(60)), format!("`{}`", "x".repeat(60)));
    }

    #[test]
    fn the_nearest_word_is_named_and_a_far_one_is_not() {
        let known = [
            "source",
            "destination",
            "source_port",
            "destination_port",
            "protocol",
        ];
        assert_eq!(nearest("souce", known), Some("source"));
        assert_eq!(nearest("Source_Prot", known), Some("source_port"));
        assert_eq!(nearest("dst", known), Some("destination"));
        assert_eq!(nearest("dport", known), Some("destination_port"));
        assert_eq!(nearest("proto", known), Some("protocol"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest(&"s".repeat(1 << 20), known), None);
    }

    #[test]
    fn a_decimal_has_digits_alone() {
        assert_eq!(decimal("0"), Some(0));
        assert_eq!(decimal("65535"), Some(65535));
        for bad in ["", "+1", "-1", "01", "1 ", "0x1", "99999999999"] {
            assert_eq!(decimal(bad), None, "{bad}");
        }
    }
}
