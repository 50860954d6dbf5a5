//! Decision in, actions out. A plan leaves no choices: whoever applies it makes one call a step.

mod command;
mod quarantine;
mod reverse;
mod running;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    decide::{Decision, Outcome},
    facts::{Deployment, Facts, Form, Image, Subject, TaskDefinition, deployment::Revision},
    names::{
        Digest, ImageTag, Place, Repository, ServiceArn, ServiceDeploymentArn, TaskArn,
        TaskDefinitionArn,
    },
    policy::{InUse, Level, Method},
};

pub use quarantine::Kept;
pub use reverse::{Reverse, UnknownAction};
pub use running::Left;

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
    /// Why a denied subject is left alone, where it is. Steps beside it are about what runs it.
    pub withheld: Option<Withheld>,
    /// Parts of the subject that the actions leave as they are.
    pub kept: Vec<Kept>,
    /// What runs it and is left, although the policy has such things acted on.
    pub left: Vec<Left>,
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

/// What can be done. Each is a single change, is safe to repeat, and names what it acts on by
/// revision or digest, never by tag alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// ECS `DeregisterTaskDefinition`: nothing new can be started from the revision. What runs
    /// goes on running.
    DeregisterTaskDefinition(TaskDefinitionArn),
    /// ECR `UpdateImageStorageClass` to `ARCHIVE`: pulls get 404, and the image stays as evidence.
    ArchiveImage(Repository, Digest),
    /// ECS `StopTask` of a task that was started by itself.
    StopTask {
        /// The task.
        task: TaskArn,
        /// What it was started from.
        definition: TaskDefinitionArn,
        /// The rule that condemns what it runs, for whoever reads why the task stopped.
        rule: &'static str,
    },
    /// ECS `StopServiceDeployment` with a rollback, of a deployment that brings this revision.
    StopServiceDeployment(ServiceDeploymentArn, TaskDefinitionArn),
    /// ECS `UpdateService` with `forceNewDeployment` and nothing else: the tags of the service's own
    /// task definition are resolved anew, to this digest.
    ForceNewDeployment(ServiceArn, Digest),
    /// ECR `PutImage` of the manifest that is there, with one more tag.
    TagImage(Repository, Digest, ImageTag),
    /// ECR `BatchDeleteImage` of a tag that the image has beside others: pulls by it get 404. Of an
    /// image's last tag it is never made, because ECR deletes the image with that.
    UntagImage(Repository, Digest, ImageTag),
    /// ECR `BatchDeleteImage` of a digest: the image and all its tags are gone.
    DeleteImage(Repository, Digest),
}

impl Action {
    /// Whether it is about what runs a subject rather than about the subject.
    pub const fn is_about_what_runs(&self) -> bool {
        match self {
            Self::DeregisterTaskDefinition(_)
            | Self::ArchiveImage(..)
            | Self::TagImage(..)
            | Self::UntagImage(..)
            | Self::DeleteImage(..) => false,
            Self::StopTask { .. }
            | Self::StopServiceDeployment(..)
            | Self::ForceNewDeployment(..) => true,
        }
    }

