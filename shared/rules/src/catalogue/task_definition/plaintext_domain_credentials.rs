use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    each::{elements, read},
};
use crate::{
    Severity,
    facts::{Container, TaskDefinition},
    field::Field,
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
    [
        found(
            definition,
            "credentialSpecs",
            |container| &container.credential_specs,
            is_no_arn,
            "has a credential spec that is not an ARN",
        ),
        found(
            definition,
            "dockerSecurityOptions",
            |container| &container.docker_security_options,
            is_credential_spec,
            "has a credential spec among its `dockerSecurityOptions`, where ECS does not look after it",
        ),
    ]
    .concat()
}

fn found(
    definition: &TaskDefinition,
    member: &'static str,
    list: fn(&Container) -> &Field<Vec<Field<String>>>,
    is_found: fn(&str) -> bool,
    message: &str,
) -> Vec<Answer> {
    elements(
        definition,
        member,
        |container| format!("where {container} has its domain credentials from"),
        |container| read(member, list(container)),
        |element, entry| {
            let is_found = element
                .read("", entry)?
                .is_some_and(|entry| is_found(entry));
            // The entry itself is not shown: it may be the whole spec.
            Ok(is_found.then(|| element.fails("", message)))
        },
    )
}

fn is_no_arn(entry: &str) -> bool {
    let (_, spec) = entry.split_once(':').unwrap_or_default();
    !spec.trim_start().starts_with("arn:")
}

fn is_credential_spec(option: &str) -> bool {
    let start = option.trim_start().get(.."credentialspec".len());
    start.is_some_and(|start| start.eq_ignore_ascii_case("credentialspec"))
        && option.contains([':', '='])
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
