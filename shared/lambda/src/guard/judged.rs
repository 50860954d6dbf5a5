//! What is told of a decision and of what was done about it.

use std::borrow::Cow;

use jiff::Timestamp;
use tidewaiter_events::Event;
use tidewaiter_report::{Alert, Seen};
use tidewaiter_rules::{
    Decision, Effect, Facts, Plan, Subject, Withheld,
    ledger::{self, Hold, News},
};

use super::{Guard, HandleError, Line, acting::Acted, ending, telling::Kept};

/// A decision, and what became of it.
#[derive(Debug)]
pub(super) struct Judged<'a> {
    pub(super) event: &'a Event,
    pub(super) facts: &'a Facts,
    pub(super) decision: &'a Decision,
    pub(super) plan: &'a Plan,
    pub(super) acted: &'a Acted,
    /// When what is there to be seen was begun, where it was not told then.
    pub(super) untold: Option<Timestamp>,
    /// What AWS refused to show, where nothing was done for that.
    pub(super) refused: Option<&'a str>,
    /// Whether a schedule comes back to it.
    pub(super) comes_again: bool,
}

impl Guard {
    /// Tells of it as far as it is news, or that what was told is over.
    pub(super) async fn tell_judged(
        &self,
        judged: &Judged<'_>,
        line: &Line,
    ) -> Result<Kept, HandleError> {
        let Judged {
            facts,
            decision,
            plan,
            acted,
            ..
        } = *judged;
        let key = ledger::Key::alert(facts);
        if let Some(alert) = judged.alert(self) {
            let hold = acted.hold.as_ref();
            let mut news = News::of(facts, decision, plan, &acted.effects, hold, acted.begun);
            if let (Some(begun), Some(Withheld::AlreadyDone)) = (judged.untold, plan.withheld) {
                news = news.done_before(begun);
            }
            let over = ending::over_once_told(facts, plan, acted);
            let seen = Seen::Bad {
                news: &news,
                alert: &alert,
                over: over.as_ref(),
            };
            return self
                .tell(&key, &seen, acted.unrecorded.as_ref(), line)
                .await;
        }
        // A definition cannot change. What the policy makes of it by now, the daily review finds.
        if matches!(facts.subject, Subject::Image(_))
            && let Some(over) = ending::over_by_decision(facts, decision)
        {
            return self.tell(&key, &Seen::Well(&over), None, line).await;
        }
        Ok(Kept::Written)
    }
}

impl Judged<'_> {
    fn alert(&self, guard: &Guard) -> Option<Alert> {
        let home = guard.settings.clients.home();
        let effects = self.effects();
        let alert = Alert::of_decision(
            self.event,
            self.facts,
            self.decision,
            self.plan,
            &effects,
            home,
        )?;
        let left = self.refused.map(|error| {
            format!(
                "{error}; the event is in the function's dead-letter queue: send it again once that is mended"
            )
        });
        let hold = self.acted.hold.as_ref();
        Some(alert.held_back(hold.map(Hold::reason).or(left)))
    }

    /// The effects as they are told: what a schedule comes back to is tried again in any case.
    fn effects(&self) -> Cow<'_, [Effect]> {
        let mut told = Cow::Borrowed(self.acted.effects.as_slice());
        if self.comes_again {
            for effect in told.to_mut() {
                if let Effect::Failed { will_retry, .. } = effect {
                    *will_retry = true;
                }
            }
        }
        told
    }
}
