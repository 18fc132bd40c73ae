//! Who is logged in from another host, and which list says so.
//!
//! Owns the choice of the list: logind's, else utmp's, else nobody. A connection to an SSH port
//! makes nobody a session: anyone can open one. Owns the bound on how many addresses are protected,
//! too, and the look-up of names.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::lookup_host;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{logind, utmp};

/// Most addresses that are protected. Each is a question to the kernel, and an entry that is left
/// out of sets.
pub const MOST_ADDRESSES: usize = 64;

/// Most names that are looked up, and most addresses of one: its owner chooses them.
const MOST_NAMES: usize = 8;
const MOST_OF_A_NAME: usize = 4;

/// How long the look-up of all names may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which list says who is logged in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoginSource {
    /// The session files of logind.
    Logind,
    /// The records of utmp.
    Utmp,
    /// This host has neither list.
    #[default]
    None,
}

impl fmt::Display for LoginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Logind => "logind",
            Self::Utmp => "utmp",
            Self::None => "none",
        })
    }
}

/// A login from another host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Login {
    /// When it began, in whatever unit its list has.
    pub(super) since: u64,
    pub(super) host: Host,
}

/// The other host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Host {
    Address(IpAddr),
    Name(String),
}

impl Host {
    /// The host of this text, which is an address, maybe with a scope (`fe80::1%eth0`), or a name.
    pub(super) fn read(text: &str) -> Option<Self> {
        let bare = text.split('%').next().unwrap_or_default();
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Self::address(address);
        }
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let is_name = (1..=253).contains(&text.len()) && text.chars().all(is_of_name);
        is_name.then(|| Self::Name(text.to_owned()))
    }

    /// `None` for an address that is on this host.
    pub(super) fn address(address: IpAddr) -> Option<Self> {
        let address = address.to_canonical();
        let is_here = address.is_unspecified() || address.is_loopback();
        (!is_here).then_some(Self::Address(address))
    }
}

/// What a list says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) logins: Vec<Login>,
    /// Why it is not complete, a sentence each.
    pub(super) unseen: Vec<String>,
}

/// The addresses that someone is logged in from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logins {
    /// Which list says so.
    pub source: LoginSource,
    /// At most [`MOST_ADDRESSES`], without scope, IPv4 as IPv4.
    pub addresses: BTreeSet<IpAddr>,
    /// Those beyond that number.
    pub beyond: BTreeSet<IpAddr>,
    /// Why some are not among them, a sentence each.
    pub unseen: Vec<String>,
    /// Whether there may be more than are known.
    pub is_incomplete: bool,
}

impl Logins {
    /// Whether nobody is logged in from there any more. An address that may be missing by an error
    /// still counts as logged in.
    #[must_use]
    pub fn have_ended(&self, address: IpAddr) -> bool {
        let is_listed = self.addresses.contains(&address) || self.beyond.contains(&address);
        !is_listed && !self.is_incomplete
    }
}

/// Reads the lists of this host. Never fails: what is not known is noted. Within a runtime.
pub async fn logins() -> Logins {
    match spawn_blocking(|| read(Path::new("/"))).await {
        Ok((source, listing)) => resolved(source, listing).await,
        Err(error) => Logins {
            unseen: vec![format!("who is logged in is not known: {error}")],
            is_incomplete: true,
            ..Logins::default()
        },
    }
}

/// Which list this host has; reads none. Blocks.
#[must_use]
pub fn login_source() -> LoginSource {
    source(Path::new("/"))
}

fn source(root: &Path) -> LoginSource {
    if logind::is_here(root) {
        LoginSource::Logind
    } else if utmp::is_here(root) {
        LoginSource::Utmp
    } else {
        LoginSource::None
    }
}

/// `root` is `/` except in tests.
fn read(root: &Path) -> (LoginSource, Listing) {
    if let Some(listing) = logind::read(root) {
        return (LoginSource::Logind, listing);
    }
    match utmp::read(root) {
        Some(listing) => (LoginSource::Utmp, listing),
        None => (LoginSource::None, Listing::default()),
    }
}

/// Looks up the names. The oldest logins come first: who logs in later displaces nobody.
async fn resolved(source: LoginSource, listing: Listing) -> Logins {
    let Listing {
        mut logins,
        mut unseen,
    } = listing;
    logins.sort_unstable();
    let mut found = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for login in logins {
        match login.host {
            Host::Address(address) => found.push(address),
            Host::Name(name) if !names.contains(&name) => names.push(name),
            Host::Name(_) => {}
        }
    }
    let known = names.iter().take(MOST_NAMES).cloned().collect();
    let look_up = timeout(PATIENCE, look_up(known, &mut found, &mut unseen));
    if look_up.await.is_err() {
        unseen.push(format!(
            "names of hosts were not resolved within {PATIENCE:?}"
        ));
    }
    if let Some(more) = names.len().checked_sub(MOST_NAMES).filter(|more| *more > 0) {
        unseen.push(format!(
            "{more} names of hosts are not resolved: {MOST_NAMES} are"
        ));
    }
    Logins {
        source,
        is_incomplete: !unseen.is_empty(),
        unseen,
        ..Logins::default()
    }
    .of(&found)
}

impl Logins {
    /// With these addresses, the first of which are protected.
    fn of(mut self, found: &[IpAddr]) -> Self {
        for address in found {
            if self.addresses.len() < MOST_ADDRESSES {
                self.addresses.insert(*address);
            } else if !self.addresses.contains(address) {
                self.beyond.insert(*address);
            }
        }
        if !self.beyond.is_empty() {
            let all = self.addresses.len() + self.beyond.len();
            self.unseen.push(format!(
                "users are logged in from {all} addresses; the first {MOST_ADDRESSES} are protected"
            ));
        }
        self
    }
}

async fn look_up(names: Vec<String>, found: &mut Vec<IpAddr>, unseen: &mut Vec<String>) {
    for name in names {
        match lookup_host((name.as_str(), 0)).await {
            Ok(sockets) => {
                let hosts = sockets.filter_map(|socket| Host::address(socket.ip()));
                for host in hosts.take(MOST_OF_A_NAME) {
                    if let Host::Address(address) = host {
                        found.push(address);
                    }
                }
            }
            Err(error) => unseen.push(format!("{name}: its addresses are not known: {error}")),
        }
    }
}

#[cfg(test)]
#[path = "logins_tests.rs"]
mod tests;
