use super::*;
use crate::config::Mode;
use crate::datapath::{Foreign, Hook, Link};
use crate::interfaces::{XdpMode, XdpState};

fn interface(name: &str) -> Interface {
    Interface {
        index: 7,
        name: crate::names::InterfaceName::from_text(name),
        flaw: None,
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
        hook: Hook::XdpIngress,
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
    attachments
        .failures
        .note_attempt(&interface, Mode::Native, Err(error.clone()));
    attachments.failures.wait_for_change(&interface);
    assert_eq!(attachments.next_attempt(), None);
    let reported = outcome(&attachments, planned(true, other_mode_state()));
    assert!(reported.degraded);
    assert_eq!(reported.interfaces[0].error, Some(error));
}

fn other_mode_state() -> State {
    State::OtherMode {
        interface: interface("wan0"),
        link: Link {
            hook: Hook::XdpIngress,
            number: 0,
            interface: Some(7),
            program: 9,
        },
        now: XdpMode::Generic,
    }
}

#[tokio::test]
async fn a_mode_that_could_not_be_changed_is_left_and_one_that_got_lost_is_tried_again() {
    let mut attachments = Attachments::default();
    let interface = interface("wan0");
    let refused = || Err("no memory for rings".to_owned());
    let other_mode = State::OtherMode {
        interface: interface.clone(),
        link: Link {
            hook: Hook::XdpIngress,
            number: 0,
            interface: Some(7),
            program: 9,
        },
        now: XdpMode::Native,
    };
    attachments
        .failures
        .note_attempt(&interface, Mode::Generic, refused());
    attachments.note_restored(&planned(
        true,
        State::Detached {
            interface: interface.clone(),
        },
    ));
    assert!(attachments.next_attempt().is_some());
    attachments.note_restored(&planned(true, other_mode));
    assert_eq!(attachments.next_attempt(), None);
}
