//! As many rules as there may be, with every criterion: they load, and the last one decides.

use std::time::Instant;

use xdp_fw::config::{Config, Rule};
use xdp_fw_tests::compiled::INGRESS;
use xdp_fw_tests::kernel::Kernel;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::ruleset::{Criteria as _, config, drop};

const RULES: u32 = 4_096;

/// Every criterion that a rule over TCP can have, each of it its own.
fn over_tcp(number: u32) -> Rule {
    transport_free(number)
        .protocol("6")
        .source_port(&format!("{}-65535", 1_024 + number))
        .destination_port(&(1_000 + number).to_string())
        .tcp_flags("syn !ack")
}

/// The same over ICMP.
fn over_icmp(number: u32) -> Rule {
    transport_free(number)
        .protocol("1")
        .icmp_type("echo-request")
        .icmp_code(&(number % 256).to_string())
}

fn transport_free(number: u32) -> Rule {
    let [_, _, high, low] = number.to_be_bytes();
    drop(format!("rule-{number}"))
        .source(&format!("10.{high}.{low}.0/24, !10.{high}.{low}.128/25"))
        .destination(&format!("172.{}.{low}.0/24", 16 + high))
        .interface("test*")
        .family("4")
        .vlan(&format!("{}, none", 1 + number % 4_000))
        .fragment("none")
        .length(&format!("0-{}", 1_500 + number))
        .ttl(&format!("!{}", number % 256))
        .dscp("0-63")
        .source_mac("02:00:00:00:00:01")
        .destination_mac("!ff:ff:ff:ff:ff:ff")
}

fn rules() -> Config {
    config((0..RULES).map(|number| match number % 2 {
        0 => over_icmp(number),
        _ => over_tcp(number),
    }))
}

#[test]
fn four_thousand_and_ninety_six_rules_over_every_criterion_load_and_the_last_one_decides() {
    let config = rules();
    let start = Instant::now();
    let mut kernel = Kernel::load(&config);
    let instructions = kernel.verified_instructions();
    // Told, not asserted: what the clock says belongs to the benchmarks.
    println!(
        "compiled, loaded and verified in {:?}, {instructions:?} instructions",
        start.elapsed()
    );

    let last = |source: &str, port: u16| {
        let packet = eth() / vlan(96) / ipv4(source, "172.31.255.9") / tcp(40_000, port).syn();
        packet.bytes()
    };
    let decides = kernel
        .judge(INGRESS, &last("10.15.255.1", 5_095))
        .to_string();
    assert_eq!(decides, "drop by rule rule-4095");
    for (why, frame) in [
        ("the hole in its source", last("10.15.255.129", 5_095)),
        ("another port", last("10.15.255.1", 5_094)),
        ("another source", last("10.15.254.1", 5_095)),
    ] {
        assert_eq!(
            kernel.judge(INGRESS, &frame).to_string(),
            "pass by default",
            "{why}"
        );
    }
    let echo = eth() / ipv4("10.15.254.1", "172.31.254.9") / icmp(8, 254);
    assert_eq!(
        kernel.judge(INGRESS, &echo.bytes()).to_string(),
        "drop by rule rule-4094"
    );
}
