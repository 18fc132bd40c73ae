use super::*;
use crate::config::Mode;
use crate::datapath::{Foreign, Link};
use crate::interfaces::{XdpMode, XdpState};

fn interface(name: &str) -> Interface {
    Interface {
        index: 7,
        name: name.to_owned(),
        ethernet: true,
        kind: None,
        up: true,
        mtu: 9000,
        controller: None,
        lower: None,
        xdp: None,
    }
}

fn theirs() -> Foreign {
    Foreign {
        program: 9,
        name: Some("xdp_lb".to_owned()),
        dispatcher: false,
    }
}

fn planned(exact: bool, state: State) -> Planned {
    Planned {
        name: "wan0".to_owned(),
        exact,
        mode: Mode::Native,
        state,
    }
}

fn unfit() -> State {
    State::Unfit {
        interface: interface("wan0"),
        why: "not an Ethernet interface but tun; remove it from `interfaces`".to_owned(),
    }
}

fn outcome(attachments: &Attachments, planned: Planned) -> Outcome {
    attachments.outcome(&Plan {
        removals: Vec::new(),
        interfaces: vec![planned],
    })
}

#[test]
fn pauses_double_up_to_a_minute() {
    let seconds: Vec<u64> = (0..9).map(|attempts| pause(attempts).as_secs()).collect();
    assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
}

#[tokio::test(start_paused = true)]
async fn what_failed_waits_for_its_time_unless_the_interface_changes() {
    let mut attachments = Attachments::default();
    let before = interface("wan0");
    attachments.note(&before, Mode::Native, Err("MTU too large".to_owned()));
    assert!(!attachments.is_due(&before, Mode::Native));
    let changed = Interface {
        mtu: 1500,
        ..before.clone()
    };
    assert!(attachments.is_due(&changed, Mode::Native));
    assert!(attachments.is_due(&before, Mode::Generic));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(attachments.is_due(&before, Mode::Native));
    attachments.note(&before, Mode::Native, Err("MTU too large".to_owned()));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(!attachments.is_due(&before, Mode::Native));
    attachments.retry_now();
    assert!(attachments.is_due(&before, Mode::Native));
    attachments.note(&before, Mode::Native, Ok(()));
    assert_eq!(attachments.next_attempt(), None);
}

#[tokio::test]
async fn a_failure_nobody_cares_about_any_more_is_forgotten() {
    let mut attachments = Attachments::default();
    attachments.note(&interface("wan0"), Mode::Native, Err("no".to_owned()));
    attachments.forget_settled(&Plan {
        removals: Vec::new(),
        interfaces: Vec::new(),
    });
    assert_eq!(attachments.next_attempt(), None);
}

#[tokio::test]
async fn a_foreign_program_is_looked_for_again() {
    let mut attachments = Attachments::default();
    let mut interface = interface("wan0");
    interface.xdp = Some(XdpState {
        mode: XdpMode::Native,
        program: 9,
    });
    let planned = planned(
        false,
        State::Foreign {
            interface,
            program: theirs(),
        },
    );
    attachments.note_foreign(&planned);
    assert!(attachments.next_attempt().is_some());
    assert!(outcome(&attachments, planned).degraded);
}

#[test]
fn only_what_is_meant_and_not_filtered_degrades() {
    let attachments = Attachments::default();
    let degraded = |exact, state| outcome(&attachments, planned(exact, state)).degraded;
    let interface = interface("wan0");
    assert!(degraded(true, State::Missing));
    assert!(degraded(true, unfit()));
    assert!(!degraded(false, unfit()));
    let mode = XdpMode::Native;
    assert!(!degraded(true, State::Attached { interface, mode }));
}

#[test]
fn each_state_is_told_with_a_remedy() {
    let attachments = Attachments::default();
    let foreign = State::Foreign {
        interface: interface("wan0"),
        program: theirs(),
    };
    let told: Vec<String> = [State::Missing, unfit(), foreign, other_mode_state()]
        .into_iter()
        .filter_map(|state| {
            outcome(&attachments, planned(true, state))
                .interfaces
                .pop()?
                .error
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_start_leaves_the_mode_that_it_finds_and_a_reload_changes_it_once() {
    let mut attachments = Attachments::default();
    let interface = interface("wan0");
    let may = |attachments: &mut Attachments, wanted| {
        attachments.may_change(&interface, XdpMode::Generic, wanted)
    };
    assert!(!may(&mut attachments, Mode::Native));
    attachments.started = true;
    assert!(!may(&mut attachments, Mode::Native));
    attachments.retry_now();
    assert!(may(&mut attachments, Mode::Native));
    assert!(!may(&mut attachments, Mode::Native));
}

#[test]
fn another_mode_in_the_file_is_tried_once() {
    let mut attachments = Attachments {
        started: true,
        ..Attachments::default()
    };
    let interface = interface("wan0");
    let mut may = |wanted| attachments.may_change(&interface, XdpMode::Generic, wanted);
    assert!(may(Mode::Native));
    assert!(!may(Mode::Native));
}

#[tokio::test(start_paused = true)]
async fn a_mode_that_could_not_be_changed_is_not_tried_by_the_clock() {
    let mut attachments = Attachments::default();
    let interface = interface("wan0");
    let error = "no native XDP; it stays generic".to_owned();
    attachments.note(&interface, Mode::Native, Err(error.clone()));
    attachments.wait_for_change(&interface);
    assert_eq!(attachments.next_attempt(), None);
    let reported = outcome(&attachments, planned(true, other_mode_state()));
    assert!(reported.degraded);
    assert_eq!(reported.interfaces[0].error, Some(error));
}

fn other_mode_state() -> State {
    State::OtherMode {
        interface: interface("wan0"),
        link: Link {
            number: 0,
            interface: Some(7),
            program: 9,
        },
        now: XdpMode::Generic,
    }
}
