//! Who is left out of which set: those who are logged in, when what bans them is the content of a set.
//!
//! Owns the decision (`docs/adr/0026`), and what is said of it. What that does to a set is
//! `policy`'s; who is logged in is `guard`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use tracing::{info, warn};

use crate::config::{Config, Prefixes};
use crate::lockout::{self, LoginSource, Logins};
use crate::policy::{LeftOut, only_dropped};

use crate::daemon::engine::Owner;
use crate::daemon::guard::mode::GuardMode;
use crate::daemon::refusal::KernelError;
use crate::daemon::status;

/// The sets of the configuration in force, as far as the next one is compared with them.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::daemon) struct Before {
    sets: BTreeMap<String, Arc<Prefixes>>,
    /// Those that only drop rules name.
    dropped: BTreeSet<String>,
}

impl Before {
    pub(in crate::daemon) fn of(config: &Config) -> Self {
        let sets = config.sets.iter();
        let dropped = only_dropped(config).into_iter();
        Self {
            sets: sets
                .map(|(name, set)| (name.clone(), Arc::clone(&set.prefixes)))
                .collect(),
            dropped: dropped.map(str::to_owned).collect(),
        }
    }

    /// Whether drop rules named the set, and it did not have the address.
    fn spared(&self, set: &str, address: IpAddr) -> bool {
        let prefixes = self.sets.get(set).filter(|_| self.dropped.contains(set));
        prefixes.is_some_and(|prefixes| !prefixes.contains(address))
    }
}

/// What is left out of the sets of a configuration: `before` is what was in force before it, and
/// `already` what was left out of that.
pub(in crate::daemon) fn decide(
    config: &Config,
    before: Option<&Before>,
    already: &LeftOut,
    logins: &Logins,
) -> LeftOut {
    let mut left_out = LeftOut::default();
    let kept = already.iter().map(|(_, address)| address);
    let kept = kept.filter(|address| !logins.have_ended(*address));
    let addresses: BTreeSet<IpAddr> = kept.chain(logins.addresses.iter().copied()).collect();
    for name in only_dropped(config) {
        let Some(set) = config.sets.get(name) else {
            continue;
        };
        for &address in &addresses {
            let is_banned_by_content =
                set.prefixes.contains(address) && !config.names_inline(name, address);
            let is_new = before.is_none_or(|before| before.spared(name, address));
            if is_banned_by_content && (is_new || already.contains(name, address)) {
                left_out.insert(name, address);
            }
        }
    }
    left_out
}

/// Addresses that are left out, with who says that they are logged in.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct Spared {
    pub(in crate::daemon) left_out: LeftOut,
    pub(in crate::daemon) source: LoginSource,
}

impl Owner {
    /// Reads what is left out of the generation that a former process has put into force.
    pub(in crate::daemon) async fn recall_left_out(&mut self) -> Result<(), KernelError> {
        let in_force = self.kernel.run(|datapath| datapath.in_force().cloned());
        if let Some(generation) = in_force.await? {
            self.spared = self.record.of(generation.number);
        }
        Ok(())
    }

    /// Who is left out of a configuration that is about to be put into force.
    pub(in crate::daemon) async fn spare(
        &mut self,
        config: &Config,
        hash: [u8; 32],
        guard: GuardMode,
        logins: &Logins,
    ) -> Result<Spared, KernelError> {
        let mut spared = Spared {
            left_out: LeftOut::default(),
            source: logins.source,
        };
        if !config.guard || guard == GuardMode::Forced {
            return Ok(spared);
        }
        let already = self.already_left_out(hash, guard);
        let all = decide(config, None, &already, logins);
        // Mostly nobody is concerned, and nothing need be compared.
        if !all.is_empty() {
            let before = self.before(config, hash).await?;
            spared.left_out = decide(config, before.as_ref(), &already, logins);
        }
        Ok(spared)
    }

    /// Who is left out now; and of what comes back, who was left out of it.
    fn already_left_out(&self, hash: [u8; 32], guard: GuardMode) -> LeftOut {
        let mut already = self.spared.left_out.clone();
        if guard.was_active() {
            already.extend(&self.record.of_config(&hash).left_out);
        }
        already
    }

    /// The sets in force; `None` if nothing is, or if its text is not known.
    async fn before(
        &mut self,
        config: &Config,
        hash: [u8; 32],
    ) -> Result<Option<Before>, KernelError> {
        if self.before.is_some() {
            return Ok(self.before.clone());
        }
        let in_force = self.kernel.run(|datapath| datapath.in_force().cloned());
        let Some(in_force) = in_force.await?.map(|generation| generation.config) else {
            return Ok(None);
        };
        if in_force == hash {
            return Ok(Some(Before::of(config)));
        }
        let index = &self.memory.index;
        let last_good = index.last_good.as_ref().filter(|it| it.hash == in_force);
        let Some(content) = last_good.or_else(|| index.tried(&in_force)).cloned() else {
            return Ok(None);
        };
        let loaded = self.memory.load(content).await.ok();
        Ok(loaded.map(|loaded| Before::of(&loaded.config)))
    }

    /// Notes what is in force, and reports who is left out.
    pub(in crate::daemon) fn note_spared(&mut self, config: &Config, spared: Spared) {
        self.before = Some(Before::of(config));
        for (set, address) in self.spared.left_out.iter() {
            if !spared.left_out.contains(set, address) {
                info!("set {set}: {address} is not left out any more");
            }
        }
        self.spared = spared;
        self.report_spared();
    }

    /// Logs who is left out, and has the status show it.
    pub(in crate::daemon) fn report_spared(&self) {
        let left_out = listed(&self.spared);
        for entry in &left_out {
            warn!("{entry}");
        }
        self.status
            .send_modify(|status| status.left_out = left_out.clone());
    }

    /// The generation of this number has come back, with this configuration.
    pub(in crate::daemon) fn note_came_back(
        &mut self,
        base: u64,
        number: u64,
        hash: &[u8; 32],
        config: &Config,
    ) {
        let spared = self.record.of(base);
        if let Some(record) = self.record.with(number, hash, spared.clone(), Some(base)) {
            record.write_or_warn(&self.memory.state_dir);
            self.record = record;
        }
        self.note_spared(config, spared);
    }
}

/// As the status has them.
pub(in crate::daemon) fn listed(spared: &Spared) -> Vec<status::LeftOut> {
    let entries = spared.left_out.iter();
    entries
        .map(|(set, address)| status::LeftOut {
            set: set.to_owned(),
            address,
            source: spared.source,
        })
        .collect()
}

impl Spared {
    /// Those whose login is over.
    pub(in crate::daemon) async fn ended(&self) -> Vec<IpAddr> {
        let logins = lockout::logins().await;
        let addresses: BTreeSet<IpAddr> = self.left_out.iter().map(|(_, it)| it).collect();
        let ended = addresses.into_iter().filter(|it| logins.have_ended(*it));
        ended.collect()
    }
}

#[cfg(test)]
#[path = "left_out_tests.rs"]
mod tests;
