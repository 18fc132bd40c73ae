//! Links: the root program on interfaces, each pinned by a number.
//!
//! The pin is a link's only reference, so the filter outlives every process. A foreign program is
//! never replaced: the kernel refuses, and says so here.

pub(in crate::datapath) mod foreign;
pub(in crate::datapath) mod netlink;
pub(in crate::datapath) mod refusal;

use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::xdp::XdpLink;
use aya::programs::{ProgramError, Xdp, XdpMode};

use crate::fault::{self, Point};
use crate::interfaces;
use crate::names::InterfaceName;

use self::netlink::Answer;
use self::refusal::Refusal;
use crate::datapath::error::Error;
use crate::datapath::error::{chain, errno};
use crate::datapath::kernel::sys;
use crate::datapath::model::{AttachMode, Hook, Link};
use crate::datapath::pins::Pins;
use crate::datapath::pins::found::{Found, look, removal};

/// Every pinned link, dead ones too.
pub(in crate::datapath) fn list(pins: &Pins) -> Result<Vec<Link>, Error> {
    let mut links = Vec::new();
    for hook in Hook::ALL {
        list_of(hook, pins, &mut links)?;
    }
    Ok(links)
}

fn list_of(hook: Hook, pins: &Pins, links: &mut Vec<Link>) -> Result<(), Error> {
    for number in pins.link_numbers(hook)? {
        let path = pins.link(hook, number);
        let found = look(&path)?;
        let link = match &found {
            // Detached since.
            Found::Nothing => continue,
            Found::Link(link) => info(&path, link)?,
            _ => None,
        };
        let Some(link) = link else {
            let problem = format!("not a link of ours but {}", other_than_ours(&found));
            let remedy = format!("remove it: {}", removal(&path));
            return Err(Error::pin(&path, problem, remedy));
        };
        links.push(Link {
            hook,
            number,
            interface: (link.interface != 0).then_some(link.interface),
            program: link.program,
        });
    }
    Ok(())
}

fn info(path: &Path, link: &OwnedFd) -> Result<Option<sys::XdpLink>, Error> {
    sys::link_info(link)
        .map_err(|error| Error::kernel(format!("look at {}", path.display()), &error))
}

fn other_than_ours(found: &Found) -> &'static str {
    match found {
        Found::Link(_) => "a link of another type",
        other => other.describe(),
    }
}

/// Attaches `root` and pins the link under the first free number, unless the interface has one
/// at this hook already. The caller holds the lock on links.
pub(in crate::datapath) fn attach(
    pins: &Pins,
    hook: Hook,
    root: &mut Xdp,
    interface: u32,
    name: &str,
    mode: AttachMode,
) -> Result<(), Error> {
    let flags = match mode {
        AttachMode::Native => XdpMode::Driver,
        AttachMode::Generic => XdpMode::Skb,
    };
    let mut again = true;
    let id = loop {
        let error = match root.attach_to_if_index(interface, flags) {
            Ok(id) => break id,
            // Only then: a link whose device was moved to another namespace tells its number there,
            // which may be that of an unfiltered device here.
            Err(error) if is_busy(&error) && is_listed(pins, hook, interface)? => return Ok(()),
            Err(error) => error,
        };
        match refusal(root, interface, name, mode, &error) {
            Some(refused) => return Err(refused),
            // The cause has just gone.
            None if std::mem::take(&mut again) => {}
            None => {
                let action = format!("attach to {name}");
                return Err(Error::kernel(action, &error));
            }
        }
    };
    let link = root
        .take_link(id)
        .map_err(|error| Error::kernel(format!("attach to {name}"), &error))?;
    // On EINVAL aya falls back to netlink, whose attachment dies with nobody: not what we pin.
    // Dropping it detaches.
    let link = FdLink::try_from(link).map_err(|_| Error::Attach {
        interface: name.to_owned(),
        cause: "the kernel refused an XDP link (EINVAL), though not the program".to_owned(),
        remedy: "use a kernel of 5.10 or newer".to_owned(),
        driver: false,
    })?;
    pin(pins, hook, link)
}

fn is_busy(error: &ProgramError) -> bool {
    matches!(errno(error), Some(libc::EBUSY | libc::EEXIST))
}

fn is_listed(pins: &Pins, hook: Hook, interface: u32) -> Result<bool, Error> {
    Ok(list(pins)?
        .iter()
        .any(|link| link.hook == hook && link.interface == Some(interface)))
}

/// The first free number's pin. The caller holds the lock on links.
pub(in crate::datapath) fn free(pins: &Pins, hook: Hook) -> Result<PathBuf, Error> {
    let taken = pins.link_numbers(hook)?;
    let free = (0..).find(|number| !taken.contains(number));
    Ok(pins.link(hook, free.unwrap_or_default()))
}

/// Pins under the first free number.
fn pin(pins: &Pins, hook: Hook, link: FdLink) -> Result<(), Error> {
    let path = free(pins, hook)?;
    fault::point(Point::LinkMade)?;
    link.pin(&path)
        .map(drop)
        .map_err(|error| Error::kernel(format!("pin {}", path.display()), &error))?;
    fault::point(Point::LinkPinned)?;
    Ok(())
}

/// Takes the program off the link's interface, and then removes the pin. In this order, and not by
/// dropping the last reference: another process may hold one, and the kernel may free it late.
/// What is no XDP link is not ours and stays; false says so.
pub(in crate::datapath) fn detach(pins: &Pins, hook: Hook, number: u32) -> Result<bool, Error> {
    let path = pins.link(hook, number);
    let refused =
        |error: &std::io::Error| Error::kernel(format!("remove {}", path.display()), error);
    let Found::Link(link) = look(&path)? else {
        return Ok(false);
    };
    if info(&path, &link)?.is_none() {
        return Ok(false);
    }
    sys::detach_link(&link).map_err(|error| refused(&error))?;
    fault::point(Point::LinkDetached)?;
    fs::remove_file(&path).map_err(|error| refused(&error))?;
    Ok(true)
}

/// Points a pinned link at another root program, in one step.
pub(in crate::datapath) fn replace(pins: &Pins, link: &Link, root: &mut Xdp) -> Result<(), Error> {
    let path = pins.link(link.hook, link.number);
    let refused = |error: &(dyn std::error::Error + 'static)| {
        Error::kernel(format!("update link {}", path.display()), error)
    };
    let link = FdLink::from(PinnedLink::from_pin(&path).map_err(|e| refused(&e))?);
    let link = XdpLink::try_from(link).map_err(|e| refused(&e))?;
    let id = root.attach_to_link(link).map_err(|e| refused(&e))?;
    root.take_link(id).map(drop).map_err(|e| refused(&e))
}

/// Why an interface does not take `root`: asked in the way that has the driver's own words for an
/// answer. `None` if it would take it now.
fn refusal(
    root: &Xdp,
    interface: u32,
    name: &str,
    mode: AttachMode,
    error: &(dyn std::error::Error + 'static),
) -> Option<Error> {
    let said = match root
        .fd()
        .map(|fd| netlink::ask(fd.as_fd(), interface, mode))
    {
        Ok(Ok(Answer::Possible)) => return None,
        Ok(Ok(Answer::Refused(said))) => said,
        // Then the error number has to do.
        _ => None,
    };
    let refusal = Refusal {
        interface: name,
        mode,
        errno: errno(error),
        chain: chain(error),
        said,
        device: &interfaces::device(&InterfaceName::from_text(name)).unwrap_or_default(),
    };
    Some(refusal.into_error())
}
