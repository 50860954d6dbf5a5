//! What on-call hears: one alert a decision that needs one, or a failure to come to one.

use serde::Serialize;
use tidewaiter_events::{Event, Principal};
use tidewaiter_rules::{
    Action, Decision, Effect, Facts, Finding, Mode, Outcome, Plan, Severity, Step, Subject, Undo,
    Verdict, facts::Form, names::Place,
};

use crate::{
    AlertKey, Change,
    change::{self, AlertFix},
    clean, console, remedy,
    reminder::AlertWaiver,
    state::AlertState,
    suppressed::AlertSuppressed,
    surroundings::AlertSurroundings,
};

/// An alert, version 1. Its JSON is documented in `docs/alert.md`; members may be added, never
/// taken away or changed, without a new version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alert {
    pub(crate) version: u8,
    pub(crate) kind: Kind,
    pub(crate) key: AlertKey,
    #[serde(flatten)]
    pub(crate) state: AlertState,
    /// The first line, for people.
    pub(crate) headline: String,
    pub(crate) severity: Severity,
    pub(crate) mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decision: Option<Verdict>,
    pub(crate) account: String,
    pub(crate) region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<AlertSubject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) who: Option<Principal>,
    pub(crate) findings: Vec<AlertFinding>,
    /// How many findings were left out of `findings`.
    pub(crate) more_findings: usize,
    pub(crate) actions: Vec<AlertAction>,
    /// How many actions were left out of `actions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) more_actions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) withheld: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held_back: Option<String>,
    #[serde(flatten)]
    pub(crate) surroundings: AlertSurroundings,
    #[serde(flatten)]
    pub(crate) suppressed: AlertSuppressed,
    /// What in a policy file would except just this, with places to fill in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) waive: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) waivers: Vec<AlertWaiver>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<AlertFailure>,
}

/// A finding, with its fix.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct AlertFinding {
    #[serde(flatten)]
    pub(crate) finding: Finding,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<AlertFix>,
}

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A subject was judged.
    Decision,
    /// An event could not be handled.
    Failure,
    /// Waivers have ended or end soon.
    Waivers,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct AlertSubject {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) arn: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct AlertAction {
    pub(crate) action: &'static str,
    pub(crate) target: String,
    pub(crate) effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) will_retry: Option<bool>,
    /// What follows from it, and what does not.
    pub(crate) consequence: &'static str,
    /// The command that does it by hand.
    pub(crate) command: String,
    pub(crate) undo: Undo,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct AlertFailure {
    pub(crate) error: String,
    pub(crate) fate: &'static str,
}

/// Why an event could not be handled.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// The event, where it could be read at all.
    pub event: Option<&'a Event>,
    /// Why, with every cause.
    pub error: &'a str,
    /// What becomes of it.
    pub fate: Fate,
    /// The mode of the function.
    pub mode: Mode,
    /// The account and region of the function.
    pub home: &'a Place,
}

/// What becomes of an event that could not be handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It waits in the dead-letter queue for a person.
    DeadLetter,
    /// No event is meant: the function does not act any more in this hour.
    HeldBack,
    /// It is in neither: the mistake is in the set-up, and events are not lost by it.
    Handled,
}

impl Failure<'_> {
    /// All that fails about one subject is one trouble, and so is all that has the same fate and no
    /// subject.
    fn key(&self, place: &Place) -> AlertKey {
        let about = match (self.event, self.fate) {
            (Some(event), _) => event.subject_id(),
            (None, Fate::DeadLetter) => "event".to_owned(),
            (None, Fate::HeldBack) => "budget".to_owned(),
            (None, Fate::Handled) => "set-up".to_owned(),
        };
        AlertKey::of_home("failure", place, &about)
    }
}

impl Fate {
    const fn text(self) -> &'static str {
        match self {
            Self::DeadLetter => {
                "the event is in the function's dead-letter queue; send it again once the cause is mended"
            }
            Self::HeldBack => {
                "events are still judged and told; look at what was done before you raise the number"
            }
            Self::Handled => "events are still judged",
        }
    }
}

/// How many findings an alert carries; the message must stay under SNS's 256 KiB.
const FINDINGS: usize = 25;

/// How many actions an alert carries: an index has hardly ever more than two for each platform.
const ACTIONS: usize = 12;

