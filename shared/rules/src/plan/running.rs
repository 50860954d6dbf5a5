//! What is done about what runs a denied image, where the policy says so.

use serde::Serialize;

use super::{Action, Withheld, quarantine::parts};
use crate::{
    decide::Decision,
    facts::{
        Deployment, Image, Run,
        deployment::{Named, Service},
    },
    names::{Digest, Place, TaskArn, TaskDefinitionArn},
};

/// Something that runs a denied image, is left although the policy has such things acted on, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// The cluster.
    pub cluster: String,
    /// The service; `None` for tasks that were started by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Why.
    pub reason: String,
}

/// What is done about what runs an image.
#[derive(Debug, Default)]
pub(super) struct Answer<'a> {
    pub(super) actions: Vec<Action>,
    /// What does not run any more after them.
    pub(super) ended: Vec<&'a Run>,
    pub(super) left: Vec<Left>,
}

/// What is done about what runs the image or what it stands and falls with.
pub(super) fn answer<'a>(image: &'a Image, decision: &Decision) -> Answer<'a> {
    let mut answer = Answer::default();
    let around = &image.surroundings;
    let (Some(digest), Some(usage)) = (&image.digest, &around.usage) else {
        return answer;
    };
    let condemned = match around.family.known() {
        Some(family) => parts(digest, family).0,
        None => vec![digest.clone()],
    };
    let place = image.repository.place();
    let running = decision.running;
    let rule = decision.findings.first().map_or("", |finding| finding.rule);
    for run in &usage.runs {
        if !condemned.contains(&run.digest) {
            continue;
        }
        match &run.service {
            None if running.stops_tasks() => answer.stop_tasks(run, place, rule),
            Some(service) if running.replaces_services() || running.stops_deployments() => {
                let known = around.services.iter().find(|known| {
                    known.arn.cluster() == run.cluster && known.arn.service() == service
                });
                let acted = match known {
                    Some(known) => of_service(image, known, &condemned, decision),
                    None => Err("how it is deployed could not be read".to_owned()),
                };
                answer.add(run, acted);
            }
            _ => {}
        }
    }
    answer
}

impl<'a> Answer<'a> {
    /// A service has several runs where its tasks are of several revisions.
    fn add(&mut self, run: &Run, acted: Result<Action, String>) {
        match acted {
            Ok(action) if self.actions.contains(&action) => {}
            Ok(action) => self.actions.push(action),
            Err(reason) => {
                let left = Left {
                    cluster: run.cluster.clone(),
                    service: run.service.clone(),
                    reason,
                };
                if !self.left.contains(&left) {
                    self.left.push(left);
                }
            }
        }
    }

    fn stop_tasks(&mut self, run: &'a Run, place: &Place, rule: &'static str) {
        let Some(definition) = definition(place, &run.task_definition) else {
            let reason = "its revision is not known, so that it could not be started again";
            return self.add(run, Err(reason.to_owned()));
        };
        let here = |task: &&TaskArn| task.place() == place;
        let tasks: Vec<&TaskArn> = run.task_arns.iter().filter(here).collect();
        if u64::try_from(tasks.len()) == Ok(run.tasks) {
            self.ended.push(run);
        } else {
            let reason = "not all of its tasks are known by name: the next event takes more";
            self.add(run, Err(reason.to_owned()));
        }
        for task in tasks {
            let stop = Action::StopTask {
                task: task.clone(),
                definition: definition.clone(),
                rule,
            };
            self.add(run, Ok(stop));
        }
    }
}

fn definition(place: &Place, short: &str) -> Option<TaskDefinitionArn> {
    let (partition, region, account) = (place.partition(), place.region(), place.account());
    let arn = format!("arn:{partition}:ecs:{region}:{account}:task-definition/{short}");
    TaskDefinitionArn::parse(&arn).ok()
}

/// What is done about a service; or why nothing is.
fn of_service(
    image: &Image,
    service: &Service,
    condemned: &[Digest],
    decision: &Decision,
) -> Result<Action, String> {
    let running = decision.running;
    match &service.deployment {
        Some(deployment) if !deployment.target.runs(&image.repository, condemned) => {
            Err("a deployment of something else is in flight".to_owned())
        }
        Some(deployment) if running.stops_deployments() => {
            let is_bad = |revision: &crate::facts::deployment::Revision| {
                revision.runs(&image.repository, condemned)
            };
            if deployment.sources.iter().any(is_bad) {
                return Err(Withheld::RollbackAsBad.reason().to_owned());
            }
            stop(deployment).map_err(|withheld| withheld.reason().to_owned())
        }
        Some(_) => Err("a deployment of the denied image is in flight".to_owned()),
        None if running.replaces_services() => replace(service, condemned),
        None => Err("no deployment of it is in flight".to_owned()),
    }
}

/// Only where it brings something else, and that is clean. The definition stays what it is.
fn replace(service: &Service, condemned: &[Digest]) -> Result<Action, String> {
    let tags = match &service.named {
        Named::ByTag(tags) => tags,
        Named::ByDigest => {
            return Err(
                "its task definition names the image by digest: register a revision with another, and update the service"
                    .to_owned(),
            );
        }
        Named::Unknown(reason) => return Err(reason.clone()),
    };
    let Some(first) = tags.first() else {
        return Err("its task definition names no image of the repository any more".to_owned());
    };
    if tags.iter().any(|tag| condemned.contains(&tag.digest)) {
        return Err(
            "the tag that its task definition names leads to the denied image: push a clean one under the tag, or update the service"
                .to_owned(),
        );
    }
    if !tags.iter().all(|tag| tag.is_clean) {
        return Err(
            "what the tag of its task definition leads to is not known to be clean".to_owned(),
        );
    }
    Ok(Action::ForceNewDeployment(
        service.arn.clone(),
        first.digest.clone(),
    ))
}

/// The end of a deployment by a rollback, or why there is none.
pub(super) fn stop(deployment: &Deployment) -> Result<Action, Withheld> {
    let Some(definition) = &deployment.target.task_definition else {
        return Err(Withheld::NotIdentified);
    };
    if deployment.sources.is_empty() {
        return Err(Withheld::FirstDeployment);
    }
    if deployment.sources.iter().any(super::Revision::is_doubtful) {
        return Err(Withheld::RollbackAsBad);
    }
    Ok(Action::StopServiceDeployment(
        deployment.arn.clone(),
        definition.clone(),
    ))
}
