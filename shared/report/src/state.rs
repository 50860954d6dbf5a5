//! What an alert is to those before it about the same: which change of state it tells.

use std::fmt::{self, Formatter};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clean;

/// Which change of state an alert tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// The subject is bad, and was not told as such before.
    #[default]
    Opened,
    /// It was over, and is bad again.
    Reopened,
    /// It is bad in another way than told, or something else was done about it.
    Changed,
    /// It is not bad any more.
    Resolved,
    /// It is as bad as was told, and still there.
    Reminder,
}

impl Change {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Opened,
        Self::Reopened,
        Self::Changed,
        Self::Resolved,
        Self::Reminder,
    ];

    /// The name as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Reopened => "reopened",
            Self::Changed => "changed",
            Self::Resolved => "resolved",
            Self::Reminder => "reminder",
        }
    }

    /// The change with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.name() == name)
    }

    /// Whether it begins an incident.
    pub const fn opens(self) -> bool {
        matches!(self, Self::Opened | Self::Reopened)
    }

    /// Whether who asks for this asks for `other`, too: what is opened again is opened.
    pub fn covers(self, other: Self) -> bool {
        self == other || self == Self::Opened && other.opens()
    }

    /// How a line for people begins; nothing for what is told first.
    pub(crate) const fn prefix(self, what: Option<WhatChanged>) -> &'static str {
        match (self, what) {
            (Self::Opened, _) => "",
            (Self::Reopened, _) => "Again: ",
            (Self::Changed, Some(what)) => what.prefix(),
            (Self::Changed, None) => "Changed: ",
            (Self::Resolved, _) => "Resolved: ",
            (Self::Reminder, _) => "Still so: ",
        }
    }
}

/// What is different from what was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhatChanged {
    /// More is wrong with it, or something graver.
    Worse,
    /// Less is wrong with it.
    Better,
    /// Something was done about it.
    ActedOn,
    /// What was to be done about it failed.
    ActionFailed,
    /// What was to be done about it was not.
    HeldBack,
    /// Some of what was found is excepted now.
    Waived,
}

impl WhatChanged {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::Worse,
        Self::Better,
        Self::ActedOn,
        Self::ActionFailed,
        Self::HeldBack,
        Self::Waived,
    ];

    /// The name as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::ActedOn => "acted-on",
            Self::ActionFailed => "action-failed",
            Self::HeldBack => "held-back",
            Self::Waived => "waived",
        }
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.name() == name)
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Worse => "Worse: ",
            Self::Better => "Better: ",
            Self::ActedOn => "Acted on: ",
            Self::ActionFailed => "Action failed: ",
            Self::HeldBack => "Held back: ",
            Self::Waived => "Excepted in part: ",
        }
    }
}

/// Why something is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The revision is inactive. It never comes back.
    Deregistered,
    /// A complete scan finds nothing more that the policy minds.
    Clean,
    /// The policy excepts what was found: a waiver, a preset or an `OpenVEX` document.
    Waived,
    /// Somebody released the image from quarantine.
    Released,
    /// All that was to be done about the image is done, and nothing is known to run it.
    Contained,
    /// The subject is gone.
    Deleted,
}

impl Reason {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::Deregistered,
        Self::Clean,
        Self::Waived,
        Self::Released,
        Self::Contained,
        Self::Deleted,
    ];

    /// The name as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deregistered => "deregistered",
            Self::Clean => "clean",
            Self::Waived => "waived",
            Self::Released => "released",
            Self::Contained => "contained",
            Self::Deleted => "deleted",
        }
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// Whether what is over by it can never be bad again.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Deregistered => true,
            Self::Clean | Self::Waived | Self::Released | Self::Contained | Self::Deleted => false,
        }
    }

    /// The reason for people.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Deregistered => {
                "the revision is deregistered: nothing new can be started from it; what runs from it goes on"
            }
            Self::Clean => "a complete scan finds nothing more that the policy minds",
            Self::Waived => "the policy excepts what was found",
            Self::Released => "somebody released the image from quarantine",
            Self::Contained => {
                "all that the policy has done about it is done, and nothing is known to run it"
            }
            Self::Deleted => "it does not exist any more",
        }
    }
}

/// That something is over, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Over {
    /// Why.
    pub reason: Reason,
    /// Who or what made it so, in one line, where that is known.
    pub detail: Option<String>,
}

impl Over {
    /// Over for this reason.
    pub const fn of(reason: Reason) -> Self {
        let detail = None;
        Self { reason, detail }
    }

    /// Over for this reason, and made so by this; the text may come from outside.
    pub fn by(reason: Reason, detail: &str) -> Self {
        let detail = clean(detail, 400);
        Self {
            reason,
            detail: (!detail.is_empty()).then_some(detail),
        }
    }
}

/// The part of an alert's JSON that says what it is to those before it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct AlertState {
    pub(crate) change: Change,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) what_changed: Option<WhatChanged>,
    /// When it was opened, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    /// How often the same was met since it was opened, beside what was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) repeats: Option<u64>,
    /// Which alert about it this is, counted from 1: what comes later is the greater one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sequence: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resolution: Option<Resolution>,
}

/// Why it is over, in an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Resolution {
    reason: Reason,
    explanation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Resolution {
    pub(crate) fn of(over: &Over) -> Self {
        Self {
            reason: over.reason,
            explanation: over.reason.explanation(),
            detail: over.detail.clone(),
        }
    }
}

impl AlertState {
    /// How a line for people begins.
    pub(crate) const fn prefix(&self) -> &'static str {
        self.change.prefix(self.what_changed)
    }

    /// The part of the text that is about it.
    pub(crate) fn write(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if self.change == Change::Opened {
            return Ok(());
        }
        if let Some(since) = &self.since {
            writeln!(out, "Since    {since}")?;
        }
        if let Some(repeats) = self.repeats.filter(|repeats| *repeats > 0) {
            writeln!(out, "Met      {repeats} more times since then")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_the_one_in_json_and_leads_back() {
        for change in Change::ALL {
            assert_eq!(serde_json::json!(change), change.name());
            assert_eq!(Change::named(change.name()), Some(change));
        }
        for what in WhatChanged::ALL {
            assert_eq!(serde_json::json!(what), what.name());
            assert_eq!(WhatChanged::named(what.name()), Some(what));
        }
        for reason in Reason::ALL {
            assert_eq!(serde_json::json!(reason), reason.name());
            assert_eq!(Reason::named(reason.name()), Some(reason));
        }
    }
}
