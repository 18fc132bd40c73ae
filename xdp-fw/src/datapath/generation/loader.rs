//! Makes the maps of the compiled object, again and again.
//!
//! Owns aya's loader. It reads the kernel's own type information whenever one is made, which takes
//! 7 ms and 20 MB, and which nothing in the object refers to: so one is made, and kept. Loads no program.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::LazyLock;

use aya::maps::{MapError, MapType};
use aya::{Ebpf, EbpfError, EbpfLoader};
use aya_obj::Object;
use aya_obj::generated::bpf_map_type;
use bytemuck::Zeroable as _;
use sha2::{Digest as _, Sha256};
use xdp_fw_common::wire::Settings;

use crate::datapath::error::Error;
use crate::datapath::generation::addresses::{TABLES, Table};
use crate::datapath::object::OBJECT;
use crate::datapath::pins::shared::SHARED;
use crate::datapath::pins::{Pins, Shape};

/// The global that [`Settings`] are in.
const SETTINGS: &str = "SETTINGS";

/// Stands in it while nothing is loaded.
static NOTHING: LazyLock<Settings> = LazyLock::new(Settings::zeroed);

/// The object, ready to be loaded with other settings and sizes each time.
pub(in crate::datapath) struct Loader {
    inner: EbpfLoader<'static>,
    shapes: HashMap<&'static str, Shape>,
    version: [u8; 32],
}

impl Loader {
    /// Of an object whose maps are all fresh.
    pub(in crate::datapath) fn new() -> Result<Self, Error> {
        let mut inner = EbpfLoader::new();
        inner.btf(None);
        Ok(Self {
            inner,
            shapes: shapes()?,
            version: version(),
        })
    }

    /// Of one that shares what generations share.
    pub(in crate::datapath) fn sharing(pins: &Pins) -> Result<Self, Error> {
        let mut loader = Self::new()?;
        for map in SHARED {
            loader.inner.map_pin_path(map.object, map.path(pins));
        }
        Ok(loader)
    }

    /// How the object wants an address map, whose size follows its data.
    pub(in crate::datapath) fn shape(&self, map: &str) -> Option<&Shape> {
        self.shapes.get(map)
    }

    /// Identifies the programs that read the maps, and what writes them: another version may
    /// understand the same bytes otherwise.
    pub(in crate::datapath) fn version(&self) -> [u8; 32] {
        self.version
    }

    /// From now on address maps are those that are pinned in `directory`; those that are not, are
    /// made and pinned there.
    pub(in crate::datapath) fn pin_addresses(&mut self, directory: &Path) {
        for map in TABLES.iter().flat_map(Table::maps) {
            self.inner.map_pin_path(map, directory.join(map));
        }
    }

    /// Makes the map `name` for so many entries from now on.
    pub(in crate::datapath) fn size(&mut self, name: &'static str, entries: u32) {
        self.inner.map_max_entries(name, entries);
    }

    /// Makes the maps, and the programs for these settings; none of them is loaded yet.
    pub(in crate::datapath) fn load(&mut self, settings: &Settings) -> Result<Ebpf, EbpfError> {
        Lent::new(&mut self.inner, settings).load()
    }
}

/// The loader while it borrows settings that outlive this value, and not the loader.
struct Lent<'a> {
    inner: &'a mut EbpfLoader<'static>,
    settings: PhantomData<&'a Settings>,
}

impl<'a> Lent<'a> {
    fn new(inner: &'a mut EbpfLoader<'static>, settings: &'a Settings) -> Self {
        // SAFETY: `drop` ends the borrow before `'a` does, also where `load` panics; nothing forgets
        // this value, which never leaves `Loader::load`.
        let borrowed: &'static Settings = unsafe { &*std::ptr::from_ref(settings) };
        inner.override_global(SETTINGS, borrowed, true);
        Self {
            inner,
            settings: PhantomData,
        }
    }

    fn load(&mut self) -> Result<Ebpf, EbpfError> {
        self.inner.load(OBJECT)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.inner.override_global(SETTINGS, &*NOTHING, true);
    }
}

fn version() -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(env!("CARGO_PKG_VERSION"));
    hash.update(OBJECT);
    // A build of the same version may have a writer that was mended.
    hash.update(include_str!("../object/xdp-fw.bpf.toml"));
    hash.update(env!("XDP_FW_TABLE_WRITERS"));
    hash.finalize().into()
}

fn shapes() -> Result<HashMap<&'static str, Shape>, Error> {
    let broken = |error: &(dyn std::error::Error + 'static)| {
        Error::kernel("read the BPF object of this build", error)
    };
    let object = Object::parse(OBJECT).map_err(|e| broken(&e))?;
    let mut shapes = HashMap::new();
    for name in TABLES.iter().flat_map(Table::maps) {
        let missing = std::io::Error::other(format!("map {name} is not in it"));
        let map = object.maps.get(name).ok_or_else(|| broken(&missing))?;
        let shape = Shape {
            kind: kind(map.map_type()).map_err(|e| broken(&e))?,
            key: map.key_size(),
            value: map.value_size(),
            entries: None,
            flags: map.map_flags(),
        };
        shapes.insert(name, shape);
    }
    Ok(shapes)
}

fn kind(number: u32) -> Result<MapType, MapError> {
    MapType::try_from(bpf_map_type::try_from(number)?)
}

#[cfg(test)]
#[path = "../../../build/table_writers.rs"]
mod table_writers;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    #[test]
    fn whatever_writes_tables_tells_builds_apart() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let built = table_writers::digest(here).unwrap();
        assert_eq!(built, env!("XDP_FW_TABLE_WRITERS"));

        let krate = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = krate.path().join("src").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let digest = || table_writers::digest(krate.path()).unwrap();
        for path in [
            "datapath/generation/addresses.rs",
            "datapath/kernel/mapping.rs",
            "policy/a/b.rs",
        ] {
            put(path, "fn write() {}");
        }
        let before = digest();
        put("datapath/handle/mod.rs", "fn commit() {}");
        assert_eq!(digest(), before);
        let mut all = BTreeSet::from([before]);
        for path in [
            "policy/a/b.rs",
            "policy/new.rs",
            "datapath/kernel/mapping.rs",
        ] {
            put(path, "fn write() { mended() }");
            assert!(all.insert(digest()), "{path}");
        }
        let [new, renamed] =
            ["new.rs", "renamed.rs"].map(|it| krate.path().join("src/policy").join(it));
        fs::rename(new, renamed).unwrap();
        assert!(all.insert(digest()), "a name");
    }

    #[test]
    fn nothing_in_the_object_refers_to_types_of_the_kernel() {
        let object = Object::parse(OBJECT).unwrap();
        assert!(!object.has_btf_relocations());
    }
}
