//! Who hears of it, and only once.
//!
//! What was told of a subject is an [`Incident`], and what is told is a change of it. The order is claim,
//! publish, write down; `tidewaiter_aws::ledger` says why nothing is lost by it and how often an alert can
//! repeat. Without the ledger an alert goes out all the same.

use std::borrow::Cow;

use tidewaiter_aws::{CallError, ledger::Writer};
use tidewaiter_report::{Alert, Failure, Fate, Incident, Next, Seen, Standing};
use tidewaiter_rules::{
    Mode,
    ledger::{Hold, Hour, Key, News},
};

use super::{Guard, HandleError, Line, Metric};

/// How much a process keeps in mind of what it told without the ledger.
const HEARD: usize = 1000;

/// How often an incident is looked at anew because somebody else has written meanwhile. Each time
/// somebody got on with it.
const LOOKS: usize = 20;

const BUSY: &str = "another delivery is about to tell of the same: whether it did is seen later";

/// What became of an attempt to tell.
enum Told {
    /// There is nothing more to do.
    All,
    /// It has to be looked at anew.
    More,
    /// What was begun is told, and something is left that follows from it.
    Over,
}

impl Guard {
    /// Publishes what was seen of a subject as far as it is news, and that it is over where it is. What
    /// is bad is told without the ledger, too; what is over is not, because only the ledger knows
    /// whether it was told.
    pub(super) async fn tell(
        &self,
        key: &Key,
        seen: &Seen<'_>,
        is_ledger_lost: bool,
        line: &Line,
    ) -> Result<(), HandleError> {
        if !is_ledger_lost {
            match (self.tell_asking(key, seen, line).await, seen) {
                (Ok(result), _) => return result,
                (Err(error), Seen::Bad { .. }) => {
                    self.warn(&error, "could not ask whether it was told before");
                }
                (Err(error), Seen::Well(_) | Seen::Turn(_)) => return Err(error.into()),
            }
        }
        match seen {
            Seen::Bad { news, alert, .. } => self.tell_unasked(key, news, alert, line).await,
            Seen::Well(_) | Seen::Turn(_) => Ok(()),
        }
    }

    /// Looks at an incident until nothing is left to tell of it. The outer error is the ledger's, where
    /// nothing was sent yet.
    async fn tell_asking(
        &self,
        key: &Key,
        seen: &Seen<'_>,
        line: &Line,
    ) -> Result<Result<(), HandleError>, CallError> {
        let mut seen = Cow::Borrowed(seen);
        let mut is_sent = false;
        for _ in 0..LOOKS {
            match self.tell_once(key, &seen, line).await {
                Ok(Ok(Told::All)) => return Ok(Ok(())),
                Ok(Ok(Told::More)) => {}
                Ok(Ok(Told::Over)) => {
                    is_sent = true;
                    seen = Cow::Owned(Seen::Turn(None));
                }
                Ok(Err(error)) => return Ok(Err(error)),
                // What was sent is not sent again for that it is not known to be over.
                Err(error) if is_sent => return Ok(Err(error.into())),
                Err(error) => return Err(error),
            }
        }
        Ok(Err(HandleError::new(BUSY)))
    }

    /// One look at an incident, and what follows from it. The outer error is the ledger's, before anything
    /// was sent.
    async fn tell_once(
        &self,
        key: &Key,
        seen: &Seen<'_>,
        line: &Line,
    ) -> Result<Result<Told, HandleError>, CallError> {
        let ledger = self.ledger();
        let writer = self.writer(line);
        let known = ledger.incident(key, writer).await?;
        let claimed = match Incident::next(known.as_ref(), seen, writer.attempt, writer.now) {
            Next::Nothing => return Ok(Ok(Told::All)),
            Next::Busy => return Ok(Err(HandleError::new(BUSY))),
            Next::Count(incident) => {
                self.count(Metric::AlertsRepeated, 1);
                // A count too low does no harm.
                if let Err(error) = ledger.put_incident(key, &incident, writer).await {
                    self.warn(&error, "could not count a repetition");
                }
                return Ok(Ok(Told::All));
            }
            Next::Note(incident) => {
                let is_noted = ledger.put_incident(key, &incident, writer).await?;
                return Ok(Ok(if is_noted { Told::All } else { Told::More }));
            }
            Next::Tell(incident) => incident,
        };
        if !ledger.put_incident(key, &claimed, writer).await? {
            return Ok(Ok(Told::More));
        }
        let sent = self.send(key, &claimed, seen, writer).await;
        if sent.is_ok() && matches!(seen, Seen::Bad { .. }) {
            self.time_alert(line);
        }
        Ok(sent)
    }

    async fn send(
        &self,
        key: &Key,
        claimed: &Incident,
        seen: &Seen<'_>,
        writer: Writer<'_>,
    ) -> Result<Told, HandleError> {
        let fresh = match seen {
            Seen::Bad { alert, .. } => Some(*alert),
            Seen::Well(_) | Seen::Turn(_) => None,
        };
        self.send_message(&claimed.message(fresh)).await?;
        // The ledger, where it answers, knows better: what was told may have ended since.
        self.heard.borrow_mut().clear();
        let told = claimed.told(writer.now);
        match self.ledger().put_incident(key, &told, writer).await {
            Ok(true) if told.standing == Standing::Told && told.over.is_some() => Ok(Told::Over),
            Ok(_) => Ok(Told::All),
            Err(error) => {
                self.warn(&error, "could not write down what was told");
                Ok(Told::All)
            }
        }
    }

    /// Tells without the ledger, once a process.
    async fn tell_unasked(
        &self,
        key: &Key,
        news: &News,
        alert: &Alert,
        line: &Line,
    ) -> Result<(), HandleError> {
        let heard = format!(
            "{} {} {} {}",
            key.id(),
            key.part(),
            news.findings,
            news.effects
        );
        if self.heard.borrow().contains(&heard) {
            self.count(Metric::AlertsRepeated, 1);
            return Ok(());
        }
        self.publish(alert).await?;
        self.time_alert(line);
        self.remember(heard);
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
        let seen = Seen::Bad {
            news: &news,
            alert: &alert,
            over: None,
        };
        self.tell(&key, &seen, false, line).await?;
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

    pub(super) fn warn_of(&self, error: &HandleError) {
        tracing::error!(function = self.function.name, %error, "what is open is looked at again tomorrow");
    }

    pub(super) fn warn(&self, error: &CallError, problem: &str) {
        tracing::warn!(function = self.function.name, %error, "{problem}");
    }
}
