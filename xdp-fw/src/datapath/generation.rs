//! A generation: fresh rule maps and programs bound to them.
//!
//! Owns building one beside the one in force and pinning what describes it. The maps are
//! [`super::fill`]'s, the commit is [`super::Datapath`]'s.

use std::collections::{BTreeSet, HashMap};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aya::maps::{Array, Map, MapData, MapType};
use aya::{Ebpf, Pod};
use bytemuck::Zeroable as _;
use xdp_fw_common::wire::{Counter, GenerationInfo, RULE_NAME_MAX, RuleEntry};
use xdp_fw_common::{Dimension, Verdict};

use super::object::{self, EntryPoint, Kernel};
use super::pins::{Pins, Shape, check_map};
use super::{Error, Generation, fill, slots};
use crate::policy::{NamedRule, Tables};

/// Names of the pins in a generation's directory.
pub(super) mod pin {
    pub(crate) const FILTER: &str = "filter";
    pub(crate) const PROBE: &str = "probe";
    /// What the probe decided last.
    pub(crate) const RESULT: &str = "result";
    /// A [`super::RuleEntry`] per rule, in file order.
    pub(crate) const RULES: &str = "rules";
    /// A [`super::RuleEntry`] per rule that the commit removed.
    pub(crate) const GONE: &str = "gone";
    /// The [`super::GenerationInfo`]; pinned last, so what has it is whole.
    pub(crate) const INFO: &str = "info";
}

/// What of a generation its pins tell.
#[derive(Debug, Clone)]
pub(super) struct Described {
    pub(super) generation: Generation,
    /// What rules counted that were gone before this generation.
    pub(super) retired: [Counter; 2],
    pub(super) rules: Vec<Slot>,
    pub(super) gone: Vec<Slot>,
}

/// A rule's counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) slot: u32,
    pub(super) verdict: Verdict,
    /// Whether what it counts is counted elsewhere too.
    pub(super) shadow: bool,
}

/// What a new generation follows.
pub(super) struct Predecessor<'a> {
    /// The number after which its own comes.
    pub(super) last: u64,
    /// The one in force, if any.
    pub(super) in_force: Option<u64>,
    pub(super) rules: &'a [Slot],
    /// Slots that must not be handed out yet.
    pub(super) barred: BTreeSet<u32>,
}

/// A generation that is loaded and verified, with its pins; dropped uncommitted it removes them.
pub(super) struct Built {
    pub(super) ebpf: Ebpf,
    pub(super) described: Described,
    pub(super) filter: &'static str,
    pub(super) probe: &'static str,
    /// The generation that was in force when it was built.
    pub(super) follows: Option<u64>,
    pins: Pins,
    kept: bool,
}

impl Built {
    /// Where its pins are.
    pub(super) fn directory(&self) -> PathBuf {
        self.pins.generation(self.described.generation.number)
    }

    /// From now on the pins stay.
    pub(super) fn keep(mut self) -> Described {
        self.kept = true;
        self.described.clone()
    }
}

impl Drop for Built {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed now is swept at the next start.
            let number = self.described.generation.number;
            let _ = self.pins.remove_generation(number);
        }
    }
}

/// Builds, fills and verifies a generation. It is not pinned yet.
pub(super) fn build(
    pins: &Pins,
    kernel: Kernel,
    tables: &Tables,
    config: [u8; 32],
    before: &Predecessor<'_>,
) -> Result<Built, Error> {
    let number = before.last + 1;
    let rules = assign_slots(&tables.rules, before)?;
    let gone = gone(&rules, before.rules);

    let mut ebpf = fill::create(pins, kernel, tables)?;
    fill::fill(&mut ebpf, tables, &rules)?;
    let filter = kernel.program_name(filter(tables));
    let probe = kernel.program_name(EntryPoint::Probe);
    object::load(&mut ebpf, filter)?;
    object::load(&mut ebpf, probe)?;

    Ok(Built {
        ebpf,
        described: Described {
            generation: Generation::from_info(&info(number, tables, config)),
            retired: [Counter::default(); 2],
            rules,
            gone,
        },
        filter,
        probe,
        follows: before.in_force,
        pins: pins.clone(),
        kept: false,
    })
}

