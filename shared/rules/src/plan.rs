//! Decision in, actions out. A plan leaves no choices: whoever applies it makes one call a step.

mod quarantine;
mod reverse;

use serde::Serialize;

use crate::{
    decide::{Decision, Outcome},
    facts::{Facts, Form, Image, Subject, TaskDefinition},
    names::{Digest, Place, Repository, TaskDefinitionArn},
    policy::{InUse, Level},
};

pub use quarantine::Kept;
pub use reverse::{Reverse, UnknownAction};

/// Whether plans are applied; the greater, the more is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Plans are made and told, not applied.
    Audit,
    /// Plans are applied.
    Enforce,
}

impl Mode {
    /// Reads a mode; `None` for any other text.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "audit" => Some(Self::Audit),
            "enforce" => Some(Self::Enforce),
            _ => None,
        }
    }

    /// The name as in configuration and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Enforce => "enforce",
        }
    }
}

/// What would be done about a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Whether it is to be applied.
    pub mode: Mode,
    /// The actions, in order.
    pub steps: Vec<Step>,
    /// Why a denied subject is left alone, where it is.
    pub withheld: Option<Withheld>,
    /// Parts of the subject that the actions leave as they are.
    pub kept: Vec<Kept>,
}

/// One action, with the way back.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// The same for the same action on the same thing, whatever event led to it:
    /// `ACTION:TARGET`.
    pub idempotency_key: String,
    /// How it is undone.
    pub undo: Undo,
}

impl Step {
    /// The step that takes this action.
    pub fn of(action: Action) -> Self {
        Self {
            idempotency_key: action.id(),
            undo: action.undo(),
            action,
        }
    }
}

/// What can be done. Each is a single API call, is safe to repeat, and names what it acts on by
/// revision or digest, never by tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// ECS `DeregisterTaskDefinition`: nothing new can be started from the revision. What runs
    /// goes on running.
    DeregisterTaskDefinition(TaskDefinitionArn),
    /// ECR `UpdateImageStorageClass` to `ARCHIVE`: pulls get 404, and the image stays as evidence.
    ArchiveImage(Repository, Digest),
}

impl Action {
    /// The name as in JSON and message attributes.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::DeregisterTaskDefinition(_) => "deregister-task-definition",
            Self::ArchiveImage(..) => "archive-image",
        }
    }

    /// What it acts on: an ARN, or `REPOSITORY_ARN@DIGEST`.
    pub fn target(&self) -> String {
        match self {
            Self::DeregisterTaskDefinition(arn) => arn.to_string(),
            Self::ArchiveImage(repository, digest) => format!("{}@{digest}", repository.arn()),
        }
    }

    /// What follows from it, and what does not, for people.
    pub const fn consequence(&self) -> &'static str {
        match self {
            Self::DeregisterTaskDefinition(_) => {
                "nothing new can use the revision, after at most 10 minutes; tasks and services that run it already go on, and can still scale"
            }
            Self::ArchiveImage(..) => {
                "nobody can pull the image; containers that run already go on, and a task that needs to pull it does not start"
            }
        }
    }

    /// The same action as a command for a POSIX shell, for whoever does it by hand.
    pub fn command(&self) -> String {
        match self {
            Self::DeregisterTaskDefinition(arn) => format!(
                "aws ecs deregister-task-definition --region {} --task-definition {arn}",
                arn.place().region()
            ),
            Self::ArchiveImage(repository, digest) => {
                storage_class_command(repository, digest, "ARCHIVE")
            }
        }
    }

    /// The same for the same action on the same thing, whatever led to it: `ACTION:TARGET`. The ledger
    /// knows an action by it, and so do people.
    pub fn id(&self) -> String {
        format!("{}:{}", self.name(), self.target())
    }

    fn undo(&self) -> Undo {
        match self {
            Self::DeregisterTaskDefinition(arn) => Undo {
                explanation: "AWS cannot make a revision active again; this registers a copy of it as a new revision, which is judged anew: fix it, or let the policy allow it, first",
                command: format!(
                    "aws ecs describe-task-definition --region {region} --task-definition {arn} --query taskDefinition | jq 'del(.taskDefinitionArn,.revision,.status,.requiresAttributes,.compatibilities,.registeredAt,.registeredBy,.deregisteredAt)' > task-definition.json && aws ecs register-task-definition --region {region} --cli-input-json file://task-definition.json",
                    region = arn.place().region()
                ),
            },
            Self::ArchiveImage(..) => Undo {
                explanation: "this releases the image from quarantine for 7 days and restores it, which takes up to 20 minutes; `tidewaiter quarantine release` sets another end; `aws ecr update-image-storage-class --target-storage-class STANDARD` alone does not hold: without a release the image is archived again at once",
                command: format!("tidewaiter undo '{}'", self.id()),
            },
        }
    }
}

fn storage_class_command(repository: &Repository, digest: &Digest, class: &str) -> String {
    format!(
        "aws ecr update-image-storage-class --region {} --registry-id {} --repository-name {} --image-id imageDigest={digest} --target-storage-class {class}",
        repository.place().region(),
        repository.place().account(),
        repository.name()
    )
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// It was not applied: the mode is audit.
    NotApplied,
    /// It was applied, now or by an earlier delivery of the same event.
    Done,
    /// Nothing is there any more to act on.
    Gone,
    /// The call failed.
    Failed {
        /// Why, with every cause.
        error: String,
        /// Whether the event will be handled again.
        will_retry: bool,
    },
}

