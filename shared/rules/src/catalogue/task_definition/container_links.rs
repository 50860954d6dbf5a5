use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{Severity, facts::TaskDefinition, field::Field, names::quoted};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "container-links",
    summary: "a container is linked to another one",
    severity: Severity::Info,
    applies: Applies::EVERYWHERE,
    help: "set `networkMode` to `awsvpc` and let the containers of a task talk on `localhost`",
    references: References {
        guidance: "isolate containers from the host and from each other",
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
        let what = format!("what container {name} is linked to");
        let mut push = |answer: Answer| answers.push(answer.in_container(&container));
        match &container.links {
            Field::Known(links) => {
                for (index, link) in links.iter().enumerate() {
                    let pointer = container.pointer(&format!("links/{index}"));
                    match link {
                        Field::Known(link) => {
                            let link = quoted(link);
                            push(Answer::fail(
                                pointer,
                                format!("container {name} is linked to {link}"),
                            ));
                        }
                        Field::Unknown(reason) => push(Answer::unreadable(pointer, &what, reason)),
                        Field::Absent => {}
                    }
                }
            }
            Field::Unknown(reason) => {
                push(Answer::unreadable(
                    container.pointer("links"),
                    &what,
                    reason,
                ));
            }
            Field::Absent => {}
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests::judge;

    #[test]
    fn every_link_is_named_by_its_place() {
        let json = r#"{"containerDefinitions":[{"links":[]},{"links":["db",null,"cache:c"]},{"links":null}]}"#;
        let pointers: Vec<String> = judge(&RULE, json).into_iter().map(|a| a.pointer).collect();
        assert_eq!(
            pointers,
            [
                "/containerDefinitions/1/links/0",
                "/containerDefinitions/1/links/2"
            ]
        );
    }
}