/// Pins what describes a built generation; `retired` is what it takes over.
pub(super) fn pin_all(
    built: &mut Built,
    tables: &Tables,
    retired: [Counter; 2],
) -> Result<(), Error> {
    let Generation { number, config, .. } = built.described.generation;
    let info = GenerationInfo {
        retired,
        ..info(number, tables, config)
    };
    built.described.retired = retired;
    pin_pieces(built, &info)
}

/// The smallest filter that has what the tables need: see `docs/adr/0008`.
fn filter(tables: &Tables) -> EntryPoint {
    let settings = &tables.settings;
    let mut used = Dimension::ALL.into_iter().zip(settings.used);
    if settings.shadow == 0 && used.all(|(dimension, used)| used == 0 || dimension.is_basic()) {
        EntryPoint::BasicFilter
    } else {
        EntryPoint::Filter
    }
}

/// A rule keeps its slot with its name. One that becomes a shadow rule, or ceases to be one,
/// counts something else from then on and takes a new slot: see `docs/adr/0006`.
fn assign_slots(rules: &[NamedRule], before: &Predecessor<'_>) -> Result<Vec<Slot>, Error> {
    let shadows: HashMap<&str, bool> = rules
        .iter()
        .map(|rule| (rule.name.as_str(), rule.shadow))
        .collect();
    let mut held = HashMap::new();
    let mut barred = before.barred.clone();
    for rule in before.rules {
        if shadows.get(rule.name.as_str()) == Some(&!rule.shadow) {
            barred.insert(rule.slot);
        } else {
            held.insert(rule.name.clone(), rule.slot);
        }
    }
    let names = rules.iter().map(|rule| rule.name.as_str());
    let slots = slots::assign(names, &held, &barred)?;
    let rules = rules.iter().zip(slots).map(|(rule, slot)| Slot {
        name: rule.name.clone(),
        slot,
        verdict: rule.verdict,
        shadow: rule.shadow,
    });
    Ok(rules.collect())
}

fn gone(rules: &[Slot], before: &[Slot]) -> Vec<Slot> {
    let kept: BTreeSet<u32> = rules.iter().map(|rule| rule.slot).collect();
    before
        .iter()
        .filter(|rule| !kept.contains(&rule.slot))
        .cloned()
        .collect()
}

fn info(number: u64, tables: &Tables, config: [u8; 32]) -> GenerationInfo {
    let created = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    GenerationInfo {
        number,
        created: created.as_secs(),
        config,
        prefixes: tables.prefixes,
        rules: tables.settings.rules,
        default_action: tables.settings.default_action,
        malformed: tables.settings.malformed,
        non_ip: tables.settings.non_ip,
        essentials: tables.settings.essentials,
        reserved: 0,
        retired: [Counter::default(); 2],
    }
}

/// Pins each piece, `info` last.
fn pin_pieces(built: &mut Built, info: &GenerationInfo) -> Result<(), Error> {
    let directory = built.directory();
    DirBuilder::new()
        .mode(0o700)
        .create(&directory)
        .map_err(|error| Error::kernel(format!("make {}", directory.display()), &error))?;

    for (name, pin) in [(built.filter, pin::FILTER), (built.probe, pin::PROBE)] {
        let path = directory.join(pin);
        object::program(&mut built.ebpf, name)?
            .pin(&path)
            .map_err(|error| Error::kernel(format!("pin {}", path.display()), &error))?;
    }
    if let Some(result) = built.ebpf.map("PROBE") {
        let path = directory.join(pin::RESULT);
        result
            .pin(&path)
            .map_err(|error| Error::kernel(format!("pin {}", path.display()), &error))?;
    }
    pin_array(
        &directory.join(pin::RULES),
        &entries(&built.described.rules),
    )?;
    pin_array(&directory.join(pin::GONE), &entries(&built.described.gone))?;
    pin_array(&directory.join(pin::INFO), &[*info])
}

fn entries(slots: &[Slot]) -> Vec<RuleEntry> {
    slots
        .iter()
        .map(|slot| {
            let mut name = [0; RULE_NAME_MAX + 1];
            for (to, from) in name.iter_mut().zip(slot.name.bytes().take(RULE_NAME_MAX)) {
                *to = from;
            }
            RuleEntry {
                name,
                slot: slot.slot,
                verdict: slot.verdict as u16,
                shadow: u16::from(slot.shadow),
            }
        })
        .collect()
}

