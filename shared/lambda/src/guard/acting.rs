//! What is done about a decision: nothing without the ledger.
//!
//! Before an act, in this order: nobody has paused the functions, the function has something left
//! of its budget, the way back is written down, and, of an image, nobody has released it: that is
//! looked up first, and what writes the quarantine down asks again. After
//! it the outcome is written down. Every step of this can be repeated: an act is done again where
//! its outcome is not known, and all acts are idempotent.

use jiff::Timestamp;
use tidewaiter_aws::{
    CallError, apply,
    ledger::{Because, Begun, Deletion, Pause, Release},
};
use tidewaiter_report::emf::Metric;
use tidewaiter_rules::{
    Action, Decision, Effect, Facts, Mode, Plan, Step, Subject,
    ledger::{Hold, Hour},
};

use super::{Guard, Line};

/// What became of a plan.
#[derive(Debug, Default)]
pub(super) struct Acted {
    /// Of each step.
    pub(super) effects: Vec<Effect>,
    /// What kept the plan from being applied, or the rest of it.
    pub(super) hold: Option<Hold>,
    /// When the first of its actions was begun.
    pub(super) begun: Option<Timestamp>,
    /// The call to the ledger that failed: there is no use in more of them, and what became of an act may not
    /// be written down.
    pub(super) unrecorded: Option<CallError>,
}

/// Whether a step may be taken.
enum Permit {
    /// It may, since it was begun.
    Granted(Begun),
    /// Something holds it back.
    Held(Hold),
}

impl Guard {
    /// Applies a plan: the one place where the mode is asked.
    pub(super) async fn carry_out(
        &self,
        facts: &Facts,
        decision: &Decision,
        plan: &mut Plan,
        line: &Line,
    ) -> Acted {
        let because = because(facts, decision);
        let mut acted = Acted::default();
        if plan.mode == Mode::Enforce && !plan.steps.is_empty() {
            match self.hold(facts).await {
                Ok(hold) => acted.hold = hold,
                Err(error) => acted.lose(&error),
            }
        }
        for step in &plan.steps {
            if plan.mode == Mode::Audit || acted.hold.is_some() {
                acted.effects.push(Effect::NotApplied);
            } else if let Some(lost) = acted.lost() {
                acted.effects.push(lost);
            } else if let Some(runs) = still_running(plan, step, &acted.effects) {
                acted.effects.push(runs);
            } else {
                self.take(step, because, line, &mut acted).await;
            }
        }
        // A plan of which nothing was applied is one of audit mode.
        if acted.hold.is_some() && acted.effects.iter().all(|e| *e == Effect::NotApplied) {
            plan.mode = Mode::Audit;
        }
        acted
    }

    /// What keeps a plan from being begun at all, before it has cost anything.
    async fn hold(&self, facts: &Facts) -> Result<Option<Hold>, CallError> {
        if let Some(Pause { by, reason }) = self.ledger().pause_in_force().await? {
            return Ok(Some(Hold::Paused { by, reason }));
        }
        self.release_in_force(facts).await
    }

    async fn take(&self, step: &Step, because: Because<'_>, line: &Line, acted: &mut Acted) {
        let begun = match self.permit(step, because, line).await {
            Ok(Permit::Granted(begun)) => begun,
            Ok(Permit::Held(hold)) => {
                acted.hold = Some(hold);
                acted.effects.push(Effect::NotApplied);
                return;
            }
            Err(error) => {
                acted.lose(&error);
                acted.effects.extend(acted.lost());
                return;
            }
        };
        acted.begun.get_or_insert(begun.at);
        if begun.was_done && step.action.is_final() {
            acted.effects.push(Effect::Done);
            return;
        }
        let effect = apply(&self.settings.clients, &step.action).await;
        let finished = self.ledger().finish(step, &effect, self.writer(line)).await;
        if let Err(error) = finished {
            acted.unrecorded = Some(error);
        }
        acted.effects.push(effect);
    }

    async fn permit(
        &self,
        step: &Step,
        because: Because<'_>,
        line: &Line,
    ) -> Result<Permit, CallError> {
        let ledger = self.ledger();
        let writer = self.writer(line);
        let most = self.settings.policy.max_actions_per_hour();
        let Some(left) = ledger.spend(most, writer).await? else {
            // What was done for good is not held back: a report of it that comes again changes nothing.
            if step.action.is_final()
                && let Some(recorded) = ledger.action(&step.action, writer.now).await?
                && let (Some(at), "done") = (recorded.begun, recorded.state.as_str())
            {
                return Ok(Permit::Granted(Begun { at, was_done: true }));
            }
            let until = Hour::of(writer.now).end();
            return Ok(Permit::Held(Hold::OverBudget { most, until }));
        };
        self.metrics
            .borrow_mut()
            .set(Metric::BudgetLeft, left.into());
        let begun = ledger.begin(step, writer).await?;
        if let Some(image) = step.action.quarantines() {
            let taken = (step, Some(begun.at));
            let release = ledger.quarantine(image, taken, because, writer).await?;
            if let Some(Release { by, reason, until }) = release {
                return Ok(Permit::Held(Hold::Released { by, reason, until }));
            }
        }
        if let Action::DeleteImage(repository, digest) = &step.action {
            let image = (repository, digest);
            if let Some(Release { by, reason, until }) =
                ledger.deletion(image, Deletion::Begun, writer).await?
            {
                return Ok(Permit::Held(Hold::Released { by, reason, until }));
            }
        }
        Ok(Permit::Granted(begun))
    }
}

/// Why the images of a plan go into quarantine.
fn because<'a>(facts: &'a Facts, decision: &'a Decision) -> Because<'a> {
    let worst = decision.findings.first();
    Because {
        subject: match &facts.subject {
            Subject::Image(image) => image.digest.as_ref(),
            _ => None,
        },
        reason: worst.map_or("", |finding| finding.message.as_str()),
        ticket: None,
    }
}

/// What becomes of a quarantine where a task that was to be stopped before it goes on.
fn still_running(plan: &Plan, step: &Step, effects: &[Effect]) -> Option<Effect> {
    if step.action.is_about_what_runs() {
        return None;
    }
    let mut before = plan.steps.iter().zip(effects);
    before.find_map(|(earlier, effect)| match (&earlier.action, effect) {
        (Action::StopTask { .. }, Effect::Failed { will_retry, .. }) => Some(Effect::Failed {
            error: "nothing was done: a task that runs the image could not be stopped".to_owned(),
            will_retry: *will_retry,
        }),
        _ => None,
    })
}

impl Acted {
    fn lose(&mut self, error: &CallError) {
        self.unrecorded = Some(error.clone());
    }

    /// What becomes of a step without the ledger.
    fn lost(&self) -> Option<Effect> {
        let error = self.unrecorded.as_ref()?;
        Some(Effect::Failed {
            error: format!("nothing was done: the ledger cannot be reached: {error}"),
            will_retry: error.is_transient(),
        })
    }
}
