use super::super::{Answer, Applies, Check, Context, PodSecurity, References, Rule};
use crate::{Severity, facts::TaskDefinition, field::Field, names::quoted};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "privileged-container",
    summary: "a container runs in privileged mode",
    severity: Severity::Critical,
    applies: Applies::EVERYWHERE,
    help: "remove `privileged`, and add only the capabilities that the container needs in `linuxParameters.capabilities.add`",
    references: References {
        guidance: "do not run containers as privileged",
        aws_config: &["ECS_CONTAINERS_NONPRIVILEGED"],
        security_hub: &["ECS.4"],
        control_tower: &["CT.ECS.PR.11"],
        cis_docker: &["5.4"],
        pod_security: Some(PodSecurity::Baseline),
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for container in definition.containers() {
        let pointer = container.pointer("privileged");
        let name = quoted(&container.label());
        let answer = match &container.privileged {
            Field::Known(true) => Answer::fail(
                pointer,
                format!("container {name} is privileged: it has the powers of root on its host"),
            ),
            Field::Unknown(reason) => Answer::unreadable(
                pointer,
                &format!("whether container {name} is privileged"),
                reason,
            ),
            Field::Known(false) | Field::Absent => continue,
        };
        answers.push(answer.in_container(&container));
    }
    answers
}
