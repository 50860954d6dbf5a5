use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{Severity, facts::TaskDefinition, field::Field, names::quoted};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "environment-file",
    summary: "variables come from a file that is not read here",
    severity: Severity::Info,
    applies: Applies::EVERY_FORM,
    help: "keep secrets out of the file and in `secrets`; hold the bucket to the execution role, and encrypt it with a key of your own",
    references: References {
        guidance: "know where the environment of a container comes from",
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
        let pointer = container.pointer("environmentFiles");
        let name = quoted(&container.label());
        let answer = match &container.environment_files {
            Field::Known(files) if !files.is_empty() => Answer::unknown(
                pointer,
                format!(
                    "container {name} takes variables from a file in S3: whether there are secrets among them is not known here"
                ),
            ),
            Field::Unknown(reason) => Answer::unreadable(
                pointer,
                &format!("whether container {name} takes variables from a file"),
                reason,
            ),
            Field::Known(_) | Field::Absent => continue,
        };
        answers.push(answer.in_container(&container));
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalogue::tests::judge, decide::Outcome};

    #[test]
    fn a_file_is_unknown_and_an_empty_list_is_none() {
        for (files, outcome) in [
            (
                r#"[{"value":"arn:aws:s3:::b/web.env","type":"s3"}]"#,
                Some(Outcome::Unknown),
            ),
            ("[]", None),
            ("null", None),
        ] {
            let json = format!(r#"{{"containerDefinitions":[{{"environmentFiles":{files}}}]}}"#);
            assert_eq!(
                judge(&RULE, &json).first().map(|a| a.outcome),
                outcome,
                "{files}"
            );
        }
    }
}
