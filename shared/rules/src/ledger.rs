//! What the ledger knows its entries by, what makes an alert news, and what holds an action back.
//! Where time counts it comes in as a value.

use std::{
    borrow::Cow,
    fmt::{self, Display, Formatter, Write as _},
};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::{
    decide::Decision,
    facts::{Facts, Subject, SubjectKind},
    names::{Digest, Repository, TaskDefinitionArn, quoted},
    plan::{Action, Effect, Plan, Step, Withheld},
};

/// DynamoDB takes an `id` of 2,048 bytes; what is longer than this is cut, with a hash in its place.
const LONGEST: usize = 1500;

/// The same for a part, of which DynamoDB takes 1,024 bytes.
const LONGEST_PART: usize = 1000;

/// What an entry of the ledger is known by. Entries with the same `id` are read together, in the
/// order of their parts; what stands alone has the part `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    id: String,
    part: Option<String>,
}

impl Key {
    /// One action on one thing, whatever event led to it.
    pub fn action(step: &Step) -> Self {
        Self::of("action", &step.idempotency_key)
    }

    /// The action with this id; see [`Action::id`].
    pub fn action_with(id: &str) -> Self {
        Self::of("action", id)
    }

    /// What was told of a subject: a part of [`Self::alerts`].
    pub fn alert(facts: &Facts) -> Self {
        let subject = &facts.subject;
        let id = match subject {
            Subject::Image(image) => image.digest.as_ref().map(|digest| {
                let repository = image.repository.arn();
                format!("{repository}@{digest}")
            }),
            Subject::TaskDefinition(definition) => definition.arn().map(|arn| arn.to_string()),
            Subject::Deployment(deployment) => Some(deployment.arn.to_string()),
            Subject::Dockerfile(_) => None,
        };
        let id = id.unwrap_or_else(|| {
            let place = facts.place.as_ref();
            let place = place.map(|place| format!("{}/{}/", place.account(), place.region()));
            let place = place.unwrap_or_default();
            format!("{place}{}/{}", subject.kind_name(), subject.id())
        });
        Self::alert_in(subject.kind_name(), &short(&id, LONGEST_PART))
    }

    /// What was told of a revision.
    pub fn alert_about_revision(revision: &TaskDefinitionArn) -> Self {
        let kind = SubjectKind::TaskDefinition.name();
        Self::alert_in(kind, &short(&revision.to_string(), LONGEST_PART))
    }

    /// What was told of an image.
    pub fn alert_about_image(repository: &Repository, digest: &Digest) -> Self {
        let image = format!("{}@{digest}", repository.arn());
        Self::alert_in(SubjectKind::Image.name(), &short(&image, LONGEST_PART))
    }

    /// What was told of a subject of a kind, by its part.
    pub fn alert_in(kind: &str, part: &str) -> Self {
        Self::alone(Self::alerts(kind)).with_part(part)
    }

    /// The revision or the image, `REPOSITORY_ARN@DIGEST`, of which this was told. `None` for what is over
    /// unseen: a run, a service's settings, a deployment.
    pub fn alert_subject(&self) -> Option<AlertSubject> {
        let part = self.part.as_deref()?;
        match self.id.strip_prefix("alert#")? {
            "task-definition" => {
                let revision = TaskDefinitionArn::parse(part).ok()?;
                Some(AlertSubject::Revision(revision))
            }
            "image" => {
                let (repository, digest) = part.split_once('@')?;
                let repository = Repository::parse_arn(repository).ok()?;
                Some(AlertSubject::Image(repository, Digest::parse(digest).ok()?))
            }
            _ => None,
        }
    }

    /// The `id` of what was told of all subjects of a kind.
    pub fn alerts(kind: &str) -> String {
        format!("alert#{kind}")
    }

    /// What was told of a function's budget in an hour.
    pub fn budget_alert(function: &str, hour: Hour) -> Self {
        Self::alone(Self::alerts("budget")).with_part(&format!("{function}#{hour}"))
    }

    /// An image that is not to be pulled: a part of [`Self::QUARANTINE`]. The digest stands first, so that
    /// one question finds it in every repository.
    pub fn quarantine(repository: &Repository, digest: &Digest) -> Self {
        Self {
            id: Self::QUARANTINE.to_owned(),
            part: Some(format!(
                "{}{}",
                Self::quarantines_of(digest),
                repository.arn()
            )),
        }
    }

    /// How the parts of [`Self::QUARANTINE`] begin that are about this digest.
    pub fn quarantines_of(digest: &Digest) -> String {
        format!("{digest}@")
    }

    /// The `id` of all images in quarantine.
    pub const QUARANTINE: &str = "quarantine";

    /// A task or a service that uses an image, by its ARN: a part of [`Self::users`].
    pub fn user(digest: &Digest, arn: &str) -> Self {
        Self {
            id: Self::users(digest),
            part: Some(arn.to_owned()),
        }
    }

    /// The `id` of all that use an image.
    pub fn users(digest: &Digest) -> String {
        format!("usage#{digest}")
    }

