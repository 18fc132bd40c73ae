//! How long a configuration may be on trial: the one reading of it, for files and for commands.
//!
//! Owns its bounds and what is said of a time outside them.

use std::time::Duration;

use humantime::{format_duration, parse_duration};

use super::defaults::{MAX_CONFIRM, MIN_CONFIRM};
use crate::names::words::quoted;

/// Reads a time such as `60s` or `5m`.
///
/// # Errors
/// A sentence without the name of what was read, such as ``cannot be `1h 70`; …``.
pub fn parse_confirm(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text)
        .map_err(|error| format!("cannot be {} ({error}); write `60s` or `5m`", quoted(text)))?;
    bound_confirm(time)?;
    Ok(time)
}

/// Refuses a time in which nobody can confirm, and one that nobody waits for.
///
/// # Errors
/// As [`parse_confirm`].
pub fn bound_confirm(time: Duration) -> Result<(), String> {
    if (MIN_CONFIRM..=MAX_CONFIRM).contains(&time) && time.subsec_nanos() == 0 {
        return Ok(());
    }
    Err(format!(
        "cannot be `{}`; it is whole seconds, from {} to {}",
        format_duration(time),
        format_duration(MIN_CONFIRM),
        format_duration(MAX_CONFIRM)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit_and_within_bounds() {
        assert_eq!(parse_confirm("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(parse_confirm("1h 30m"), Ok(Duration::from_secs(5_400)));
        for refused in ["60", "4s", "2d", "0s", "1500ms", "5500ms", "soon", ""] {
            let error = parse_confirm(refused).unwrap_err();
            assert!(error.starts_with("cannot be `"), "{error}");
        }
        insta::assert_snapshot!(parse_confirm("2d").unwrap_err(), @"cannot be `2days`; it is whole seconds, from 5s to 1day");
        insta::assert_snapshot!(parse_confirm("60").unwrap_err(), @"cannot be `60` (time unit needed, for example 60sec or 60ms); write `60s` or `5m`");
    }
}
