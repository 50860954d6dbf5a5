//! Who hears of it, and only once.
//!
//! What was told of a subject is an [`Incident`], and what is told is a change of it. The order is claim,
//! publish, write down; `tidewaiter_aws::ledger` says why nothing is lost by it and how often an alert can
//! repeat. Without the ledger an alert goes out all the same, and its event comes again to have that written
//! down: only what is written down can be over. What a process has sent it does not send for that again.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use tidewaiter_aws::{CallError, ledger::Writer};
use tidewaiter_report::{Alert, Change, Failure, Fate, Incident, Next, Seen, Standing};
use tidewaiter_rules::{
    Mode,
    ledger::{Hold, Hour, Key, News},
};

use super::{Guard, HandleError, Line, Metric};

/// How much a process keeps in mind of what it told without the ledger.
const HEARD: usize = 1000;

/// For how long: by then an event that comes again has come, and what is told alike is another occurrence.
const HOLDS: SignedDuration = SignedDuration::from_hours(2);

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
    /// It was sent, and that could not be written down.
    Unwritten(CallError),
}

/// Whether the ledger knows what was told.
#[must_use]
pub(super) enum Kept {
    /// It does, or there was nothing to tell.
    Written,
    /// It does not: it was told, and nobody would hear that it is over.
    Unwritten(CallError),
}

impl Kept {
    /// Whether it knows of this and of another.
    pub(super) fn and(self, other: Self) -> Self {
        match self {
            Self::Written => other,
            Self::Unwritten(_) => self,
        }
    }

    /// Has the event come again where it is not known yet what was told.
    pub(super) fn written(self) -> Result<(), HandleError> {
        match self {
            Self::Written => Ok(()),
            Self::Unwritten(error) => Err(HandleError::new(&format!(
                "it was told, and that could not be written down: {error}"
            ))),
        }
    }
}

impl Guard {
    /// Publishes what was seen of a subject as far as it is news, and that it is over where it is. What
    /// is bad is told without the ledger, too; what is over is not, because only the ledger knows
    /// whether it was told. `lost` is the call to the ledger that has failed already.
    pub(super) async fn tell(
        &self,
        key: &Key,
        seen: &Seen<'_>,
        lost: Option<&CallError>,
        line: &Line,
    ) -> Result<Kept, HandleError> {
        let lost = match lost {
            Some(error) => error.clone(),
            None => match self.tell_asking(key, seen, line).await {
                Ok(result) => return result,
                Err(error) => error,
            },
        };
        match seen {
            Seen::Bad { .. } => {
                self.warn(&lost, "could not ask whether it was told before");
                self.tell_unasked(key, seen, line).await?;
                Ok(Kept::Unwritten(lost))
            }
            Seen::Well(_) | Seen::Turn(_) => Err(lost.into()),
        }
    }

