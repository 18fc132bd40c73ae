//! `/metrics`: what Prometheus reads is what was counted, and how the last reload went.

use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::exposition;
use xdp_fw_tests::metrics::{LISTEN, sample, scrape, scrape_as};
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, rule};

fn config(rules: &str) -> String {
    format!("interfaces = [\"{EDGE_DEVICE}\"]\nmetrics.listen = \"{LISTEN}\"\n{rules}")
}

#[test]
fn metrics_tell_rules_reasons_interfaces_and_the_last_reload() {
    let hosts = Hosts::new("metrics");
    let _cable = hosts.cable(1_500);
    let deny = rule("deny", "drop", "source = \"192.0.2.0/24\"");
    let mut daemon = Daemon::start(&hosts.edge, &config(&deny));
    let mut wire = hosts.wire();
    let denied = (eth() / ipv4("192.0.2.1", "198.51.100.1") / udp(1, 2)).bytes();
    let other = (eth() / ipv4("203.0.113.1", "198.51.100.1") / udp(1, 2)).bytes();
    wire.exchange(&vec![denied.clone(); 9]);
    wire.exchange(&vec![other; 4]);

    let text = scrape(&hosts.edge);
    let rule = "{rule=\"deny\",action=\"drop\"}";
    assert_eq!(
        sample(&text, &format!("xdp_fw_rule_packets_total{rule}")),
        9.0
    );
    let bytes = 9.0 * denied.len() as f64;
    assert_eq!(
        sample(&text, &format!("xdp_fw_rule_bytes_total{rule}")),
        bytes
    );
    let total = "xdp_fw_packets_total{verdict=\"drop\",reason=\"rule\"}";
    assert_eq!(sample(&text, total), 9.0);
    assert_eq!(
        sample(
            &text,
            "xdp_fw_packets_total{verdict=\"pass\",reason=\"default\"}"
        ),
        4.0
    );
    let attached =
        format!("xdp_fw_interface_attached{{interface=\"{EDGE_DEVICE}\",mode=\"native\"}}");
    assert_eq!(sample(&text, &attached), 1.0);
    assert_eq!(sample(&text, "xdp_fw_rules"), 1.0);
    assert_eq!(sample(&text, "xdp_fw_config_last_reload_successful"), 1.0);
    assert!(sample(&text, "xdp_fw_config_last_reload_success_timestamp_seconds") > 1.7e9);

    // A rule that is gone leaves its packets in the total, which never goes back.
    daemon.edit(&config(""));
    let text = scrape(&hosts.edge);
    assert_eq!(sample(&text, total), 9.0);
    assert!(!text.contains("rule=\"deny\""), "{text}");

    daemon.edit("interfaces = 7\n");
    let text = scrape(&hosts.edge);
    assert_eq!(sample(&text, "xdp_fw_config_last_reload_successful"), 0.0);
}

#[test]
fn a_metrics_port_that_is_taken_is_said_and_keeps_nobody_from_filtering() {
    let hosts = Hosts::new("taken");
    let _cable = hosts.cable(1_500);
    let _taken = hosts
        .edge
        .within(|| std::net::TcpListener::bind(LISTEN).expect("the port is free"));
    let deny = rule("deny", "drop", "source = \"192.0.2.0/24\"");
    let daemon = Daemon::start(&hosts.edge, &config(&deny));
    let denied = (eth() / ipv4("192.0.2.1", "198.51.100.1") / udp(1, 2)).bytes();
    assert!(hosts.wire().exchange(&[denied]).is_empty());
    let status = daemon.status().to_string();
    assert!(status.contains("127.0.0.1:9798 is taken"), "{status}");
}

/// Header and body.
fn answer(hosts: &Hosts, accept: &str) -> (String, String) {
    let answer = scrape_as(&hosts.edge, accept);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    (head.to_owned(), body.to_owned())
}

#[test]
fn metrics_come_in_the_format_that_is_asked_for() {
    let hosts = Hosts::new("format");
    let _cable = hosts.cable(1_500);
    let deny = rule("deny", "drop", "source = \"192.0.2.0/24\"");
    let shadow = rule("odd", "drop", "shadow = true\nprotocol = \"udp\"");
    let _daemon = Daemon::start(&hosts.edge, &config(&format!("{shadow}{deny}")));
    for accept in [
        "",
        "Accept: */*\r\n",
        "Accept: text/plain;version=0.0.4\r\n",
        "Accept: text/html, application/json;q=0.9\r\n",
        "Accept: application/openmetrics-text;q=0.1\r\nAccept: text/plain\r\n",
    ] {
        let (head, body) = answer(&hosts, accept);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let content = "content-type: text/plain; version=0.0.4; charset=utf-8";
        assert!(head.contains(content), "{accept}{head}");
        let families = exposition::read(&body);
        let family = &families["xdp_fw_rule_packets_total"];
        assert_eq!(family.kind, "counter");
        assert_eq!(family.samples.len(), 1);
        assert_eq!(families["xdp_fw_build_info"].kind, "gauge");
    }
    let (head, body) = answer(
        &hosts,
        "Accept: application/openmetrics-text; version=1.0.0\r\n",
    );
    let content = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(head.contains(content), "{head}");
    assert!(body.ends_with("# EOF\n"));
    assert!(body.contains("# TYPE xdp_fw_rule_packets counter\n"));
}
