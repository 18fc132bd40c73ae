//! The stored results: a part per run, each with its machine.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cost::Costs;
use crate::host::HostSide;
use crate::machine::Machine;
use crate::rate::Rates;
use crate::reload::Reloads;

/// The results of a part, from one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured<T> {
    pub(crate) machine: Machine,
    /// Whether the run was short, for a check only: its figures are not to be used.
    pub(crate) quick: bool,
    pub(crate) results: T,
}

/// The results of all parts.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) cost: Option<Measured<Costs>>,
    pub(crate) rate: Option<Measured<Rates>>,
    pub(crate) reload: Option<Measured<Reloads>>,
    pub(crate) compile: Option<Measured<Vec<HostSide>>>,
}

impl Results {
    /// Reads the existing files `DIRECTORY/PART.json`.
    pub(crate) fn read(directory: &Path) -> Result<Self> {
        Ok(Self {
            cost: part(directory, "cost")?,
            rate: part(directory, "rate")?,
            reload: part(directory, "reload")?,
            compile: part(directory, "compile")?,
        })
    }

    /// The machine of each existing part.
    pub(crate) fn machines(&self) -> Vec<(&'static str, &Machine, bool)> {
        fn of<'a, T>(
            name: &'static str,
            part: Option<&'a Measured<T>>,
        ) -> Option<(&'static str, &'a Machine, bool)> {
            part.map(|it| (name, &it.machine, it.quick))
        }
        [
            of("cost", self.cost.as_ref()),
            of("rate", self.rate.as_ref()),
            of("reload", self.reload.as_ref()),
            of("compile", self.compile.as_ref()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn part<T: DeserializeOwned>(directory: &Path, name: &str) -> Result<Option<Measured<T>>> {
    let path = directory.join(name).with_extension("json");
    if !path.exists() {
        return Ok(None);
    }
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    match serde_json::from_str(&text) {
        Ok(part) => Ok(Some(part)),
        // Another version measured it: the next run of the part replaces it.
        Err(error) => {
            eprintln!(
                "report: without {}, which cannot be read: {error}",
                path.display()
            );
            Ok(None)
        }
    }
}
