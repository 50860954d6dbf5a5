//! Actions: the undo is written before the act, the outcome after it.

use jiff::{SignedDuration, Timestamp};
use tidewaiter_report::clean;
use tidewaiter_rules::{Effect, Step, ledger::Key};

use super::{Ledger, Write, Writer, Written, number, seconds, text};
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

impl Ledger<'_> {
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
