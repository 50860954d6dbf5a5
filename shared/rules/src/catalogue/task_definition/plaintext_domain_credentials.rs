use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{
    Severity,
    facts::{PlacedContainer, TaskDefinition},
    field::Field,
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "plaintext-domain-credentials",
    summary: "a credential spec of a domain is not kept in a store",
    severity: Severity::Info,
    applies: Applies::EVERYWHERE,
    help: "store the credential spec in S3 or Parameter Store, and name it in `credentialSpecs` as `credentialspec:ARN`, or `credentialspecdomainless:ARN` with the account in Secrets Manager",
    references: References {
        guidance: "pass secrets by reference",
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
        for (member, entries, is_found) in [
            (
                "credentialSpecs",
                &container.credential_specs,
                is_no_arn as fn(&str) -> bool,
            ),
            (
                "dockerSecurityOptions",
                &container.docker_security_options,
                is_credential_spec,
            ),
        ] {
            let found = each(&container, member, entries, is_found);
            answers.extend(
                found
                    .into_iter()
                    .map(|answer| answer.in_container(&container)),
            );
        }
    }
    answers
}

fn each(
    container: &PlacedContainer<'_>,
    member: &str,
    entries: &Field<Vec<Field<String>>>,
    is_found: fn(&str) -> bool,
) -> Vec<Answer> {
    let name = quoted(&container.label());
    let unreadable = |member: &str, reason: &str| {
        let what = format!("where container {name} has its domain credentials from");
        Answer::unreadable(container.pointer(member), &what, reason)
    };
    let entries = match entries {
        Field::Known(entries) => entries,
        Field::Unknown(reason) => return vec![unreadable(member, reason)],
        Field::Absent => return Vec::new(),
    };
    let mut answers = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let place = format!("{member}/{index}");
        match entry {
            // The entry itself is not shown: it may be the whole spec.
            Field::Known(text) if is_found(text) => answers.push(Answer::fail(
                container.pointer(&place),
                if member == "credentialSpecs" {
                    format!("container {name} has a credential spec that is not an ARN")
                } else {
                    format!("container {name} has a credential spec among its `dockerSecurityOptions`, where ECS does not look after it")
                },
            )),
            Field::Unknown(reason) => answers.push(unreadable(&place, reason)),
            Field::Known(_) | Field::Absent => {}
        }
    }
    answers
}

fn is_no_arn(entry: &str) -> bool {
    let (_, spec) = entry.split_once(':').unwrap_or_default();
    !spec.trim_start().starts_with("arn:")
}

fn is_credential_spec(option: &str) -> bool {
    let option = option.trim_start().to_ascii_lowercase();
    option.starts_with("credentialspec") && option.contains([':', '='])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests::judge;

    #[test]
    fn an_arn_in_credential_specs_is_the_one_good_form() {
        let arn = "arn:aws:ssm:eu-west-1:111122223333:parameter/spec";
        for (member, entry, found) in [
            ("credentialSpecs", format!("credentialspec:{arn}"), false),
            (
                "credentialSpecs",
                format!("credentialspecdomainless:{arn}"),
                false,
            ),
            (
                "credentialSpecs",
                "credentialspec:file://spec.json".to_owned(),
                true,
            ),
            ("credentialSpecs", "credentialspec:{}".to_owned(), true),
            ("credentialSpecs", "spec".to_owned(), true),
            (
                "dockerSecurityOptions",
                format!("credentialspec:{arn}"),
                true,
            ),
            (
                "dockerSecurityOptions",
                "CredentialSpec:file://spec.json".to_owned(),
                true,
            ),
            (
                "dockerSecurityOptions",
                "credentialspec=file://spec.json".to_owned(),
                true,
            ),
            (
                "dockerSecurityOptions",
                "no-new-privileges".to_owned(),
                false,
            ),
            ("dockerSecurityOptions", "label:disable".to_owned(), false),
        ] {
            let json = serde_json::json!({"containerDefinitions": [{member: [entry]}]});
            assert_eq!(
                !judge(&RULE, &json.to_string()).is_empty(),
                found,
                "{entry}"
            );
        }
    }
}
