//! The pipeline: parse, gather, decide, gather more where it would be acted on, plan, apply, alert.
//! It stands here once.

mod acting;
mod counting;
mod ending;
mod judged;
mod known;
mod open;
mod recalling;
mod review;
mod telling;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::Instant,
};

use jiff::Timestamp;
use thiserror::Error;
use tidewaiter_aws::{
    CallError, Gathered, dead_letter, gather, gather_barred, gather_surroundings,
    ledger::{Ledger, Writer},
    publish,
};
use tidewaiter_events::{Deregistered, Event, Ignored, Origin, Parsed, parse};
use tidewaiter_report::{
    Alert, Failure, Fate, Message, clean,
    emf::{Metric, Metrics},
};
use tidewaiter_rules::{
    Decision, Effect, Facts, Mode, Plan, Subject, Verdict, Withheld, decide,
    facts::{ScanState, SubjectKind},
    judge_tags, ledger, plan, replacement, wants_surroundings,
};

use crate::{Function, Settings};
use judged::Judged;
use known::Known;
use storm::Recent;
use telling::Kept;

/// A function at work.
#[derive(Debug)]
pub struct Guard {
    function: Function,
    settings: Settings,
    /// What is wrong with the set-up and has not been told yet.
    untold: RefCell<Option<String>>,
    recent: RefCell<Recent>,
    /// What this process has told and could not have written down, and when.
    heard: RefCell<BTreeMap<String, Timestamp>>,
    /// The last hour in which on-call was seen to know that the budget is used up.
    paged: Cell<Option<ledger::Hour>>,
    /// What this invocation came to so far.
    metrics: RefCell<Metrics>,
    /// Whether the set-up could be used as it was deployed.
    is_valid: bool,
    /// The clock.
    now: fn() -> Timestamp,
}

/// What a payload is to this function.
enum Read {
    /// Something to judge.
    Event(Event),
    /// A revision that was made inactive.
    Deregistered(Box<Deregistered>),
    /// A schedule's turn.
    Review(Origin),
    /// Nothing to do.
    Ignored(Ignored),
    /// Nothing that can be handled, however often, and why.
    Hopeless(Option<Event>, String),
}

/// An event that should be delivered again: Lambda does so twice, and then puts it into the
/// function's dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct HandleError(String);

impl HandleError {
    pub(crate) fn new(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}

impl From<CallError> for HandleError {
    fn from(error: CallError) -> Self {
        Self(error.to_string())
    }
}

/// What one invocation came to, for its one line of log.
#[derive(Debug, Default)]
struct Line {
    request_id: String,
    event: String,
    subject: String,
    /// Who caused it, where the event says that.
    who: String,
    /// When it happened.
    since: Option<Timestamp>,
    decision: &'static str,
    rules: String,
    effects: String,
    /// Whether an image was deleted, or was about to be and is gone.
    is_deleted: bool,
    outcome: &'static str,
    reason: String,
}

impl Line {
    fn judged(&mut self, facts: &Facts, decision: &Decision, plan: &Plan, effects: &[Effect]) {
        self.outcome = "judged";
        self.decision = decision.verdict.name();
        self.rules = joined(decision.findings.iter().map(|finding| finding.rule));
        self.effects = joined(effects.iter().map(Effect::name));
        self.is_deleted = ending::is_deleted(plan, effects);
        self.subject = facts.subject.id();
        if let (Some(withheld), Verdict::Deny) = (plan.withheld, decision.verdict) {
            withheld.reason().clone_into(&mut self.reason);
        }
    }

    fn retry(&mut self, reason: String) {
        self.outcome = "retry";
        self.reason = reason;
    }
}

/// What is said of an event that the rules should have sent elsewhere.
const MISPLACED: &str = "another function is for such events: check the rules and their targets";

impl Guard {
    /// A function with its settings.
    pub fn new(function: Function, mut settings: Settings) -> Self {
        let untold = settings.fallback.take();
        Self {
            function,
            settings,
            is_valid: untold.is_none(),
            untold: RefCell::new(untold),
            metrics: RefCell::default(),
            recent: RefCell::default(),
            heard: RefCell::default(),
            paged: Cell::default(),
            now: Timestamp::now,
        }
    }

    /// Handles one event. `Ok` means that it is dealt with for good: judged, ignored, or in the
    /// dead-letter queue with an alert.
    ///
    /// # Errors
    /// When handling it again may succeed.
    pub async fn handle(&self, payload: &str, request_id: &str) -> Result<(), HandleError> {
        let start = Instant::now();
        let mut line = Line {
            request_id: request_id.to_owned(),
            ..Line::default()
        };
        self.tell_setup().await;
        let result = self.judge(payload, &mut line).await;
        if let Err(error) = &result {
            line.retry(error.to_string());
            self.count(Metric::Retries, 1);
        }
        self.log(&line, start);
        result
    }

