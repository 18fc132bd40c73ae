//! The made-up layout 0 of the pins, with real maps, programs and links: what an earlier version
//! would have left on a host.
//!
//! Owns what it pins until a migration or the test takes it away. Shares no code with the product.

use std::ffi::CString;
use std::fs::{self, DirBuilder};
use std::io;
use std::mem::{size_of, size_of_val};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::net::if_::if_nametoindex;

use crate::netns::Netns;

/// What drops packets from 192.0.2.1.
pub const DENY: &str = "deny";
/// What drops packets from 192.0.2.2.
pub const DENY_TOO: &str = "deny-too";

const SLOTS: u32 = 512;
const DENY_SLOT: i32 = 200;
const DENY_TOO_SLOT: i32 = 300;
/// The reason `default` with the verdict `pass`.
const DEFAULT_SLOT: i32 = 2;

const MAP_CREATE: libc::c_long = 0;
const MAP_UPDATE_ELEM: libc::c_long = 2;
const PROG_LOAD: libc::c_long = 5;
const OBJ_PIN: libc::c_long = 6;
const LINK_CREATE: libc::c_long = 28;

const ARRAY: u32 = 2;
const PROG_ARRAY: u32 = 3;
const PERCPU_ARRAY: u32 = 6;
const XDP: u32 = 6;
const ATTACH_XDP: u32 = 37;
const NATIVE: u32 = 1 << 2;

/// A filter of layout 0 in force.
#[derive(Debug)]
pub struct Former {
    directory: PathBuf,
}

impl Former {
    /// Pins it at `directory`, which it makes, and attaches it to `devices` in `netns`.
    #[must_use]
    pub fn attach(directory: &Path, netns: &Netns, devices: &[&str]) -> Self {
        let generation = directory.join("generations/7");
        for made in [&generation, &directory.join("links")] {
            let mut builder = DirBuilder::new();
            let made = builder.recursive(true).mode(0o700).create(made);
            made.expect("bpffs is there, and root's");
        }
        let counters = create_map(PERCPU_ARRAY, 16, SLOTS);
        let entry = create_map(PROG_ARRAY, 4, 1);
        let filter = load(&filter(&counters));
        update(&entry, 0, &filter.as_raw_fd());
        let root = load(&root(&entry));
        let rules = create_map(ARRAY, size_of::<Rule>() as u32, 2);
        update(&rules, 0, &rule(DENY, DENY_SLOT));
        update(&rules, 1, &rule(DENY_TOO, DENY_TOO_SLOT));
        for (object, path) in [
            (&counters, directory.join("counters")),
            (&entry, directory.join("entry")),
            (&root, directory.join("root")),
            (&filter, generation.join("filter")),
            (&rules, generation.join("rules")),
        ] {
            pin(object, &path);
        }
        for (number, device) in devices.iter().enumerate() {
            let link = netns.within(|| attach(&root, device));
            pin(&link, &directory.join("links").join(number.to_string()));
        }
        Self {
            directory: directory.to_owned(),
        }
    }

