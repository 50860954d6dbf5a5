//! The pipeline: parse, gather, decide, plan, apply, alert. It stands here once.

use std::{cell::RefCell, time::Instant};

use thiserror::Error;
use tidewaiter_aws::{CallError, Gathered, apply, dead_letter, gather, publish};
use tidewaiter_events::{Event, Origin, Parsed, parse};
use tidewaiter_report::{Alert, Failure, Fate};
use tidewaiter_rules::{Decision, Effect, Facts, Mode, Plan, decide, plan};

use crate::{Function, Settings};

/// A function at work.
#[derive(Debug)]
pub struct Guard {
    function: Function,
    settings: Settings,
    /// What is wrong with the set-up and has not been told yet.
    untold: RefCell<Option<String>>,
}

/// An event that should be delivered again: Lambda does so twice, and then puts it into the
/// function's dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct HandleError(String);

impl From<CallError> for HandleError {
    fn from(error: CallError) -> Self {
        Self(error.to_string())
    }
}

/// What one invocation came to, for its one line of log.
#[derive(Debug, Default)]
struct Line {
    event: String,
    subject: String,
    decision: &'static str,
    rules: String,
    effects: String,
    outcome: &'static str,
    reason: String,
}

impl Guard {
    /// A function with its settings.
    pub fn new(function: Function, mut settings: Settings) -> Self {
        let untold = RefCell::new(settings.fallback.take());
        Self {
            function,
            settings,
            untold,
        }
    }

    /// Handles one event. `Ok` means that it is dealt with for good: judged, ignored, or in the
    /// dead-letter queue with an alert.
    ///
    /// # Errors
    /// When handling it again may succeed.
    pub async fn handle(&self, payload: &str, request_id: &str) -> Result<(), HandleError> {
        let start = Instant::now();
        let mut line = Line::default();
        self.tell_setup().await;
        let result = self.judge(payload, &mut line).await;
        if let Err(error) = &result {
            line.outcome = "retry";
            line.reason = error.to_string();
        }
        self.log(&line, request_id, start);
        result
    }

    fn log(&self, line: &Line, request_id: &str, start: Instant) {
        // A level is part of a call's place in the code, hence a macro and not a value.
        macro_rules! handled {
            ($level:ident) => {
                tracing::$level!(
                    function = self.function.name,
                    mode = self.settings.mode.name(),
                    request_id,
                    event = line.event,
                    subject = line.subject,
                    decision = line.decision,
                    rules = line.rules,
                    effects = line.effects,
                    outcome = line.outcome,
                    reason = line.reason,
                    duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
                    "handled"
                )
            };
        }
        match line.outcome {
            "retry" | "dead-letter" => handled!(error),
            _ => handled!(info),
        }
    }

    async fn judge(&self, payload: &str, line: &mut Line) -> Result<(), HandleError> {
        let event = match parse(payload.as_bytes()) {
            Ok(Parsed::Event(event)) => event,
            Ok(Parsed::Scheduled(origin)) => return self.review(&origin, line).await,
            Ok(Parsed::Ignored(reason)) if !reason.is_misrouted() => {
                line.outcome = "ignored";
                line.reason = reason.to_string();
                return Ok(());
            }
            Ok(Parsed::Ignored(reason)) => {
                return self.give_up(payload, None, &reason.to_string(), line).await;
            }
            Err(error) => {
                return self.give_up(payload, None, &error.to_string(), line).await;
            }
        };
        line.event = event.origin().id.clone().unwrap_or_default();
        line.subject = event.subject_id();
        if event.subject_kind() != self.function.subject {
            let reason = "another function is for such events: check the rules and their targets";
            return self.give_up(payload, Some(&event), reason, line).await;
        }
        let facts = match gather(&self.settings.clients, &event).await {
            Ok(Gathered::Facts(facts)) => facts,
            Ok(Gathered::Gone) => {
                line.outcome = "gone";
                return Ok(());
            }
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => {
                return self
                    .give_up(payload, Some(&event), &error.to_string(), line)
                    .await;
            }
        };
        self.act(payload, &event, &facts, line).await
    }

    /// Tells of waivers that end: what time alone changes, no event announces.
    async fn review(&self, origin: &Origin, line: &mut Line) -> Result<(), HandleError> {
        line.event = origin.id.clone().unwrap_or_default();
        line.outcome = "reviewed";
        let Some(time) = origin.time else {
            "the schedule gives no time".clone_into(&mut line.reason);
            return Ok(());
        };
        let waivers = self.settings.policy.waivers().iter();
        let due = waivers.filter_map(|waiver| Some((waiver, waiver.reminder(time)?)));
        let home = self.settings.clients.home();
        match Alert::of_waivers(due.collect(), time, self.settings.mode, home) {
            Some(alert) => self.publish(&alert).await,
            None => Ok(()),
        }
    }

