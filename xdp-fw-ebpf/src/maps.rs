//! The maps of one generation, and [`Tables`] over them.
//!
//! Sizes of maps here are placeholders: the loader creates each rule map at the size of its data. A
//! [`BssArray`] is as long as it may get.

use core::marker::PhantomData;

use crate::{addresses, bss_array::BssArray};
use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    btf_maps::{Array, HashMap},
    macros::btf_map,
};
use xdp_fw_common::{
    Dimension, Essentials, Tables, Verdict,
    lpm::V4_LENGTHS,
    packet::Mac,
    tables::{
        BYTE_TABLES, BYTE_VALUES, CLASS_OUTSIDE, NUMBERS_PACK, RULES_MAX, Row, Rule,
        SINGLE_WORD_ROWS_MAX, SINGLE_WORD_RULES_MAX,
    },
    wire::Settings,
};

/// User space writes all values at once.
const MAPPED: usize = BPF_F_MMAPABLE as usize;

/// Interface index -> class. Written by user space before the commit, as all below.
#[btf_map]
static INTERFACES: HashMap<u32, u32, 1> = HashMap::new();

/// Ethernet address -> class of the source.
#[btf_map]
static SOURCE_MACS: HashMap<Mac, u32, 1> = HashMap::new();

/// Ethernet address -> class of the destination.
#[btf_map]
static DESTINATION_MACS: HashMap<Mac, u32, 1> = HashMap::new();

/// Dimension's base + number / 65,536 -> classes of 65,536 neighbouring numbers. The key is known
/// when the program is compiled, or nearly: what depends on the packet is one load.
#[btf_map]
static NUMBERS: Array<[u16; NUMBERS_PACK], 1, MAPPED> = Array::new();

/// Dimension's base + class -> row.
#[btf_map]
static ROWS: Array<Row, 1> = Array::new();

/// Rule in file order -> the [`Rule`], read at once. Written by user space before the commit, as all
/// below.
#[unsafe(link_section = ".bss.rules")]
static RULES: BssArray<u64, RULES_MAX> = BssArray::zeroed();

/// [`bit_slot`](xdp_fw_common::tables::bit_slot) -> the [`Rule`], where rows are words.
#[unsafe(link_section = ".bss.word_rules")]
static SINGLE_WORD_RULES: BssArray<u64, SINGLE_WORD_RULES_MAX> = BssArray::zeroed();

/// Dimension and class -> row, where a row is a word.
#[unsafe(link_section = ".bss.word_rows")]
static SINGLE_WORD_ROWS: [BssArray<u64, SINGLE_WORD_ROWS_MAX>; Dimension::COUNT] =
    [const { BssArray::zeroed() }; Dimension::COUNT];

/// Dimension of 256 numbers, and number -> class.
#[unsafe(link_section = ".bss.bytes")]
static BYTES: [BssArray<u16, BYTE_VALUES>; BYTE_TABLES] =
    [const { BssArray::zeroed() }; BYTE_TABLES];

/// Frozen before the verifier looks, so that what is not in use is dead code to it.
#[unsafe(no_mangle)]
pub(crate) static SETTINGS: Settings = Settings {
    default_action: 0,
    malformed: 0,
    non_ip: 0,
    essentials: 0,
    rules: 0,
    shadow: 0,
    coarse_clock: 0,
    single_word: 0,
    row_counts: [0; Dimension::COUNT],
    rows: [0; Dimension::COUNT],
    values: [0; Dimension::COUNT],
    prefixes_v4: [0; 2],
    prefixes_v6: [0; 2],
    buckets_v4: [0; 2],
    buckets_v6: [0; 2],
    lengths_v4: [[0; V4_LENGTHS]; 2],
    seed_v4: [0; 2],
    seed_v6: [0; 2],
};

/// One field of [`SETTINGS`], as the loader set it: the compiler must not believe the zeros.
macro_rules! setting {
    ($($field:tt)+) => {
        // SAFETY: the field of a static, aligned and initialised.
        unsafe { core::ptr::read_volatile(&raw const crate::maps::SETTINGS.$($field)+) }
    };
}
pub(crate) use setting;

