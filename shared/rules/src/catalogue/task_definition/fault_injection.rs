use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{Edit, Severity, facts::TaskDefinition, field::Field};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "fault-injection",
    summary: "tasks accept requests to inject faults",
    severity: Severity::Low,
    applies: Applies::EVERYWHERE,
    help: "remove `enableFaultInjection` outside experiments",
    references: References {
        guidance: "",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

const POINTER: &str = "/enableFaultInjection";

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    match &definition.enable_fault_injection {
        Field::Known(true) => vec![Answer::fail(
            POINTER,
            "fault injection is on: a container can ask the agent to cut or slow down the network of its task",
        )
        .fix(Edit::remove("true"))],
        Field::Unknown(reason) => vec![Answer::unreadable(
            POINTER,
            "whether fault injection is on",
            reason,
        )],
        Field::Known(false) | Field::Absent => Vec::new(),
    }
}
