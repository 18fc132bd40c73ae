//! What a prepared generation must pass before it is committed.
//!
//! Owns the lock-out guard's place in a reload: what it is asked, and what its answer means. Never
//! commits anything. Who is to be protected is [`crate::guard`]'s to know.

use std::collections::BTreeSet;

use tracing::warn;
use xdp_fw_common::{Arrival, NoEffects, Verdict, decide};

use crate::config::Config;
use crate::datapath::{Datapath, Error, Prepared, Probe};
use crate::guard::{self, Cause, CutOff, Fate, Logins, Witness};
use crate::interfaces;
use crate::policy::{HostTables, LeftOut, Memo, Tables};

use super::candidate;
use super::kernel::blocking;
use super::lockout::LockOut;
use super::owner::Owner;
use super::refusal::{KernelError, chain};

/// The part of the daemon that is in trouble where the guard cannot see.
const PART: &str = "lock-out guard";

/// Whether the guard has a say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guarding {
    /// No: what is put into force has been there before.
    Off,
    /// Yes, as far as the configuration wants it.
    On,
    /// It is asked, and overridden.
    Forced,
    /// The same for what has been there before, and is wanted back.
    Back,
}

impl Guarding {
    /// Whether it has been in force before: then it is not refused for what it does.
    pub(super) fn has_been_in_force(self) -> bool {
        matches!(self, Self::Off | Self::Back)
    }

    /// What `--force` or its absence means.
    pub(super) fn unless(forced: bool) -> Self {
        if forced { Self::Forced } else { Self::On }
    }
}

/// What the guard asks a generation.
pub(super) struct Questions {
    witnesses: Vec<Witness>,
    today: Today,
    unseen: Vec<String>,
    /// Whoever is cut off is told, and not protected.
    forced: bool,
}

/// What decides whether a frame passes today: what would be in force if the new one is refused.
enum Today {
    /// The generation in force, on the interfaces that it is attached to.
    InForce,
    /// Nothing is in force, and a start would fall back to these.
    LastGood(Box<Tables>),
    /// Nothing is in force, and nothing would be.
    Nothing,
}

/// What the guard could not see, a sentence each.
#[derive(Debug, Default)]
pub(super) struct Unseen(Vec<String>);

impl Owner {
    /// What is to be asked before this configuration is committed; `None` for nothing.
    pub(super) async fn questions(
        &mut self,
        config: &Config,
        hash: [u8; 32],
        guarding: Guarding,
        logins: &Logins,
    ) -> Result<Option<Questions>, KernelError> {
        if guarding == Guarding::Off || !config.guard {
            return Ok(None);
        }
        let in_force = self.kernel.run(|datapath| datapath.in_force().cloned());
        let today = match in_force.await? {
            // Others may have come since, but it has always been so.
            Some(generation) if generation.config == hash => return Ok(None),
            Some(_) => Today::InForce,
            None => match self.last_good_tables(hash).await? {
                Some(Fallback::Same) => return Ok(None),
                Some(Fallback::Other(tables)) => Today::LastGood(tables),
                None => Today::Nothing,
            },
        };
        let surroundings = guard::look(logins).await;
        let is_filtered = |name: &str| {
            let mut patterns = config.interfaces.iter();
            patterns.any(|pattern| interfaces::matches(pattern, name))
        };
        Ok(Some(Questions {
            witnesses: surroundings.witnesses(is_filtered, asks_for_macs(config)),
            today,
            unseen: surroundings.unseen,
            forced: guarding != Guarding::On,
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
            let tables = candidate::tables(
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

    /// Tells what the guard could not see, or that it sees everything.
    pub(super) fn tell(&mut self, unseen: &Unseen) {
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

impl Questions {
    /// Asks the prepared generation, and about what it drops the rules of today. Where the kernel
    /// does not answer, nobody is cut off.
    pub(super) fn ask(
        self,
        datapath: &Datapath,
        new: &Prepared,
        tables: &Tables,
        config: &Config,
    ) -> Result<Unseen, LockOut> {
        let mut unseen = self.unseen;
        let cut_off = compare(self.witnesses, &self.today, datapath, new, tables);
        let cut_off = cut_off.unwrap_or_else(|error| {
            unseen.push(chain(&error));
            Vec::new()
        });
        match LockOut::new(cut_off, config) {
            Some(lock_out) if !self.forced => return Err(lock_out),
            Some(lock_out) => lock_out.lines().for_each(|line| warn!("forced: {line}")),
            None => {}
        }
        Ok(Unseen(unseen))
    }
}

fn compare(
    witnesses: Vec<Witness>,
    today: &Today,
    datapath: &Datapath,
    new: &Prepared,
    tables: &Tables,
) -> Result<Vec<CutOff>, Error> {
    let mut probe = new.probe()?;
    let new = |witness: &Witness| fate(&mut probe, witness, tables);
    match today {
        Today::Nothing => guard::cut_off(witnesses, new, |_| Ok(Verdict::Pass)),
        Today::LastGood(tables) => {
            let host = HostTables::new(tables);
            guard::cut_off(witnesses, new, |witness| Ok(judge(&host, witness)))
        }
        Today::InForce => {
            let links = datapath.links()?;
            let attached: BTreeSet<u32> = links.iter().filter_map(|link| link.interface).collect();
            let mut probe = datapath.probe()?;
            guard::cut_off(witnesses, new, |witness| {
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
