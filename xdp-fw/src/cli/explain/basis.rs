//! A configuration file that is to be judged by, compiled for this host.

use std::path::PathBuf;

use crate::cli::{Failure, Places, block_on, output};
use crate::config::{self, Disk, Loaded};
use crate::interfaces::{self, Interface};
use crate::policy::{Policy, Tables, compile};

/// A configuration and its tables.
pub(super) struct Basis {
    pub(super) path: PathBuf,
    pub(super) loaded: Loaded,
    pub(super) tables: Tables,
    /// By index and name: those that there are, and one that a packet names.
    pub(super) interfaces: Vec<(u32, String)>,
}

/// The index of an interface that is named and does not exist: no real one has it.
const NOWHERE: u32 = u32::MAX;

impl Basis {
    /// Reads the file that was asked for; `None` if the question is about what is in force. `named`
    /// is an interface that must have an index, whether or not it exists.
    pub(super) fn read(
        places: &Places,
        host: bool,
        named: Option<&str>,
    ) -> Result<Option<Self>, Failure> {
        if !host && !places.has_config() {
            return Ok(None);
        }
        let path = places.config();
        let loaded = config::load(path, &Disk)?;
        let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        output::warn(&warnings);
        let mut interfaces: Vec<_> = list()?.into_iter().map(|it| (it.index, it.name)).collect();
        let configured = loaded.config.interfaces.first();
        let configured = configured.filter(|name| !interfaces::is_glob(name));
        if let Some(name) = named.or(configured.map(String::as_str))
            && !interfaces.iter().any(|(_, known)| known == name)
        {
            interfaces.push((NOWHERE, name.to_owned()));
        }
        let tables = compile(&Policy::from_config(&loaded.config), &interfaces)
            .map_err(|error| Failure::problems(&format!("{}: {error}", path.display())))?;
        Ok(Some(Self {
            path: path.to_owned(),
            loaded,
            tables,
            interfaces,
        }))
    }
}

/// The interfaces of this host.
pub(super) fn list() -> Result<Vec<Interface>, Failure> {
    Ok(block_on(interfaces::list())??)
}
