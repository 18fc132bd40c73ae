//! Ethernet addresses as text.
//!
//! Owns the two ways to write one.

/// Six bytes of two digits each, with a colon or a dash between them.
pub(crate) fn address(text: &str) -> Option<[u8; 6]> {
    let separator = if text.contains('-') { '-' } else { ':' };
    let bytes: Option<Vec<u8>> = text.split(separator).map(byte).collect();
    bytes?.try_into().ok()
}

fn byte(digits: &str) -> Option<u8> {
    let is_byte = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_byte.then(|| u8::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_colons_or_dashes() {
        let bytes = [0x02, 0, 0xab, 0xcd, 0xef, 0xff];
        assert_eq!(address("02:00:ab:cd:ef:ff"), Some(bytes));
        assert_eq!(address("02-00-AB-CD-EF-FF"), Some(bytes));
        for bad in [
            "",
            "02:00:ab:cd:ef",
            "02:00:ab:cd:ef:ff:00",
            "02:00:ab-cd:ef:ff",
            "2:0:ab:cd:ef:ff",
            "02:00:ab:cd:ef:fg",
            "0200.abcd.efff",
            "+2:00:ab:cd:ef:ff",
            "ø:00:ab:cd:ef:ff",
        ] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }
}
