//! A fault in a start: of a host that is not filtered, and of one that is.

use xdp_fw::fault::Point;
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::two_hosts::Hosts;

use super::host::{Host, Rules};
use super::{Effect, armed};

pub(super) fn is_completed_by_the_next(point: Point, effect: Effect) {
    let hosts = Hosts::new("first");
    let _cable = hosts.cable(1_500);
    let mut host = Host::prepare(&hosts);
    host.daemon.arm(armed(point, effect, 1));
    let started = host.daemon.try_restart();
    host.daemon.await_log(0, "fault point");
    let log = host.daemon.log();
    match started {
        // It goes on, and attaches when it tries again.
        Ok(()) => {
            assert_eq!(effect, Effect::Error);
            if !log.contains("attached e0") && point != Point::LinkPinned {
                let filtered = host.daemon.await_message(|it| it.has_status("on e0"));
                filtered.unwrap();
            }
        }
        Err(_) => host.daemon.restart(),
    }
    host.during(|_| ());
    assert_eq!(host.rules(), Rules::Old);
    host.assert_counted();
    host.assert_clean();
}

pub(super) fn leaves_the_filter_in_force(point: Point, effect: Effect) {
    let hosts = Hosts::new("restart");
    let _cable = hosts.cable(1_500);
    let mut host = Host::prepare(&hosts);
    host.daemon.restart();
    host.during(|daemon| {
        daemon.kill9();
        daemon.write_config(&Rules::New.text());
        daemon.arm(armed(point, effect, 1));
        let started = daemon.try_restart();
        daemon.await_log(0, "fault point");
        if started.is_ok() {
            daemon.kill9();
        }
    });
    // One whose file was refused has taken the last good configuration.
    let expected = match point {
        Point::CommitWritten => Rules::New,
        _ => Rules::Old,
    };
    assert_eq!(host.rules(), expected);
    host.assert_counted();
    host.during(Daemon::restart);
    assert_eq!(host.rules(), Rules::New);
    host.assert_counted();
    host.assert_clean();
}
