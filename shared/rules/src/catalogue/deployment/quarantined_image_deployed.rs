use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{Severity, facts::Deployment, names::quoted};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "quarantined-image-deployed",
    summary: "a service deploys an image that is in quarantine",
    severity: Severity::High,
    applies: Applies::EVERYWHERE,
    help: "deploy an image that is in no quarantine; release this one where it is there by mistake",
    references: References {
        guidance: "scan images for vulnerabilities, and do not run those that have them",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::Deployment(check),
};

fn check(deployment: &Deployment, _: &Context<'_>) -> Vec<Answer> {
    let images = deployment.target.images.iter().enumerate();
    let answer = |(index, image): (usize, &crate::facts::deployment::DeployedImage)| {
        let pointer = || format!("/targetServiceRevision/containerImages/{index}/imageDigest");
        let name = quoted(&image.container);
        let answer = match (&image.quarantine, image.digest.unknown()) {
            (Some(quarantine), _) => {
                let since = quarantine.since.map(|time| format!(" since {time}"));
                let since = since.unwrap_or_default();
                Answer::fail(
                    pointer(),
                    format!(
                        "the image of container {name} is in quarantine{since}: {}",
                        quoted(&quarantine.reason)
                    ),
                )
            }
            (None, Some(reason)) => Answer::unknown(
                pointer(),
                format!(
                    "whether the image of container {name} is in quarantine is unknown: {reason}"
                ),
            ),
            (None, None) => return None,
        };
        Some(Answer {
            container: Some(image.container.clone()),
            ..answer
        })
    };
    images.filter_map(answer).collect()
}
