//! What was told of a subject and goes on: an incident, and what an observation makes of it.
//!
//! The order is claim, send, write down as told. Whoever finds a claim that has run out tells again what
//! was to be told, because it may never have been sent: an incident holds the whole alert. Pure: the
//! ledger keeps incidents, and each write holds only where nobody else has written since.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidewaiter_rules::ledger::News;

use crate::{
    Alert, Change, Message, Over, Reason, WhatChanged,
    state::{AlertState, Resolution},
};

/// How long a claim holds: longer than a function can run.
const CLAIM: SignedDuration = SignedDuration::from_secs(150);

/// How things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Somebody is about to tell a change.
    Telling,
    /// It was told.
    Told,
    /// Somebody is about to tell that it is over.
    Resolving,
    /// That was told.
    Resolved,
    /// It was over before anything of it was told.
    Over,
}

impl Standing {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Telling,
        Self::Told,
        Self::Resolving,
        Self::Resolved,
        Self::Over,
    ];

    /// The name as in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Telling => "telling",
            Self::Told => "told",
            Self::Resolving => "resolving",
            Self::Resolved => "resolved",
            Self::Over => "over",
        }
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|standing| standing.name() == name)
    }
}

/// All that was told of a subject and goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// How it stands.
    pub standing: Standing,
    /// What is told, or was told last.
    pub change: Change,
    /// What that was, of a change.
    pub what_changed: Option<WhatChanged>,
    /// When it was opened.
    pub since: Timestamp,
    /// When it was told or claimed last.
    pub at: Timestamp,
    /// What was told; see [`News`].
    pub findings: String,
    /// What became of it; see [`News`].
    pub effects: String,
    /// Why it is over, where it is: told once what comes before it is.
    pub over: Option<Over>,
    /// How often the same was met since it was opened, beside what was told.
    pub repeats: u64,
    /// When that was last.
    pub last: Option<Timestamp>,
    /// The alert that was told last, as JSON, without what says of it which change it tells.
    pub alert: String,
    /// How many alerts about it there were.
    pub sequence: u64,
    /// Whose claim it is.
    pub attempt: String,
    /// Until when.
    pub until: Option<Timestamp>,
    /// How often it was written.
    pub revision: u64,
}

/// What somebody sees of a subject.
#[derive(Debug, Clone)]
pub enum Seen<'a> {
    /// It is bad.
    Bad {
        /// What is told apart.
        news: &'a News,
        /// What would be told.
        alert: &'a Alert,
        /// Why it is over all the same, once it is told.
        over: Option<&'a Over>,
    },
    /// It is not bad, or not any more.
    Well(&'a Over),
    /// It is the turn of what was begun, or of a reminder where one is to come so long after the last
    /// alert.
    Turn(Option<SignedDuration>),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Nothing,
    /// Another is about to tell something: whether it did is seen later.
    Busy,
    /// To count one that was told.
    Count(Incident),
    /// To write this down, and to tell nothing.
    Note(Incident),
    /// To write this down, to send [`Incident::message`], and to write down [`Incident::told`].
    Tell(Incident),
}

impl Incident {
    /// What is to be done about what was seen. `known` is what was told, where it still counts; `attempt`
    /// is the same when the same event comes again.
    pub fn next(known: Option<&Self>, seen: &Seen<'_>, attempt: &str, now: Timestamp) -> Next {
        // As precise as it is kept.
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let is_busy = known.is_some_and(|known| known.is_anothers(attempt, now));
        match (known, seen) {
            (None, Seen::Bad { news, alert, over }) => {
                Next::Tell(Self::opened(news, alert, *over, attempt, now))
            }
            (None, Seen::Well(over)) if over.reason.is_final() => {
                Next::Note(Self::ended(over, now))
            }
            (None, _) => Next::Nothing,
            (Some(_), Seen::Turn(_)) if is_busy => Next::Nothing,
            (Some(_), _) if is_busy => Next::Busy,
            (Some(known), Seen::Bad { news, alert, over }) => {
                known.bad(news, alert, *over, attempt, now)
            }
            (Some(known), Seen::Well(over)) => known.well(over, attempt, now),
            (Some(known), Seen::Turn(after)) => known.turn(*after, attempt, now),
        }
    }

    /// Whether that something was done is told, where it was begun then, and nothing is left to tell.
    pub fn is_told_since(&self, begun: Timestamp) -> bool {
        let is_settled = match self.standing {
            Standing::Telling | Standing::Resolving | Standing::Over => false,
            Standing::Told => self.over.is_none(),
            Standing::Resolved => true,
        };
        let news = News {
            findings: String::new(),
            effects: self.effects.clone(),
        };
        is_settled && (news.is_done() || news.is_already_done()) && self.at >= begun
    }

    fn is_anothers(&self, attempt: &str, now: Timestamp) -> bool {
        matches!(self.standing, Standing::Telling | Standing::Resolving)
            && self.attempt != attempt
            && self.until.is_some_and(|until| until >= now)
    }

