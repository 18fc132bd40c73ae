//! The rule maps of a generation: created at the size of their data, and filled, but for those that
//! go on from another one.
//!
//! Owns which table goes into which map of the object. Loads no program. The loader pins address maps
//! as it makes them; nothing else is pinned here.

use std::collections::BTreeMap;

use aya::maps::{Array, HashMap, Map, MapError};
use aya::{Ebpf, Pod};
use xdp_fw_common::Dimension;
use xdp_fw_common::tables::{
    BYTE_TABLES, BYTE_VALUES, NUMBERS_PACK, RULES_MAX, Rule, SINGLE_WORD_ROWS_MAX,
    SINGLE_WORD_RULES_MAX, bit_slot,
};
use xdp_fw_common::wire::Settings;

use crate::datapath::error::Error;
use crate::datapath::generation::addresses::{TABLES, mapping};
use crate::datapath::generation::loader::Loader;
use crate::datapath::generation::reuse::Reused;
use crate::datapath::model::Slot;
use crate::datapath::object::Kernel;
use crate::policy::Tables;

/// The maps of the object but for what a probe answers with: they are filled while the verifier looks
/// at the programs, and must stay open until it has.
pub(in crate::datapath) struct Maps(BTreeMap<String, Map>);

impl Maps {
    fn take(ebpf: &mut Ebpf) -> Self {
        let names = ebpf.maps().map(|(name, _)| name.to_owned());
        let names: Vec<String> = names.filter(|name| name != RESULT).collect();
        let maps = names
            .into_iter()
            .filter_map(|name| ebpf.take_map(&name).map(|map| (name, map)));
        Self(maps.collect())
    }

    pub(in crate::datapath) fn map(&self, name: &str) -> Option<&Map> {
        self.0.get(name)
    }

    pub(in crate::datapath) fn map_mut(&mut self, name: &str) -> Option<&mut Map> {
        self.0.get_mut(name)
    }
}

/// What a probe answers with.
pub(in crate::datapath) const RESULT: &str = "PROBE";

/// Creates the maps at the size of their data, but for those that are `reused`. Nothing is loaded
/// yet.
pub(in crate::datapath) fn create(
    loader: &mut Loader,
    kernel: Kernel,
    tables: &Tables,
    reused: &Reused,
) -> Result<(Ebpf, Maps), Error> {
    let settings = Settings {
        coarse_clock: u32::from(kernel.coarse_clock),
        ..tables.settings
    };
    for (map, length) in sizes(tables, reused) {
        let length = u32::try_from(length).map_err(|_| Error::Kernel {
            action: format!("create map {map}"),
            cause: format!("{length} entries"),
            errno: None,
            remedy: "use fewer or shorter prefix lists".to_owned(),
        })?;
        loader.size(map, length.max(1));
    }
    let mut ebpf = loader
        .load(&settings)
        .map_err(|error| Error::kernel("create the rule maps", &error))?;
    let maps = Maps::take(&mut ebpf);
    Ok((ebpf, maps))
}

/// Each map and its number of entries. To look at what is reused would take a sweep.
fn sizes(tables: &Tables, reused: &Reused) -> Vec<(&'static str, usize)> {
    let mut sizes = vec![
        ("INTERFACES", tables.interfaces.len()),
        ("SOURCE_MACS", tables.source_macs.len()),
        ("DESTINATION_MACS", tables.destination_macs.len()),
        ("NUMBERS", tables.number_values()),
        (
            "ROWS",
            if tables.settings.single_word == 1 {
                0
            } else {
                tables.rows.len()
            },
        ),
    ];
    for (table, _) in TABLES.iter().zip(reused).filter(|(_, it)| it.is_none()) {
        sizes.extend(table.maps().into_iter().zip(table.sizes(tables)));
    }
    sizes
}

/// Fills the maps, but for those of the address tables that are `reused`.
pub(in crate::datapath) fn fill(
    maps: &mut Maps,
    tables: &Tables,
    rules: &[Slot],
    reused: &Reused,
) -> Result<(), Error> {
    for (table, reused) in TABLES.iter().zip(reused) {
        if reused.is_none() {
            table.fill(maps, tables)?;
        }
    }
    fill_hash(maps, "INTERFACES", tables.interfaces.iter().copied())?;
    fill_hash(maps, "SOURCE_MACS", tables.source_macs.iter().copied())?;
    fill_hash(
        maps,
        "DESTINATION_MACS",
        tables.destination_macs.iter().copied(),
    )?;
    fill_numbers(maps, tables)?;
    fill_rows(maps, tables)?;
    fill_rules(maps, rules)
}