    /// Where it is, or was.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Former {
    fn drop(&mut self) {
        // With the pins go the links. A migration has removed it all, or a test has failed.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A rule as layout 0 has them.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Rule {
    slot: u32,
    verdict: u32,
    name: [u8; 32],
}

fn rule(name: &str, slot: i32) -> Rule {
    let mut padded = [0; 32];
    for (to, from) in padded.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    Rule {
        slot: slot as u32,
        verdict: 1,
        name: padded,
    }
}

/// One instruction: operation, destination, source, offset, immediate value.
type Instruction = (u8, u8, u8, i16, i32);

/// Jumps to the filter, and drops where there is none.
fn root(entry: &OwnedFd) -> Vec<Instruction> {
    vec![
        (0x18, 2, 1, 0, entry.as_raw_fd()), // r2 = entry
        (0, 0, 0, 0, 0),
        (0xb7, 3, 0, 0, 0),  // r3 = 0
        (0x85, 0, 0, 0, 12), // tail call
        (0xb7, 0, 0, 0, 1),  // r0 = XDP_DROP
        (0x95, 0, 0, 0, 0),  // exit
    ]
}

/// Drops by source address, and counts packets and bytes.
fn filter(counters: &OwnedFd) -> Vec<Instruction> {
    let source = |last: u8| i32::from_le_bytes([192, 0, 2, last]);
    vec![
        (0x61, 7, 1, 0, 0),                    //  0: r7 = data
        (0x61, 8, 1, 4, 0),                    //  1: r8 = data_end
        (0xb7, 9, 0, 0, DEFAULT_SLOT),         //  2: r9 = the slot
        (0xbf, 1, 7, 0, 0),                    //  3
        (0x07, 1, 0, 0, 34),                   //  4: Ethernet and IPv4
        (0x2d, 1, 8, 9, 0),                    //  5: too short: 15
        (0x69, 1, 7, 12, 0),                   //  6
        (0x55, 1, 0, 7, 0x0008),               //  7: not IPv4: 15
        (0x61, 1, 7, 26, 0),                   //  8: the source
        (0x15, 1, 0, 2, source(1)),            //  9: 12
        (0x15, 1, 0, 3, source(2)),            // 10: 14
        (0x05, 0, 0, 3, 0),                    // 11: 15
        (0xb7, 9, 0, 0, DENY_SLOT),            // 12
        (0x05, 0, 0, 1, 0),                    // 13: 15
        (0xb7, 9, 0, 0, DENY_TOO_SLOT),        // 14
        (0x63, 10, 9, -4, 0),                  // 15: the key
        (0xbf, 2, 10, 0, 0),                   // 16
        (0x07, 2, 0, 0, -4),                   // 17
        (0x18, 1, 1, 0, counters.as_raw_fd()), // 18
        (0, 0, 0, 0, 0),                       // 19
        (0x85, 0, 0, 0, 1),                    // 20: look up
        (0x15, 0, 0, 7, 0),                    // 21: not there: 29
        (0x79, 1, 0, 0, 0),                    // 22: packets
        (0x07, 1, 0, 0, 1),                    // 23
        (0x7b, 0, 1, 0, 0),                    // 24
        (0x1f, 8, 7, 0, 0),                    // 25: the length
        (0x79, 1, 0, 8, 0),                    // 26: bytes
        (0x0f, 1, 8, 0, 0),                    // 27
        (0x7b, 0, 1, 8, 0),                    // 28
        (0xb7, 0, 0, 0, 2),                    // 29: XDP_PASS
        (0x15, 9, 0, 1, DEFAULT_SLOT),         // 30: 32
        (0xb7, 0, 0, 0, 1),                    // 31: XDP_DROP
        (0x95, 0, 0, 0, 0),                    // 32: exit
    ]
}

fn load(program: &[Instruction]) -> OwnedFd {
    let code: Vec<u64> = program
        .iter()
        .map(|&(operation, to, from, offset, value)| {
            let registers = to | from << 4;
            let [low, high] = offset.to_le_bytes();
            let [a, b, c, d] = value.to_le_bytes();
            u64::from_le_bytes([operation, registers, low, high, a, b, c, d])
        })
        .collect();
    // Type and length; code, licence; no log, no flags, no name; for which attachment.
    let mut attribute = [0u32; 18];
    let head = [XDP, code.len() as u32];
    attribute[..2].copy_from_slice(&head);
    attribute[2..4].copy_from_slice(&halves(code.as_ptr() as u64));
    attribute[4..6].copy_from_slice(&halves(c"GPL".as_ptr() as u64));
    attribute[17] = ATTACH_XDP;
    made(bpf(PROG_LOAD, &attribute), "the kernel takes the program")
}

fn create_map(kind: u32, value: u32, entries: u32) -> OwnedFd {
    let attribute = [kind, 4, value, entries, 0];
    made(bpf(MAP_CREATE, &attribute), "the kernel makes the map")
}

fn update<V>(map: &OwnedFd, key: u32, value: &V) {
    let attribute = [
        map.as_raw_fd() as u64,
        &raw const key as u64,
        std::ptr::from_ref(value) as u64,
        0,
    ];
    bpf(MAP_UPDATE_ELEM, &attribute).expect("the map takes the value");
}

fn pin(object: &OwnedFd, path: &Path) {
    let name = CString::new(path.as_os_str().as_bytes()).expect("a path without a zero");
    let attribute = [name.as_ptr() as u64, object.as_raw_fd() as u64];
    bpf(OBJ_PIN, &attribute).expect("bpffs takes the pin");
}

fn attach(root: &OwnedFd, device: &str) -> OwnedFd {
    let index = if_nametoindex(device).expect("the device is there");
    let attribute = [root.as_raw_fd() as u32, index, ATTACH_XDP, NATIVE];
    made(bpf(LINK_CREATE, &attribute), "the device takes the program")
}

fn halves(pointer: u64) -> [u32; 2] {
    [pointer as u32, (pointer >> 32) as u32]
}

fn made(result: io::Result<libc::c_long>, what: &str) -> OwnedFd {
    let fd = result.expect(what);
    // SAFETY: the kernel has just handed it out to us.
    unsafe { OwnedFd::from_raw_fd(fd as i32) }
}

fn bpf<T>(command: libc::c_long, attribute: &T) -> io::Result<libc::c_long> {
    // SAFETY: the attribute is a live array of the command's fields, and every pointer in it leads
    // to something that lives past the call and is as large as the kernel takes it to be.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(attribute),
            size_of_val(attribute),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}
