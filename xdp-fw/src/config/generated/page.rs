//! The reference page: every key, and the names that stand for numbers.
//!
//! Owns its headings and the few sentences that are about all keys.

use std::fmt::Write as _;

use xdp_fw_common::{Essential, Reason};

use crate::config::{Key, Presence, Section, reference};
use crate::names::{icmp, protocols};

const HEAD: &str = "\
<!-- Written by `cargo xtask generate` from `xdp-fw/src/criteria/table.rs` and the fields in `config/parse/`; do not edit. -->

# Configuration reference

Every key of `/etc/xdp-fw.toml`, as the parser knows them. `config/xdp-fw.toml` shows each in a
file. `config/xdp-fw.schema.json` tells them to an editor: with Taplo or Even Better TOML, write
`#:schema PATH` with its path as the first line. `xdp-fw check` reports every mistake with its
place.

- Where a list is allowed, one value stands for a list of one. A list means any of its entries.
- An entry with a leading `!` is taken away from the others, in any order; with such entries
  alone, from everything. A packet without the field in question matches no criterion on it.
- A range such as `\"8000-8099\"` includes both ends.
- An address or a prefix of IPv4 in the notation of IPv6, such as `\"::ffff:192.0.2.1\"`, is read as
  IPv4: see [files](files.md#ipv4-in-the-notation-of-ipv6).
- The criteria of a rule must all match. One that is left out matches every packet.
";

const INCLUDED: &str = "
An included file has `[set.NAME]`, `[[rule]]` and `[[expect]]` tables alone. Paths are relative to the directory
of the file that names them; `*` and `?` may stand in their last part. A glob does not stand for hidden
files, nor for what editors and package managers leave (`*~`, `*.bak`, `*.dpkg-*`, …), unless it has that
ending itself. Nobody but root and the user who runs `xdp-fw` may be able to change a file, a directory
or a link on the way to it: see [files](files.md).
";

const REASONS: &str = "
## Reasons

Each packet is counted under one reason. `xdp-fw stats`, `xdp-fw explain` and the metrics show it.

- A first fragment needs the whole fixed header of TCP (20 bytes), UDP, UDP-Lite, ICMP (8), SCTP or
  DCCP (12), else it is a `tiny_fragment`. With `malformed = \"pass\"` one that shows the ports and
  the flags (16 bytes of TCP, 8 of SCTP or DCCP) is judged like any packet. Any other is dropped, and
  so is a TCP fragment at offset 8.
- Up to two VLAN tags and eight IPv6 extension headers are read. A packet with more of them is dropped.
- The outer packet is judged, as it arrives. What a host takes out of a tunnel (GRE, VXLAN, WireGuard and
  the like) is not judged, unless the tunnel's interface is in `interfaces`, which takes those with
  Ethernet headers. Rules say who may send such packets: protocols 4, 41 and 47, or the tunnel's port.
- Where Linux follows a route in a packet (`accept_source_route`, `seg6_enabled`, `rpl_seg_enabled`, all
  off by default), it writes another destination into it, or unpacks another packet from it, after the
  rules. `xdp-fw doctor` warns of it.
- A later fragment has the protocol that its own header names. In IPv6 Linux goes by the first fragment
  alone: to drop later fragments there, leave out `protocol`.
- A packet without an IP length (BIG TCP) is judged by the length of its frame, if that leaves more
  than 65,535 bytes.

| reason | what it says | decided by |
|---|---|---|
";

const ESSENTIALS: &str = "
## Essentials

What a host cannot live without passes before the rules, whatever the rules and the lists in them say:
also from an address that a block list drops, and on a router also what is only forwarded. `essentials`
names what passes so: `true` is all of it, `false` nothing; a list of words is these; words with `!` are
taken away from the others, or, alone, from all. So `[\"!redirect\"]` is all but redirects, which then are a
matter of the rules. `\"neighbour-discovery\"` is the same word as `\"neighbor-discovery\"`.

| word | packets |
|---|---|
";

const ESSENTIALS_END: &str = "
None of them may be a fragment, but for `path-mtu`, which may be a first one. `redirect` is IPv6's: redirects of
ICMP (type 5) are always a matter of the rules. ARP that is not essential is a matter of `non_ip`, since rules
are about IP. `xdp-fw stats` counts each word (`essentials` with `--json`: `kind`, `packets`, `bytes`), and so
does the metric `xdp_fw_essential_packets_total{kind}`; the reason `essential` is their sum. `xdp-fw check` warns
of a rule that drops what passes before it.
";

/// The page, as Markdown.
#[must_use]
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for section in reference() {
        write_section(&mut page, &section);
        if section.name.is_empty() {
            page += INCLUDED;
            write_essentials(&mut page);
        }
    }
    write_reasons(&mut page);
    write_names(&mut page);
    page
}

