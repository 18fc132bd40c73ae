//! Links: the root program on interfaces, each pinned by a number.
//!
//! The pin is a link's only reference, so the filter outlives every process. A foreign program is
//! never replaced: the kernel refuses, and says so here.

use std::fs;

use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::xdp::XdpLink;
use aya::programs::{ProgramError, Xdp, XdpMode};

use super::error::{chain, errno};
use super::pins::Pins;
use super::{AttachMode, Error, Link, sys};

/// Every pinned link, dead ones too.
pub(super) fn list(pins: &Pins) -> Result<Vec<Link>, Error> {
    let mut links = Vec::new();
    for number in pins.link_numbers()? {
        let path = pins.link(number);
        match sys::pinned_link(&path) {
            Ok(link) => links.push(Link {
                number,
                interface: (link.interface != 0).then_some(link.interface),
                program: link.program,
            }),
            // Detached since.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                let problem = format!("not a link of ours: {error}");
                let remedy = format!("remove it: `rm {}`", path.display());
                return Err(Error::pin(&path, problem, remedy));
            }
        }
    }
    Ok(links)
}

/// Attaches `root` and pins the link under the first free number, unless the interface has a link
/// already. The caller holds the lock on links.
pub(super) fn attach(
    pins: &Pins,
    root: &mut Xdp,
    interface: u32,
    name: &str,
    mode: AttachMode,
) -> Result<(), Error> {
    if list(pins)?
        .iter()
        .any(|link| link.interface == Some(interface))
    {
        return Ok(());
    }
    let flags = match mode {
        AttachMode::Native => XdpMode::Driver,
        AttachMode::Generic => XdpMode::Skb,
    };
    let refused = |error: &(dyn std::error::Error + 'static)| refusal(name, mode, error);
    let id = match root.attach_to_if_index(interface, flags) {
        // Only then: a link whose device was moved to another namespace tells its number there.
        Err(error) if is_busy(&error) && is_listed(pins, interface)? => return Ok(()),
        other => other.map_err(|e| refused(&e))?,
    };
    let link: XdpLink = root.take_link(id).map_err(|e| refused(&e))?;
    // On EINVAL aya falls back to netlink, whose attachment dies with nobody: not what we pin.
    // Dropping it detaches.
    let link = FdLink::try_from(link).map_err(|_| Error::Attach {
        interface: name.to_owned(),
        cause: "the kernel refused an XDP link (EINVAL)".to_owned(),
        remedy: "use a kernel of 5.10 or newer; in `native` mode see `dmesg` for the driver's \
                 reason, often an MTU or queue limit"
            .to_owned(),
    })?;
    pin(pins, link)
}

fn is_busy(error: &ProgramError) -> bool {
    matches!(errno(error), Some(libc::EBUSY | libc::EEXIST))
}

fn is_listed(pins: &Pins, interface: u32) -> Result<bool, Error> {
    Ok(list(pins)?
        .iter()
        .any(|link| link.interface == Some(interface)))
}

/// Pins under the first free number.
fn pin(pins: &Pins, link: FdLink) -> Result<(), Error> {
    let taken = pins.link_numbers()?;
    let free = (0..)
        .find(|number| !taken.contains(number))
        .unwrap_or_default();
    let path = pins.link(free);
    link.pin(&path)
        .map(drop)
        .map_err(|error| Error::kernel(format!("pin {}", path.display()), &error))
}

/// Takes the program off the link's interface, and then removes the pin. In this order, and not by
/// dropping the last reference: another process may hold one, and the kernel may free it late.
pub(super) fn detach(pins: &Pins, number: u32) -> Result<(), Error> {
    let path = pins.link(number);
    let refused =
        |error: &std::io::Error| Error::kernel(format!("remove {}", path.display()), error);
    match sys::detach_pinned_link(&path) {
        // What is no link holds no interface.
        Err(error) if error.raw_os_error() != Some(libc::EINVAL) => return Err(refused(&error)),
        _ => {}
    }
    fs::remove_file(&path).map_err(|error| refused(&error))
}

/// Points a pinned link at another root program, in one step.
pub(super) fn replace(pins: &Pins, number: u32, root: &mut Xdp) -> Result<(), Error> {
    let path = pins.link(number);
    let refused = |error: &(dyn std::error::Error + 'static)| {
        Error::kernel(format!("update link {}", path.display()), error)
    };
    let link = FdLink::from(PinnedLink::from_pin(&path).map_err(|e| refused(&e))?);
    let link = XdpLink::try_from(link).map_err(|e| refused(&e))?;
    let id = root.attach_to_link(link).map_err(|e| refused(&e))?;
    root.take_link(id).map(drop).map_err(|e| refused(&e))
}

/// What the kernel said, and what to do about it. The driver's own words are not in a link's
/// answer; they are in the tracepoint `xdp:bpf_xdp_link_attach_failed` and often in dmesg.
fn refusal(name: &str, mode: AttachMode, error: &(dyn std::error::Error + 'static)) -> Error {
    let (cause, remedy) = match (errno(error), mode) {
        (Some(libc::EBUSY | libc::EEXIST), _) => (
            "another XDP program is attached, and we replace none but ours".to_owned(),
            format!(
                "see which with `ip link show dev {name}`; remove it there, or leave {name} out of `interfaces`"
            ),
        ),
        (Some(libc::EOPNOTSUPP), AttachMode::Native) => (
            "the driver has no native XDP, or not in this state".to_owned(),
            format!(
                "set `mode = \"generic\"` for {name} (slower), or \"auto\"; with bonds attach to the members"
            ),
        ),
        (Some(libc::ERANGE | libc::EINVAL | libc::E2BIG), AttachMode::Native) => (
            format!("the driver refuses ({})", chain(error)),
            format!(
                "lower the MTU (`ip link set {name} mtu 1500`), switch off LRO (`ethtool -K {name} lro off`), and see `dmesg`"
            ),
        ),
        (Some(libc::ENOSPC | libc::ENOMEM), _) => (
            format!(
                "the driver has too few queues or too little memory ({})",
                chain(error)
            ),
            format!("use fewer channels (`ethtool -L {name} combined 1`), or `mode = \"generic\"`"),
        ),
        (Some(libc::EPERM | libc::EACCES), _) => (
            "not permitted".to_owned(),
            "run as root, or with CAP_NET_ADMIN and CAP_BPF".to_owned(),
        ),
        (Some(libc::ENODEV), _) => (
            "there is no such interface".to_owned(),
            "it is attached when it appears".to_owned(),
        ),
        _ => (
            chain(error),
            "see `dmesg` for the driver's reason".to_owned(),
        ),
    };
    Error::Attach {
        interface: name.to_owned(),
        cause,
        remedy,
    }
}