impl Effect {
    /// The name as in JSON and message attributes.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotApplied => "not-applied",
            Self::Done => "done",
            Self::Gone => "gone",
            Self::Failed { .. } => "failed",
        }
    }
}

/// The way back from an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undo {
    /// What to know before undoing.
    pub explanation: &'static str,
    /// A command for a POSIX shell, made of checked names only.
    pub command: String,
}

/// Why a denied subject is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Withheld {
    /// The action has been taken already.
    AlreadyDone,
    /// The subject is in another account or region than the one acting.
    Elsewhere,
    /// It is a daemon's, and deleting that would drain instances.
    Daemon,
    /// It is a run of a task, and there is no action that undoes a run but stopping it.
    Run,
    /// It is an Express service, which only deleting would take back.
    ExpressService,
    /// Somebody has just taken the image out of the archive, and the ledger does not know that it was in
    /// quarantine.
    Restored,
    /// The facts do not name the one thing to act on.
    NotIdentified,
    /// It runs, and the policy does not have what runs made unpullable.
    InUse,
    /// Whether it runs cannot be known, and the policy does not have what runs made unpullable.
    UsageUnknown,
}

impl Withheld {
    /// The reason for people.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::AlreadyDone => "it has been done already",
            Self::Elsewhere => "the subject is in another account or region",
            Self::Daemon => {
                "it is a daemon's: deleting it would drain the instances that it runs on"
            }
            Self::Run => {
                "tasks that run are never stopped: stop it by hand where it must not go on"
            }
            Self::ExpressService => {
                "it is a service, and services are never changed: update it by hand with what is right"
            }
            Self::Restored => {
                "somebody has just restored it from the archive: archive it again by hand where that was a mistake"
            }
            Self::NotIdentified => "AWS did not say which revision or digest it is",
            Self::InUse => {
                "it runs: what runs it could not start again without it; update that first, or let the policy say `in-use: quarantine`"
            }
            Self::UsageUnknown => {
                "it may be running, which could not be found out; look, or let the policy say `in-use: quarantine`"
            }
        }
    }
}

/// Whether the plan for a decision would depend on what an image belongs with and on what runs it,
/// so that both have to be read first; see [`crate::facts::Surroundings`].
pub fn wants_surroundings(decision: &Decision, facts: &Facts, home: &Place) -> bool {
    let Subject::Image(image) = &facts.subject else {
        return false;
    };
    // Asked as of an image that nothing runs and nothing leads to: more can only be in the way.
    is_denied(decision) && quarantine::quarantine(image, InUse::Quarantine, Some(home)).is_ok()
}

/// Whether a finding is reason to act. An unknown never is, whatever a policy says it costs.
fn is_denied(decision: &Decision) -> bool {
    let mut findings = decision.findings.iter();
    findings.any(|finding| finding.level == Level::Deny && finding.outcome == Outcome::Fail)
}

/// Makes the plan for a decision. `home` is where actions can be taken: the account and region of
/// the function; `None` for a dry run anywhere.
pub fn plan(decision: &Decision, facts: &Facts, mode: Mode, home: Option<&Place>) -> Plan {
    let (steps, withheld, kept) = match actions(decision, facts, home) {
        Ok((actions, kept)) => (actions, None, kept),
        Err(withheld) => (Vec::new(), withheld, Vec::new()),
    };
    Plan {
        mode,
        steps: steps.into_iter().map(Step::of).collect(),
        withheld,
        kept,
    }
}

/// Makes the plan to put an image into quarantine because a person says so: what the functions would
/// do about it were it denied. Whether it may be running is asked as they ask it, unless `in_use` says
/// otherwise. A restoration does not stand in the way: who restored it is asked, and answers.
pub fn plan_quarantine(image: &Image, in_use: InUse, home: &Place) -> Plan {
    let image = Image {
        is_restored: false,
        ..image.clone()
    };
    let (actions, withheld, kept) = match quarantine::quarantine(&image, in_use, Some(home)) {
        Ok((actions, kept)) => (actions, None, kept),
        Err(withheld) => (Vec::new(), Some(withheld), Vec::new()),
    };
    Plan {
        mode: Mode::Enforce,
        steps: actions.into_iter().map(Step::of).collect(),
        withheld,
        kept,
    }
}

/// The actions, or why there are none, where there could be some.
fn actions(
    decision: &Decision,
    facts: &Facts,
    home: Option<&Place>,
) -> Result<(Vec<Action>, Vec<Kept>), Option<Withheld>> {
    if !is_denied(decision) {
        return Err(None);
    }
    match &facts.subject {
        Subject::TaskDefinition(definition) => match deregister(definition)? {
            (_, place) if home.is_some_and(|home| *home != place) => Err(Some(Withheld::Elsewhere)),
            (action, _) => Ok((vec![action], Vec::new())),
        },
        Subject::Image(image) => Ok(quarantine::quarantine(image, decision.in_use, home)?),
        // Nothing exists yet that could be acted on.
        Subject::Dockerfile(_) => Err(None),
    }
}

fn deregister(definition: &TaskDefinition) -> Result<(Action, Place), Withheld> {
    match definition.form {
        Form::Definition if definition.is_daemon() => return Err(Withheld::Daemon),
        Form::Definition => {}
        Form::Overrides => return Err(Withheld::Run),
        Form::ExpressService => return Err(Withheld::ExpressService),
    }
    let arn = definition.arn().ok_or(Withheld::NotIdentified)?;
    if definition.is_inactive() {
        return Err(Withheld::AlreadyDone);
    }
    let place = arn.place().clone();
    Ok((Action::DeregisterTaskDefinition(arn), place))
}
