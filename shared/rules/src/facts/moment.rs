//! Members of a scanner's answer whose form nobody promises.

use std::fmt;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, Visitor},
};

/// A member that is worth nothing in another form than the expected one: then it is as if it were
/// not there, and the answer around it can still be read.
#[derive(Debug, Clone)]
pub(super) struct Loose<T>(pub(super) Option<T>);

impl<T> Default for Loose<T> {
    fn default() -> Self {
        Self(None)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Either<T> {
    Expected(T),
    Other(IgnoredAny),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Either::deserialize(deserializer)? {
            Either::Expected(value) => Self(Some(value)),
            Either::Other(IgnoredAny) => Self(None),
        })
    }
}

/// A moment as one of AWS's services writes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(pub(super) Timestamp);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MomentVisitor)
    }
}

struct MomentVisitor;

impl Visitor<'_> for MomentVisitor {
    type Value = Moment;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a moment")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Moment, E> {
        let seconds = i64::try_from(seconds).map_err(E::custom)?;
        self.visit_i64(seconds)
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Moment, E> {
        Timestamp::from_second(seconds)
            .map(Moment)
            .map_err(E::custom)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, and jiff refuses what is out of range"
    )]
    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Moment, E> {
        Timestamp::from_millisecond((seconds * 1000.0) as i64)
            .map(Moment)
            .map_err(E::custom)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
        moment(text)
            .map(Moment)
            .ok_or_else(|| E::custom("no moment"))
    }
}

/// Reads a moment: ISO 8601 in answers of APIs, and the two forms of `Inspector2 Finding` events,
/// `Dec 3, 2021, 6:02:30 PM` and `Wed Sep 04 16:55:38.411 UTC 2024`, both UTC.
pub fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.trim().parse() {
        return Some(moment);
    }
    // Newer versions of Java put a narrow no-break space before `PM`.
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let forms = ["%b %d, %Y, %I:%M:%S %p", "%a %b %d %H:%M:%S%.f UTC %Y"];
    let civil = forms
        .iter()
        .find_map(|form| DateTime::strptime(form, &text).ok())?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_moment_is_read() {
        for (json, expected) in [
            ("1748368447", "2025-05-27T17:54:07Z"),
            ("1748368447.765", "2025-05-27T17:54:07.765Z"),
            ("1.748368447765E9", "2025-05-27T17:54:07.765Z"),
            (
                "\"2025-05-27T17:54:07.765000+00:00\"",
                "2025-05-27T17:54:07.765Z",
            ),
            ("\"2025-05-27T19:54:07+02:00\"", "2025-05-27T17:54:07Z"),
            ("\"Dec 3, 2021, 6:02:30 PM\"", "2021-12-03T18:02:30Z"),
            ("\"Dec 3, 2021, 6:02:30\u{202f}PM\"", "2021-12-03T18:02:30Z"),
            ("\"Oct 16, 2019, 12:00:00 AM\"", "2019-10-16T00:00:00Z"),
            (
                "\"Wed Sep 04 16:55:38.411 UTC 2024\"",
                "2024-09-04T16:55:38.411Z",
            ),
            ("\"Wed Sep 04 16:55:38 UTC 2024\"", "2024-09-04T16:55:38Z"),
        ] {
            let read: Loose<Moment> = serde_json::from_str(json).unwrap();
            let read = read.0.map(|moment| moment.0.to_string());
            assert_eq!(read.as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn what_is_no_moment_is_not_known() {
        for json in [
            "null",
            "true",
            "{}",
            "[1]",
            "\"\"",
            "\"yesterday\"",
            "\"Dec 33, 2021, 6:02:30 PM\"",
            "\"Wed Sep 04 16:55:38.411 PST 2024\"",
            "\"Mon Sep 04 16:55:38.411 UTC 2024\"",
            "1e300",
            "-1e300",
            "18446744073709551615",
        ] {
            let read: Loose<Moment> = serde_json::from_str(json).unwrap();
            assert!(read.0.is_none(), "{json}");
        }
    }
}
