use super::super::{Answer, Applies, Check, Context, References, Rule, each::images};
use crate::{Severity, facts::TaskDefinition};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "unpinned-image",
    summary: "an image is not named by its digest",
    severity: Severity::Low,
    applies: Applies::EVERY_FORM,
    help: "name the digest behind the tag, `app:1.4@sha256:…`, and let the pipeline that builds the image write it there",
    references: References {
        guidance: "deploy images by what they are, not by what they are called",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    images(definition, "the digest", |container, image| {
        let message = "names no digest of its image, and what a tag names can change";
        let is_pinned = image.digest.is_some();
        (!is_pinned).then(|| container.fails("image", message))
    })
}
