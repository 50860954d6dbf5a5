use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{
    Severity,
    facts::{PlacedContainer, TaskDefinition},
    field::Field,
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "missing-log-configuration",
    summary: "the output of a container is not kept anywhere",
    severity: Severity::Medium,
    applies: Applies::EVERYWHERE,
    help: "set `logConfiguration` with a `logDriver`, for example `awslogs` with `awslogs-group`, `awslogs-region` and `awslogs-stream-prefix`",
    references: References {
        guidance: "collect the logs of every container",
        aws_config: &["ECS_TASK_DEFINITION_LOG_CONFIGURATION"],
        security_hub: &["ECS.9"],
        control_tower: &["CT.ECS.PR.5"],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    definition
        .containers()
        .filter_map(|container| Some(judge(&container)?.in_container(&container)))
        .collect()
}

fn judge(container: &PlacedContainer<'_>) -> Option<Answer> {
    let pointer = container.pointer("logConfiguration");
    let name = quoted(&container.label());
    let unreadable = |pointer, reason: &str| {
        let what = format!("where the logs of container {name} go");
        Answer::unreadable(pointer, &what, reason)
    };
    let answer = match &container.log_configuration {
        Field::Known(log) => match &log.log_driver {
            Field::Known(driver) if !driver.trim().is_empty() => return None,
            Field::Unknown(reason) => unreadable(format!("{pointer}/logDriver"), reason),
            Field::Known(_) | Field::Absent => Answer::fail(
                pointer,
                format!("container {name} names no `logDriver` in its `logConfiguration`"),
            ),
        },
        Field::Unknown(reason) => unreadable(pointer, reason),
        Field::Absent => Answer::fail(
            pointer,
            format!(
                "container {name} has no `logConfiguration`: what it writes is lost with its host"
            ),
        ),
    };
    if container.firelens_configuration.known().is_none() {
        return Some(answer);
    }
    // The others' logs are what it is there for; its own are about itself alone.
    Some(
        answer
            .severity(Severity::Low)
            .help("give the log router `awslogs`, so that why it failed can be read when it did; it cannot be its own driver"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests::judge;

    #[test]
    fn a_driver_is_what_counts() {
        let severity = |container: &str| -> Vec<Option<Severity>> {
            let json = format!(r#"{{"containerDefinitions":[{container}]}}"#);
            judge(&RULE, &json)
                .into_iter()
                .map(|a| a.severity)
                .collect()
        };
        assert_eq!(severity("{}"), [None]);
        assert_eq!(severity(r#"{"logConfiguration":null}"#), [None]);
        assert_eq!(severity(r#"{"logConfiguration":{}}"#), [None]);
        assert_eq!(severity(r#"{"logConfiguration":{"logDriver":""}}"#), [None]);
        assert_eq!(
            severity(r#"{"logConfiguration":{"logDriver":"awsfirelens"}}"#),
            []
        );
        assert_eq!(
            severity(r#"{"firelensConfiguration":{"type":"fluentbit"}}"#),
            [Some(Severity::Low)]
        );
    }
}