    /// The name as in JSON and message attributes.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::DeregisterTaskDefinition(_) => "deregister-task-definition",
            Self::ArchiveImage(..) => "archive-image",
            Self::StopTask { .. } => "stop-task",
            Self::StopServiceDeployment(..) => "stop-service-deployment",
            Self::ForceNewDeployment(..) => "force-new-deployment",
            Self::TagImage(..) => "tag-image",
            Self::UntagImage(..) => "untag-image",
            Self::DeleteImage(..) => "delete-image",
        }
    }

    /// What it acts on: an ARN, `REPOSITORY_ARN@DIGEST`, or `REPOSITORY_ARN:TAG@DIGEST`; of a new deployment
    /// `SERVICE_ARN@DIGEST`, since what it brings is a part of what it is.
    pub fn target(&self) -> String {
        match self {
            Self::DeregisterTaskDefinition(arn) => arn.to_string(),
            Self::ArchiveImage(repository, digest) | Self::DeleteImage(repository, digest) => {
                format!("{}@{digest}", repository.arn())
            }
            Self::TagImage(repository, digest, tag) | Self::UntagImage(repository, digest, tag) => {
                format!("{}:{tag}@{digest}", repository.arn())
            }
            Self::StopTask { task, .. } => task.to_string(),
            Self::StopServiceDeployment(deployment, _) => deployment.to_string(),
            Self::ForceNewDeployment(service, digest) => format!("{service}@{digest}"),
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
            Self::StopTask { .. } => {
                "the task ends as when anybody stops it: its containers get SIGTERM, and what it had not finished is not finished"
            }
            Self::StopServiceDeployment(..) => {
                "ECS rolls the service back to the revision before; what the deployment has started goes on until that has ended, and an image of it is judged again by the next event about it"
            }
            Self::ForceNewDeployment(..) => {
                "ECS replaces the service's tasks by the service's own rules, from the same task definition; the image is in use until that has ended, and is judged again by the next event about it"
            }
            Self::TagImage(..) => {
                "the image keeps this tag when it loses the others: with its last tag ECR would delete it"
            }
            Self::UntagImage(..) => {
                "nobody can pull the image by this tag; by its digest it can still be pulled, and what ECS has pinned to the digest goes on and can still scale"
            }
            Self::DeleteImage(..) => {
                "the image is gone for good, with all its tags; what it shares with other images stays"
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
            Self::ArchiveImage(repository, digest) => command::store(repository, digest, "ARCHIVE"),
            Self::TagImage(repository, digest, tag) => command::tag(repository, digest, tag),
            Self::UntagImage(repository, digest, tag) => command::untag(repository, digest, tag),
            Self::DeleteImage(repository, digest) => command::delete(repository, digest),
            Self::StopTask { task, rule, .. } => format!(
                "aws ecs stop-task --region {} --cluster {} --task {} --reason '{}'",
                task.place().region(),
                task.cluster(),
                task.task(),
                stop_reason(rule)
            ),
            Self::StopServiceDeployment(deployment, _) => format!(
                "aws ecs stop-service-deployment --region {} --service-deployment-arn {deployment} --stop-type ROLLBACK",
                deployment.service().place().region()
            ),
            Self::ForceNewDeployment(service, _) => {
                format!("{} --force-new-deployment", update_service(service))
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
            Self::StopTask {
                task, definition, ..
            } => Undo {
                explanation: "a task that has stopped does not go on; this starts another from its revision: add the launch type, the network and the overrides that it was started with, and an image that can be pulled",
                command: format!(
                    "aws ecs run-task --region {} --cluster {} --task-definition {definition}",
                    task.place().region(),
                    task.cluster()
                ),
            },
            Self::StopServiceDeployment(deployment, definition) => Undo {
                explanation: "this deploys the same revision again, which is stopped again unless the policy allows it by then; ECS takes no revision that was deregistered",
                command: format!(
                    "{} --task-definition {definition}",
                    update_service(deployment.service())
                ),
            },
            Self::ForceNewDeployment(service, _) => Undo {
                explanation: "there is nothing to undo: the service and its task definition are what they were; this shows how far the deployment has come",
                command: format!(
                    "aws ecs describe-services --region {} --cluster {} --services {}",
                    service.place().region(),
                    service.cluster(),
                    service.service()
                ),
            },
            Self::TagImage(repository, digest, tag) => Undo {
                explanation: "have the functions pause, or release the image, and put the other tags back first: this one is removed only where the image has another, because ECR deletes an image with its last tag",
                command: command::untag(repository, digest, tag),
            },
            Self::UntagImage(repository, digest, tag) => Undo {
                explanation: "have the functions pause, or release the image, first: what is put back is judged again. This puts the tag back on the same image; where another image has it by now, it is taken from that one, or refused where tags cannot be moved",
                command: command::tag(repository, digest, tag),
            },
            Self::DeleteImage(repository, digest) => Undo {
                explanation: "nothing brings a deleted image back but pushing it again, from wherever there is a copy; it is archived again then unless the policy allows it, or it is released, by then",
                command: command::push_again(repository, digest),
            },
        }
    }
}

fn update_service(service: &ServiceArn) -> String {
    format!(
        "aws ecs update-service --region {} --cluster {} --service {}",
        service.place().region(),
        service.cluster(),
        service.service()
    )
}

/// What ECS shows of a task that was stopped for what this rule says of its image.
pub fn stop_reason(rule: &str) -> String {
    format!("Stopped by Tidewaiter: its image is denied by {rule}")
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
    /// It is a deployment, and the policy does not have those stopped.
    DeploymentsLeft,
    /// It is a service's first deployment.
    FirstDeployment,
    /// What a rollback would bring back is as bad, or not known to be better.
    RollbackAsBad,
    /// Which tags it has is not known, and they are what would be removed.
    TagsUnknown,
    /// It has no tag, and tags are what would be removed.
    Untagged,
    /// An index that can be pulled leads to it, so that it is not to be deleted.
    Referenced,
    /// It would be deleted, and it runs, or may.
    RunsArchived,
}

impl Withheld {
    /// Whether it may only be that what would have to be known could not be looked at.
    pub const fn is_unknown(self) -> bool {
        matches!(self, Self::UsageUnknown | Self::TagsUnknown)
    }

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
            Self::DeploymentsLeft => {
                "deployments are not stopped unless the policy says `running: { deployments: stop }`: roll it back by hand, or deploy what is right"
            }
            Self::FirstDeployment => {
                "it is the service's first deployment, and there is nothing to roll back to: scale it to nothing, or deploy what is right"
            }
            Self::RollbackAsBad => {
                "what a rollback would bring back is bad too, or not known to be better: deploy what is right"
            }
            Self::TagsUnknown => {
                "its tags are not known, and the policy has tags removed (`quarantine: {method: untag}`): remove them by hand"
            }
            Self::Untagged => {
                "it has no tag to remove, and by its digest it can be pulled in any case: archive it by hand, or let the policy say `quarantine: {method: archive}`"
            }
            Self::Referenced => {
                "an index that can be pulled leads to it: delete that first, if it is to go too"
            }
            Self::RunsArchived => {
                "it is to be deleted, and it runs, or whether it does could not be found out: it stays in the archive, and is looked at again tomorrow"
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
    let asked = quarantine::Wanted {
        in_use: InUse::Quarantine,
        method: decision.method,
        at: None,
    };
    is_denied(decision)
        && !is_over(decision)
        && matches!(
            quarantine::quarantine(image, asked, Some(home), &[]),
            Ok(_) | Err(Withheld::TagsUnknown)
        )
}

/// Whether a finding is reason to act. An unknown never is, whatever a policy says it costs.
fn is_denied(decision: &Decision) -> bool {
    let mut findings = decision.findings.iter();
    findings.any(|finding| finding.level == Level::Deny && finding.outcome == Outcome::Fail)
}

/// Whether the quarantine has lasted for as long as it is to.
fn is_over(decision: &Decision) -> bool {
    let mut findings = decision.findings.iter();
    findings.any(|finding| {
        finding.rule == "expired-quarantine"
            && finding.level == Level::Deny
            && finding.outcome == Outcome::Fail
    })
}

/// Makes the plan for a decision. `home` is where actions can be taken: the account and region of
/// the function; `None` for a dry run anywhere.
pub fn plan(decision: &Decision, facts: &Facts, mode: Mode, home: Option<&Place>) -> Plan {
    let found = actions(decision, facts, home).unwrap_or_else(|withheld| Found {
        withheld,
        ..Found::default()
    });
    Plan {
        mode,
        steps: found.actions.into_iter().map(Step::of).collect(),
        withheld: found.withheld,
        kept: found.kept,
        left: found.left,
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
    let wanted = quarantine::Wanted {
        in_use,
        method: Method::Archive,
        at: None,
    };
    let (actions, withheld, kept) = match quarantine::quarantine(&image, wanted, Some(home), &[]) {
        Ok((actions, kept)) => (actions, None, kept),
        Err(withheld) => (Vec::new(), Some(withheld), Vec::new()),
    };
    Plan {
        mode: Mode::Enforce,
        steps: actions.into_iter().map(Step::of).collect(),
        withheld,
        kept,
        left: Vec::new(),
    }
}

/// What a plan is made of.
#[derive(Debug, Default)]
struct Found {
    actions: Vec<Action>,
    withheld: Option<Withheld>,
    kept: Vec<Kept>,
    left: Vec<Left>,
}

impl From<Action> for Found {
    fn from(action: Action) -> Self {
        Self {
            actions: vec![action],
            ..Self::default()
        }
    }
}

/// The actions, or why there are none, where there could be some.
fn actions(
    decision: &Decision,
    facts: &Facts,
    home: Option<&Place>,
) -> Result<Found, Option<Withheld>> {
    if !is_denied(decision) {
        return Err(None);
    }
    match &facts.subject {
        Subject::TaskDefinition(definition) => match deregister(definition)? {
            (_, place) if home.is_some_and(|home| *home != place) => Err(Some(Withheld::Elsewhere)),
            (action, _) => Ok(action.into()),
        },
        Subject::Image(image) if is_over(decision) => Ok(quarantine::delete(image, home)?.into()),
        Subject::Image(image) => Ok(of_image(image, decision, facts.observed_at, home)),
        Subject::Deployment(deployment) => Ok(stop(deployment, decision, home)?.into()),
        // Nothing exists yet that could be acted on.
        Subject::Dockerfile(_) => Err(None),
    }
}

/// An image goes into quarantine only after what runs it has been stopped, unless the policy has it
/// made unpullable in any case: then nothing may stand in the way of that.
fn of_image(
    image: &Image,
    decision: &Decision,
    at: Option<Timestamp>,
    home: Option<&Place>,
) -> Found {
    let answer = running::answer(image, decision);
    let mut found = Found {
        actions: answer.actions,
        left: answer.left,
        ..Found::default()
    };
    let wanted = quarantine::Wanted {
        in_use: decision.in_use,
        method: decision.method,
        at,
    };
    match quarantine::quarantine(image, wanted, home, &answer.ended) {
        Ok((mut actions, kept)) => {
            found.kept = kept;
            match decision.in_use {
                InUse::Alert => found.actions.append(&mut actions),
                InUse::Quarantine => {
                    actions.append(&mut found.actions);
                    found.actions = actions;
                }
            }
        }
        Err(withheld) => found.withheld = Some(withheld),
    }
    found
}

fn stop(
    deployment: &Deployment,
    decision: &Decision,
    home: Option<&Place>,
) -> Result<Action, Withheld> {
    if home.is_some_and(|home| home != deployment.service().place()) {
        return Err(Withheld::Elsewhere);
    }
    let action = running::stop(deployment)?;
    if decision.running.stops_deployments() {
        Ok(action)
    } else {
        Err(Withheld::DeploymentsLeft)
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
