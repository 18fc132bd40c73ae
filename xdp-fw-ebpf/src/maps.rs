//! Every map, and [`Tables`] over them.
//!
//! Sizes here are placeholders: the loader creates each rule map at the size of its data.

use crate::{count, indexed};
use aya_ebpf::{
    btf_maps::{Array, HashMap, LpmTrie, PerCpuArray, ProgramArray, lpm_trie::Key},
    macros::btf_map,
};
use xdp_fw_common::{
    Dimension, Tables, Verdict,
    index::V6_LENGTHS,
    packet::Mac,
    tables::{CLASS_OUTSIDE, NUMBERS_PACK, Row, Rule},
    wire::{COUNTER_SLOTS, Counter, ProbeResult, Settings},
};

/// Slot -> count. Written by `filter` and `root`, read and zeroed by user space. Pinned, shared
/// by every generation.
#[btf_map]
pub static COUNTERS: PerCpuArray<Counter, { COUNTER_SLOTS as usize }> = PerCpuArray::new();

/// 0 -> the filter in force. Written by a commit, read by `root`. Pinned.
#[btf_map]
pub static ENTRY: ProgramArray<1> = ProgramArray::new();

/// 0 -> what `probe` decided last. Written by `probe`, read by user space. Per generation.
#[btf_map]
pub static PROBE: Array<ProbeResult, 1> = Array::new();

/// IPv4 prefix -> class of the source. Written by user space before the commit, as all below.
#[btf_map]
static SOURCE_V4: LpmTrie<[u8; 4], u32, 1> = LpmTrie::new();

/// IPv6 prefix -> class of the source.
#[btf_map]
static SOURCE_V6: LpmTrie<[u8; 16], u32, 1> = LpmTrie::new();

/// IPv4 prefix -> class of the destination.
#[btf_map]
static DESTINATION_V4: LpmTrie<[u8; 4], u32, 1> = LpmTrie::new();

/// IPv6 prefix -> class of the destination.
#[btf_map]
static DESTINATION_V6: LpmTrie<[u8; 16], u32, 1> = LpmTrie::new();

/// Interface index -> class.
#[btf_map]
static INTERFACES: HashMap<u32, u32, 1> = HashMap::new();

/// Ethernet address -> class of the source.
#[btf_map]
static SOURCE_MACS: HashMap<Mac, u32, 1> = HashMap::new();

/// Ethernet address -> class of the destination.
#[btf_map]
static DESTINATION_MACS: HashMap<Mac, u32, 1> = HashMap::new();

/// Dimension's base + number / 32 -> classes of 32 neighbouring numbers.
#[btf_map]
static NUMBERS: Array<[u16; NUMBERS_PACK], 1> = Array::new();

/// Dimension's base + class -> row.
#[btf_map]
static ROWS: Array<Row, 1> = Array::new();

/// Rule in file order -> what it does.
#[btf_map]
static RULES: Array<Rule, 1> = Array::new();

/// Frozen before the verifier looks, so that what is not in use is dead code to it.
#[unsafe(no_mangle)]
pub static SETTINGS: Settings = Settings {
    default_action: 0,
    malformed: 0,
    non_ip: 0,
    essentials: 0,
    rules: 0,
    shadow: 0,
    coarse_clock: 0,
    used: [0; Dimension::COUNT],
    rows: [0; Dimension::COUNT],
    values: [0; Dimension::COUNT],
    index_v4: [0; 2],
    index_v6: [0; 2],
    index_bits: [0; 2],
    short_v6: [0; 2],
    lengths_v6: [[0; V6_LENGTHS]; 2],
};

/// One field of [`SETTINGS`], as the loader set it: the compiler must not believe the zeros.
macro_rules! setting {
    ($($field:tt)+) => {
        // SAFETY: the field of a static, aligned and initialised.
        unsafe { core::ptr::read_volatile(&raw const crate::maps::SETTINGS.$($field)+) }
    };
}
pub(crate) use setting;

