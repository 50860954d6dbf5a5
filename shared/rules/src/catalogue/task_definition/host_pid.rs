use super::super::{
    Answer, Applies, Check, Context, PodSecurity, References, Rule, shared_with_host,
};
use crate::{Severity, facts::TaskDefinition};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "host-pid",
    summary: "tasks see the host's processes",
    severity: Severity::High,
    applies: Applies::EVERYWHERE,
    help: "remove `pidMode`, or set it to `task` where containers of one task must see each other",
    references: References {
        guidance: "isolate containers from the host and from each other",
        aws_config: &["ECS_TASK_DEFINITION_PID_MODE_CHECK"],
        security_hub: &["ECS.3"],
        control_tower: &["CT.ECS.PR.10"],
        cis_docker: &["5.15"],
        pod_security: Some(PodSecurity::Baseline),
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    shared_with_host(
        definition,
        &definition.pid_mode,
        "pidMode",
        "process namespace: it sees, and as root can signal and read, every process of the instance",
    )
}
