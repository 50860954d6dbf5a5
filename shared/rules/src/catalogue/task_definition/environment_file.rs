use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    each::{containers, read},
};
use crate::{Severity, facts::TaskDefinition};

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
    let what = |container: &str| format!("whether {container} takes variables from a file");
    containers(definition, what, |container| {
        let files = read("environmentFiles", &container.environment_files)?;
        let has_any = files.is_some_and(|files| !files.is_empty());
        Ok(has_any.then(|| {
            let message = format!(
                "{} takes variables from a file in S3: whether there are secrets among them is not known here",
                container.shown()
            );
            Answer::unknown(container.pointer("environmentFiles"), message)
        }))
    })
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
