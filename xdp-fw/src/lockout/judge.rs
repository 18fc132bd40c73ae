//! Which witnesses pass today and would not any more.
//!
//! Owns the comparison. Who judges a frame, the kernel or the host build of the core, is the
//! caller's to say.

use xdp_fw_common::{Reason, Verdict};

use super::witness::Witness;

/// What rules say of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// What happens.
    pub verdict: Verdict,
    /// Why.
    pub cause: Cause,
}

/// Why something happens to a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// This rule decides.
    Rule(String),
    /// No rule does; `None` for a reason of a newer version.
    Reason(Option<Reason>),
}

/// Someone who would be cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutOff {
    /// The first packet of theirs that would be dropped.
    pub witness: Witness,
    /// By what.
    pub cause: Cause,
}

/// Asks the new rules about every witness, and those of today about the ones that those drop.
/// Gives the first such packet of everyone.
///
/// # Errors
/// What `new` or `today` could not say.
pub fn cut_off<E>(
    witnesses: Vec<Witness>,
    mut new: impl FnMut(&Witness) -> Result<Fate, E>,
    mut today: impl FnMut(&Witness) -> Result<Verdict, E>,
) -> Result<Vec<CutOff>, E> {
    let mut found: Vec<CutOff> = Vec::new();
    for witness in witnesses {
        if found.iter().any(|cut| cut.witness.role == witness.role) {
            continue;
        }
        let fate = new(&witness)?;
        if fate.verdict == Verdict::Drop && today(&witness)? == Verdict::Pass {
            let cause = fate.cause;
            found.push(CutOff { witness, cause });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::witness::Role;
    use super::*;

    fn witness(address: &str, what: &'static str) -> Witness {
        Witness {
            role: Role::Gateway(address.parse().unwrap()),
            what,
            is_own: true,
            interface: 2,
            name: "eth0".to_owned(),
            frame: Vec::new(),
        }
    }

    fn found(new: &[&str], today: &[&str]) -> Vec<&'static str> {
        let witnesses = vec![
            witness("192.0.2.1", "a1"),
            witness("192.0.2.1", "a2"),
            witness("192.0.2.2", "b1"),
        ];
        let verdict = |dropped: &[&str], witness: &Witness| {
            if dropped.contains(&witness.what) {
                Verdict::Drop
            } else {
                Verdict::Pass
            }
        };
        let cut = cut_off::<()>(
            witnesses,
            |witness| {
                Ok(Fate {
                    verdict: verdict(new, witness),
                    cause: Cause::Rule("deny".to_owned()),
                })
            },
            |witness| Ok(verdict(today, witness)),
        );
        cut.unwrap().iter().map(|cut| cut.witness.what).collect()
    }

    #[test]
    fn what_passes_today_and_would_not_any_more_is_found() {
        assert_eq!(found(&["a2", "b1"], &[]), ["a2", "b1"]);
        assert!(found(&[], &["a1"]).is_empty());
    }

    #[test]
    fn what_is_dropped_today_is_no_loss() {
        assert_eq!(found(&["a2", "b1"], &["a2"]), ["b1"]);
    }

    #[test]
    fn of_everyone_the_first_packet_is_told() {
        assert_eq!(found(&["a1", "a2"], &[]), ["a1"]);
    }
}
