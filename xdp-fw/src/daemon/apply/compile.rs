//! From a checked configuration to a candidate: compiled for the interfaces that there are, loaded and
//! verified beside the active generation.
//!
//! Owns what the compiler is given. Touches nothing that is active.

use std::path::Path;
use std::sync::Arc;

use tracing::debug;

use crate::config::Config;
use crate::daemon::attempt::Noted;
use crate::daemon::datapath_thread::abandonable;
use crate::daemon::engine::Owner;
use crate::daemon::guard::left_out::Spared;
use crate::daemon::guard::mode::GuardMode;
use crate::daemon::refusal::{KernelError, Refusal};
use crate::datapath::Prepared;
use crate::explain::{named_interfaces, with_named};
use crate::fault::{self, Point};
use crate::interfaces;
use crate::lockout::{self, Logins};
use crate::policy::{LeftOut, Memo, Policy, Tables, compile_after};

/// Interfaces by index and name.
pub(in crate::daemon) type Names = Vec<(u32, String)>;

/// A configuration that is compiled and verified, and not active.
pub(in crate::daemon) struct Candidate {
    pub(in crate::daemon) config: Arc<Config>,
    pub(in crate::daemon) hash: [u8; 32],
    pub(in crate::daemon) tables: Tables,
    /// What the tables were compiled for.
    pub(in crate::daemon) interfaces: Names,
    /// Those of them that rules name and that there are.
    pub(in crate::daemon) named: Names,
    /// Who is logged in.
    pub(in crate::daemon) logins: Logins,
    /// What is left out of its sets.
    pub(in crate::daemon) spared: Spared,
    pub(in crate::daemon) prepared: Prepared,
}

impl Owner {
    /// Compiles for the interfaces that there are, and has the kernel verify the result.
    pub(in crate::daemon) async fn compile(
        &mut self,
        config: &Arc<Config>,
        hash: [u8; 32],
        guard: GuardMode,
    ) -> Result<Candidate, Refusal> {
        let named = interfaces_for(config).await?;
        let interfaces = with_named(&named, named_interfaces(config));
        let logins = match config.guard {
            true => lockout::logins().await,
            false => Logins::default(),
        };
        let spared = self.spare(config, hash, guard, &logins).await?;
        let noted = Noted(self.memory.notes.compiling(hash));
        let compile = {
            let (path, memo) = (self.settings.config.clone(), self.compiled.clone());
            let (config, left_out) = (Arc::clone(config), spared.left_out.clone());
            let interfaces = interfaces.clone();
            move || tables(&path, &config, &left_out, &interfaces, &memo)
        };
        let tables = abandonable(&self.memory.stop, compile).await??;
        drop(noted);
        let config = Arc::clone(config);
        let verify = self.kernel.run(move |datapath| {
            let prepared = datapath.prepare(&tables, hash)?;
            log_work_of_verifier(&prepared);
            Ok::<_, KernelError>(Candidate {
                config,
                hash,
                tables,
                interfaces,
                named,
                logins,
                spared,
                prepared,
            })
        });
        Ok(verify.await??)
    }
}

/// Compiles a configuration, of whose sets something is left out, for these interfaces, after another
/// one. Blocks.
pub(in crate::daemon) fn tables(
    path: &Path,
    config: &Config,
    left_out: &LeftOut,
    interfaces: &[(u32, String)],
    before: &Memo,
) -> Result<Tables, Refusal> {
    if let Err(fault) = fault::point(Point::Compiling) {
        debug!("{fault}");
    }
    let policy = if left_out.is_empty() {
        Policy::from_config(config)
    } else {
        let mut config = config.clone();
        left_out.apply(&mut config.sets);
        Policy::from_config(&config)
    };
    compile_after(before, &policy, interfaces).map_err(|source| Refusal::Policy {
        path: path.to_owned(),
        source,
    })
}

/// Kernels before 5.16 do not report this; skips the log line.
fn log_work_of_verifier(prepared: &Prepared) {
    if let (Some(filter), Some(probe)) = (
        prepared.verified_instructions(),
        prepared.probe_instructions(),
    ) {
        debug!("the verifier walked {filter} instructions of the filter, {probe} of the probe");
    }
}

/// The interfaces by index and name that a pattern of a rule matches. No rule tells the others
/// apart, so that they may come and go.
pub(in crate::daemon) async fn interfaces_for(config: &Config) -> Result<Names, KernelError> {
    let rules = config.rules.iter().filter(|rule| rule.enabled);
    let entries = rules
        .filter_map(|rule| rule.interface.as_ref())
        .flat_map(|list| &list.0);
    let patterns: Vec<&str> = entries.map(|entry| entry.pattern.as_str()).collect();
    if patterns.is_empty() {
        return Ok(Vec::new());
    }
    let interfaces = interfaces::list().await?;
    let mut named: Names = interfaces
        .into_iter()
        .filter(|it| {
            patterns
                .iter()
                .any(|pattern| interfaces::matches(pattern, &it.name))
        })
        .map(|it| (it.index, it.name.into()))
        .collect();
    named.sort_unstable();
    Ok(named)
}