/// `index`, by way of the stack. An offset is precise to the verifier, and so is all that it was
/// made of; in the walk past shadow rules that was too much for 5.10. What is loaded from half a
/// slot of the stack was made of nothing.
#[inline(always)]
fn drop_precision(index: u32) -> u32 {
    let mut slot = 0;
    // SAFETY: a variable of our own.
    unsafe {
        (&raw mut slot).write_volatile(index);
        (&raw const slot).read_volatile()
    }
}

/// The rule maps of this generation, for a kind of policy.
pub(crate) struct Maps<K>(PhantomData<K>);

impl<K> Maps<K> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

/// What kind of policy a program is for: what the verifier would remove still costs registers and
/// stack, which LLVM shared out before.
pub(crate) trait Kind {
    /// Whether there is more than addresses, protocol and ports.
    const FULL: bool;
    /// Whether rows are words; `None`: as the settings say.
    const SINGLE_WORD: Option<bool>;
}

/// Every policy, whatever its rows.
pub(crate) enum Full {}
/// Policies over addresses, protocol and ports alone.
pub(crate) enum Basic {}
/// The same, where rows are words.
pub(crate) enum SingleWord {}

impl Kind for Full {
    const FULL: bool = true;
    const SINGLE_WORD: Option<bool> = None;
}

impl Kind for Basic {
    const FULL: bool = false;
    const SINGLE_WORD: Option<bool> = Some(false);
}

impl Kind for SingleWord {
    const FULL: bool = false;
    const SINGLE_WORD: Option<bool> = Some(true);
}

impl<K: Kind> Tables for Maps<K> {
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
    fn essentials(&self) -> Essentials {
        Essentials::from_bits(setting!(essentials))
    }

    #[inline(always)]
    fn has_rules(&self) -> bool {
        setting!(rules) != 0
    }

    #[inline(always)]
    fn has_shadow_rules(&self) -> bool {
        K::FULL && setting!(shadow) == 1
    }

    #[inline(always)]
    fn is_basic(&self) -> bool {
        !K::FULL
    }

    #[inline(always)]
    fn uses(&self, dimension: Dimension) -> bool {
        (K::FULL || dimension.is_basic()) && setting!(row_counts[dimension as usize]) != 0
    }

    #[inline(always)]
    fn class_v4(&self, dimension: Dimension, address: [u8; 4]) -> u32 {
        if setting!(prefixes_v4[dimension as usize & 1]) == 1 {
            addresses::class_v4(dimension, address)
        } else {
            CLASS_OUTSIDE
        }
    }

    #[inline(always)]
    fn class_v6(&self, dimension: Dimension, address: [u8; 16]) -> u32 {
        if setting!(prefixes_v6[dimension as usize & 1]) == 1 {
            addresses::class_v6(dimension, address)
        } else {
            CLASS_OUTSIDE
        }
    }

    #[inline(always)]
    fn class_number(&self, dimension: Dimension, value: u32) -> Option<u32> {
        if let Some(table) = dimension.byte_table() {
            let class = BYTES.get(table)?.get(value as usize % BYTE_VALUES)?;
            return Some(u32::from(class));
        }
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
    fn has_single_word_rows(&self) -> bool {
        K::SINGLE_WORD.unwrap_or(setting!(single_word) == 1)
    }

    #[inline(always)]
    fn single_word_rule(&self, slot: usize) -> Option<Rule> {
        SINGLE_WORD_RULES.get(slot).and_then(Rule::from_word)
    }

    #[inline(always)]
    fn single_word_row(&self, dimension: Dimension, class: u32) -> Option<u64> {
        let rows = setting!(row_counts[dimension as usize]);
        SINGLE_WORD_ROWS
            .get(dimension as usize)?
            .get_below(rows as usize, class as usize)
    }

    #[inline(always)]
    fn row(&self, dimension: Dimension, class: u32) -> Option<&Row> {
        // What comes behind is another dimension's.
        if class >= setting!(row_counts[dimension as usize]) {
            return None;
        }
        ROWS.get(setting!(rows[dimension as usize]) + class)
    }

    #[inline(always)]
    fn rule(&self, index: u32) -> Option<Rule> {
        let index = if K::FULL {
            drop_precision(index)
        } else {
            index
        };
        RULES.get(index as usize).and_then(Rule::from_word)
    }
}
