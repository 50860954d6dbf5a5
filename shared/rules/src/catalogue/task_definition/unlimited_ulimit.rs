use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    each::{Element, Judged, elements, read},
};
use crate::{
    Severity,
    facts::{LaunchType, TaskDefinition, Ulimit},
    field::Field,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "unlimited-ulimit",
    summary: "a container lifts a limit on processes, core dumps, locked memory or open files",
    severity: Severity::Low,
    // A task on Fargate has a machine to itself, and Fargate sets `nofile` as it likes.
    applies: Applies {
        launch_types: &[
            LaunchType::Ec2,
            LaunchType::External,
            LaunchType::ManagedInstances,
        ],
        ..Applies::EVERYWHERE
    },
    help: "set `hardLimit` to what the process needs, for example 65535 for `nofile` and 0 for `core`, or remove the entry",
    references: References {
        guidance: "limit what a container can take of its host",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["5.18"],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

/// More open files than the kernel grants a process unless it is told to.
const MOST_FILES: i64 = 1_048_576;

/// The limits that are worth having.
const JUDGED: &[&str] = &["nproc", "core", "memlock", "nofile"];

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    elements(
        definition,
        "ulimits",
        |container| format!("the limits of {container}"),
        |container| read("ulimits", &container.ulimits),
        judge,
    )
}

fn judge<'a>(element: Element<'a>, ulimit: &'a Ulimit) -> Judged<'a> {
    let (name, unknown_name) = match &ulimit.name {
        Field::Known(name) => (name.trim(), None),
        // Judged as if it were the one for which least is too much.
        Field::Unknown(reason) => ("nproc", Some(reason)),
        Field::Absent => return Ok(None),
    };
    let mut judged = JUDGED.iter().copied();
    let Some(name) = judged.find(|judged| name.eq_ignore_ascii_case(judged)) else {
        return Ok(None);
    };
    let is_too_much = |limit: i64| {
        limit < 0 || (name == "nofile" || unknown_name.is_some()) && limit > MOST_FILES
    };
    // A process may raise the soft limit to the hard one, so either of them is enough.
    let limits = [
        ("hardLimit", &ulimit.hard_limit),
        ("softLimit", &ulimit.soft_limit),
    ];
    for (member, limit) in limits {
        if let Field::Known(limit) = limit
            && is_too_much(*limit)
        {
            if let Some(reason) = unknown_name {
                return Err(element.hidden("name", reason));
            }
            let message = if limit.is_negative() {
                format!("has no limit on `{name}`")
            } else {
                format!("may have {limit} of `{name}`")
            };
            return Ok(Some(element.fails(member, &message)));
        }
    }
    for (member, limit) in limits {
        element.read(member, limit)?;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::tests::{judge, judge_after},
        decide::Outcome,
    };

    fn found(name: &str, soft: i64, hard: i64, rest: &str) -> Vec<String> {
        let json = format!(
            r#"{{"containerDefinitions":[{{"ulimits":[{{"name":"{name}","softLimit":{soft},"hardLimit":{hard}}}]}}]{rest}}}"#
        );
        judge(&RULE, &json).into_iter().map(|a| a.pointer).collect()
    }

    #[test]
    fn what_has_no_end_is_found() {
        let (soft, hard) = (
            "/containerDefinitions/0/ulimits/0/softLimit",
            "/containerDefinitions/0/ulimits/0/hardLimit",
        );
        for (name, soft_limit, hard_limit, expected) in [
            ("nproc", -1, -1, Some(hard)),
            ("NPROC", 1, -1, Some(hard)),
            ("nproc", -1, 1, Some(soft)),
            ("core", 0, -1, Some(hard)),
            ("memlock", -1, -1, Some(hard)),
            ("nofile", -1, -1, Some(hard)),
            ("nofile", 1024, 1_048_577, Some(hard)),
            ("nofile", 1024, i64::MAX, Some(hard)),
            ("nofile", 65_535, 1_048_576, None),
            ("nofile", 65_535, 65_535, None),
            ("nproc", 1024, 4_000_000, None),
            ("core", 0, 0, None),
            ("stack", -1, -1, None),
            ("cpu", -1, -1, None),
            ("", -1, -1, None),
        ] {
            let found = found(name, soft_limit, hard_limit, "");
            assert_eq!(
                found.first().map(String::as_str),
                expected,
                "{name} {soft_limit} {hard_limit}"
            );
        }
    }

    #[test]
    fn a_task_on_fargate_alone_takes_from_nobody() {
        for (rest, count) in [
            (r#","requiresCompatibilities":["FARGATE"]"#, 0),
            (r#","requiresCompatibilities":["FARGATE","EC2"]"#, 1),
            (r#","requiresCompatibilities":["EXTERNAL"]"#, 1),
            (r#","requiresCompatibilities":["MANAGED_INSTANCES"]"#, 1),
        ] {
            assert_eq!(found("nofile", -1, -1, rest).len(), count, "{rest}");
        }
    }

    #[test]
    fn what_cannot_be_known_is_not_passed() {
        let ulimit = |name: Field<String>, hard_limit: Field<i64>| {
            judge_after(&RULE, r#"{"containerDefinitions":[{}]}"#, |d| {
                d.container_definitions[0].ulimits = Field::Known(vec![Ulimit {
                    name,
                    soft_limit: Field::Known(1),
                    hard_limit,
                }]);
            })
        };
        let known = |name: &str| Field::Known(name.to_owned());
        let unknown = || Field::Unknown(String::new());
        for answers in [
            ulimit(unknown(), Field::Known(-1)),
            ulimit(unknown(), Field::Known(2_000_000)),
            ulimit(unknown(), Field::Unknown(String::new())),
            ulimit(known("nofile"), Field::Unknown(String::new())),
            judge_after(&RULE, r#"{"containerDefinitions":[{}]}"#, |d| {
                d.container_definitions[0].ulimits = Field::Unknown(String::new());
            }),
        ] {
            assert_eq!(answers.len(), 1);
            assert_eq!(answers[0].outcome, Outcome::Unknown);
        }
        // Whatever it is, it has an end, or is of no interest.
        assert_eq!(ulimit(unknown(), Field::Known(1024)), []);
        assert_eq!(ulimit(known("stack"), Field::Unknown(String::new())), []);
    }
}
