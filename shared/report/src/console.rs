//! Links into the AWS console.

use tidewaiter_rules::{
    Subject,
    facts::{Image, TaskDefinition},
    names::Place,
};

/// The console page of a subject; `None` where it is not registered or its digest is not known.
pub(crate) fn link(subject: &Subject) -> Option<String> {
    match subject {
        Subject::TaskDefinition(definition) => task_definition(definition),
        Subject::Image(image) => self::image(image),
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
