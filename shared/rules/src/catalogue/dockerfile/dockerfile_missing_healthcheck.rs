use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    base_image::{self, DefaultUser, Root},
};
use crate::{
    Severity,
    facts::{Dockerfile, dockerfile::Operation},
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "dockerfile-missing-healthcheck",
    summary: "the image says nothing of how to tell that it works",
    severity: Severity::Info,
    applies: Applies::EVERYWHERE,
    help: "add a `HEALTHCHECK` that asks the process itself; for ECS write it into `healthCheck` of the container definition, because ECS does not read the image's",
    references: References {
        guidance: "check the health of containers",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["4.6"],
        pod_security: None,
    },
    check: Check::Dockerfile(check),
};

fn check(dockerfile: &Dockerfile, _: &Context<'_>) -> Vec<Answer> {
    let Some(last) = dockerfile.stages.len().checked_sub(1) else {
        return Vec::new();
    };
    let set = dockerfile.lineage().find_map(|(_, stage)| {
        let mut operations = dockerfile.of_stage(stage).rev();
        operations.find_map(|(index, operation)| match operation {
            Operation::Healthcheck(check) => Some((index, check.is_some())),
            _ => None,
        })
    });
    let pointer = format!("/stages/{last}/healthcheck");
    let answer = match set {
        Some((_, true)) => return Vec::new(),
        Some((index, false)) => Answer::fail(
            format!("/instructions/{index}"),
            "`HEALTHCHECK NONE` takes away the check of the base image",
        ),
        None => match base_image::root(dockerfile) {
            // No image of the library that people build on has one.
            Some(Root::Image(image))
                if base_image::default_user(&image) == DefaultUser::Unknown =>
            {
                let name = quoted(&format!("{}/{}", image.host, image.repository));
                Answer::unknown(
                    pointer,
                    format!(
                        "the image has no `HEALTHCHECK` of its own, and nobody can say whether its base image {name} has"
                    ),
                )
            }
            Some(Root::Unknown(reason)) => Answer::unreadable(
                pointer,
                "the image has no `HEALTHCHECK` of its own, and that of its base image",
                &reason,
            ),
            _ => Answer::fail(pointer, "the image has no `HEALTHCHECK`"),
        },
    };
    vec![answer]
}
