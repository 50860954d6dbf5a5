//! When somebody is to be told that a waiver ends.

use jiff::{Timestamp, civil::Date};

use super::{Waiver, waiver::day};

/// What is to be told of a waiver's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reminder {
    /// It has ended: what it excepted is judged again.
    Ended,
    /// It ends within a week.
    EndsSoon,
}

/// How long before a waiver's end somebody hears of it, and how often after it, in days.
const WEEK: i32 = 7;

impl Waiver {
    /// What is to be told of this waiver on the day of `time`, for a caller that asks once a day:
    /// that it ends in a week, that it ends today, that it ended yesterday, and then once a week
    /// for as long as it stands in the policy.
    pub fn reminder(&self, time: Timestamp) -> Option<Reminder> {
        match days(day(time), self.expires) {
            WEEK | 0 => Some(Reminder::EndsSoon),
            left if left < 0 && (left + 1) % WEEK == 0 => Some(Reminder::Ended),
            _ => None,
        }
    }
}

/// The days from one date to another; a span too long to count is no reason to speak.
fn days(from: Date, to: Date) -> i32 {
    from.until(to).map_or(i32::MAX, |span| span.get_days())
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::Policy;

    #[test]
    fn an_end_is_told_a_week_ahead_on_the_day_the_day_after_and_then_weekly() {
        let waiver = "version: 1\nwaivers: [{id: w, rules: [root-user], target: {family: f}, reason: r, owner: o, expires: 2026-11-23}]";
        let policy = Policy::from_yaml(waiver, "2026-11-01T00:00:00Z".parse().unwrap()).unwrap();
        let waiver = policy.waivers().first().unwrap();
        let told: Vec<(String, Reminder)> = (0..60)
            .filter_map(|number| {
                let day = Date::constant(2026, 11, 1)
                    .checked_add(jiff::Span::new().days(number))
                    .unwrap();
                let time = TimeZone::UTC.to_timestamp(day.at(9, 0, 0, 0)).unwrap();
                Some((day.to_string(), waiver.reminder(time)?))
            })
            .collect();
        let expected = [
            ("2026-11-16", Reminder::EndsSoon),
            ("2026-11-23", Reminder::EndsSoon),
            ("2026-11-24", Reminder::Ended),
            ("2026-12-01", Reminder::Ended),
            ("2026-12-08", Reminder::Ended),
            ("2026-12-15", Reminder::Ended),
            ("2026-12-22", Reminder::Ended),
            ("2026-12-29", Reminder::Ended),
        ];
        assert_eq!(
            told,
            expected.map(|(day, reminder)| (day.to_owned(), reminder))
        );
    }
}
