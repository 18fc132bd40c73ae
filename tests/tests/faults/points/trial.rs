//! A fault while a trial begins or ends.

use xdp_fw::fault::Point;
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::two_hosts::Hosts;

use super::host::{Host, Rules};
use super::{Effect, armed, assert_met};

/// Puts the new rules on trial, for longer than any test takes.
fn try_out(daemon: &mut Daemon<'_>) -> bool {
    daemon.forget_messages();
    daemon.write_config(&Rules::New.text());
    let reload = daemon.cli(&["reload", "--confirm", "1h"]);
    reload.status.success()
}

pub(super) fn begins_or_leaves_the_old_rules(point: Point, effect: Effect, turn: u32) {
    let hosts = Hosts::new("trial");
    let _cable = hosts.cable(1_500);
    let mut host = Host::prepare(&hosts);
    host.daemon.without_watches();
    host.daemon.arm(armed(point, effect, turn));
    host.daemon.restart();
    let mut begun = false;
    host.during(|daemon| {
        begun = try_out(daemon);
        assert_met(daemon, effect);
    });
    let expected = match point {
        Point::CommitWritten => Rules::New,
        _ => Rules::Old,
    };
    assert_eq!(host.rules(), expected);
    host.assert_counted();
    assert_eq!(begun, effect == Effect::Error && expected == Rules::New);
    // Whichever it is, one word brings the old ones back.
    host.during(|daemon| {
        if effect == Effect::Kill {
            daemon.restart();
        }
        if expected == Rules::New {
            let rollback = daemon.cli(&["rollback"]);
            assert!(rollback.status.success(), "{rollback:?}");
        } else {
            daemon.write_config(&Rules::Old.text());
            assert!(daemon.cli(&["reload"]).status.success());
        }
    });
    assert_eq!(host.rules(), Rules::Old);
    host.assert_counted();
    host.assert_clean();
}

pub(super) fn ends_as_it_would_have(point: Point, effect: Effect, verb: &str) {
    let hosts = Hosts::new("end");
    let _cable = hosts.cable(1_500);
    let mut host = Host::prepare(&hosts);
    host.daemon.without_watches();
    host.daemon.arm(armed(point, effect, 1));
    host.daemon.restart();
    host.during(|daemon| {
        assert!(try_out(daemon));
        daemon.forget_messages();
        let ended = daemon.cli(&[verb]);
        assert_eq!(ended.status.success(), effect == Effect::Error, "{ended:?}");
        assert_met(daemon, effect);
        if effect == Effect::Kill {
            daemon.restart();
        }
    });
    let expected = match verb {
        "confirm" => Rules::New,
        _ => Rules::Old,
    };
    assert_eq!(host.rules(), expected);
    host.assert_counted();
    // The next commit sweeps what a failed step has left.
    host.during(|daemon| {
        for rules in [Rules::New, Rules::Old, Rules::New] {
            daemon.write_config(&rules.text());
            assert!(daemon.cli(&["reload"]).status.success());
        }
    });
    assert_eq!(host.rules(), Rules::New);
    host.assert_counted();
    host.assert_clean();
}
