//! `192.0.2.1:443`, `[2001:db8::1]:443`, and the same without a port; Ethernet addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::description::Mac;
use super::text::{Mistake, Word, Words};
use crate::names::mac;
use crate::names::words::{decimal, quoted};

/// An address with the port behind it, if there is one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endpoint<'a> {
    pub(super) word: Word<'a>,
    pub(super) address: IpAddr,
    pub(super) port: Option<u16>,
}

/// `SOURCE > DESTINATION`, both of one family.
pub(super) fn endpoints<'a>(
    words: &mut Words<'a>,
) -> Result<(Endpoint<'a>, Endpoint<'a>), Mistake> {
    let source = endpoint(words.expect("`SOURCE > DESTINATION`")?)?;
    arrow(words)?;
    let destination = endpoint(words.expect("the destination address")?)?;
    if source.address.is_ipv4() != destination.address.is_ipv4() {
        let family = |address: IpAddr| if address.is_ipv4() { "IPv4" } else { "IPv6" };
        return Err(destination.word.wrong(format!(
            "{} is an address of {}, and the source is of {}; expected both of one family",
            destination.address,
            family(destination.address),
            family(source.address)
        )));
    }
    Ok((source, destination))
}

/// The `>` between two addresses.
fn arrow(words: &mut Words<'_>) -> Result<(), Mistake> {
    let word = words.expect("`>` and the destination")?;
    match word.text {
        ">" => Ok(()),
        text => Err(word.wrong(format!(
            "{} is not `>`; expected `SOURCE > DESTINATION`",
            quoted(text)
        ))),
    }
}

fn endpoint(word: Word<'_>) -> Result<Endpoint<'_>, Mistake> {
    let text = word.text;
    let (address, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, behind) = rest.split_once(']').ok_or_else(|| {
                word.wrong(format!(
                    "{} has no `]`; expected `[ADDRESS]:PORT`",
                    quoted(text)
                ))
            })?;
            let address = address
                .parse::<Ipv6Addr>()
                .map_err(|_| word.wrong(format!("{} is not an IPv6 address", quoted(address))))?;
            let port = match behind.strip_prefix(':') {
                Some(port) => Some(port),
                None if behind.is_empty() => None,
                None => {
                    let message = format!("{} stands behind `]`; expected `:PORT`", quoted(behind));
                    return Err(word.wrong(message));
                }
            };
            (IpAddr::V6(address), port)
        }
        None => match text.parse() {
            Ok(address) => (address, None),
            Err(_) => split_v4(word)?,
        },
    };
    let port = port.map(|port| number(word, port)).transpose()?;
    Ok(Endpoint {
        word,
        address,
        port,
    })
}

/// `192.0.2.1:443`, which is no address by itself.
fn split_v4(word: Word<'_>) -> Result<(IpAddr, Option<&str>), Mistake> {
    let parts = word.text.split_once(':');
    let parsed = parts.and_then(|(address, port)| Some((address.parse::<Ipv4Addr>().ok()?, port)));
    match parsed {
        Some((address, port)) => Ok((address.into(), Some(port))),
        None => Err(word.wrong(explain(word.text))),
    }
}

fn number(word: Word<'_>, port: &str) -> Result<u16, Mistake> {
    decimal(port)
        .and_then(|port| u16::try_from(port).ok())
        .ok_or_else(|| {
            word.wrong(format!(
                "{} is not a port; expected a number from 0 to 65535",
                quoted(port)
            ))
        })
}

/// What is wrong with a text that is no address.
fn explain(text: &str) -> String {
    let subject = quoted(text);
    if text == ">" {
        return "the source is missing; expected `SOURCE > DESTINATION`".to_owned();
    }
    if text.starts_with('@') {
        return format!(
            "{subject} is a set, and a packet has one address; expected one of its addresses"
        );
    }
    if text.contains('/') {
        return format!(
            "{subject} is a prefix, and a packet has one address; expected an address in it"
        );
    }
    // As tcpdump prints it.
    if let Some((address, port)) = text.rsplit_once('.')
        && let (Ok(address), Some(port)) = (address.parse::<IpAddr>(), decimal(port))
    {
        let meant = match address {
            IpAddr::V4(address) => format!("{address}:{port}"),
            IpAddr::V6(address) => format!("[{address}]:{port}"),
        };
        return format!("{subject} is not an address; expected `{meant}`");
    }
    format!(
        "{subject} is not an address; expected one such as `192.0.2.1:443` or `[2001:db8::1]:443`"
    )
}

/// `mac SOURCE > DESTINATION`.
pub(super) fn macs(words: &mut Words<'_>) -> Result<(Mac, Mac), Mistake> {
    let source = mac(words.expect("`SOURCE > DESTINATION` as Ethernet addresses")?)?;
    arrow(words)?;
    let destination = mac(words.expect("the destination's Ethernet address")?)?;
    Ok((source, destination))
}

fn mac(word: Word<'_>) -> Result<Mac, Mistake> {
    mac::address(word.text).ok_or_else(|| {
        word.wrong(format!(
            "{} is not an Ethernet address; expected one such as `02:00:5e:10:00:01`",
            quoted(word.text)
        ))
    })
}
