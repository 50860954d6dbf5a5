use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{Severity, facts::Deployment};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "denied-revision-deployed",
    summary: "a service deploys a revision that was deregistered for what is in it",
    severity: Severity::High,
    applies: Applies::EVERYWHERE,
    help: "deploy a revision that the policy allows; let the policy allow this one where it was deregistered by mistake",
    references: References {
        guidance: "",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::Deployment(check),
};

fn check(deployment: &Deployment, _: &Context<'_>) -> Vec<Answer> {
    let target = &deployment.target;
    let (Some(deregistered), Some(definition)) = (&target.deregistered, &target.task_definition)
    else {
        return Vec::new();
    };
    let since = deregistered.since.map(|time| format!(" on {time}"));
    vec![Answer::fail(
        "/targetServiceRevision/taskDefinition",
        format!(
            "the deployment brings {}, which was deregistered{} for what the policy denies in it",
            definition.short(),
            since.unwrap_or_default()
        ),
    )]
}
