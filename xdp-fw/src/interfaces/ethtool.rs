//! What `ethtool` shows of a device: its driver, its channels, what it does on its own.
//!
//! Asked by ioctl, which unlike netlink names the driver and is in every kernel. Changes nothing.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::names::InterfaceName;

const SIOCETHTOOL: libc::c_ulong = 0x8946;
const GET_DRIVER: u32 = 0x03;
const GET_STRINGS: u32 = 0x1b;
const GET_FLAGS: u32 = 0x25;
const GET_STRING_COUNT: u32 = 0x37;
const GET_FEATURES: u32 = 0x3a;
const GET_CHANNELS: u32 = 0x3c;

/// `ETH_SS_FEATURES`: the set of strings that names features.
const FEATURE_NAMES: u32 = 4;
/// More features than a kernel has by far: 64 at most up to 7.3.
const MOST_FEATURES: usize = 256;

/// `ETH_FLAG_LRO`.
const LRO: u32 = 1 << 15;

/// A device as `ethtool -i`, `-k` and `-l` show it. What its driver does not tell is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// The driver's name.
    pub driver: Option<String>,
    /// Whether it joins segments to larger ones (`large-receive-offload`).
    pub lro: bool,
    /// Its channels.
    pub channels: Option<Channels>,
}

/// Queues: in use, and as many as there can be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Channels {
    /// At most so many that only receive.
    pub max_rx: u32,
    /// At most so many that only send.
    pub max_tx: u32,
    /// At most so many for anything else.
    pub max_other: u32,
    /// At most so many that do both.
    pub max_combined: u32,
    /// That only receive.
    pub rx: u32,
    /// That only send.
    pub tx: u32,
    /// For anything else.
    pub other: u32,
    /// That do both.
    pub combined: u32,
}

/// Asks about the device `name` of this network namespace.
///
/// # Errors
/// When there is no such device, or no socket to be had.
pub fn device(name: &InterfaceName) -> io::Result<Device> {
    let asked = Asked::new(name)?;
    // Reserved bytes and counts follow the five texts.
    let mut driver = Command::of(Driver([0; 192]));
    let driver = match asked.ask(&mut driver) {
        Ok(()) => text(driver.answer.0.get(..32).unwrap_or_default()),
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => return Err(error),
        Err(_) => None,
    };
    let mut flags = Command::of(Flags(0));
    let flags = asked.ask(&mut flags).map_or(0, |()| flags.answer.0);
    let mut channels = Command::of(Channels::default());
    let channels = asked.ask(&mut channels).ok().map(|()| channels.answer);
    Ok(Device {
        driver,
        lro: flags & LRO != 0,
        channels,
    })
}

/// Names of the features that are on, as the kernel has them (`rx-vlan-hw-parse`).
///
/// # Errors
/// When there is no such device, no socket to be had, or the kernel does not tell.
pub(super) fn active_features(name: &InterfaceName) -> io::Result<Vec<String>> {
    let asked = Asked::new(name)?;
    let names = asked.feature_names()?;
    let mut features = Command::of(Features {
        blocks: (MOST_FEATURES / 32) as u32,
        states: [FeatureBlock::default(); MOST_FEATURES / 32],
    });
    asked.ask(&mut features)?;
    let blocks = features.answer.states.iter();
    let is_on = blocks.flat_map(|block| (0..32).map(|bit| block.active & (1 << bit) != 0));
    let named = names.into_iter().zip(is_on);
    Ok(named.filter(|(_, on)| *on).map(|(name, _)| name).collect())
}

/// How many strings the sets have that are asked for.
#[repr(C)]
struct StringCount {
    reserved: u32,
    /// A bit per set: 64 of them, but not aligned as such here.
    sets: [u8; 8],
    count: u32,
}

/// The strings of a set.
#[repr(C)]
struct Strings {
    set: u32,
    count: u32,
    texts: [[u8; 32]; MOST_FEATURES],
}

/// The states of all features, 32 to a block.
#[repr(C)]
struct Features {
    blocks: u32,
    states: [FeatureBlock; MOST_FEATURES / 32],
}

#[derive(Clone, Copy, Default)]
#[repr(C)]
struct FeatureBlock {
    available: u32,
    requested: u32,
    active: u32,
    never_changed: u32,
}

/// What the kernel answers a command with.
///
/// # Safety
/// Behind the number of the command it has the layout of that command's structure, with room for all
/// that the kernel writes, and any bytes are a value.
unsafe trait Answer {
    /// The command.
    const COMMAND: u32;
}

