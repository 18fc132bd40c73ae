//! The order of evaluation.

use bytemuck::Pod;

use super::stack::{
    Ipv4, Ipv6, Stack, eth, extension, icmp, ipv4, ipv4_fragment, ipv6, other, tcp, udp, upper,
    vlan, with_ports,
};
use super::tables::{Plain, Recorder, default_drop, row, rule};
use super::{arrival, decide_bytes};
use crate::packet::ETHERTYPE_ARP;
use crate::tables::{ROW_WORDS, RULES_MAX};
use crate::wire::reason_slot;
use crate::{
    Decision, Dimension, Essential, Essentials, Frame, NoEffects, Reason, Verdict, decide,
};

fn decided(stack: &Stack, tables: &Plain) -> Decision {
    decide_bytes(&stack.bytes(), tables)
}

/// That no rule decided, and that it is counted where it should.
#[track_caller]
fn assert_because(decision: Decision, reason: Reason, verdict: Verdict) {
    let expected = Decision {
        verdict,
        reason,
        rule: None,
        slot: reason_slot(reason, verdict),
    };
    assert_eq!(decision, expected);
}

/// That it passes as an essential of this kind, and is counted there alone.
#[track_caller]
fn assert_essential(decision: Decision, kind: Essential) {
    let expected = Decision {
        verdict: Verdict::Pass,
        reason: Reason::Essential,
        rule: None,
        slot: kind.slot(),
    };
    assert_eq!(decision, expected);
}

#[track_caller]
fn assert_rule(decision: Decision, index: u32, verdict: Verdict, slot: u32) {
    let expected = Decision {
        verdict,
        reason: Reason::Rule,
        rule: Some(index),
        slot,
    };
    assert_eq!(decision, expected);
}

fn ordinary() -> Stack {
    eth() / ipv4() / tcp(40_000, 443)
}

/// An IP length beyond the frame.
fn malformed() -> Stack {
    let total = Some(1000);
    eth() / Ipv4 { total, ..ipv4() } / tcp(40_000, 443)
}

/// `rules` drop and count in 1000 and on; classes 0, 1 and 2 leave the rules of `rows`.
fn with_rules(used: &[Dimension], rows: [&[usize]; 3], rules: u32) -> Plain {
    let mut tables = Plain {
        has_rules: true,
        rows: rows.map(row).to_vec(),
        rules: (0..rules).map(|n| rule(Verdict::Drop, 1000 + n)).collect(),
        default_action: Verdict::Pass,
        address: 2,
        number: Some(2),
        key: 2,
        ..default_drop()
    };
    for &dimension in used {
        tables.used[dimension as usize] = true;
    }
    tables
}

/// The dimensions that a TCP packet has.
fn of_tcp() -> Vec<Dimension> {
    let all = Dimension::ALL.into_iter();
    all.filter(|&dimension| dimension != Dimension::Icmp)
        .collect()
}

#[test]
fn without_rules_the_default_decides() {
    for verdict in Verdict::ALL {
        let tables = Plain {
            default_action: verdict,
            ..default_drop()
        };
        assert_because(decided(&ordinary(), &tables), Reason::Default, verdict);
    }
}

#[test]
fn what_is_not_ip_follows_its_own_policy_and_arp_is_essential_first() {
    let wake_on_lan = eth() / other(0x0842, &[0; 50]);
    let arp = eth() / vlan(7) / other(ETHERTYPE_ARP, &[0; 28]);
    for verdict in Verdict::ALL {
        let mut tables = Plain {
            non_ip: verdict,
            ..with_rules(&[], [&[], &[], &[]], 1)
        };
        assert_because(decided(&wake_on_lan, &tables), Reason::NonIp, verdict);
        assert_essential(decided(&arp, &tables), Essential::Arp);
        tables.essentials = Essentials::NONE;
        assert_because(decided(&arp, &tables), Reason::NonIp, verdict);
    }
}

#[test]
fn essentials_pass_before_the_rules_only_if_they_are_on() {
    let path_mtu = eth() / ipv4() / icmp(3, 4);
    let mut tables = with_rules(&[Dimension::Source], [&[], &[], &[0]], 1);
    assert_essential(decided(&path_mtu, &tables), Essential::PathMtu);
    tables.essentials = Essentials::NONE;
    assert_rule(decided(&path_mtu, &tables), 0, Verdict::Drop, 1000);
}

