use super::*;

fn content(seed: u8) -> Content {
    let file = |name: &str| (hexadecimal(&[seed; 32]), PathBuf::from(name));
    Content {
        hash: [seed; 32],
        files: vec![file("/etc/xdp-fw.toml"), file("/etc/with space\n")],
    }
}

fn trial(seed: u8) -> Trial {
    Trial {
        content: content(seed),
        base: 7,
        until: Deadline {
            wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
            boot_time: Duration::from_millis(12_345_678),
            boot: "0e0a1f1c-7a2b-4d7a-9c3c-1f2e3d4c5b6a".to_owned(),
        },
    }
}

#[test]
fn what_is_written_is_read_again() {
    let all = Index {
        last_good: Some(content(1)),
        previous: Some(content(2)),
        trial: Some(trial(3)),
        former: Some(content(5)),
        refused: Some([4; 32]),
        cut_off: Some([5; 32]),
    };
    let none = Index::default();
    let one = Index {
        trial: Some(trial(3)),
        ..Index::default()
    };
    for index in [all, none, one] {
        assert_eq!(Index::parse(&index.text()), Ok(index));
    }
}

#[test]
fn a_trial_becomes_the_last_good_one_and_that_the_previous() {
    let before = Index::default().in_force(content(1)).in_force(content(2));
    assert_eq!(before.previous, Some(content(1)));
    let on_trial = Index {
        trial: Some(trial(3)),
        ..before.clone()
    };
    let confirmed = on_trial.confirmed();
    assert_eq!(confirmed.last_good, Some(content(3)));
    assert_eq!(confirmed.previous, Some(content(2)));
    assert_eq!(confirmed.trial, None);
    assert_eq!(before.clone().confirmed(), before);
}

#[test]
fn what_the_guard_refused_stays_refused_while_something_else_is_tried_and_confirmed() {
    let refused = Index {
        cut_off: Some([4; 32]),
        ..Index::default()
            .in_force(content(1))
            .on_trial(trial(3), None)
    };
    assert_eq!(
        refused.clone().on_trial(trial(3), None).cut_off,
        Some([4; 32])
    );
    assert_eq!(refused.clone().confirmed().cut_off, Some([4; 32]));
    // It was forced, or passes by now; or the file says something else.
    assert_eq!(refused.clone().on_trial(trial(4), None).cut_off, None);
    assert_eq!(refused.in_force(content(2)).cut_off, None);
}

#[test]
fn what_is_in_force_on_trial_is_kept_until_another_edit_has_replaced_it() {
    let second = Index::default()
        .in_force(content(1))
        .on_trial(trial(2), Some([1; 32]))
        .on_trial(trial(3), Some([2; 32]));
    assert_eq!(second.former, Some(content(2)));
    // A start tries it again, or what the file says by then.
    for next in [2, 3, 4] {
        let retried = second.clone().on_trial(trial(next), Some([2; 32]));
        assert_eq!(retried.former, Some(content(2)), "{next}");
        assert_eq!(retried.tried(&[2; 32]), Some(&content(2)), "{next}");
    }
    assert_eq!(second.clone().on_trial(trial(4), None).former, None);
    assert_eq!(second.tried(&[1; 32]), None);
}

#[test]
fn what_another_file_put_into_force_is_not_what_was_before() {
    let mut other = content(2);
    other.files[0].1 = PathBuf::from("/srv/test.toml");
    let index = Index::default().in_force(content(1)).in_force(other);
    assert_eq!(index.previous, None);
    let index = index.in_force(content(3));
    assert_eq!(index.previous, None);
    assert_eq!(index.in_force(content(4)).previous, Some(content(3)));
}

#[test]
fn what_is_in_force_again_does_not_push_the_previous_one_out() {
    let index = Index::default().in_force(content(1)).in_force(content(2));
    assert_eq!(index.clone().in_force(content(2)), index);
    assert_eq!(index.swapped().last_good, Some(content(1)));
}
