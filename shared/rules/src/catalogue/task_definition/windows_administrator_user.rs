use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{
    Severity,
    facts::{PlacedContainer, TaskDefinition},
    field::Field,
    names::{quoted, quoted_value},
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "windows-administrator-user",
    summary: "a Windows container runs as its administrator, or nothing says that it does not",
    severity: Severity::Medium,
    applies: Applies::EVERYWHERE,
    help: "name a user with fewer rights in the image, with `USER ContainerUser`, and in the definition, with `\"user\": \"ContainerUser\"`",
    references: References {
        guidance: "run containers as a non-root user",
        aws_config: &["ECS_TASK_DEFINITION_WINDOWS_USER_NON_ADMIN"],
        security_hub: &["ECS.21"],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    if definition.is_windows() {
        return definition
            .containers()
            .filter_map(|container| Some(judge(&container)?.in_container(&container)))
            .collect();
    }
    let mut containers = definition.containers();
    match definition.unknown_system() {
        Some(reason) if containers.any(|container| judge(&container).is_some()) => {
            let (pointer, what) = (
                "/runtimePlatform",
                "whether the containers are Windows containers",
            );
            vec![Answer::unreadable(pointer, what, reason).severity(Severity::Info)]
        }
        _ => Vec::new(),
    }
}

/// Never a failure: the API says that `user` does not hold on Windows, AWS Config asks for it all the
/// same, and nothing should be torn down over a member that may do nothing.
fn judge(container: &PlacedContainer<'_>) -> Option<Answer> {
    let pointer = container.pointer("user");
    let name = quoted(&container.label());
    let user = match &container.user {
        Field::Known(user) => user.trim(),
        Field::Absent => "",
        Field::Unknown(reason) => {
            let what = format!("the user of container {name}");
            return Some(Answer::unreadable(pointer, &what, reason).severity(Severity::Info));
        }
    };
    if user.is_empty() {
        let message = format!(
            "container {name} sets no `user`: its image decides, and most Windows images run as `ContainerAdministrator`"
        );
        return Some(Answer::unknown(pointer, message).severity(Severity::Info));
    }
    is_administrator(user).then(|| {
        let shown = quoted_value(user);
        let message = format!("container {name} asks to run as {shown}: whether Windows heeds it or its image decides is unknown");
        Answer::unknown(pointer, message)
    })
}

/// In any case, with or without its domain `User Manager\`.
fn is_administrator(user: &str) -> bool {
    let name = user.rsplit(['\\', '/']).next().unwrap_or(user);
    name.trim().eq_ignore_ascii_case("ContainerAdministrator")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::tests::{judge, judge_after},
        decide::Outcome,
    };

    const WINDOWS: &str =
        r#""runtimePlatform":{"operatingSystemFamily":"WINDOWS_SERVER_2022_CORE"}"#;

    #[test]
    fn the_administrator_is_known_in_any_spelling_and_never_a_failure() {
        for (user, severity) in [
            ("null", Some(Severity::Info)),
            (r#""""#, Some(Severity::Info)),
            (r#"" ""#, Some(Severity::Info)),
            (r#""ContainerAdministrator""#, Some(Severity::Medium)),
            (r#""containeradministrator""#, Some(Severity::Medium)),
            (r#"" CONTAINERADMINISTRATOR ""#, Some(Severity::Medium)),
            (
                r#""User Manager\\ContainerAdministrator""#,
                Some(Severity::Medium),
            ),
            (r#""ContainerUser""#, None),
            (r#""NotContainerAdministrator""#, None),
            (r#""app""#, None),
        ] {
            let json = format!(r#"{{{WINDOWS},"containerDefinitions":[{{"user":{user}}}]}}"#);
            let answers = judge(&RULE, &json);
            let found = answers.first().map(|a| a.severity.unwrap_or(RULE.severity));
            assert_eq!(found, severity, "{user}");
            assert!(
                answers.iter().all(|a| a.outcome == Outcome::Unknown),
                "{user}"
            );
        }
    }

    #[test]
    fn it_is_asked_of_windows_alone() {
        for platform in [
            "",
            r#""runtimePlatform":{"operatingSystemFamily":"LINUX"},"#,
            r#""requiresCompatibilities":["FARGATE"],"#,
        ] {
            let json = format!(r#"{{{platform}"containerDefinitions":[{{}}]}}"#);
            assert_eq!(judge(&RULE, &json), [], "{platform}");
        }
        let constraint = r#"{"placementConstraints":[{"expression":"attribute:ecs.os-type == windows"}],"containerDefinitions":[{}]}"#;
        assert_eq!(judge(&RULE, constraint).len(), 1);
    }

    #[test]
    fn what_cannot_be_known_is_not_passed() {
        let json = format!(r#"{{{WINDOWS},"containerDefinitions":[{{"user":"app"}}]}}"#);
        let answers = judge_after(&RULE, &json, |d| {
            d.container_definitions[0].user = Field::Unknown(String::new());
        });
        assert_eq!(answers[0].outcome, Outcome::Unknown);
        for (user, count) in [("ContainerAdministrator", 1), ("app", 0)] {
            let json = format!(r#"{{"containerDefinitions":[{{"user":"{user}"}}]}}"#);
            let answers = judge_after(&RULE, &json, |d| {
                d.runtime_platform = Field::Unknown(String::new());
            });
            assert_eq!(answers.len(), count, "{user}");
        }
    }
}
