//! Tables: lines of fields with a separator between them.
//!
//! Owns which column has the addresses.

use std::net::IpAddr;

use ipnetwork::IpNetwork;

use super::Format;

/// A field of a table, without quotes.
pub(super) fn address(field: &str) -> Option<IpNetwork> {
    let field = field.trim().trim_matches(['"', '\'']);
    let field = field
        .split([':', ','])
        .next()
        .filter(|_| field.contains('.'))
        .unwrap_or(field);
    field.parse().ok()
}

/// CSV and its relatives: which column has the addresses.
pub(super) fn separated(lines: &[&str]) -> Option<Format> {
    for (separator, option, name) in [
        (',', "-d, ", "CSV"),
        ('\t', "", "a table with tabs"),
        ('|', "-d'|' ", "a table with bars"),
        (';', "-d';' ", "a table with semicolons"),
    ] {
        let rows = lines.iter().filter(|line| line.contains(separator));
        let Some(found) = rows
            .into_iter()
            .find_map(|line| Column::of(line, separator))
        else {
            continue;
        };
        let column = found.number;
        let unquote = if found.is_quoted { " | tr -d '\"'" } else { "" };
        let port = if found.has_port { " | cut -d: -f1" } else { "" };
        let remedy = if found.is_range {
            let next = column + 1;
            format!(
                "`awk -F'{}' '{{ print ${column} \"-\" ${next} }}' FILE{unquote} > NEW`",
                separator.escape_default()
            )
        } else {
            format!("`cut {option}-f{column} FILE{unquote}{port} > NEW`")
        };
        return Some(Format::new(name, remedy));
    }
    None
}

/// Where the addresses are in the rows of a table.
struct Column {
    /// From 1.
    number: usize,
    /// Whether the next column has the other ends of ranges.
    is_range: bool,
    is_quoted: bool,
    has_port: bool,
}

impl Column {
    fn of(row: &str, separator: char) -> Option<Self> {
        let fields: Vec<&str> = row.split(separator).collect();
        let unquoted = |at: usize| Some(fields.get(at)?.trim().trim_matches(['"', '\'']));
        let is_prefix = |field: &&str| field.contains('/') && address(field).is_some();
        // Beside a prefix, an address is the router or the source that it came from.
        let column = fields.iter().position(is_prefix);
        let column = column.or_else(|| fields.iter().position(|field| address(field).is_some()))?;
        let end = |at| unquoted(at)?.parse::<IpAddr>().ok();
        let is_range = match (end(column), end(column + 1)) {
            (Some(from), Some(to)) => from.is_ipv4() == to.is_ipv4() && from <= to,
            _ => false,
        };
        let has_port = unquoted(column)
            .and_then(|field| field.split_once(':'))
            .is_some_and(|(before, _)| before.contains('.'));
        Some(Self {
            number: column + 1,
            is_range,
            is_quoted: row.contains('"'),
            has_port,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_of_the_addresses_is_found() {
        for (text, expected) in [
            ("192.0.2.0/24,SBL1,2026", "`cut -d, -f1 FILE > NEW`"),
            ("id,network\n7,192.0.2.0/24\n", "`cut -d, -f2 FILE > NEW`"),
            (
                "\"7\",\"2001:db8::/32\",\"x\"",
                "`cut -d, -f2 FILE | tr -d '\"' > NEW`",
            ),
            (
                "192.0.2.0,192.0.2.255,24",
                "`awk -F',' '{ print $1 \"-\" $2 }' FILE > NEW`",
            ),
            (
                "192.0.2.0\t192.0.2.255\t24",
                "`awk -F'\\t' '{ print $1 \"-\" $2 }' FILE > NEW`",
            ),
            (
                "T|1|B|198.51.100.1|64496|192.0.2.0/24|64496|IGP",
                "`cut -d'|' -f6 FILE > NEW`",
            ),
            ("192.0.2.9,192.0.2.1,24", "`cut -d, -f1 FILE > NEW`"),
            (
                "\"2026\",\"192.0.2.1:443\",\"x\"",
                "`cut -d, -f2 FILE | tr -d '\"' | cut -d: -f1 > NEW`",
            ),
            ("64496 | 192.0.2.0/24 | US", "`cut -d'|' -f2 FILE > NEW`"),
        ] {
            let said = separated(&text.lines().collect::<Vec<_>>())
                .unwrap()
                .to_string();
            assert!(said.contains(expected), "{text}: {said}");
        }
    }
}
