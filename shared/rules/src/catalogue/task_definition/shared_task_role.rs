use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{Severity, facts::TaskDefinition, field::Field};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "shared-task-role",
    summary: "the containers act as the role that ECS pulls images and reads secrets with",
    severity: Severity::Medium,
    applies: Applies::EVERY_FORM,
    help: "give the task a role of its own in `taskRoleArn` with what its code calls, or remove `taskRoleArn` where it calls nothing",
    references: References {
        guidance: "use a task role and an execution role that are not the same",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    let pointer = || definition.pointer("taskRoleArn");
    match (&definition.task_role_arn, &definition.execution_role_arn) {
        (Field::Known(task), Field::Known(execution)) if are_same(task, execution) => {
            vec![Answer::fail(
                pointer(),
                "`taskRoleArn` and `executionRoleArn` are the same role: the containers can read every secret and pull every image that ECS can",
            )]
        }
        (Field::Unknown(reason), Field::Known(_) | Field::Unknown(_))
        | (Field::Known(_), Field::Unknown(reason)) => vec![Answer::unreadable(
            pointer(),
            "whether `taskRoleArn` and `executionRoleArn` are the same role",
            reason,
        )],
        _ => Vec::new(),
    }
}

/// ECS takes an ARN or a name for either. Within an account a name stands for one role whatever its
/// path, and IAM does not tell case apart.
fn are_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim(), b.trim());
    let (name_a, name_b) = (name(a), name(b));
    if name_a.is_empty() || !name_a.eq_ignore_ascii_case(name_b) {
        return false;
    }
    match (account(a), account(b)) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    }
}

fn name(role: &str) -> &str {
    role.rsplit_once('/').map_or(role, |(_, name)| name)
}

fn account(role: &str) -> Option<&str> {
    role.split(':').nth(4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::tests::{judge_after, unreadable},
        decide::Outcome,
    };

    #[test]
    fn a_role_that_cannot_be_read_may_be_the_same() {
        let roles = |task: &str| format!(r#"{{"taskRoleArn":{task},"executionRoleArn":"x"}}"#);
        let hidden = |json: &str| {
            let answers = judge_after(&RULE, json, |definition| {
                definition.execution_role_arn = unreadable();
            });
            answers
                .into_iter()
                .map(|answer| answer.outcome)
                .collect::<Vec<_>>()
        };
        assert_eq!(hidden(&roles(r#""x""#)), [Outcome::Unknown]);
        assert_eq!(hidden(&roles("null")), []);
    }

    #[test]
    fn a_role_is_the_same_by_name_and_by_arn() {
        let arn = "arn:aws:iam::111122223333:role";
        for (task, execution, same) in [
            ("web", "web", true),
            ("web", "Web", true),
            (" web ", "web", true),
            ("web", &format!("{arn}/web"), true),
            (&format!("{arn}/service/web"), "web", true),
            (&format!("{arn}/service/web"), "service/web", true),
            (&format!("{arn}/web"), &format!("{arn}/web"), true),
            (
                &format!("{arn}/web"),
                "arn:aws:iam::444455556666:role/web",
                false,
            ),
            (
                &format!("{arn}/web"),
                &format!("{arn}/web-execution"),
                false,
            ),
            ("web", "web-execution", false),
            ("", "", false),
            ("web", "", false),
        ] {
            assert_eq!(are_same(task, execution), same, "{task} {execution}");
            assert_eq!(are_same(execution, task), same, "{execution} {task}");
        }
    }
}
