//! Links into the AWS console.

use tidewaiter_rules::{
    Subject,
    facts::{Form, Image, TaskDefinition},
    names::{Place, ServiceArn, TaskArn},
};

/// The console page of a subject; `None` where AWS did not say what it has to be found by.
pub(crate) fn link(subject: &Subject) -> Option<String> {
    match subject {
        Subject::TaskDefinition(definition) => match definition.form {
            Form::Definition => task_definition(definition),
            Form::Overrides => task(definition),
            Form::ExpressService => services(definition),
        },
        Subject::Image(image) => self::image(image),
        Subject::Deployment(deployment) => Some(deployments(deployment.service())),
        Subject::Dockerfile(_) => None,
    }
}

fn task_definition(definition: &TaskDefinition) -> Option<String> {
    let arn = definition.arn()?;
    Some(format!(
        "{}/ecs/v2/task-definitions/{}/{}/containers?region={}",
        host(arn.place()),
        arn.family(),
        arn.revision(),
        arn.place().region()
    ))
}

/// The first task that was started; the page is gone soon after the task has stopped.
fn task(definition: &TaskDefinition) -> Option<String> {
    let arn = TaskArn::parse(definition.part_of_arn.as_deref()?)?;
    Some(format!(
        "{}/ecs/v2/clusters/{}/tasks/{}/configuration?region={}",
        host(arn.place()),
        arn.cluster(),
        arn.task(),
        arn.place().region()
    ))
}

/// The services of its cluster, where an Express service is one of them.
fn services(definition: &TaskDefinition) -> Option<String> {
    let arn = ServiceArn::parse(definition.part_of_arn.as_deref()?)?;
    Some(format!(
        "{}/ecs/v2/clusters/{}/services?region={}",
        host(arn.place()),
        arn.cluster(),
        arn.place().region()
    ))
}

fn deployments(service: &ServiceArn) -> String {
    format!(
        "{}/ecs/v2/clusters/{}/services/{}/deployments?region={}",
        host(service.place()),
        service.cluster(),
        service.service(),
        service.place().region()
    )
}

fn image(image: &Image) -> Option<String> {
    let place = image.repository.place();
    Some(format!(
        "{}/ecr/repositories/private/{}/{}/_/image/{}/details?region={}",
        host(place),
        place.account(),
        image.repository.name(),
        image.digest.as_ref()?,
        place.region()
    ))
}

fn host(place: &Place) -> String {
    match place.partition() {
        "aws-cn" => "https://console.amazonaws.cn".to_owned(),
        "aws-us-gov" => "https://console.amazonaws-us-gov.com".to_owned(),
        _ => format!("https://{}.console.aws.amazon.com", place.region()),
    }
}
