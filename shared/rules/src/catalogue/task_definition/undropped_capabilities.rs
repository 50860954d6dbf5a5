use super::super::{
    Answer, Applies, Check, Context, PodSecurity, References, Rule,
    each::{Judged, containers, read},
    plain_capability,
};
use crate::{
    Edit, Severity,
    facts::{PlacedContainer, TaskDefinition},
    field::Field,
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "undropped-capabilities",
    summary: "a container keeps capabilities that it does not ask for",
    severity: Severity::Low,
    applies: Applies::LINUX,
    help: "set `linuxParameters.capabilities.drop` to `[\"ALL\"]` and add back what the process needs, for example `NET_BIND_SERVICE`; ECS Exec needs some of them (aws/containers-roadmap#1360)",
    references: References {
        guidance: "remove Linux capabilities that the container does not need",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["5.3"],
        pod_security: Some(PodSecurity::Restricted),
    },
    check: Check::TaskDefinition(check),
};

/// What the runtime gives every container and hardly any needs.
const RISKY: &[&str] = &["AUDIT_WRITE", "MKNOD", "NET_RAW", "SETFCAP"];

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    let what = |container: &str| format!("which capabilities {container} drops");
    containers(definition, what, judge)
}

fn judge<'a>(container: &'a PlacedContainer<'_>) -> Judged<'a> {
    // ECS ignores `drop` there, so only `privileged-container` can help.
    if container.privileged == Field::Known(true) {
        return Ok(None);
    }
    // The pointer goes as deep as the definition does.
    let member = "linuxParameters";
    let Some(parameters) = read(member, &container.linux_parameters)? else {
        return Ok(Some(keeps(container, member, RISKY)));
    };
    let member = "linuxParameters/capabilities";
    let Some(capabilities) = read(member, &parameters.capabilities)? else {
        return Ok(Some(keeps(container, member, RISKY)));
    };
    let member = "linuxParameters/capabilities/drop";
    let Some(dropped) = read(member, &capabilities.drop)? else {
        return Ok(Some(keeps(container, member, RISKY)));
    };
    let drops = |wanted: &str| {
        let mut names = dropped.iter().filter_map(Field::known);
        names.any(|name| plain_capability(name).eq_ignore_ascii_case(wanted))
    };
    if drops("ALL") {
        return Ok(None);
    }
    for name in dropped {
        read(member, name)?;
    }
    let kept = RISKY.iter().copied().filter(|risky| !drops(risky));
    Ok(Some(keeps(container, member, &kept.collect::<Vec<_>>())))
}

