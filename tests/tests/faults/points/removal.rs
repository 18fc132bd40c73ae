//! A fault while filtering ends: of one interface, and of all.

use xdp_fw::fault::Point;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts};
use xdp_fw_tests::veth::{End, Veth};

use super::host::{Host, Rules};
use super::{Effect, armed, assert_met};

pub(super) fn leaves_the_others_filtered(point: Point, effect: Effect) {
    let hosts = Hosts::new("giveup");
    let _cable = hosts.cable(1_500);
    let _other = Veth::new(End::new(&hosts.client, "c1"), End::new(&hosts.edge, "e1"));
    let mut host = Host::prepare(&hosts);
    let both = Rules::Old.text().replace("[\"e0\"]", "[\"e0\", \"e1\"]");
    host.daemon.write_config(&both);
    host.daemon.arm(armed(point, effect, 1));
    host.daemon.restart();
    host.during(|daemon| {
        daemon.write_config(&Rules::New.text());
        if effect == Effect::Error {
            daemon.await_reload();
        }
        assert_met(daemon, effect);
        if effect == Effect::Error {
            // With the next event, or the next start.
            daemon.kill9();
        }
        daemon.restart();
    });
    assert_eq!(host.rules(), Rules::New);
    host.assert_counted();
    host.assert_clean();
    let shown = hosts.edge.run("ip", ["link", "show", "dev", "e1"]);
    assert!(!shown.contains("prog/xdp"), "{shown}");
}

pub(super) fn is_completed_by_the_next(point: Point, effect: Effect) {
    let hosts = Hosts::new("unload");
    let _cable = hosts.cable(1_500);
    let mut host = Host::prepare(&hosts);
    host.daemon.arm(armed(point, effect, 1));
    host.daemon.restart();
    let unload = host.daemon.cli(&["unload"]);
    assert_eq!(unload.status.code(), Some(1), "{unload:?}");
    if effect == Effect::Kill {
        let said = String::from_utf8_lossy(&unload.stderr);
        assert!(said.contains("ended before it answered"), "{said}");
    }
    let end = host.daemon.await_end();
    assert!(!end.status.unwrap().success(), "{end}");
    let said = match effect {
        Effect::Kill => "fault point",
        Effect::Error => "half-way",
    };
    assert!(end.log.contains(said), "{end}");
    // Nobody is locked out, and nothing is filtered by half.
    let shown = || hosts.edge.run("ip", ["link", "show", "dev", EDGE_DEVICE]);
    assert!(!shown().contains("prog/xdp"), "{}", shown());
    let unload = host.daemon.cli(&["unload"]);
    assert!(unload.status.success(), "{unload:?}");
    assert!(!host.daemon.pin_dir().exists());

    // And a start after such an end filters as any other.
    host.daemon.arm(armed(point, effect, 1));
    host.daemon.restart();
    host.daemon.cli(&["unload"]);
    host.daemon.await_end();
    host.daemon.restart();
    host.during(|_| ());
    assert_eq!(host.rules(), Rules::Old);
    host.assert_counted();
    host.assert_clean();
}
