//! Until when a release holds.

use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date, tz::TimeZone};

/// As long as a waiver may hold.
const MOST_DAYS: i64 = 366;

/// What `--expires` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// To the end of this day, UTC.
    Day(Date),
    /// For this long.
    For(SignedDuration),
}

/// Reads `2027-01-31`, `7d`, `12h` or `2w`.
pub(crate) fn parse(text: &str) -> Result<Expiry, String> {
    if let Ok(date) = text.parse() {
        return Ok(Expiry::Day(date));
    }
    let wrong =
        || "neither a day, as `2027-01-31`, nor how long, as `7d`, `12h` or `2w`".to_owned();
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let hours = match unit {
        'h' => 1,
        'd' => 24,
        'w' => 7 * 24,
        _ => return Err(wrong()),
    };
    let count = text.strip_suffix(unit).unwrap_or_default();
    let count: u16 = count.parse().map_err(|_| wrong())?;
    Ok(Expiry::For(SignedDuration::from_hours(
        i64::from(count).saturating_mul(hours),
    )))
}

impl Expiry {
    /// When it is over.
    pub(super) fn until(self, now: Timestamp) -> Result<Timestamp, String> {
        let until = match self {
            Self::Day(date) => date
                .checked_add(1.day())
                .and_then(|next| TimeZone::UTC.to_timestamp(next.at(0, 0, 0, 0))),
            Self::For(duration) => now.checked_add(duration),
        };
        let until = until.map_err(|_| "`--expires` is beyond the calendar".to_owned())?;
        let days = until.duration_since(now).as_hours() / 24;
        if until <= now {
            Err("`--expires` is in the past".to_owned())
        } else if days > MOST_DAYS {
            Err("`--expires` is more than a year away: release it for less, or let the policy waive what was found".to_owned())
        } else {
            Ok(until)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(text: &str) -> Result<String, String> {
        let now = "2026-11-25T10:30:00Z".parse().unwrap();
        parse(text)?.until(now).map(|until| until.to_string())
    }

    #[test]
    fn a_release_ends_after_its_last_day_or_after_so_long() {
        for (text, end) in [
            ("2026-11-25", "2026-11-26T00:00:00Z"),
            ("2027-01-31", "2027-02-01T00:00:00Z"),
            ("7d", "2026-12-02T10:30:00Z"),
            ("12h", "2026-11-25T22:30:00Z"),
            ("2w", "2026-12-09T10:30:00Z"),
            ("366d", "2027-11-26T10:30:00Z"),
        ] {
            assert_eq!(until(text).as_deref(), Ok(end), "{text}");
        }
    }

    #[test]
    fn a_release_that_is_over_or_never_ends_is_refused() {
        for text in [
            "",
            "d",
            "7",
            "7m",
            "-1d",
            "0d",
            "2026-11-24",
            "367d",
            "2028-01-01",
            "65536d",
            "9999-12-31",
            "7dé",
            "é",
        ] {
            assert!(until(text).is_err(), "{text}");
        }
    }
}
