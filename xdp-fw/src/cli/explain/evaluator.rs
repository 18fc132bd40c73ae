//! Who judges, by what, and over which interface a packet comes in.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::cli::{Failure, Paths, in_force};
use crate::config::Config;
use crate::daemon;
use crate::datapath;
use crate::explain::{Judge, Judgement};
use crate::interfaces;

use super::basis::{Basis, list};

/// A policy that can be asked, and what is known of it.
pub(super) struct Evaluator<'a> {
    judge: Judge<'a>,
    pub(super) by: By,
    /// The configuration that it was compiled from, or why that is not known.
    pub(super) config: Result<Config, String>,
    /// What is left out of the sets of what is in force, a sentence each, by address.
    left_out: Vec<(IpAddr, String)>,
    /// By index and name.
    interfaces: Vec<(u32, String)>,
    first: Option<u32>,
}

/// Who judges, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum By {
    /// The kernel, by the generation of this number.
    InForce(u64),
    /// The kernel, by this file.
    Private(PathBuf),
    /// The host build, by this file.
    Host(PathBuf),
}

/// The interface that a packet comes in by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ingress {
    pub(super) index: u32,
    /// `None` where no interface is known.
    pub(super) name: Option<String>,
    /// Why this one.
    pub(super) why: &'static str,
    /// Whether rules that name it can see it.
    pub(super) known: bool,
}

impl<'a> Evaluator<'a> {
    pub(super) fn open(
        basis: Option<&'a Basis>,
        paths: &Paths,
        host: bool,
    ) -> Result<Self, Failure> {
        match basis {
            Some(basis) => Self::of_file(basis, host),
            None => Self::in_force(paths),
        }
    }

    pub(super) fn of_file(basis: &'a Basis, host: bool) -> Result<Self, Failure> {
        let (judge, by) = if host {
            (Judge::host(&basis.tables), By::Host(basis.path.clone()))
        } else {
            let judge = Judge::load(&basis.tables)?;
            (judge, By::Private(basis.path.clone()))
        };
        let config = Config::clone(&basis.loaded.config);
        Ok(Self {
            judge,
            by,
            first: configured(&config, &basis.interfaces),
            interfaces: basis.interfaces.clone(),
            left_out: Vec::new(),
            config: Ok(config),
        })
    }

    fn in_force(paths: &Paths) -> Result<Self, Failure> {
        let in_force = datapath::probe_in_force(&paths.pin_dir)?;
        let config = in_force::configuration(paths, in_force.generation.config);
        let (left_out, source) = daemon::left_out(&paths.state_dir, in_force.generation.number);
        let config = config.map(|loaded| {
            let mut config = std::sync::Arc::unwrap_or_clone(loaded.config);
            left_out.apply(&mut config.sets);
            config
        });
        let left_out = left_out.iter().map(|(set, address)| {
            let text = format!("{address} of set {set}, while it is logged in ({source})");
            (address, text)
        });
        let left_out = left_out.collect();
        let interfaces: Vec<_> = list()?
            .into_iter()
            .map(|it| (it.index, it.name.into()))
            .collect();
        let links = datapath::read_links(&paths.pin_dir)?;
        let attached = links.into_iter().filter_map(|link| link.interface);
        let first = attached.min();
        let configured = config
            .as_ref()
            .ok()
            .and_then(|config| configured(config, &interfaces));
        Ok(Self {
            judge: Judge::Kernel(in_force.probe, in_force.rules),
            by: By::InForce(in_force.generation.number),
            first: first.or(configured),
            left_out,
            interfaces,
            config: config.map_err(|unknown| unknown.to_string()),
        })
    }

    /// The interface of this name, if one was asked for, else the first that is filtered.
    pub(super) fn ingress(&self, asked: Option<&str>) -> Ingress {
        let index_of = |name: &str| {
            let mut known = self.interfaces.iter();
            known
                .find(|(_, known)| known == name)
                .map(|(index, _)| *index)
        };
        let name_of = |index: u32| {
            let mut known = self.interfaces.iter();
            known
                .find(|(known, _)| *known == index)
                .map(|(_, name)| name.clone())
        };
        match (asked, self.first) {
            (Some(name), _) => Ingress {
                index: index_of(name).unwrap_or(0),
                name: Some(name.to_owned()),
                why: "as asked",
                known: index_of(name).is_some(),
            },
            (None, Some(index)) => Ingress {
                index,
                name: name_of(index),
                why: "the first that is filtered",
                known: true,
            },
            (None, None) => Ingress {
                index: 0,
                name: None,
                why: "none is filtered",
                known: false,
            },
        }
    }

    /// What is left out of sets of these addresses.
    pub(super) fn left_out(&self, addresses: &[IpAddr]) -> Vec<String> {
        let of = self.left_out.iter();
        let of = of.filter(|(address, _)| addresses.contains(address));
        of.map(|(_, text)| text.clone()).collect()
    }

    /// Whether an interface of this name is known.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.interfaces.iter().any(|(_, known)| known == name)
    }

    pub(super) fn judge(&mut self, frame: &[u8], interface: u32) -> Result<Judgement, Failure> {
        Ok(self.judge.judge(frame, interface)?)
    }
}

/// The first interface that the configuration asks for, in its order.
fn configured(config: &Config, known: &[(u32, String)]) -> Option<u32> {
    config.interfaces.iter().find_map(|pattern| {
        let mut known = known.iter();
        let first = known.find(|(_, name)| interfaces::matches(pattern, name));
        first.map(|(index, _)| *index)
    })
}
