//! The verifier takes the filter in every form that a configuration can give it, and at a price
//! that leaves room: instructions walked through are a clock that no busy machine disturbs.

use xdp_fw::config::{Action, Config, Rule};
use xdp_fw_common::Dimension;
use xdp_fw_tests::kernel::Kernel;
use xdp_fw_tests::ruleset::{Criteria, config, drop};

/// Instructions that the verifier may walk through for the filter. Half as much again as the most
/// that 6.18 needed for this object, 20,918; the kernel gives up at a million. What exceeds it has
/// doubled a path: look for a new branch in a loop before raising it.
const BUDGET: u32 = 32_000;

/// Every subset of the dimensions.
fn subsets() -> impl Iterator<Item = Vec<Dimension>> {
    (0..1_u32 << Dimension::COUNT).map(|bits| {
        let is_in = |dimension: &Dimension| bits >> *dimension as u32 & 1 == 1;
        Dimension::ALL.into_iter().filter(is_in).collect()
    })
}

/// A rule with a criterion on each of these dimensions, in both families.
fn rule(dimensions: &[Dimension]) -> Rule {
    let addresses = "192.0.2.0/24, 2001:db8::/32";
    dimensions
        .iter()
        .fold(drop("all"), |rule, dimension| match dimension {
            Dimension::Source => rule.source(addresses),
            Dimension::Destination => rule.destination(addresses),
            Dimension::Protocol => rule.protocol("6"),
            Dimension::SourcePort => rule.source_port("1024-65535"),
            Dimension::DestinationPort => rule.destination_port("443"),
        })
}

/// The defaults, and what keeps more code alive: rules over malformed packets too.
fn policies(rule: Rule) -> [(&'static str, Config); 2] {
    let defaults = config([rule]);
    let more = Config {
        malformed: Action::Pass,
        ..defaults.clone()
    };
    [("defaults", defaults), ("malformed = pass", more)]
}

#[test]
fn the_verifier_accepts_every_subset_of_dimensions_within_the_budget() {
    let mut highest = 0;
    for dimensions in subsets() {
        for (policy, config) in policies(rule(&dimensions)) {
            let instructions = Kernel::load(&config).verified_instructions();
            println!("{instructions:>7}  {policy}, {dimensions:?}");
            highest = highest.max(instructions);
        }
    }
    println!("{highest:>7}  at most, of {BUDGET}");
    assert!(highest <= BUDGET, "{highest} instructions, of {BUDGET}");
}
