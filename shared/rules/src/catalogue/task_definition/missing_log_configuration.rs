use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    each::{Judged, containers, log_router, read},
};
use crate::{
    Severity,
    facts::{PlacedContainer, TaskDefinition},
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
    containers(definition, what, |container| {
        // The others' logs are what it is there for; its own are about itself alone.
        let help = "give the log router `awslogs`, so that why it failed can be read when it did; it cannot be its own driver";
        log_router(container, judge(container), what, help)
    })
}

fn what(container: &str) -> String {
    format!("where the logs of {container} go")
}

fn judge<'a>(container: &'a PlacedContainer<'_>) -> Judged<'a> {
    let member = "logConfiguration";
    let message = match read(member, &container.log_configuration)? {
        Some(log) => match read("logConfiguration/logDriver", &log.log_driver)? {
            Some(driver) if !driver.trim().is_empty() => return Ok(None),
            _ => "names no `logDriver` in its `logConfiguration`",
        },
        None => "has no `logConfiguration`: what it writes is lost with its host",
    };
    Ok(Some(container.fails(member, message)))
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
