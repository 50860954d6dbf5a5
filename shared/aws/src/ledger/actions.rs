//! Actions: the undo is written before the act, the outcome after it.

use jiff::{SignedDuration, Timestamp};
use tidewaiter_report::clean;
use tidewaiter_rules::{Action, Effect, Step, ledger::Key};

use super::{Entry, Ledger, Write, Writer, Written, number, seconds, text};
use crate::CallError;

/// How long an action can be looked up: longer than a waiver may hold.
const DAYS: i64 = 400;

/// When an action that can be taken back and was done is done anew, because the facts show that it
/// does not hold any more. Before that, the same facts may be a repetition.
const ANEW: SignedDuration = SignedDuration::from_hours(1);

/// What the ledger knew of an action when it was about to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// When the action was first to be taken: what tells one occurrence from the next.
    pub at: Timestamp,
    /// Whether it was done then.
    pub was_done: bool,
}

/// An action as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// How far it is: `begun`, `done`, `gone`, `failed`, `undoing` or `undone`.
    pub state: String,
    /// Who did it, or undid it.
    pub by: String,
    /// When this occurrence was begun.
    pub begun: Option<Timestamp>,
    /// Since when the state holds.
    pub at: Option<Timestamp>,
    /// The command that takes it back.
    pub undo: String,
    /// What to know before that.
    pub explanation: String,
    /// Why it failed, where it did.
    pub error: Option<String>,
    /// What taking it back made, where it made something: the ARN of a copy.
    pub made: Option<String>,
}

impl Recorded {
    /// Whether it has been taken back.
    pub fn is_undone(&self) -> bool {
        self.state == "undone"
    }
}

impl Ledger<'_> {
    /// What the ledger knows of an action; `None` where it never was to be taken, or that is long ago.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn action(
        &self,
        action: &Action,
        now: Timestamp,
    ) -> Result<Option<Recorded>, CallError> {
        let entry = self.read(&Key::action_with(&action.id())).await?;
        let is_over = |entry: &Entry| {
            let expires = entry.number("expires");
            expires.is_some_and(|expires| expires < now.as_second())
        };
        let entry = entry.filter(|entry| !is_over(entry));
        let text = |entry: &Entry, name| entry.text(name).map(str::to_owned);
        Ok(entry.map(|entry| Recorded {
            state: text(&entry, "state").unwrap_or_default(),
            by: text(&entry, "by").unwrap_or_default(),
            begun: entry.time("begun"),
            at: entry.time("at"),
            undo: text(&entry, "undo").unwrap_or_default(),
            explanation: text(&entry, "explanation").unwrap_or_default(),
            error: text(&entry, "error"),
            made: text(&entry, "made"),
        }))
    }

    /// Writes down that an action is about to be taken back; `false` where it has been already. After
    /// this, and not before, it may be.
    ///
    /// # Errors
    /// When the call fails. The action must not be taken back then.
    pub async fn undoing(
        &self,
        action: &Action,
        reason: &str,
        ticket: Option<&str>,
        writer: Writer<'_>,
    ) -> Result<bool, CallError> {
        let mut update =
            "SET #state = :undoing, #at = :now, #by = :by, #reason = :reason".to_owned();
        let mut values = vec![
            (":undoing", text("undoing")),
            (":undone", text("undone")),
            (":now", writer.time()),
            (":by", text(&clean(writer.by, 200))),
            (":reason", text(&clean(reason, 500))),
        ];
        if let Some(ticket) = ticket {
            update.push_str(", #ticket = :ticket");
            values.push((":ticket", text(&clean(ticket, 200))));
        }
        let write = Write {
            update: &update,
            condition: "attribute_exists(#id) AND #state <> :undone",
            values,
        };
        let written = self.write(&Key::action_with(&action.id()), write).await?;
        Ok(matches!(written, Written::Done))
    }

    /// Writes down that an action has been taken back, and what that made.
    ///
    /// # Errors
    /// When the call fails. The entry then still says that it is being taken back.
    pub async fn undone(
        &self,
        action: &Action,
        made: Option<&str>,
        writer: Writer<'_>,
    ) -> Result<(), CallError> {
        let mut update = "SET #state = :undone, #at = :now".to_owned();
        let mut values = vec![
            (":undoing", text("undoing")),
            (":undone", text("undone")),
            (":now", writer.time()),
        ];
        if let Some(made) = made {
            update.push_str(", #made = :made");
            values.push((":made", text(made)));
        }
        // A function that has begun it anew meanwhile has the last word.
        let write = Write {
            update: &update,
            condition: "#state = :undoing",
            values,
        };
        self.write(&Key::action_with(&action.id()), write).await?;
        Ok(())
    }

    /// Writes down an action with its undo. After this, and not before, it may be taken.
    ///
    /// # Errors
    /// When the call fails. The action must not be taken then.
    pub async fn begin(&self, step: &Step, writer: Writer<'_>) -> Result<Begun, CallError> {
        let mut condition = "attribute_not_exists(#id) OR #expires < :seconds".to_owned();
        let mut values = vec![
            (":begun", text("begun")),
            (":now", writer.time()),
            (":seconds", number(writer.now.as_second())),
            (":action", text(step.action.name())),
            (":target", text(&step.action.target())),
            (":undo", text(&step.undo.command)),
            (":explanation", text(step.undo.explanation)),
            (":by", text(writer.by)),
            (":expires", writer.in_days(DAYS)),
        ];
        if !step.action.is_final() {
            condition.push_str(" OR #state = :undone OR (#state = :done AND #at < :before)");
            values.push((":undone", text("undone")));
            values.push((":done", text("done")));
            values.push((":before", writer.ago(ANEW)));
        }
        let write = Write {
            update: "SET #state = :begun, #begun = :now, #at = :now, #action = :action, \
                     #target = :target, #undo = :undo, #explanation = :explanation, #by = :by, \
                     #expires = :expires REMOVE #error",
            condition: &condition,
            values,
        };
        Ok(match self.write(&Key::action(step), write).await? {
            Written::Done => Begun {
                at: seconds(writer.now),
                was_done: false,
            },
            Written::Refused(entry) => Begun {
                at: entry.time("begun").unwrap_or_else(|| seconds(writer.now)),
                was_done: entry.is("state", "done"),
            },
        })
    }

    /// Writes down what became of an action. What is done stays done: of two attempts at once, one
    /// may fail.
    ///
    /// # Errors
    /// When the call fails. The entry then still says that the action was begun.
    pub async fn finish(
        &self,
        step: &Step,
        effect: &Effect,
        writer: Writer<'_>,
    ) -> Result<(), CallError> {
        let mut update = "SET #state = :state, #at = :now".to_owned();
        let mut condition = "attribute_exists(#id)".to_owned();
        let mut values = vec![(":state", text(effect.name())), (":now", writer.time())];
        if let Effect::Failed { error, .. } = effect {
            update.push_str(", #error = :error");
            values.push((":error", text(&clean(error, 500))));
        } else {
            update.push_str(" REMOVE #error");
        }
        if *effect != Effect::Done {
            condition.push_str(" AND #state <> :done");
            values.push((":done", text("done")));
        }
        let write = Write {
            update: &update,
            condition: &condition,
            values,
        };
        self.write(&Key::action(step), write).await?;
        Ok(())
    }
}
