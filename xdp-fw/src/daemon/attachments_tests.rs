use super::*;
use crate::config::Mode;
use crate::datapath::Link;
use crate::interfaces::{XdpMode, XdpState};

fn interface(name: &str) -> Interface {
    Interface {
        index: 7,
        name: name.to_owned(),
        ethernet: true,
        kind: None,
        up: true,
        mtu: 9000,
        xdp: None,
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

fn not_ethernet_state() -> State {
    let mut interface = interface("wan0");
    interface.ethernet = false;
    interface.kind = Some("tun".to_owned());
    State::NotEthernet { interface }
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
    attachments.note(&before, Err("MTU too large".to_owned()));
    assert!(!attachments.is_due(&before));
    assert!(attachments.is_due(&Interface {
        mtu: 1500,
        ..before.clone()
    }));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(attachments.is_due(&before));
    attachments.note(&before, Err("MTU too large".to_owned()));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(!attachments.is_due(&before));
    attachments.retry_now();
    assert!(attachments.is_due(&before));
    attachments.note(&before, Ok(()));
    assert_eq!(attachments.next_attempt(), None);
}

#[tokio::test]
async fn a_failure_nobody_cares_about_any_more_is_forgotten() {
    let mut attachments = Attachments::default();
    attachments.note(&interface("wan0"), Err("no".to_owned()));
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
            program: 9,
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
    assert!(degraded(true, not_ethernet_state()));
    assert!(!degraded(false, not_ethernet_state()));
    let mode = XdpMode::Native;
    assert!(!degraded(true, State::Attached { interface, mode }));
}

#[test]
fn each_state_is_told_with_a_remedy() {
    let attachments = Attachments::default();
    let foreign = State::Foreign {
        interface: interface("wan0"),
        program: 9,
    };
    let told: Vec<String> = [State::Missing, not_ethernet_state(), foreign]
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

#[tokio::test(start_paused = true)]
async fn a_mode_that_could_not_be_changed_is_not_tried_by_the_clock() {
    let mut attachments = Attachments::default();
    let interface = interface("wan0");
    attachments.note(
        &interface,
        Err("no native XDP; it stays generic".to_owned()),
    );
    attachments.wait_for_change(&interface);
    assert_eq!(attachments.next_attempt(), None);
    tokio::time::advance(Duration::from_secs(3_600)).await;
    assert!(!attachments.is_due(&interface));
    let link = Link {
        number: 0,
        interface: Some(7),
        program: 9,
    };
    let now = XdpMode::Generic;
    let state = State::OtherMode {
        interface: interface.clone(),
        link,
        now,
    };
    assert!(outcome(&attachments, planned(true, state)).degraded);
    attachments.retry_now();
    assert!(attachments.is_due(&interface));
}
