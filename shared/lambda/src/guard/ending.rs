//! When what was told is over.

use tidewaiter_events::{Deregistered, Pushed};
use tidewaiter_report::{Over, Reason, Seen};
use tidewaiter_rules::{
    Action, Decision, Effect, Facts, Plan, Subject, Verdict, Withheld, ledger, names::quoted,
    suppress::Source,
};

use super::{Guard, HandleError, Line, acting::Acted};
use tidewaiter_aws::ledger::Release;

/// How many exceptions are named that cover what was found.
const NAMED: usize = 5;

impl Guard {
    /// A revision is inactive: nothing can be wrong with it any more.
    pub(super) async fn deregistered(
        &self,
        deregistered: &Deregistered,
        line: &mut Line,
    ) -> Result<(), HandleError> {
        line.event = deregistered.origin.id.clone().unwrap_or_default();
        line.subject = deregistered.arn.short();
        line.outcome = "deregistered";
        let key = ledger::Key::alert_about_revision(&deregistered.arn);
        let who = format!("by {}", deregistered.principal.name);
        let over = Over::by(Reason::Deregistered, &who);
        self.tell(&key, &Seen::Well(&over), None, line)
            .await?
            .written()
    }

    /// A released image came back.
    pub(super) async fn released(
        &self,
        pushed: &Pushed,
        release: &Release,
        line: &Line,
    ) -> Result<(), HandleError> {
        let Some(digest) = &pushed.image.digest else {
            return Ok(());
        };
        let key = ledger::Key::alert_about_image(&pushed.image.repository, digest);
        let over = over_by_release(&release.by, &release.reason, release.until);
        self.tell(&key, &Seen::Well(&over), None, line)
            .await?
            .written()
    }
}

fn over_by_release(by: &str, reason: &str, until: jiff::Timestamp) -> Over {
    let detail = format!("by {}, until {until}: {}", quoted(by), quoted(reason));
    Over::by(Reason::Released, &detail)
}

/// Why what is told of a bad image is over once it is told: it is in quarantine and nothing runs it, or
/// somebody released it. A definition's own end is announced.
pub(super) fn over_once_told(facts: &Facts, plan: &Plan, acted: &Acted) -> Option<Over> {
    let Subject::Image(image) = &facts.subject else {
        return None;
    };
    match &acted.hold {
        Some(ledger::Hold::Released { by, reason, until }) => {
            return Some(over_by_release(by, reason, *until));
        }
        Some(ledger::Hold::Paused { .. } | ledger::Hold::OverBudget { .. }) => return None,
        None => {}
    }
    let is_there = matches!(plan.withheld, Some(Withheld::AlreadyDone));
    let mut steps = plan.steps.iter();
    let is_put_there = steps.any(|step| step.action.quarantines().is_some());
    let usage = image.surroundings.usage.as_ref();
    let runs = usage.is_some_and(|usage| !usage.runs.is_empty() || usage.unknown.is_some());
    if is_deleted(plan, &acted.effects) {
        return Some(Over::of(Reason::Deleted));
    }
    let is_contained = (is_there || plan.withheld.is_none() && is_put_there)
        && acted.effects.iter().all(has_ended)
        && !runs;
    is_contained.then(|| Over::of(Reason::Contained))
}

/// Whether a plan was to delete an image, and it is gone.
pub(super) fn is_deleted(plan: &Plan, effects: &[Effect]) -> bool {
    let mut steps = plan.steps.iter();
    steps.any(|step| matches!(step.action, Action::DeleteImage(..)))
        && effects.iter().all(has_ended)
}

const fn has_ended(effect: &Effect) -> bool {
    matches!(effect, Effect::Done | Effect::Gone)
}

/// Why nothing is wrong with a subject that the policy allows; `None` where that is not known for sure.
pub(super) fn over_by_decision(facts: &Facts, decision: &Decision) -> Option<Over> {
    if decision.verdict != Verdict::Allow {
        return None;
    }
    if let Subject::Image(image) = &facts.subject
        && !image.scan.state.is_conclusive()
    {
        return None;
    }
    let suppressed = decision.suppressed.iter().filter(|suppressed| {
        matches!(
            suppressed.source,
            Source::Waiver | Source::Vex | Source::Preset
        )
    });
    let mut by: Vec<&str> = decision
        .waived
        .iter()
        .map(|waived| waived.waiver.as_str())
        .chain(suppressed.map(|suppressed| suppressed.by.as_str()))
        .collect();
    by.sort_unstable();
    by.dedup();
    let more = by.len().saturating_sub(NAMED);
    by.truncate(NAMED);
    let mut named = by
        .iter()
        .map(|by| quoted(by))
        .collect::<Vec<_>>()
        .join(", ");
    if more > 0 {
        named = format!("{named} and {more} more");
    }
    let is_image = matches!(facts.subject, Subject::Image(_));
    Some(match (named.as_str(), is_image) {
        ("", true) => Over::of(Reason::Clean),
        // Only the policy can have changed.
        ("", false) => Over::by(Reason::Waived, "its rules ask for less by now"),
        (named, _) => Over::by(Reason::Waived, named),
    })
}
