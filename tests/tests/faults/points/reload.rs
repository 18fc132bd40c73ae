//! A fault in a reload.

use xdp_fw::fault::Point;
use xdp_fw_tests::two_hosts::Hosts;

use super::host::{Host, Rules};
use super::{Effect, armed, assert_met};

/// The last good configuration is whole, and the one that is in force.
fn assert_last_good(host: &mut Host<'_>, rules: Rules) {
    host.during(|daemon| {
        daemon.write_config("broken");
        daemon.restart();
    });
    assert_eq!(host.rules(), rules, "the last good configuration");
    host.assert_counted();
    host.assert_clean();
}

pub(super) fn leaves_the_old_or_the_new_rules(point: Point, effect: Effect) {
    let hosts = Hosts::new("fault");
    let _cable = hosts.cable(1_500);
    let mut host = Host::prepare(&hosts);
    // The first time is the start's.
    host.daemon.arm(armed(point, effect, 2));
    host.daemon.restart();
    host.during(|daemon| {
        daemon.forget_messages();
        daemon.write_config(&Rules::New.text());
        if effect == Effect::Error {
            daemon.await_reload();
        }
        assert_met(daemon, effect);
    });
    let stores = [
        Point::ContentStored,
        Point::ContentsStored,
        Point::IndexWritten,
        Point::IndexReplaced,
    ];
    let expected = match point {
        Point::CommitWritten => Rules::New,
        point if stores.contains(&point) => Rules::New,
        _ => Rules::Old,
    };
    assert_eq!(host.rules(), expected);
    host.assert_counted();
    if effect == Effect::Kill {
        // The new ones may be in force before anybody has stored them.
        let stored = match point {
            Point::IndexReplaced => Rules::New,
            _ => Rules::Old,
        };
        assert_last_good(&mut host, stored);
    } else {
        let ok = host.daemon.status().pointer("/last_reload/ok").cloned();
        assert_eq!(ok.unwrap(), expected == Rules::New);
    }
    host.during(|daemon| {
        daemon.write_config(&Rules::New.text());
        let reload = daemon.cli(&["reload"]);
        assert!(reload.status.success(), "{reload:?}");
        // Twice: what was left over is swept by a commit.
        daemon.write_config(&Rules::Old.text());
        assert!(daemon.cli(&["reload"]).status.success());
    });
    assert_eq!(host.rules(), Rules::Old);
    host.assert_counted();
    host.assert_clean();
}
