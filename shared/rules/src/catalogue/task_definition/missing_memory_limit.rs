use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{
    Severity,
    facts::{LaunchType, PlacedContainer, Scalar, TaskDefinition},
    field::Field,
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "missing-memory-limit",
    summary: "a container may take all the memory of its host",
    severity: Severity::Medium,
    applies: Applies {
        launch_types: &[
            LaunchType::Ec2,
            LaunchType::External,
            LaunchType::ManagedInstances,
        ],
        windows: true,
        ..Applies::EVERYWHERE
    },
    help: "set `memory` of the container in MiB, or of the task for all its containers together; `memoryReservation` is no limit",
    references: References {
        guidance: "limit what a container can take of its host",
        aws_config: &["ECS_TASK_DEFINITION_MEMORY_HARD_LIMIT"],
        security_hub: &[],
        control_tower: &["CT.ECS.PR.7"],
        cis_docker: &["5.10"],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    definition
        .containers()
        .filter_map(|container| Some(judge(definition, &container)?.in_container(&container)))
        .collect()
}

fn judge(definition: &TaskDefinition, container: &PlacedContainer<'_>) -> Option<Answer> {
    let pointer = container.pointer("memory");
    let name = quoted(&container.label());
    let what = format!("the memory limit of container {name}");
    let own = match &container.memory {
        Field::Known(memory) if memory.is_positive() => return None,
        Field::Unknown(reason) => Some(reason),
        Field::Known(_) | Field::Absent => None,
    };
    let of_task = match &definition.memory {
        Field::Known(memory) => memory.is_positive(),
        Field::Unknown(_) => true,
        Field::Absent => false,
    };
    let on_windows = definition.is_windows();
    // Windows ignores what the task says.
    let doubt = if !of_task || on_windows {
        None
    } else {
        definition.unknown_system().or(definition.memory.unknown())
    };
    match own.map(String::as_str).or(doubt) {
        _ if of_task && !on_windows && doubt.is_none() => None,
        Some(reason) => Some(Answer::unreadable(pointer, &what, reason)),
        None => Some(Answer::fail(
            pointer,
            if of_task {
                format!(
                    "container {name} has no memory limit: Windows ignores the `memory` of the task"
                )
            } else if container
                .memory_reservation
                .known()
                .is_some_and(Scalar::is_positive)
            {
                format!(
                    "container {name} has no memory limit: `memoryReservation` is kept free for it and does not hold it back"
                )
            } else {
                format!("container {name} has no memory limit, and its task has none")
            },
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::tests::{judge, judge_after},
        decide::Outcome,
        facts::RuntimePlatform,
    };

    const WINDOWS: &str =
        r#","runtimePlatform":{"operatingSystemFamily":"WINDOWS_SERVER_2022_CORE"}"#;

    fn fails(container: &str, rest: &str) -> bool {
        let json = format!(r#"{{"containerDefinitions":[{{{container}}}]{rest}}}"#);
        !judge(&RULE, &json).is_empty()
    }

    #[test]
    fn a_limit_of_the_container_or_of_the_task_is_enough() {
        for (container, rest, failing) in [
            ("", "", true),
            (r#""memory":null"#, "", true),
            (r#""memory":0"#, "", true),
            (r#""memory":"0""#, "", true),
            (r#""memoryReservation":256"#, "", true),
            (r#""memory":512"#, "", false),
            (r#""memory":"512""#, "", false),
            ("", r#","memory":"512""#, false),
            ("", r#","memory":512"#, false),
            ("", r#","memory":"1GB""#, false),
            ("", r#","memory":"1 GB""#, false),
            ("", r#","memory":"0""#, true),
            ("", r#","memory":"""#, true),
            ("", r#","memory":null"#, true),
            ("", r#","requiresCompatibilities":["EXTERNAL"]"#, true),
            (
                "",
                r#","requiresCompatibilities":["MANAGED_INSTANCES"]"#,
                true,
            ),
            (
                "",
                r#","requiresCompatibilities":["MANAGED_INSTANCES"],"memory":"2048""#,
                false,
            ),
            // Fargate refuses a task without a limit.
            ("", r#","requiresCompatibilities":["FARGATE"]"#, false),
            (
                "",
                r#","requiresCompatibilities":["FARGATE"],"compatibilities":["EC2","FARGATE"],"memory":"2048""#,
                false,
            ),
        ] {
            assert_eq!(fails(container, rest), failing, "{container} {rest}");
        }
        assert!(fails("", &format!(r#","memory":"512"{WINDOWS}"#)));
        assert!(fails("", WINDOWS));
        assert!(!fails(r#""memory":512"#, WINDOWS));
    }

    #[test]
    fn what_cannot_be_known_is_not_passed() {
        let own: fn(&mut TaskDefinition) =
            |d| d.container_definitions[0].memory = Field::Unknown("own".to_owned());
        let task: fn(&mut TaskDefinition) = |d| d.memory = Field::Unknown("task".to_owned());
        let system: fn(&mut TaskDefinition) = |d| {
            d.runtime_platform = Field::Known(RuntimePlatform {
                operating_system_family: Field::Unknown("system".to_owned()),
            });
        };
        let platform: fn(&mut TaskDefinition) =
            |d| d.runtime_platform = Field::Unknown("platform".to_owned());
        let windows = format!(r#"{{"memory":"512","containerDefinitions":[{{}}]{WINDOWS}}}"#);
        let bare = r#"{"containerDefinitions":[{}]}"#;
        let limited = r#"{"memory":"512","containerDefinitions":[{}]}"#;
        let both = r#"{"memory":"512","containerDefinitions":[{"memory":256}]}"#;
        for (json, change, outcome) in [
            (bare, own, Some(Outcome::Unknown)),
            (bare, task, Some(Outcome::Unknown)),
            (bare, system, Some(Outcome::Fail)),
            (limited, own, None),
            (limited, system, Some(Outcome::Unknown)),
            (limited, platform, Some(Outcome::Unknown)),
            (both, task, None),
            (both, system, None),
            (&windows, own, Some(Outcome::Unknown)),
            (&windows, task, Some(Outcome::Fail)),
        ] {
            let answers = judge_after(&RULE, json, change);
            assert_eq!(answers.first().map(|a| a.outcome), outcome, "{json}");
        }
    }
}
