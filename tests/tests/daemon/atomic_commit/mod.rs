//! Exactly old or exactly new: under a flood on two interfaces, every packet's fate is what one
//! rule set says, a commit loses none, and each is counted once.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod rulesets;
mod stream;

mod heavy {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Instant;

    use serde_json::Value;
    use xdp_fw_tests::daemon::Daemon;
    use xdp_fw_tests::netns::Netns;
    use xdp_fw_tests::two_hosts::packets;
    use xdp_fw_tests::veth::{End, Veth};

    use super::rulesets::{PREFIXES, RuleSet};
    use super::stream::{Seen, Stream};

    const FLIPS: u32 = 500;
    const EDGE_DEVICES: [&str; 2] = ["e0", "e1"];

    /// Asks a stream what has become of everything that it has sent.
    type Ask = mpsc::Sender<mpsc::Sender<Seen>>;

    fn ask(stream: &Ask) -> Seen {
        let (reply, answer) = mpsc::channel();
        let asked = stream.send(reply).ok().and_then(|()| answer.recv().ok());
        asked.expect("the stream runs; what ended it is above")
    }

    /// Everything that `stats` counts, by verdict; each packet is to be in there once.
    fn counted(stats: &Value, verdict: &str) -> u64 {
        let rows = |name: &str, key| {
            let rows = stats.get(name).and_then(Value::as_array).cloned();
            let rows = rows.unwrap_or_default().into_iter();
            rows.filter(move |row| row.get(key).is_some_and(|met| met == verdict))
        };
        let rows = rows("rules", "action").chain(rows("reasons", "verdict"));
        rows.filter_map(|row| row.get("packets")?.as_u64()).sum()
    }

    fn no_packet_without_a_rule(stats: &Value) {
        assert_eq!(
            stats.pointer("/default/packets"),
            Some(&0.into()),
            "{stats}"
        );
        let reasons = stats.get("reasons").and_then(Value::as_array);
        for row in reasons.into_iter().flatten() {
            let none = row.get("packets").is_some_and(|packets| packets == 0);
            let of_rule = row.get("reason").is_some_and(|reason| reason == "rule");
            assert!(none || of_rule, "decided by no rule: {row}");
        }
    }

    /// Puts it into force, and has both streams meet it.
    fn flip(daemon: &Daemon<'_>, text: &str, to: RuleSet, streams: [&Ask; 2], number: u32) {
        daemon.write_config(text);
        daemon.forget_messages();
        let reload = daemon.cli(&["reload"]);
        assert!(reload.status.success(), "flip {number}: {reload:?}");
        for stream in streams {
            // What was sent since the reload ended has met the new rules, and no other since.
            let seen = ask(stream);
            assert_eq!((seen.decided, seen.changes), (to, number), "flip {number}");
        }
    }

    #[test]
    fn every_packet_of_a_flood_meets_one_of_two_rule_sets_while_they_change_500_times() {
        let [client, edge] = ["flips-c", "flips-e"].map(Netns::new);
        let _cables = EDGE_DEVICES.map(|device| {
            let near = device.replace('e', "c");
            Veth::new(End::new(&client, &near), End::new(&edge, device))
        });
        let texts = [RuleSet::BySource, RuleSet::ByDestination].map(|set| set.text(&EDGE_DEVICES));
        let [by_source, by_destination] = &texts;
        let daemon = Daemon::start(&edge, by_source);
        let start = Instant::now();

        let seen = thread::scope(|scope| {
            let streams = EDGE_DEVICES.map(|device| {
                let near = device.replace('e', "c");
                let stream = Stream::new((&client, &near), (&edge, device), RuleSet::BySource);
                let (ask, requests) = mpsc::channel();
                (ask, scope.spawn(move || stream.run(&requests)))
            });
            let [(first, _), (second, _)] = &streams;
            let mut in_force = RuleSet::BySource;
            for number in 1..=FLIPS {
                in_force = in_force.other();
                let text = match in_force {
                    RuleSet::BySource => by_source,
                    RuleSet::ByDestination => by_destination,
                };
                flip(&daemon, text, in_force, [first, second], number);
            }
            streams.map(|(ask, stream)| {
                drop(ask);
                stream.join().expect("what ended it is above")
            })
        });

        let took = start.elapsed();
        for (device, seen) in EDGE_DEVICES.iter().zip(&seen) {
            println!(
                "{device}: sent {}, passed {}, dropped {}, rule sets of {PREFIXES} prefixes \
                 flipped {} times in {took:.1?}, longest gap {:?}",
                seen.sent,
                seen.passed,
                seen.sent - seen.passed,
                seen.changes,
                seen.longest_gap
            );
        }
        let stats = daemon.stats();
        no_packet_without_a_rule(&stats);
        let passed: u64 = seen.iter().map(|seen| seen.passed).sum();
        let sent: u64 = seen.iter().map(|seen| seen.sent).sum();
        assert_eq!(packets(&stats, "open"), passed);
        assert_eq!(counted(&stats, "pass"), passed);
        assert_eq!(counted(&stats, "drop"), sent - passed);
    }
}