macro_rules! answers {
    ($($(#[doc = $structure:literal])+ $answer:ty = $command:ident;)+) => {
        $(
        // SAFETY: integers alone, of the size that a test compares with the kernel's.
        unsafe impl Answer for $answer {
            const COMMAND: u32 = $command;
        })+
    };
}

answers! {
    /// struct ethtool_drvinfo
    Driver = GET_DRIVER;
    /// struct ethtool_value
    Flags = GET_FLAGS;
    /// struct ethtool_channels
    Channels = GET_CHANNELS;
    /// struct ethtool_sset_info
    StringCount = GET_STRING_COUNT;
    /// struct ethtool_gstrings
    Strings = GET_STRINGS;
    /// struct ethtool_gfeatures
    Features = GET_FEATURES;
}

/// Five texts of the driver, and what follows them.
#[repr(C)]
struct Driver([u8; 192]);

/// `ETH_FLAG_*`.
#[repr(C)]
struct Flags(u32);

/// The head of every `ethtool` structure, and what the kernel fills in.
#[repr(C)]
struct Command<T> {
    command: u32,
    answer: T,
}

impl<T: Answer> Command<T> {
    fn of(answer: T) -> Self {
        Self {
            command: T::COMMAND,
            answer,
        }
    }
}

/// The device that is asked, as `struct ifreq` names it.
struct Asked {
    socket: OwnedFd,
    name: [libc::c_char; libc::IFNAMSIZ],
}

impl Asked {
    fn new(name: &InterfaceName) -> io::Result<Self> {
        let name = name.as_bytes();
        let mut bytes = [0; libc::IFNAMSIZ];
        if name.len() >= bytes.len() {
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        for (to, from) in bytes.iter_mut().zip(name) {
            *to = *from as libc::c_char;
        }
        let socket = socket(
            AddressFamily::Unix,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            None,
        )?;
        Ok(Self {
            socket,
            name: bytes,
        })
    }

    /// In the order of their numbers.
    fn feature_names(&self) -> io::Result<Vec<String>> {
        let mut count = Command::of(StringCount {
            reserved: 0,
            sets: (1u64 << FEATURE_NAMES).to_ne_bytes(),
            count: 0,
        });
        self.ask(&mut count)?;
        let count = count.answer.count as usize;
        // The kernel writes them all, whatever it is told about the room for them.
        if count > MOST_FEATURES {
            return Err(io::Error::other(format!("{count} features are too many")));
        }
        let mut strings = Box::new(Command::of(Strings {
            set: FEATURE_NAMES,
            count: count as u32,
            texts: [[0; 32]; MOST_FEATURES],
        }));
        self.ask(&mut *strings)?;
        let texts = strings.answer.texts.iter().take(count);
        Ok(texts.map(|it| text(it).unwrap_or_default()).collect())
    }

    fn ask<T: Answer>(&self, command: &mut Command<T>) -> io::Result<()> {
        let mut request = libc::ifreq {
            ifr_name: self.name,
            ifr_ifru: libc::__c_anonymous_ifr_ifru {
                ifru_data: std::ptr::from_mut(command).cast(),
            },
        };
        // SAFETY: the request points to the structure of its command, for as long as the call takes:
        // `Command::of` is the one way to make one, and takes the number from its type.
        match unsafe { libc::ioctl(self.socket.as_raw_fd(), SIOCETHTOOL as _, &mut request) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// A text up to its zero byte; `None` if it is empty.
fn text(bytes: &[u8]) -> Option<String> {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text).into_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> InterfaceName {
        InterfaceName::from_text(text)
    }

    #[test]
    fn the_answers_are_as_large_as_the_kernels() {
        // struct ethtool_drvinfo, ethtool_value and ethtool_channels.
        assert_eq!(size_of::<Command<Driver>>(), 196);
        assert_eq!(size_of::<Command<Flags>>(), 8);
        assert_eq!(size_of::<Command<Channels>>(), 36);
        // struct ethtool_sset_info with one count, and the heads of ethtool_gstrings and
        // ethtool_gfeatures with what follows them.
        assert_eq!(size_of::<Command<StringCount>>(), 20);
        assert_eq!(size_of::<Command<Strings>>(), 12 + 32 * MOST_FEATURES);
        assert_eq!(size_of::<Command<Features>>(), 8 + 16 * MOST_FEATURES / 32);
    }

    #[test]
    fn a_device_that_is_not_there_is_an_error() {
        for text in ["no-such-dev", "a-name-that-no-device-can-have"] {
            let error = device(&name(text)).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ENODEV), "{text}");
        }
    }

    #[test]
    fn loopback_can_do_without_checksums_and_takes_no_tags_off() {
        let features = active_features(&name("lo")).unwrap();
        assert!(features.iter().any(|it| it == "tx-scatter-gather"));
        assert!(features.iter().any(|it| it == "rx-checksum"));
        assert!(features.iter().all(|it| it != "rx-vlan-hw-parse"));
        assert!(active_features(&name("no-such-dev")).is_err());
    }

    #[test]
    fn loopback_joins_nothing() {
        assert!(!device(&name("lo")).unwrap().lro);
    }
}
