use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{
    Severity,
    facts::{PlacedContainer, TaskDefinition},
    field::Field,
    names::quoted,
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
    definition
        .containers()
        .filter_map(|container| Some(judge(&container)?.in_container(&container)))
        .collect()
}

fn judge(container: &PlacedContainer<'_>) -> Option<Answer> {
    let name = quoted(&container.label());
    let what = format!("whether container {name} has a health check");
    let unreadable = |member, what: &str, reason: &str| {
        Some(Answer::unreadable(container.pointer(member), what, reason))
    };
    let certainty = match &container.health_check {
        Field::Known(check) => match &check.command {
            Field::Known(command) => match command.as_slice() {
                [Field::Unknown(reason)] => Some(reason),
                command if checks(command) => return None,
                _ => None,
            },
            Field::Absent => None,
            Field::Unknown(reason) => Some(reason),
        },
        Field::Unknown(reason) => Some(reason),
        Field::Absent => None,
    };
    // Of the others ECS takes no notice when it says how the task is.
    match (&container.essential, certainty) {
        (Field::Known(false), _) => None,
        (_, Some(reason)) => unreadable("healthCheck", &what, reason),
        (Field::Unknown(reason), None) => unreadable(
            "essential",
            &format!("whether container {name}, which has no health check, is essential"),
            reason,
        ),
        (Field::Known(true) | Field::Absent, None) => Some(Answer::fail(
            container.pointer("healthCheck"),
            format!(
                "essential container {name} has no health check: ECS sees only whether it runs"
            ),
        )),
    }
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
