use super::super::{
    Answer, Applies, Check, Context, PodSecurity, References, Rule,
    each::{Hidden, Judged, containers, key_and_value, read},
};
use crate::{
    Severity,
    facts::{LaunchType, PlacedContainer, TaskDefinition},
    field::Field,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "privilege-escalation",
    summary: "a process in a container may gain privileges that its parent did not have",
    severity: Severity::Low,
    applies: Applies {
        launch_types: &[LaunchType::Ec2, LaunchType::External],
        windows: false,
        ..Applies::EVERYWHERE
    },
    help: "add `no-new-privileges` to `dockerSecurityOptions`; `sudo` and other setuid programs then stop working",
    references: References {
        guidance: "take setuid and setgid rights from images",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["5.25"],
        pod_security: Some(PodSecurity::Restricted),
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    // ECS refuses `dockerSecurityOptions` in what requires Fargate, even where `compatibilities`
    // says that it could run on EC2 too: nobody could do anything about it.
    let requires_fargate = definition
        .requires_compatibilities
        .known()
        .is_some_and(|names| names.iter().any(|name| name == LaunchType::Fargate.name()));
    if requires_fargate {
        return Vec::new();
    }
    let what = |container: &str| format!("whether {container} has `no-new-privileges`");
    containers(definition, what, judge)
}

fn judge<'a>(container: &'a PlacedContainer<'_>) -> Judged<'a> {
    let member = "dockerSecurityOptions";
    let options = read(member, &container.docker_security_options)?;
    // Docker lets the last one win, which one that cannot be known may be.
    let mut forbids = Ok(false);
    for option in options.into_iter().flatten() {
        match option {
            Field::Known(option) => forbids = setting(option).map_or(forbids, Ok),
            Field::Unknown(reason) => forbids = Err(Hidden::new(member, reason)),
            Field::Absent => {}
        }
    }
    if forbids? {
        return Ok(None);
    }
    let message = "lacks `no-new-privileges`: a setuid program in its image makes any user root";
    Ok(Some(container.fails(member, message)))
}

/// Whether the option sets `no-new-privileges`, on or off.
fn setting(option: &str) -> Option<bool> {
    let (key, value) = key_and_value(option).unwrap_or((option.trim(), "true"));
    let is_on = value.eq_ignore_ascii_case("true") || value == "1";
    key.eq_ignore_ascii_case("no-new-privileges")
        .then_some(is_on)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::tests::{judge, judge_after},
        decide::Outcome,
    };

    fn fails(options: &str, rest: &str) -> bool {
        let json =
            format!(r#"{{"containerDefinitions":[{{"dockerSecurityOptions":{options}}}]{rest}}}"#);
        !judge(&RULE, &json).is_empty()
    }

    #[test]
    fn the_option_counts_in_every_form_that_docker_reads() {
        for (options, failing) in [
            ("null", true),
            ("[]", true),
            (r#"["credentialspec:file://gmsa.json"]"#, true),
            (r#"["label:disable"]"#, true),
            (r#"["no-new-privileges:false"]"#, true),
            (r#"["no-new-privileges=false"]"#, true),
            (r#"["no-new-privileges","no-new-privileges:false"]"#, true),
            (r#"["new-privileges"]"#, true),
            (r#"["no-new-privileges"]"#, false),
            (r#"[" No-New-Privileges "]"#, false),
            (r#"["no-new-privileges:true"]"#, false),
            (r#"["no-new-privileges=true"]"#, false),
            (r#"["credentialspec:x","no-new-privileges"]"#, false),
        ] {
            assert_eq!(fails(options, ""), failing, "{options}");
        }
    }

    #[test]
    fn it_is_asked_of_those_who_can_set_it() {
        for (rest, failing) in [
            (r#","requiresCompatibilities":["EC2"]"#, true),
            (r#","requiresCompatibilities":["EXTERNAL"]"#, true),
            (r#","compatibilities":["EC2","FARGATE"]"#, true),
            (
                r#","requiresCompatibilities":["FARGATE"],"compatibilities":["EC2","FARGATE"]"#,
                false,
            ),
            (r#","requiresCompatibilities":["EC2","FARGATE"]"#, false),
            (r#","requiresCompatibilities":["FARGATE"]"#, false),
            (r#","requiresCompatibilities":["MANAGED_INSTANCES"]"#, false),
            (
                r#","runtimePlatform":{"operatingSystemFamily":"WINDOWS_SERVER_2022_CORE"}"#,
                false,
            ),
        ] {
            assert_eq!(fails("[]", rest), failing, "{rest}");
        }
    }

    #[test]
    fn what_cannot_be_known_is_not_passed() {
        let json = r#"{"containerDefinitions":[{}]}"#;
        let changes: [fn(&mut TaskDefinition); 3] = [
            |d| d.container_definitions[0].docker_security_options = Field::Unknown(String::new()),
            |d| {
                let said = Field::Known("no-new-privileges".to_owned());
                d.container_definitions[0].docker_security_options =
                    Field::Known(vec![said, Field::Unknown(String::new())]);
            },
            |d| {
                d.container_definitions[0].docker_security_options =
                    Field::Known(vec![Field::Unknown(String::new())]);
            },
        ];
        for change in changes {
            let answers = judge_after(&RULE, json, change);
            assert_eq!(answers[0].outcome, Outcome::Unknown);
        }
    }
}
