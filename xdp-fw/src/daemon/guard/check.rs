//! What a prepared generation must pass before it is committed.
//!
//! Owns the lock-out guard's place in a reload: what it is asked, and what its answer means. Never
//! commits anything. Who is to be protected is [`crate::lockout`]'s to know.

use std::collections::BTreeSet;

use tracing::warn;
use xdp_fw_common::{Arrival, NoEffects, Verdict, decide};

use crate::config::Config;
use crate::datapath::{Datapath, Error, Probe};
use crate::interfaces;
use crate::lockout::{self, Cause, CutOff, Fate, Witness};
use crate::policy::{HostTables, LeftOut, Memo, Tables};

use crate::daemon::apply::compile::{self, Candidate};
use crate::daemon::datapath_thread::blocking;
use crate::daemon::engine::Owner;
use crate::daemon::guard::expectations::{self, FailedExpectations};
use crate::daemon::guard::lock_out::LockOut;
use crate::daemon::guard::mode::GuardMode;
use crate::daemon::refusal::{KernelError, Refusal, chain};

/// The part of the daemon that is in trouble where the guard cannot see.
const PART: &str = "lock-out guard";

/// A candidate that passed what must be checked before it is committed.
pub(in crate::daemon) struct Checked {
    pub(in crate::daemon) candidate: Candidate,
    pub(in crate::daemon) failed_expectations: FailedExpectations,
    pub(in crate::daemon) blind_spots: BlindSpots,
}

/// What the guard asks a generation.
struct GuardCheck {
    witnesses: Vec<Witness>,
    today: Baseline,
    unseen: Vec<String>,
    /// Whoever is cut off is told, and not protected.
    forced: bool,
}

/// What decides whether a frame passes today: what would be in force if the new one is refused.
enum Baseline {
    /// The generation in force, on the interfaces that it is attached to.
    InForce,
    /// Nothing is in force, and a start would fall back to these.
    LastGood(Box<Tables>),
    /// Nothing is in force, and nothing would be.
    Nothing,
}

/// What the guard could not see, a sentence each.
#[derive(Debug, Default)]
pub(in crate::daemon) struct BlindSpots(Vec<String>);

impl Owner {
    /// Checks a candidate: its expectations, and whether it cuts off active sessions.
    pub(in crate::daemon) async fn check(
        &mut self,
        candidate: Candidate,
        mode: GuardMode,
    ) -> Result<Checked, Refusal> {
        let guard_check = self.guard_check(&candidate, mode).await?;
        let work = move |datapath: &mut Datapath| {
            let failed_expectations = expectations::check(&candidate, mode)?;
            let blind_spots = match guard_check {
                Some(check) => check.run(datapath, &candidate)?,
                None => BlindSpots::default(),
            };
            Ok(Checked {
                candidate,
                failed_expectations,
                blind_spots,
            })
        };
        self.kernel.run(work).await?
    }

    /// What the guard checks; `None` for nothing.
    async fn guard_check(
        &mut self,
        candidate: &Candidate,
        mode: GuardMode,
    ) -> Result<Option<GuardCheck>, KernelError> {
        let (config, hash) = (&candidate.config, candidate.hash);
        if mode == GuardMode::Off || !config.guard {
            return Ok(None);
        }
        let in_force = self.kernel.run(|datapath| datapath.in_force().cloned());
        let today = match in_force.await? {
            // Others may have come since, but it has always been so.
            Some(generation) if generation.config == hash => return Ok(None),
            Some(_) => Baseline::InForce,
            None => match self.last_good_tables(hash).await? {
                Some(Fallback::Same) => return Ok(None),
                Some(Fallback::Other(tables)) => Baseline::LastGood(tables),
                None => Baseline::Nothing,
            },
        };
        let surroundings = lockout::look(&candidate.logins).await;
        let is_filtered = |name: &str| {
            let mut patterns = config.interfaces.iter();
            patterns.any(|pattern| interfaces::matches(pattern, name))
        };
        Ok(Some(GuardCheck {
            witnesses: surroundings.witnesses(is_filtered, asks_for_macs(config)),
            today,
            unseen: surroundings.unseen,
            forced: mode != GuardMode::On,
        }))
    }

