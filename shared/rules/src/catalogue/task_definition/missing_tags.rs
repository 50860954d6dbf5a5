use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{
    Severity,
    facts::{Tag, TaskDefinition},
    field::Field,
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "missing-tags",
    summary: "the task definition lacks a tag that the policy requires",
    severity: Severity::Low,
    applies: Applies::EVERYWHERE,
    help: "add the tag to `tags`, or with `aws ecs tag-resource` to the registered revision",
    references: References {
        guidance: "",
        aws_config: &[],
        security_hub: &["ECS.15"],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

const POINTER: &str = "/tags";

fn check(definition: &TaskDefinition, context: &Context<'_>) -> Vec<Answer> {
    let required = &context.parameters.missing_tags.keys;
    if required.is_empty() {
        return Vec::new();
    }
    let tags: &[Tag] = match &definition.tags {
        Field::Known(tags) => tags,
        Field::Unknown(reason) => {
            return vec![Answer::unreadable(POINTER, "the tags", reason)];
        }
        // Where ECS answers, the tags stand beside the definition, if they were asked for at all.
        Field::Absent if !matches!(definition.task_definition_arn, Field::Absent) => {
            return vec![Answer::unknown(
                POINTER,
                "the tags of a registered task definition are not part of it",
            )];
        }
        Field::Absent => &[],
    };
    let has = |key: &String| tags.iter().any(|tag| tag.key.known() == Some(key));
    let missing: Vec<String> = required
        .iter()
        .filter(|key| !has(key))
        .map(|key| quoted(key))
        .collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let named = missing.join(", ");
    let (some, none) = match missing.len() {
        1 => ("is a tag", "is no tag"),
        _ => ("are tags", "are no tags"),
    };
    vec![match tags.iter().find_map(|tag| tag.key.unknown()) {
        Some(reason) => {
            Answer::unreadable(POINTER, &format!("whether there {some} {named}"), reason)
        }
        None => Answer::fail(POINTER, format!("there {none} {named}")),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, catalogue::tests::judge_with, policy::Parameters};

    fn judged(keys: &[&str], json: &str) -> Vec<(Outcome, String)> {
        let mut parameters = Parameters::default();
        parameters.missing_tags.keys = keys.iter().map(|key| (*key).to_owned()).collect();
        let answers = judge_with(&RULE, json, &parameters);
        let answers = answers.into_iter().map(|a| (a.outcome, a.message));
        answers.collect()
    }

    #[test]
    fn keys_are_compared_to_the_letter() {
        let json =
            r#"{"tags":[{"key":"owner","value":""},{"key":"Team","value":"a"},{"value":"b"}]}"#;
        assert_eq!(judged(&[], "{}"), []);
        assert_eq!(judged(&["owner", "Team"], json), []);
        for (keys, json, message) in [
            (&["owner"][..], "{}", "there is no tag `owner`"),
            (&["owner"], r#"{"tags":[]}"#, "there is no tag `owner`"),
            (&["Owner"], json, "there is no tag `Owner`"),
            (
                &["cost", "owner", "team"],
                json,
                "there are no tags `cost`, `team`",
            ),
        ] {
            assert_eq!(judged(keys, json), [(Outcome::Fail, message.to_owned())]);
        }
    }

    #[test]
    fn an_answer_without_tags_says_nothing_about_them() {
        let registered =
            r#"{"taskDefinitionArn":"arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7"}"#;
        let outcomes: Vec<_> = judged(&["owner"], registered);
        assert_eq!(outcomes.len(), 1);
        assert_eq!(outcomes[0].0, Outcome::Unknown);
        assert_eq!(judged(&[], registered), []);
        let with_tags = r#"{"taskDefinitionArn":"arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7","tags":[]}"#;
        assert_eq!(judged(&["owner"], with_tags)[0].0, Outcome::Fail);
    }
}
