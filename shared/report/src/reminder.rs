//! Alerts about waivers that end.

use std::fmt::{self, Formatter};

use jiff::Timestamp;
use serde::Serialize;
use tidewaiter_rules::{
    Mode, Severity,
    names::Place,
    policy::{Reminder, Waiver},
};

use crate::{
    alert::{Alert, Kind},
    clean,
    suppressed::AlertSuppressed,
};

/// A waiver that has ended or ends soon.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct AlertWaiver {
    id: String,
    /// `ended` or `ends-soon`.
    state: &'static str,
    /// The last day on which it holds, `YYYY-MM-DD`, UTC.
    expires: String,
    rules: Vec<&'static str>,
    /// The first of the vulnerabilities that it is for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vulnerabilities: Vec<String>,
    reason: String,
    owner: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<String>,
}

/// How many waivers an alert carries.
const WAIVERS: usize = 25;

/// How many vulnerabilities of a waiver it names.
const VULNERABILITIES: usize = 10;

impl AlertWaiver {
    fn of(waiver: &Waiver, reminder: Reminder) -> Self {
        Self {
            id: clean(&waiver.id, 100),
            state: match reminder {
                Reminder::Ended => "ended",
                Reminder::EndsSoon => "ends-soon",
            },
            expires: waiver.expires.to_string(),
            rules: waiver.rules.clone(),
            vulnerabilities: waiver
                .vulnerabilities()
                .iter()
                .take(VULNERABILITIES)
                .map(|name| clean(name, 100))
                .collect(),
            reason: clean(&waiver.reason, 400),
            owner: clean(&waiver.owner, 200),
            ticket: waiver.ticket.as_deref().map(|ticket| clean(ticket, 200)),
        }
    }
}

impl Alert {
    /// The alert about waivers of which somebody is to be told at `time`; `None` where there are
    /// none.
    pub fn of_waivers(
        mut due: Vec<(&Waiver, Reminder)>,
        time: Timestamp,
        mode: Mode,
        home: &Place,
    ) -> Option<Self> {
        due.sort_by_key(|(waiver, _)| waiver.expires);
        let (first, reminder) = *due.first()?;
        let (severity, ends) = match reminder {
            Reminder::Ended => (Severity::Medium, "ended on"),
            Reminder::EndsSoon => (Severity::Low, "ends on"),
        };
        let others = match due.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        Some(Self {
            version: 1,
            kind: Kind::Waivers,
            key: crate::AlertKey::of_home("waivers", home, "end"),
            state: crate::state::AlertState::default(),
            headline: format!(
                "Tidewaiter waiver {} {ends} {}{others}",
                clean(&first.id, 100),
                first.expires
            ),
            severity,
            mode,
            decision: None,
            account: home.account().to_owned(),
            region: home.region().to_owned(),
            time: Some(time.to_string()),
            event: None,
            subject: None,
            who: None,
            findings: Vec::new(),
            more_findings: 0,
            actions: Vec::new(),
            more_actions: None,
            withheld: None,
            held_back: None,
            surroundings: crate::surroundings::AlertSurroundings::default(),
            suppressed: AlertSuppressed::default(),
            waive: None,
            waivers: due
                .iter()
                .take(WAIVERS)
                .map(|(waiver, reminder)| AlertWaiver::of(waiver, *reminder))
                .collect(),
            failure: None,
        })
    }

    /// The part of the text that is about waivers.
    pub(crate) fn waivers(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for waiver in &self.waivers {
            let (ends, what) = match waiver.state {
                "ended" => (
                    "ended on",
                    "what it excepted is judged again: remove it, or renew it with a new end",
                ),
                _ => (
                    "ends on",
                    "after that day what it excepts is judged again: mend the cause, or renew it",
                ),
            };
            let (id, owner) = (&waiver.id, &waiver.owner);
            writeln!(out, "\nWaiver {id} {ends} {}", waiver.expires)?;
            writeln!(out, "  rules  {}", waiver.rules.join(", "))?;
            if !waiver.vulnerabilities.is_empty() {
                writeln!(out, "  for    {}", waiver.vulnerabilities.join(", "))?;
            }
            writeln!(out, "  owner  {owner}")?;
            if let Some(ticket) = &waiver.ticket {
                writeln!(out, "  ticket {ticket}")?;
            }
            writeln!(out, "  reason {}", waiver.reason)?;
            writeln!(out, "  {what}")?;
        }
        Ok(())
    }
}
