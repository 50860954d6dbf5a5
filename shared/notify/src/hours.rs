//! Hours of the day in a place.

use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};
use tidewaiter_rules::{
    Severity, choice, mapping,
    names::quoted,
    policy::{
        form::{Form, text},
        mistake::{Mistake, Mistakes},
        yaml::Node,
    },
    with_schema,
};

/// A time of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Clock(pub(crate) Time);

impl Form for Clock {
    const EXAMPLE: &'static str = "\"09:00\"";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let written = text(
            node,
            "a time of the day",
            "one, for example `\"09:00\"`",
            mistakes,
        )?;
        let time = written.split_once(':').and_then(|(hour, minute)| {
            let has_form = minute.len() == 2 && matches!(hour.len(), 1 | 2);
            let of = |digits: &str| digits.parse::<i8>().ok().filter(|number| *number >= 0);
            Time::new(of(hour)?, of(minute)?, 0, 0)
                .ok()
                .filter(|_| has_form)
        });
        if time.is_none() {
            let message = format!("{} is no time of the day", quoted(written));
            mistakes.add(
                Mistake::new(node.span, message)
                    .help("write hours and minutes, from `00:00` to `23:59`"),
            );
        }
        time.map(Self)
    }

    with_schema! {
        fn schema(_: &mut serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
            serde_json::json!({ "type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$" })
        }
    }
}

/// A time zone, by its name in the IANA database; UTC where nothing is said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Zone(pub(crate) TimeZone);

