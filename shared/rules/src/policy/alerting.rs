//! When on-call hears again of what is still open.

use jiff::SignedDuration;

use super::{form::mapping, image::Count};
use crate::severity::Severity;

/// After how many days where nothing is said.
const REMIND_AFTER: u32 = 7;

mapping! {
    /// When on-call hears again of what is still open.
    #[derive(Copy, Eq, Default)]
    pub struct Alerting is "`alerts`" {
        /// How many days after the last alert about something that is still open another one comes; 0 for
        /// never, 7 where nothing is said.
        remind_after_days: Option<Count> = "remind-after-days",
        /// The least severity of what is reminded of; `high` where nothing is said.
        remind_from: Option<Severity> = "remind-from",
    }
}

impl Alerting {
    /// How long after the last alert on-call is reminded of something this grave; `None` where it is not.
    pub fn reminds_after(self, severity: Severity) -> Option<SignedDuration> {
        let Count(days) = self.remind_after_days.unwrap_or(Count(REMIND_AFTER));
        let least = self.remind_from.unwrap_or(Severity::High);
        let is_due_once = days > 0 && severity >= least;
        is_due_once.then(|| SignedDuration::from_hours(24 * i64::from(days)))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Policy, severity::Severity};

    #[test]
    fn on_call_is_reminded_weekly_of_what_is_grave_unless_the_policy_says_otherwise() {
        let after = |file: &str, severity| {
            let now = "2026-11-25T12:00:00Z".parse().unwrap();
            let policy = Policy::from_yaml(&format!("version: 1\n{file}"), now).unwrap();
            let after = policy.alerting().reminds_after(severity);
            after.map(|after| after.as_hours() / 24)
        };
        assert_eq!(after("", Severity::High), Some(7));
        assert_eq!(after("", Severity::Medium), None);
        let file = "alerts: { remind-after-days: 3, remind-from: low }";
        assert_eq!(after(file, Severity::Low), Some(3));
        assert_eq!(after(file, Severity::Info), None);
        let never = "alerts: { remind-after-days: 0 }";
        assert_eq!(after(never, Severity::Critical), None);
    }
}