fn write_reasons(page: &mut String) {
    *page += REASONS;
    for reason in Reason::ALL {
        let _ = writeln!(
            page,
            "| `{}` | {} | {} |",
            reason.name(),
            cell(reason.description()),
            decided_by(reason)
        );
    }
}

/// What decides over packets of a reason.
fn decided_by(reason: Reason) -> &'static str {
    match reason {
        _ if reason.always_drops() => "nothing: always dropped",
        Reason::Rule => "the rule's `action`",
        Reason::Default => "`default_action`",
        Reason::Essential => "nothing: always passed",
        Reason::NonIp => "`non_ip`",
        _ => "`malformed`",
    }
}

fn write_section(page: &mut String, section: &Section) {
    let has_packets = section.keys.iter().any(|key| key.criterion.is_some());
    let heading = match section.header {
        "" => "The top level".to_owned(),
        header => format!("`{header}`"),
    };
    let _ = write!(
        page,
        "\n## {heading}\n\n| key | value | default | {} |\n|---|---|---|{}---|\n",
        if has_packets { "of | " } else { "" },
        if has_packets { "---|" } else { "" },
    );
    for key in &section.keys {
        let of = if has_packets {
            format!("{} | ", packets(key))
        } else {
            String::new()
        };
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {of}{} |",
            key.name,
            cell(&key.expects_as_a_whole()),
            default(key),
            cell(key.doc)
        );
    }
}

fn write_essentials(page: &mut String) {
    page.push_str(ESSENTIALS);
    for kind in Essential::ALL {
        let _ = writeln!(page, "| `{}` | {} |", kind.name(), cell(kind.description()));
    }
    page.push_str(ESSENTIALS_END);
}

/// The packets that have what a criterion asks for.
fn packets(key: &Key) -> &'static str {
    key.criterion.map_or("", |it| it.spec().packets.name())
}

fn default(key: &Key) -> String {
    match key.presence {
        Presence::Required => "required".into(),
        Presence::Default(value) => format!("`{value}`"),
        Presence::Optional => String::new(),
    }
}

/// Text that ends no cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn write_names(page: &mut String) {
    *page += "\n## Names of ICMP types\n\nA name in both columns stands for either number, each in \
              its family.\n\n| name | ICMP | ICMPv6 |\n|---|---|---|\n";
    let shown = |number: Option<u8>| number.map_or(String::new(), |number| number.to_string());
    for name in icmp::type_names() {
        if let Some(types) = icmp::types(name) {
            let _ = writeln!(
                page,
                "| `{name}` | {} | {} |",
                shown(types.v4),
                shown(types.v6)
            );
        }
    }
    *page += "\n## Names of ICMP codes\n\nA name may be used where the type and the family beside \
              it leave it one number.\n\n| name | type | ICMP | ICMPv6 |\n|---|---|---|---|\n";
    write_codes(page);
    *page += "\n## Names of protocols\n\n";
    let numbered = |name| Some(format!("`{name}` {}", protocols::number(name)?));
    let names: Vec<String> = protocols::names().filter_map(numbered).collect();
    let _ = writeln!(page, "{}.", names.join(", "));
}

fn write_codes(page: &mut String) {
    let mut done: Vec<&str> = Vec::new();
    for name in icmp::code_names() {
        if done.contains(&name) {
            continue;
        }
        done.push(name);
        let of = |v6: bool| {
            let mut codes = icmp::codes(name).filter(|code| code.v6 == v6);
            codes.next()
        };
        let codes = [of(false), of(true)];
        let kind = codes.iter().flatten().next();
        let kind = kind.and_then(|code| icmp::type_name(code.v6, code.kind));
        let [v4, v6] = codes.map(|code| code.map_or(String::new(), |code| code.code.to_string()));
        let _ = writeln!(
            page,
            "| `{name}` | `{}` | {v4} | {v6} |",
            kind.unwrap_or_default()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_row_in_the_reference() {
        let page = page();
        for reason in Reason::ALL {
            let row = format!("\n| `{}` | {} |", reason.name(), reason.description());
            assert_eq!(page.matches(&row).count(), 1, "{}", reason.name());
        }
    }
}