impl Alert {
    /// The alert about a decision; `None` where there is nothing to say. `effects` are what became
    /// of the plan's steps, in their order.
    pub fn of_decision(
        event: &Event,
        facts: &Facts,
        decision: &Decision,
        plan: &Plan,
        effects: &[Effect],
        home: &Place,
    ) -> Option<Self> {
        let worst = decision.findings.first()?;
        if decision.verdict == Verdict::Allow {
            return None;
        }
        let place = facts.place.as_ref().unwrap_or(home);
        let severity = decision.findings.iter().map(|finding| finding.severity);
        let mut steps: Vec<(&Step, &Effect)> = plan.steps.iter().zip(effects).collect();
        let more_actions = steps.len().saturating_sub(ACTIONS);
        // What failed is told in any case.
        steps.sort_by_key(|(_, effect)| !matches!(effect, Effect::Failed { .. }));
        steps.truncate(ACTIONS);
        let steps = steps.into_iter();
        Some(Self {
            version: 1,
            kind: Kind::Decision,
            key: AlertKey::of(facts),
            state: AlertState::default(),
            headline: headline(facts, decision, plan, effects, &worst.message),
            severity: severity.max().unwrap_or(worst.severity),
            mode: plan.mode,
            decision: Some(decision.verdict),
            account: place.account().to_owned(),
            region: place.region().to_owned(),
            time: facts.observed_at.map(|time| time.to_string()),
            event: event_id(event),
            subject: Some(subject(&facts.subject)),
            who: event.principal().map(clean_principal),
            findings: decision
                .findings
                .iter()
                .take(FINDINGS)
                .map(AlertFinding::of)
                .collect(),
            more_findings: decision.findings.len().saturating_sub(FINDINGS),
            actions: steps.map(|(step, effect)| action(step, effect)).collect(),
            more_actions: (more_actions > 0).then_some(more_actions),
            withheld: plan.withheld.map(tidewaiter_rules::Withheld::reason),
            held_back: None,
            surroundings: AlertSurroundings::of(facts, plan),
            suppressed: AlertSuppressed::of(&decision.suppressed),
            waive: change::recipe(facts, &decision.findings),
            waivers: Vec::new(),
            failure: None,
        })
    }

    /// The alert about an event that could not be handled.
    pub fn of_failure(failure: &Failure<'_>) -> Self {
        let event = failure.event;
        let origin = event.map(Event::origin);
        let place = origin.and_then(|origin| origin.place.as_ref());
        let place = place.unwrap_or(failure.home);
        let error = clean(failure.error, 1500);
        let about = match event {
            Some(event) => format!("could not judge {}", clean(&event.subject_id(), 120)),
            None if failure.fate == Fate::HeldBack => "acts no more in this hour".to_owned(),
            None if failure.fate == Fate::Handled => "is not set up as it should be".to_owned(),
            None => "could not read an event".to_owned(),
        };
        Self {
            version: 1,
            kind: Kind::Failure,
            key: failure.key(place),
            state: AlertState::default(),
            headline: format!("Tidewaiter {about}: {}", clean(failure.error, 200)),
            severity: Severity::High,
            mode: failure.mode,
            decision: None,
            account: place.account().to_owned(),
            region: place.region().to_owned(),
            time: origin.and_then(|origin| origin.time.map(|time| time.to_string())),
            event: event.and_then(event_id),
            subject: None,
            who: event.and_then(Event::principal).map(clean_principal),
            findings: Vec::new(),
            more_findings: 0,
            actions: Vec::new(),
            more_actions: None,
            withheld: None,
            held_back: None,
            surroundings: AlertSurroundings::default(),
            suppressed: AlertSuppressed::default(),
            waive: None,
            waivers: Vec::new(),
            failure: Some(AlertFailure {
                error,
                fate: failure.fate.text(),
            }),
        }
    }

    /// The same alert with the reason why a stack that enforces changed nothing, where there is one.
    #[must_use]
    pub fn held_back(mut self, reason: Option<String>) -> Self {
        self.held_back = reason.map(|reason| clean(&reason, 1000));
        self
    }

    /// The same alert as the telling of another change than the first.
    #[must_use]
    pub fn telling(mut self, change: Change) -> Self {
        self.state.change = change;
        self
    }

    /// What it is known by.
    pub fn key(&self) -> &AlertKey {
        &self.key
    }

    pub(crate) fn in_state(mut self, state: AlertState) -> Self {
        self.state = state;
        self
    }

    /// Whether something kept what was to be done from being done.
    pub(crate) fn is_held_back(&self) -> bool {
        self.held_back.is_some()
    }
}

