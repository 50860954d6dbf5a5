use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    each::{elements, read},
};
use crate::{Severity, facts::TaskDefinition, names::quoted};

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
    elements(
        definition,
        "links",
        |container| format!("what {container} is linked to"),
        |container| read("links", &container.links),
        |element, link| {
            let link = element.read("", link)?;
            Ok(link.map(|link| element.fails("", &format!("is linked to {}", quoted(link)))))
        },
    )
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
