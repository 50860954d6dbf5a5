use super::super::{
    Answer, Applies, Check, Context, PodSecurity, References, Rule,
    each::{elements, key_and_value, read},
};
use crate::{Severity, facts::TaskDefinition, names::quoted_value};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "weakened-confinement",
    summary: "a container switches off SELinux, AppArmor or seccomp",
    severity: Severity::High,
    applies: Applies::EVERYWHERE,
    help: "remove it from `dockerSecurityOptions`; where the process needs more than the default profile allows, name a profile of its own, for example `apparmor:my-profile`",
    references: References {
        guidance: "isolate containers from the host and from each other",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["5.1", "5.2"],
        pod_security: Some(PodSecurity::Baseline),
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    elements(
        definition,
        "dockerSecurityOptions",
        |container| format!("whether {container} is confined"),
        |container| read("dockerSecurityOptions", &container.docker_security_options),
        |element, option| {
            let Some(option) = element.read("", option)? else {
                return Ok(None);
            };
            Ok(switched_off(option).map(|module| {
                let option = quoted_value(option);
                let message =
                    format!("runs without {module}: {option} is in `dockerSecurityOptions`");
                element.fails("", &message)
            }))
        },
    )
}

/// What an option takes away.
fn switched_off(option: &str) -> Option<&'static str> {
    let (key, value) = key_and_value(option)?;
    let (key, value) = (key.trim().to_ascii_lowercase(), value.to_ascii_lowercase());
    match (key.as_str(), value.replace('=', ":").trim()) {
        ("label", "disable" | "type:spc_t" | "type:unconfined_t") => Some("SELinux confinement"),
        ("apparmor", "unconfined") => Some("an AppArmor profile"),
        ("seccomp", "unconfined") => Some("a seccomp filter"),
        ("systempaths", "unconfined") => Some("masked paths in `/proc` and `/sys`"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::tests::{judge, judge_after},
        decide::Outcome,
        field::Field,
    };

    fn with(option: &str) -> Vec<Answer> {
        judge(
            &RULE,
            &format!(
                r#"{{"containerDefinitions":[{{"dockerSecurityOptions":["no-new-privileges","{option}"]}}]}}"#
            ),
        )
    }

    #[test]
    fn every_way_to_switch_off_is_found() {
        for option in [
            "label:disable",
            "label=disable",
            "LABEL:DISABLE",
            " label : disable ",
            "label:type:spc_t",
            "label=type:spc_t",
            "label:type:unconfined_t",
            "apparmor:unconfined",
            "apparmor=unconfined",
            "AppArmor:Unconfined",
            "seccomp:unconfined",
            "seccomp=unconfined",
            "systempaths=unconfined",
        ] {
            let answers = with(option);
            assert_eq!(answers.len(), 1, "{option}");
            assert_eq!(
                answers[0].pointer,
                "/containerDefinitions/0/dockerSecurityOptions/1"
            );
        }
        for option in [
            "",
            "no-new-privileges",
            "label:type:svirt_lxc_net_t",
            "label:level:s0:c100,c200",
            "label:user:disable",
            "apparmor:docker-default",
            "apparmor:unconfined-but-named",
            "credentialspec:file://gmsa.json",
            "credentialspec:arn:aws:s3:::label:disable",
            "unconfined",
        ] {
            assert_eq!(with(option), [], "{option}");
        }
    }

    #[test]
    fn what_cannot_be_known_is_not_passed() {
        let json = r#"{"containerDefinitions":[{"dockerSecurityOptions":["x"]}]}"#;
        let changes: [fn(&mut TaskDefinition); 2] = [
            |d| d.container_definitions[0].docker_security_options = Field::Unknown(String::new()),
            |d| {
                d.container_definitions[0].docker_security_options =
                    Field::Known(vec![Field::Unknown(String::new())]);
            },
        ];
        for change in changes {
            let answers = judge_after(&RULE, json, change);
            assert_eq!(answers.len(), 1);
            assert_eq!(answers[0].outcome, Outcome::Unknown);
        }
    }
}
