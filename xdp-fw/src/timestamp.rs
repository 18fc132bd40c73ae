//! A moment as it stands in JSON: RFC 3339, UTC, in seconds.
//!
//! Owns the one spelling of time that scripts see, and the ages that people read.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(SystemTime);

impl Timestamp {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        Self(SystemTime::now())
    }

    /// Seconds since 1970, as Prometheus wants them.
    #[must_use]
    pub fn unix_seconds(self) -> f64 {
        let since = self.0.duration_since(UNIX_EPOCH);
        since.unwrap_or_default().as_secs_f64()
    }

    /// How long before `now` this was, in its largest unit; clocks that disagree give `0s`.
    #[must_use]
    pub fn age(self, now: Self) -> String {
        let age = now.0.duration_since(self.0).unwrap_or_default();
        largest_unit(age)
    }
}

fn largest_unit(age: Duration) -> String {
    let seconds = age.as_secs();
    let (number, unit) = match seconds {
        0..60 => (seconds, "s"),
        60..3_600 => (seconds / 60, "m"),
        3_600..86_400 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    format!("{number}{unit}")
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(time)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_seconds(self.0).fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = humantime::parse_rfc3339(&text).map_err(de::Error::custom)?;
        Ok(Self(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_rfc_3339_both_ways() {
        let time = Timestamp(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(json, r#""2023-11-14T22:13:20Z""#);
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
    }

    #[test]
    fn ages_are_in_their_largest_unit() {
        let at = |seconds| Timestamp(UNIX_EPOCH + Duration::from_secs(seconds));
        for (then, age) in [
            (1_000_000, "0s"),
            (999_941, "59s"),
            (999_940, "1m"),
            (996_400, "1h"),
        ] {
            assert_eq!(at(then).age(at(1_000_000)), age);
        }
        assert_eq!(at(0).age(at(1_000_000)), "11d");
        assert_eq!(at(5).age(at(1)), "0s");
    }
}
