use super::super::{
    Answer, Applies, Check, Context, PodSecurity, References, Rule, shared_with_host,
};
use crate::{Severity, facts::TaskDefinition};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "host-network",
    summary: "tasks share the host's network",
    severity: Severity::High,
    applies: Applies::EVERYWHERE,
    help: "set `networkMode` to `awsvpc`, which gives each task its own interface and security groups",
    references: References {
        guidance: "isolate containers from the host and from each other",
        aws_config: &["ECS_TASK_DEFINITION_NETWORK_MODE_NOT_HOST"],
        security_hub: &["ECS.17"],
        control_tower: &[],
        cis_docker: &["5.9"],
        pod_security: Some(PodSecurity::Baseline),
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    shared_with_host(
        definition,
        &definition.network_mode,
        "networkMode",
        "network: it reaches every port of the instance, its metadata service and the agent",
    )
}