#[test]
fn a_malformed_packet_drops_under_its_flaw() {
    let tables = with_rules(&[Dimension::Source], [&[], &[], &[0]], 1);
    assert_because(
        decided(&malformed(), &tables),
        Reason::IpLength,
        Verdict::Drop,
    );
}

#[test]
fn a_malformed_packet_that_may_pass_is_judged_by_its_addresses() {
    let mut tables = Plain {
        malformed: Verdict::Pass,
        ..with_rules(&[Dimension::Source], [&[1], &[], &[0, 1]], 2)
    };
    assert_rule(decided(&malformed(), &tables), 0, Verdict::Drop, 1000);

    // Ports and protocol are absent, and so is every criterion on them satisfied by none.
    for dimension in [
        Dimension::Protocol,
        Dimension::SourcePort,
        Dimension::DestinationPort,
    ] {
        tables.used = [false; Dimension::COUNT];
        tables.used[dimension as usize] = true;
        assert_rule(decided(&malformed(), &tables), 1, Verdict::Drop, 1001);
        assert_rule(decided(&ordinary(), &tables), 0, Verdict::Drop, 1000);
    }
}

#[test]
fn a_malformed_packet_without_addresses_is_in_no_prefix_and_not_outside_either() {
    let tables = Plain {
        malformed: Verdict::Pass,
        address: 1,
        ..with_rules(
            &[Dimension::Source, Dimension::Destination],
            [&[1], &[0, 1], &[]],
            2,
        )
    };
    let cut_off = eth() / other(0x0800, &[0x45; 19]);
    assert_rule(decided(&cut_off, &tables), 1, Verdict::Drop, 1001);
    assert_rule(decided(&ordinary(), &tables), 0, Verdict::Drop, 1000);
}

/// A policy under which everything passes that can.
fn everything_passes() -> Plain {
    Plain {
        malformed: Verdict::Pass,
        default_action: Verdict::Pass,
        ..default_drop()
    }
}

#[test]
fn a_third_tag_drops_under_any_policy_for_the_stack_may_take_it_off() {
    let third_tag = eth() / vlan(0) / vlan(0) / vlan(0) / ipv4() / tcp(1, 2);
    assert_because(
        decided(&third_tag, &everything_passes()),
        Reason::VlanDepth,
        Verdict::Drop,
    );
}

#[test]
fn extension_headers_drop_under_any_policy_for_the_stack_walks_on() {
    let nine = (0..9).fold(eth() / ipv6(), |stack, _| stack / extension(60, 0));
    let payload = Some(0);
    let empty = eth() / Ipv6 { payload, ..ipv6() } / extension(0, 0);
    for stack in [nine / udp(1, 2), empty / udp(1, 2)] {
        assert_because(
            decided(&stack, &everything_passes()),
            Reason::ExtensionHeaders,
            Verdict::Drop,
        );
    }
}

#[test]
fn a_martian_drops_under_any_policy() {
    let source = [127, 0, 0, 1].into();
    assert_because(
        decided(
            &(eth() / Ipv4 { source, ..ipv4() } / udp(1, 2)),
            &everything_passes(),
        ),
        Reason::Martian,
        Verdict::Drop,
    );
}

#[test]
fn a_tiny_fragment_that_hides_what_rules_ask_for_drops_under_any_policy() {
    for (offset, more, upper) in [
        (0, true, with_ports(6, 1, 443, 15)),
        (0, true, with_ports(132, 1, 443, 7)),
        (0, true, upper(17, &[0, 1, 0, 2])),
        (0, true, upper(1, &[8, 0])),
        (1, false, with_ports(6, 1, 443, 64)),
    ] {
        assert_because(
            decided(
                &(eth() / ipv4_fragment(offset, more) / upper),
                &everything_passes(),
            ),
            Reason::TinyFragment,
            Verdict::Drop,
        );
    }
}

#[test]
fn a_tiny_fragment_that_shows_what_rules_ask_for_is_judged_if_malformed_passes() {
    let ruled = |dimension| Plain {
        malformed: Verdict::Pass,
        default_action: Verdict::Pass,
        ..with_rules(&[dimension], [&[], &[], &[0]], 1)
    };
    for protocol_and_size in [(6, 16), (132, 8), (33, 8)] {
        let (protocol, size) = protocol_and_size;
        let tiny = eth() / ipv4_fragment(0, true) / with_ports(protocol, 1, 443, size);
        for dimension in [
            Dimension::Protocol,
            Dimension::DestinationPort,
            Dimension::Ttl,
        ] {
            assert_rule(decided(&tiny, &ruled(dimension)), 0, Verdict::Drop, 1000);
        }
        assert_because(
            decided(&tiny, &everything_passes()),
            Reason::TinyFragment,
            Verdict::Pass,
        );
        let strict = Plain {
            malformed: Verdict::Drop,
            ..everything_passes()
        };
        assert_because(decided(&tiny, &strict), Reason::TinyFragment, Verdict::Drop);
    }
}

