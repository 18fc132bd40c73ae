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
        let column = rows.into_iter().find_map(|line| {
            let fields: Vec<&str> = line.split(separator).collect();
            let column = fields.iter().position(|field| address(field).is_some())?;
            let unquoted = |field: &&str| {
                field
                    .trim()
                    .trim_matches(['"', '\''])
                    .parse::<IpAddr>()
                    .is_ok()
            };
            let is_range = fields.get(column).is_some_and(unquoted)
                && fields.get(column + 1).is_some_and(unquoted);
            Some((column + 1, is_range, line.contains('"')))
        });
        let Some((column, is_range, is_quoted)) = column else {
            continue;
        };
        let unquote = if is_quoted { " | tr -d '\"'" } else { "" };
        let remedy = if is_range {
            let next = column + 1;
            format!(
                "`awk -F'{}' '{{ print ${column} \"-\" ${next} }}' FILE{unquote} > NEW`",
                separator.escape_default()
            )
        } else {
            format!("`cut {option}-f{column} FILE{unquote} > NEW`")
        };
        return Some(Format::new(name, remedy));
    }
    None
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
            ("64496 | 192.0.2.0/24 | US", "`cut -d'|' -f2 FILE > NEW`"),
        ] {
            let said = separated(&text.lines().collect::<Vec<_>>())
                .unwrap()
                .to_string();
            assert!(said.contains(expected), "{text}: {said}");
        }
    }
}
