use std::collections::BTreeSet;

use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    base_image::{bases, is_curated},
    image_reference::ImageReference,
    task_definition::untrusted_registry::{Trust, trust},
};
use crate::{Severity, facts::Dockerfile, names::quoted};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "dockerfile-untrusted-base",
    summary: "a stage is built on an image from a registry that is not trusted",
    severity: Severity::Medium,
    applies: Applies::EVERYWHERE,
    help: "copy the base image into your own ECR registry, or pull it through an ECR pull-through cache; a registry that you do trust goes into `untrusted-registry.registries` of the policy, an account into `untrusted-registry.accounts`",
    references: References {
        guidance: "build on images from registries that you control",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["4.2"],
        pod_security: None,
    },
    check: Check::Dockerfile(check),
};

fn check(dockerfile: &Dockerfile, context: &Context<'_>) -> Vec<Answer> {
    let mut answers = bases(
        dockerfile,
        "the registry",
        |pointer, _, image| judge(pointer, image, context),
        |pointer, name, _| {
            let image = ImageReference::parse(name)?;
            Some(judge(pointer, &image, context))
        },
    );
    // One word about an image is enough, however many stages are built on it.
    let mut told = BTreeSet::new();
    answers.retain(|answer| told.insert(answer.message.clone()));
    answers
}

fn judge(pointer: String, image: &ImageReference<'_>, context: &Context<'_>) -> Option<Answer> {
    let name = quoted(&format!("{}/{}", image.host, image.repository));
    match trust(image, context) {
            Trust::Trusted => None,
            Trust::OtherAccount(account) => Some(Answer::fail(
                pointer,
                format!("the base image is one of another account, {account}"),
            )),
            Trust::SomeAccount(account) => Some(
                Answer::unknown(
                    pointer,
                    format!("the base image is one of account {account}, and nothing says whether that account is yours"),
                )
                .severity(Severity::Low),
            ),
            // Someone answers for these; whether that is enough is for the policy to say.
            Trust::Untrusted if is_curated(image) => Some(
                Answer::fail(
                    pointer,
                    format!("the base image {name} is a curated one, of a registry that is not trusted"),
                )
                .severity(Severity::Low),
            ),
            Trust::Untrusted => Some(Answer::fail(
                pointer,
                format!("the base image {name} is of a registry that is not trusted, and nobody curates it"),
            )),
        }
}
