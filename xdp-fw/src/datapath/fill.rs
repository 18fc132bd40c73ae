//! The rule maps of a generation: created at the size of their data, and filled.
//!
//! Owns which table goes into which map of the object. Loads no program and pins nothing.

use aya::maps::{Array, HashMap, Map, MapError};
use aya::{Ebpf, Pod};
use xdp_fw_common::tables::Rule;
use xdp_fw_common::wire::Settings;

use super::Error;
use super::addresses::TABLES;
use super::generation::Slot;
use super::loader::Loader;
use super::object::Kernel;
use super::reuse::Reused;
use crate::policy::Tables;

/// Creates the maps at the size of their data, but for those that are `reused`. Nothing is loaded
/// yet.
pub(super) fn create(
    loader: &mut Loader,
    kernel: Kernel,
    tables: &Tables,
    reused: &Reused,
) -> Result<Ebpf, Error> {
    let settings = Settings {
        coarse_clock: u32::from(kernel.coarse_clock),
        ..tables.settings
    };
    for (map, length) in sizes(tables, reused) {
        let length = u32::try_from(length).map_err(|_| Error::Kernel {
            action: format!("create map {map}"),
            cause: format!("{length} entries"),
            remedy: "use fewer or shorter prefix lists".to_owned(),
        })?;
        loader.size(map, length.max(1));
    }
    loader
        .load(&settings)
        .map_err(|error| Error::kernel("create the rule maps", &error))
}

/// Each map and its number of entries. To look at what is reused would take a sweep.
fn sizes(tables: &Tables, reused: &Reused) -> Vec<(&'static str, usize)> {
    let mut sizes = vec![
        ("INTERFACES", tables.interfaces.len()),
        ("SOURCE_MACS", tables.source_macs.len()),
        ("DESTINATION_MACS", tables.destination_macs.len()),
        ("NUMBERS", tables.numbers.len()),
        ("ROWS", tables.rows.len()),
        ("RULES", tables.rules.len()),
    ];
    for (table, _) in TABLES.iter().zip(reused).filter(|(_, it)| it.is_none()) {
        sizes.extend(table.maps().into_iter().zip(table.sizes(tables)));
    }
    sizes
}

/// Fills the maps, but for those of the address tables that are `reused`.
pub(super) fn fill(
    ebpf: &mut Ebpf,
    tables: &Tables,
    rules: &[Slot],
    reused: &Reused,
) -> Result<(), Error> {
    for (table, reused) in TABLES.iter().zip(reused) {
        if reused.is_none() {
            table.fill(ebpf, tables)?;
        }
    }
    fill_hash(ebpf, "INTERFACES", tables.interfaces.iter().copied())?;
    fill_hash(ebpf, "SOURCE_MACS", tables.source_macs.iter().copied())?;
    fill_hash(
        ebpf,
        "DESTINATION_MACS",
        tables.destination_macs.iter().copied(),
    )?;
    fill_array(ebpf, "NUMBERS", tables.numbers.iter().copied())?;
    fill_array(ebpf, "ROWS", tables.rows.iter().copied())?;
    let rules = rules.iter().map(|rule| Rule {
        verdict: rule.verdict as u8,
        shadow: u8::from(rule.shadow),
        reserved: [0; 2],
        slot: rule.slot,
    });
    fill_array(ebpf, "RULES", rules)
}

pub(super) fn fill_hash<K: Pod>(
    ebpf: &mut Ebpf,
    name: &str,
    entries: impl IntoIterator<Item = (K, u32)>,
) -> Result<(), Error> {
    let mut hash: HashMap<_, K, u32> = map(ebpf, name)?;
    for entry in entries {
        let (key, class) = &entry;
        hash.insert(key, class, 0)
            .map_err(|error| refused(name, &error))?;
    }
    Ok(())
}

fn fill_array<V: Pod>(
    ebpf: &mut Ebpf,
    name: &str,
    values: impl Iterator<Item = V>,
) -> Result<(), Error> {
    let mut array: Array<_, V> = map(ebpf, name)?;
    for (index, value) in (0..).zip(values) {
        array
            .set(index, value, 0)
            .map_err(|error| refused(name, &error))?;
    }
    Ok(())
}

/// The map `name` of the object, as the type `M`.
pub(super) fn map<'a, M>(ebpf: &'a mut Ebpf, name: &str) -> Result<M, Error>
where
    M: TryFrom<&'a mut Map, Error = MapError>,
{
    let broken = |cause: String| Error::Kernel {
        action: format!("find map {name} in the BPF object"),
        cause,
        remedy: "this build is broken: rebuild it".to_owned(),
    };
    let map = ebpf
        .map_mut(name)
        .ok_or_else(|| broken("it is not there".to_owned()))?;
    M::try_from(map).map_err(|error| broken(error.to_string()))
}

pub(super) fn refused(map: &str, error: &MapError) -> Error {
    Error::kernel(format!("fill map {map}"), error)
}
