//! Which format a scraper asks for: `Accept`, as RFC 9110 has it.
//!
//! Owns the choice. Whoever asks for neither format gets the older one, which every scraper reads.

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue};

/// A format of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// The Prometheus text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// What the headers of a request ask for.
    pub(super) fn asked_for(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT).into_iter();
        let ranges: Vec<Range> = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(split)
            .filter_map(Range::parse)
            .collect();
        let text = preference(&ranges, Self::Text);
        let open = preference(&ranges, Self::OpenMetrics);
        match (open, text) {
            (Some(open), Some(text)) if open.is_before(text) => Self::OpenMetrics,
            (Some(open), None) if open.quality > 0 => Self::OpenMetrics,
            _ => Self::Text,
        }
    }

    pub(super) const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        })
    }

    const fn kind(self) -> [&'static str; 2] {
        match self {
            Self::Text => ["text", "plain"],
            Self::OpenMetrics => ["application", "openmetrics-text"],
        }
    }

    const fn version(self) -> &'static str {
        match self {
            Self::Text => "0.0.4",
            Self::OpenMetrics => "1.0.0",
        }
    }
}

/// One of the ranges that a request accepts.
#[derive(Debug)]
struct Range {
    kind: [String; 2],
    version: Option<String>,
    /// In thousandths.
    quality: u16,
}

/// What a request says of a format.
#[derive(Debug, Clone, Copy)]
struct Preference {
    quality: u16,
    /// 0 for `*/*`, 1 for `text/*`, 2 for the type, 3 for the type and its version.
    precision: u8,
    /// Which of the ranges says so.
    place: usize,
}

impl Preference {
    /// Whether this comes before the other one. Where a request likes both alike, what it names comes
    /// before what it does not exclude, and then what it names first.
    fn is_before(self, other: Self) -> bool {
        let named = |it: Self| it.precision.min(2);
        (self.quality, named(self), other.place) > (other.quality, named(other), self.place)
    }
}

/// The most precise range counts; the better one of two that are as precise.
fn preference(ranges: &[Range], format: Format) -> Option<Preference> {
    let preferences = ranges.iter().enumerate().filter_map(|(place, range)| {
        let precision = range.precision(format)?;
        Some(Preference {
            quality: range.quality,
            precision,
            place,
        })
    });
    preferences.max_by_key(|it| (it.precision, it.quality, std::cmp::Reverse(it.place)))
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (main, sub) = parts.next()?.split_once('/')?;
        let mut range = Self {
            kind: [main, sub].map(|it| it.trim().to_ascii_lowercase()),
            version: None,
            quality: 1_000,
        };
        for part in parts {
            let Some((name, value)) = part.split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => range.quality = quality(value)?,
                "version" => range.version = Some(value.to_owned()),
                _ => {}
            }
        }
        Some(range)
    }

    /// How precisely it means a format; `None` if it does not.
    fn precision(&self, format: Format) -> Option<u8> {
        let [main, sub] = format.kind();
        let [our_main, our_sub] = self.kind.each_ref().map(String::as_str);
        match (our_main, our_sub, &self.version) {
            ("*", "*", _) => Some(0),
            (it, "*", _) if it == main => Some(1),
            (it, other, None) if (it, other) == (main, sub) => Some(2),
            (it, other, Some(version)) if (it, other) == (main, sub) => {
                (version == format.version()).then_some(3)
            }
            _ => None,
        }
    }
}

/// `1`, `0.25`: at most three digits after the point.
fn quality(text: &str) -> Option<u16> {
    let value: f32 = text.parse().ok()?;
    let is_in_range = (0.0..=1.0).contains(&value);
    is_in_range.then(|| (value * 1_000.0).round() as u16)
}

/// At commas outside quotes.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |character| {
        is_quoted ^= character == '"';
        character == ',' && !is_quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn gives(accept: &[&'static str], format: Format) {
        let headers = accept
            .iter()
            .map(|it| (ACCEPT, HeaderValue::from_static(it)));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        assert_eq!(Format::asked_for(&map), format, "{accept:?}");
    }

    #[test]
    fn who_asks_for_nothing_gets_the_text_format() {
        for accept in [
            &[][..],
            &[""],
            &["*/*"],
            &["text/html"],
            &["image/*, */*;q=0"],
        ] {
            gives(accept, Format::Text);
        }
    }

    #[test]
    fn who_asks_for_a_format_gets_it() {
        gives(&["text/plain;version=0.0.4"], Format::Text);
        gives(&["text/plain"], Format::Text);
        for open in [
            "application/openmetrics-text",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "Application/OpenMetrics-Text;Version=\"1.0.0\"",
            "application/*",
        ] {
            gives(&[open], Format::OpenMetrics);
        }
    }

    #[test]
    fn prometheus_gets_openmetrics() {
        gives(
            &[
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
               application/openmetrics-text;version=0.0.1;q=0.4,\
               text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
               text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            ],
            Format::OpenMetrics,
        );
    }

    #[test]
    fn the_higher_quality_wins() {
        let [open, text] = ["application/openmetrics-text", "text/plain"];
        let both = |first: &str, second: &str| -> &'static str {
            Box::leak(format!("{open};q={first}, {text};q={second}").into_boxed_str())
        };
        gives(&[both("0.2", "0.9")], Format::Text);
        gives(&[both("0.9", "0.2")], Format::OpenMetrics);
        gives(&[both("0", "0.001")], Format::Text);
        gives(
            &["text/plain;q=0.5", "application/openmetrics-text"],
            Format::OpenMetrics,
        );
    }

    #[test]
    fn the_first_of_two_equals_wins() {
        gives(
            &["application/openmetrics-text, text/plain"],
            Format::OpenMetrics,
        );
        gives(&["text/plain, application/openmetrics-text"], Format::Text);
        gives(&["*/*, application/openmetrics-text"], Format::OpenMetrics);
    }

    #[test]
    fn what_is_excluded_is_not_given() {
        gives(&["application/openmetrics-text;q=0"], Format::Text);
        gives(&["application/openmetrics-text;q=0, */*"], Format::Text);
        gives(
            &["application/openmetrics-text;version=2.0.0"],
            Format::Text,
        );
    }

    #[test]
    fn nonsense_is_passed_over() {
        gives(
            &["/;;=,q=1,text, application/openmetrics-text;q=7, \"a,b\"/c;q=\"0"],
            Format::Text,
        );
        gives(
            &["text/plain;q=NaN, application/openmetrics-text;q=0.1"],
            Format::OpenMetrics,
        );
    }
}
