use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{Severity, facts::TaskDefinition, field::Field, names::quoted};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "interactive-container",
    summary: "a container waits for input or has a terminal",
    severity: Severity::Info,
    applies: Applies::EVERYWHERE,
    help: "remove `interactive` and `pseudoTerminal`; ECS Exec needs neither",
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

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for container in definition.containers() {
        let name = quoted(&container.label());
        for (member, field, what) in [
            (
                "interactive",
                &container.interactive,
                "keeps its standard input open",
            ),
            (
                "pseudoTerminal",
                &container.pseudo_terminal,
                "has a terminal",
            ),
        ] {
            let pointer = container.pointer(member);
            let answer = match field {
                Field::Known(true) => Answer::fail(pointer, format!("container {name} {what}")),
                Field::Unknown(reason) => {
                    Answer::unreadable(pointer, &format!("whether container {name} {what}"), reason)
                }
                Field::Known(false) | Field::Absent => continue,
            };
            answers.push(answer.in_container(&container));
        }
    }
    answers
}
