use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    each::{containers, read},
};
use crate::{
    Edit, Severity,
    facts::{Container, TaskDefinition},
    field::Field,
};

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
    let is = |member: &'static str, field: fn(&Container) -> &Field<bool>, message: &str| {
        let what = |container: &str| format!("whether {container} {message}");
        containers(definition, what, |container| {
            let is_set = read(member, field(container))? == Some(&true);
            Ok(is_set.then(|| container.fails(member, message).fix(Edit::remove("true"))))
        })
    };
    [
        is(
            "interactive",
            |container| &container.interactive,
            "keeps its standard input open",
        ),
        is(
            "pseudoTerminal",
            |container| &container.pseudo_terminal,
            "has a terminal",
        ),
    ]
    .concat()
}
