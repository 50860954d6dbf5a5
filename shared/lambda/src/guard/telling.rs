//! Who hears of it, and only once.
//!
//! The order is claim, publish, write down; `tidewaiter_aws::ledger` says why nothing is lost by
//! it and how often an alert can repeat. Without the ledger an alert goes out all the same.

use tidewaiter_aws::ledger::Claim;
use tidewaiter_report::{Alert, Failure, Fate};
use tidewaiter_rules::{
    Mode,
    ledger::{Hold, Hour, Key, News},
};

use super::{Guard, HandleError, Line, Metric};

/// How much a process keeps in mind of what it told without the ledger.
const HEARD: usize = 1000;

impl Guard {
    /// Publishes an alert unless the same was told before.
    pub(super) async fn tell(
        &self,
        key: &Key,
        news: &News,
        alert: &Alert,
        is_ledger_lost: bool,
        line: &Line,
    ) -> Result<(), HandleError> {
        let ledger = self.ledger();
        let lost = if is_ledger_lost {
            true
        } else {
            match ledger.claim(key, news, self.writer(line)).await {
                Ok(Claim::Ours) => false,
                Ok(Claim::Told) => {
                    self.count(Metric::AlertsRepeated, 1);
                    // A count too low does no harm.
                    if let Err(error) = ledger.repeated(key, self.writer(line)).await {
                        self.warn(&error, "could not count a repetition");
                    }
                    return Ok(());
                }
                Ok(Claim::Anothers) => {
                    return Err(HandleError(
                        "another delivery is about to tell the same: whether it did is seen later"
                            .to_owned(),
                    ));
                }
                Err(error) => {
                    self.warn(&error, "could not ask whether it was told before");
                    true
                }
            }
        };
        let heard = format!("{} {} {}", key.id(), news.findings, news.effects);
        if lost && self.heard.borrow().contains(&heard) {
            self.count(Metric::AlertsRepeated, 1);
            return Ok(());
        }
        self.publish(alert).await?;
        self.time_alert(line);
        if lost {
            self.remember(heard);
            return Ok(());
        }
        // The ledger, where it answers, knows better: what was told may have ended since.
        self.heard.borrow_mut().clear();
        if let Err(error) = ledger.told(key, news, self.writer(line)).await {
            self.warn(&error, "could not write down what was told");
        }
        Ok(())
    }

    /// Tells once an hour that the function does not act any more in it.
    pub(super) async fn page(&self, hold: &Hold, line: &Line) -> Result<(), HandleError> {
        let Hold::OverBudget { most, .. } = hold else {
            return Ok(());
        };
        let hour = Hour::of((self.now)());
        if self.paged.get() == Some(hour) {
            return Ok(());
        }
        let key = Key::budget_alert(self.function.name, hour);
        let news = News::of_budget(*most);
        let error = format!("`{}`: {}", self.function.name, hold.reason());
        let alert = Alert::of_failure(&Failure {
            event: None,
            error: &error,
            fate: Fate::HeldBack,
            mode: Mode::Audit,
            home: self.settings.clients.home(),
        });
        self.tell(&key, &news, &alert, false, line).await?;
        self.paged.set(Some(hour));
        Ok(())
    }

    fn remember(&self, heard: String) {
        let mut known = self.heard.borrow_mut();
        if known.len() >= HEARD {
            known.clear();
        }
        known.insert(heard);
    }

    fn warn(&self, error: &tidewaiter_aws::CallError, problem: &str) {
        tracing::warn!(function = self.function.name, %error, "{problem}");
    }
}