#[test]
fn a_malformed_packet_that_no_rule_matches_counts_its_flaw_with_the_default() {
    for verdict in Verdict::ALL {
        let tables = Plain {
            malformed: Verdict::Pass,
            default_action: verdict,
            ..default_drop()
        };
        assert_because(decided(&malformed(), &tables), Reason::IpLength, verdict);
    }
}

#[test]
fn a_malformed_packet_is_never_essential() {
    let path_mtu = |total| eth() / Ipv4 { total, ..ipv4() } / icmp(3, 4);
    let tables = Plain {
        malformed: Verdict::Pass,
        ..default_drop()
    };
    assert_because(
        decided(&path_mtu(Some(1000)), &tables),
        Reason::IpLength,
        Verdict::Drop,
    );
    assert_essential(decided(&path_mtu(None), &tables), Essential::PathMtu);
}

#[test]
fn the_lowest_rule_left_by_every_dimension_decides() {
    let mut tables = with_rules(&of_tcp(), [&[], &[], &[]], RULES_MAX as u32);
    for first in [0, 1, 63, 64, 65, 2111, RULES_MAX - 1] {
        tables.rows[2] = row(&[first, RULES_MAX - 1]);
        let index = first as u32;
        for stack in [ordinary(), eth() / ipv6() / tcp(1, 2)] {
            assert_rule(decided(&stack, &tables), index, Verdict::Drop, 1000 + index);
        }
    }
    tables.rows[2] = row(&[]);
    assert_because(
        decided(&ordinary(), &tables),
        Reason::Default,
        Verdict::Pass,
    );
}

#[test]
fn words_that_the_summaries_promise_and_the_rows_do_not_keep_are_passed_over() {
    // Addresses leave odd rules, numbers even ones, of every word: no word has a rule in common.
    let mut tables = with_rules(
        &[Dimension::Source, Dimension::Protocol],
        [&[], &[], &[]],
        RULES_MAX as u32,
    );
    let odd: Vec<usize> = (0..ROW_WORDS).map(|word| word * 64 + 1).collect();
    let mut even: Vec<usize> = (0..ROW_WORDS).map(|word| word * 64).collect();
    tables.rows = vec![row(&[]), row(&even), row(&odd)];
    tables.number = Some(1);
    assert_because(
        decided(&ordinary(), &tables),
        Reason::Default,
        Verdict::Pass,
    );

    even.push(RULES_MAX - 63);
    tables.rows[1] = row(&even);
    let last = RULES_MAX as u32 - 63;
    assert_rule(
        decided(&ordinary(), &tables),
        last,
        Verdict::Drop,
        1000 + last,
    );
}

#[test]
fn broken_tables_drop_as_internal_whatever_the_default() {
    let sound = Plain {
        default_action: Verdict::Pass,
        malformed: Verdict::Pass,
        ..with_rules(&of_tcp(), [&[], &[], &[0]], 1)
    };
    let broken = [
        Plain {
            rules: Vec::new(),
            ..sound.clone()
        },
        Plain {
            rows: Vec::new(),
            ..sound.clone()
        },
        Plain {
            number: None,
            ..sound.clone()
        },
        Plain {
            number: Some(u32::MAX),
            ..sound.clone()
        },
        Plain {
            address: 3,
            ..sound.clone()
        },
        Plain {
            key: 3,
            ..sound.clone()
        },
        // A bit for which there is no rule.
        Plain {
            rows: [&[][..], &[], &[1]].map(row).to_vec(),
            ..sound.clone()
        },
    ];
    for has_single_word_rows in [false, true] {
        let rows = |tables: &Plain| Plain {
            has_single_word_rows,
            ..tables.clone()
        };
        assert_rule(decided(&ordinary(), &rows(&sound)), 0, Verdict::Drop, 1000);
        for tables in &broken {
            assert_because(
                decided(&ordinary(), &rows(tables)),
                Reason::Internal,
                Verdict::Drop,
            );
        }
    }
}