    /// What a start would fall back to.
    async fn last_good_tables(&self, hash: [u8; 32]) -> Result<Option<Fallback>, KernelError> {
        let main = &self.settings.config;
        if self.memory.has_last_good(main, &hash).await? {
            return Ok(Some(Fallback::Same));
        }
        let Ok(loaded) = self.memory.load_fallback(&self.settings.config).await else {
            return Ok(None);
        };
        if loaded.hash() == hash {
            return Ok(Some(Fallback::Same));
        }
        let path = self.settings.config.clone();
        let listed = interfaces::list().await?;
        let names: Vec<_> = listed
            .into_iter()
            .map(|it| (it.index, it.name.into()))
            .collect();
        let fallback = move || {
            let tables = compile::tables(
                &path,
                &loaded.config,
                &LeftOut::default(),
                &names,
                &Memo::default(),
            )
            .ok()?;
            Some(Fallback::Other(Box::new(tables)))
        };
        blocking(fallback).await
    }

    /// Reports what the guard could not see, or that it sees everything.
    pub(in crate::daemon) fn report_blind_spots(&mut self, unseen: &BlindSpots) {
        let unseen = unseen.0.join("; ");
        let trouble = (!unseen.is_empty()).then(|| format!("not everyone is protected: {unseen}"));
        self.trouble(PART, trouble);
    }
}

enum Fallback {
    /// What is to be put into force.
    Same,
    Other(Box<Tables>),
}

impl GuardCheck {
    /// Asks the candidate, and about what it drops the rules of today. Where the kernel does not
    /// answer, nobody is cut off.
    fn run(self, datapath: &Datapath, candidate: &Candidate) -> Result<BlindSpots, LockOut> {
        let mut unseen = self.unseen;
        let cut_off = compare(self.witnesses, &self.today, datapath, candidate);
        let cut_off = cut_off.unwrap_or_else(|error| {
            unseen.push(chain(&error));
            Vec::new()
        });
        match LockOut::new(cut_off, &candidate.config) {
            Some(lock_out) if !self.forced => return Err(lock_out),
            Some(lock_out) => lock_out.lines().for_each(|line| warn!("forced: {line}")),
            None => {}
        }
        Ok(BlindSpots(unseen))
    }
}

fn compare(
    witnesses: Vec<Witness>,
    today: &Baseline,
    datapath: &Datapath,
    candidate: &Candidate,
) -> Result<Vec<CutOff>, Error> {
    let mut probe = candidate.prepared.probe()?;
    let new = |witness: &Witness| fate(&mut probe, witness, &candidate.tables);
    match today {
        Baseline::Nothing => lockout::cut_off(witnesses, new, |_| Ok(Verdict::Pass)),
        Baseline::LastGood(tables) => {
            let host = HostTables::new(tables);
            lockout::cut_off(witnesses, new, |witness| Ok(judge(&host, witness)))
        }
        Baseline::InForce => {
            let links = datapath.links()?;
            let attached: BTreeSet<u32> = links.iter().filter_map(|link| link.interface).collect();
            let mut probe = datapath.probe()?;
            lockout::cut_off(witnesses, new, |witness| {
                if !attached.contains(&witness.interface) {
                    return Ok(Verdict::Pass);
                }
                let probed = probe.run(&witness.frame, None, witness.interface)?;
                Ok(probed.verdict)
            })
        }
    }
}

fn fate(probe: &mut Probe, witness: &Witness, tables: &Tables) -> Result<Fate, Error> {
    let probed = probe.run(&witness.frame, None, witness.interface)?;
    let rule = probed.rule.and_then(|rule| tables.rules.get(rule as usize));
    let cause = match rule {
        Some(rule) => Cause::Rule(rule.name.clone()),
        None => Cause::Reason(probed.reason),
    };
    Ok(Fate {
        verdict: probed.verdict,
        cause,
    })
}

/// By the host build of the core: the kernel has not loaded these rules.
fn judge(tables: &HostTables<'_>, witness: &Witness) -> Verdict {
    let arrival = Arrival {
        interface: witness.interface,
        length: witness.frame.len(),
        now: 0,
    };
    decide(&witness.frame[..], &arrival, tables, &mut NoEffects).verdict
}

/// Whether any rule asks for Ethernet addresses.
fn asks_for_macs(config: &Config) -> bool {
    let mut rules = config.rules.iter().filter(|rule| rule.enabled);
    rules.any(|rule| rule.source_mac.is_some() || rule.destination_mac.is_some())
}
