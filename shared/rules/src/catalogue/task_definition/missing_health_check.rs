use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    each::{Hidden, Judged, containers, inside, read},
};
use crate::{
    Severity,
    facts::{PlacedContainer, TaskDefinition},
    field::Field,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "missing-health-check",
    summary: "an essential container has no health check",
    severity: Severity::Info,
    applies: Applies::EVERYWHERE,
    help: "add a `healthCheck` whose command ends with 0 only when the container does its work",
    references: References {
        guidance: "",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["4.6"],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    let what = |container: &str| format!("whether {container} has a health check");
    containers(definition, what, judge)
}

fn judge<'a>(container: &'a PlacedContainer<'_>) -> Judged<'a> {
    let member = "healthCheck";
    let check = read(member, &container.health_check);
    let command = match inside(check, member, |check| &check.command) {
        Ok(Some(command)) => match command.as_slice() {
            [Field::Unknown(reason)] => Err(Hidden::new(member, reason)),
            _ => Ok(Some(command)),
        },
        command => command,
    };
    // Of what is not essential ECS takes no notice when it says how the task is.
    if matches!(&command, Ok(Some(command)) if checks(command))
        || container.essential == Field::Known(false)
    {
        return Ok(None);
    }
    command?;
    if let Err(hidden) = read("essential", &container.essential) {
        let shown = container.shown();
        let what = format!("whether {shown}, which has no health check, is essential");
        return Ok(Some(hidden.answer(container, &what)));
    }
    let pointer = container.pointer(member);
    let message = format!(
        "essential {} has no health check: ECS sees only whether it runs",
        container.shown()
    );
    Ok(Some(Answer::fail(pointer, message)))
}

/// One of several elements that cannot be known is taken for part of a command: which one, does not
/// matter here.
fn checks(command: &[Field<String>]) -> bool {
    match command {
        [] | [Field::Absent] => false,
        [Field::Known(only)] => {
            let only = only.trim();
            !(only.is_empty() || ["NONE", "CMD", "CMD-SHELL"].contains(&only))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Outcome,
        catalogue::tests::{judge as judged, judge_container, unreadable},
        facts::{Container, HealthCheck},
    };

    #[test]
    fn a_command_that_cannot_be_read_is_unknown() {
        let json = r#"{"containerDefinitions":[{"name":"a","healthCheck":{"command":["x"]}}]}"#;
        let mut definition: crate::facts::TaskDefinition = serde_json::from_str(json).unwrap();
        if let Field::Known(check) = &mut definition.container_definitions[0].health_check {
            check.command = Field::Known(vec![Field::Unknown("a parameter".to_owned())]);
        }
        let answers = judge_container(&RULE, definition.container_definitions.remove(0));
        let outcomes: Vec<Outcome> = answers.into_iter().map(|answer| answer.outcome).collect();
        assert_eq!(outcomes, [Outcome::Unknown]);
    }

    #[test]
    fn a_command_of_an_essential_container_counts() {
        for (members, fails) in [
            ("", true),
            (r#""essential":true"#, true),
            (r#""essential":null,"healthCheck":null"#, true),
            (r#""essential":false"#, false),
            (r#""healthCheck":{"retries":3}"#, true),
            (r#""healthCheck":{"command":[]}"#, true),
            (r#""healthCheck":{"command":["NONE"]}"#, true),
            (r#""healthCheck":{"command":["CMD-SHELL"]}"#, true),
            (
                r#""healthCheck":{"command":["CMD-SHELL","curl -f http://localhost/ || exit 1"]}"#,
                false,
            ),
            (r#""healthCheck":{"command":["CMD","/healthy"]}"#, false),
            (r#""healthCheck":{"command":["/healthy"]}"#, false),
        ] {
            let json = format!(r#"{{"containerDefinitions":[{{{members}}}]}}"#);
            assert_eq!(judged(&RULE, &json).len(), usize::from(fails), "{members}");
        }
    }

    #[test]
    fn what_cannot_be_known_is_no_pass_where_it_decides() {
        let on = |command| Field::Known(HealthCheck { command });
        let arguments = Field::Known(vec![Field::Known("CMD".to_owned()), unreadable()]);
        for (health_check, essential, outcomes) in [
            (unreadable(), Field::Absent, &[Outcome::Unknown][..]),
            (on(unreadable()), Field::Known(true), &[Outcome::Unknown]),
            (Field::Absent, unreadable(), &[Outcome::Unknown]),
            (unreadable(), Field::Known(false), &[]),
            (on(arguments), unreadable(), &[]),
        ] {
            let container = Container {
                essential,
                health_check,
                ..Container::default()
            };
            let shown = format!("{container:?}");
            let answers = judge_container(&RULE, container).into_iter();
            let found: Vec<Outcome> = answers.map(|answer| answer.outcome).collect();
            assert_eq!(found, outcomes, "{shown}");
        }
    }
}
