use super::*;
use crate::config::{Action, AddressEntry, AddressList, Addresses, Position, Rule, Set};
use crate::daemon::testing::config as empty;

fn position() -> Position {
    Position {
        file: "/etc/xdp-fw.toml".into(),
        line: 1,
        column: 1,
    }
}

/// A drop rule on the set `feed`, of which `content` is from files.
fn config(inline: &str, content: &str) -> Config {
    let mut config = empty(&["eth0"]);
    let list = |text: &str| -> Prefixes {
        text.split_whitespace()
            .map(|it| it.parse().unwrap())
            .collect()
    };
    let set = Set {
        prefixes: Arc::new(list(&format!("{inline} {content}"))),
        inline: Arc::new(list(inline)),
        members: Vec::new(),
        files: Vec::new(),
        position: position(),
    };
    config.sets.insert("feed".to_owned(), set);
    let mut rule = Rule::without_criteria("ban".to_owned(), Action::Drop, position());
    rule.source = Some(AddressList(vec![AddressEntry {
        negated: false,
        addresses: Addresses::Set("feed".to_owned()),
    }]));
    config.rules.push(rule);
    config
}

fn logged_in(addresses: &[&str]) -> Logins {
    Logins {
        addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
        source: LoginSource::Logind,
        ..Logins::default()
    }
}

fn left_out(config: &Config, before: Option<&Config>, already: &LeftOut) -> Vec<String> {
    let before = before.map(Before::of);
    let logins = logged_in(&["192.0.2.7", "198.51.100.7"]);
    let left_out = decide(config, before.as_ref(), already, &logins);
    left_out
        .iter()
        .map(|(set, it)| format!("{set} {it}"))
        .collect()
}

fn nothing() -> LeftOut {
    LeftOut::default()
}

const BANNED: &str = "192.0.2.0/24";

#[test]
fn new_content_leaves_out_who_is_logged_in() {
    let before = config("", "203.0.113.0/24");
    let after = config("", "203.0.113.0/24 192.0.2.0/24");
    assert_eq!(
        left_out(&after, Some(&before), &nothing()),
        ["feed 192.0.2.7"]
    );
}

#[test]
fn a_start_with_nothing_in_force_leaves_out_who_is_logged_in() {
    assert_eq!(
        left_out(&config("", BANNED), None, &nothing()),
        ["feed 192.0.2.7"]
    );
}

#[test]
fn who_is_left_out_already_stays_so_over_edits() {
    let before = config("", BANNED);
    let mut already = nothing();
    already.insert("feed", "192.0.2.7".parse().unwrap());
    assert_eq!(
        left_out(&before, Some(&before), &already),
        ["feed 192.0.2.7"]
    );
    // Who is logged out is not.
    already.insert("feed", "192.0.2.8".parse().unwrap());
    assert_eq!(
        left_out(&before, Some(&before), &already),
        ["feed 192.0.2.7"]
    );
}

#[test]
fn what_banned_them_before_bans_them_still() {
    let before = config("", BANNED);
    let after = config("", "192.0.2.0/24 203.0.113.0/24");
    assert_eq!(left_out(&after, Some(&before), &nothing()), [""; 0]);
}

#[test]
fn inline_prefixes_and_new_rules_leave_nobody_out() {
    let spared = config("", "203.0.113.0/24");
    let inline = config(BANNED, "203.0.113.0/24");
    assert_eq!(left_out(&inline, Some(&spared), &nothing()), [""; 0]);
    let mut no_rule = spared.clone();
    no_rule.rules.clear();
    let content = config("", BANNED);
    assert_eq!(left_out(&content, Some(&no_rule), &nothing()), [""; 0]);
}

#[test]
fn while_logins_are_not_known_nobody_is_in_again() {
    let mut already = nothing();
    already.insert("feed", "192.0.2.8".parse().unwrap());
    let unknown = Logins {
        is_incomplete: true,
        ..logged_in(&[])
    };
    let config = config("", BANNED);
    let left_out = decide(&config, Some(&Before::of(&config)), &already, &unknown);
    assert_eq!(left_out, already);
}

#[test]
fn an_inline_list_of_a_set_in_the_set_is_of_the_configuration() {
    let mut config = config("", BANNED);
    let mut inner = config.sets["feed"].clone();
    inner.inline = Arc::clone(&inner.prefixes);
    inner.members = vec!["feed".to_owned()];
    config.sets.insert("inner".to_owned(), inner);
    assert_eq!(left_out(&config, None, &nothing()), ["feed 192.0.2.7"]);
    config.sets.get_mut("feed").unwrap().members = vec!["inner".to_owned(), "gone".to_owned()];
    assert!(left_out(&config, None, &nothing()).is_empty());
}