    /// Looks at an incident until nothing is left to tell of it. The outer error is the ledger's, where
    /// nothing was sent yet.
    async fn tell_asking(
        &self,
        key: &Key,
        seen: &Seen<'_>,
        line: &Line,
    ) -> Result<Result<Kept, HandleError>, CallError> {
        let mut seen = Cow::Borrowed(seen);
        let mut is_sent = false;
        for _ in 0..LOOKS {
            match self.tell_once(key, &seen, line).await {
                Ok(Ok(Told::All)) => return Ok(Ok(Kept::Written)),
                Ok(Ok(Told::Unwritten(error))) => return Ok(Ok(Kept::Unwritten(error))),
                Ok(Ok(Told::More)) => {}
                Ok(Ok(Told::Over)) => {
                    is_sent = true;
                    seen = Cow::Owned(Seen::Turn(None));
                }
                Ok(Err(error)) => return Ok(Err(error)),
                // What was sent is not sent again for that it is not known to be over.
                Err(error) if is_sent => return Ok(Ok(Kept::Unwritten(error))),
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
        let next = Incident::next(known.as_ref(), seen, writer.attempt, writer.now);
        if let (Some(known), Next::Nothing | Next::Count(_)) = (&known, &next)
            && known.standing == Standing::Resolved
            && self.was_heard(key)
        {
            // What this process told without the ledger came after the end of it.
            if let Err(error) = self.send_message(&known.message(None)).await {
                return Ok(Err(error));
            }
            self.forget(key);
        }
        let claimed = match next {
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
        let heard = self.send_once(key, claimed, fresh).await?;
        let told = claimed.told(writer.now);
        match self.ledger().put_incident(key, &told, writer).await {
            Ok(is_written) => {
                // The ledger knows better from now on: what was told may end, and begin again.
                self.heard.borrow_mut().remove(&heard);
                let is_left = told.standing == Standing::Told && told.over.is_some();
                Ok(if is_written && is_left {
                    Told::Over
                } else {
                    Told::All
                })
            }
            Err(error) => {
                self.warn(&error, "could not write down what was told");
                Ok(Told::Unwritten(error))
            }
        }
    }

    /// Sends what is claimed, unless this process has and nobody knows; gives what it keeps in mind of that.
    async fn send_once(
        &self,
        key: &Key,
        claimed: &Incident,
        fresh: Option<&Alert>,
    ) -> Result<String, HandleError> {
        let heard = heard(key, claimed);
        let now = (self.now)();
        let sent = self.heard.borrow().get(&heard).copied();
        if sent.is_some_and(|sent| now.duration_since(sent) < HOLDS) {
            self.count(Metric::AlertsRepeated, 1);
        } else {
            self.send_message(&claimed.message(fresh)).await?;
            self.remember(heard.clone(), now);
        }
        Ok(heard)
    }

    /// Tells without the ledger, once a process: that it is bad, and that it is over where it is.
    async fn tell_unasked(
        &self,
        key: &Key,
        seen: &Seen<'_>,
        line: &Line,
    ) -> Result<(), HandleError> {
        let Writer { attempt, now, .. } = self.writer(line);
        let mut known = None;
        let mut seen = Cow::Borrowed(seen);
        while let Next::Tell(claimed) = Incident::next(known.as_ref(), &seen, attempt, now) {
            let fresh = match &*seen {
                Seen::Bad { alert, .. } => Some(*alert),
                Seen::Well(_) | Seen::Turn(_) => None,
            };
            self.send_once(key, &claimed, fresh).await?;
            if fresh.is_some() {
                self.time_alert(line);
            }
            known = Some(claimed.told(now));
            seen = Cow::Owned(Seen::Turn(None));
        }
        Ok(())
    }

    /// Tells once an hour that the function does not act any more in it.
    pub(super) async fn page(&self, hold: &Hold, line: &Line) -> Result<Kept, HandleError> {
        let Hold::OverBudget { most, .. } = hold else {
            return Ok(Kept::Written);
        };
        let hour = Hour::of((self.now)());
        if self.paged.get() == Some(hour) {
            return Ok(Kept::Written);
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
        let kept = self.tell(&key, &seen, None, line).await?;
        self.paged.set(Some(hour));
        Ok(kept)
    }

    /// Whether this process has told something of it that the ledger knows nothing of.
    pub(super) fn was_heard(&self, key: &Key) -> bool {
        let of = about(key);
        self.heard
            .borrow()
            .keys()
            .any(|heard| heard.starts_with(&of))
    }

    fn forget(&self, key: &Key) {
        let of = about(key);
        let mut heard = self.heard.borrow_mut();
        heard.retain(|heard, _| !heard.starts_with(&of));
    }

    fn remember(&self, heard: String, now: Timestamp) {
        let mut known = self.heard.borrow_mut();
        if known.len() >= HEARD {
            known.clear();
        }
        known.insert(heard, now);
    }

    pub(super) fn warn_of(&self, error: &HandleError) {
        tracing::error!(function = self.function.name, %error, "what is open is looked at again tomorrow");
    }

    pub(super) fn warn(&self, error: &CallError, problem: &str) {
        tracing::warn!(function = self.function.name, %error, "{problem}");
    }
}

/// What a process keeps in mind of something that it sent. Without the ledger nobody knows whether that was
/// the first of it or a change.
fn heard(key: &Key, told: &Incident) -> String {
    let what = match told.change {
        Change::Opened | Change::Changed | Change::Reopened => "bad",
        Change::Reminder | Change::Resolved => told.change.name(),
    };
    format!("{}{} {} {what}", about(key), told.findings, told.effects)
}

fn about(key: &Key) -> String {
    format!("{} {} ", key.id(), key.part())
}