impl Form for Zone {
    const EXAMPLE: &'static str = "Europe/Berlin";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let written = text(
            node,
            "a time zone",
            "one, for example `Europe/Berlin`",
            mistakes,
        )?;
        if let Ok(zone) = TimeZone::get(written) {
            return Some(Self(zone));
        }
        let message = format!("there is no time zone {}", quoted(written));
        mistakes.add(Mistake::new(node.span, message).help(
            "write a name of the IANA time zone database, for example `Europe/Berlin`, or `UTC`",
        ));
        None
    }

    fn absent() -> Option<Self> {
        Some(Self(TimeZone::UTC))
    }

    with_schema! {
        fn schema(_: &mut serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
            serde_json::json!({ "type": "string" })
        }
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

choice!(
    Day,
    "day of the week",
    "mon",
    [
        ("mon", Self::Monday, "Monday."),
        ("tue", Self::Tuesday, "Tuesday."),
        ("wed", Self::Wednesday, "Wednesday."),
        ("thu", Self::Thursday, "Thursday."),
        ("fri", Self::Friday, "Friday."),
        ("sat", Self::Saturday, "Saturday."),
        ("sun", Self::Sunday, "Sunday."),
    ],
    &[
        ("monday", "mon"),
        ("tuesday", "tue"),
        ("wednesday", "wed"),
        ("thursday", "thu"),
        ("friday", "fri"),
        ("saturday", "sat"),
        ("sunday", "sun"),
    ]
);

impl Day {
    fn of(date: Date) -> Self {
        match date.weekday() {
            jiff::civil::Weekday::Monday => Self::Monday,
            jiff::civil::Weekday::Tuesday => Self::Tuesday,
            jiff::civil::Weekday::Wednesday => Self::Wednesday,
            jiff::civil::Weekday::Thursday => Self::Thursday,
            jiff::civil::Weekday::Friday => Self::Friday,
            jiff::civil::Weekday::Saturday => Self::Saturday,
            jiff::civil::Weekday::Sunday => Self::Sunday,
        }
    }
}

mapping! {
    /// Alerts that are gathered and told together, at fixed times.
    pub(crate) struct DailyEntry is "a digest" {
        /// What is less grave than this waits for the digest.
        below: Severity = "below",
        /// The times of the day at which it is told.
        at: Vec<Clock> = "at",
        /// The days on which it is told; every day where nothing is said.
        days: Vec<Day> = "days",
        /// The place whose times these are; UTC where nothing is said.
        zone: Zone = "time-zone",
    }
}

mapping! {
    /// Hours in which only what cannot wait is told. The rest follows, together, when they end.
    pub(crate) struct QuietEntry is "quiet hours" {
        /// When they begin.
        from: Clock = "from",
        /// When they end; on the next day where that is earlier.
        to: Clock = "to",
        /// The least that is told all the same; `critical` where nothing is said.
        passes: Option<Severity> = "passes",
        /// The place whose times these are; UTC where nothing is said.
        zone: Zone = "time-zone",
    }
}

/// A digest: what is less grave than [`Self::below`] waits for the next of its times.
#[derive(Debug, Clone, PartialEq)]
pub struct Daily {
    /// The least severity that does not wait.
    pub below: Severity,
    times: Vec<Time>,
    days: Vec<Day>,
    zone: TimeZone,
}

/// Quiet hours: what is less grave than [`Self::passes`] waits for their end.
#[derive(Debug, Clone, PartialEq)]
pub struct Quiet {
    from: Time,
    to: Time,
    /// The least severity that does not wait.
    pub passes: Severity,
    zone: TimeZone,
}

impl DailyEntry {
    /// `None` where it has no times.
    pub(crate) fn finish(self) -> Option<Daily> {
        let mut times: Vec<Time> = self.at.into_iter().map(|Clock(time)| time).collect();
        times.sort_unstable();
        (!times.is_empty()).then_some(Daily {
            below: self.below,
            times,
            days: self.days,
            zone: self.zone.0,
        })
    }
}

impl QuietEntry {
    /// `None` where they begin when they end.
    pub(crate) fn finish(self) -> Option<Quiet> {
        let (Clock(from), Clock(to)) = (self.from, self.to);
        (from != to).then_some(Quiet {
            from,
            to,
            passes: self.passes.unwrap_or(Severity::Critical),
            zone: self.zone.0,
        })
    }
}

impl Daily {
    /// The next time after `now`. A time that a change of the clocks skips is told when it would have
    /// been.
    pub fn next(&self, now: Timestamp) -> Timestamp {
        let mut date = self.zone.to_datetime(now).date();
        // A week and a day: the only time of the only day may have just passed.
        for _ in 0..=7 {
            let is_told = self.days.is_empty() || self.days.contains(&Day::of(date));
            let times = self.times.iter().filter(|_| is_told);
            let mut at = times.filter_map(|time| moment(&self.zone, date, *time));
            if let Some(next) = at.find(|at| *at > now) {
                return next;
            }
            match date.tomorrow() {
                Ok(tomorrow) => date = tomorrow,
                Err(_) => break,
            }
        }
        now
    }
}

impl Quiet {
    /// When they end, where `now` lies in them.
    pub fn end(&self, now: Timestamp) -> Option<Timestamp> {
        let here = self.zone.to_datetime(now);
        let (time, date) = (here.time(), here.date());
        let end_day = if self.from < self.to {
            (self.from <= time && time < self.to).then_some(date)
        } else if time >= self.from {
            date.tomorrow().ok()
        } else {
            (time < self.to).then_some(date)
        };
        // Where the clocks were set back in between, the end may lie behind: then they are over.
        moment(&self.zone, end_day?, self.to).filter(|end| *end > now)
    }
}

fn moment(zone: &TimeZone, date: Date, time: Time) -> Option<Timestamp> {
    zone.to_timestamp(date.to_datetime(time)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn quiet(from: i8, to: i8, zone: &str) -> Quiet {
        Quiet {
            from: Time::constant(from, 0, 0, 0),
            to: Time::constant(to, 0, 0, 0),
            passes: Severity::Critical,
            zone: TimeZone::get(zone).unwrap(),
        }
    }

    #[test]
    fn quiet_hours_are_those_of_the_place_and_may_pass_midnight() {
        let berlin = quiet(22, 7, "Europe/Berlin");
        for (now, end) in [
            ("2026-11-25T20:59:59Z", None),
            ("2026-11-25T21:00:00Z", Some("2026-11-26T06:00:00Z")),
            ("2026-11-26T05:59:59Z", Some("2026-11-26T06:00:00Z")),
            ("2026-11-26T06:00:00Z", None),
            // An hour earlier in summer.
            ("2026-07-25T20:00:00Z", Some("2026-07-26T05:00:00Z")),
            // The night in which the clocks are set back is an hour longer.
            ("2026-10-24T20:00:00Z", Some("2026-10-25T06:00:00Z")),
        ] {
            assert_eq!(berlin.end(at(now)), end.map(at), "{now}");
        }
        let day = quiet(12, 14, "UTC");
        assert_eq!(
            day.end(at("2026-11-25T12:00:00Z")),
            Some(at("2026-11-25T14:00:00Z"))
        );
        assert_eq!(day.end(at("2026-11-25T14:00:00Z")), None);
    }

    #[test]
    fn a_digest_is_told_at_the_next_of_its_times_on_one_of_its_days() {
        let mut daily = Daily {
            below: Severity::High,
            times: vec![Time::constant(9, 0, 0, 0), Time::constant(16, 0, 0, 0)],
            days: Vec::new(),
            zone: TimeZone::get("America/New_York").unwrap(),
        };
        assert_eq!(
            daily.next(at("2026-11-25T13:59:00Z")),
            at("2026-11-25T14:00:00Z")
        );
        assert_eq!(
            daily.next(at("2026-11-25T14:00:00Z")),
            at("2026-11-25T21:00:00Z")
        );
        assert_eq!(
            daily.next(at("2026-11-25T21:00:00Z")),
            at("2026-11-26T14:00:00Z")
        );
        daily.days = vec![Day::Monday];
        assert_eq!(
            daily.next(at("2026-11-25T13:59:00Z")),
            at("2026-11-30T14:00:00Z")
        );
        daily.times.truncate(1);
        assert_eq!(
            daily.next(at("2026-11-30T14:00:00Z")),
            at("2026-12-07T14:00:00Z")
        );
    }

    proptest! {
        #[test]
        fn what_waits_waits_for_a_time_ahead_and_less_than_nine_days(
            second in 1_700_000_000_i64..1_900_000_000,
            (from, to) in (0_i8..24, 0_i8..24),
            zone in prop::sample::select(vec!["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "UTC"]),
        ) {
            let now = Timestamp::from_second(second).unwrap();
            if from != to && let Some(end) = quiet(from, to, zone).end(now) {
                prop_assert!(end > now && end.as_second() - second <= 26 * 3600);
                prop_assert_eq!(quiet(from, to, zone).end(end), None, "they are over when they end");
            }
            let daily = Daily {
                below: Severity::High,
                times: vec![Time::constant(from, 0, 0, 0)],
                days: vec![Day::Sunday],
                zone: TimeZone::get(zone).unwrap(),
            };
            let next = daily.next(now);
            prop_assert!(next > now && next.as_second() - second <= 9 * 86_400);
        }
    }
}