/// What rules do: by index, and by the place of their bit. Where there is no rule, zero says so.
fn fill_rules(maps: &mut Maps, rules: &[Slot]) -> Result<(), Error> {
    let rules = rules.iter().map(|rule| {
        bytemuck::cast::<_, u64>(Rule {
            verdict: rule.verdict as u8,
            kind: rule.kind as u8,
            reserved: [0; 2],
            slot: rule.slot,
        })
    });
    let mut by_index = [0_u64; RULES_MAX];
    write("rules", &mut by_index, rules)?;
    let mut by_slot = [0_u64; SINGLE_WORD_RULES_MAX];
    for (index, rule) in by_index.iter().take(SINGLE_WORD_RULES_MAX).enumerate() {
        if let Some(slot) = by_slot.get_mut(bit_slot(1 << index)) {
            *slot = *rule;
        }
    }
    fill_bss(maps, ".bss.word_rules", by_slot)?;
    fill_bss(maps, ".bss.rules", by_index)
}

/// The classes of numbers: small dimensions in their places, the others in a map.
fn fill_numbers(maps: &mut Maps, tables: &Tables) -> Result<(), Error> {
    let mut bytes = [[0; BYTE_VALUES]; BYTE_TABLES];
    for (dimension, classes) in tables.numbers() {
        let table = dimension.byte_table();
        if let Some(table) = table.and_then(|table| bytes.get_mut(table)) {
            write("bytes", table, classes.iter().copied())?;
        }
    }
    fill_bss(maps, ".bss.bytes", bytes)?;
    let length = tables.number_values() * NUMBERS_PACK;
    if length == 0 {
        return Ok(());
    }
    let mut mapping = mapping(maps, "NUMBERS", length)?;
    let mut values = mapping.values().chunks_mut(NUMBERS_PACK);
    for (_, classes) in tables.large_numbers() {
        for part in classes.chunks(NUMBERS_PACK) {
            let value = values.next().unwrap_or_default();
            write("NUMBERS", value, part.iter().copied())?;
        }
    }
    Ok(())
}

/// The rows: in their places where they are words, in a map otherwise.
fn fill_rows(maps: &mut Maps, tables: &Tables) -> Result<(), Error> {
    if tables.settings.single_word == 0 {
        return fill_array(maps, "ROWS", tables.rows.iter().copied());
    }
    let mut all = [[0; SINGLE_WORD_ROWS_MAX]; Dimension::COUNT];
    for (dimension, rows) in Dimension::ALL.into_iter().zip(&mut all) {
        let words = tables.rows_of(dimension).iter();
        write("word_rows", rows, words.map(|row| row.word(0)))?;
    }
    fill_bss(maps, ".bss.word_rows", all)
}

/// Writes values into table `name` from the start on.
///
/// # Errors
/// More values than there is room for: without the rest the policy would be another one.
fn write<T>(name: &str, to: &mut [T], values: impl Iterator<Item = T>) -> Result<(), Error> {
    let mut room = to.iter_mut();
    for value in values {
        let place = room
            .next()
            .ok_or_else(|| unfit(name, &"it has no room for all values"))?;
        *place = value;
    }
    Ok(())
}

/// A table that is not as large as what the policy's compiler made for it.
pub(in crate::datapath) fn unfit(name: &str, cause: &impl ToString) -> Error {
    Error::Kernel {
        action: format!("fill table {name}"),
        cause: cause.to_string(),
        errno: None,
        remedy: "nothing was changed; please report this with the configuration".to_owned(),
    }
}

/// Writes what has its place in the object.
fn fill_bss<V: Pod>(maps: &mut Maps, section: &str, value: V) -> Result<(), Error> {
    fill_array(maps, section, std::iter::once(value))
}

pub(in crate::datapath) fn fill_hash<K: Pod>(
    maps: &mut Maps,
    name: &str,
    entries: impl IntoIterator<Item = (K, u32)>,
) -> Result<(), Error> {
    let mut hash: HashMap<_, K, u32> = map(maps, name)?;
    for entry in entries {
        let (key, class) = &entry;
        hash.insert(key, class, 0)
            .map_err(|error| refused(name, &error))?;
    }
    Ok(())
}

fn fill_array<V: Pod>(
    maps: &mut Maps,
    name: &str,
    values: impl Iterator<Item = V>,
) -> Result<(), Error> {
    let mut array: Array<_, V> = map(maps, name)?;
    for (index, value) in (0..).zip(values) {
        array
            .set(index, value, 0)
            .map_err(|error| refused(name, &error))?;
    }
    Ok(())
}

/// The map `name` of the object, as the type `M`.
pub(in crate::datapath) fn map<'a, M>(maps: &'a mut Maps, name: &str) -> Result<M, Error>
where
    M: TryFrom<&'a mut Map, Error = MapError>,
{
    let broken = |cause: String| Error::Kernel {
        action: format!("find map {name} in the BPF object"),
        cause,
        errno: None,
        remedy: "this build is broken: rebuild it".to_owned(),
    };
    let map = maps
        .map_mut(name)
        .ok_or_else(|| broken("it is not there".to_owned()))?;
    M::try_from(map).map_err(|error| broken(error.to_string()))
}

pub(in crate::datapath) fn refused(map: &str, error: &MapError) -> Error {
    Error::kernel(format!("fill map {map}"), error)
}