fn headline(
    facts: &Facts,
    decision: &Decision,
    plan: &Plan,
    effects: &[Effect],
    worst: &str,
) -> String {
    let kind = match &facts.subject {
        Subject::TaskDefinition(definition) => match definition.form {
            Form::Definition => "task definition",
            Form::Overrides => "run of",
            Form::ExpressService => "Express service",
        },
        Subject::Image(_) => "image",
        Subject::Deployment(_) => "deployment of",
        Subject::Dockerfile(_) => "Dockerfile",
    };
    let subject = format!("{kind} {}", clean(&short_id(&facts.subject), 120));
    let (present, past) = match facts.subject {
        Subject::TaskDefinition(_) => ("deregister", "Deregistered"),
        // What runs it, and not the image.
        Subject::Image(_)
            if !plan.steps.is_empty()
                && plan
                    .steps
                    .iter()
                    .all(|step| step.action.is_about_what_runs()) =>
        {
            ("act on what runs", "Acted on what runs")
        }
        Subject::Image(_) if is_deletion(plan) => ("delete", "Deleted"),
        Subject::Image(_) => ("quarantine", "Quarantined"),
        Subject::Deployment(_) => ("stop", "Stopped"),
        // No plan has a step for it.
        Subject::Dockerfile(_) => ("refuse", "Refused"),
    };
    let any = |wanted: fn(&Effect) -> bool| effects.iter().any(wanted);
    let what = match plan.steps.first() {
        Some(_) if any(|effect| matches!(effect, Effect::Failed { .. })) => {
            format!("FAILED to {present} {subject}")
        }
        Some(_) if any(|effect| *effect == Effect::Done) => format!("{past} {subject}"),
        Some(_) if any(|effect| *effect == Effect::Gone) => {
            format!("Bad {subject} is gone already")
        }
        Some(_) => format!("Would {present} {subject} (audit)"),
        None if plan.withheld.is_some() => format!("Bad {subject} is left alone"),
        None if decision
            .findings
            .iter()
            .all(|f| f.outcome == Outcome::Unknown) =>
        {
            format!("Cannot vouch for {subject}")
        }
        None => format!("Weak {subject}"),
    };
    let more = match decision.findings.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    format!("{what}: {}{more}", clean(worst, 200))
}

fn is_deletion(plan: &Plan) -> bool {
    let is_one = |step: &Step| matches!(step.action, Action::DeleteImage(..));
    plan.steps.iter().any(is_one)
}

/// A digest is as good to the eye with its first twelve digits.
fn short_id(subject: &Subject) -> String {
    match subject {
        Subject::Image(image) => match &image.digest {
            Some(digest) => {
                let (algorithm, digits) = digest.as_str().split_once(':').unwrap_or_default();
                let digits: String = digits.chars().take(12).collect();
                format!("{}@{algorithm}:{digits}", image.repository.name())
            }
            None => image.repository.name().to_owned(),
        },
        Subject::TaskDefinition(_) | Subject::Deployment(_) | Subject::Dockerfile(_) => {
            subject.id()
        }
    }
}

fn event_id(event: &Event) -> Option<String> {
    event.origin().id.as_deref().map(|id| clean(id, 100))
}

fn subject(subject: &Subject) -> AlertSubject {
    let (arn, tags) = match subject {
        Subject::TaskDefinition(definition) => {
            let daemon = definition.daemon_task_definition_arn.known();
            let arn = definition.arn().map(|arn| arn.to_string());
            let other = daemon.or(definition.part_of_arn.as_ref());
            (arn.or_else(|| other.map(|arn| clean(arn, 400))), Vec::new())
        }
        Subject::Image(image) => {
            let tags = image.tags.iter().take(10).map(|tag| clean(tag, 300));
            (Some(image.repository.arn()), tags.collect())
        }
        Subject::Deployment(deployment) => (Some(deployment.arn.to_string()), Vec::new()),
        Subject::Dockerfile(_) => (None, Vec::new()),
    };
    AlertSubject {
        kind: subject.kind_name(),
        id: clean(&subject.id(), 400),
        arn,
        tags,
        link: console::link(subject),
    }
}

fn clean_principal(principal: &Principal) -> Principal {
    let short = |text: &Option<String>| text.as_deref().map(|text| clean(text, 200));
    Principal {
        name: clean(&principal.name, 200),
        arn: principal.arn.as_deref().map(|arn| clean(arn, 2048)),
        via: short(&principal.via),
        tool: short(&principal.tool),
        source_ip: short(&principal.source_ip),
    }
}

impl AlertFinding {
    fn of(finding: &Finding) -> Self {
        Self {
            fix: finding.fix.as_ref().map(AlertFix::of),
            finding: clean_finding(finding),
        }
    }
}

fn clean_finding(finding: &Finding) -> Finding {
    Finding {
        container: finding.container.as_deref().map(|name| clean(name, 255)),
        message: clean(&finding.message, 1000),
        help: clean(&finding.help, 1000).into(),
        remedy: finding.remedy.as_deref().map(remedy::cleaned).map(Box::new),
        ..finding.clone()
    }
}

fn action(step: &Step, effect: &Effect) -> AlertAction {
    let (error, will_retry) = match effect {
        Effect::Failed { error, will_retry } => (Some(clean(error, 600)), Some(*will_retry)),
        Effect::NotApplied | Effect::Done | Effect::Gone => (None, None),
    };
    AlertAction {
        action: step.action.name(),
        target: step.action.target(),
        effect: effect.name(),
        error,
        will_retry,
        consequence: step.action.consequence(),
        command: step.action.command(),
        undo: step.undo.clone(),
    }
}