#[test]
fn a_rule_with_an_unknown_verdict_drops() {
    let mut tables = with_rules(&[Dimension::Source], [&[], &[], &[0]], 1);
    tables.rules[0].verdict = 7;
    assert_rule(decided(&ordinary(), &tables), 0, Verdict::Drop, 1000);
}

#[test]
fn every_reason_is_met_by_some_frame() {
    let tables = default_drop();
    let ruled = with_rules(&[], [&[]; 3], 1);
    let frame = ordinary().bytes();
    let of = |frame: &[u8], tables: &Plain| decide_bytes(frame, tables).reason;
    let version = Ipv4 {
        version: 5,
        ..ipv4()
    };
    let words = Ipv4 { words: 4, ..ipv4() };
    let loopback = Ipv4 {
        source: [127, 0, 0, 1].into(),
        ..ipv4()
    };
    let payload = Some(7);
    let short = Ipv6 { payload, ..ipv6() };
    let broken = Plain {
        has_rules: true,
        ..default_drop()
    };
    let mut met = vec![
        of(&frame, &ruled),
        of(&frame, &tables),
        of(&(eth() / ipv4() / icmp(3, 4)).bytes(), &tables),
        of(&(eth() / other(0x0842, &[])).bytes(), &tables),
        of(&frame, &broken),
        of(&frame[..13], &tables),
        of(&(eth() / vlan(1)).bytes()[..17], &tables),
        of(&(eth() / vlan(1) / vlan(2) / vlan(3)).bytes(), &tables),
        of(&frame[..33], &tables),
        of(&(eth() / version).bytes(), &tables),
        of(&(eth() / words).bytes(), &tables),
        of(&malformed().bytes(), &tables),
        of(&(eth() / short / extension(60, 0)).bytes(), &tables),
        of(
            &(eth() / ipv4_fragment(1, false) / tcp(1, 2)).bytes(),
            &tables,
        ),
        of(&(eth() / loopback / tcp(1, 2)).bytes(), &tables),
    ];
    met.sort_unstable();
    assert_eq!(met, Reason::ALL);
}

/// A frame of which only the first `reads` reads succeed.
struct Failing<'a> {
    bytes: &'a [u8],
    reads: std::cell::Cell<usize>,
}

impl Frame for Failing<'_> {
    fn length(&self) -> usize {
        self.bytes.len()
    }

    fn load<H: Pod>(&self, offset: usize) -> Option<H> {
        self.reads.set(self.reads.get().checked_sub(1)?);
        self.bytes.load(offset)
    }

    fn start(&self) -> Option<impl Frame> {
        None::<&[u8]>
    }
}

#[test]
fn a_read_that_fails_anywhere_never_passes_by_accident() {
    let options = extension(60, 0);
    for (stack, reads) in [
        (eth() / vlan(1) / vlan(2) / ipv4() / tcp(1, 2), 5),
        (eth() / ipv6() / options.clone() / options / tcp(1, 2), 5),
    ] {
        let frame = stack.bytes();
        let tables = Plain {
            default_action: Verdict::Pass,
            ..default_drop()
        };
        for succeed in 0..=reads {
            let frame = Failing {
                bytes: &frame,
                reads: succeed.into(),
            };
            let decision = decide(&frame, &arrival(&frame), &tables, &mut NoEffects);
            assert_eq!(decision.verdict == Verdict::Pass, succeed == reads);
        }
        // Even where malformed packets may pass, a read inside the packet cannot fail.
        let frame = Failing {
            bytes: &frame,
            reads: (reads - 1).into(),
        };
        let tables = Plain {
            malformed: Verdict::Pass,
            ..tables
        };
        let decision = decide(&frame, &arrival(&frame), &tables, &mut NoEffects);
        assert_because(decision, Reason::Internal, Verdict::Drop);
    }
}

#[test]
fn packet_without_a_counter_drops_as_internal() {
    let frame = ordinary().bytes();
    let frame = frame.as_slice();
    let tables = Plain {
        default_action: Verdict::Pass,
        ..default_drop()
    };
    let default = reason_slot(Reason::Default, Verdict::Pass);
    let internal = reason_slot(Reason::Internal, Verdict::Drop);
    for (missing, counted) in [
        (vec![default], vec![(internal, arrival(frame))]),
        (vec![default, internal], vec![]),
    ] {
        let mut effects = Recorder {
            missing,
            ..Recorder::default()
        };
        let decision = decide(frame, &arrival(frame), &tables, &mut effects);
        assert_because(decision, Reason::Internal, Verdict::Drop);
        assert_eq!(effects.counted, counted);
    }
}
