//! Addresses of IPv4 in the notation of IPv6, `::ffff:192.0.2.1`.
//!
//! Owns which prefixes these are, and what is said of them. A host delivers packets of IPv4 peers
//! under such addresses to its dual-stack sockets, and logs and exports lists of them so; on the wire
//! they are IPv4. Translated addresses (`64:ff9b::/96`, `2002::/16`) are on the wire as IPv6, and
//! stay what they are.

use ipnetwork::{IpNetwork, Ipv4Network};

use crate::names::words::quoted;

/// Length of `::ffff:0:0/96`, which they all lie in.
const LENGTH: u8 = 96;

/// The prefix of IPv4 that was meant. One that holds more than IPv4 stays what it is.
pub(super) fn folded(network: IpNetwork) -> IpNetwork {
    let IpNetwork::V6(mapped) = network else {
        return network;
    };
    let address = mapped.ip().to_ipv4_mapped();
    let length = mapped.prefix().checked_sub(LENGTH);
    let folded = address.zip(length);
    let folded = folded.and_then(|(address, length)| Ipv4Network::new(address, length).ok());
    folded.map_or(network, IpNetwork::V4)
}

/// Whether a text that stands for `network` has another notation than its family.
pub(super) fn is_folded(text: &str, network: &IpNetwork) -> bool {
    network.is_ipv4() && text.contains(':')
}

/// What is said of one that was folded.
pub(super) fn note(text: &str, network: &IpNetwork) -> String {
    let text = quoted(text);
    format!("{text} is IPv4 in the notation of IPv6; it is read as {network}")
}

/// What is said of a file with some of them.
pub(super) fn note_of_many(count: usize) -> String {
    match count {
        1 => "1 entry is IPv4 in the notation of IPv6 (::ffff:…); it is read as IPv4".into(),
        _ => format!(
            "{count} entries are IPv4 in the notation of IPv6 (::ffff:…); they are read as IPv4"
        ),
    }
}

/// What is said of `::ffff:0:0/96`: lists of what has no place on a wire have it, and mean another
/// thing.
pub(super) const WHOLE: &str = "::ffff:0:0/96 is read as 0.0.0.0/0, every IPv4 address; leave it \
     out if packets with such IPv6 addresses are meant";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_prefixes_fold_and_others_do_not() {
        for (text, expected) in [
            ("::ffff:203.0.113.50", "203.0.113.50/32"),
            ("::ffff:cb00:7132", "203.0.113.50/32"),
            ("0:0:0:0:0:FFFF:203.0.113.0/120", "203.0.113.0/24"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::ffff:128.0.0.0/97", "128.0.0.0/1"),
            ("::fffe:0:0/95", "::fffe:0:0/95"),
            ("::/0", "::/0"),
            ("::/80", "::/80"),
            ("::203.0.113.50", "::cb00:7132/128"),
            ("::ffff:0:203.0.113.50", "::ffff:0:cb00:7132/128"),
            ("64:ff9b::203.0.113.50", "64:ff9b::cb00:7132/128"),
            ("2002:cb00:7132::/48", "2002:cb00:7132::/48"),
            ("192.0.2.0/24", "192.0.2.0/24"),
        ] {
            let network = text.parse().unwrap();
            assert_eq!(folded(network).to_string(), expected, "{text}");
        }
    }
}