    /// A task that is to run an image of a repository and has not said which, by its ARN: a part of
    /// [`Self::pulls`].
    pub fn pull(repository: &Repository, arn: &str) -> Self {
        Self {
            id: Self::pulls(repository),
            part: Some(arn.to_owned()),
        }
    }

    /// The `id` of all tasks that have not said which image of a repository they run.
    pub fn pulls(repository: &Repository) -> String {
        format!("usage#{}", repository.arn())
    }

    /// How far what uses images is known.
    pub fn usage_index() -> Self {
        Self::alone("usage-index".to_owned())
    }

    /// The actions of a function in an hour.
    pub fn budget(function: &str, hour: Hour) -> Self {
        Self::of("budget", &format!("{function}#{hour}"))
    }

    /// The kill switch of all functions.
    pub fn switch() -> Self {
        Self::alone("switch".to_owned())
    }

    /// What became of an alert in a channel. `alert` is SNS's id of the message.
    pub fn delivery(alert: &str, channel: &str) -> Self {
        Self::of("sent", alert).with_part(channel)
    }

    /// Whether a channel is left alone.
    pub fn channel(name: &str) -> Self {
        Self::of("channel", name)
    }

    /// The messages of a channel in a minute.
    pub fn rate(channel: &str, minute: Timestamp) -> Self {
        let minute = minute.strftime("%Y-%m-%dT%H:%MZ");
        Self::of("rate", &format!("{channel}#{minute}"))
    }

    /// Where the messages about an alert's key stand in a channel.
    pub fn thread(alert_key: &str, channel: &str) -> Self {
        Self::of("thread", alert_key).with_part(channel)
    }

    /// Which alert about a key a channel was told last.
    pub fn sequence(alert_key: &str, channel: &str) -> Self {
        Self::of("sequence", alert_key).with_part(channel)
    }

    /// How often what an alert's key stands for has changed.
    pub fn flaps(alert_key: &str) -> Self {
        Self::of("flaps", alert_key)
    }

    /// What a channel is told later: an alert by its id, or the last of a key that flaps.
    pub fn kept(channel: &str, what: &str) -> Self {
        let what = Self::of("alert", what);
        Self::of("kept", channel).with_part(what.id())
    }

    fn with_part(self, part: &str) -> Self {
        Self {
            part: Some(part.to_owned()),
            ..self
        }
    }

    /// The first attribute of the key, as it stands in the table.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The second attribute of the key, as it stands in the table.
    pub fn part(&self) -> &str {
        self.part.as_deref().unwrap_or("-")
    }

    fn alone(id: String) -> Self {
        Self { id, part: None }
    }

    fn of(kind: &str, id: &str) -> Self {
        Self::alone(format!("{kind}#{}", short(id, LONGEST)))
    }
}

/// Something that stays as it is until its end is announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertSubject {
    /// A revision of a task definition.
    Revision(TaskDefinitionArn),
    /// An image.
    Image(Repository, Digest),
}

/// A text of at most so many bytes that stands for this one.
fn short(text: &str, longest: usize) -> Cow<'_, str> {
    if text.len() <= longest {
        return Cow::Borrowed(text);
    }
    let kept: String = text.chars().take(longest / 4 - 40).collect();
    Cow::Owned(format!("{kept}~{}", hash([text])))
}

/// An hour of the clock, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hour(i64);

impl Hour {
    /// The hour in which `time` lies.
    pub fn of(time: Timestamp) -> Self {
        Self(time.as_second().div_euclid(3600))
    }

    /// When it is over.
    pub fn end(self) -> Timestamp {
        let seconds = self.0.saturating_add(1).saturating_mul(3600);
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
    }
}

impl Display for Hour {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let start = self.end().checked_sub(SignedDuration::from_hours(1));
        let start = start.unwrap_or(Timestamp::MIN);
        write!(formatter, "{}", start.strftime("%Y-%m-%dT%HZ"))
    }
}

/// Why a plan that was to be applied is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// Somebody paused all functions.
    Paused {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// The function has done as much as the policy lets it do in an hour.
    OverBudget {
        /// How much that is.
        most: u32,
        /// When it may act again.
        until: Timestamp,
    },
    /// Somebody released the image from quarantine.
    Released {
        /// Who.
        by: String,
        /// Why.
        reason: String,
        /// Until when it stays released.
        until: Timestamp,
    },
}

impl Hold {
    /// The name as in logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Paused { .. } => "paused",
            Self::OverBudget { .. } => "over-budget",
            Self::Released { .. } => "released",
        }
    }

    /// The reason for people.
    pub fn reason(&self) -> String {
        match self {
            Self::Paused { by, reason } => {
                format!("{} paused all actions: {}", quoted(by), quoted(reason))
            }
            Self::OverBudget { most, until } => format!(
                "the function has done the {most} actions that the policy allows it in an hour \
                 (`max-actions-per-hour`): nothing more is changed until {until}"
            ),
            Self::Released { by, reason, until } => format!(
                "{} released the image from quarantine until {until}: {}",
                quoted(by),
                quoted(reason)
            ),
        }
    }
}

