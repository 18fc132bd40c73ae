use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::config::{Disk, load};

/// What `text`, a file without its `interfaces`, says.
fn config(text: &str) -> Config {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fw.toml");
    std::fs::write(&path, format!("interfaces = \"eth0\"\n{text}")).unwrap();
    Arc::unwrap_or_clone(load(Path::new(&path), &Disk).unwrap().config)
}

fn rules(names: impl IntoIterator<Item = impl std::fmt::Display>) -> Config {
    let rule = |name| format!("[[rule]]\nname = \"{name}\"\naction = \"drop\"\nttl = 1\n");
    config(&names.into_iter().map(rule).collect::<String>())
}

fn moves(before: &str, after: &str) -> String {
    let difference = Difference::between(&rules(before.chars()), &rules(after.chars()));
    let told = difference.rules.iter().map(|rule| {
        let sign = match (rule.before, rule.after) {
            (Some(_), None) => '-',
            (None, _) => '+',
            _ if rule.moved => '>',
            _ => '~',
        };
        format!("{sign}{}", rule.name)
    });
    told.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_same_text_elsewhere_is_no_difference() {
    let text = "[set.a]\nprefixes = '192.0.2.0/24'\n[[rule]]\nname = 'x'\naction = 'drop'\nsource = '@a'\n";
    let moved = format!(
        "\n# A comment.\n{}",
        text.replace("'192.0.2.0/24'", "['192.0.2.0/25', '192.0.2.0/24']")
    );
    assert!(Difference::between(&config(text), &config(&moved)).is_empty());
}

#[test]
fn as_few_rules_as_possible_have_moved() {
    assert_eq!(moves("abcdef", "abcdef"), "");
    assert_eq!(moves("abcdef", "fabcde"), ">f");
    assert_eq!(moves("abcdef", "bcdefa"), ">a");
    assert_eq!(moves("abcdef", "abdef"), "-c");
    assert_eq!(moves("abcdef", "abcxdef"), "+x");
    assert_eq!(moves("abcdef", "fxbcde"), "-a >f +x");
    assert_eq!(moves("abc", ""), "-a -b -c");
}

#[test]
fn settings_rules_and_sets_are_told_with_what_they_were() {
    let before = config(
        "[set.a]\nprefixes = ['192.0.2.0/24', '2001:db8::/32']\n\
         [set.gone]\nprefixes = '198.51.100.0/24'\n\
         [[rule]]\nname = 'x'\naction = 'drop'\nsource = '@a'\ndestination = '@gone'\n",
    );
    let after = config(
        "default_action = 'drop'\nmetrics.listen = false\n[interface.\"e*\"]\nmode = 'auto'\n\
         [set.a]\nprefixes = ['192.0.2.0/25', '2001:db8::/32', '203.0.113.0/24']\n\
         [[rule]]\nname = 'x'\naction = 'pass'\nsource = '@a'\ntcp_flags = 'syn'\n",
    );
    let difference = Difference::between(&before, &after);
    insta::assert_snapshot!(serde_json::to_string_pretty(&difference).unwrap());
}

proptest! {
    /// What has not moved is in the order it was in.
    #[test]
    fn rules_that_have_not_moved_keep_their_order(order in Just((0..12).collect::<Vec<u8>>()).prop_shuffle()) {
        let before = rules(0..12);
        let mut after = before.clone();
        after.rules = order.iter().map(|&index| before.rules[usize::from(index)].clone()).collect();
        let difference = Difference::between(&before, &after);
        let moved: Vec<&str> = difference.rules.iter().map(|rule| rule.name.as_str()).collect();
        let kept: Vec<u8> = order.iter().copied().filter(|index| !moved.contains(&index.to_string().as_str())).collect();
        prop_assert!(kept.is_sorted(), "{order:?} {moved:?}");
        prop_assert!(!kept.is_empty());
    }
}
