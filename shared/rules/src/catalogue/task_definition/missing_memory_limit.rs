use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    each::{Hidden, Judged, containers},
};
use crate::{
    Severity,
    facts::{LaunchType, PlacedContainer, Scalar, TaskDefinition},
    field::Field,
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
    let of_task = OfTask::of(definition);
    let what = |container: &str| format!("the memory limit of {container}");
    containers(definition, what, |container| judge(container, &of_task))
}

/// What the memory of the task says about its containers.
enum OfTask<'a> {
    /// It limits them.
    Limits,
    /// It may limit them, which cannot be known for this reason.
    Perhaps(&'a str),
    /// Windows ignores it.
    Ignored,
    /// There is none.
    None,
}

impl<'a> OfTask<'a> {
    fn of(definition: &'a TaskDefinition) -> Self {
        let says_one = match &definition.memory {
            Field::Known(memory) => memory.is_positive(),
            Field::Unknown(_) => true,
            Field::Absent => false,
        };
        if !says_one {
            return Self::None;
        }
        if definition.is_windows() {
            return Self::Ignored;
        }
        let doubt = definition.unknown_system().or(definition.memory.unknown());
        doubt.map_or(Self::Limits, Self::Perhaps)
    }
}

fn judge<'a>(container: &'a PlacedContainer<'_>, of_task: &OfTask<'a>) -> Judged<'a> {
    let is_limited = container.memory.known().is_some_and(Scalar::is_positive);
    let own = container.memory.unknown();
    let message = match of_task {
        OfTask::Limits => return Ok(None),
        _ if is_limited => return Ok(None),
        OfTask::Perhaps(reason) => return Err(Hidden::new("memory", own.unwrap_or(reason))),
        OfTask::Ignored => "has no memory limit: Windows ignores the `memory` of the task",
        OfTask::None
            if container
                .memory_reservation
                .known()
                .is_some_and(Scalar::is_positive) =>
        {
            "has no memory limit: `memoryReservation` is kept free for it and does not hold it back"
        }
        OfTask::None => "has no memory limit, and its task has none",
    };
    match own {
        Some(reason) => Err(Hidden::new("memory", reason)),
        None => Ok(Some(container.fails("memory", message))),
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
    fn a_reservation_is_no_limit_and_the_message_says_so() {
        for (container, reserves) in [
            (r#""memoryReservation":256"#, true),
            (r#""memoryReservation":0"#, false),
            ("", false),
        ] {
            let json = format!(r#"{{"containerDefinitions":[{{{container}}}]}}"#);
            let message = &judge(&RULE, &json)[0].message;
            assert_eq!(
                message.contains("memoryReservation"),
                reserves,
                "{container}"
            );
        }
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