/// The class of the longest IPv6 prefix in the trie.
#[inline(always)]
pub(crate) fn trie_v6(dimension: Dimension, address: [u8; 16]) -> u32 {
    let key = Key::new(128, address);
    let class = match dimension {
        Dimension::Source => SOURCE_V6.get(&key),
        _ => DESTINATION_V6.get(&key),
    };
    class.copied().unwrap_or(CLASS_OUTSIDE)
}

/// The rule maps of this generation. With `COUNT`, shadow rules are counted. Without `FULL`, only
/// addresses, protocol and ports are dimensions: what the verifier would remove still costs
/// registers and stack, which LLVM shared out before.
pub struct Maps<const COUNT: bool, const FULL: bool>;

impl<const COUNT: bool, const FULL: bool> Tables for Maps<COUNT, FULL> {
    #[inline(always)]
    fn default_action(&self) -> Verdict {
        Verdict::from_wire(setting!(default_action) as u8)
    }

    #[inline(always)]
    fn malformed(&self) -> Verdict {
        Verdict::from_wire(setting!(malformed) as u8)
    }

    #[inline(always)]
    fn non_ip(&self) -> Verdict {
        Verdict::from_wire(setting!(non_ip) as u8)
    }

    #[inline(always)]
    fn essentials(&self) -> bool {
        setting!(essentials) == 1
    }

    #[inline(always)]
    fn has_rules(&self) -> bool {
        setting!(rules) != 0
    }

    #[inline(always)]
    fn has_shadow_rules(&self) -> bool {
        FULL && setting!(shadow) == 1
    }

    #[inline(always)]
    fn is_basic(&self) -> bool {
        !FULL
    }

    #[inline(always)]
    fn uses(&self, dimension: Dimension) -> bool {
        (FULL || dimension.is_basic()) && setting!(used[dimension as usize]) == 1
    }

    #[inline(always)]
    fn class_v4(&self, dimension: Dimension, address: [u8; 4]) -> u32 {
        if setting!(index_v4[dimension as usize & 1]) == 1 {
            return indexed::class_v4(dimension, address);
        }
        let key = Key::new(32, address);
        let class = match dimension {
            Dimension::Source => SOURCE_V4.get(&key),
            _ => DESTINATION_V4.get(&key),
        };
        class.copied().unwrap_or(CLASS_OUTSIDE)
    }

    #[inline(always)]
    fn class_v6(&self, dimension: Dimension, address: [u8; 16]) -> u32 {
        if setting!(index_v6[dimension as usize & 1]) == 1 {
            return indexed::class_v6(dimension, address);
        }
        trie_v6(dimension, address)
    }

    #[inline(always)]
    fn class_number(&self, dimension: Dimension, value: u32) -> Option<u32> {
        let base = setting!(values[dimension as usize]);
        let classes = NUMBERS.get(base + value / NUMBERS_PACK as u32)?;
        let class = classes.get(value as usize % NUMBERS_PACK)?;
        Some(u32::from(*class))
    }

    #[inline(always)]
    fn class_interface(&self, interface: u32) -> u32 {
        // SAFETY: nothing removes entries while a program may read them.
        let class = unsafe { INTERFACES.get(interface) };
        class.copied().unwrap_or(CLASS_OUTSIDE)
    }

    #[inline(always)]
    fn class_mac(&self, dimension: Dimension, address: Mac) -> u32 {
        // SAFETY: filled before the commit and never changed after it.
        let class = unsafe {
            match dimension {
                Dimension::SourceMac => SOURCE_MACS.get(address),
                _ => DESTINATION_MACS.get(address),
            }
        };
        class.copied().unwrap_or(CLASS_OUTSIDE)
    }

    #[inline(always)]
    fn row(&self, dimension: Dimension, class: u32) -> Option<&Row> {
        ROWS.get(setting!(rows[dimension as usize]) + class)
    }

    #[inline(always)]
    fn rule(&self, index: u32) -> Option<Rule> {
        RULES.get(index).copied()
    }

    #[inline(always)]
    fn count_shadow(&self, slot: u32, length: usize) {
        if COUNT {
            count(slot, length);
        }
    }
}