    fn opened(
        news: &News,
        alert: &Alert,
        over: Option<&Over>,
        attempt: &str,
        now: Timestamp,
    ) -> Self {
        Self {
            standing: Standing::Telling,
            change: Change::Opened,
            what_changed: None,
            since: now,
            at: now,
            findings: news.findings.clone(),
            effects: news.effects.clone(),
            over: over.cloned(),
            repeats: 0,
            last: None,
            alert: alert.stored(),
            sequence: 1,
            attempt: attempt.to_owned(),
            until: now.checked_add(CLAIM).ok(),
            revision: 1,
        }
    }

    /// What is over before it was told. Reports of it may still be on their way.
    fn ended(over: &Over, now: Timestamp) -> Self {
        Self {
            standing: Standing::Over,
            change: Change::Resolved,
            what_changed: None,
            since: now,
            at: now,
            findings: String::new(),
            effects: String::new(),
            over: Some(over.clone()),
            repeats: 0,
            last: None,
            alert: String::new(),
            sequence: 0,
            attempt: String::new(),
            until: None,
            revision: 1,
        }
    }

    /// It, written once more.
    fn again(&self) -> Self {
        Self {
            revision: self.revision.saturating_add(1),
            ..self.clone()
        }
    }

    fn claimed(&self, standing: Standing, attempt: &str, now: Timestamp) -> Self {
        Self {
            standing,
            at: now,
            attempt: attempt.to_owned(),
            until: now.checked_add(CLAIM).ok(),
            ..self.again()
        }
    }

    fn bad(
        &self,
        news: &News,
        alert: &Alert,
        over: Option<&Over>,
        attempt: &str,
        now: Timestamp,
    ) -> Next {
        let is_final = self.over.as_ref().is_some_and(|it| it.reason.is_final());
        let lasting = self.over.clone().filter(|_| is_final);
        let telling = |change, what_changed| Self {
            change,
            what_changed,
            findings: news.findings.clone(),
            effects: news.effects.clone(),
            over: over.cloned().or_else(|| lasting.clone()),
            alert: alert.stored(),
            ..self.claimed(Standing::Telling, attempt, now)
        };
        let next = Self {
            sequence: self.sequence.saturating_add(1),
            ..telling(Change::Changed, Some(self.what_changed(news, alert)))
        };
        let anew = |change| Self {
            change,
            what_changed: None,
            since: now,
            repeats: 0,
            last: None,
            ..next.clone()
        };
        match self.standing {
            Standing::Over => Next::Tell(anew(Change::Opened)),
            // Whether that was sent nobody knows.
            Standing::Telling if self.change != Change::Reminder => {
                Next::Tell(telling(self.change, self.what_changed))
            }
            Standing::Telling | Standing::Told if self.is_repeated_by(news) => {
                match over.or(self.over.as_ref()) {
                    Some(over) => Next::Tell(self.resolving(over, attempt, now)),
                    None => Next::Count(self.counted(now)),
                }
            }
            Standing::Telling | Standing::Told => Next::Tell(next),
            Standing::Resolving | Standing::Resolved if self.holds_against(news, over) => {
                match (&self.over, self.standing) {
                    (Some(over), Standing::Resolving) => {
                        Next::Tell(self.resolving(over, attempt, now))
                    }
                    _ => Next::Count(self.counted(now)),
                }
            }
            Standing::Resolving | Standing::Resolved => Next::Tell(anew(Change::Reopened)),
        }
    }

    /// Whether what is over stays so, whatever is found.
    fn holds_against(&self, news: &News, over: Option<&Over>) -> bool {
        match self.over.as_ref().map(|over| over.reason) {
            Some(reason) if reason.is_final() => true,
            // What was done is met again by everybody who reports of what led to it.
            Some(Reason::Contained) => self.is_repeated_by(news),
            Some(Reason::Released) => {
                self.is_repeated_by(news) || over.is_some_and(|it| it.reason == Reason::Released)
            }
            _ => false,
        }
    }

    /// Whether this was told, in these or in other words.
    fn is_repeated_by(&self, news: &News) -> bool {
        let is_same = self.effects == news.effects;
        if news.is_already_done() {
            return self.is_done() || is_same && self.findings == news.findings;
        }
        // What led to what was done may be said in other words: by a scan, or by the quarantine of before.
        is_same && (news.is_done() || self.findings == news.findings)
    }

    fn is_done(&self) -> bool {
        self.effects.starts_with(tidewaiter_rules::ledger::DONE)
    }

    fn counted(&self, now: Timestamp) -> Self {
        Self {
            repeats: self.repeats.saturating_add(1),
            last: Some(now),
            ..self.again()
        }
    }

    fn resolving(&self, over: &Over, attempt: &str, now: Timestamp) -> Self {
        let sequence = match self.standing {
            Standing::Resolving => self.sequence,
            _ => self.sequence.saturating_add(1),
        };
        Self {
            change: Change::Resolved,
            what_changed: None,
            over: Some(over.clone()),
            sequence,
            ..self.claimed(Standing::Resolving, attempt, now)
        }
    }