impl Action {
    /// Whether nothing brings back what it took away: done once, it need not be done again.
    pub const fn is_final(&self) -> bool {
        match self {
            // A further push or a person brings an image or a tag back: a deleted one, too, is there again
            // then, and is deleted again.
            Self::ArchiveImage(..)
            | Self::TagImage(..)
            | Self::UntagImage(..)
            | Self::DeleteImage(..) => false,
            // AWS cannot make a revision active again. A task that has stopped and a deployment that has ended
            // do not come back. A new deployment that did not help will not help the next time either.
            Self::DeregisterTaskDefinition(_)
            | Self::StopTask { .. }
            | Self::StopServiceDeployment(..)
            | Self::ForceNewDeployment(..) => true,
        }
    }

    /// The image that it puts into quarantine.
    pub const fn quarantines(&self) -> Option<(&Repository, &Digest)> {
        match self {
            // What is deleted is in quarantine already.
            Self::DeregisterTaskDefinition(_)
            | Self::DeleteImage(..)
            | Self::StopTask { .. }
            | Self::StopServiceDeployment(..)
            | Self::ForceNewDeployment(..) => None,
            Self::ArchiveImage(repository, digest)
            | Self::TagImage(repository, digest, _)
            | Self::UntagImage(repository, digest, _) => Some((repository, digest)),
        }
    }
}

/// What an alert says of its subject, as far as a repetition is concerned: the same news is told
/// once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// A hash over the verdict and the findings.
    pub findings: String,
    /// What became of it, in words of the program.
    pub effects: String,
}

/// How `News::effects` begins where something was done.
pub const DONE: &str = "done";

const ALREADY_DONE: &str = "already-done";

impl News {
    /// The news of a decision. `begun` is when the ledger first heard of the action: an action that
    /// is taken again later is news, another delivery of the same event is not.
    ///
    /// Of an image, a finding is its rule, place, outcome and severity: its message counts
    /// vulnerabilities and changes with every scan. A definition cannot change, and what overrides
    /// one is told apart by what it sets.
    pub fn of(
        facts: &Facts,
        decision: &Decision,
        plan: &Plan,
        effects: &[Effect],
        hold: Option<&Hold>,
        begun: Option<Timestamp>,
    ) -> Self {
        let is_image = matches!(facts.subject, Subject::Image(_));
        let mut findings: Vec<String> = Vec::with_capacity(decision.findings.len());
        for finding in &decision.findings {
            let message = if is_image { "" } else { &finding.message };
            findings.push(hash([
                finding.rule,
                finding.level.name(),
                finding.severity.name(),
                finding.outcome.name(),
                &finding.pointer,
                finding.container.as_deref().unwrap_or_default(),
                message,
            ]));
        }
        findings.sort();
        findings.dedup();
        let verdict = decision.verdict.name();
        let parts = std::iter::once(verdict).chain(findings.iter().map(String::as_str));
        Self {
            findings: hash(parts),
            effects: became(plan, effects, hold, begun),
        }
    }

    /// The news that a budget is used up.
    pub fn of_budget(most: u32) -> Self {
        Self {
            findings: hash(["budget", &most.to_string()]),
            effects: String::new(),
        }
    }

    /// The same, told by somebody else than who did it, and began so: it is news where that was not told.
    #[must_use]
    pub fn done_before(self, begun: Timestamp) -> Self {
        Self {
            effects: format!("{DONE} {}", begun.as_second()),
            ..self
        }
    }

    /// Whether something was done. When that was begun is a part of [`Self::effects`], so that what is
    /// done again later differs by them.
    pub fn is_done(&self) -> bool {
        self.effects.starts_with(DONE)
    }

    /// Whether it only says that what was told as done is still done: then it is no news, whatever
    /// else is found by now (an archived image has no scan).
    pub fn is_already_done(&self) -> bool {
        self.effects == ALREADY_DONE
    }
}

fn became(
    plan: &Plan,
    effects: &[Effect],
    hold: Option<&Hold>,
    begun: Option<Timestamp>,
) -> String {
    match plan.withheld {
        Some(Withheld::AlreadyDone) => return ALREADY_DONE.to_owned(),
        // What is done about what runs it is news all the same.
        Some(withheld) if plan.steps.is_empty() => {
            return format!("withheld: {}", withheld.reason());
        }
        Some(_) | None => {}
    }
    let mut names: Vec<&str> = effects.iter().map(Effect::name).collect();
    names.sort_unstable();
    names.dedup();
    let mut text = names.join(",");
    let is_deleted = |step: &Step| matches!(step.action, Action::DeleteImage(..));
    if plan.steps.iter().any(is_deleted) {
        // By the clock alone it may be what put the image into quarantine: seconds are all that is kept.
        text.push_str(" deleted");
    }
    if let Some(hold) = hold {
        let _ = write!(text, " {}", hold.name());
    }
    if let Some(begun) = begun {
        let _ = write!(text, " {}", begun.as_second());
    }
    text
}

/// Half of SHA-256 over the parts, each with its length, so that no two lists are written alike.
fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update((part.len() as u64).to_be_bytes());
        sum.update(part);
    }
    sum.finalize()
        .iter()
        .take(16)
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests;