fn keeps(container: &PlacedContainer<'_>, member: &str, kept: &[&str]) -> Answer {
    let fix = Edit::set(match member {
        "linuxParameters" => r#"{"capabilities":{"drop":["ALL"]}}"#,
        "linuxParameters/capabilities" => r#"{"drop":["ALL"]}"#,
        _ => r#"["ALL"]"#,
    });
    if kept.is_empty() {
        let message = "keeps most default capabilities: it drops some, not `ALL`";
        return container.fails(member, message).fix(fix);
    }
    let kept: Vec<String> = kept.iter().map(|capability| quoted(capability)).collect();
    let kept = kept.join(", ");
    let message = format!("does not drop `ALL` capabilities and keeps {kept}");
    let answer = container.fails(member, &message).fix(fix);
    answer.severity(Severity::Medium)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::tests::{judge, judge_after},
        decide::Outcome,
        facts::Capabilities,
    };

    fn container(json: &str, rest: &str) -> Option<Severity> {
        let json = format!(r#"{{"containerDefinitions":[{{{json}}}]{rest}}}"#);
        let answers = judge(&RULE, &json);
        assert!(answers.len() <= 1);
        answers
            .first()
            .map(|answer| answer.severity.unwrap_or(RULE.severity))
    }

    fn dropping(drop: &str) -> Option<Severity> {
        container(
            &format!(r#""linuxParameters":{{"capabilities":{{"drop":{drop}}}}}"#),
            "",
        )
    }

    #[test]
    fn all_is_the_goal_and_the_risky_ones_come_first() {
        for (drop, severity) in [
            (r#"["ALL"]"#, None),
            (r#"["all"]"#, None),
            (r#"["CAP_ALL"]"#, None),
            (r#"["NET_RAW","ALL"]"#, None),
            ("null", Some(Severity::Medium)),
            ("[]", Some(Severity::Medium)),
            (r#"["NET_RAW"]"#, Some(Severity::Medium)),
            (
                r#"["NET_RAW","MKNOD","AUDIT_WRITE"]"#,
                Some(Severity::Medium),
            ),
            (
                r#"["NET_RAW","MKNOD","AUDIT_WRITE","SETFCAP"]"#,
                Some(Severity::Low),
            ),
            (
                r#"["cap_net_raw","mknod"," AUDIT_WRITE ","CAP_SETFCAP"]"#,
                Some(Severity::Low),
            ),
            (r#"["CHOWN","KILL"]"#, Some(Severity::Medium)),
        ] {
            assert_eq!(dropping(drop), severity, "{drop}");
        }
        for json in [
            "",
            r#""linuxParameters":null"#,
            r#""linuxParameters":{}"#,
            r#""linuxParameters":{"capabilities":{}}"#,
        ] {
            assert_eq!(container(json, ""), Some(Severity::Medium), "{json}");
        }
        for (json, fix) in [
            ("", r#"{"capabilities":{"drop":["ALL"]}}"#),
            (r#""linuxParameters":{}"#, r#"{"drop":["ALL"]}"#),
            (r#""linuxParameters":{"capabilities":{}}"#, r#"["ALL"]"#),
        ] {
            let json = format!(r#"{{"containerDefinitions":[{{{json}}}]}}"#);
            let answer = &judge(&RULE, &json)[0];
            assert_eq!(answer.fix.as_ref().unwrap().now, Some(fix), "{json}");
        }
        let goal =
            r#""linuxParameters":{"capabilities":{"drop":["ALL"],"add":["NET_BIND_SERVICE"]}}"#;
        assert_eq!(container(goal, ""), None);
    }

    #[test]
    fn it_is_asked_where_dropping_helps() {
        assert_eq!(container(r#""privileged":true"#, ""), None);
        assert_eq!(
            container(r#""privileged":false"#, ""),
            Some(Severity::Medium)
        );
        for (rest, expected) in [
            (
                r#","requiresCompatibilities":["FARGATE"]"#,
                Some(Severity::Medium),
            ),
            (
                r#","requiresCompatibilities":["MANAGED_INSTANCES"]"#,
                Some(Severity::Medium),
            ),
            (
                r#","runtimePlatform":{"operatingSystemFamily":"WINDOWS_SERVER_2022_CORE"}"#,
                None,
            ),
        ] {
            assert_eq!(container("", rest), expected, "{rest}");
        }
    }

    #[test]
    fn what_cannot_be_known_is_not_passed() {
        let dropping = |drop: Field<Vec<Field<String>>>| {
            Field::Known(crate::facts::LinuxParameters {
                capabilities: Field::Known(Capabilities {
                    add: Field::Absent,
                    drop,
                }),
                ..Default::default()
            })
        };
        let unknown = || Field::Unknown(String::new());
        let all = Field::Known("ALL".to_owned());
        for (parameters, outcome) in [
            (Field::Unknown(String::new()), Some(Outcome::Unknown)),
            (
                dropping(Field::Unknown(String::new())),
                Some(Outcome::Unknown),
            ),
            (
                dropping(Field::Known(vec![unknown()])),
                Some(Outcome::Unknown),
            ),
            (dropping(Field::Known(vec![unknown(), all])), None),
        ] {
            let answers = judge_after(&RULE, r#"{"containerDefinitions":[{}]}"#, |d| {
                d.container_definitions[0].linux_parameters = parameters;
            });
            assert_eq!(answers.first().map(|a| a.outcome), outcome);
        }
    }
}
