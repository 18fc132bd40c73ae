//! Fact 3: a rule without protocol holds for each of the 256, and a rule with one for that alone.

use xdp_fw::config::{Action, Config};
use xdp_fw_tests::encapsulations::{DENIED_V4, DENIED_V6, HOST_V4, HOST_V6, links};
use xdp_fw_tests::kernel_vs_oracle::KernelVsOracle;
use xdp_fw_tests::packet::{Packet, ipv4, ipv6, payload, payload_bytes, protocol};
use xdp_fw_tests::ruleset::{Criteria, config, drop};

/// IPv6 numbers that name a further header instead of a protocol; 0 only in the first place.
const EXTENSION_HEADERS: [u8; 5] = [0, 43, 44, 51, 60];

fn v4(number: u8, upper: impl Into<Packet>) -> Packet {
    ipv4(DENIED_V4, HOST_V4) / protocol(number) / upper
}

fn v6(number: u8, upper: impl Into<Packet>) -> Packet {
    ipv6(DENIED_V6, HOST_V6) / protocol(number) / upper
}

fn denies_by_prefix() -> Config {
    config([drop("denied").source("192.0.2.0/24, 2001:db8:bad::/48")])
}

#[test]
fn a_denied_prefix_is_denied_in_every_protocol() {
    let mut evaluator = KernelVsOracle::of(denies_by_prefix());
    for number in 0..=255 {
        for (link, layers) in links() {
            // Zeros: as an extension header, 8 bytes with another in front of more zeros.
            for (family, packet) in [
                ("IPv4", v4(number, payload(40))),
                ("IPv6", v6(number, payload_bytes(&[0; 40]))),
            ] {
                let row = format!("{link}: {family}, protocol {number}");
                let said = evaluator.judge(&(layers.clone() / packet).bytes(), &row);
                assert_eq!(said, "drop by rule denied", "{row}");
            }
        }
    }
}

#[test]
fn a_denied_prefix_is_denied_in_every_protocol_without_payload() {
    let mut evaluator = KernelVsOracle::of(Config {
        malformed: Action::Pass,
        ..denies_by_prefix()
    });
    for number in 0..=255 {
        for length in 0..8 {
            for (family, packet) in [
                ("IPv4", v4(number, payload(length))),
                ("IPv6", v6(number, payload(length))),
            ] {
                let row = format!("{family}, protocol {number}, {length} bytes");
                let (_, link) = links().swap_remove(0);
                let said = evaluator.judge(&(link / packet).bytes(), &row);
                let expected = match family {
                    "IPv6" if EXTENSION_HEADERS.contains(&number) => "drop by extension_headers",
                    _ => "drop by rule denied",
                };
                assert_eq!(said, expected, "{row}");
            }
        }
    }
}

#[test]
fn each_of_256_protocol_rules_decides_over_its_own_protocol() {
    let rule = |number: u8| drop(format!("p{number}")).protocol(&number.to_string());
    let mut evaluator = KernelVsOracle::of(config((0..=255).map(rule)));
    for number in 0..=255 {
        for (link, layers) in links() {
            let expected = format!("drop by rule p{number}");
            let row = format!("{link}: IPv4, protocol {number}");
            let frame = (layers.clone() / v4(number, payload(40))).bytes();
            assert_eq!(evaluator.judge(&frame, &row), expected, "{row}");
            if EXTENSION_HEADERS.contains(&number) {
                continue;
            }
            let row = format!("{link}: IPv6, protocol {number}");
            let frame = (layers / v6(number, payload(40))).bytes();
            assert_eq!(evaluator.judge(&frame, &row), expected, "{row}");
        }
    }
}