/// Makes and pins an array with these values; it has at least one entry, and no name is empty.
fn pin_array<V: Pod>(path: &Path, values: &[V]) -> Result<(), Error> {
    let refused = |error: &(dyn std::error::Error + 'static)| {
        Error::kernel(format!("pin {}", path.display()), error)
    };
    let length = u32::try_from(values.len()).unwrap_or(u32::MAX).max(1);
    let mut array: Array<MapData, V> = Array::create(length, 0).map_err(|e| refused(&e))?;
    for (index, value) in (0..).zip(values) {
        array.set(index, value, 0).map_err(|e| refused(&e))?;
    }
    array.pin(path).map_err(|e| refused(&e))
}

/// Reads a generation from its pins; their shapes are checked first.
pub(super) fn describe(directory: &Path) -> Result<Described, Error> {
    let info: Vec<GenerationInfo> = read_array(&directory.join(pin::INFO), Some(1))?;
    let info = info.first().copied().unwrap_or_else(GenerationInfo::zeroed);
    Ok(Described {
        generation: Generation::from_info(&info),
        retired: info.retired,
        rules: read_slots(&directory.join(pin::RULES))?,
        gone: read_slots(&directory.join(pin::GONE))?,
    })
}

fn read_slots(path: &Path) -> Result<Vec<Slot>, Error> {
    let entries: Vec<RuleEntry> = read_array(path, None)?;
    let slots = entries.iter().filter_map(|entry| {
        let name = entry.name.split(|byte| *byte == 0).next()?;
        let name = std::str::from_utf8(name)
            .ok()
            .filter(|name| !name.is_empty())?;
        Some(Slot {
            name: name.to_owned(),
            slot: entry.slot,
            verdict: Verdict::from_wire(entry.verdict as u8),
            shadow: entry.shadow == 1,
        })
    });
    Ok(slots.collect())
}

fn read_array<V: Pod>(path: &Path, entries: Option<u32>) -> Result<Vec<V>, Error> {
    let shape = Shape {
        kind: MapType::Array,
        key: 4,
        value: size_of::<V>() as u32,
        entries,
    };
    let refused = |error: &(dyn std::error::Error + 'static)| {
        Error::kernel(format!("read {}", path.display()), error)
    };
    if !check_map(path, &shape)? {
        return Err(refused(&std::io::Error::from_raw_os_error(libc::ENOENT)));
    }
    let data = MapData::from_pin(path).map_err(|e| refused(&e))?;
    let array: Array<_, V> = Map::from_map_data(data)
        .and_then(Array::try_from)
        .map_err(|e| refused(&e))?;
    array
        .iter()
        .collect::<Result<_, _>>()
        .map_err(|e| refused(&e))
}

impl Generation {
    fn from_info(info: &GenerationInfo) -> Self {
        Self {
            number: info.number,
            created: UNIX_EPOCH + Duration::from_secs(info.created),
            config: info.config,
            rules: info.rules,
            prefixes: info.prefixes,
            default_action: Verdict::from_wire(info.default_action as u8),
            malformed: Verdict::from_wire(info.malformed as u8),
            non_ip: Verdict::from_wire(info.non_ip as u8),
            essentials: info.essentials == 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(rules: &[(&str, bool)]) -> Vec<NamedRule> {
        let rule = |&(name, shadow): &(&str, bool)| NamedRule {
            name: name.to_owned(),
            verdict: Verdict::Drop,
            shadow,
        };
        rules.iter().map(rule).collect()
    }

    fn after(before: &[Slot], new: &[NamedRule]) -> Vec<Slot> {
        let before = Predecessor {
            last: 1,
            in_force: Some(1),
            rules: before,
            barred: BTreeSet::new(),
        };
        assign_slots(new, &before).unwrap()
    }

    #[test]
    fn a_rule_that_becomes_a_shadow_rule_or_ceases_to_be_one_takes_a_new_slot() {
        let first = after(&[], &rules(&[("a", false), ("b", true), ("c", true)]));
        let second = after(&first, &rules(&[("c", true), ("b", false), ("a", true)]));
        let slots = |rules: &[Slot]| rules.iter().map(|rule| rule.slot).collect::<Vec<_>>();
        let [a, b, c] = slots(&first)[..] else {
            panic!("three rules");
        };
        assert_eq!(slots(&second), [c, c + 1, c + 2]);
        assert_eq!(slots(&gone(&second, &first)), [a, b]);
    }
}
