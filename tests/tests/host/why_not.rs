//! Why a rule did not decide: what `explain` reads from the configuration is what the core decided.

use std::sync::Arc;

use proptest::prelude::*;
use xdp_fw::config::Config;
use xdp_fw::explain::{Outcome, Subject, steps};
use xdp_fw_common::{Reason, Verdict};
use xdp_fw_tests::compiled::{Compiled, Said};
use xdp_fw_tests::generate;

fn judgement(said: &Said) -> xdp_fw::explain::Judgement {
    let reason = Reason::ALL
        .into_iter()
        .find(|reason| reason.name() == said.reason);
    xdp_fw::explain::Judgement {
        verdict: if said.verdict == "drop" {
            Verdict::Drop
        } else {
            Verdict::Pass
        },
        reason,
        essential: None,
        rule: said.rule.clone(),
    }
}

/// Sets as the parser leaves them: sorted, and none of their prefixes lies inside another.
fn merged(mut config: Config) -> Config {
    for set in config.sets.values_mut() {
        let mut prefixes: Vec<_> = set.prefixes.iter().collect();
        prefixes.dedup_by(|next, kept| kept.contains(next.ip()));
        set.prefixes = Arc::new(prefixes.into_iter().collect());
    }
    config
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_step_to_a_decision_is_the_cores(
        config in generate::few_rules().prop_map(merged),
        frames in proptest::collection::vec((generate::interface(), generate::frame()), 40),
    ) {
        let compiled = Compiled::new(&config);
        let host = compiled.host();
        for (interface, frame) in &frames {
            let (said, shadows) = host.judge(interface, frame);
            let subject = Subject::of(frame, Some(interface));
            let steps = steps(&config, &subject, &judgement(&said));
            let names = |wanted: &Outcome| -> Vec<String> {
                let steps = steps.iter().filter(|step| step.outcome == *wanted);
                steps.map(|step| step.rule.name.clone()).collect()
            };
            prop_assert_eq!(names(&Outcome::Unexplained), Vec::<String>::new(), "{}", said);
            prop_assert_eq!(names(&Outcome::Shadow), shadows, "{}", said);
            let decided: Vec<String> = said.rule.into_iter().collect();
            prop_assert_eq!(names(&Outcome::Decided), decided);
        }
    }
}
