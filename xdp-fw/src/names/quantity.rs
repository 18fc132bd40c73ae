//! How many there are of something, in words.
//!
//! Owns how a number is spelt, so that it is spelt alike in every text.

/// `1,234,567`: every digit counts where packets do.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 rule`, `2 rules`, `1,234 prefixes`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if noun.ends_with('x') { "es" } else { "s" };
    let ending = if number == 1 { "" } else { plural };
    format!("{} {noun}{ending}", grouped(number))
}

/// Most things that are named in one line.
const FEW: usize = 8;

/// The first of so many things, and how many more there are.
#[must_use]
pub fn few(items: impl Iterator<Item = impl AsRef<str>>, count: usize, between: &str) -> String {
    let mut text = String::new();
    for (index, item) in items.take(FEW).enumerate() {
        if index > 0 {
            text.push_str(between);
        }
        text.push_str(item.as_ref());
    }
    if count > FEW {
        text.push_str(&format!("{between}and {} more", count - FEW));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let all = [0, 999, 1_000, 123_456, 1_234_567].map(grouped);
        assert_eq!(all, ["0", "999", "1,000", "123,456", "1,234,567"]);
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn a_noun_follows_its_number() {
        let texts = [(1, "rule"), (0, "rule"), (2, "prefix"), (1_234, "prefix")]
            .map(|(number, noun)| counted(number, noun));
        assert_eq!(texts, ["1 rule", "0 rules", "2 prefixes", "1,234 prefixes"]);
    }

    #[test]
    fn of_many_things_the_first_are_named() {
        let names: Vec<String> = (1..=10).map(|number| number.to_string()).collect();
        assert_eq!(few(names.iter(), 10, " "), "1 2 3 4 5 6 7 8 and 2 more");
        assert_eq!(few(names.iter().take(2), 2, ", "), "1, 2");
    }
}
