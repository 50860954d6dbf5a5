use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    each::{Hidden, containers},
};
use crate::{
    Severity,
    facts::{LaunchType, Scalar, TaskDefinition},
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "missing-cpu-limit",
    summary: "neither a container nor its task says how much processor it gets",
    severity: Severity::Low,
    // On Windows the value is a quota, and none is one per cent of a processor.
    applies: Applies {
        launch_types: &[LaunchType::Ec2, LaunchType::External],
        windows: false,
        ..Applies::EVERYWHERE
    },
    help: "set `cpu` of the task, which is a limit, or of the container, which is its share when the processor is busy; 1024 is one processor",
    references: References {
        guidance: "limit what a container can take of its host",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["5.11"],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    if definition.cpu.known().is_some_and(Scalar::is_positive) {
        return Vec::new();
    }
    let what = |container: &str| format!("how much processor {container} gets");
    containers(definition, what, |container| {
        if container.cpu.known().is_some_and(Scalar::is_positive) {
            return Ok(None);
        }
        if let Some(reason) = container.cpu.unknown().or(definition.cpu.unknown()) {
            return Err(Hidden::new("cpu", reason));
        }
        let message = "sets no `cpu`, and its task sets none: it may take the whole processor, and gets next to nothing when others do";
        Ok(Some(container.fails("cpu", message)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::tests::{judge, judge_after},
        decide::Outcome,
        field::Field,
    };

    #[test]
    fn a_value_of_the_container_or_of_the_task_is_enough() {
        for (container, rest, failing) in [
            ("", "", true),
            (r#""cpu":null"#, "", true),
            (r#""cpu":0"#, "", true),
            (r#""cpu":"0""#, "", true),
            (r#""cpu":256"#, "", false),
            ("", r#","cpu":"256""#, false),
            ("", r#","cpu":"1 vCPU""#, false),
            ("", r#","cpu":".5 vCPU""#, false),
            (r#""cpu":0"#, r#","cpu":"256""#, false),
            ("", r#","cpu":"0""#, true),
            ("", r#","cpu":"""#, true),
            ("", r#","requiresCompatibilities":["EXTERNAL"]"#, true),
            ("", r#","requiresCompatibilities":["FARGATE"]"#, false),
            (
                "",
                r#","requiresCompatibilities":["MANAGED_INSTANCES"]"#,
                false,
            ),
            (
                "",
                r#","runtimePlatform":{"operatingSystemFamily":"WINDOWS_SERVER_2022_CORE"}"#,
                false,
            ),
        ] {
            let json = format!(r#"{{"containerDefinitions":[{{{container}}}]{rest}}}"#);
            assert_eq!(!judge(&RULE, &json).is_empty(), failing, "{json}");
        }
    }

    #[test]
    fn what_cannot_be_known_is_not_passed() {
        let own: fn(&mut TaskDefinition) =
            |d| d.container_definitions[0].cpu = Field::Unknown(String::new());
        let task: fn(&mut TaskDefinition) = |d| d.cpu = Field::Unknown(String::new());
        for (json, change, outcome) in [
            (
                r#"{"containerDefinitions":[{}]}"#,
                own,
                Some(Outcome::Unknown),
            ),
            (
                r#"{"containerDefinitions":[{}]}"#,
                task,
                Some(Outcome::Unknown),
            ),
            (r#"{"cpu":"256","containerDefinitions":[{}]}"#, own, None),
            (r#"{"containerDefinitions":[{"cpu":256}]}"#, task, None),
        ] {
            let answers = judge_after(&RULE, json, change);
            assert_eq!(answers.first().map(|a| a.outcome), outcome, "{json}");
        }
    }
}
