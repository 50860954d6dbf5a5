use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{
    Severity,
    facts::{Form, TaskDefinition},
    field::Field,
    names::quoted,
    policy::matches,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "overridden-task-role",
    summary: "a task runs under a role that its caller chose",
    severity: Severity::Medium,
    applies: Applies {
        forms: &[Form::Overrides],
        ..Applies::EVERYWHERE
    },
    help: "run the task under the roles of its definition; a role that callers may choose goes into `overridden-task-role.allowed` of the policy, and their `iam:PassRole` is held to it",
    references: References {
        guidance: "give each task a role with what it needs, and let nobody pass more",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, context: &Context<'_>) -> Vec<Answer> {
    let allowed = &context.parameters.overridden_task_role.allowed;
    let of = |member: &str, role: &Field<String>, what: &str| {
        let pointer = definition.pointer(member);
        match role {
            Field::Known(role) if role.trim().is_empty() => None,
            Field::Known(role) if allowed.iter().any(|glob| matches(glob, role.trim())) => None,
            Field::Known(role) => Some(Answer::fail(
                pointer,
                format!("{what} {}, whatever the definition says", quoted(role)),
            )),
            Field::Unknown(reason) => Some(Answer::unreadable(
                pointer,
                &format!("whether `{member}` is overridden"),
                reason,
            )),
            Field::Absent => None,
        }
    };
    let task = of(
        "taskRoleArn",
        &definition.task_role_arn,
        "the containers act as",
    );
    let execution = of(
        "executionRoleArn",
        &definition.execution_role_arn,
        "ECS pulls images and reads secrets as",
    );
    task.into_iter().chain(execution).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::tests::{judge, judge_with, unreadable},
        decide::Outcome,
        policy::Parameters,
    };

    fn run(overrides: &str) -> String {
        format!(r#"{{"taskDefinition":"web:7","overrides":{overrides}}}"#)
    }

    #[test]
    fn each_role_that_is_overridden_is_told() {
        for (overrides, expected) in [
            (r#"{"taskRoleArn":"r"}"#, &["/overrides/taskRoleArn"][..]),
            (
                r#"{"executionRoleArn":"r"}"#,
                &["/overrides/executionRoleArn"],
            ),
            (
                r#"{"taskRoleArn":"r","executionRoleArn":"s","containerOverrides":[]}"#,
                &["/overrides/taskRoleArn", "/overrides/executionRoleArn"],
            ),
            (
                r#"{"taskRoleArn":" ","executionRoleArn":"s"}"#,
                &["/overrides/executionRoleArn"],
            ),
            (
                r#"{"containerOverrides":[{"name":"a","command":["x"]}]}"#,
                &[],
            ),
        ] {
            let answers = judge(&RULE, &run(overrides));
            assert!(answers.iter().all(|a| a.outcome == Outcome::Fail));
            let pointers: Vec<&str> = answers.iter().map(|a| a.pointer.as_str()).collect();
            assert_eq!(pointers, expected, "{overrides}");
        }
    }

    #[test]
    fn the_roles_of_a_definition_and_of_a_service_are_its_own() {
        let roles = r#""taskRoleArn":"r","executionRoleArn":"s""#;
        assert_eq!(judge(&RULE, &format!("{{{roles}}}")), []);
        let service = format!(r#"{{"primaryContainer":{{"image":"a"}},{roles}}}"#);
        assert_eq!(judge(&RULE, &service), []);
    }

    #[test]
    fn a_policy_may_allow_roles() {
        let mut parameters = Parameters::default();
        let allowed = &mut parameters.overridden_task_role.allowed;
        allowed.push("arn:aws:iam::111122223333:role/batch/*".to_owned());
        for (role, count) in [
            ("arn:aws:iam::111122223333:role/batch/nightly", 0),
            ("arn:aws:iam::111122223333:role/admin", 1),
            ("arn:aws:iam::444455556666:role/batch/nightly", 1),
        ] {
            let json = run(&format!(r#"{{"taskRoleArn":"{role}"}}"#));
            assert_eq!(judge_with(&RULE, &json, &parameters).len(), count, "{role}");
        }
    }

    #[test]
    fn a_role_that_is_not_shown_is_unknown() {
        let definition = TaskDefinition {
            form: Form::Overrides,
            execution_role_arn: unreadable(),
            ..TaskDefinition::default()
        };
        let parameters = Parameters::default();
        let context = Context {
            observed_at: None,
            place: None,
            parameters: &parameters,
        };
        let answers = check(&definition, &context);
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].outcome, Outcome::Unknown);
    }
}
