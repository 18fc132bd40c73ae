//! A configuration file that is to be judged by, compiled for this host.

use std::path::PathBuf;

use crate::cli::{Failure, Paths, block_on, output};
use crate::config::{self, Disk, Loaded};
use crate::explain::with_named;
use crate::interfaces::{self, Interface};
use crate::names::pattern::exact;
use crate::names::{InterfaceName, printable};
use crate::policy::{Policy, Tables, compile};

/// A configuration and its tables.
pub(super) struct Basis {
    pub(super) path: PathBuf,
    pub(super) loaded: Loaded,
    pub(super) tables: Tables,
    /// By index and name: those that there are, and those that are named.
    pub(super) interfaces: Vec<(u32, String)>,
}

impl Basis {
    /// Reads the file that was asked for; `None` if the question is about what is in force. `named`
    /// is an interface that must have an index, whether or not it exists.
    pub(super) fn read(
        paths: &Paths,
        host: bool,
        named: Option<&str>,
    ) -> Result<Option<Self>, Failure> {
        if !host && !paths.has_config() {
            return Ok(None);
        }
        let path = paths.config();
        let loaded = config::load(path, &Disk)?;
        let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        output::warn(&warnings);
        let known: Vec<_> = list()?
            .into_iter()
            .map(|it| (it.index, it.name.into()))
            .collect();
        let first = loaded.config.interfaces.iter().find_map(|it| exact(it));
        let first = first.as_ref().map(InterfaceName::as_str);
        let interfaces = with_named(&known, named.into_iter().chain(first));
        let tables =
            compile(&Policy::from_config(&loaded.config), &interfaces).map_err(|error| {
                Failure::problems(&format!("{}: {error}", printable(&path.display())))
            })?;
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
