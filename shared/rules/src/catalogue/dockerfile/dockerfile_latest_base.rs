use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    base_image::{bases, shown},
    image_reference::ImageReference,
};
use crate::{
    Severity,
    facts::{Dockerfile, dockerfile::Text},
    policy::matches,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "dockerfile-latest-base",
    summary: "a stage is built on `latest`, or on an image without a tag",
    severity: Severity::Medium,
    applies: Applies::EVERYWHERE,
    help: "name a version, or better the digest: `FROM debian:13.1@sha256:…`, and let a bot such as Dependabot or Renovate raise it",
    references: References {
        guidance: "build on base images of a known version",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["4.2"],
        pod_security: None,
    },
    check: Check::Dockerfile(check),
};

fn check(dockerfile: &Dockerfile, _: &Context<'_>) -> Vec<Answer> {
    let judge = |pointer: String, text: &Text, image: &ImageReference<'_>| {
        let shown = shown(text);
        let message = match (image.digest, image.tag) {
            (None, Some("latest")) => {
                format!("the base image is {shown}: whatever `latest` is on the day of the build")
            }
            (None, None) => format!(
                "the base image is {shown}, without a tag: whatever `latest` is on the day of the build"
            ),
            _ => return None,
        };
        Some(Answer::fail(pointer, message))
    };
    // `latest-$ARCH` is not `latest`, whatever the variable is.
    bases(dockerfile, "the tag", judge, |_, _, tag| {
        (!matches(tag, "latest")).then_some(None)
    })
}