    async fn act(
        &self,
        payload: &str,
        event: &Event,
        facts: &Facts,
        line: &mut Line,
    ) -> Result<(), HandleError> {
        let clients = &self.settings.clients;
        let policy = &self.settings.policy;
        let decision = decide(facts, policy);
        let mode = policy.mode(facts, self.settings.mode);
        let plan = plan(&decision, facts, mode, Some(clients.home()));
        let effects = self.effects(&plan).await;
        line.outcome = "judged";
        line.decision = decision.verdict.name();
        line.rules = joined(decision.findings.iter().map(|finding| finding.rule));
        line.effects = joined(effects.iter().map(Effect::name));
        line.subject = facts.subject.id();

        let failure = effects.iter().find_map(|effect| match effect {
            Effect::Failed { error, will_retry } => Some((error.as_str(), *will_retry)),
            _ => None,
        });
        // Aside first: were the alert to fail after it, the event would still not be lost.
        if let Some((error, false)) = failure {
            self.put_aside(payload, error, line).await?;
        }
        self.alert(event, facts, &decision, &plan, &effects).await?;
        match failure {
            Some((error, true)) => Err(HandleError(error.to_owned())),
            _ => Ok(()),
        }
    }

    /// What becomes of each step: the one place where the mode is asked.
    async fn effects(&self, plan: &Plan) -> Vec<Effect> {
        let mut effects = Vec::with_capacity(plan.steps.len());
        for step in &plan.steps {
            effects.push(match plan.mode {
                Mode::Audit => Effect::NotApplied,
                Mode::Enforce => apply(&self.settings.clients, &step.action).await,
            });
        }
        effects
    }

    async fn alert(
        &self,
        event: &Event,
        facts: &Facts,
        decision: &Decision,
        plan: &Plan,
        effects: &[Effect],
    ) -> Result<(), HandleError> {
        let home = self.settings.clients.home();
        match Alert::of_decision(event, facts, decision, plan, effects, home) {
            Some(alert) => self.publish(&alert).await,
            None => Ok(()),
        }
    }

    /// Ends an event that no further attempt can help: into the dead-letter queue, and on-call
    /// hears of it once.
    async fn give_up(
        &self,
        payload: &str,
        event: Option<&Event>,
        error: &str,
        line: &mut Line,
    ) -> Result<(), HandleError> {
        self.put_aside(payload, error, line).await?;
        self.publish(&Alert::of_failure(&Failure {
            event,
            error,
            fate: Fate::DeadLetter,
            mode: self.settings.mode,
            home: self.settings.clients.home(),
        }))
        .await
    }

    async fn put_aside(
        &self,
        payload: &str,
        error: &str,
        line: &mut Line,
    ) -> Result<(), HandleError> {
        let queue_url = &self.settings.dead_letter_queue_url;
        dead_letter(&self.settings.clients, queue_url, payload, error).await?;
        line.outcome = "dead-letter";
        error.clone_into(&mut line.reason);
        Ok(())
    }

    /// A failure to publish is always worth another attempt: the action is idempotent, and after
    /// the last one the event is in the dead-letter queue, which has an alarm of its own.
    async fn publish(&self, alert: &Alert) -> Result<(), HandleError> {
        let topic_arn = &self.settings.topic_arn;
        publish(&self.settings.clients, topic_arn, &alert.message()).await?;
        Ok(())
    }

    /// Tells once a process that the set-up is wrong. Judging goes on in any case.
    async fn tell_setup(&self) {
        let Some(problem) = self.untold.borrow_mut().take() else {
            return;
        };
        let alert = Alert::of_failure(&Failure {
            event: None,
            error: &problem,
            fate: Fate::Handled,
            mode: self.settings.mode,
            home: self.settings.clients.home(),
        });
        let function = self.function.name;
        match self.publish(&alert).await {
            Ok(()) => tracing::error!(function, problem, "part of the set-up cannot be used"),
            Err(error) => {
                tracing::error!(function, problem, %error, "part of the set-up cannot be used, and that could not be told");
                self.untold.replace(Some(problem));
            }
        }
    }
}

/// Names in one string, each once, in order.
fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = Vec::new();
    for name in names {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    known.join(",")
}

#[cfg(test)]
mod tests;
