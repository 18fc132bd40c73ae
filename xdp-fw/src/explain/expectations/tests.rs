use std::path::{Path, PathBuf};

use super::*;
use crate::config::{FileError, Files, Role, load};
use crate::policy::{Policy, compile};

struct Memory(&'static str);

impl Files for Memory {
    fn read(&self, _: &Path, _: Role) -> Result<String, FileError> {
        Ok(self.0.to_owned())
    }

    fn glob(&self, _: &Path) -> Result<Vec<PathBuf>, FileError> {
        Ok(Vec::new())
    }
}

/// What is unmet on a host with these interfaces.
fn told(text: &'static str, known: &[(u32, &str)]) -> String {
    let loaded = load(Path::new("fw.toml"), &Memory(text));
    let config = loaded
        .unwrap_or_else(|problems| panic!("{problems}"))
        .config;
    let known: Vec<_> = known
        .iter()
        .map(|(index, name)| (*index, (*name).to_owned()))
        .collect();
    let interfaces = with_named(&known, named_interfaces(&config));
    let tables = compile(&Policy::from_config(&config), &interfaces).unwrap();
    let mut judge = Judge::host(&tables);
    let unmet = unmet(&mut judge, &config, &interfaces).unwrap();
    let lines: Vec<String> = unmet.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

const RULES: &str = "\
interfaces = [\"wan*\", \"eth0\"]
default_action = \"drop\"
[set.office]
prefixes = \"192.0.2.0/24\"
[[rule]]
name = \"ssh-from-office\"
action = \"pass\"
source = \"@office\"
protocol = \"tcp\"
destination_port = 22
[[rule]]
name = \"no-ssh\"
action = \"drop\"
protocol = \"tcp\"
destination_port = 22
[[rule]]
name = \"lan\"
action = \"pass\"
interface = \"lan*\"
[[expect]]
packet = \"tcp 192.0.2.10:40000 > 198.51.100.1:22 syn\"
verdict = \"pass\"
rule = \"ssh-from-office\"
[[expect]]
packet = \"tcp 203.0.113.9:40000 > 198.51.100.1:22 syn\"
verdict = \"pass\"
[[expect]]
packet = \"tcp 203.0.113.9:40000 > 198.51.100.1:22 syn\"
verdict = \"pass\"
rule = \"ssh-from-office\"
[[expect]]
packet = \"udp 192.0.2.1:1 > 198.51.100.1:2\"
verdict = \"pass\"
[[expect]]
packet = \"icmpv6 fe80::1 > ff02::1 router-advertisement\"
verdict = \"drop\"
[[expect]]
packet = \"udp 192.0.2.1:1 > 198.51.100.1:2 in lan7\"
verdict = \"drop\"
";

#[test]
fn each_expectation_that_is_not_met_says_what_happens_instead_and_why() {
    insta::assert_snapshot!(told(RULES, &[(2, "eth0"), (3, "wan0")]));
}

#[test]
fn expectations_hold_by_name_whichever_interfaces_there_are() {
    let all = told(RULES, &[(2, "eth0"), (3, "wan0"), (9, "lan7")]);
    for known in [&[][..], &[(9, "lan7")], &[(1, "lan0"), (2, "eth0")]] {
        assert_eq!(told(RULES, known), all, "{known:?}");
    }
    let by_first = "\
interfaces = \"eth0\"
[[rule]]
name = \"here\"
action = \"drop\"
interface = \"eth0\"
[[expect]]
packet = \"gre 192.0.2.1 > 198.51.100.1\"
verdict = \"drop\"
rule = \"here\"
";
    assert_eq!(told(by_first, &[]), "");
    assert_eq!(told(by_first, &[(2, "eth0")]), "");
}