    fn log(&self, line: &Line, start: Instant) {
        self.count_line(line);
        // A level is part of a call's place in the code, hence a macro and not a value.
        macro_rules! handled {
            ($level:ident) => {
                tracing::$level!(
                    function = self.function.name,
                    mode = self.settings.mode.name(),
                    request_id = line.request_id,
                    event = line.event,
                    subject = line.subject,
                    who = line.who,
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
        let event = match self.read(payload) {
            Read::Event(event) => event,
            Read::Deregistered(revision) => return self.deregistered(&revision, line).await,
            Read::Review(origin) => return self.review(&origin, line).await,
            Read::Ignored(reason) => {
                line.outcome = "ignored";
                line.reason = reason.to_string();
                return Ok(());
            }
            Read::Hopeless(event, reason) => {
                return self.give_up(payload, event.as_ref(), &reason, line).await;
            }
        };
        match self.evaluate(payload, &event, line).await? {
            Some(reason) => self.give_up(payload, Some(&event), &reason, line).await,
            None => Ok(()),
        }
    }

    fn read(&self, payload: &str) -> Read {
        let event = match parse(payload.as_bytes()) {
            Ok(Parsed::Event(event)) => event,
            Ok(Parsed::TaskChanged(_)) => return Read::Ignored(Ignored::TaskChanged),
            Ok(Parsed::Deregistered(revision))
                if self.function.subject == SubjectKind::TaskDefinition =>
            {
                return Read::Deregistered(revision);
            }
            Ok(Parsed::Deregistered(_)) => return Read::Hopeless(None, MISPLACED.to_owned()),
            Ok(Parsed::Scheduled(origin)) => return Read::Review(origin),
            Ok(Parsed::Ignored(reason)) if !reason.is_misrouted() => return Read::Ignored(reason),
            Ok(Parsed::Ignored(reason)) => return Read::Hopeless(None, reason.to_string()),
            Err(error) => return Read::Hopeless(None, error.to_string()),
        };
        if event.subject_kind() != self.function.subject {
            return Read::Hopeless(Some(event), MISPLACED.to_owned());
        }
        Read::Event(event)
    }

    /// Gathers, decides and acts; or says why no attempt can.
    async fn evaluate(
        &self,
        payload: &str,
        event: &Event,
        line: &mut Line,
    ) -> Result<Option<String>, HandleError> {
        line.event = event.origin().id.clone().unwrap_or_default();
        line.subject = event.subject_id();
        line.since = event.origin().time;
        line.who = event
            .principal()
            .map_or_else(String::new, |who| clean(&who.name, 200));
        let known = match event {
            Event::Pushed(pushed) => self.known(pushed).await,
            _ => Ok(Known::Nothing),
        };
        if let (Event::Pushed(pushed), Ok(Known::Released(release))) = (event, &known) {
            line.outcome = "released";
            self.released(pushed, release, line).await?;
            return Ok(None);
        }
        let facts = match known {
            Ok(known) => self.facts(event, known, line).await,
            Err(error) => Err(error),
        };
        match facts {
            Ok(Some(facts)) => self.act(Some(payload), event, *facts, line).await?,
            Ok(None) => {}
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => return Ok(Some(error.to_string())),
        }
        Ok(None)
    }

    /// What there is to judge; where there is nothing, why stands in the line.
    async fn facts(
        &self,
        event: &Event,
        known: Known,
        line: &mut Line,
    ) -> Result<Option<Box<Facts>>, CallError> {
        let elsewhere = match known {
            Known::Held(facts) => return Ok(Some(facts)),
            Known::HeldElsewhere(facts) => Some(facts),
            Known::Released(_) | Known::Nothing => None,
        };
        let clients = &self.settings.clients;
        match gather(clients, event).await? {
            Gathered::Facts(mut facts) => {
                gather_barred(clients, &self.ledger(), &mut facts, (self.now)()).await?;
                return Ok(Some(facts));
            }
            Gathered::NotScanned if elsewhere.is_some() => return Ok(elsewhere),
            Gathered::Gone => line.outcome = "gone",
            Gathered::NotScanned => line.outcome = "not-scanned",
        }
        Ok(None)
    }

    /// Decides and acts. `payload` is what is put aside where no attempt can help; `None` where the next
    /// turn of a schedule comes back to it.
    async fn act(
        &self,
        payload: Option<&str>,
        event: &Event,
        mut facts: Facts,
        line: &mut Line,
    ) -> Result<(), HandleError> {
        let clients = &self.settings.clients;
        let policy = &self.settings.policy;
        self.recall(&mut facts).await?;
        let mut decision = decide(&facts, policy);
        let mut untold = None;
        if is_out_of_reach(&facts, &decision) {
            untold = self.untold(&mut facts, line).await?;
            if untold.is_none() {
                line.outcome = "archived";
                return Ok(());
            }
            decision = decide(&facts, policy);
        }
        let mut refused = self.look_around(&mut facts, &decision).await?;
        let mode = policy.mode(&facts, self.settings.mode);
        let mut plan = plan(&decision, &facts, mode, Some(clients.home()));
        // A push that is announced late or twice: what it was about is where it was put, and told.
        if known::is_held(&facts)
            && plan.withheld == Some(Withheld::AlreadyDone)
            && untold.is_none()
        {
            untold = self.untold(&mut facts, line).await?;
            if untold.is_none() {
                line.outcome = "archived";
                return Ok(());
            }
            decision = decide(&facts, policy);
            refused = self.look_around(&mut facts, &decision).await?;
        }
        let facts = &facts;
        let acted = self.carry_out(facts, &decision, &mut plan, line).await;
        line.judged(facts, &decision, &plan, &acted.effects);
        self.count_acted(&decision, &acted);
        let mut kept = Kept::Written;
        if let Some(hold) = &acted.hold {
            line.reason = hold.reason();
            kept = self.page(hold, line).await?;
        }

        let failures = acted.effects.iter().filter_map(|effect| match effect {
            Effect::Failed { error, will_retry } => Some((error.as_str(), *will_retry)),
            _ => None,
        });
        // Where time can help one step, the event comes again, and so does the step that it cannot help.
        let failure = failures.max_by_key(|(_, will_retry)| *will_retry);
        let is_left = plan.mode == Mode::Enforce && plan.withheld.is_some_and(Withheld::is_unknown);
        let refused = refused.filter(|_| is_left).map(|error| error.to_string());
        let failure = failure.or(refused.as_deref().map(|error| (error, false)));
        // Aside first: were the alert to fail after it, the event would still not be lost.
        if let (Some((error, false)), Some(payload)) = (failure, payload) {
            self.put_aside(payload, error, line).await?;
        }
        let judged = Judged {
            event,
            facts,
            decision: &decision,
            plan: &plan,
            acted: &acted,
            untold,
            refused: refused.as_deref(),
            comes_again: payload.is_none(),
        };
        kept = kept.and(self.tell_judged(&judged, line).await?);
        match failure {
            Some((error, true)) => Err(HandleError(error.to_owned())),
            // In the dead-letter queue, from where it brings back this too.
            Some((_, false)) if payload.is_some() => Ok(()),
            // The act is done and told; handling it again writes down that it is.
            _ => acted
                .unrecorded
                .map_or_else(|| kept.written(), |error| Err(error.into())),
        }
    }

    /// Reads what is around an image that is about to be acted on: only that is worth the calls. Gives the
    /// one that AWS refused.
    async fn look_around(
        &self,
        facts: &mut Facts,
        decision: &Decision,
    ) -> Result<Option<CallError>, CallError> {
        let Settings {
            clients, policy, ..
        } = &self.settings;
        if !wants_surroundings(decision, facts, clients.home()) {
            return Ok(None);
        }
        let (ledger, now) = (self.ledger(), (self.now)());
        let refused = gather_surroundings(clients, ledger, now, facts, decision.running).await?;
        judge_tags(facts, policy);
        let tag = replacement(facts, policy);
        if let Subject::Image(image) = &mut facts.subject {
            image.surroundings.replacement = tag;
        }
        Ok(refused)
    }

    fn ledger(&self) -> Ledger<'_> {
        Ledger::new(&self.settings.clients, &self.settings.ledger)
    }

    fn writer<'a>(&'a self, line: &'a Line) -> Writer<'a> {
        Writer {
            by: self.function.name,
            attempt: &line.request_id,
            now: (self.now)(),
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
        self.count(Metric::DeadLettered, 1);
        Ok(())
    }

    /// A failure to publish is always worth another attempt: the action is idempotent, and after
    /// the last one the event is in the dead-letter queue, which has an alarm of its own.
    async fn publish(&self, alert: &Alert) -> Result<(), HandleError> {
        self.send_message(&alert.message()).await
    }

    async fn send_message(&self, message: &Message) -> Result<(), HandleError> {
        let topic_arn = &self.settings.topic_arn;
        publish(&self.settings.clients, topic_arn, message).await?;
        self.count(Metric::AlertsSent, 1);
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

/// Whether an image is in the archive, and nothing but that is wrong with it: what ECR knew of it went
/// with the archiving, and it is scanned anew before anybody can pull it. One whose quarantine is reviewed
/// is looked at because it is there.
fn is_out_of_reach(facts: &Facts, decision: &Decision) -> bool {
    match &facts.subject {
        Subject::Image(image) => {
            image.quarantine.is_none()
                && image.scan.state == ScanState::Archived
                && decision.verdict != Verdict::Deny
        }
        Subject::TaskDefinition(_) | Subject::Deployment(_) | Subject::Dockerfile(_) => false,
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

mod storm;
#[cfg(test)]
mod tests;
