use super::super::{
    Answer, Applies, Check, Context, PodSecurity, References, Rule, shared_with_host,
};
use crate::{Severity, facts::TaskDefinition};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "host-ipc",
    summary: "tasks share the host's memory segments",
    severity: Severity::High,
    applies: Applies::EVERYWHERE,
    help: "remove `ipcMode`, or set it to `task` where containers of one task share memory",
    references: References {
        guidance: "isolate containers from the host and from each other",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["5.16"],
        pod_security: Some(PodSecurity::Baseline),
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    shared_with_host(
        definition,
        &definition.ipc_mode,
        "ipcMode",
        "IPC namespace: it can read and change the shared memory of every process of the instance",
    )
}