    fn well(&self, over: &Over, attempt: &str, now: Timestamp) -> Next {
        let noted = || Self {
            over: Some(over.clone()),
            ..self.again()
        };
        match self.standing {
            // Whether it was ever sent that it is bad nobody knows: that comes first.
            Standing::Telling if self.change != Change::Reminder => Next::Tell(Self {
                over: Some(over.clone()),
                ..self.claimed(Standing::Telling, attempt, now)
            }),
            Standing::Telling | Standing::Told => Next::Tell(self.resolving(over, attempt, now)),
            Standing::Resolving => {
                Next::Tell(self.resolving(self.over.as_ref().unwrap_or(over), attempt, now))
            }
            Standing::Resolved => match &self.over {
                Some(known) if known.reason.is_final() || known.reason == over.reason => {
                    Next::Nothing
                }
                // By what it is over decides what is news later.
                _ => Next::Note(noted()),
            },
            Standing::Over => Next::Nothing,
        }
    }

    fn turn(&self, after: Option<SignedDuration>, attempt: &str, now: Timestamp) -> Next {
        let is_due = after.is_some_and(|after| now.duration_since(self.at) >= after);
        match (self.standing, &self.over) {
            (Standing::Telling, _) => Next::Tell(self.claimed(Standing::Telling, attempt, now)),
            (Standing::Told | Standing::Resolving, Some(over)) => {
                Next::Tell(self.resolving(over, attempt, now))
            }
            (Standing::Told, None) if is_due => Next::Tell(Self {
                change: Change::Reminder,
                what_changed: None,
                sequence: self.sequence.saturating_add(1),
                ..self.claimed(Standing::Telling, attempt, now)
            }),
            _ => Next::Nothing,
        }
    }

    /// It, once its message is sent.
    #[must_use]
    pub fn told(&self, now: Timestamp) -> Self {
        let standing = match self.standing {
            Standing::Resolving | Standing::Resolved => Standing::Resolved,
            Standing::Telling | Standing::Told | Standing::Over => Standing::Told,
        };
        Self {
            standing,
            at: now,
            until: None,
            ..self.again()
        }
    }

    /// What is sent of it. `fresh` is the alert, where it was made just now: its text says more.
    pub fn message(&self, fresh: Option<&Alert>) -> Message {
        let state = AlertState {
            change: self.change,
            what_changed: self.what_changed,
            since: Some(self.since),
            repeats: Some(self.repeats),
            sequence: Some(self.sequence),
            resolution: match (self.change, &self.over) {
                (Change::Resolved, Some(over)) => Some(Resolution::of(over)),
                _ => None,
            },
        };
        match fresh {
            Some(alert) if self.alert == alert.stored() && self.change != Change::Resolved => {
                alert.clone().in_state(state).message()
            }
            _ => Message::of_stored(&self.alert, &state, self.at),
        }
    }

    /// How grave the alert is that was told last, by its name.
    pub fn severity(&self) -> Option<tidewaiter_rules::Severity> {
        let alert: Value = serde_json::from_str(&self.alert).ok()?;
        serde_json::from_value(alert.get("severity")?.clone()).ok()
    }

    fn what_changed(&self, news: &News, alert: &Alert) -> WhatChanged {
        if self.effects != news.effects {
            if news.effects.contains("failed") {
                return WhatChanged::ActionFailed;
            }
            if news.is_done() {
                return WhatChanged::ActedOn;
            }
            if alert.is_held_back() {
                return WhatChanged::HeldBack;
            }
        }
        let told: Value = serde_json::from_str(&self.alert).unwrap_or_default();
        let (was, is) = (Gravity::of(&told), Gravity::of(&serde_json::json!(alert)));
        if is.bad <= was.bad && is.excepted > was.excepted {
            WhatChanged::Waived
        } else if is.bad < was.bad {
            WhatChanged::Better
        } else {
            // Or as bad, by something else than what somebody has looked at.
            WhatChanged::Worse
        }
    }
}

/// How bad an alert says it is.
struct Gravity {
    /// The verdict, the severity and the number of findings.
    bad: (u8, Option<tidewaiter_rules::Severity>, u64),
    excepted: u64,
}

impl Gravity {
    fn of(alert: &Value) -> Self {
        let member = |name: &str| alert.get(name);
        let count = |list: &str, more: &str| {
            let listed = member(list).and_then(Value::as_array).map_or(0, Vec::len);
            let more = member(more).and_then(Value::as_u64).unwrap_or(0);
            more.saturating_add(u64::try_from(listed).unwrap_or(u64::MAX))
        };
        let verdict = match member("decision").and_then(Value::as_str) {
            Some("deny") => 2,
            Some("warn") => 1,
            _ => 0,
        };
        let severity = member("severity").cloned();
        let severity = severity.and_then(|severity| serde_json::from_value(severity).ok());
        Self {
            bad: (verdict, severity, count("findings", "more_findings")),
            excepted: count("suppressed", "more_suppressed"),
        }
    }
}

#[cfg(test)]
mod tests;
